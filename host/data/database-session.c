/* SPDX-License-Identifier: Apache-2.0 */
/* database-session: a connection of the caller's own, used synchronously: migrations, commands.
 *
 * Nothing here logs: whoever called says what went wrong.
 */
#include "database.h"

#include "database-tx.h"

/* migrations of large tables take as long as they take */
#define SESSION_DEADLINE_US (6 * 3600 * (gint64)G_USEC_PER_SEC)
#define SESSION_CONNECT_US  (10 * (gint64)G_USEC_PER_SEC)

struct DatabaseSession {
  DatabaseRunner runner;
};

typedef struct {
  DatabaseRunner *runner;
  const char *sql;                         /* script first; or NULL */
  void (*func) (DaeTx *tx, gpointer data); /* then this; or NULL */
  gpointer data;
} SessionWork;

DatabaseSession *
database_session_open (Database *database, GError **error)
{
  DatabaseSession *session = g_new0 (DatabaseSession, 1);

  database_runner_init (&session->runner, database, DATABASE_USE_SESSION);
  session->runner.quiet = TRUE;
  if (!database_runner_connect (&session->runner, g_get_monotonic_time () + SESSION_CONNECT_US,
                                error))
    g_clear_pointer (&session, database_session_close);
  return session;
}

void
database_session_close (DatabaseSession *session)
{
  database_runner_clear (&session->runner);
  g_free (session);
}

static gpointer
database_session_work (DaeTx *tx, gpointer data)
{
  SessionWork *work = data;
  DatabaseRunner *runner = work->runner;

  if (work->sql != NULL &&
      !runner->driver->script (runner->connection, &runner->arena, work->sql, FALSE))
    return NULL;
  if (work->func != NULL)
    work->func (tx, work->data);
  return NULL;
}

static gboolean
database_session_execute (DatabaseSession *session, SessionWork *session_work, GError **error)
{
  DatabaseWork work = {
    .what = "session",
    .flags = DAE_WORK_WRITES,
    .deadline = g_get_monotonic_time () + SESSION_DEADLINE_US,
    .run = database_session_work,
    .data = session_work,
  };
  GArray *held = NULL;
  gpointer result;
  DatabaseVerdict verdict;

  session_work->runner = &session->runner;
  verdict = database_runner_execute (&session->runner, &work, &result, &held);
  database_held_end (held, verdict == DATABASE_DONE);
  if (verdict == DATABASE_DONE)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR,
                       verdict == DATABASE_BUSY          ? G_IO_ERROR_BUSY
                       : verdict == DATABASE_UNAVAILABLE ? G_IO_ERROR_NOT_CONNECTED
                                                         : G_IO_ERROR_FAILED,
                       session->runner.why != NULL ? session->runner.why : "rolled back");
  return FALSE;
}

gboolean
database_session_run (DatabaseSession *session,
                      void (*func) (DaeTx *tx, gpointer data),
                      gpointer data,
                      GError **error)
{
  SessionWork work = { .func = func, .data = data };

  return database_session_execute (session, &work, error);
}

/* Only after a first line that says so, since what fails half-way stays half done. */
static gboolean
database_session_is_alone (const char *sql)
{
  return g_str_has_prefix (sql, "-- no transaction");
}

gboolean
database_session_apply (DatabaseSession *session,
                        const char *sql,
                        void (*func) (DaeTx *tx, gpointer data),
                        gpointer data,
                        GError **error)
{
  DatabaseRunner *runner = &session->runner;
  SessionWork work = { .sql = sql, .func = func, .data = data };
  DatabaseConnection *connection;

  if (!database_session_is_alone (sql))
    return database_session_execute (session, &work, error);
  if (!database_runner_connect (runner, g_get_monotonic_time () + SESSION_CONNECT_US, error))
    return FALSE;
  connection = runner->connection;
  database_fault_clear (&connection->fault);
  connection->begun = FALSE;
  connection->writes = TRUE;
  connection->deadline = g_get_monotonic_time () + SESSION_DEADLINE_US;
  runner->driver->begin (connection);
  if (!runner->driver->script (connection, &runner->arena, sql, TRUE)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, connection->fault.message);
    database_fault_clear (&connection->fault);
    if (connection->is_broken)
      runner->driver->close (g_steal_pointer (&runner->connection));
    return FALSE;
  }
  return func == NULL || database_session_run (session, func, data, error);
}

gboolean
database_session_script (DatabaseSession *session, const char *sql, GError **error)
{
  return database_session_apply (session, sql, NULL, NULL, error);
}

gboolean
database_session_lock (DatabaseSession *session, gint64 deadline, GError **error)
{
  DatabaseRunner *runner = &session->runner;
  DatabaseConnection *connection = runner->connection;
  gboolean ret;

  if (connection == NULL) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "the connection was lost");
    return FALSE;
  }
  database_fault_clear (&connection->fault);
  ret = runner->driver->lock_migrations (connection, &runner->arena, deadline);
  if (!ret)
    g_set_error_literal (error, G_IO_ERROR,
                         connection->fault.kind == DATABASE_FAULT_BUSY ? G_IO_ERROR_BUSY
                                                                       : G_IO_ERROR_FAILED,
                         connection->fault.message);
  database_fault_clear (&connection->fault);
  database_arena_clear (&runner->arena);
  return ret;
}
