/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres: transactions on a PostgreSQL connection in pipeline mode.
 *
 * BEGIN and the first statement leave in one flush, several statements make one
 * round trip, and the end of a read (or of a rolled-back write) is sent without
 * waiting for its answer, which is read before the next one's. Every wait has
 * our own deadline: a stopped server keeps its sockets alive.
 */
#include "database-postgres.h"

#include <string.h>

#define STATEMENTS_MAX     500
#define COMMIT_US          (3 * G_USEC_PER_SEC) /* a COMMIT that was sent gets so long, deadline or not */
#define ROLLBACK_US        G_USEC_PER_SEC
#define LATER_MAX          100   /* statements on their way that nobody waits for */
#define SESSION_TIMEOUT_MS 40000 /* of statements, where the deadline is not longer */

/* ---- faults ------------------------------------------------------------ */

static DatabaseFaultKind
postgres_fault_kind (const char *code, gboolean writes, gboolean is_stale_plan)
{
  static const struct {
    const char *prefix;
    DatabaseFaultKind kind;
  } kinds[] = {
    { "40001", DATABASE_FAULT_SERIALIZATION },
    { "40P01", DATABASE_FAULT_DEADLOCK },
    { "26000", DATABASE_FAULT_STALE_PLAN },
    { "42P05", DATABASE_FAULT_STALE_PLAN },
    { "23", DATABASE_FAULT_CONFLICT },
    { "22001", DATABASE_FAULT_INVALID },
    { "22003", DATABASE_FAULT_INVALID },
    { "22007", DATABASE_FAULT_INVALID },
    { "22008", DATABASE_FAULT_INVALID },
    { "22021", DATABASE_FAULT_INVALID },
    { "22P02", DATABASE_FAULT_INVALID },
    { "22P05", DATABASE_FAULT_INVALID },
    { "54000", DATABASE_FAULT_INVALID },
    { "53100", DATABASE_FAULT_FULL },
    { "53", DATABASE_FAULT_BUSY },
    { "55P03", DATABASE_FAULT_BUSY },
    { "57014", DATABASE_FAULT_DEADLINE },
    { "25P03", DATABASE_FAULT_DEADLINE },
    { "58", DATABASE_FAULT_STORAGE },
    { "XX001", DATABASE_FAULT_STORAGE },
    { "XX002", DATABASE_FAULT_STORAGE },
    { "08P01", DATABASE_FAULT_FAILED },
    { "08", DATABASE_FAULT_LOST },
    { "57P", DATABASE_FAULT_LOST },
  };

  if (code == NULL)
    return DATABASE_FAULT_LOST;
  if (is_stale_plan)
    return DATABASE_FAULT_STALE_PLAN;
  if (strcmp (code, "25006") == 0)
    /* a write transaction is read-only where the server is no longer the leader */
    return writes ? DATABASE_FAULT_LOST : DATABASE_FAULT_FAILED;
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (g_str_has_prefix (code, kinds[i].prefix))
      return kinds[i].kind;
  }
  return DATABASE_FAULT_FAILED;
}

void
database_postgres_fail (PostgresConnection *postgres, PGresult *result, const char *sql)
{
  const char *code = result != NULL ? PQresultErrorField (result, PG_DIAG_SQLSTATE) : NULL;
  const char *function =
      result != NULL ? PQresultErrorField (result, PG_DIAG_SOURCE_FUNCTION) : NULL;
  const char *message =
      result != NULL ? PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
  /* the message of 0A000 is translated, the function's name is not */
  gboolean is_stale =
      g_strcmp0 (code, "0A000") == 0 && g_strcmp0 (function, "RevalidateCachedQuery") == 0;
  DatabaseFaultKind kind = postgres_fault_kind (code, postgres->base.writes, is_stale);

  if (message == NULL)
    message = PQerrorMessage (postgres->pg);
  if (kind == DATABASE_FAULT_LOST || kind == DATABASE_FAULT_STALE_PLAN ||
      PQstatus (postgres->pg) == CONNECTION_BAD)
    postgres->base.is_broken = TRUE;
  database_fault_set (&postgres->base.fault, kind, code, message, sql);
}

static void
postgres_fail_wait (PostgresConnection *postgres, gboolean late, const char *sql)
{
  postgres->base.is_broken = TRUE;
  if (late)
    database_fault_set (&postgres->base.fault, DATABASE_FAULT_DEADLINE, NULL,
                        "no answer from the database by the deadline", sql);
  else
    database_fault_set (&postgres->base.fault, DATABASE_FAULT_LOST, NULL, "the connection was lost",
                        sql);
}

