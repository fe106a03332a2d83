/* SPDX-License-Identifier: Apache-2.0 */
/* crew: the workers of one generation: started, watched, replaced, drained. */
#include "crew.h"

#include "../observe/log.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARN_US        (1 * G_USEC_PER_SEC)
#define STALL_US       (10 * G_USEC_PER_SEC)
#define KILL_AFTER_MS  2000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000
#define STEADY_US                                                                                  \
  (10 * G_USEC_PER_SEC) /* a worker that lived this long starts the back-off anew                  \
                         */
#define START_TRIES   3
#define LOSS_RETRY_MS 20

typedef struct {
  Crew *crew;
  guint index, slot;
  GPid pid; /* 0: not running */
  int pidfd, control;
  gboolean ready, was_ready, ordered, stalled, warned;
  gboolean told_too_little; /* a hint was lost: 'L' is owed */
  gint64 started_at;
  guint backoff_ms;
  guint pid_source, control_source, respawn_source, kill_source, loss_source;
} Worker;

struct Crew {
  Generation *generation;
  CrewGround *ground;
  const CrewHooks *hooks;
  gpointer data;
  Worker *workers;
  gboolean ready, draining, failed;
  guint failures; /* before ready */
  guint limit_source;
};

static void spawn (Worker *worker);

Generation *
crew_generation (Crew *crew)
{
  return crew->generation;
}

gboolean
crew_is_ready (Crew *crew)
{
  return crew->ready;
}

