/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: the one process that lasts.
 *
 * Its life: check -> sockets -> first crew -> ready; then reloads (check -> new
 * crew ready -> old crew drains) until TERM or INT. What happens between the
 * first check and the end is in supervisor-reload.c.
 */
#include "supervisor.h"

#include "../observe/log.h"
#include "../paths.h"
#include "ephemeral.h"
#include "notify.h"
#include "role.h"
#include "supervisor-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WATCH_EVERY_MS  250
#define REFRESH_EVERY_S 5
#define LISTEN_GRACE_MS 250   /* after the workers have stopped accepting */
#define STOP_LIMIT_MS   30000 /* where no configuration says it */

gboolean
supervisor_serves (Supervisor *supervisor)
{
  return supervisor->current != NULL || supervisor->handover != NULL;
}

void
supervisor_end_if_alone (Supervisor *supervisor)
{
  if (supervisor->stopping && !supervisor_serves (supervisor) && supervisor->next == NULL &&
      supervisor->old->len == 0)
    supervisor->over = TRUE;
}

void
supervisor_set_level (Supervisor *supervisor)
{
  Crew *crew = supervisor->current;
  const char *level =
      crew != NULL ? config_text (crew_generation (crew)->config, "log", "level") : "info";

  log_set_level (supervisor->crew_ground.debug ? "debug" : level);
  if (crew != NULL)
    crew_set_level (crew);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_set_level (supervisor->old->pdata[i]);
}

/* ---- the end ----------------------------------------------------------- */

/* Told a second time: at once. */
static void
kill_all (Supervisor *supervisor)
{
  if (supervisor->current != NULL)
    crew_kill (supervisor->current);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_kill (supervisor->old->pdata[i]);
  if (supervisor->handover != NULL)
    handover_kill (supervisor->handover);
}

/* What workers no longer accept must not wait for ever; where a service manager keeps the socket,
 * it waits for who is started next. */
static gboolean
end_listening (gpointer data)
{
  Supervisor *supervisor = data;

  for (guint i = 0; supervisor->sockets != NULL && i < supervisor->sockets->len; i++) {
    ListenSocket *socket = supervisor->sockets->pdata[i];

    if (!socket->internal && socket->passed == NULL)
      listen_end (socket);
  }
  return G_SOURCE_REMOVE;
}

static void
drain_all (Supervisor *supervisor)
{
  Config *config =
      supervisor->current != NULL ? crew_generation (supervisor->current)->config : NULL;
  guint delay = config != NULL ? (guint)config_int (config, "host", "drain-delay") : 0;
  guint limit = config != NULL ? (guint)config_int (config, "host", "stop-limit") : STOP_LIMIT_MS;
  guint kill_after = delay + limit + KILL_GRACE_MS;
  g_autofree char *word = g_strdup_printf ("T %u %u", delay, limit);

  if (supervisor->current != NULL)
    crew_drain (supervisor->current, word, kill_after);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_drain (supervisor->old->pdata[i], word, kill_after);
  if (supervisor->handover != NULL)
    handover_drain (supervisor->handover, word, kill_after);
  g_timeout_add (delay + LISTEN_GRACE_MS, end_listening, supervisor);
}

static void
stop (Supervisor *supervisor)
{
  if (supervisor->stopping) {
    kill_all (supervisor);
    return;
  }
  supervisor->stopping = TRUE;
  log_line (G_LOG_LEVEL_MESSAGE, "daedalus ends");
  notify_send ("STOPPING=1\nSTATUS=draining");
  drain_all (supervisor);
  if (supervisor->next != NULL)
    crew_kill (supervisor->next);
  supervisor_end_if_alone (supervisor);
}

static void
on_parent_gone (gpointer data)
{
  Supervisor *supervisor = data;

  if (!supervisor->stopping)
    stop (supervisor);
}

/* ---- signals and clocks ------------------------------------------------ */

