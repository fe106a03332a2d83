/* SPDX-License-Identifier: Apache-2.0 */
/* crew: the workers of one generation: started, watched, replaced, drained. */
#include "crew-private.h"

#include "../observe/log.h"
#include "../paths.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000
#define STEADY_US      (10 * G_USEC_PER_SEC) /* a worker that lived this long has its back-off anew */
#define START_TRIES    3

static void spawn (CrewWorker *worker);

Generation *
crew_generation (Crew *crew)
{
  return crew->generation;
}

static void
fail (Crew *crew, int status, const char *text)
{
  if (crew->failed || crew->ready || crew->draining)
    return;
  crew->failed = TRUE;
  crew->hooks->failed (crew, status, text, crew->data);
}

static void
note_ready (CrewWorker *worker)
{
  Crew *crew = worker->crew;

  worker->watch.ready = TRUE;
  log_line (G_LOG_LEVEL_INFO, "worker is ready", DAE_I ("pid", worker->watch.pid),
            DAE_I ("worker", worker->watch.index), DAE_I ("generation", crew->generation->number));
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (!crew->workers[i].watch.ready)
      return;
  if (!crew->ready && !crew->draining) {
    crew->ready = TRUE;
    crew->hooks->ready (crew, crew->data);
  }
}

static void
note_refusal (CrewWorker *worker, const char *text)
{
  if (worker->crew->ready)
    log_line (G_LOG_LEVEL_WARNING, "worker cannot start", DAE_I ("worker", worker->watch.index),
              DAE_S ("why", text));
  else
    fail (worker->crew, EXIT_CONFIG, text);
}

/* FALSE: the worker will say no more. */
static gboolean
read_messages (CrewWorker *worker)
{
  static char message[64 * 1024 + 1];
  const Crew *crew = worker->crew;

  for (guint i = 0; i < 64; i++) {
    ssize_t length = recv (worker->control, message, sizeof message - 1, MSG_DONTWAIT);

    if (length <= 0)
      return length < 0 && (errno == EAGAIN || errno == EINTR);
    message[length] = '\0';
    if (message[0] == 'R')
      note_ready (worker);
    else if (message[0] == 'F')
      note_refusal (worker, message + 1);
    else
      crew->hooks->message (worker->watch.slot, message, (gsize)length, crew->data);
  }
  return TRUE;
}

static gboolean
on_message (int fd, GIOCondition condition, gpointer data)
{
  CrewWorker *worker = data;

  if (read_messages (worker))
    return G_SOURCE_CONTINUE;
  worker->control_source = 0; /* its death comes by its pidfd */
  return G_SOURCE_REMOVE;
}

/* ---- life and death ---------------------------------------------------- */

static gboolean
respawn (gpointer data)
{
  CrewWorker *worker = data;

  worker->respawn_source = 0;
  spawn (worker);
  return G_SOURCE_REMOVE;
}

static void
respawn_in (CrewWorker *worker, guint ms)
{
  worker->respawn_source = g_timeout_add (ms, respawn, worker);
}

static void
release (CrewWorker *worker)
{
  guint *sources[] = { &worker->pid_source, &worker->control_source, &worker->retry_source };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_clear_handle_id (sources[i], g_source_remove);
  g_queue_clear_full (&worker->owed, g_free);
  close (worker->control);
  close (worker->pidfd);
  metrics_fold (worker->crew->ground->metrics, worker->watch.slot);
  heartbeat_clear (worker->crew->ground->heartbeat, worker->watch.slot);
  limits_clear (worker->crew->ground->limits, worker->watch.slot);
  worker->crew->ground->slots[worker->watch.slot] = FALSE;
  watch_clear (&worker->watch);
  worker->watch.slot = 0;
}

static gboolean
crew_is_empty (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].watch.pid != 0)
      return FALSE;
  return TRUE;
}

