/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres-session: what is not a handler's statement: the fate of a COMMIT in doubt,
 * scripts, the lock of migrations, NOTIFY. */
#include "database-postgres.h"

#include <string.h>

#define MIGRATION_LOCK "4919131752989213764"

/* What STATUS means for a transaction that began under the lineage THEN, looked up under NOW. */
static DatabaseOutcome
postgres_judge (const char *status, gboolean is_future, const char *then, const char *now)
{
  gsize timeline = strcspn (then, "/");

  if (strncmp (then, now, timeline + 1) != 0)
    return DATABASE_WAS_UNKNOWN;
  /* a number that is yet to come: the server crashed before it wrote anything of it */
  if (is_future || strcmp (status, "aborted") == 0)
    return DATABASE_WAS_ABORTED;
  /* after a crash the number may have been given out again */
  if (strcmp (status, "committed") == 0 && strcmp (then, now) == 0)
    return DATABASE_WAS_COMMITTED;
  return DATABASE_WAS_UNKNOWN;
}

/* One look at the fate of a transaction. */
static DatabaseOutcome
postgres_ask (PostgresConnection *asker,
              const PostgresConnection *doubtful,
              gint64 limit,
              gboolean *ret_again)
{
  const DaeValue values[] = { DAE_TEXT (doubtful->xid) };
  DatabaseArena arena = { 0 };
  DatabaseRows lineage = { 0 }, fate = { 0 };
  DatabaseOutcome ret = DATABASE_WAS_UNKNOWN;
  const char *status = "";
  gboolean is_future;

  g_array_set_size (asker->expected, 0);
  asker->base.deadline = limit;
  if (database_postgres_send (asker, "SELECT " LINEAGE, NULL, 0, EXPECT_ROWS, &lineage) &&
      database_postgres_send (asker, "SELECT pg_xact_status ($1::text::xid8)", values, 1,
                              EXPECT_ROWS, &fate))
    database_postgres_exchange (asker, &arena, limit);
  is_future = strcmp (asker->base.fault.code, "22023") == 0;
  if (fate.n_rows == 1 && g_array_index (fate.cells, DatabaseCell, 0).kind == DATABASE_CELL_TEXT)
    status = g_array_index (fate.cells, DatabaseCell, 0).text;
  *ret_again = strcmp (status, "in progress") == 0 || (fate.n_rows == 0 && !is_future);
  if (lineage.n_rows == 1 && !*ret_again)
    ret = postgres_judge (status, is_future, doubtful->lineage,
                          g_array_index (lineage.cells, DatabaseCell, 0).text);
  g_clear_pointer (&lineage.cells, g_array_unref);
  g_clear_pointer (&fate.cells, g_array_unref);
  database_arena_free (&arena);
  database_fault_clear (&asker->base.fault);
  return ret;
}

DatabaseOutcome
database_postgres_resolve (gpointer shared, DatabaseConnection *base, gint64 limit)
{
  PostgresConnection *doubtful = (PostgresConnection *)base;
  DatabaseOutcome ret = DATABASE_WAS_UNKNOWN;
  gboolean again = doubtful->xid[0] != '\0' && doubtful->lineage != NULL;

  while (again && g_get_monotonic_time () < limit) {
    g_autoptr (GError) error = NULL;
    DatabaseConnection *asker = database_postgres_open (shared, base->use, limit, &error);

    if (asker != NULL) {
      ret = postgres_ask ((PostgresConnection *)asker, doubtful, limit, &again);
      database_postgres_close (asker);
    }
    if (again)
      g_usleep (50 * 1000);
  }
  return ret;
}

/* The simple protocol takes many statements, but not in pipeline mode. */
static gboolean
postgres_simple (PostgresConnection *postgres, const char *sql)
{
  gboolean done = FALSE;

  if (!database_postgres_settle (postgres))
    return FALSE;
  if (!PQexitPipelineMode (postgres->pg) || !PQsendQuery (postgres->pg, sql)) {
    database_postgres_fail (postgres, NULL, NULL);
    return FALSE;
  }
  while (!done) {
    PGresult *result;
    ExecStatusType status;

    if (!database_postgres_next (postgres, postgres->base.deadline, NULL, &result))
      return FALSE;
    status = PQresultStatus (result);
    if (result == NULL) {
      done = TRUE;
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      postgres->base.is_broken = TRUE;
      database_fault_set (&postgres->base.fault, DATABASE_FAULT_FAILED, NULL,
                          "COPY cannot be run here", NULL);
      done = TRUE;
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
               status != PGRES_EMPTY_QUERY) {
      database_postgres_fail (postgres, result, NULL);
    }
    PQclear (result);
  }
  if (!postgres->base.is_broken && !PQenterPipelineMode (postgres->pg))
    database_postgres_fail (postgres, NULL, NULL);
  return postgres->base.fault.kind == DATABASE_FAULT_NONE;
}

