/* SPDX-License-Identifier: Apache-2.0 */
/* handover: a supervisor of one layout makes way for one of another. */
#include "handover.h"

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  Handover *handover;
  GPid pid; /* 0: has ended */
  int pidfd, control;
  guint pid_source, control_source;
} OldWorker;

struct Handover {
  GVariant *brief;
  GPtrArray *workers; /* (element-type OldWorker), owned */
  void (*hint) (const char *message, gsize length, gpointer data);
  gpointer data;
  guint limit_source;
};

static GVariant *
sockets_to_variant (GPtrArray *sockets)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sib)"));
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    fcntl (socket->fd, F_SETFD, 0);
    g_variant_builder_add (&builder, "(sib)", socket->address, socket->fd, socket->internal);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
workers_to_variant (GPtrArray *crews)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(iii)"));
  for (guint i = 0; i < crews->len; i++) {
    g_autoptr (GArray) members = crew_members (crews->pdata[i]);

    for (guint j = 0; j < members->len; j++) {
      const CrewMember *member = &g_array_index (members, CrewMember, j);

      fcntl (member->pidfd, F_SETFD, 0);
      fcntl (member->control, F_SETFD, 0);
      g_variant_builder_add (&builder, "(iii)", member->pid, member->pidfd, member->control);
    }
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
askers_to_variant (GArray *askers)
{
  for (guint i = 0; i < askers->len; i++)
    fcntl (g_array_index (askers, int, i), F_SETFD, 0);
  return g_variant_new_fixed_array (G_VARIANT_TYPE_INT32, askers->data, askers->len, sizeof (int));
}

gboolean
handover_give (const Options *options,
               int exe_fd,
               const Instance *instance,
               GPtrArray *sockets,
               GPtrArray *crews,
               GArray *askers,
               GError **error)
{
  g_autofree char *exe = g_strdup_printf ("/proc/self/fd/%d", exe_fd);
  g_auto (GStrv) given = options_to_argv (options, "run");
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  GVariantDict dict;
  int brief;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "lock", "i", instance->lock);
  g_variant_dict_insert_value (&dict, "sockets", sockets_to_variant (sockets));
  g_variant_dict_insert_value (&dict, "workers", workers_to_variant (crews));
  g_variant_dict_insert_value (&dict, "askers", askers_to_variant (askers));
  brief = brief_write (g_variant_dict_end (&dict));
  fcntl (brief, F_SETFD, 0);
  fcntl (instance->lock, F_SETFD, 0);

  g_ptr_array_add (argv, g_strdup ("daedalus"));
  for (char **one = given; *one != NULL; one++)
    g_ptr_array_add (argv, g_strdup (*one));
  g_ptr_array_add (argv, g_strdup ("--handover"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", brief));
  g_ptr_array_add (argv, NULL);
  execv (exe, (char **)argv->pdata);
  g_set_error (error, G_FILE_ERROR, (int)g_file_error_from_errno (errno),
               "cannot run the new program: %s", g_strerror (errno));
  close (brief);
  return FALSE;
}

static gboolean
on_old_message (int fd, GIOCondition condition, gpointer data)
{
  OldWorker *worker = data;
  char message[1024];
  ssize_t length = recv (fd, message, sizeof message - 1, MSG_DONTWAIT);

  if (length > 0) {
    message[length] = '\0';
    worker->handover->hint (message, (gsize)length, worker->handover->data);
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

  waitpid (worker->pid, NULL, 0);
  worker->pid = 0;
  worker->pid_source = 0;
  g_clear_handle_id (&worker->control_source, g_source_remove);
  return G_SOURCE_REMOVE;
}

static void
old_worker_free (gpointer data)
{
  OldWorker *worker = data;

  g_clear_handle_id (&worker->pid_source, g_source_remove);
  g_clear_handle_id (&worker->control_source, g_source_remove);
  close (worker->pidfd);
  close (worker->control);
  g_free (worker);
}

Handover *
handover_take (int fd,
               void (*hint) (const char *message, gsize length, gpointer data),
               gpointer data)
{
  Handover *handover = g_new0 (Handover, 1);
  g_autoptr (GVariant) workers = NULL;
  GVariantIter iter;
  int pid, pidfd, control;

  handover->brief = brief_read (fd);
  close (fd);
  handover->workers = g_ptr_array_new_with_free_func (old_worker_free);
  handover->hint = hint;
  handover->data = data;
  if (handover->brief == NULL) {
    handover_free (handover);
    return NULL;
  }
  workers = g_variant_lookup_value (handover->brief, "workers", G_VARIANT_TYPE ("a(iii)"));
  g_variant_iter_init (&iter, workers);
  while (g_variant_iter_next (&iter, "(iii)", &pid, &pidfd, &control)) {
    OldWorker *worker = g_new0 (OldWorker, 1);

    fcntl (pidfd, F_SETFD, FD_CLOEXEC);
    fcntl (control, F_SETFD, FD_CLOEXEC);
    *worker = (OldWorker){ .handover = handover, .pid = pid, .pidfd = pidfd, .control = control };
    worker->pid_source = g_unix_fd_add (pidfd, G_IO_IN, on_old_exit, worker);
    worker->control_source = g_unix_fd_add (control, G_IO_IN, on_old_message, worker);
    g_ptr_array_add (handover->workers, worker);
  }
  return handover;
}

int
handover_lock (Handover *handover)
{
  int fd = -1;

  g_variant_lookup (handover->brief, "lock", "i", &fd);
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  return fd;
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
    ListenSocket *socket = g_new0 (ListenSocket, 1);

    fcntl (fd, F_SETFD, FD_CLOEXEC);
    *socket = (ListenSocket){ .address = g_strdup (address), .fd = fd, .internal = internal };
    g_ptr_array_add (sockets, socket);
  }
  return sockets;
}

void
handover_send (Handover *handover, const char *message, gsize length)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    OldWorker *worker = handover->workers->pdata[i];

    if (worker->pid != 0)
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
handover_complete (Handover *handover, guint limit_ms, int status, const char *text)
{
  g_autoptr (GVariant) askers =
      g_variant_lookup_value (handover->brief, "askers", G_VARIANT_TYPE ("ai"));
  g_autofree char *word = g_strdup_printf ("D %u", limit_ms);
  gsize n;
  const int *fds = g_variant_get_fixed_array (askers, &n, sizeof (int));

  for (gsize i = 0; i < n; i++)
    control_answer_fd (fds[i], status, text);
  handover_send (handover, word, strlen (word));
  handover->limit_source = g_timeout_add (limit_ms + 3000, on_limit, handover);
}

gboolean
handover_is_empty (Handover *handover)
{
  for (guint i = 0; i < handover->workers->len; i++)
    if (((OldWorker *)handover->workers->pdata[i])->pid != 0)
      return FALSE;
  return TRUE;
}

void
handover_kill (Handover *handover)
{
  for (guint i = 0; i < handover->workers->len; i++) {
    OldWorker *worker = handover->workers->pdata[i];

    if (worker->pid != 0)
      kill (worker->pid, SIGKILL);
  }
}

void
handover_free (Handover *handover)
{
  g_clear_handle_id (&handover->limit_source, g_source_remove);
  g_ptr_array_unref (handover->workers);
  g_clear_pointer (&handover->brief, g_variant_unref);
  g_free (handover);
}
