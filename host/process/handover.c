/* SPDX-License-Identifier: Apache-2.0 */
/* handover: a supervisor of one layout makes way for one of another. */
#include "handover.h"

#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The old workers' slots, as hooks see them: beyond those of crews. */
#define FIRST_SLOT HEARTBEAT_SLOTS

typedef struct {
  Watch watch;
  Handover *handover;
  guint number;  /* among the old ones: what hooks know it by */
  int heartbeat; /* -1: not readable */
  gboolean killed;
  int pidfd, control;
  guint pid_source, control_source;
} OldWorker;

struct Handover {
  GVariant *brief;
  GPtrArray *workers;     /* (element-type OldWorker), owned */
  GHashTable *heartbeats; /* descriptor -> Heartbeat, owned */
  const HandoverHooks *hooks;
  gpointer data;
  guint limit_source;
};

/* ---- giving ------------------------------------------------------------ */

static GVariant *
sockets_to_variant (GPtrArray *sockets)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sib)"));
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    g_variant_builder_add (&builder, "(sib)", socket->address, socket->fd, socket->internal);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
passed_to_variant (GPtrArray *all)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssi)"));
  for (guint i = 0; i < all->len; i++) {
    const ListenSocket *passed = all->pdata[i];

    g_variant_builder_add (&builder, "(ssi)", passed->passed, passed->address, passed->fd);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
workers_to_variant (GArray *workers)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(iii)"));
  for (guint i = 0; i < workers->len; i++) {
    const CrewMember *member = &g_array_index (workers, CrewMember, i);

    g_variant_builder_add (&builder, "(iii)", member->pid, member->pidfd, member->control);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
heartbeats_to_variant (GArray *workers)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(iuub)"));
  for (guint i = 0; i < workers->len; i++) {
    const CrewMember *member = &g_array_index (workers, CrewMember, i);

    g_variant_builder_add (&builder, "(iuub)", member->heartbeat, member->slot, member->index,
                           member->serves);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
fds_to_variant (GArray *fds)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_INT32, fds->data, fds->len, sizeof (int));
}

static GVariant *
announced_to_variant (GHashTable *announced)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer key, text;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_hash_table_iter_init (&iter, announced);
  while (g_hash_table_iter_next (&iter, &key, &text))
    if (text != NULL)
      g_variant_builder_add (&builder, "{ss}", key, text);
  return g_variant_builder_end (&builder);
}

static int
write_brief (const HandoverLoad *load)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "lock", "i", load->instance->lock);
  g_variant_dict_insert (&dict, "data-dir", "s", load->instance->data_dir);
  g_variant_dict_insert (&dict, "runtime-dir", "s", load->instance->runtime_dir);
  g_variant_dict_insert (&dict, "control", "i", load->control);
  g_variant_dict_insert (&dict, "instance", "s", load->instance_id);
  g_variant_dict_insert_value (&dict, "sockets", sockets_to_variant (load->sockets));
  g_variant_dict_insert_value (&dict, "passed", passed_to_variant (load->passed));
  g_variant_dict_insert_value (&dict, "workers", workers_to_variant (load->workers));
  g_variant_dict_insert_value (&dict, "heartbeats", heartbeats_to_variant (load->workers));
  g_variant_dict_insert (&dict, "heartbeat-format", "u", (guint32)HEARTBEAT_FORMAT);
  g_variant_dict_insert_value (&dict, "askers", fds_to_variant (load->askers));
  g_variant_dict_insert_value (&dict, "callers", fds_to_variant (load->callers));
  g_variant_dict_insert_value (&dict, "announced", announced_to_variant (load->announced));
  return brief_write (g_variant_dict_end (&dict));
}

/* Lets all that is named through an exec, or (FLAGS FD_CLOEXEC) no more. */
static void
set_flags (const HandoverLoad *load, int flags)
{
  fcntl (load->instance->lock, F_SETFD, flags);
  fcntl (load->control, F_SETFD, flags);
  for (guint i = 0; i < load->sockets->len; i++)
    fcntl (((ListenSocket *)load->sockets->pdata[i])->fd, F_SETFD, flags);
  for (guint i = 0; i < load->passed->len; i++)
    fcntl (((ListenSocket *)load->passed->pdata[i])->fd, F_SETFD, flags);
  for (guint i = 0; i < load->askers->len; i++)
    fcntl (g_array_index (load->askers, int, i), F_SETFD, flags);
  for (guint i = 0; i < load->callers->len; i++)
    fcntl (g_array_index (load->callers, int, i), F_SETFD, flags);
  for (guint i = 0; i < load->workers->len; i++) {
    fcntl (g_array_index (load->workers, CrewMember, i).pidfd, F_SETFD, flags);
    fcntl (g_array_index (load->workers, CrewMember, i).control, F_SETFD, flags);
    fcntl (g_array_index (load->workers, CrewMember, i).heartbeat, F_SETFD, flags);
  }
}

