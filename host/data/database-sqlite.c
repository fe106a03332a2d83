/* SPDX-License-Identifier: Apache-2.0 */
/* database-sqlite: transactions on a SQLite connection.
 *
 * Durable (WAL, synchronous=FULL), defensive, and with the manners of the other
 * database: writers wait in a lane instead of failing, deadlines end statements,
 * read transactions cannot write.
 */
#include "database-sqlite.h"

#include <sqlite3.h>
#include <string.h>

#define STATEMENTS_MAX 500

typedef struct {
  sqlite3_stmt *stmt;
  guint n_params;
  gboolean changes; /* INSERT, UPDATE, DELETE, REPLACE: what sqlite3_changes counts */
} SqliteStatement;

/* ---- faults ------------------------------------------------------------ */

static DatabaseFaultKind
sqlite_fault_kind (int code)
{
  switch (code) {
  case SQLITE_BUSY_SNAPSHOT:
    return DATABASE_FAULT_SERIALIZATION;
  case SQLITE_CONSTRAINT_DATATYPE:
    return DATABASE_FAULT_FAILED;
  case SQLITE_IOERR_WRITE:
  case SQLITE_IOERR_SHMSIZE:
  case SQLITE_IOERR_TRUNCATE:
    return DATABASE_FAULT_FULL;
  case SQLITE_IOERR_NOMEM:
    return DATABASE_FAULT_BUSY;
  }
  switch (code & 0xff) {
  case SQLITE_CONSTRAINT:
    return DATABASE_FAULT_CONFLICT;
  case SQLITE_TOOBIG:
  case SQLITE_MISMATCH:
    return DATABASE_FAULT_INVALID;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_NOMEM:
    return DATABASE_FAULT_BUSY;
  case SQLITE_INTERRUPT:
    return DATABASE_FAULT_DEADLINE;
  case SQLITE_FULL:
    return DATABASE_FAULT_FULL;
  case SQLITE_IOERR:
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_PROTOCOL:
    return DATABASE_FAULT_STORAGE;
  default:
    return DATABASE_FAULT_FAILED;
  }
}

void
database_sqlite_fail (SqliteConnection *sqlite, const char *sql)
{
  int code = sqlite3_extended_errcode (sqlite->handle);
  DatabaseFaultKind kind = sqlite_fault_kind (code);
  g_autofree char *text = g_strdup_printf ("%d", code);

  /* what this handle believes about the file is not to be trusted any more */
  if (kind == DATABASE_FAULT_STORAGE || (code & 0xff) == SQLITE_IOERR)
    sqlite->base.is_broken = TRUE;
  database_fault_set (&sqlite->base.fault, kind, text, sqlite3_errmsg (sqlite->handle), sql);
}

static void
sqlite_fail_statement (SqliteConnection *sqlite, const char *why, const char *sql)
{
  database_fault_set (&sqlite->base.fault, DATABASE_FAULT_FAILED, NULL, why, sql);
}

/* ---- statements -------------------------------------------------------- */

void
database_sqlite_statement_free (gpointer data)
{
  SqliteStatement *statement = data;

  sqlite3_finalize (statement->stmt);
  g_free (statement);
}

/* The number of the highest parameter; 0 with the fault set where they are not $1, $2, ... */
static gboolean
sqlite_count_params (SqliteConnection *sqlite, SqliteStatement *statement, const char *sql)
{
  int n = sqlite3_bind_parameter_count (statement->stmt);

  for (int i = 1; i <= n; i++) {
    const char *name = sqlite3_bind_parameter_name (statement->stmt, i);
    gint64 number = name != NULL && name[0] == '$' ? g_ascii_strtoll (name + 1, NULL, 10) : 0;

    if (number < 1 || number > 1000) {
      sqlite_fail_statement (sqlite, "parameters are written $1, $2, ...", sql);
      return FALSE;
    }
    statement->n_params = MAX (statement->n_params, (guint)number);
  }
  return TRUE;
}

