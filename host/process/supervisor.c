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
#include "supervisor-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WATCH_EVERY_MS  250
#define REFRESH_EVERY_S 5
#define TERM_LIMIT_MS   30000

static void
stop (Supervisor *supervisor)
{
  g_autofree char *word = NULL;
  gint64 delay;

  if (supervisor->current == NULL || supervisor->stopping) { /* told twice, or nothing serves yet */
    supervisor->stopping = TRUE;
    if (supervisor->current != NULL)
      crew_kill (supervisor->current);
    else
      g_main_loop_quit (supervisor->loop);
    return;
  }
  supervisor->stopping = TRUE;
  notify_send ("STOPPING=1\nSTATUS=draining");
  delay = supervisor->options->ephemeral
              ? 0
              : config_int (crew_generation (supervisor->current)->config, "host", "drain-delay");
  word = g_strdup_printf ("T %" G_GINT64_FORMAT " %d", delay,
                          supervisor->options->ephemeral ? 500 : TERM_LIMIT_MS);
  crew_drain (supervisor->current, word, (guint)delay + TERM_LIMIT_MS + KILL_GRACE_MS);
  if (supervisor->next != NULL)
    crew_kill (supervisor->next);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_drain (supervisor->old->pdata[i], word, (guint)delay + TERM_LIMIT_MS + KILL_GRACE_MS);
}

static void
on_parent_gone (gpointer data)
{
  Supervisor *supervisor = data;

  if (!supervisor->stopping)
    stop (supervisor);
}

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
    supervisor_reload (supervisor);
    break;
  case SIGUSR2: {
    const char *level;

    supervisor->debug = !supervisor->debug;
    level = supervisor->debug ? "Vdebug" : "Vinfo";
    log_set_level (level + 1);
    supervisor_relay (supervisor, 0, level, strlen (level));
    break;
  }
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
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_watch (supervisor->old->pdata[i]);
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
on_old_message (const char *message, gsize length, gpointer data)
{
  if (message[0] == 'H' || message[0] == 'L')
    supervisor_relay (data, 0, message, length);
}

static gboolean
take_over (Supervisor *supervisor)
{
  supervisor->handover = handover_take (supervisor->options->handover, on_old_message, supervisor);
  supervisor->options->handover = 0;
  if (supervisor->handover == NULL)
    return FALSE;
  supervisor->sockets = handover_sockets (supervisor->handover);
  return TRUE;
}

static void
open_memory (Supervisor *supervisor)
{
  static const DaeMetric restarts = { .name = "worker_restarts_total",
                                      .type = DAE_COUNTER,
                                      .help = "Workers that were replaced",
                                      .labels = "reason=crash|stall|reload" };
  guint64 id = 0;

  (void)!getrandom (&id, sizeof id, 0);
  g_snprintf (supervisor->instance_id, sizeof supervisor->instance_id, "%016" G_GINT64_MODIFIER "x",
              id);
  supervisor->generation_ground.instance = &supervisor->instance;
  supervisor->generation_ground.instance_id = supervisor->instance_id;
  supervisor->generation_ground.metrics_fd = metrics_create_memory ();
  supervisor->generation_ground.heartbeat_fd = heartbeat_create_memory ();
  g_assert (supervisor->generation_ground.metrics_fd >= 0 &&
            supervisor->generation_ground.heartbeat_fd >= 0);
  supervisor->crew_ground.heartbeat = heartbeat_new (supervisor->generation_ground.heartbeat_fd, 0);
  supervisor->crew_ground.metrics = metrics_new (supervisor->generation_ground.metrics_fd, 0);
  supervisor->crew_ground.restarts =
      metrics_add_family (supervisor->crew_ground.metrics, NULL, &restarts, NULL);
  supervisor->crew_ground.slots[0] = TRUE;
}

static gboolean
open_instance (Supervisor *supervisor)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Complaints) repeated =
      complaints_new (); /* the check makes them again, with all others */
  g_autoptr (Config) config = options_read_config (supervisor->options, repeated);
  LogFormat format =
      isatty (STDOUT_FILENO) && g_strcmp0 (config_text (config, "log", "format"), "json") != 0
          ? LOG_TEXT
          : LOG_JSON;

  log_open (format, config_text (config, "log", "level"), "supervisor");
  if (instance_open (&supervisor->instance, config, complaints) &&
      instance_lock (&supervisor->instance, complaints))
    supervisor->control = control_new (supervisor->instance.control_socket, supervisor_on_command,
                                       supervisor, complaints);
  if (supervisor->control != NULL)
    return TRUE;
  supervisor_print_complaints (complaints);
  return FALSE;
}

static void
close_all (Supervisor *supervisor, int signals)
{
  while (supervisor->askers->len > 0)
    control_answer (g_ptr_array_remove_index (supervisor->askers, 0), 1, "daedalus has ended\n");
  if (supervisor->handover != NULL)
    handover_kill (supervisor->handover);
  g_clear_pointer (&supervisor->handover, handover_free);
  g_clear_pointer (&supervisor->control, control_free);
  g_clear_pointer (&supervisor->sockets, g_ptr_array_unref);
  metrics_free (supervisor->crew_ground.metrics);
  heartbeat_free (supervisor->crew_ground.heartbeat);
  close (supervisor->generation_ground.metrics_fd);
  close (supervisor->generation_ground.heartbeat_fd);
  close (signals);
  instance_clear (&supervisor->instance);
  g_ptr_array_unref (supervisor->old);
  g_ptr_array_unref (supervisor->askers);
  g_hash_table_unref (supervisor->announced);
  g_main_loop_unref (supervisor->loop);
  g_free (supervisor->exe);
}

int
supervisor_run (Options *options)
{
  Supervisor supervisor = { .options = options };
  int signals = open_signals ();
  guint watchdog = notify_watchdog_ms ();

  supervisor.exe = check_own_exe ();
  supervisor.loop = g_main_loop_new (NULL, FALSE);
  supervisor.old = g_ptr_array_new ();
  supervisor.askers = g_ptr_array_new ();
  supervisor.announced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  options->prepare = TRUE;
  if (options->ephemeral && !ephemeral_begin (options, on_parent_gone, &supervisor))
    return 1;
  if (options->handover > 0 && !take_over (&supervisor))
    return EXIT_CONFIG;
  open_memory (&supervisor);
  if (!open_instance (&supervisor)) {
    supervisor.exit_status = EXIT_CONFIG;
  } else {
    g_unix_fd_add (signals, G_IO_IN, on_signal, &supervisor);
    g_timeout_add (WATCH_EVERY_MS, watch, &supervisor);
    g_timeout_add_seconds (REFRESH_EVERY_S, refresh, supervisor.crew_ground.metrics);
    if (watchdog > 0)
      g_timeout_add (watchdog, pet_watchdog, NULL);
    check_start (options, supervisor.exe, supervisor_checked, &supervisor);
    if (supervisor.exit_status == 0)
      g_main_loop_run (supervisor.loop);
  }
  close_all (&supervisor, signals);
  if (options->ephemeral)
    ephemeral_end ();
  return supervisor.exit_status;
}