/* ---- sending ----------------------------------------------------------- */

static void
postgres_expect (
    PostgresConnection *postgres, ExpectKind kind, const char *sql, char *key, DatabaseRows *rows)
{
  Expect expect = { kind, sql, key, rows };

  g_array_append_val (postgres->expected, expect);
}

/* The name of the prepared statement; queues its preparation where it is new. NULL: lost. */
static const char *
postgres_prepare (PostgresConnection *postgres,
                  const char *sql,
                  const DaeValue *values,
                  guint n_values)
{
  const char *name;
  char *key, *new_name;

  g_string_assign (postgres->key, sql);
  g_string_append_c (postgres->key, '\n');
  /* the same text with other types is another statement */
  for (guint i = 0; i < n_values; i++)
    g_string_append_c (postgres->key, (char)('0' + values[i].type));
  name = g_hash_table_lookup (postgres->statements, postgres->key->str);
  if (name != NULL)
    return name;
  new_name = g_strdup_printf ("s%u", postgres->n_named++);
  if (!PQsendPrepare (postgres->pg, new_name, sql, (int)n_values, postgres->params->types)) {
    g_free (new_name);
    return NULL;
  }
  key = g_strdup (postgres->key->str);
  g_hash_table_insert (postgres->statements, key, new_name);
  postgres_expect (postgres, EXPECT_PREPARED, sql, key, NULL);
  return new_name;
}

gboolean
database_postgres_send (PostgresConnection *postgres,
                        const char *sql,
                        const DaeValue *values,
                        guint n_values,
                        ExpectKind kind,
                        DatabaseRows *rows)
{
  PostgresParams *params = postgres->params;
  const char *name = "";
  int sent;

  if (n_values > POSTGRES_PARAMS_MAX) {
    database_fault_set (&postgres->base.fault, DATABASE_FAULT_FAILED, NULL, "over 1000 parameters",
                        sql);
    return FALSE;
  }
  database_postgres_encode (params, values, n_values);
  if (postgres->shared->prepare && kind != EXPECT_NOTHING)
    name = postgres_prepare (postgres, sql, values, n_values);
  if (name == NULL)
    sent = 0;
  else if (*name != '\0')
    sent = PQsendQueryPrepared (postgres->pg, name, (int)n_values, params->values, params->lengths,
                                params->formats, 1);
  else
    sent = PQsendQueryParams (postgres->pg, sql, (int)n_values, params->types, params->values,
                              params->lengths, params->formats, 1);
  if (!sent)
    database_postgres_fail (postgres, NULL, sql);
  else
    postgres_expect (postgres, kind, sql, NULL, rows);
  return sent != 0;
}

/* What a session would be told once, in the transaction: behind a pooler the session is not ours.
 */
gboolean
database_postgres_send_settings (PostgresConnection *postgres, gboolean is_local)
{
  DatabaseUse use = postgres->base.use;
  /* a beat or a job does not wait for locks, it comes again */
  const char *lock = use == DATABASE_USE_KEEPER    ? "200ms"
                     : use == DATABASE_USE_SESSION ? "10s"
                                                   : "5s";
  g_autofree char *statement =
      g_strdup_printf ("%u", use == DATABASE_USE_SESSION ? 0 : SESSION_TIMEOUT_MS);
  const DaeValue values[] = { DAE_BOOL (is_local), DAE_TEXT (lock), DAE_TEXT (statement) };

  return database_postgres_send (postgres,
                                 "SELECT set_config ('search_path', 'daedalus', $1), "
                                 "set_config ('lock_timeout', $2, $1), "
                                 "set_config ('statement_timeout', $3, $1), "
                                 "set_config ('idle_in_transaction_session_timeout', $3, $1), "
                                 "set_config ('client_connection_check_interval', '1s', $1), "
                                 "set_config ('TimeZone', 'UTC', $1)",
                                 values, G_N_ELEMENTS (values), EXPECT_NOTHING, NULL);
}

