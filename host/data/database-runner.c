/* SPDX-License-Identifier: Apache-2.0 */
/* database-runner: one piece of work from BEGIN to verdict, with its re-runs.
 *
 * Here is decided, for both databases alike, which faults mean "run again",
 * which are whose fault, and what a lost answer to COMMIT means.
 */
#include "database-tx.h"

#include <string.h>

#include "../observe/log.h"
#include "../plugin/plugin.h"

#define RERUNS       3
#define RECONNECT_US (2 * G_USEC_PER_SEC) /* work in hand waits so long for a connection */
#define RESOLVE_US   (3 * G_USEC_PER_SEC) /* how long after a lost COMMIT its fate is looked up */

static void
database_runner_close (DatabaseRunner *runner)
{
  if (runner->connection == NULL)
    return;
  database_fault_clear (&runner->connection->fault);
  runner->driver->close (g_steal_pointer (&runner->connection));
}

void
database_runner_clear (DatabaseRunner *runner)
{
  database_runner_close (runner);
  database_arena_free (&runner->arena);
  g_clear_pointer (&runner->why, g_free);
}

gboolean
database_runner_connect (DatabaseRunner *runner, gint64 limit, GError **error)
{
  gulong pause = 20 * 1000;

  while (runner->connection == NULL) {
    g_autoptr (GError) local = NULL;

    runner->connection = runner->driver->open (runner->shared, runner->use, limit, &local);
    if (runner->connection != NULL) {
      database_state_up (database_get_state (runner->database));
      break;
    }
    if (!runner->quiet)
      database_state_down (database_get_state (runner->database), "cannot connect to the database",
                           local->message);
    if (g_get_monotonic_time () + (gint64)pause >= limit ||
        database_is_stopping (runner->database)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    g_usleep (pause);
    pause = MIN (pause * 2, 500 * 1000);
    if (runner->heartbeat != NULL)
      heartbeat_stamp (runner->heartbeat, runner->heartbeat_index);
  }
  return TRUE;
}

/* Runs WORK once; the connection's fault says how it went. TRUE: it was to be kept. */
static gboolean
database_runner_attempt (DatabaseRunner *runner,
                         const DatabaseWork *work,
                         gpointer *ret_result,
                         GArray **ret_held)
{
  DatabaseConnection *connection = runner->connection;
  DatabaseFault *fault = &connection->fault;
  DatabaseTx tx;
  gboolean keep;

  database_fault_clear (fault);
  connection->writes = (work->flags & DAE_WORK_WRITES) != 0;
  connection->begun = FALSE;
  connection->deadline = work->deadline;
  connection->now = 0;
  runner->driver->begin (connection);
  database_tx_open (&tx, runner, work->plugin);
  *ret_result = work->run (&tx.base, work->data);
  keep = fault->kind == DATABASE_FAULT_NONE &&
         (work->keep == NULL || work->keep (*ret_result, work->data));
  if (fault->kind == DATABASE_FAULT_NONE && g_get_monotonic_time () >= work->deadline)
    database_tx_fail (&tx, DATABASE_FAULT_DEADLINE, NULL, "deadline passed before COMMIT");
  if (keep && fault->kind == DATABASE_FAULT_NONE)
    runner->driver->commit (connection);
  else
    runner->driver->rollback (connection);
  /* in doubt they wait for the decision */
  if (keep && (fault->kind == DATABASE_FAULT_NONE || fault->kind == DATABASE_FAULT_IN_DOUBT))
    *ret_held = tx.held;
  else
    database_held_end (tx.held, FALSE);
  database_tx_close (&tx);
  return keep;
}

static const char *
database_fault_reason (DatabaseFaultKind kind)
{
  switch (kind) {
  case DATABASE_FAULT_SERIALIZATION:
    return "serialization";
  case DATABASE_FAULT_DEADLOCK:
    return "deadlock";
  case DATABASE_FAULT_STALE_PLAN:
    return "stale_plan";
  case DATABASE_FAULT_LOST:
    return "connection_lost";
  default:
    return NULL;
  }
}

static DatabaseVerdict
database_fault_verdict (DatabaseFaultKind kind)
{
  switch (kind) {
  case DATABASE_FAULT_NONE:
    return DATABASE_DONE;
  case DATABASE_FAULT_SERIALIZATION:
  case DATABASE_FAULT_DEADLOCK:
  case DATABASE_FAULT_STALE_PLAN:
  case DATABASE_FAULT_BUSY:
    return DATABASE_BUSY;
  case DATABASE_FAULT_LOST:
  case DATABASE_FAULT_STORAGE:
    return DATABASE_UNAVAILABLE;
  case DATABASE_FAULT_IN_DOUBT:
    return DATABASE_UNKNOWN;
  case DATABASE_FAULT_CONFLICT:
    return DATABASE_CONFLICT;
  case DATABASE_FAULT_INVALID:
    return DATABASE_INVALID;
  case DATABASE_FAULT_DEADLINE:
    return DATABASE_DEADLINE;
  case DATABASE_FAULT_FULL:
    return DATABASE_FULL;
  case DATABASE_FAULT_FAILED:
    break;
  }
  return DATABASE_FAILED;
}

static void
database_runner_note (DatabaseRunner *runner, const DatabaseFault *fault)
{
  /* a SQLSTATE can be looked up; SQLite's numbers say no more than its words */
  gboolean is_sqlstate = strlen (fault->code) == 5;

  g_free (runner->why);
  runner->why = is_sqlstate ? g_strdup_printf ("%s (%s)", fault->message, fault->code)
                            : g_strdup (fault->message);
}

static void
database_runner_log (DatabaseRunner *runner, const DatabaseWork *work, const DatabaseFault *fault)
{
  LogContext context = {
    .plugin = work->plugin != NULL ? work->plugin->name : NULL,
    .request_id = work->request_id,
    .route = work->what,
  };
  DaeField fields[] = {
    DAE_S ("error", fault->message),
    DAE_S ("code", fault->code),
    DAE_S ("statement", fault->sql != NULL ? fault->sql : ""),
  };

  switch (fault->kind) {
  case DATABASE_FAULT_FAILED:
    log_fields (G_LOG_LEVEL_CRITICAL, &context, "a database statement is wrong", fields, 3);
    if (work->plugin != NULL)
      plugin_fault (work->plugin, "database", fault->message);
    break;
  case DATABASE_FAULT_FULL:
    log_fields (G_LOG_LEVEL_WARNING, &context, "the database's disk is full", fields, 3);
    break;
  case DATABASE_FAULT_STORAGE:
    log_fields (G_LOG_LEVEL_CRITICAL, &context, "the database's storage gives errors", fields, 3);
    break;
  case DATABASE_FAULT_IN_DOUBT:
    log_fields (G_LOG_LEVEL_WARNING, &context, "the outcome of a commit is unknown", fields, 3);
    break;
  default:
    log_fields (G_LOG_LEVEL_DEBUG, &context, "a transaction was rolled back", fields, 3);
    break;
  }
}

/* After a lost answer to COMMIT: turns the fault into NONE (it is stored), LOST (it is not) or
 * leaves it. */
static void
database_runner_resolve (DatabaseRunner *runner, gint64 deadline)
{
  DatabaseFault *fault = &runner->connection->fault;
  gint64 limit = MAX (deadline, g_get_monotonic_time ()) + RESOLVE_US;

  switch (runner->driver->resolve (runner->shared, runner->connection, limit)) {
  case DATABASE_WAS_COMMITTED:
    database_fault_clear (fault);
    break;
  case DATABASE_WAS_ABORTED:
    fault->kind = DATABASE_FAULT_LOST;
    break;
  case DATABASE_WAS_UNKNOWN:
    break;
  }
}

/* Pauses between two runs of the same work, so that rivals do not meet again at once. */
static void
database_runner_pause (DatabaseFaultKind kind, guint run)
{
  if (kind == DATABASE_FAULT_SERIALIZATION || kind == DATABASE_FAULT_DEADLOCK)
    g_usleep ((gulong)g_random_int_range (1000, 8000 << run));
}

static DatabaseVerdict
database_runner_execute_inner (DatabaseRunner *runner,
                               const DatabaseWork *work,
                               gpointer *ret_result,
                               GArray **ret_held)
{
  for (guint run = 0;; run++) {
    g_autoptr (GError) error = NULL;
    DatabaseFaultKind kind;
    gboolean keep;

    if (!database_runner_connect (
            runner, MIN (work->deadline, g_get_monotonic_time () + RECONNECT_US), &error)) {
      g_free (runner->why);
      runner->why = g_strdup (error->message);
      return DATABASE_UNAVAILABLE;
    }
    keep = database_runner_attempt (runner, work, ret_result, ret_held);
    if (runner->connection->fault.kind == DATABASE_FAULT_IN_DOUBT) {
      database_runner_resolve (runner, work->deadline);
      if (runner->connection->fault.kind != DATABASE_FAULT_NONE)
        database_held_end (g_steal_pointer (ret_held), FALSE);
    }
    kind = runner->connection->fault.kind;
    if (kind != DATABASE_FAULT_NONE) {
      const char *reason = database_fault_reason (kind);
      gboolean again = reason != NULL && run < RERUNS && g_get_monotonic_time () < work->deadline;

      database_runner_note (runner, &runner->connection->fault);
      if (!again && !runner->quiet)
        database_runner_log (runner, work, &runner->connection->fault);
      if (*ret_result != NULL && work->free_result != NULL)
        work->free_result (*ret_result);
      *ret_result = NULL;
      if (runner->connection->is_broken)
        database_runner_close (runner);
      if (!again)
        return database_fault_verdict (kind);
      database_state_count_retry (database_get_state (runner->database), reason);
      database_runner_pause (kind, run);
      continue;
    }
    if (runner->connection->is_broken)
      database_runner_close (runner);
    return keep ? DATABASE_DONE : DATABASE_ROLLED_BACK;
  }
}

DatabaseVerdict
database_runner_execute (DatabaseRunner *runner,
                         const DatabaseWork *work,
                         gpointer *ret_result,
                         GArray **ret_held)
{
  DatabaseVerdict verdict;

  *ret_result = NULL;
  *ret_held = NULL;
  g_clear_pointer (&runner->why, g_free);
  if (runner->heartbeat != NULL)
    heartbeat_enter (runner->heartbeat, runner->heartbeat_index,
                     work->plugin != NULL ? work->plugin->name : "host", work->what,
                     work->request_id, work->deadline);
  verdict = database_runner_execute_inner (runner, work, ret_result, ret_held);
  if (runner->heartbeat != NULL)
    heartbeat_leave (runner->heartbeat, runner->heartbeat_index);
  return verdict;
}