static gboolean
sqlite_has_rest (const char *rest)
{
  while (rest != NULL && (g_ascii_isspace (*rest) || *rest == ';'))
    rest++;
  return rest != NULL && *rest != '\0' && !g_str_has_prefix (rest, "--");
}

static SqliteStatement *
sqlite_prepare (SqliteConnection *sqlite, const char *sql)
{
  SqliteStatement *statement = g_hash_table_lookup (sqlite->statements, sql);
  sqlite3_stmt *stmt = NULL;
  const char *rest = NULL;

  if (statement != NULL)
    return statement;
  if (g_hash_table_size (sqlite->statements) >= STATEMENTS_MAX)
    g_hash_table_remove_all (sqlite->statements);
  if (sqlite3_prepare_v3 (sqlite->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &rest) !=
      SQLITE_OK) {
    database_sqlite_fail (sqlite, sql);
    return NULL;
  }
  statement = g_new0 (SqliteStatement, 1);
  statement->stmt = stmt;
  if (stmt == NULL || sqlite_has_rest (rest)) {
    sqlite_fail_statement (
        sqlite, stmt == NULL ? "the statement is empty" : "one statement at a time", sql);
    database_sqlite_statement_free (statement);
    return NULL;
  }
  if (!sqlite_count_params (sqlite, statement, sql)) {
    database_sqlite_statement_free (statement);
    return NULL;
  }
  /* schema changes leave the count of the statement before them */
  statement->changes = !sqlite3_stmt_readonly (stmt) && sqlite3_strnicmp (sql, "CREATE", 6) != 0 &&
                       sqlite3_strnicmp (sql, "DROP", 4) != 0 &&
                       sqlite3_strnicmp (sql, "ALTER", 5) != 0;
  g_hash_table_insert (sqlite->statements, g_strdup (sql), statement);
  return statement;
}