void
handover_give (const HandoverLoad *load, GError **error)
{
  g_autofree char *exe = g_strdup_printf ("/proc/self/fd/%d", load->exe_fd);
  g_auto (GStrv) given = options_to_argv (load->options, "run");
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  int brief = write_brief (load), saved;

  if (brief >= 0) {
    fcntl (brief, F_SETFD, 0);
    set_flags (load, 0);
    g_ptr_array_add (argv, g_strdup ("daedalus"));
    for (char **one = given; *one != NULL; one++)
      g_ptr_array_add (argv, g_strdup (*one));
    g_ptr_array_add (argv, g_strdup ("--handover"));
    g_ptr_array_add (argv, g_strdup_printf ("%d", brief));
    g_ptr_array_add (argv, NULL);
    execv (exe, (char **)argv->pdata);
  }
  saved = errno;
  set_flags (load, FD_CLOEXEC);
  if (brief >= 0)
    close (brief);
  g_set_error (error, G_FILE_ERROR, (int)g_file_error_from_errno (saved),
               "cannot run the new program: %s", g_strerror (saved));
}

/* ---- taking ------------------------------------------------------------ */

static gboolean
on_old_message (int fd, GIOCondition condition, gpointer data)
{
  static char message[64 * 1024 + 1];
  OldWorker *worker = data;
  Handover *handover = worker->handover;
  ssize_t length = recv (fd, message, sizeof message - 1, MSG_DONTWAIT);

  if (length > 0) {
    message[length] = '\0';
    handover->hooks->message (FIRST_SLOT + worker->number, message, (gsize)length, handover->data);
    return G_SOURCE_CONTINUE;
  }
  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  worker->control_source = 0;
  return G_SOURCE_REMOVE;
}

static gboolean
on_old_exit (int fd, GIOCondition condition, gpointer data)
{
  OldWorker *worker = data;
  Handover *handover = worker->handover;
  int status = 0;

  if (waitpid (worker->watch.pid, &status, WNOHANG) == 0)
    return G_SOURCE_CONTINUE;
  if (status != 0 && !worker->killed)
    g_free (watch_tell_death (&worker->watch, status, -1, NULL));
  watch_clear (&worker->watch);
  worker->pid_source = 0;
  g_clear_handle_id (&worker->control_source, g_source_remove);
  handover->hooks->worker_ended (worker->number, handover->data);
  if (handover_is_empty (handover))
    handover->hooks->ended (handover->data);
  return G_SOURCE_REMOVE;
}

static void
old_worker_free (gpointer data)
{
  OldWorker *worker = data;

  g_clear_handle_id (&worker->pid_source, g_source_remove);
  g_clear_handle_id (&worker->control_source, g_source_remove);
  watch_clear (&worker->watch);
  close (worker->pidfd);
  close (worker->control);
  g_free (worker);
}

static OldWorker *
take_worker (Handover *handover, GPid pid, int pidfd, int control)
{
  OldWorker *worker = g_new0 (OldWorker, 1);

  fcntl (pidfd, F_SETFD, FD_CLOEXEC);
  fcntl (control, F_SETFD, FD_CLOEXEC);
  *worker = (OldWorker){ .watch = { .pid = pid, .index = handover->workers->len },
                         .handover = handover,
                         .number = handover->workers->len,
                         .heartbeat = -1,
                         .pidfd = pidfd,
                         .control = control };
  worker->pid_source = g_unix_fd_add (pidfd, G_IO_IN, on_old_exit, worker);
  worker->control_source = g_unix_fd_add (control, G_IO_IN, on_old_message, worker);
  g_ptr_array_add (handover->workers, worker);
  return worker;
}

