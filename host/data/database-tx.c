/* SPDX-License-Identifier: Apache-2.0 */
/* database-tx: statements and rows of one transaction, as plugin code sees them.
 *
 * Errors are sticky: after the first fault nothing more is sent and rows are
 * empty, so handlers need no error branches; what becomes of the fault is
 * decided in database-runner.c, once.
 */
#include "database-tx.h"

#include <string.h>

#include "../plugin/plugin.h"

static __thread DatabaseTx *database_tx_current;

DaeTx *
database_current_tx (void)
{
  return database_tx_current != NULL ? &database_tx_current->base : NULL;
}

/* ---- statements -------------------------------------------------------- */

static DatabaseFault *
database_tx_fault (DatabaseTx *tx)
{
  return &tx->runner->connection->fault;
}

gboolean
database_tx_has_failed (DatabaseTx *tx)
{
  return database_tx_fault (tx)->kind != DATABASE_FAULT_NONE;
}

void
database_tx_fail (DatabaseTx *tx, DatabaseFaultKind kind, const char *sql, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  database_fault_set (database_tx_fault (tx), kind, NULL, text, sql);
}

static DatabaseRows *
database_rows_new (DatabaseTx *tx)
{
  DatabaseRows *rows = database_arena_alloc (&tx->runner->arena, sizeof *rows);

  *rows = (DatabaseRows){ .base.api = tx->base.api, .tx = tx, .at = -1 };
  g_ptr_array_add (tx->rows, rows);
  return rows;
}

static gboolean
database_tx_check (DatabaseTx *tx, DaeQuery *query)
{
  const char *why;
  guint index = 0;

  why = database_statement_refused (query->sql);
  if (why != NULL) {
    database_tx_fail (tx, DATABASE_FAULT_FAILED, query->sql, "a statement may not begin with %s",
                      why);
    return FALSE;
  }
  why = database_values_check (&tx->runner->arena, query->values, query->n_values, &query->values,
                               &index);
  if (why != NULL) {
    database_tx_fail (tx, DATABASE_FAULT_INVALID, query->sql, "parameter $%u %s", index + 1, why);
    return FALSE;
  }
  return TRUE;
}

/* FALSE: there is a fault already, or the deadline has passed. */
static gboolean
database_tx_goes_on (DatabaseTx *tx)
{
  if (database_tx_has_failed (tx))
    return FALSE;
  if (g_get_monotonic_time () < tx->runner->connection->deadline)
    return TRUE;
  database_tx_fail (tx, DATABASE_FAULT_DEADLINE, NULL, "deadline passed before the statement");
  return FALSE;
}

/* Runs QUERIES and sets each one's rows, which are empty if anything failed. */
static void
database_tx_run (DatabaseTx *tx, DaeQuery *queries, guint n_queries)
{
  DatabaseRunner *runner = tx->runner;
  DatabaseConnection *connection = runner->connection;

  if (runner->heartbeat != NULL)
    heartbeat_stamp (runner->heartbeat, runner->heartbeat_index);
  for (guint i = 0; i < n_queries; i++)
    queries[i].rows = &database_rows_new (tx)->base;
  if (!database_tx_goes_on (tx))
    return;
  for (guint i = 0; i < n_queries; i++) {
    if (!database_tx_check (tx, &queries[i]))
      return;
  }
  if (!connection->driver->run (connection, &runner->arena, queries, n_queries)) {
    for (guint i = 0; i < n_queries; i++) {
      ((DatabaseRows *)queries[i].rows)->n_rows = 0;
      ((DatabaseRows *)queries[i].rows)->n_changed = 0;
    }
  }
  if (runner->heartbeat != NULL)
    heartbeat_stamp (runner->heartbeat, runner->heartbeat_index);
}

static void
database_api_query_many (DaeTx *base, DaeQuery *queries, guint n_queries)
{
  DatabaseTx *tx = (DatabaseTx *)base;
  DaeQuery *copies;

  if (n_queries == 0)
    return;
  /* the caller's values are not replaced by the checked ones, which may not outlive a re-run */
  copies = database_arena_alloc (&tx->runner->arena, sizeof (DaeQuery) * n_queries);
  for (guint i = 0; i < n_queries; i++)
    copies[i] = queries[i];
  database_tx_run (tx, copies, n_queries);
  for (guint i = 0; i < n_queries; i++)
    queries[i].rows = copies[i].rows;
}