static gboolean
postgres_send_begin (PostgresConnection *postgres)
{
  DatabaseConnection *base = &postgres->base;
  gint64 left_ms = (base->deadline - g_get_monotonic_time ()) / 1000;

  if (g_hash_table_size (postgres->statements) > STATEMENTS_MAX) {
    g_hash_table_remove_all (postgres->statements);
    if (!database_postgres_send (postgres, "DEALLOCATE ALL", NULL, 0, EXPECT_NOTHING, NULL))
      return FALSE;
  }
  if (!database_postgres_send (postgres,
                               base->writes ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                            : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                               NULL, 0, EXPECT_NOTHING, NULL))
    return FALSE;
  if (!postgres->shared->prepare && !database_postgres_send_settings (postgres, TRUE))
    return FALSE;
  if (base->use != DATABASE_USE_SESSION && left_ms + 1000 > SESSION_TIMEOUT_MS) {
    g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, MIN (left_ms + 1000, G_MAXINT));
    const DaeValue values[] = { DAE_TEXT (text) };

    if (!database_postgres_send (postgres,
                                 "SELECT set_config ('statement_timeout', $1, TRUE), "
                                 "set_config ('idle_in_transaction_session_timeout', $1, TRUE)",
                                 values, 1, EXPECT_NOTHING, NULL))
      return FALSE;
  }
  if (!base->writes)
    return TRUE;
  return database_postgres_send (postgres,
                                 postgres->shared->prepare
                                     ? "SELECT now (), pg_current_xact_id ()::text"
                                     : "SELECT now (), pg_current_xact_id ()::text, " LINEAGE,
                                 NULL, 0, EXPECT_INFO, NULL);
}

/* ---- receiving --------------------------------------------------------- */

/* The next result; NULL at the end of one statement's; FALSE with the fault set. */
gboolean
database_postgres_next (PostgresConnection *postgres,
                        gint64 deadline,
                        const char *sql,
                        PGresult **ret)
{
  gboolean late;

  if (!database_postgres_wait (postgres->pg, deadline, &late)) {
    postgres_fail_wait (postgres, late, sql);
    return FALSE;
  }
  *ret = PQgetResult (postgres->pg);
  return TRUE;
}

/* Reads to the end of what was sent before: results that nobody waited for. */
gboolean
database_postgres_settle (PostgresConnection *postgres)
{
  guint n_nulls = 0;

  while (postgres->n_owed > 0) {
    PGresult *result;
    ExecStatusType status;

    if (!database_postgres_next (postgres, postgres->base.deadline, NULL, &result))
      return FALSE;
    status = PQresultStatus (result);
    if (result == NULL ? ++n_nulls > 3 : PQstatus (postgres->pg) == CONNECTION_BAD) {
      database_postgres_fail (postgres, NULL, NULL);
      PQclear (result);
      return FALSE;
    }
    if (status == PGRES_PIPELINE_SYNC)
      postgres->n_owed--;
    if (result != NULL)
      n_nulls = 0;
    PQclear (result);
  }
  return TRUE;
}

static void
postgres_take_info (PostgresConnection *postgres, PGresult *result)
{
  postgres->base.now = database_postgres_time (result, 0, 0);
  if (PQnfields (result) > 1)
    g_strlcpy (postgres->xid, PQgetvalue (result, 0, 1), sizeof postgres->xid);
  if (PQnfields (result) > 2) {
    g_free (postgres->lineage);
    postgres->lineage = g_strdup (PQgetvalue (result, 0, 2));
  }
}

static void
postgres_take (PostgresConnection *postgres,
               DatabaseArena *arena,
               const Expect *expect,
               PGresult *result)
{
  g_autofree char *why = NULL;
  ExecStatusType status = PQresultStatus (result);

  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    if (expect->kind == EXPECT_PREPARED)
      g_hash_table_remove (postgres->statements, expect->key);
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
      database_postgres_fail (postgres, result, expect->sql);
    else if (status != PGRES_PIPELINE_ABORTED) {
      /* COPY: the connection now speaks another protocol */
      database_fault_set (&postgres->base.fault, DATABASE_FAULT_FAILED, NULL,
                          "a statement of this kind cannot be run", expect->sql);
      postgres->base.is_broken = TRUE;
    }
    return;
  }
  if (expect->kind == EXPECT_INFO) {
    postgres_take_info (postgres, result);
  } else if (expect->kind == EXPECT_LINEAGE) {
    g_free (postgres->lineage);
    postgres->lineage = g_strdup (PQgetvalue (result, 0, 0));
  } else if (expect->kind == EXPECT_ROWS &&
             !database_postgres_decode (result, arena, expect->rows, &why)) {
    database_fault_set (&postgres->base.fault, DATABASE_FAULT_FAILED, NULL, why, expect->sql);
  }
}