/* Each statement on its own: one ends where a line ends in ';'. */
static gboolean
postgres_script_alone (PostgresConnection *postgres, const char *sql)
{
  g_auto (GStrv) lines = g_strsplit (sql, "\n", -1);
  g_autoptr (GString) one = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++) {
    g_strchomp (lines[i]);
    if (g_str_has_prefix (lines[i], "--"))
      continue;
    g_string_append (one, lines[i]);
    g_string_append_c (one, '\n');
    if (!g_str_has_suffix (lines[i], ";"))
      continue;
    if (!postgres_simple (postgres, one->str))
      return FALSE;
    g_string_truncate (one, 0);
  }
  return postgres_simple (postgres, one->str);
}

gboolean
database_postgres_script (DatabaseConnection *base,
                          DatabaseArena *arena,
                          const char *sql,
                          gboolean alone)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  if (alone)
    return (postgres->shared->prepare ||
            (database_postgres_send_settings (postgres, FALSE) &&
             database_postgres_exchange (postgres, arena, base->deadline))) &&
           postgres_script_alone (postgres, sql);
  if (!database_postgres_run (base, arena, NULL, 0) || !postgres_simple (postgres, sql))
    return FALSE;
  if (PQtransactionStatus (postgres->pg) != PQTRANS_INTRANS) {
    database_fault_set (&base->fault, DATABASE_FAULT_FAILED, NULL,
                        "the script ends the transaction it runs in", NULL);
    base->begun = FALSE;
    return FALSE;
  }
  return TRUE;
}

gboolean
database_postgres_lock_migrations (DatabaseConnection *base, DatabaseArena *arena, gint64 deadline)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  base->deadline = deadline;
  /* asked again and again: a statement that waits would hold up CREATE INDEX CONCURRENTLY */
  for (;;) {
    DatabaseRows rows = { 0 };
    gboolean got = FALSE;

    g_array_set_size (postgres->expected, 0);
    if (!database_postgres_send (postgres, "SELECT pg_try_advisory_lock (" MIGRATION_LOCK ")", NULL,
                                 0, EXPECT_ROWS, &rows) ||
        !database_postgres_exchange (postgres, arena, deadline))
      return FALSE;
    got = rows.n_rows == 1 && g_array_index (rows.cells, DatabaseCell, 0).number != 0;
    g_clear_pointer (&rows.cells, g_array_unref);
    if (got)
      return TRUE;
    if (g_get_monotonic_time () + G_USEC_PER_SEC / 5 > deadline) {
      database_fault_set (&base->fault, DATABASE_FAULT_BUSY, NULL, "another process is migrating",
                          NULL);
      return FALSE;
    }
    g_usleep (G_USEC_PER_SEC / 5);
  }
}

gboolean
database_postgres_notify (DatabaseConnection *base,
                          DatabaseArena *arena,
                          GPtrArray *payloads,
                          gint64 deadline)
{
  PostgresConnection *postgres = (PostgresConnection *)base;
  DatabaseRows *rows = database_arena_alloc (arena, sizeof (DatabaseRows) * payloads->len);
  gboolean ret = TRUE;

  base->deadline = deadline;
  base->writes = TRUE;
  g_array_set_size (postgres->expected, 0);
  for (guint i = 0; i < payloads->len && ret; i++) {
    const DaeValue values[] = { DAE_TEXT (g_ptr_array_index (payloads, i)) };

    rows[i] = (DatabaseRows){ 0 };
    ret = database_postgres_send (postgres, "SELECT pg_notify ('daedalus', $1)", values, 1,
                                  EXPECT_NOTHING, NULL);
  }
  return ret && database_postgres_exchange (postgres, arena, deadline);
}