static DaeRows *
database_api_query (DaeTx *base, const char *sql, const DaeValue *values, guint n_values)
{
  DaeQuery query = { .sql = sql, .values = values, .n_values = n_values };

  database_tx_run ((DatabaseTx *)base, &query, 1);
  return query.rows;
}

static gboolean
database_api_rows_next (DaeRows *base)
{
  DatabaseRows *rows = (DatabaseRows *)base;

  if (rows->at + 1 >= (gint64)rows->n_rows) {
    rows->at = rows->n_rows;
    return FALSE;
  }
  rows->at++;
  return TRUE;
}

static DaeRows *
database_api_query_one (DaeTx *base, const char *sql, const DaeValue *values, guint n_values)
{
  DaeRows *rows = database_api_query (base, sql, values, n_values);

  return database_api_rows_next (rows) ? rows : NULL;
}

static gint64
database_api_exec (DaeTx *base, const char *sql, const DaeValue *values, guint n_values)
{
  return ((DatabaseRows *)database_api_query (base, sql, values, n_values))->n_changed;
}

static void
database_api_exec_later (DaeTx *base, const char *sql, const DaeValue *values, guint n_values)
{
  DatabaseTx *tx = (DatabaseTx *)base;
  DatabaseConnection *connection = tx->runner->connection;
  DaeQuery query = { .sql = sql, .values = values, .n_values = n_values };

  if (connection->driver->later == NULL) {
    database_tx_run (tx, &query, 1);
    return;
  }
  if (!database_tx_goes_on (tx) || !database_tx_check (tx, &query))
    return;
  /* it is named should it fail, which may be after the caller's text has gone */
  query.sql = database_arena_text (&tx->runner->arena, sql, strlen (sql));
  query.rows = &database_rows_new (tx)->base;
  connection->driver->later (connection, &tx->runner->arena, &query);
}

/* ---- rows -------------------------------------------------------------- */

/* The cell, or NULL with the fault set: a column that is not there is the plugin's mistake. */
static const DatabaseCell *
database_rows_cell (DatabaseRows *rows, guint column)
{
  if (rows->at < 0 || rows->at >= (gint64)rows->n_rows) {
    /* after a fault rows are empty, and handlers may go on reading */
    if (!database_tx_has_failed (rows->tx))
      database_tx_fail (rows->tx, DATABASE_FAULT_FAILED, NULL,
                        "a column was read where there is no row");
    return NULL;
  }
  if (column >= rows->n_columns) {
    database_tx_fail (rows->tx, DATABASE_FAULT_FAILED, NULL, "column %u was read of %u", column,
                      rows->n_columns);
    return NULL;
  }
  return &g_array_index (rows->cells, DatabaseCell, (gsize)rows->at * rows->n_columns + column);
}

static gboolean
database_api_row_is_null (DaeRows *base, guint column)
{
  const DatabaseCell *cell = database_rows_cell ((DatabaseRows *)base, column);

  return cell == NULL || cell->kind == DATABASE_CELL_NULL;
}

static const char *
database_api_row_text (DaeRows *base, guint column)
{
  DatabaseRows *rows = (DatabaseRows *)base;
  const DatabaseCell *cell = database_rows_cell (rows, column);

  if (cell == NULL || cell->kind == DATABASE_CELL_NULL)
    return NULL;
  if (cell->kind != DATABASE_CELL_TEXT) {
    database_tx_fail (rows->tx, DATABASE_FAULT_FAILED, NULL,
                      "column %u is a number and was read as text", column);
    return NULL;
  }
  return cell->text;
}

static gint64
database_api_row_int (DaeRows *base, guint column)
{
  DatabaseRows *rows = (DatabaseRows *)base;
  const DatabaseCell *cell = database_rows_cell (rows, column);

  if (cell == NULL || cell->kind == DATABASE_CELL_NULL)
    return 0;
  if (cell->kind != DATABASE_CELL_INT) {
    database_tx_fail (rows->tx, DATABASE_FAULT_FAILED, NULL,
                      "column %u is no integer and was read as one", column);
    return 0;
  }
  return cell->number;
}

static double
database_api_row_real (DaeRows *base, guint column)
{
  DatabaseRows *rows = (DatabaseRows *)base;
  const DatabaseCell *cell = database_rows_cell (rows, column);

  if (cell == NULL || cell->kind == DATABASE_CELL_NULL)
    return 0;
  if (cell->kind == DATABASE_CELL_INT)
    return (double)cell->number;
  if (cell->kind != DATABASE_CELL_REAL) {
    database_tx_fail (rows->tx, DATABASE_FAULT_FAILED, NULL,
                      "column %u is text and was read as a number", column);
    return 0;
  }
  return cell->real;
}

