/* SPDX-License-Identifier: Apache-2.0 */
/* members: all faults of a body or query at once, each with its pointer. */
#include "members.h"

#include <string.h>

#include "json-check.h"
#include "json-read.h"
#include "value.h"

#define MEMBERS_MAX_FAULTS  50
#define MEMBERS_MAX_ITEM    200
#define MEMBERS_MAX_POINTER 200

/* What one value is held against, and where it stands. */
typedef struct {
  Arena *arena;
  GPtrArray *faults;
  const DaeMember *row;
  const char *pointer;
} MemberCheck;

static void
members_fault (MemberCheck *check, const char *detail)
{
  if (check->faults->len >= 2 * MEMBERS_MAX_FAULTS)
    return;
  g_ptr_array_add (check->faults, (gpointer)check->pointer);
  g_ptr_array_add (check->faults, (gpointer)detail);
}

/* "/" and NAME as RFC 6901 writes it, cut where a peer's name is very long. */
static const char *
members_pointer (Arena *arena, const char *name)
{
  g_autoptr (GString) pointer = g_string_new ("/");

  for (const char *p = name; *p && pointer->len < MEMBERS_MAX_POINTER; p = g_utf8_next_char (p)) {
    if (*p == '~')
      g_string_append (pointer, "~0");
    else if (*p == '/')
      g_string_append (pointer, "~1");
    else
      g_string_append_len (pointer, p, g_utf8_next_char (p) - p);
  }
  return arena_strndup (arena, pointer->str, pointer->len);
}

static gboolean
members_has_range (const DaeMember *row)
{
  return row->min != 0 || row->max != 0;
}

/* "at least 1", "at most 5" or "1 to 5", whichever is true of ROW. */
static const char *
members_range (MemberCheck *check, const char *before, const char *after)
{
  const DaeMember *row = check->row;

  if (row->max < row->min)
    return arena_printf (check->arena, "%s at least %" G_GINT64_FORMAT "%s", before, row->min,
                         after);
  return arena_printf (check->arena, "%s %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s", before,
                       row->min, row->max, after);
}

static gboolean
members_in_range (const DaeMember *row, gint64 n)
{
  /* a max below min is no upper bound: { .min = 1 } */
  return !members_has_range (row) || (n >= row->min && (n <= row->max || row->max < row->min));
}

static void
members_check_text (MemberCheck *check, const char *text, gsize length, MemberValue *value)
{
  const DaeMember *row = check->row;
  const char *why = value_check_characters (text, length, (row->flags & DAE_MEMBER_MULTILINE) != 0);

  if (why)
    members_fault (check, why);
  else if (row->min > 0 && value_is_blank (text, length))
    members_fault (check, "must not be empty");
  else if (!members_in_range (row, g_utf8_strlen (text, (gssize)length)))
    members_fault (check, members_range (check, "must have", " characters"));
  value->text = text;
}

static void
members_check_choice (MemberCheck *check, const char *text, gsize length)
{
  const char *choices = check->row->choices;
  GString *list;

  if (value_is_choice (text, length, choices))
    return;
  list = g_string_new ("must be one of ");
  for (const char *p = choices ? choices : ""; *p; p++) {
    if (*p == '|')
      g_string_append (list, ", ");
    else
      g_string_append_c (list, *p);
  }
  members_fault (check, arena_strndup (check->arena, list->str, list->len));
  g_string_free (list, TRUE);
}

static const char *
members_lower (Arena *arena, const char *text, gsize length)
{
  char *copy = arena_strndup (arena, text, length);

  for (char *p = copy; *p; p++)
    *p = g_ascii_tolower (*p);
  return copy;
}

