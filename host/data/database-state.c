/* SPDX-License-Identifier: Apache-2.0 */
/* database-state: whether the database can be reached, and the metrics of the pool. */
#include "database-state.h"

#include "../observe/log.h"
#include "../observe/metrics.h"

struct DatabaseState {
  MetricsFamily *work_seconds, *retries_total;
  MetricsSeries *wait_seconds, *connections[DATABASE_THREAD_STATES];

  GMutex lock; /* all below */
  gboolean is_up;
  gboolean is_reported_down;
  gboolean is_probing;
  const char *why; /* static */
  gint64 latency_us;
  guint n_threads[DATABASE_THREAD_STATES];
};

static MetricsFamily *
database_state_add_family (Metrics *metrics, const DaeMetric *row)
{
  g_autoptr (GError) error = NULL;
  MetricsFamily *family = metrics_add_family (metrics, NULL, row, &error);

  if (family == NULL)
    log_line (G_LOG_LEVEL_WARNING, "a metric is not kept", DAE_S ("error", error->message));
  return family;
}

static void
database_state_add_metrics (DatabaseState *state, Metrics *metrics)
{
  static const double buckets[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                    0.25,   0.5,   1,      2.5,   5,    10,    30 };
  static const DaeMetric work = { .name = "database_work_seconds",
                                  .type = DAE_HISTOGRAM,
                                  .help = "Time from taking up a transaction to its verdict",
                                  .labels = "plugin",
                                  .buckets = buckets,
                                  .n_buckets = G_N_ELEMENTS (buckets) };
  static const DaeMetric wait = { .name = "database_wait_seconds",
                                  .type = DAE_HISTOGRAM,
                                  .help = "Time a transaction waited for a thread",
                                  .buckets = buckets,
                                  .n_buckets = G_N_ELEMENTS (buckets) };
  static const DaeMetric connections = { .name = "database_connections",
                                         .type = DAE_GAUGE,
                                         .help = "Connections of the pool and the keeper",
                                         .labels = "state=idle|busy|down" };
  static const DaeMetric retries = {
    .name = "database_retries_total",
    .type = DAE_COUNTER,
    .help = "Transactions run again",
    .labels = "reason=serialization|deadlock|stale_plan|connection_lost"
  };
  static const char *const states[] = { "down", "idle", "busy" };
  MetricsFamily *family;

  state->work_seconds = database_state_add_family (metrics, &work);
  state->retries_total = database_state_add_family (metrics, &retries);
  family = database_state_add_family (metrics, &wait);
  if (family != NULL)
    state->wait_seconds = metrics_series (family, NULL, 0);
  family = database_state_add_family (metrics, &connections);
  for (guint i = 0; i < G_N_ELEMENTS (states) && family != NULL; i++)
    state->connections[i] = metrics_series (family, &states[i], 1);
}

DatabaseState *
database_state_new (Metrics *metrics, guint n_threads)
{
  DatabaseState *state = g_new0 (DatabaseState, 1);

  g_mutex_init (&state->lock);
  state->why = "not connected yet";
  state->n_threads[DATABASE_THREAD_DOWN] = n_threads;
  if (metrics == NULL)
    return state;
  database_state_add_metrics (state, metrics);
  if (state->connections[DATABASE_THREAD_DOWN] != NULL)
    metrics_set (state->connections[DATABASE_THREAD_DOWN], n_threads);
  return state;
}

void
database_state_free (DatabaseState *state)
{
  g_mutex_clear (&state->lock);
  g_free (state);
}

void
database_state_down (DatabaseState *state, const char *why, const char *error)
{
  gboolean is_first;

  g_mutex_lock (&state->lock);
  is_first = !state->is_reported_down;
  state->is_reported_down = TRUE;
  state->is_up = FALSE;
  state->why = why;
  g_mutex_unlock (&state->lock);
  /* once an outage: connections are tried several times a second */
  if (is_first)
    log_line (G_LOG_LEVEL_WARNING, "the database cannot be reached", DAE_S ("error", error));
}

void
database_state_up (DatabaseState *state)
{
  gboolean was_down;

  g_mutex_lock (&state->lock);
  was_down = state->is_reported_down;
  state->is_reported_down = FALSE;
  state->is_up = TRUE;
  state->why = NULL;
  g_mutex_unlock (&state->lock);
  if (was_down)
    log_line (G_LOG_LEVEL_INFO, "the database is reached again");
}

void
database_state_latency (DatabaseState *state, gint64 latency_us)
{
  g_mutex_lock (&state->lock);
  state->latency_us = latency_us;
  g_mutex_unlock (&state->lock);
}

gboolean
database_state_begin_probe (DatabaseState *state)
{
  gboolean ret;

  g_mutex_lock (&state->lock);
  ret = !state->is_probing;
  state->is_probing = TRUE;
  g_mutex_unlock (&state->lock);
  return ret;
}

void
database_state_end_probe (DatabaseState *state)
{
  g_mutex_lock (&state->lock);
  state->is_probing = FALSE;
  g_mutex_unlock (&state->lock);
}

gboolean
database_state_get (DatabaseState *state, gint64 *ret_latency_us, const char **ret_why)
{
  gboolean ret;

  g_mutex_lock (&state->lock);
  ret = state->is_up;
  if (ret_latency_us != NULL)
    *ret_latency_us = state->latency_us;
  if (ret_why != NULL)
    *ret_why = state->why;
  g_mutex_unlock (&state->lock);
  return ret;
}

void
database_state_thread (DatabaseState *state, DatabaseThreadState before, DatabaseThreadState after)
{
  if (before == after)
    return;
  g_mutex_lock (&state->lock);
  state->n_threads[before]--;
  state->n_threads[after]++;
  if (state->connections[before] != NULL)
    metrics_set (state->connections[before], state->n_threads[before]);
  if (state->connections[after] != NULL)
    metrics_set (state->connections[after], state->n_threads[after]);
  g_mutex_unlock (&state->lock);
}

void
database_state_count_retry (DatabaseState *state, const char *reason)
{
  if (state->retries_total != NULL)
    metrics_add (metrics_series (state->retries_total, &reason, 1), 1);
}

void
database_state_observe (DatabaseState *state,
                        const char *plugin,
                        gint64 waited_us,
                        gint64 worked_us)
{
  if (state->wait_seconds != NULL)
    metrics_observe (state->wait_seconds, (double)waited_us / G_USEC_PER_SEC);
  if (state->work_seconds != NULL)
    metrics_observe (metrics_series (state->work_seconds, &plugin, 1),
                     (double)worked_us / G_USEC_PER_SEC);
}

gboolean
database_state_is_connected (DatabaseThreadState state)
{
  return state == DATABASE_THREAD_IDLE || state == DATABASE_THREAD_BUSY;
}

guint
database_state_connected (const DatabaseState *state)
{
  return state->n_threads[DATABASE_THREAD_IDLE] + state->n_threads[DATABASE_THREAD_BUSY];
}