/* ---- the transaction --------------------------------------------------- */

static gboolean
database_api_tx_failed (DaeTx *base)
{
  return database_tx_has_failed ((DatabaseTx *)base);
}

static gboolean
database_api_tx_is_sqlite (DaeTx *base)
{
  return ((DatabaseTx *)base)->runner->driver->is_sqlite;
}

static gint64
database_api_tx_now (DaeTx *base)
{
  DatabaseTx *tx = (DatabaseTx *)base;
  DatabaseConnection *connection = tx->runner->connection;

  if (connection->now == 0 && !database_tx_has_failed (tx))
    connection->driver->run (connection, &tx->runner->arena, NULL, 0);
  /* after a fault any time will do: what is made of it is thrown away */
  return connection->now != 0 ? connection->now : g_get_real_time ();
}

static DaePlugin *
database_api_tx_plugin (DaeTx *base)
{
  return (DaePlugin *)((DatabaseTx *)base)->plugin;
}

void
database_after_commit (DaeTx *base,
                       void (*func) (gpointer data),
                       gpointer data,
                       GDestroyNotify free_data)
{
  DatabaseTx *tx = (DatabaseTx *)base;
  DatabaseHeld held = { func, data, free_data };

  if (tx->held == NULL)
    tx->held = g_array_new (FALSE, FALSE, sizeof (DatabaseHeld));
  g_array_append_val (tx->held, held);
}

typedef struct {
  DaePlugin *plugin;
  DaeAfterCommit func;
  gpointer data;
  GDestroyNotify free_data;
} PluginHeld;

static void
database_plugin_held_run (gpointer data)
{
  PluginHeld *held = data;

  plugin_enter ((Plugin *)held->plugin, "after commit");
  held->func (held->plugin, held->data);
  plugin_leave ((Plugin *)held->plugin);
}

static void
database_plugin_held_free (gpointer data)
{
  PluginHeld *held = data;

  if (held->free_data != NULL)
    held->free_data (held->data);
  g_free (held);
}

static void
database_api_after_commit (DaeTx *tx, DaeAfterCommit func, gpointer data, GDestroyNotify free_data)
{
  PluginHeld *held = g_new (PluginHeld, 1);

  *held = (PluginHeld){ database_api_tx_plugin (tx), func, data, free_data };
  database_after_commit (tx, database_plugin_held_run, held, database_plugin_held_free);
}

void
database_held_end (GArray *held, gboolean run)
{
  if (held == NULL)
    return;
  for (guint i = 0; i < held->len; i++) {
    DatabaseHeld *one = &g_array_index (held, DatabaseHeld, i);

    if (run)
      one->func (one->data);
    if (one->free_data != NULL)
      one->free_data (one->data);
  }
  g_array_unref (held);
}

void
database_fill_api (DaeApi *api)
{
  api->exec = database_api_exec;
  api->exec_later = database_api_exec_later;
  api->query = database_api_query;
  api->query_one = database_api_query_one;
  api->query_many = database_api_query_many;
  api->rows_next = database_api_rows_next;
  api->row_is_null = database_api_row_is_null;
  api->row_text = database_api_row_text;
  api->row_int = database_api_row_int;
  api->row_real = database_api_row_real;
  api->tx_failed = database_api_tx_failed;
  api->tx_is_sqlite = database_api_tx_is_sqlite;
  api->tx_now = database_api_tx_now;
  api->tx_plugin = database_api_tx_plugin;
  api->after_commit = database_api_after_commit;
}

void
database_tx_open (DatabaseTx *tx, DatabaseRunner *runner, Plugin *plugin)
{
  *tx = (DatabaseTx){ .base.api = plugin_api (), .runner = runner, .plugin = plugin };
  tx->rows = g_ptr_array_new ();
  database_tx_current = tx;
}

/* What is held stays the caller's; nothing that was read outlives this. */
void
database_tx_close (DatabaseTx *tx)
{
  database_tx_current = NULL;
  for (guint i = 0; i < tx->rows->len; i++) {
    DatabaseRows *rows = g_ptr_array_index (tx->rows, i);

    g_clear_pointer (&rows->cells, g_array_unref);
  }
  g_ptr_array_unref (tx->rows);
  database_arena_clear (&tx->runner->arena);
}
