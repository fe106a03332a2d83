/* SPDX-License-Identifier: Apache-2.0 */
/* database-tx: one transaction as plugin code sees it, and the runner that takes it from BEGIN to
 * verdict on the calling thread. Private to host/data. */
#pragma once

#include "../process/heartbeat.h"
#include "database-driver.h"
#include "database-state.h"

/* A thing to do on the loop after the commit. */
typedef struct {
  void (*func) (gpointer data);
  gpointer data;
  GDestroyNotify free_data;
} DatabaseHeld;

/* A thread's (or session's) place: its connection and what it needs to run transactions. */
typedef struct {
  Database *database;
  const DatabaseDriver *driver;
  gpointer shared;                /* the driver's */
  DatabaseConnection *connection; /* owned; NULL: none now */
  DatabaseUse use;
  Heartbeat *heartbeat; /* may be NULL */
  guint heartbeat_index;
  DatabaseArena arena;
  char *why;  /* owned: what the last verdict came from, for sessions; NULL: nothing */
  gboolean quiet; /* a session: the caller reports */
} DatabaseRunner;

struct DatabaseTx {
  DaeTx base;
  DatabaseRunner *runner;
  Plugin *plugin; /* NULL: the host */
  GPtrArray *rows; /* (element-type DatabaseRows) in the arena */
  GArray *held;    /* (element-type DatabaseHeld) */
};

void database_tx_open (DatabaseTx *tx, DatabaseRunner *runner, Plugin *plugin);
void database_tx_close (DatabaseTx *tx);
gboolean database_tx_has_failed (DatabaseTx *tx);
void database_tx_fail (DatabaseTx *tx, DatabaseFaultKind kind, const char *sql, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* FALSE with ERROR if RUNNER has no connection by DEADLINE. Tries again and again until LIMIT. */
gboolean database_runner_connect (DatabaseRunner *runner, gint64 limit, GError **error);
void database_runner_clear (DatabaseRunner *runner);
/* Runs WORK to its verdict; *RET_HELD is owned and may be NULL. */
DatabaseVerdict database_runner_execute (DatabaseRunner *runner, const DatabaseWork *work, gpointer *ret_result,
                                         GArray **ret_held);
/* TRUE: each held function runs, then its data is freed; FALSE: only freed. */
void database_held_end (GArray *held, gboolean run);

/* database.c */
DatabaseState *database_get_state (Database *database);
gboolean database_is_draining (Database *database);
gboolean database_is_stopping (Database *database);
void database_runner_init (DatabaseRunner *runner, Database *database, DatabaseUse use);
