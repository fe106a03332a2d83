/* SPDX-License-Identifier: Apache-2.0 */
/* watch: signs of life, and what a worker was at when it died. */
#include "watch.h"

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
watch_count (const Watch *watch, const char *plugin)
{
  const char *labels[] = { plugin, watch->stalled ? "stall" : "crash" };
  MetricsFamily *family =
      watch->metrics != NULL ? metrics_find_family (watch->metrics, "plugin_faults_total") : NULL;

  if (family != NULL)
    metrics_add (metrics_series (family, labels, G_N_ELEMENTS (labels)), 1);
}

/* What the process died of: where the supervisor ended it, where it says itself, or the one plugin
 * it was at; the host's own work, such as a probe, may go on beside. */
static const HeartbeatView *
watch_find_fault (const Watch *watch, const HeartbeatView *views)
{
  const HeartbeatView *only = NULL;
  guint active = 0;

  if (watch->stalled && views[watch->stalled_thread].active)
    return &views[watch->stalled_thread];
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
watch_log (const Watch *watch,
           const char *how,
           const char *plugin,
           const HeartbeatView *fault,
           gint64 pause_ms)
{
  log_line (G_LOG_LEVEL_WARNING, "worker died", DAE_I ("pid", watch->pid),
            DAE_I ("worker", watch->index), DAE_S ("how", how), DAE_S ("plugin", plugin),
            DAE_S ("route", fault != NULL ? fault->route : NULL),
            DAE_S ("request_id", fault != NULL ? fault->request_id : NULL),
            DAE_I ("again_in_ms", pause_ms));
}

static void
watch_log_rest (const Watch *watch, const HeartbeatView *views, const HeartbeatView *fault)
{
  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++)
    if (views[thread].active && &views[thread] != fault)
      log_line (G_LOG_LEVEL_MESSAGE, "was in hand of the worker that died",
                DAE_I ("pid", watch->pid), DAE_S ("plugin", views[thread].plugin),
                DAE_S ("route", views[thread].route),
                DAE_S ("request_id", views[thread].request_id));
}

char *
watch_tell_death (Watch *watch, int status, gint64 pause_ms, char **ret_plugin)
{
  HeartbeatView views[HEARTBEAT_THREADS] = { 0 };
  const HeartbeatView *fault;
  g_autofree char *how = WIFSIGNALED (status)
                             ? g_strdup (strsignal (WTERMSIG (status)))
                             : g_strdup_printf ("exit status %d", WEXITSTATUS (status));
  g_autofree char *blamed = g_strdup ("");
  const char *plugin;

  if (watch->heartbeat != NULL) {
    for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++)
      heartbeat_look (watch->heartbeat, watch->slot, thread, &views[thread]);
    g_free (blamed);
    blamed = heartbeat_blamed (watch->heartbeat, watch->slot);
  }
  fault = watch_find_fault (watch, views);
  plugin = *blamed != '\0' ? blamed : fault != NULL ? fault->plugin : NULL;
  watch_log (watch, how, plugin, fault, pause_ms);
  watch_log_rest (watch, views, fault);
  if (plugin == NULL || strcmp (plugin, "host") == 0)
    return g_strdup_printf ("%s\n    See the log for what it said.\n", how);
  watch_count (watch, plugin);
  if (ret_plugin != NULL)
    *ret_plugin = g_strdup (plugin);
  return g_strdup_printf ("%s, at \"%s\" of plugin \"%s\"\n"
                          "    Repair that plugin, or set enabled = false in [plugin %s].\n",
                          how, fault != NULL ? fault->route : "", plugin, plugin);
}

static gboolean
watch_on_abort_ignored (gpointer data)
{
  Watch *watch = data;

  watch->kill_source = 0;
  kill (watch->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

/* The signal goes to the thread that stalls, so that the backtrace is its own. */
static void
watch_end_stalled (Watch *watch, const HeartbeatView *view, guint thread, gint64 late)
{
  log_line (G_LOG_LEVEL_CRITICAL, "worker stalls and is ended", DAE_I ("pid", watch->pid),
            DAE_I ("worker", watch->index), DAE_I ("thread", thread),
            DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view->active ? view->plugin : ""),
            DAE_S ("route", view->active ? view->route : ""),
            DAE_S ("request_id", view->active ? view->request_id : ""));
  watch->stalled = TRUE;
  watch->stalled_thread = thread;
  if (view->tid == 0 || syscall (SYS_tgkill, watch->pid, view->tid, SIGABRT) != 0)
    kill (watch->pid, SIGABRT);
  watch->kill_source = g_timeout_add (KILL_AFTER_MS, watch_on_abort_ignored, watch);
}

static void
watch_warn (Watch *watch, const HeartbeatView *view, gint64 late)
{
  if (late > WARN_US && !watch->warned)
    log_line (G_LOG_LEVEL_WARNING, "loop is late", DAE_I ("pid", watch->pid),
              DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view->active ? view->plugin : ""),
              DAE_S ("route", view->active ? view->route : ""));
  watch->warned = late > WARN_US;
}

/* A worker that starts is watched from its first plugin on: a start that blocks is a stall too. */
void
watch_look (Watch *watch)
{
  gint64 now = g_get_monotonic_time ();

  if (watch->pid == 0 || watch->heartbeat == NULL)
    return;
  for (guint thread = 0; thread < HEARTBEAT_THREADS && !watch->stalled; thread++) {
    HeartbeatView view;
    gint64 late;

    heartbeat_look (watch->heartbeat, watch->slot, thread, &view);
    if (thread == HEARTBEAT_LOOP)
      late = view.stamp > 0 ? now - view.stamp : 0;
    else
      late = view.active && view.deadline > 0 ? now - view.deadline : 0;
    if (late > STALL_US)
      watch_end_stalled (watch, &view, thread, late);
    else if (thread == HEARTBEAT_LOOP && watch->ready)
      watch_warn (watch, &view, late);
  }
}

void
watch_clear (Watch *watch)
{
  g_clear_handle_id (&watch->kill_source, g_source_remove);
  watch->pid = 0;
  watch->ready = FALSE;
}