static gboolean
on_signal (int fd, GIOCondition condition, gpointer data)
{
  Supervisor *supervisor = data;
  struct signalfd_siginfo info;

  if (read (fd, &info, sizeof info) != sizeof info)
    return G_SOURCE_CONTINUE;
  switch (info.ssi_signo) {
  case SIGTERM:
  case SIGINT:
    stop (supervisor);
    break;
  case SIGHUP:
    if (!supervisor->stopping)
      supervisor_reload (supervisor);
    break;
  case SIGUSR2:
    supervisor->crew_ground.debug = !supervisor->crew_ground.debug;
    supervisor_set_level (supervisor);
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

static int
open_signals (void)
{
  sigset_t set;

  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGUSR2);
  sigprocmask (SIG_BLOCK, &set, NULL);
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static gboolean
watch (gpointer data)
{
  Supervisor *supervisor = data;

  if (supervisor->current != NULL)
    crew_watch (supervisor->current);
  if (supervisor->next != NULL)
    crew_watch (supervisor->next);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_watch (supervisor->old->pdata[i]);
  if (supervisor->handover != NULL)
    handover_watch (supervisor->handover, supervisor->crew_ground.metrics);
  return G_SOURCE_CONTINUE;
}

static gboolean
refresh (gpointer data)
{
  metrics_refresh_process (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
pet_watchdog (gpointer data)
{
  notify_send ("WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

static void
open_clocks (Supervisor *supervisor, int signals)
{
  guint watchdog = notify_watchdog_ms ();

  g_unix_fd_add (signals, G_IO_IN, on_signal, supervisor);
  g_timeout_add (WATCH_EVERY_MS, watch, supervisor);
  g_timeout_add_seconds (REFRESH_EVERY_S, refresh, supervisor->crew_ground.metrics);
  if (watchdog > 0)
    g_timeout_add (watchdog, pet_watchdog, NULL);
}

/* ---- birth and death --------------------------------------------------- */

static gboolean
open_memory (Supervisor *supervisor)
{
  static const DaeMetric restarts = { .name = "worker_restarts_total",
                                      .type = DAE_COUNTER,
                                      .help = "Workers that were replaced",
                                      .labels = "reason=crash|stall|reload" };
  GenerationGround *ground = &supervisor->generation_ground;
  CrewGround *crews = &supervisor->crew_ground;

  ground->instance = &supervisor->instance;
  ground->instance_id = supervisor->instance_id;
  ground->metrics_fd = metrics_create_memory ();
  ground->heartbeat_fd = heartbeat_create_memory ();
  ground->limits_fd = limits_create_memory ();
  if (ground->metrics_fd < 0 || ground->heartbeat_fd < 0 || ground->limits_fd < 0) {
    fputs ("cannot make the memory that workers share\n    Give daedalus more memory.\n", stderr);
    return FALSE;
  }
  crews->heartbeat = heartbeat_new (ground->heartbeat_fd, 0);
  crews->limits = limits_new (ground->limits_fd, 0);
  crews->metrics = metrics_new (ground->metrics_fd, 0);
  crews->restarts = metrics_add_family (crews->metrics, NULL, &restarts, NULL);
  crews->slots[0] = TRUE;
  return TRUE;
}

static void
open_log (Config *config)
{
  LogFormat format =
      isatty (STDOUT_FILENO) && g_strcmp0 (config_text (config, "log", "format"), "json") != 0
          ? LOG_TEXT
          : LOG_JSON;

  log_open (format, config_text (config, "log", "level"), "supervisor");
}

/* What is wrong is kept: the check goes on to find what else is. */
static void
open_instance (Supervisor *supervisor, Config *config)
{
  guint64 id = 0;

  (void)!getrandom (&id, sizeof id, 0);
  g_snprintf (supervisor->instance_id, sizeof supervisor->instance_id, "%016" G_GINT64_MODIFIER "x",
              id);
  if (instance_open (&supervisor->instance, config, supervisor->refusals) &&
      instance_lock (&supervisor->instance, supervisor->refusals))
    supervisor->control = control_new (supervisor->instance.control_socket, -1,
                                       supervisor_on_command, supervisor, supervisor->refusals);
  supervisor->options->prepare = supervisor->control != NULL;
}

static gboolean
open_all (Supervisor *supervisor)
{
  g_autoptr (Complaints) repeated = complaints_new (); /* the check makes them again */
  g_autoptr (Config) config = options_read_config (supervisor->options, repeated);
  int fd = supervisor->options->handover;

  open_log (config);
  supervisor->options->handover = 0;
  if (!open_memory (supervisor))
    return FALSE;
  if (fd == 0) {
    open_instance (supervisor, config);
    return TRUE;
  }
  supervisor->options->prepare = TRUE;
  if (supervisor_take_over (supervisor, fd, repeated))
    return TRUE;
  fputs ("cannot go on with what another daedalus has left\n    Start daedalus anew.\n", stderr);
  return FALSE;
}

static void
remove_files (Supervisor *supervisor)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, supervisor->announced);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    instance_announce (&supervisor->instance, key, NULL);
  for (guint i = 0; supervisor->sockets != NULL && i < supervisor->sockets->len; i++) {
    const ListenSocket *socket = supervisor->sockets->pdata[i];

    if (socket->passed == NULL && g_str_has_prefix (socket->address, "unix:"))
      unlink (socket->address + strlen ("unix:"));
  }
}

static void
answer_all (GPtrArray *calls)
{
  for (guint i = 0; i < calls->len; i++)
    control_answer (calls->pdata[i], 1, "daedalus has ended\n");
  g_ptr_array_unref (calls);
}

static void
close_all (Supervisor *supervisor, int signals)
{
  answer_all (supervisor->askers);
  answer_all (supervisor->later);
  remove_files (supervisor);
  g_clear_pointer (&supervisor->handover, handover_free);
  g_clear_pointer (&supervisor->control, control_free);
  g_clear_pointer (&supervisor->sockets, g_ptr_array_unref);
  g_ptr_array_unref (supervisor->passed);
  metrics_free (supervisor->crew_ground.metrics);
  g_clear_pointer (&supervisor->crew_ground.heartbeat, heartbeat_free);
  g_clear_pointer (&supervisor->crew_ground.limits, limits_free);
  close (supervisor->generation_ground.metrics_fd);
  close (supervisor->generation_ground.limits_fd);
  close (supervisor->generation_ground.heartbeat_fd);
  close (signals);
  instance_clear (&supervisor->instance);
  complaints_free (supervisor->refusals);
  g_ptr_array_unref (supervisor->old);
  g_hash_table_unref (supervisor->announced);
  g_clear_pointer (&supervisor->forks, fork_server_free);
  g_free (supervisor->exe);
}

int
supervisor_run (Options *options)
{
  Supervisor supervisor = { .options = options, .instance = { .lock = -1 } };
  int signals;

  supervisor.forks = fork_server_fork (role_play); /* before there is anything to inherit */
  signals = open_signals ();

  supervisor.refusals = complaints_new ();
  supervisor.passed = listen_take_passed (supervisor.refusals);
  supervisor.exe = check_own_exe ();
  supervisor.old = g_ptr_array_new ();
  supervisor.askers = g_ptr_array_new ();
  supervisor.later = g_ptr_array_new ();
  supervisor.announced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (options->ephemeral && !ephemeral_begin (options, on_parent_gone, &supervisor))
    return 1;
  if (!open_all (&supervisor)) {
    supervisor.exit_status = 1;
  } else {
    open_clocks (&supervisor, signals);
    supervisor_reload (&supervisor);
    while (!supervisor.over)
      g_main_context_iteration (NULL, TRUE);
  }
  close_all (&supervisor, signals);
  if (options->ephemeral)
    ephemeral_end ();
  return supervisor.exit_status;
}
