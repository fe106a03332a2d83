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
#define RETRY_MS       20

static void spawn (CrewWorker *worker);

Generation *
crew_generation (Crew *crew)
{
  return crew->generation;
}

/* ---- messages ---------------------------------------------------------- */

static gboolean
try_to_send (CrewWorker *worker, const char *message, gsize length)
{
  return send (worker->control, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
         errno != EAGAIN;
}

static gboolean
send_what_is_owed (gpointer data)
{
  CrewWorker *worker = data;

  if (worker->owed_word != NULL &&
      !try_to_send (worker, worker->owed_word, strlen (worker->owed_word)))
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&worker->owed_word, g_free);
  if (worker->owes_loss && !try_to_send (worker, "L", 1))
    return G_SOURCE_CONTINUE;
  worker->owes_loss = FALSE;
  worker->retry_source = 0;
  return G_SOURCE_REMOVE;
}

static void
send_later (CrewWorker *worker)
{
  if (worker->retry_source == 0)
    worker->retry_source = g_timeout_add (RETRY_MS, send_what_is_owed, worker);
}

/* An order must arrive; the last one counts. */
static void
send_word (CrewWorker *worker, const char *word)
{
  if (worker->pid == 0 || try_to_send (worker, word, strlen (word)))
    return;
  g_free (worker->owed_word);
  worker->owed_word = g_strdup (word);
  send_later (worker);
}

void
crew_send (Crew *crew, guint except_slot, const char *message, gsize length)
{
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    CrewWorker *worker = &crew->workers[i];

    if (worker->pid == 0 || worker->slot == except_slot || try_to_send (worker, message, length))
      continue;
    worker->owes_loss = TRUE;
    send_later (worker);
  }
}

static void
send_level (CrewWorker *worker)
{
  const char *level = worker->crew->ground->debug
                          ? "debug"
                          : config_text (worker->crew->generation->config, "log", "level");
  g_autofree char *word = g_strconcat ("V", level, NULL);

  if (worker->pid != 0)
    (void)!try_to_send (worker, word, strlen (word));
}

void
crew_set_level (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    send_level (&crew->workers[i]);
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

  worker->ready = TRUE;
  log_line (G_LOG_LEVEL_INFO, "worker is ready", DAE_I ("pid", worker->pid),
            DAE_I ("worker", worker->index), DAE_I ("generation", crew->generation->number));
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (!crew->workers[i].ready)
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
    log_line (G_LOG_LEVEL_WARNING, "worker cannot start", DAE_I ("worker", worker->index),
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
      crew->hooks->message (worker->slot, message, (gsize)length, crew->data);
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
  guint *sources[] = { &worker->pid_source, &worker->control_source, &worker->kill_source,
                       &worker->retry_source };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_clear_handle_id (sources[i], g_source_remove);
  g_clear_pointer (&worker->owed_word, g_free);
  close (worker->control);
  close (worker->pidfd);
  metrics_fold (worker->crew->ground->metrics, worker->slot);
  heartbeat_clear (worker->crew->ground->heartbeat, worker->slot);
  worker->crew->ground->slots[worker->slot] = FALSE;
  worker->pid = 0;
  worker->slot = 0;
  worker->ready = FALSE;
}

static gboolean
crew_is_empty (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].pid != 0)
      return FALSE;
  return TRUE;
}

