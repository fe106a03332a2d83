/* SPDX-License-Identifier: Apache-2.0 */
/* database-state: whether the database can be reached, and the metrics of the pool. Private to
 * host/data; any thread. */
#pragma once

#include "../host.h"

typedef enum {
  DATABASE_THREAD_DOWN = 0,
  DATABASE_THREAD_IDLE,
  DATABASE_THREAD_BUSY,
  DATABASE_THREAD_GIVEN_BACK, /* while draining: not counted */
} DatabaseThreadState;
#define DATABASE_THREAD_STATES 4

typedef struct DatabaseState DatabaseState;

/* METRICS may be NULL. All of N_THREADS are down. */
DatabaseState *database_state_new (Metrics *metrics, guint n_threads);
void database_state_free (DatabaseState *state);
/* WHY is static and for people; ERROR is logged, once an outage. */
void database_state_down (DatabaseState *state, const char *why, const char *error);
void database_state_up (DatabaseState *state);
void database_state_latency (DatabaseState *state, gint64 latency_us);
/* FALSE: one is on its way. */
gboolean database_state_begin_probe (DatabaseState *state);
void database_state_end_probe (DatabaseState *state);
gboolean database_state_get (DatabaseState *state, gint64 *ret_latency_us, const char **ret_why);
void database_state_thread (DatabaseState *state, DatabaseThreadState before, DatabaseThreadState after);
gboolean database_state_is_connected (DatabaseThreadState state);
/* How many threads have a connection, with the database's lock held. */
guint database_state_connected (const DatabaseState *state);
void database_state_count_retry (DatabaseState *state, const char *reason);
void database_state_observe (DatabaseState *state, const char *plugin, gint64 waited_us, gint64 worked_us);