/* Milliseconds until a worker that died is replaced; -1: never, this is the end of a bad start. */
static gint64
next_pause (CrewWorker *worker)
{
  Crew *crew = worker->crew;
  guint pause;

  if (!crew->ready && !worker->watch.ready && ++crew->failures >= START_TRIES)
    return -1; /* one that served has shown that it can start */
  if (g_get_monotonic_time () - worker->started_at > STEADY_US)
    worker->backoff_ms = 0;
  pause = worker->backoff_ms;
  worker->backoff_ms = CLAMP (pause * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  return pause;
}

/* PLUGIN has ended a worker that served. One that ends it before has no routes to take away. */
static void
note_fault (Crew *crew, const char *plugin)
{
  gint64 now = g_get_monotonic_time ();
  gint64 until = quarantine_note (crew->quarantine, plugin, now);
  g_autofree char *list = NULL, *word = NULL;

  if (until == 0)
    return;
  log_line (G_LOG_LEVEL_CRITICAL, "plugin is taken out of service", DAE_S ("plugin", plugin),
            DAE_I ("seconds", (until - now) / G_USEC_PER_SEC),
            DAE_S ("why", "it has ended three workers within a minute"));
  list = quarantine_to_text (crew->quarantine, now);
  word = g_strconcat ("N", list, NULL);
  for (guint i = 0; i < crew->generation->n_workers; i++)
    crew_send_word (&crew->workers[i], word);
}

static void
bury (CrewWorker *worker, int status)
{
  Crew *crew = worker->crew;
  const char *reason = worker->watch.stalled ? "stall" : "crash";
  gint64 pause = next_pause (worker);
  gboolean served = worker->watch.ready;
  g_autofree char *plugin = NULL;
  g_autofree char *what = watch_tell_death (&worker->watch, status, pause, &plugin);
  g_autofree char *text = g_strconcat ("a worker ended before it was ready: ", what, NULL);

  release (worker);
  if (served && plugin != NULL)
    note_fault (crew, plugin);
  if (pause < 0) {
    fail (crew, 1, text);
    return;
  }
  metrics_add (metrics_series (crew->ground->restarts, &reason, 1), 1);
  respawn_in (worker, (guint)pause);
}

/* One that was told to end, and may have crashed on its way. */
static void
lay_down (CrewWorker *worker, int status)
{
  if (status != 0 && !worker->killed)
    g_free (watch_tell_death (&worker->watch, status, -1, NULL));
  release (worker);
}

static gboolean
on_exit_of (int fd, GIOCondition condition, gpointer data)
{
  CrewWorker *worker = data;
  Crew *crew = worker->crew;
  guint index = worker->watch.index;
  int status = 0;

  if (waitpid (worker->watch.pid, &status, WNOHANG) == 0)
    return G_SOURCE_CONTINUE;
  for (guint i = 0; i < 16 && worker->control_source != 0 && read_messages (worker); i++)
    continue; /* its last words */
  worker->pid_source = 0;
  if (worker->ordered)
    lay_down (worker, status);
  else
    bury (worker, status);
  crew->hooks->worker_ended (index, crew->data);
  if (crew->draining && crew_is_empty (crew) && crew->empty_source == 0)
    crew->hooks->ended (crew, crew->data);
  return G_SOURCE_REMOVE;
}

static guint
take_slot (CrewGround *ground)
{
  for (guint slot = 1; slot < HEARTBEAT_SLOTS; slot++) {
    if (!ground->slots[slot]) {
      ground->slots[slot] = TRUE;
      return slot;
    }
  }
  return 0;
}

static GArray *
descriptors_of (Generation *generation, int control)
{
  GArray *keep = g_array_new (FALSE, FALSE, sizeof (int));
  int fixed[] = { generation->brief_fd, control, generation->metrics_fd, generation->heartbeat_fd,
                  generation->limits_fd };
  int end = -1;

  g_array_append_vals (keep, fixed, G_N_ELEMENTS (fixed));
  for (guint i = 0; i < generation->sockets->len; i++)
    g_array_append_val (keep, ((ListenSocket *)generation->sockets->pdata[i])->fd);
  for (guint i = 0; i < generation->check->sources->len; i++) {
    PluginSource *source = generation->check->sources->pdata[i];

    if (source->fd >= 0)
      g_array_append_val (keep, source->fd);
  }
  g_array_append_val (keep, end);
  return keep;
}

/* FALSE with errno: there is no room for another process now. */
static gboolean
start (CrewWorker *worker)
{
  Generation *generation = worker->crew->generation;
  g_autoptr (GArray) keep = NULL;
  g_auto (GStrv) argv = NULL;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return FALSE;
  keep = descriptors_of (generation, ends[1]);
  argv = g_new0 (char *, 8);
  argv[0] = g_strdup ("daedalus");
  argv[1] = g_strdup ("(worker)");
  argv[2] = g_strdup_printf ("%d", generation->brief_fd);
  argv[3] = g_strdup_printf ("%d", ends[1]);
  argv[4] = g_strdup_printf ("%u", worker->watch.slot);
  argv[5] = g_strdup_printf ("%u", worker->watch.index);
  argv[6] = quarantine_to_text (worker->crew->quarantine, g_get_monotonic_time ());
  worker->watch.pid =
      fork_server_spawn (generation->check->forks, argv, (const int *)keep->data, &worker->pidfd);
  close (ends[1]);
  if (worker->watch.pid < 0) {
    worker->watch.pid = 0;
    close (ends[0]);
    return FALSE;
  }
  worker->control = ends[0];
  return TRUE;
}

static void
spawn (CrewWorker *worker)
{
  CrewGround *ground = worker->crew->ground;

  worker->watch.ready = worker->watch.stalled = worker->watch.warned = FALSE;
  worker->ordered = worker->killed = worker->owes_loss = FALSE;
  worker->watch.slot = take_slot (ground);
  if (worker->watch.slot == 0 || !start (worker)) {
    log_line (G_LOG_LEVEL_CRITICAL, "cannot start a worker", DAE_I ("worker", worker->watch.index),
              DAE_S ("error", worker->watch.slot == 0 ? "there are too many" : g_strerror (errno)));
    if (worker->watch.slot != 0)
      ground->slots[worker->watch.slot] = FALSE;
    worker->watch.slot = 0;
    worker->backoff_ms = CLAMP (worker->backoff_ms * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    respawn_in (worker, worker->backoff_ms);
    return;
  }
  worker->started_at = g_get_monotonic_time ();
  worker->control_source = g_unix_fd_add (worker->control, G_IO_IN, on_message, worker);
  worker->pid_source = g_unix_fd_add (worker->pidfd, G_IO_IN, on_exit_of, worker);
  if (ground->debug)
    crew_send_level (worker);
}

Crew *
crew_new (Generation *generation, CrewGround *ground, const CrewHooks *hooks, gpointer data)
{
  Crew *crew = g_new0 (Crew, 1);
  g_autofree const char **needed = NULL;

  g_variant_lookup (generation->check->facts, "needed", "^a&s", &needed);
  crew->generation = generation;
  crew->ground = ground;
  crew->hooks = hooks;
  crew->data = data;
  crew->quarantine = quarantine_new (needed);
  crew->workers = g_new0 (CrewWorker, generation->n_workers);
  for (guint i = 0; i < generation->n_workers; i++) {
    crew->workers[i].crew = crew;
    crew->workers[i].watch.heartbeat = ground->heartbeat;
    crew->workers[i].watch.metrics = ground->metrics;
    crew->workers[i].watch.index = i;
    spawn (&crew->workers[i]);
  }
  return crew;
}

void
crew_free (Crew *crew)
{
  g_assert (crew_is_empty (crew));
  for (guint i = 0; i < crew->generation->n_workers; i++)
    g_clear_handle_id (&crew->workers[i].respawn_source, g_source_remove);
  g_clear_handle_id (&crew->limit_source, g_source_remove);
  g_clear_handle_id (&crew->empty_source, g_source_remove);
  quarantine_free (crew->quarantine);
  generation_free (crew->generation);
  g_free (crew->workers);
  g_free (crew);
}

/* ---- the end ----------------------------------------------------------- */

static gboolean
on_limit (gpointer data)
{
  Crew *crew = data;

  crew->limit_source = 0;
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].watch.pid != 0)
      log_line (G_LOG_LEVEL_WARNING, "worker does not end in time and is killed",
                DAE_I ("pid", crew->workers[i].watch.pid), DAE_I ("worker", i));
  crew_kill (crew);
  return G_SOURCE_REMOVE;
}