/* Milliseconds until a worker that died is replaced; -1: never, this is the end of a bad start. */
static gint64
next_pause (CrewWorker *worker)
{
  Crew *crew = worker->crew;
  guint pause;

  if (!crew->ready && ++crew->failures >= START_TRIES)
    return -1;
  if (g_get_monotonic_time () - worker->started_at > STEADY_US)
    worker->backoff_ms = 0;
  pause = worker->backoff_ms;
  worker->backoff_ms = CLAMP (pause * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  return pause;
}

static void
bury (CrewWorker *worker, int status)
{
  Crew *crew = worker->crew;
  const char *reason = worker->stalled ? "stall" : "crash";
  gint64 pause = next_pause (worker);
  g_autofree char *what = crew_tell_death (worker, status, pause);
  g_autofree char *text = g_strconcat ("a worker ended before it was ready: ", what, NULL);

  release (worker);
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
    g_free (crew_tell_death (worker, status, -1));
  release (worker);
}

static gboolean
on_exit_of (int fd, GIOCondition condition, gpointer data)
{
  CrewWorker *worker = data;
  Crew *crew = worker->crew;
  guint index = worker->index;
  int status = 0;

  if (waitpid (worker->pid, &status, WNOHANG) == 0)
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
  int fixed[] = { generation->brief_fd, control, generation->metrics_fd, generation->heartbeat_fd };
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
  argv = g_new0 (char *, 7);
  argv[0] = g_strdup ("daedalus");
  argv[1] = g_strdup ("(worker)");
  argv[2] = g_strdup_printf ("%d", generation->brief_fd);
  argv[3] = g_strdup_printf ("%d", ends[1]);
  argv[4] = g_strdup_printf ("%u", worker->slot);
  argv[5] = g_strdup_printf ("%u", worker->index);
  worker->pid =
      brief_spawn (generation->check->exe_fd, argv, (const int *)keep->data, &worker->pidfd);
  close (ends[1]);
  if (worker->pid < 0) {
    worker->pid = 0;
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

  worker->ready = worker->ordered = worker->killed = worker->stalled = worker->warned =
      worker->owes_loss = FALSE;
  worker->slot = take_slot (ground);
  if (worker->slot == 0 || !start (worker)) {
    log_line (G_LOG_LEVEL_CRITICAL, "cannot start a worker", DAE_I ("worker", worker->index),
              DAE_S ("error", worker->slot == 0 ? "there are too many" : g_strerror (errno)));
    if (worker->slot != 0)
      ground->slots[worker->slot] = FALSE;
    worker->slot = 0;
    worker->backoff_ms = CLAMP (worker->backoff_ms * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    respawn_in (worker, worker->backoff_ms);
    return;
  }
  worker->started_at = g_get_monotonic_time ();
  worker->control_source = g_unix_fd_add (worker->control, G_IO_IN, on_message, worker);
  worker->pid_source = g_unix_fd_add (worker->pidfd, G_IO_IN, on_exit_of, worker);
  if (ground->debug)
    send_level (worker);
}

Crew *
crew_new (Generation *generation, CrewGround *ground, const CrewHooks *hooks, gpointer data)
{
  Crew *crew = g_new0 (Crew, 1);

  crew->generation = generation;
  crew->ground = ground;
  crew->hooks = hooks;
  crew->data = data;
  crew->workers = g_new0 (CrewWorker, generation->n_workers);
  for (guint i = 0; i < generation->n_workers; i++) {
    crew->workers[i].crew = crew;
    crew->workers[i].index = i;
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
    if (crew->workers[i].pid != 0)
      log_line (G_LOG_LEVEL_WARNING, "worker does not end in time and is killed",
                DAE_I ("pid", crew->workers[i].pid), DAE_I ("worker", i));
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
    send_word (&crew->workers[i], word);
  if (crew->empty_source == 0)
    crew->limit_source = g_timeout_add (limit_ms, on_limit, crew);
}

void
crew_kill (Crew *crew)
{
  order_all (crew);
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    if (crew->workers[i].pid == 0)
      continue;
    crew->workers[i].killed = TRUE;
    kill (crew->workers[i].pid, SIGKILL);
  }
}

void
crew_add_members (Crew *crew, GArray *members)
{
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    const CrewWorker *worker = &crew->workers[i];
    CrewMember member = { worker->pid, worker->pidfd, worker->control };

    if (worker->pid != 0)
      g_array_append_val (members, member);
  }
}