/* Ends the pipeline, sends it and reads all of it. TRUE if nothing failed. */
gboolean
database_postgres_exchange (PostgresConnection *postgres, DatabaseArena *arena, gint64 deadline)
{
  PGresult *result = NULL;

  postgres->n_later = 0;
  if (!PQpipelineSync (postgres->pg)) {
    database_postgres_fail (postgres, NULL, NULL);
    return FALSE;
  }
  if (!database_postgres_settle (postgres))
    return FALSE;
  for (guint i = 0; i < postgres->expected->len; i++) {
    const Expect *expect = &g_array_index (postgres->expected, Expect, i);

    if (!database_postgres_next (postgres, deadline, expect->sql, &result))
      return FALSE;
    if (result == NULL) {
      database_postgres_fail (postgres, NULL, expect->sql);
      return FALSE;
    }
    postgres_take (postgres, arena, expect, result);
    PQclear (result);
    if (postgres->base.is_broken)
      return FALSE;
    if (!database_postgres_next (postgres, deadline, expect->sql, &result))
      return FALSE;
    PQclear (result);
  }
  if (!database_postgres_next (postgres, deadline, NULL, &result))
    return FALSE;
  if (PQresultStatus (result) != PGRES_PIPELINE_SYNC)
    database_postgres_fail (postgres, NULL, NULL);
  PQclear (result);
  return postgres->base.fault.kind == DATABASE_FAULT_NONE;
}

/* ---- the driver -------------------------------------------------------- */

static void
postgres_begin (DatabaseConnection *base)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  postgres->xid[0] = '\0';
  postgres->n_later = 0;
  g_array_set_size (postgres->expected, 0);
}

gboolean
database_postgres_run (DatabaseConnection *base,
                       DatabaseArena *arena,
                       DaeQuery *queries,
                       guint n_queries)
{
  PostgresConnection *postgres = (PostgresConnection *)base;
  gboolean was_begun = base->begun;

  if (postgres->n_later == 0)
    g_array_set_size (postgres->expected, 0);
  if (!was_begun && !postgres_send_begin (postgres)) {
    base->is_broken = TRUE;
    return FALSE;
  }
  base->begun = TRUE;
  if (n_queries == 0 && base->now == 0 && (was_begun || !base->writes) &&
      !database_postgres_send (postgres, "SELECT now ()", NULL, 0, EXPECT_INFO, NULL)) {
    base->is_broken = TRUE;
    return FALSE;
  }
  for (guint i = 0; i < n_queries; i++) {
    if (!database_postgres_send (postgres, queries[i].sql, queries[i].values, queries[i].n_values,
                                 EXPECT_ROWS, (DatabaseRows *)queries[i].rows)) {
      /* what was queued before it has no end: this connection cannot go on */
      base->is_broken = TRUE;
      return FALSE;
    }
  }
  return database_postgres_exchange (postgres, arena, base->deadline);
}

/* The number of a transaction has to be known before a COMMIT can be in doubt, so its first
 * statement is waited for. */
static gboolean
postgres_later (DatabaseConnection *base, DatabaseArena *arena, DaeQuery *query)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  if (!base->begun || !base->writes || postgres->n_later >= LATER_MAX)
    return database_postgres_run (base, arena, query, 1);
  if (postgres->n_later == 0)
    g_array_set_size (postgres->expected, 0);
  if (!database_postgres_send (postgres, query->sql, query->values, query->n_values, EXPECT_DONE,
                               NULL)) {
    base->is_broken = TRUE;
    return FALSE;
  }
  postgres->n_later++;
  return TRUE;
}

/* Nobody will read how what was sent before ended, so what it prepared may not be there. */
static gboolean
postgres_leave_later (PostgresConnection *postgres)
{
  if (postgres->n_later == 0)
    return TRUE;
  postgres->n_later = 0;
  for (guint i = 0; i < postgres->expected->len; i++) {
    const Expect *expect = &g_array_index (postgres->expected, Expect, i);

    if (expect->kind == EXPECT_PREPARED)
      g_hash_table_remove (postgres->statements, expect->key);
  }
  if (!PQpipelineSync (postgres->pg))
    return FALSE;
  postgres->n_owed++;
  return TRUE;
}

/* Sends the end of a transaction and does not wait for the answer. */
static void
postgres_send_end (PostgresConnection *postgres, const char *sql)
{
  if (!postgres_leave_later (postgres)) {
    postgres->base.is_broken = TRUE;
    return;
  }
  g_array_set_size (postgres->expected, 0);
  if (PQsendQueryParams (postgres->pg, sql, 0, NULL, NULL, NULL, NULL, 1) &&
      PQpipelineSync (postgres->pg) && PQflush (postgres->pg) >= 0)
    postgres->n_owed++;
  else
    postgres->base.is_broken = TRUE;
}

/* What was written waits for the answer: whoever hears of the failure and tries again at once must
 * not meet the locks of the first try. */