static gboolean
report_empty (gpointer data)
{
  Crew *crew = data;

  crew->empty_source = 0;
  crew->hooks->ended (crew, crew->data);
  return G_SOURCE_REMOVE;
}

/* From now on every exit is an ordered one. */
static void
order_all (Crew *crew)
{
  crew->draining = TRUE;
  g_clear_handle_id (&crew->limit_source, g_source_remove);
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    g_clear_handle_id (&crew->workers[i].respawn_source, g_source_remove);
    crew->workers[i].ordered = TRUE;
  }
  if (crew_is_empty (crew) && crew->empty_source == 0)
    crew->empty_source = g_idle_add (report_empty, crew);
}

void
crew_drain (Crew *crew, const char *word, guint limit_ms)
{
  order_all (crew);
  for (guint i = 0; i < crew->generation->n_workers; i++)
    crew_send_word (&crew->workers[i], word);
  if (crew->empty_source == 0)
    crew->limit_source = g_timeout_add (limit_ms, on_limit, crew);
}

void
crew_kill (Crew *crew)
{
  order_all (crew);
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    if (crew->workers[i].watch.pid == 0)
      continue;
    crew->workers[i].killed = TRUE;
    kill (crew->workers[i].watch.pid, SIGKILL);
  }
}

void
crew_add_members (Crew *crew, GArray *members)
{
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    const CrewWorker *worker = &crew->workers[i];
    CrewMember member = { .pid = worker->watch.pid,
                          .pidfd = worker->pidfd,
                          .control = worker->control,
                          .heartbeat = crew->generation->heartbeat_fd,
                          .slot = worker->watch.slot,
                          .index = worker->watch.index,
                          .serves = worker->watch.ready };

    if (worker->watch.pid != 0)
      g_array_append_val (members, member);
  }
}

void
crew_watch (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    watch_look (&crew->workers[i].watch);
}