static gboolean
tell_of_loss (gpointer data)
{
  Worker *worker = data;

  if (send (worker->control, "L", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  worker->told_too_little = FALSE;
  worker->loss_source = 0;
  return G_SOURCE_REMOVE;
}

static void
worker_send (Worker *worker, const char *message, gsize length)
{
  if (worker->pid == 0 || send (worker->control, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
    return;
  if (errno == EAGAIN && !worker->told_too_little) {
    worker->told_too_little = TRUE;
    worker->loss_source = g_timeout_add (LOSS_RETRY_MS, tell_of_loss, worker);
  }
}

void
crew_send (Crew *crew, guint except_slot, const char *message, gsize length)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].slot != except_slot)
      worker_send (&crew->workers[i], message, length);
}

static void
note_ready (Worker *worker)
{
  Crew *crew = worker->crew;

  worker->ready = worker->was_ready = TRUE;
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (!crew->workers[i].ready)
      return;
  if (!crew->ready) {
    crew->ready = TRUE;
    crew->hooks->ready (crew, crew->data);
  }
}

static void
fail (Crew *crew, const char *text)
{
  if (crew->failed || crew->ready)
    return;
  crew->failed = TRUE;
  crew->hooks->failed (crew, text, crew->data);
}

static gboolean
on_message (int fd, GIOCondition condition, gpointer data)
{
  Worker *worker = data;
  static char message[64 * 1024 + 1];

  for (guint i = 0; i < 64; i++) {
    ssize_t length = recv (fd, message, sizeof message - 1, MSG_DONTWAIT);

    if (length <= 0) {
      if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
      worker->control_source = 0; /* its death comes by its pidfd */
      return G_SOURCE_REMOVE;
    }
    message[length] = '\0';
    if (message[0] == 'R')
      note_ready (worker);
    else if (message[0] == 'F')
      fail (worker->crew, message + 1);
    else
      worker->crew->hooks->message (worker->crew, worker->slot, message, (gsize)length,
                                    worker->crew->data);
    if (worker->control_source == 0)
      return G_SOURCE_REMOVE;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
respawn (gpointer data)
{
  Worker *worker = data;

  worker->respawn_source = 0;
  spawn (worker);
  return G_SOURCE_REMOVE;
}

/* What the dead one was at, so that the log names plugin and route. */
static void
log_death (Worker *worker, int status)
{
  const char *how = WIFSIGNALED (status) ? strsignal (WTERMSIG (status)) : "exit";
  gint64 number = WIFSIGNALED (status) ? WTERMSIG (status) : WEXITSTATUS (status);
  gboolean named = FALSE;

  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++) {
    HeartbeatView view;

    heartbeat_look (worker->crew->ground->heartbeat, worker->slot, thread, &view);
    if (!view.active)
      continue;
    named = TRUE;
    log_line (G_LOG_LEVEL_WARNING, "worker died", DAE_I ("pid", worker->pid),
              DAE_I ("worker", worker->index), DAE_S ("how", how), DAE_I ("status", number),
              DAE_I ("thread", thread), DAE_S ("plugin", view.plugin), DAE_S ("route", view.route),
              DAE_S ("request_id", view.request_id));
  }
  if (!named)
    log_line (G_LOG_LEVEL_WARNING, "worker died", DAE_I ("pid", worker->pid),
              DAE_I ("worker", worker->index), DAE_S ("how", how), DAE_I ("status", number));
}

static void
release (Worker *worker)
{
  guint *sources[] = { &worker->pid_source, &worker->control_source, &worker->kill_source,
                       &worker->loss_source };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_clear_handle_id (sources[i], g_source_remove);
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

static void
replace (Worker *worker)
{
  Crew *crew = worker->crew;
  const char *reason = worker->stalled ? "stall" : "crash";

  metrics_add (metrics_series (crew->ground->restarts, &reason, 1), 1);
  if (g_get_monotonic_time () - worker->started_at > STEADY_US)
    worker->backoff_ms = 0;
  if (!crew->ready && ++crew->failures >= START_TRIES) {
    fail (crew,
          "a worker ended before it was ready\n    See the log lines above for what it was at.\n");
    return;
  }
  worker->respawn_source = g_timeout_add (MAX (worker->backoff_ms, 1), respawn, worker);
  worker->backoff_ms = CLAMP (worker->backoff_ms * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
}

static gboolean
on_exit_of (int fd, GIOCondition condition, gpointer data)
{
  Worker *worker = data;
  Crew *crew = worker->crew;
  gboolean ordered = worker->ordered;
  int status = 0;

  if (waitpid (worker->pid, &status, WNOHANG) == 0)
    return G_SOURCE_CONTINUE;
  if (worker->control_source != 0 &&
      on_message (worker->control, G_IO_IN, worker) == G_SOURCE_REMOVE)
    worker->control_source = 0; /* its last words are read */
  if (!ordered)
    log_death (worker, status);
  worker->pid_source = 0;
  release (worker);
  crew->hooks->worker_ended (crew, worker->index, ordered, crew->data);
  if (!crew->draining && !crew->failed)
    replace (worker);
  else if (crew_is_empty (crew))
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
descriptors_of (Generation *generation, int control, int metrics_fd, int heartbeat_fd)
{
  GArray *keep = g_array_new (FALSE, FALSE, sizeof (int));
  int fixed[] = { generation->brief_fd, control, metrics_fd, heartbeat_fd };
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

static void
spawn (Worker *worker)
{
  Generation *generation = worker->crew->generation;
  g_autoptr (GVariant) brief = brief_read (generation->brief_fd);
  g_autoptr (GArray) keep = NULL;
  g_auto (GStrv) argv = NULL;
  guint32 metrics_fd = 0, heartbeat_fd = 0;
  int ends[2];

  g_variant_lookup (brief, "metrics-fd", "u", &metrics_fd);
  g_variant_lookup (brief, "heartbeat-fd", "u", &heartbeat_fd);
  worker->slot = take_slot (worker->crew->ground);
  if (worker->slot == 0 || socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    worker->respawn_source = g_timeout_add (BACKOFF_MAX_MS, respawn, worker);
    return;
  }
  heartbeat_clear (worker->crew->ground->heartbeat, worker->slot);
  keep = descriptors_of (generation, ends[1], (int)metrics_fd, (int)heartbeat_fd);
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
    worker->crew->ground->slots[worker->slot] = FALSE;
    worker->respawn_source = g_timeout_add (BACKOFF_MAX_MS, respawn, worker);
    return;
  }
  worker->control = ends[0];
  worker->ready = worker->ordered = worker->stalled = worker->warned = worker->told_too_little =
      FALSE;
  worker->started_at = g_get_monotonic_time ();
  worker->control_source = g_unix_fd_add (worker->control, G_IO_IN, on_message, worker);
  worker->pid_source = g_unix_fd_add (worker->pidfd, G_IO_IN, on_exit_of, worker);
}

Crew *
crew_new (Generation *generation, CrewGround *ground, const CrewHooks *hooks, gpointer data)
{
  Crew *crew = g_new0 (Crew, 1);

  crew->generation = generation;
  crew->ground = ground;
  crew->hooks = hooks;
  crew->data = data;
  crew->workers = g_new0 (Worker, generation->n_workers);
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
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    g_assert (crew->workers[i].pid == 0);
    g_clear_handle_id (&crew->workers[i].respawn_source, g_source_remove);
  }
  g_clear_handle_id (&crew->limit_source, g_source_remove);
  generation_free (crew->generation);
  g_free (crew->workers);
  g_free (crew);
}

static gboolean
on_limit (gpointer data)
{
  Crew *crew = data;

  crew->limit_source = 0;
  crew_kill (crew);
  return G_SOURCE_REMOVE;
}

static gboolean
report_empty (gpointer data)
{
  Crew *crew = data;

  crew->limit_source = 0;
  crew->hooks->ended (crew, crew->data);
  return G_SOURCE_REMOVE;
}

void
crew_drain (Crew *crew, const char *word, guint limit_ms)
{
  crew->draining = TRUE;
  g_clear_handle_id (&crew->limit_source, g_source_remove);
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    Worker *worker = &crew->workers[i];

    g_clear_handle_id (&worker->respawn_source, g_source_remove);
    worker->ordered = TRUE;
    worker_send (worker, word, strlen (word));
  }
  if (crew_is_empty (crew))
    crew->limit_source = g_idle_add (report_empty, crew);
  else
    crew->limit_source = g_timeout_add (limit_ms, on_limit, crew);
}

void
crew_kill (Crew *crew)
{
  crew->draining = TRUE;
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    Worker *worker = &crew->workers[i];

    g_clear_handle_id (&worker->respawn_source, g_source_remove);
    worker->ordered = TRUE;
    if (worker->pid != 0)
      kill (worker->pid, SIGKILL);
  }
  if (crew_is_empty (crew) && crew->limit_source == 0)
    crew->limit_source = g_idle_add (report_empty, crew);
}

static gboolean
on_abort_ignored (gpointer data)
{
  Worker *worker = data;

  worker->kill_source = 0;
  kill (worker->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

static void
end_stalled (Worker *worker, const HeartbeatView *view, guint thread, gint64 late)
{
  log_line (G_LOG_LEVEL_CRITICAL, "worker stalls and is ended", DAE_I ("pid", worker->pid),
            DAE_I ("worker", worker->index), DAE_I ("thread", thread),
            DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view->active ? view->plugin : ""),
            DAE_S ("route", view->active ? view->route : ""),
            DAE_S ("request_id", view->active ? view->request_id : ""));
  worker->stalled = TRUE;
  kill (worker->pid, SIGABRT);
  worker->kill_source = g_timeout_add (KILL_AFTER_MS, on_abort_ignored, worker);
}

static void
watch (Worker *worker)
{
  gint64 now = g_get_monotonic_time ();

  for (guint thread = 0; thread < HEARTBEAT_THREADS && !worker->stalled; thread++) {
    HeartbeatView view;
    gint64 late;

    heartbeat_look (worker->crew->ground->heartbeat, worker->slot, thread, &view);
    if (thread == HEARTBEAT_LOOP)
      late = now - view.stamp;
    else
      late = view.active && view.deadline > 0 ? now - view.deadline : 0;
    if (view.stamp == 0)
      continue;
    if (late > STALL_US)
      end_stalled (worker, &view, thread, late);
    else if (late > WARN_US && thread == HEARTBEAT_LOOP && !worker->warned) {
      worker->warned = TRUE;
      log_line (G_LOG_LEVEL_WARNING, "loop is late", DAE_I ("pid", worker->pid),
                DAE_I ("late_ms", late / 1000), DAE_S ("plugin", view.active ? view.plugin : ""),
                DAE_S ("route", view.active ? view.route : ""));
    } else if (late < WARN_US && thread == HEARTBEAT_LOOP)
      worker->warned = FALSE;
  }
}

void
crew_watch (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    if (crew->workers[i].pid != 0 && crew->workers[i].was_ready)
      watch (&crew->workers[i]);
}

GArray *
crew_members (Crew *crew)
{
  GArray *members = g_array_new (FALSE, FALSE, sizeof (CrewMember));

  for (guint i = 0; i < crew->generation->n_workers; i++) {
    const Worker *worker = &crew->workers[i];
    CrewMember member = { worker->pid, worker->pidfd, worker->control };

    if (worker->pid != 0)
      g_array_append_val (members, member);
  }
  return members;
}