/* Values that are text in JSON and in a query alike. */
static void
members_check_string (MemberCheck *check, const char *text, gsize length, MemberValue *value)
{
  value->text = text;
  switch (check->row->type) {
  case DAE_MEMBER_TEXT:
    members_check_text (check, text, length, value);
    break;
  case DAE_MEMBER_UUID:
    if (!value_is_uuid (text, length))
      members_fault (check, "must be a UUID");
    else
      value->text = members_lower (check->arena, text, length);
    break;
  case DAE_MEMBER_SLUG:
    if (!value_is_slug (text, length))
      members_fault (check,
                     "must be 1 to 100 of a-z, 0-9, '.', '_' and '-', a letter or digit first");
    break;
  case DAE_MEMBER_CHOICE:
    members_check_choice (check, text, length);
    break;
  default:
    members_fault (check, "is of a type that this host does not know");
  }
}

static void
members_check_int (MemberCheck *check, const char *text, gsize length, MemberValue *value)
{
  if (length == 2 && memcmp (text, "-0", 2) == 0)
    value->number = 0;
  else if (!value_is_int (text, length, &value->number)) {
    members_fault (check, "must be an integer");
    return;
  }
  if (!members_in_range (check->row, value->number))
    members_fault (check, members_range (check, "must be", ""));
}

/* One item of a list, already text. LIST holds those before it. */
static const char *
members_check_item (
    MemberCheck *check, guint index, const char *text, gsize length, GPtrArray *list)
{
  MemberCheck item = *check;
  const char *why = NULL;

  item.pointer = arena_printf (check->arena, "%s/%u", check->pointer, index);
  if (check->row->type == DAE_MEMBER_UUID_LIST) {
    if (!value_is_uuid (text, length))
      why = "must be a UUID";
    else
      text = members_lower (check->arena, text, length);
    for (guint i = 0; !why && i < list->len; i++) {
      if (g_str_equal (list->pdata[i], text))
        why = "appears twice";
    }
  } else {
    why = value_check_characters (text, length, FALSE);
    if (!why && (length == 0 || g_utf8_strlen (text, (gssize)length) > MEMBERS_MAX_ITEM))
      why = "must have 1 to 200 characters";
    else if (!why && value_is_blank (text, length))
      why = "must not be empty";
  }
  if (why)
    members_fault (&item, why);
  return text;
}

/* Lists are bounded before their items are compared with one another. */
static gboolean
members_list_is_full (MemberCheck *check, const GPtrArray *list)
{
  const DaeMember *row = check->row;
  guint64 most = members_has_range (row) && row->max >= row->min ? (guint64)row->max : 1000;

  if (list->len < most)
    return FALSE;
  members_fault (
      check, arena_printf (check->arena, "must have at most %" G_GUINT64_FORMAT " items", most));
  return TRUE;
}

static void
members_end_list (MemberCheck *check, GPtrArray *list, MemberValue *value)
{
  gpointer *copy = arena_alloc (check->arena, (list->len + 1) * sizeof (gpointer));

  if (members_has_range (check->row) && list->len < check->row->min)
    members_fault (check,
                   arena_printf (check->arena, "must have at least %" G_GINT64_FORMAT " items",
                                 check->row->min));
  if (list->len > 0)
    memcpy (copy, list->pdata, list->len * sizeof (gpointer));
  copy[list->len] = NULL;
  value->list = (const char *const *)copy;
}

static void
members_read_list (MemberCheck *check, JsonRead *read, MemberValue *value)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  gboolean full = FALSE;

  json_read_open (read);
  for (guint i = 0; json_read_item (read); i++) {
    const char *text;
    gsize length;

    if (full || (full = members_list_is_full (check, list))) {
      json_read_skip (read, NULL);
    } else if (json_read_kind (read) != JSON_STRING) {
      MemberCheck item = *check;

      item.pointer = arena_printf (check->arena, "%s/%u", check->pointer, i);
      members_fault (&item, "must be a string");
      json_read_skip (read, NULL);
      g_ptr_array_add (list, (gpointer) "");
    } else {
      text = json_read_string (read, check->arena, &length);
      g_ptr_array_add (list, (gpointer)members_check_item (check, i, text, length, list));
    }
  }
  members_end_list (check, list, value);
}