static Heartbeat *
take_heartbeat (Handover *handover, int fd, gboolean is_readable)
{
  gpointer heartbeat = NULL;

  if (g_hash_table_lookup_extended (handover->heartbeats, GINT_TO_POINTER (fd), NULL, &heartbeat))
    return heartbeat;
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  heartbeat = is_readable ? heartbeat_new (fd, 0) : NULL;
  g_hash_table_insert (handover->heartbeats, GINT_TO_POINTER (fd), heartbeat);
  return heartbeat;
}

static void
take_workers (Handover *handover)
{
  g_autoptr (GVariant) workers =
      g_variant_lookup_value (handover->brief, "workers", G_VARIANT_TYPE ("a(iii)"));
  g_autoptr (GVariant) heartbeats =
      g_variant_lookup_value (handover->brief, "heartbeats", G_VARIANT_TYPE ("a(iuub)"));
  guint32 format = 0;
  GVariantIter iter, beats;
  int pid, pidfd, control;

  g_variant_lookup (handover->brief, "heartbeat-format", "u", &format);
  if (heartbeats != NULL)
    g_variant_iter_init (&beats, heartbeats);
  g_variant_iter_init (&iter, workers);
  while (g_variant_iter_next (&iter, "(iii)", &pid, &pidfd, &control)) {
    OldWorker *worker = take_worker (handover, pid, pidfd, control);
    gboolean serves;
    guint slot;
    int fd;

    if (heartbeats == NULL ||
        !g_variant_iter_next (&beats, "(iuub)", &fd, &slot, &worker->watch.index, &serves))
      continue;
    worker->watch.slot = slot;
    worker->watch.ready = serves;
    if (fd >= 0)
      worker->watch.heartbeat =
          take_heartbeat (handover, fd, format == HEARTBEAT_FORMAT && slot < HEARTBEAT_SLOTS);
    if (worker->watch.heartbeat != NULL)
      worker->heartbeat = fd;
  }
}

static void
close_heartbeat (gpointer fd, gpointer heartbeat, gpointer data)
{
  if (heartbeat != NULL)
    heartbeat_free (heartbeat);
  close (GPOINTER_TO_INT (fd));
}

Handover *
handover_take (int fd, const HandoverHooks *hooks, gpointer data)
{
  GVariant *brief = brief_read (fd);
  Handover *handover;

  close (fd);
  if (brief == NULL)
    return NULL;
  handover = g_new0 (Handover, 1);
  handover->brief = brief;
  handover->workers = g_ptr_array_new_with_free_func (old_worker_free);
  handover->heartbeats = g_hash_table_new (NULL, NULL);
  handover->hooks = hooks;
  handover->data = data;
  take_workers (handover);
  return handover;
}

static int
take_fd (Handover *handover, const char *key)
{
  int fd = -1;

  g_variant_lookup (handover->brief, key, "i", &fd);
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

static const char *
take_text (Handover *handover, const char *key)
{
  const char *text = "";

  g_variant_lookup (handover->brief, key, "&s", &text);
  return text;
}

gboolean
handover_instance (Handover *handover, Instance *instance, Complaints *complaints)
{
  return instance_take (instance, take_text (handover, "data-dir"),
                        take_text (handover, "runtime-dir"), take_fd (handover, "lock"),
                        complaints);
}

int
handover_control (Handover *handover)
{
  return take_fd (handover, "control");
}

const char *
handover_instance_id (Handover *handover)
{
  return take_text (handover, "instance");
}

GPtrArray *
handover_passed (Handover *handover)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)listen_free);
  g_autoptr (GVariant) listed =
      g_variant_lookup_value (handover->brief, "passed", G_VARIANT_TYPE ("a(ssi)"));
  const char *name, *address;
  GVariantIter iter;
  int fd;

  if (listed == NULL)
    return all;
  g_variant_iter_init (&iter, listed);
  while (g_variant_iter_next (&iter, "(&s&si)", &name, &address, &fd)) {
    ListenSocket *passed = listen_adopt (address, fd, FALSE);

    fcntl (fd, F_SETFD, FD_CLOEXEC);
    passed->passed = g_strdup (name);
    g_ptr_array_add (all, passed);
  }
  return all;
}

