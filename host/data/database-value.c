/* SPDX-License-Identifier: Apache-2.0 */
/* database-value: values checked alike for both databases, and the memory of a transaction.
 *
 * What one database would refuse and the other take is refused here, so that a
 * plugin that works on SQLite works on PostgreSQL.
 */
#include "database-driver.h"

#include <math.h>
#include <string.h>

#define BLOCK_SIZE 8192
/* years 1 to 9999, which both databases and RFC 3339 can say */
#define TIME_MIN G_GINT64_CONSTANT (-62135596800000000)
#define TIME_MAX G_GINT64_CONSTANT (253402300799999999)

gpointer
database_arena_alloc (DatabaseArena *arena, gsize size)
{
  char *ret;

  size = (size + 7) & ~(gsize)7;
  if (arena->blocks == NULL)
    arena->blocks = g_ptr_array_new_with_free_func (g_free);
  if (size > BLOCK_SIZE / 2) {
    ret = g_malloc (size);
    /* in front of the block in use, which stays the last */
    g_ptr_array_insert (arena->blocks, 0, ret);
    return ret;
  }
  if (size > arena->left) {
    arena->at = g_malloc (BLOCK_SIZE);
    arena->left = BLOCK_SIZE;
    g_ptr_array_add (arena->blocks, arena->at);
  }
  ret = arena->at;
  arena->at += size;
  arena->left -= size;
  return ret;
}

char *
database_arena_text (DatabaseArena *arena, const char *text, gsize length)
{
  char *ret = database_arena_alloc (arena, length + 1);

  memcpy (ret, text, length);
  ret[length] = '\0';
  return ret;
}

char *
database_arena_hex (DatabaseArena *arena, gconstpointer bytes, gsize length)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *from = bytes;
  char *ret = database_arena_alloc (arena, length * 2 + 1);

  for (gsize i = 0; i < length; i++) {
    ret[2 * i] = digits[from[i] >> 4];
    ret[2 * i + 1] = digits[from[i] & 15];
  }
  ret[2 * length] = '\0';
  return ret;
}

void
database_arena_clear (DatabaseArena *arena)
{
  if (arena->at == NULL)
    /* only large blocks, if any */
    g_clear_pointer (&arena->blocks, g_ptr_array_unref);
  if (arena->blocks == NULL)
    return;
  g_ptr_array_remove_range (arena->blocks, 0, arena->blocks->len - 1);
  arena->at = g_ptr_array_index (arena->blocks, 0);
  arena->left = BLOCK_SIZE;
}

void
database_arena_free (DatabaseArena *arena)
{
  g_clear_pointer (&arena->blocks, g_ptr_array_unref);
  arena->at = NULL;
  arena->left = 0;
}

void
database_fault_set (DatabaseFault *fault,
                    DatabaseFaultKind kind,
                    const char *code,
                    const char *message,
                    const char *sql)
{
  if (fault->kind != DATABASE_FAULT_NONE)
    return;
  fault->kind = kind;
  g_strlcpy (fault->code, code != NULL ? code : "", sizeof fault->code);
  fault->message = g_strchomp (g_strdup (message != NULL ? message : ""));
  fault->sql = g_strdup (sql);
}

void
database_fault_clear (DatabaseFault *fault)
{
  g_clear_pointer (&fault->message, g_free);
  g_clear_pointer (&fault->sql, g_free);
  fault->code[0] = '\0';
  fault->kind = DATABASE_FAULT_NONE;
}

/* jsonb cannot hold U+0000, SQLite's text would */
static gboolean
database_json_has_nul (const char *json)
{
  for (const char *at = strchr (json, '\\'); at != NULL && at[1] != '\0';
       at = strchr (at + 2, '\\')) {
    if (g_str_has_prefix (at + 1, "u0000"))
      return TRUE;
  }
  return FALSE;
}

static const char *
database_value_check (DatabaseArena *arena, const DaeValue *value, DaeValue *ret)
{
  *ret = *value;
  switch ((DaeValueType)value->type) {
  case DAE_VALUE_NULL:
  case DAE_VALUE_INT:
    return NULL;
  case DAE_VALUE_BOOL:
    ret->number = value->number != 0;
    return NULL;
  case DAE_VALUE_TIME:
    return value->number < TIME_MIN || value->number > TIME_MAX ? "is not a time" : NULL;
  case DAE_VALUE_REAL:
    return isfinite (value->real) ? NULL : "is not a finite number";
  case DAE_VALUE_BYTES:
    return NULL;
  case DAE_VALUE_UUID:
    if (value->text == NULL)
      return NULL;
    if (!g_uuid_string_is_valid (value->text))
      return "is not a UUID";
    ret->text = database_arena_text (arena, value->text, strlen (value->text));
    for (char *at = (char *)ret->text; *at != '\0'; at++)
      *at = g_ascii_tolower (*at);
    return NULL;
  case DAE_VALUE_JSON:
    if (value->text != NULL && database_json_has_nul (value->text))
      return "holds U+0000";
    return value->text == NULL || g_utf8_validate (value->text, -1, NULL) ? NULL : "is not UTF-8";
  case DAE_VALUE_TEXT:
    return value->text == NULL || g_utf8_validate (value->text, -1, NULL) ? NULL : "is not UTF-8";
  }
  return "has no known type";
}

const char *
database_values_check (DatabaseArena *arena,
                       const DaeValue *values,
                       guint n_values,
                       const DaeValue **ret,
                       guint *ret_index)
{
  DaeValue *checked = database_arena_alloc (arena, sizeof (DaeValue) * MAX (n_values, 1));

  for (guint i = 0; i < n_values; i++) {
    const char *why = database_value_check (arena, &values[i], &checked[i]);

    if (why != NULL) {
      *ret_index = i;
      return why;
    }
  }
  *ret = checked;
  return NULL;
}

/* blanks and comments */
static const char *
database_statement_start (const char *sql)
{
  for (;;) {
    while (g_ascii_isspace (*sql) || *sql == ';')
      sql++;
    if (g_str_has_prefix (sql, "--")) {
      sql += strcspn (sql, "\n");
    } else if (g_str_has_prefix (sql, "/*")) {
      const char *end = strstr (sql + 2, "*/");

      sql = end != NULL ? end + 2 : sql + strlen (sql);
    } else {
      return sql;
    }
  }
}

const char *
database_statement_refused (const char *sql)
{
  /* the host's own business, or the connection's state beyond the transaction */
  static const char *const words[] = {
    "ABORT", "ATTACH",   "BEGIN",     "COMMIT", "DEALLOCATE", "DETACH",   "DISCARD",
    "END",   "EXECUTE",  "LISTEN",    "NOTIFY", "PRAGMA",     "PREPARE",  "RELEASE",
    "RESET", "ROLLBACK", "SAVEPOINT", "SET",    "START",      "UNLISTEN", "VACUUM",
  };

  sql = database_statement_start (sql);
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++) {
    gsize length = strlen (words[i]);

    if (g_ascii_strncasecmp (sql, words[i], length) == 0 && !g_ascii_isalnum (sql[length]) &&
        sql[length] != '_')
      return words[i];
  }
  return NULL;
}