static int
sqlite_bind_value (sqlite3_stmt *stmt, int index, const DaeValue *value)
{
  switch ((DaeValueType)value->type) {
  case DAE_VALUE_NULL:
    return sqlite3_bind_null (stmt, index);
  case DAE_VALUE_INT:
  case DAE_VALUE_BOOL:
  case DAE_VALUE_TIME:
    return sqlite3_bind_int64 (stmt, index, value->number);
  case DAE_VALUE_REAL:
    return sqlite3_bind_double (stmt, index, value->real);
  case DAE_VALUE_BYTES:
    return sqlite3_bind_blob64 (stmt, index, value->text, value->size, SQLITE_STATIC);
  case DAE_VALUE_TEXT:
  case DAE_VALUE_UUID:
  case DAE_VALUE_JSON:
    break;
  }
  return sqlite3_bind_text64 (stmt, index, value->text,
                              value->text != NULL ? strlen (value->text) : 0, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static gboolean
sqlite_bind (SqliteConnection *sqlite, const SqliteStatement *statement, const DaeQuery *query)
{
  if (statement->n_params != query->n_values) {
    g_autofree char *why = g_strdup_printf ("%u parameters are given and %u are needed",
                                            query->n_values, statement->n_params);

    sqlite_fail_statement (sqlite, why, query->sql);
    return FALSE;
  }
  for (guint i = 0; i < query->n_values; i++) {
    char name[16];
    int index;

    g_snprintf (name, sizeof name, "$%u", i + 1);
    index = sqlite3_bind_parameter_index (statement->stmt, name);
    if (index == 0) {
      g_autofree char *why = g_strdup_printf ("parameter %s is not used", name);

      sqlite_fail_statement (sqlite, why, query->sql);
      return FALSE;
    }
    if (sqlite_bind_value (statement->stmt, index, &query->values[i]) != SQLITE_OK) {
      database_sqlite_fail (sqlite, query->sql);
      return FALSE;
    }
  }
  return TRUE;
}

static void
sqlite_take_row (sqlite3_stmt *stmt, DatabaseArena *arena, DatabaseRows *rows)
{
  if (rows->cells == NULL)
    rows->cells = g_array_new (FALSE, FALSE, sizeof (DatabaseCell));
  for (guint i = 0; i < rows->n_columns; i++) {
    DatabaseCell cell = { 0 };

    switch (sqlite3_column_type (stmt, (int)i)) {
    case SQLITE_INTEGER:
      cell.kind = DATABASE_CELL_INT;
      cell.number = sqlite3_column_int64 (stmt, (int)i);
      break;
    case SQLITE_FLOAT:
      cell.kind = DATABASE_CELL_REAL;
      cell.real = sqlite3_column_double (stmt, (int)i);
      break;
    case SQLITE_TEXT:
      cell.kind = DATABASE_CELL_TEXT;
      cell.text = database_arena_text (arena, (const char *)sqlite3_column_text (stmt, (int)i),
                                       sqlite3_column_bytes (stmt, (int)i));
      break;
    case SQLITE_BLOB:
      cell.kind = DATABASE_CELL_TEXT;
      cell.text = database_arena_hex (arena, sqlite3_column_blob (stmt, (int)i),
                                      sqlite3_column_bytes (stmt, (int)i));
      break;
    }
    g_array_append_val (rows->cells, cell);
  }
  rows->n_rows++;
}

static gboolean
sqlite_run_one (SqliteConnection *sqlite, DatabaseArena *arena, const DaeQuery *query)
{
  DatabaseRows *rows = (DatabaseRows *)query->rows;
  SqliteStatement *statement = sqlite_prepare (sqlite, query->sql);
  int step;

  if (statement == NULL)
    return FALSE;
  if (!sqlite->base.writes && !sqlite3_stmt_readonly (statement->stmt)) {
    sqlite_fail_statement (sqlite, "a read transaction cannot write", query->sql);
    return FALSE;
  }
  if (!sqlite_bind (sqlite, statement, query)) {
    sqlite3_clear_bindings (statement->stmt);
    return FALSE;
  }
  sqlite->busy_since = 0;
  step = sqlite3_step (statement->stmt);
  /* the schema may have changed, and with it the columns, when the first step prepared anew */
  rows->n_columns = (guint)sqlite3_column_count (statement->stmt);
  while (step == SQLITE_ROW) {
    sqlite_take_row (statement->stmt, arena, rows);
    step = sqlite3_step (statement->stmt);
  }
  if (step != SQLITE_DONE)
    database_sqlite_fail (sqlite, query->sql);
  else if (statement->changes)
    rows->n_changed = sqlite3_changes64 (sqlite->handle);
  sqlite3_reset (statement->stmt);
  sqlite3_clear_bindings (statement->stmt);
  return step == SQLITE_DONE;
}

/* ---- transactions ------------------------------------------------------ */

gboolean
database_sqlite_exec (SqliteConnection *sqlite, const char *sql)
{
  sqlite->busy_since = 0;
  if (sqlite3_exec (sqlite->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  database_sqlite_fail (sqlite, sql);
  return FALSE;
}

static void
sqlite_leave_lane (SqliteConnection *sqlite)
{
  if (sqlite->has_lane)
    database_lane_leave (sqlite->shared->lane);
  sqlite->has_lane = FALSE;
}

static gboolean
sqlite_enter_lane (SqliteConnection *sqlite)
{
  gint64 limit = MIN (sqlite->base.deadline, g_get_monotonic_time () + SQLITE_BUSY_US);

  sqlite->has_lane = database_lane_enter (sqlite->shared->lane, limit);
  if (!sqlite->has_lane)
    database_fault_set (&sqlite->base.fault,
                        g_get_monotonic_time () >= sqlite->base.deadline ? DATABASE_FAULT_DEADLINE
                                                                         : DATABASE_FAULT_BUSY,
                        NULL, "other writers hold the database", NULL);
  return sqlite->has_lane;
}

static gboolean
sqlite_start (SqliteConnection *sqlite)
{
  if (sqlite->base.writes && !sqlite_enter_lane (sqlite))
    return FALSE;
  /* IMMEDIATE: a reader that became a writer would fail at once where another was faster */
  if (!database_sqlite_exec (sqlite, sqlite->base.writes ? "BEGIN IMMEDIATE" : "BEGIN")) {
    sqlite_leave_lane (sqlite);
    return FALSE;
  }
  sqlite->base.begun = TRUE;
  sqlite->base.now = g_get_real_time ();
  return TRUE;
}

static void
sqlite_begin (DatabaseConnection *base)
{
}

static gboolean
sqlite_run (DatabaseConnection *base, DatabaseArena *arena, DaeQuery *queries, guint n_queries)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;

  if (!base->begun && !sqlite_start (sqlite))
    return FALSE;
  for (guint i = 0; i < n_queries; i++) {
    if (!sqlite_run_one (sqlite, arena, &queries[i]))
      return FALSE;
  }
  return TRUE;
}

void
database_sqlite_rollback (DatabaseConnection *base)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;

  /* after some errors (disk full) it has rolled back by itself */
  if (base->begun && sqlite3_get_autocommit (sqlite->handle) == 0) {
    base->deadline = G_MAXINT64;
    if (sqlite3_exec (sqlite->handle, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
      base->is_broken = TRUE;
  }
  base->begun = FALSE;
  sqlite_leave_lane (sqlite);
}

static gboolean
sqlite_commit (DatabaseConnection *base)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;
  gboolean committed;

  if (!base->begun)
    return TRUE;
  base->deadline = G_MAXINT64;
  committed = database_sqlite_exec (sqlite, "COMMIT");
  if (!committed && base->writes && base->fault.kind == DATABASE_FAULT_STORAGE)
    /* the frames may be in the log all the same, and be found there at the next start */
    base->fault.kind = DATABASE_FAULT_IN_DOUBT;
  database_sqlite_rollback (base);
  return committed;
}

static DatabaseOutcome
sqlite_resolve (gpointer shared, DatabaseConnection *base, gint64 limit)
{
  return DATABASE_WAS_UNKNOWN;
}

/* ---- scripts, migrations ----------------------------------------------- */

static gboolean
sqlite_script (DatabaseConnection *base, DatabaseArena *arena, const char *sql, gboolean alone)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;

  if (alone) {
    gboolean ret = sqlite_enter_lane (sqlite) && database_sqlite_exec (sqlite, sql);

    sqlite_leave_lane (sqlite);
    return ret;
  }
  if (!base->begun && !sqlite_start (sqlite))
    return FALSE;
  if (!database_sqlite_exec (sqlite, sql))
    return FALSE;
  if (sqlite3_get_autocommit (sqlite->handle) == 0)
    return TRUE;
  sqlite_fail_statement (sqlite, "the script ends the transaction it runs in", NULL);
  return FALSE;
}

static gboolean
sqlite_lock_migrations (DatabaseConnection *base, DatabaseArena *arena, gint64 deadline)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;

  sqlite->has_migrations = database_lane_lock_migrations (sqlite->shared->lane, deadline);
  if (!sqlite->has_migrations)
    database_fault_set (&base->fault, DATABASE_FAULT_BUSY, NULL, "another process is migrating",
                        NULL);
  return sqlite->has_migrations;
}

const DatabaseDriver database_sqlite_driver = {
  .is_sqlite = TRUE,
  .free_shared = database_sqlite_free_shared,
  .open = database_sqlite_open,
  .close = database_sqlite_close,
  .begin = sqlite_begin,
  .run = sqlite_run,
  .commit = sqlite_commit,
  .rollback = database_sqlite_rollback,
  .resolve = sqlite_resolve,
  .script = sqlite_script,
  .lock_migrations = sqlite_lock_migrations,
};
