/* SPDX-License-Identifier: Apache-2.0 */
/* crew-watch: signs of life, and what a worker was at when it died. */
#include "crew-private.h"

#include "../observe/log.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARN_US       (1 * G_USEC_PER_SEC)
#define STALL_US      (10 * G_USEC_PER_SEC)
#define KILL_AFTER_MS 2000

static void
count_fault (CrewWorker *worker, const HeartbeatView *view)
{
  const char *labels[] = { view->plugin, worker->stalled ? "stall" : "crash" };
  MetricsFamily *family =
      metrics_find_family (worker->crew->ground->metrics, "plugin_faults_total");

  if (family != NULL && strcmp (view->plugin, "host") != 0)
    metrics_add (metrics_series (family, labels, G_N_ELEMENTS (labels)), 1);
}

/* What the process died of: where the supervisor ended it, where it says itself, or the one plugin
 * it was at; the host's own work, such as a probe, may go on beside. */
static const HeartbeatView *
find_fault (const CrewWorker *worker, const HeartbeatView *views)
{
  const HeartbeatView *only = NULL;
  guint active = 0;

  if (worker->stalled && views[worker->stalled_thread].active)
    return &views[worker->stalled_thread];
  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++) {
    if (views[thread].faulted)
      return &views[thread];
    if (views[thread].active && strcmp (views[thread].plugin, "host") != 0) {
      only = &views[thread];
      active++;
    }
  }
  return active == 1 ? only : NULL;
}

static void
log_death (const CrewWorker *worker, const char *how, const HeartbeatView *fault, gint64 pause_ms)
{
  log_line (G_LOG_LEVEL_WARNING, "worker died", DAE_I ("pid", worker->pid),
            DAE_I ("worker", worker->index), DAE_S ("how", how),
            DAE_S ("plugin", fault != NULL ? fault->plugin : NULL),
            DAE_S ("route", fault != NULL ? fault->route : NULL),
            DAE_S ("request_id", fault != NULL ? fault->request_id : NULL),
            DAE_I ("again_in_ms", pause_ms));
}

char *
crew_tell_death (CrewWorker *worker, int status, gint64 pause_ms)
{
  HeartbeatView views[HEARTBEAT_THREADS];
  const HeartbeatView *fault;
  g_autofree char *how = WIFSIGNALED (status)
                             ? g_strdup (strsignal (WTERMSIG (status)))
                             : g_strdup_printf ("exit status %d", WEXITSTATUS (status));

  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++)
    heartbeat_look (worker->crew->ground->heartbeat, worker->slot, thread, &views[thread]);
  fault = find_fault (worker, views);
  log_death (worker, how, fault, pause_ms);
  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++)
    if (views[thread].active && &views[thread] != fault)
      log_line (G_LOG_LEVEL_MESSAGE, "was in hand of the worker that died",
                DAE_I ("pid", worker->pid), DAE_S ("plugin", views[thread].plugin),
                DAE_S ("route", views[thread].route),
                DAE_S ("request_id", views[thread].request_id));
  if (fault == NULL)
    return g_strdup_printf ("%s\n    See the log for what it said.\n", how);
  count_fault (worker, fault);
  return g_strdup_printf ("%s, at \"%s\" of plugin \"%s\"\n"
                          "    Repair that plugin, or set enabled = false in [plugin %s].\n",
                          how, fault->route, fault->plugin, fault->plugin);
}

static gboolean
on_abort_ignored (gpointer data)
{
  CrewWorker *worker = data;

  worker->kill_source = 0;
  kill (worker->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

/* The signal goes to the thread that stalls, so that the backtrace is its own. */
static void
end_stalled (CrewWorker *worker, const HeartbeatView *view, guint thread, gint64 late)
{
  log_line (G_LOG_LEVEL_CRITICAL, "worker stalls and is ended", DAE_I ("pid", worker->pid),
            DAE_I ("worker", worker->index), DAE_I ("thread", thread),
            DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view->active ? view->plugin : ""),
            DAE_S ("route", view->active ? view->route : ""),
            DAE_S ("request_id", view->active ? view->request_id : ""));
  worker->stalled = TRUE;
  worker->stalled_thread = thread;
  if (view->tid == 0 || syscall (SYS_tgkill, worker->pid, view->tid, SIGABRT) != 0)
    kill (worker->pid, SIGABRT);
  worker->kill_source = g_timeout_add (KILL_AFTER_MS, on_abort_ignored, worker);
}

static void
watch_loop (CrewWorker *worker, const HeartbeatView *view, gint64 late)
{
  if (late > WARN_US && !worker->warned)
    log_line (G_LOG_LEVEL_WARNING, "loop is late", DAE_I ("pid", worker->pid),
              DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view->active ? view->plugin : ""),
              DAE_S ("route", view->active ? view->route : ""));
  worker->warned = late > WARN_US;
}

/* A worker that starts is watched from its first plugin on: a start that blocks is a stall too. */
static void
watch (CrewWorker *worker)
{
  gint64 now = g_get_monotonic_time ();

  for (guint thread = 0; thread < HEARTBEAT_THREADS && !worker->stalled; thread++) {
    HeartbeatView view;
    gint64 late;

    heartbeat_look (worker->crew->ground->heartbeat, worker->slot, thread, &view);
    if (thread == HEARTBEAT_LOOP)
      late = view.stamp > 0 ? now - view.stamp : 0;
    else
      late = view.active && view.deadline > 0 ? now - view.deadline : 0;
    if (late > STALL_US)
      end_stalled (worker, &view, thread, late);
    else if (thread == HEARTBEAT_LOOP && worker->ready)
      watch_loop (worker, &view, late);
  }
}

void
crew_watch (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].pid != 0)
      watch (&crew->workers[i]);
}