static gboolean
members_type_fits (const DaeMember *row, JsonKind kind)
{
  switch (row->type) {
  case DAE_MEMBER_INT:
    return kind == JSON_NUMBER;
  case DAE_MEMBER_BOOL:
    return kind == JSON_TRUE || kind == JSON_FALSE;
  case DAE_MEMBER_UUID_LIST:
  case DAE_MEMBER_TEXT_LIST:
    return kind == JSON_ARRAY;
  case DAE_MEMBER_JSON:
    return TRUE;
  default:
    return kind == JSON_STRING;
  }
}

static const char *
members_type_name (const DaeMember *row)
{
  switch (row->type) {
  case DAE_MEMBER_INT:
    return "must be an integer";
  case DAE_MEMBER_BOOL:
    return "must be true or false";
  case DAE_MEMBER_UUID_LIST:
  case DAE_MEMBER_TEXT_LIST:
    return "must be an array";
  default:
    return "must be a string";
  }
}

static void
members_check_size (MemberCheck *check, gsize length)
{
  if (!members_in_range (check->row, (gint64)length))
    members_fault (check, members_range (check, "must have", " bytes"));
}

/* The value that READ stands at. */
static void
members_read_value (MemberCheck *check, JsonRead *read, MemberValue *value)
{
  JsonKind kind = json_read_kind (read);
  const char *text;
  gsize length;

  value->state = MEMBER_PRESENT;
  if (kind == JSON_NULL &&
      (check->row->type != DAE_MEMBER_JSON || check->row->flags & DAE_MEMBER_NULLABLE)) {
    value->state = MEMBER_IS_NULL;
    if (!(check->row->flags & DAE_MEMBER_NULLABLE))
      members_fault (check, "must not be null");
    json_read_skip (read, NULL);
    return;
  }
  if (!members_type_fits (check->row, kind)) {
    members_fault (check, members_type_name (check->row));
    json_read_skip (read, NULL);
    return;
  }
  switch (check->row->type) {
  case DAE_MEMBER_INT:
    text = json_read_skip (read, &length);
    members_check_int (check, text, length, value);
    break;
  case DAE_MEMBER_BOOL:
    value->number = kind == JSON_TRUE;
    json_read_skip (read, NULL);
    break;
  case DAE_MEMBER_UUID_LIST:
  case DAE_MEMBER_TEXT_LIST:
    members_read_list (check, read, value);
    break;
  case DAE_MEMBER_JSON:
    text = json_read_skip (read, &length);
    members_check_size (check, length);
    value->text = arena_strndup (check->arena, text, length);
    break;
  default:
    text = json_read_string (read, check->arena, &length);
    members_check_string (check, text, length, value);
  }
}

static int
members_index (const DaeMember *rows, guint n_rows, const char *name)
{
  for (guint i = 0; i < n_rows; i++) {
    if (g_str_equal (rows[i].name, name))
      return (int)i;
  }
  return -1;
}

static void
members_check_required (MemberCheck *check,
                        const DaeMember *rows,
                        guint n_rows,
                        const MemberValue *values,
                        gboolean query)
{
  for (guint i = 0; i < n_rows; i++) {
    if (values[i].state != MEMBER_ABSENT || !(rows[i].flags & DAE_MEMBER_REQUIRED))
      continue;
    check->row = &rows[i];
    check->pointer = query ? arena_printf (check->arena, "?%s", rows[i].name)
                           : members_pointer (check->arena, rows[i].name);
    members_fault (check, "is missing");
  }
}

void
members_check_body (Arena *arena,
                    const char *text,
                    const DaeMember *rows,
                    guint n_rows,
                    MemberValue *values,
                    GPtrArray *faults)
{
  MemberCheck check = { .arena = arena, .faults = faults, .pointer = "" };
  const char *name;
  JsonRead read;

  memset (values, 0, n_rows * sizeof *values);
  json_read_init (&read, text);
  if (json_read_kind (&read) != JSON_OBJECT) {
    members_fault (&check, "must be an object");
    return;
  }
  json_read_open (&read);
  while (json_read_key (&read, arena, &name)) {
    int index = members_index (rows, n_rows, name);

    if (index < 0) {
      check.pointer = members_pointer (arena, name);
      members_fault (&check, "is not a known member");
      json_read_skip (&read, NULL);
      continue;
    }
    check.row = &rows[index];
    check.pointer = members_pointer (arena, name);
    members_read_value (&check, &read, &values[index]);
  }
  members_check_required (&check, rows, n_rows, values, FALSE);
}

