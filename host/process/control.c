/* SPDX-License-Identifier: Apache-2.0 */
/* control: the Unix socket by which commands reach the running supervisor. */
#include "control.h"

#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct Control {
  ListenSocket *socket;
  guint source;
  void (*func) (ControlCall *call, const char *line, gpointer data);
  gpointer data;
  GPtrArray *calls; /* (element-type ControlCall), not owned */
};

struct ControlCall {
  Control *control;
  int fd;
  guint source;
  char line[64];
  gsize length;
};

static void
call_free (ControlCall *call)
{
  g_clear_handle_id (&call->source, g_source_remove);
  g_ptr_array_remove_fast (call->control->calls, call);
  close (call->fd);
  g_free (call);
}

void
control_answer (ControlCall *call, int status, const char *text)
{
  g_autofree char *answer = g_strdup_printf ("%d\n%s", status, text);

  /* the asker waits for it, so a blocking write ends; one that stopped reading loses its answer */
  fcntl (call->fd, F_SETFL, 0);
  setsockopt (call->fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ 1, 0 },
              sizeof (struct timeval));
  (void)!send (call->fd, answer, strlen (answer), MSG_NOSIGNAL);
  call_free (call);
}

static gboolean
on_line (int fd, GIOCondition condition, gpointer data)
{
  ControlCall *call = data;
  ssize_t length = recv (fd, call->line + call->length, sizeof call->line - 1 - call->length, 0);
  char *end;

  if (length <= 0) {
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
      return G_SOURCE_CONTINUE;
    call->source = 0;
    call_free (call);
    return G_SOURCE_REMOVE;
  }
  call->length += (gsize)length;
  call->line[call->length] = '\0';
  end = strchr (call->line, '\n');
  if (end == NULL && call->length < sizeof call->line - 1)
    return G_SOURCE_CONTINUE;
  if (end != NULL)
    *end = '\0';
  call->source = 0;
  call->control->func (call, call->line, call->control->data);
  return G_SOURCE_REMOVE;
}

static ControlCall *
call_new (Control *control, int fd)
{
  ControlCall *call = g_new0 (ControlCall, 1);

  call->control = control;
  call->fd = fd;
  g_ptr_array_add (control->calls, call);
  return call;
}

void
control_adopt_caller (Control *control, int fd)
{
  ControlCall *call = call_new (control, fd);

  call->source = g_unix_fd_add (fd, G_IO_IN, on_line, call);
}

static gboolean
on_accept (int fd, GIOCondition condition, gpointer data)
{
  int accepted = accept4 (fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (accepted >= 0)
    control_adopt_caller (data, accepted);
  return G_SOURCE_CONTINUE;
}

int
control_fd (Control *control)
{
  return control->socket->fd;
}

int
control_call_fd (ControlCall *call)
{
  return call->fd;
}

void
control_add_callers (Control *control, GArray *fds)
{
  for (guint i = 0; i < control->calls->len; i++) {
    const ControlCall *call = control->calls->pdata[i];

    if (call->source != 0)
      g_array_append_val (fds, call->fd);
  }
}

ControlCall *
control_adopt_asker (Control *control, int fd)
{
  return call_new (control, fd);
}

Control *
control_new (const char *path,
             int fd,
             void (*func) (ControlCall *call, const char *line, gpointer data),
             gpointer data,
             Complaints *complaints)
{
  g_autofree char *address = g_strconcat ("unix:", path, NULL);
  ListenSocket *socket =
      fd >= 0 ? listen_adopt (address, fd, TRUE) : listen_open (address, TRUE, complaints);
  Control *control;

  if (socket == NULL)
    return NULL;
  control = g_new0 (Control, 1);
  control->socket = socket;
  control->func = func;
  control->data = data;
  control->calls = g_ptr_array_new ();
  control->source = g_unix_fd_add (socket->fd, G_IO_IN, on_accept, control);
  return control;
}

void
control_free (Control *control)
{
  while (control->calls->len > 0)
    call_free (control->calls->pdata[0]);
  g_ptr_array_unref (control->calls);
  g_source_remove (control->source);
  listen_free (control->socket);
  g_free (control);
}

int
control_ask (const char *path, const char *line, char **ret_text, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autofree char *message = g_strconcat (line, "\n", NULL); /* in one piece: it may change hands */
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char *text;
  guint64 status;

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (fd < 0 || connect (fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      send (fd, message, strlen (message), MSG_NOSIGNAL) < 0) {
    int number = errno;

    if (number == ENOENT || number == ECONNREFUSED)
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no daedalus runs on \"%s\"", path);
    else
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number),
                   "cannot reach the daedalus on \"%s\": %s", path, g_strerror (number));
    if (fd >= 0)
      close (fd);
    return -1;
  }
  for (char bytes[4096];;) {
    ssize_t length = recv (fd, bytes, sizeof bytes, 0);

    if (length <= 0)
      break;
    g_string_append_len (answer, bytes, length);
  }
  close (fd);
  status = g_ascii_strtoull (answer->str, &text, 10);
  if (*text != '\n') {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                         "the running daedalus ended before it answered");
    return -1;
  }
  *ret_text = g_strdup (text + 1);
  return (int)status;
}