static void
postgres_rollback_write (PostgresConnection *postgres)
{
  DatabaseFault *fault = &postgres->base.fault;
  gboolean had_fault = fault->kind != DATABASE_FAULT_NONE;

  postgres_send_end (postgres, "ROLLBACK");
  if (postgres->base.is_broken)
    return;
  postgres->base.deadline = g_get_monotonic_time () + ROLLBACK_US;
  if (!database_postgres_settle (postgres) && !had_fault)
    /* it is rolled back all the same, by the end of its connection */
    database_fault_clear (fault);
}

static void
postgres_rollback (DatabaseConnection *base)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  if (base->begun && !base->is_broken && base->writes)
    postgres_rollback_write (postgres);
  else if (base->begun && !base->is_broken)
    postgres_send_end (postgres, "ROLLBACK");
  base->begun = FALSE;
}

static gboolean
postgres_commit (DatabaseConnection *base)
{
  PostgresConnection *postgres = (PostgresConnection *)base;
  DatabaseFault *fault = &base->fault;
  gint64 deadline = MAX (base->deadline, g_get_monotonic_time () + COMMIT_US);

  if (!base->begun)
    return TRUE;
  base->begun = FALSE;
  if (!base->writes) {
    postgres_send_end (postgres, "COMMIT");
    return TRUE;
  }
  if (postgres->n_later == 0)
    g_array_set_size (postgres->expected, 0);
  if (!database_postgres_send (postgres, "COMMIT", NULL, 0, EXPECT_NOTHING, NULL)) {
    base->is_broken = TRUE;
    return FALSE;
  }
  if (database_postgres_exchange (postgres, NULL, deadline))
    return TRUE;
  if (fault->kind == DATABASE_FAULT_STALE_PLAN)
    return FALSE; /* a statement before it failed, so it was never looked at */
  if (!base->is_broken && PQtransactionStatus (postgres->pg) != PQTRANS_IDLE) {
    postgres_rollback_write (postgres);
    return FALSE;
  }
  /* from here on nobody knows whether it reached the server, unless the server said no */
  if (base->is_broken || fault->kind == DATABASE_FAULT_DEADLINE)
    fault->kind = DATABASE_FAULT_IN_DOUBT;
  return FALSE;
}

void
database_postgres_close (DatabaseConnection *base)
{
  PostgresConnection *postgres = (PostgresConnection *)base;

  PQfinish (postgres->pg);
  g_hash_table_unref (postgres->statements);
  g_array_unref (postgres->expected);
  g_string_free (postgres->key, TRUE);
  g_free (postgres->lineage);
  g_free (postgres->params);
  g_free (postgres);
}

DatabaseConnection *
database_postgres_open (gpointer data, DatabaseUse use, gint64 deadline, GError **error)
{
  DatabasePostgres *shared = data;
  PGconn *pg = database_postgres_connect (shared, use, deadline, error);
  PostgresConnection *postgres;

  if (pg == NULL)
    return NULL;
  postgres = g_new0 (PostgresConnection, 1);
  postgres->base.driver = &database_postgres_driver;
  postgres->base.use = use;
  postgres->base.deadline = deadline;
  postgres->shared = shared;
  postgres->pg = pg;
  postgres->statements = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  postgres->expected = g_array_new (FALSE, FALSE, sizeof (Expect));
  postgres->key = g_string_new (NULL);
  postgres->params = g_new (PostgresParams, 1);
  PQenterPipelineMode (pg);
  if (shared->prepare &&
      (!database_postgres_send_settings (postgres, FALSE) ||
       !database_postgres_send (postgres, "SELECT " LINEAGE, NULL, 0, EXPECT_LINEAGE, NULL) ||
       !database_postgres_exchange (postgres, NULL, deadline))) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, postgres->base.fault.message);
    database_fault_clear (&postgres->base.fault);
    database_postgres_close (&postgres->base);
    return NULL;
  }
  return &postgres->base;
}

static void
postgres_free_shared (gpointer data)
{
  DatabasePostgres *shared = data;

  g_ptr_array_unref (shared->targets);
  g_ptr_array_unref (shared->listen_targets);
  g_free (shared);
}

const DatabaseDriver database_postgres_driver = {
  .free_shared = postgres_free_shared,
  .open = database_postgres_open,
  .close = database_postgres_close,
  .begin = postgres_begin,
  .run = database_postgres_run,
  .later = postgres_later,
  .commit = postgres_commit,
  .rollback = postgres_rollback,
  .resolve = database_postgres_resolve,
  .script = database_postgres_script,
  .lock_migrations = database_postgres_lock_migrations,
  .notify = database_postgres_notify,
  .listen = database_postgres_listen,
  .unlisten = database_postgres_unlisten,
};