/* A list in a query is one value with commas; an empty one has no items. */
static void
members_query_list (MemberCheck *check, const char *text, MemberValue *value)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();

  for (guint i = 0; text && *text; i++) {
    const char *comma = strchr (text, ',');
    gsize length = comma ? (gsize)(comma - text) : strlen (text);
    const char *item = arena_strndup (check->arena, text, length);

    if (members_list_is_full (check, list))
      break;
    g_ptr_array_add (list, (gpointer)members_check_item (check, i, item, length, list));
    text = comma ? comma + 1 : NULL;
  }
  members_end_list (check, list, value);
}

static void
members_query_json (MemberCheck *check, const char *text, gsize length)
{
  if (!json_check (text, length, JSON_LIMITS_DEFAULT, NULL, NULL))
    members_fault (check, "must be JSON");
  else
    members_check_size (check, length);
}

static void
members_query_value (MemberCheck *check, const char *text, gsize length, MemberValue *value)
{
  value->state = MEMBER_PRESENT;
  value->text = text;
  switch (check->row->type) {
  case DAE_MEMBER_INT:
    members_check_int (check, text, length, value);
    break;
  case DAE_MEMBER_BOOL:
    value->number = g_str_equal (text, "true");
    if (!value->number && !g_str_equal (text, "false"))
      members_fault (check, "must be true or false");
    break;
  case DAE_MEMBER_UUID_LIST:
    value->text = members_lower (check->arena, text, length);
    members_query_list (check, value->text, value);
    break;
  case DAE_MEMBER_TEXT_LIST:
    members_query_list (check, text, value);
    break;
  case DAE_MEMBER_JSON:
    members_query_json (check, text, length);
    break;
  default:
    members_check_string (check, text, length, value);
  }
}

/* One "name=value" of LENGTH bytes. */
static void
members_query_pair (MemberCheck *check,
                    const char *pair,
                    gsize length,
                    const DaeMember *rows,
                    guint n_rows,
                    MemberValue *values)
{
  const char *equals = memchr (pair, '=', length);
  gsize n_name = equals ? (gsize)(equals - pair) : length;
  g_autoptr (GString) text = g_string_new (NULL);
  int index;

  if (!value_decode (pair, n_name, TRUE, text))
    return; /* no row has such a name */
  index = members_index (rows, n_rows, text->str);
  if (index < 0)
    return;
  check->row = &rows[index];
  check->pointer = arena_printf (check->arena, "?%s", rows[index].name);
  if (values[index].state != MEMBER_ABSENT) {
    members_fault (check, "appears twice");
    return;
  }
  values[index].state = MEMBER_PRESENT;
  if (!value_decode (equals ? equals + 1 : "", equals ? length - n_name - 1 : 0, TRUE, text))
    members_fault (check, "is not UTF-8 in percent-encoding");
  else
    members_query_value (check, arena_strndup (check->arena, text->str, text->len), text->len,
                         &values[index]);
}

void
members_check_query (Arena *arena,
                     const char *query,
                     const DaeMember *rows,
                     guint n_rows,
                     MemberValue *values,
                     GPtrArray *faults)
{
  MemberCheck check = { .arena = arena, .faults = faults, .pointer = "" };

  memset (values, 0, n_rows * sizeof *values);
  while (query) {
    const char *amp = strchr (query, '&');

    members_query_pair (&check, query, amp ? (gsize)(amp - query) : strlen (query), rows, n_rows,
                        values);
    query = amp ? amp + 1 : NULL;
  }
  members_check_required (&check, rows, n_rows, values, TRUE);
}

const MemberValue *
members_find (const DaeMember *rows, guint n_rows, const MemberValue *values, const char *name)
{
  int index = values ? members_index (rows, n_rows, name) : -1;

  return index < 0 ? NULL : &values[index];
}
