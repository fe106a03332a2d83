/* SPDX-License-Identifier: Apache-2.0 */
/* database: transactions on pool threads, for PostgreSQL and SQLite alike.
 *
 * Three pool threads and the keeper, a connection each. What a transaction
 * wants done afterwards (functions, hints, counts, log lines) is held and runs
 * on the loop once it has committed.
 */
#pragma once

#include "../config/complaint.h"
#include "../host.h"

typedef enum {
  DATABASE_DONE = 0,    /* committed (or a read that ended) */
  DATABASE_ROLLED_BACK, /* `keep` said no: the result stands, nothing was stored */
  DATABASE_BUSY,        /* queue full, waited too long, lock not to be had, too many connections: 503 */
  DATABASE_UNAVAILABLE, /* no connection: 503 */
  DATABASE_CONFLICT,    /* 23xxx: 409 */
  DATABASE_INVALID,     /* a value that the database refuses: 422 */
  DATABASE_DEADLINE,    /* 504 */
  DATABASE_FULL,        /* disk full: 507 */
  DATABASE_UNKNOWN,     /* the answer to COMMIT was lost and cannot be found out: 503 outcome_unknown */
  DATABASE_FAILED,      /* the plugin's fault: 500 */
} DatabaseVerdict;

typedef struct {
  Plugin *plugin;         /* may be NULL: the host's own */
  const char *what;       /* route pattern, job or "work": for in-flight table and log; static or interned */
  const char *request_id; /* may be NULL; copied */
  guint32 flags;          /* DAE_WORK_* */
  gint64 deadline;        /* g_get_monotonic_time () at which it is too late; 0: 30 s from now */
  gpointer (*run) (DaeTx *tx, gpointer data); /* pool thread; may run again */
  gboolean (*keep) (gpointer result, gpointer data); /* pool thread: commit? NULL: yes */
  GDestroyNotify free_result; /* before a re-run only: `done` owns the last result */
  void (*done) (DatabaseVerdict verdict, gpointer result, gpointer data); /* loop, exactly once;
                                           RESULT is NULL unless DONE or ROLLED_BACK */
  gpointer data;
} DatabaseWork;

/* Reads [database] of HOST->config; no connection yet. On FALSE the complaint says why. */
Database *database_new (Host *host, Complaints *complaints);
/* Opens the pool in the background; jobs and work queue until it is there. */
void database_start (Database *database);
/* This process makes way for another: from now on connections are opened as work needs them, given back
 * when they have been idle for a second, and hints of other hosts are not heard. */
void database_drain (Database *database);
/* Waits for what runs, closes all connections; what waits is told that there is no database, as is
 * all that comes later. Each `done` has been called when this returns. */
void database_stop (Database *database);
/* Stops it where that has not been done. */
void database_free (Database *database);
gboolean database_is_sqlite (Database *database);
void database_submit (Database *database, const DatabaseWork *work);
guint database_in_flight (Database *database);
/* As of the last probe or statement: TRUE if a connection works. *RET_LATENCY_US and *RET_WHY (static
 * text) may be NULL. */
gboolean database_is_up (Database *database, gint64 *ret_latency_us, const char **ret_why);
/* Asks the database, on the keeper. FUNC (may be NULL) is called on the loop when that has ended, at
 * once where a probe is under way. */
void database_probe (Database *database, void (*func) (gpointer data), gpointer data);

/* The transaction of the calling pool thread, or NULL: what is counted and logged inside is held. */
DaeTx *database_current_tx (void);
void database_after_commit (DaeTx *tx, void (*func) (gpointer data), gpointer data, GDestroyNotify free_data);
/* The slots of DaeApi for dae-database.h, but `work`, which plugin-api.c makes of database_submit,
 * and dae_publish. */
void database_fill_api (DaeApi *api);

/* Hints between hosts: NOTIFY by the keeper, LISTEN on a connection of its own in the loop. FUNC is
 * called with NULL after a loss (reconnected). Nothing on SQLite. */
void database_notify (Database *database, GPtrArray *payloads); /* (element-type char *), given */
void database_listen (Database *database, void (*func) (const char *payload, gpointer data), gpointer data);

/* A connection of the caller's own for migrations and commands, used synchronously on the calling
 * thread; NULL with ERROR. */
typedef struct DatabaseSession DatabaseSession;
DatabaseSession *database_session_open (Database *database, GError **error);
void database_session_close (DatabaseSession *session);
/* Runs FUNC in one write transaction; FALSE with ERROR set if it was rolled back. */
gboolean database_session_run (DatabaseSession *session, void (*func) (DaeTx *tx, gpointer data), gpointer data,
                               GError **error);
/* Runs a script of statements as it is (migrations), in a transaction unless it says
 * "-- no transaction" in its first line. */
gboolean database_session_script (DatabaseSession *session, const char *sql, GError **error);
/* As database_session_script, then FUNC (may be NULL) in the same transaction: both or neither. */
gboolean database_session_apply (DatabaseSession *session, const char *sql, void (*func) (DaeTx *tx, gpointer data),
                                 gpointer data, GError **error);
/* Holds off other sessions that ask for the same until this one closes. G_IO_ERROR_BUSY if another
 * still has it at DEADLINE (monotonic). */
gboolean database_session_lock (DatabaseSession *session, gint64 deadline, GError **error);