GPtrArray *
handover_sockets (Handover *handover)
{
  GPtrArray *sockets = g_ptr_array_new_with_free_func ((GDestroyNotify)listen_free);
  g_autoptr (GVariant) listed =
      g_variant_lookup_value (handover->brief, "sockets", G_VARIANT_TYPE ("a(sib)"));
  const char *address;
  GVariantIter iter;
  gboolean internal;
  int fd;

  g_variant_iter_init (&iter, listed);
  while (g_variant_iter_next (&iter, "(&sib)", &address, &fd, &internal)) {
    fcntl (fd, F_SETFD, FD_CLOEXEC);
    g_ptr_array_add (sockets, listen_adopt (address, fd, internal));
  }
  return sockets;
}

static GArray *
take_fds (Handover *handover, const char *key)
{
  g_autoptr (GVariant) listed =
      g_variant_lookup_value (handover->brief, key, G_VARIANT_TYPE ("ai"));
  GArray *taken = g_array_new (FALSE, FALSE, sizeof (int));
  gsize n = 0;
  const int *fds = listed != NULL ? g_variant_get_fixed_array (listed, &n, sizeof (int)) : NULL;

  for (gsize i = 0; i < n; i++) {
    fcntl (fds[i], F_SETFD, FD_CLOEXEC);
    g_array_append_val (taken, fds[i]);
  }
  return taken;
}

GArray *
handover_askers (Handover *handover)
{
  return take_fds (handover, "askers");
}

GArray *
handover_callers (Handover *handover)
{
  return take_fds (handover, "callers");
}

void
handover_announced (Handover *handover, GHashTable *announced)
{
  g_autoptr (GVariant) listed =
      g_variant_lookup_value (handover->brief, "announced", G_VARIANT_TYPE ("a{ss}"));
  const char *key, *text;
  GVariantIter iter;

  g_variant_iter_init (&iter, listed);
  while (g_variant_iter_next (&iter, "{&s&s}", &key, &text))
    g_hash_table_insert (announced, g_strdup (key), g_strdup (text));
}

/* ---- the old workers --------------------------------------------------- */

void
handover_add_members (Handover *handover, GArray *members)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    const OldWorker *worker = handover->workers->pdata[i];
    CrewMember member = { .pid = worker->watch.pid,
                          .pidfd = worker->pidfd,
                          .control = worker->control,
                          .heartbeat = worker->heartbeat,
                          .slot = worker->watch.slot,
                          .index = worker->watch.index,
                          .serves = worker->watch.ready };

    if (worker->watch.pid != 0)
      g_array_append_val (members, member);
  }
}

void
handover_send (Handover *handover, guint except_slot, const char *message, gsize length)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    const OldWorker *worker = handover->workers->pdata[i];

    if (worker->watch.pid != 0 && FIRST_SLOT + worker->number != except_slot)
      (void)!send (worker->control, message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

static gboolean
on_limit (gpointer data)
{
  Handover *handover = data;

  handover->limit_source = 0;
  handover_kill (handover);
  return G_SOURCE_REMOVE;
}

void
handover_drain (Handover *handover, const char *word, guint limit_ms)
{
  handover_send (handover, 0, word, strlen (word));
  g_clear_handle_id (&handover->limit_source, g_source_remove);
  handover->limit_source = g_timeout_add (limit_ms, on_limit, handover);
}

void
handover_kill (Handover *handover)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    OldWorker *worker = handover->workers->pdata[i];

    if (worker->watch.pid == 0)
      continue;
    worker->killed = TRUE;
    kill (worker->watch.pid, SIGKILL);
  }
}

void
handover_watch (Handover *handover, Metrics *metrics)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    OldWorker *worker = handover->workers->pdata[i];

    worker->watch.metrics = metrics;
    watch_look (&worker->watch);
  }
}

gboolean
handover_is_empty (Handover *handover)
{
  for (guint i = 0; i < handover->workers->len; i++)
    if (((OldWorker *)handover->workers->pdata[i])->watch.pid != 0)
      return FALSE;
  return TRUE;
}

void
handover_free (Handover *handover)
{
  g_clear_handle_id (&handover->limit_source, g_source_remove);
  g_ptr_array_unref (handover->workers);
  g_hash_table_foreach (handover->heartbeats, close_heartbeat, NULL);
  g_hash_table_unref (handover->heartbeats);
  g_variant_unref (handover->brief);
  g_free (handover);
}
