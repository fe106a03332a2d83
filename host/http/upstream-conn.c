/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-conn: one outgoing connection.
 *
 * A plain one is read and written through its descriptor, with one GSource for
 * its whole life. TLS goes through GIO's pollable streams, whose sources depend
 * on what the handshake wants and are made when there is something to wait for.
 */
#include "upstream-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef struct {
  GSource base;
  UpstreamConn *conn;
} UpstreamConnSource;

static void
upstream_conn_ready (UpstreamConn *conn, gboolean readable, gboolean writable)
{
  if (conn->fetch == NULL) {
    if (!upstream_conn_is_quiet (conn))
      upstream_pool_close (conn);
    return;
  }
  /* an answer that comes early tells more than a write that fails */
  if (readable)
    upstream_answer_readable (conn->fetch);
  else if (writable)
    upstream_request_writable (conn->fetch);
}

static gboolean
upstream_conn_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  UpstreamConn *conn = ((UpstreamConnSource *)source)->conn;
  GIOCondition ready = conn->tag != NULL ? g_source_query_unix_fd (source, conn->tag) : 0;

  if (ready == 0)
    return G_SOURCE_CONTINUE;
  upstream_conn_ready (conn, (ready & ~G_IO_OUT) != 0, (ready & G_IO_OUT) != 0);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs upstream_conn_source_funcs = { .dispatch = upstream_conn_dispatch };

static gboolean
upstream_conn_tls_readable (GObject *stream, gpointer data)
{
  upstream_conn_ready (data, TRUE, FALSE);
  return G_SOURCE_CONTINUE;
}

static gboolean
upstream_conn_tls_writable (GObject *stream, gpointer data)
{
  upstream_conn_ready (data, FALSE, TRUE);
  return G_SOURCE_CONTINUE;
}

static void
upstream_conn_drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
upstream_conn_add_source (UpstreamConn *conn, GSource **slot, GSource *source, GSourceFunc func)
{
  *slot = source;
  g_source_set_callback (source, func, conn, NULL);
  g_source_attach (source, conn->upstream->context);
}

void
upstream_conn_want (UpstreamConn *conn, gboolean read, gboolean write)
{
  GIOCondition events = (read ? G_IO_IN : 0) | (write ? G_IO_OUT : 0);

  if (events == conn->events)
    return;
  conn->events = events;
  if (!conn->tls) {
    /* while nothing is wanted the descriptor must not be polled at all: a peer that has hung up
     * would be reported for ever */
    if (conn->tag != NULL && events != 0)
      g_source_modify_unix_fd (conn->source, conn->tag, events);
    else if (conn->tag != NULL)
      g_source_remove_unix_fd (conn->source, g_steal_pointer (&conn->tag));
    else
      conn->tag = g_source_add_unix_fd (conn->source, conn->fd, events);
    return;
  }
  if (!read)
    upstream_conn_drop_source (&conn->tls_in);
  else if (conn->tls_in == NULL)
    upstream_conn_add_source (
        conn, &conn->tls_in,
        g_pollable_input_stream_create_source (
            G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (conn->stream)), NULL),
        G_SOURCE_FUNC (upstream_conn_tls_readable));
  if (!write)
    upstream_conn_drop_source (&conn->tls_out);
  else if (conn->tls_out == NULL)
    upstream_conn_add_source (
        conn, &conn->tls_out,
        g_pollable_output_stream_create_source (
            G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (conn->stream)), NULL),
        G_SOURCE_FUNC (upstream_conn_tls_writable));
}

UpstreamConn *
upstream_conn_new (UpstreamOrigin *origin,
                   Upstream *upstream,
                   GSocketConnection *socket,
                   GIOStream *stream)
{
  UpstreamConn *conn = g_new0 (UpstreamConn, 1);
  int on = 1;

  conn->upstream = upstream;
  conn->origin = origin;
  conn->idle_link.data = conn;
  conn->socket = G_IO_STREAM (socket);
  conn->stream = stream;
  conn->tls = stream != NULL;
  conn->fd = g_socket_get_fd (g_socket_connection_get_socket (socket));
  setsockopt (conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (conn->tls)
    return conn;
  conn->source = g_source_new (&upstream_conn_source_funcs, sizeof (UpstreamConnSource));
  ((UpstreamConnSource *)conn->source)->conn = conn;
  g_source_attach (conn->source, upstream->context);
  return conn;
}

void
upstream_conn_free (UpstreamConn *conn)
{
  upstream_conn_drop_source (&conn->source);
  upstream_conn_drop_source (&conn->tls_in);
  upstream_conn_drop_source (&conn->tls_out);
  /* the socket first: a TLS stream would want to say goodbye, and wait for the peer */
  g_socket_close (g_socket_connection_get_socket (G_SOCKET_CONNECTION (conn->socket)), NULL);
  g_clear_object (&conn->stream);
  g_object_unref (conn->socket);
  g_free (conn);
}

static UpstreamIo
upstream_conn_tls_result (gssize n, GError *error, gsize *ret_length)
{
  UpstreamIo io = UPSTREAM_IO_ERROR;

  if (n >= 0) {
    *ret_length = (gsize)n;
    return UPSTREAM_IO_OK;
  }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    io = UPSTREAM_IO_BLOCK;
  g_error_free (error);
  return io;
}

static UpstreamIo
upstream_conn_result (gssize n, gsize *ret_length)
{
  if (n < 0)
    return errno == EAGAIN ? UPSTREAM_IO_BLOCK : UPSTREAM_IO_ERROR;
  *ret_length = (gsize)n;
  return UPSTREAM_IO_OK;
}

UpstreamIo
upstream_conn_read (UpstreamConn *conn, char *buffer, gsize size, gsize *ret_length)
{
  UpstreamIo io;
  gssize n;

  if (conn->tls) {
    GError *error = NULL;

    n = g_pollable_input_stream_read_nonblocking (
        G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (conn->stream)), buffer, size, NULL,
        &error);
    io = upstream_conn_tls_result (n, error, ret_length);
  } else {
    do
      n = recv (conn->fd, buffer, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    io = upstream_conn_result (n, ret_length);
  }
  return n == 0 ? UPSTREAM_IO_END : io;
}

UpstreamIo
upstream_conn_write (UpstreamConn *conn,
                     const char *head,
                     gsize head_length,
                     const char *body,
                     gsize body_length,
                     gsize *ret_length)
{
  struct iovec iov[2] = { { (void *)head, head_length }, { (void *)body, body_length } };
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = body_length > 0 ? 2 : 1 };
  gssize n;

  if (head_length == 0) {
    message.msg_iov = iov + 1;
    message.msg_iovlen = 1;
  }
  if (conn->tls) {
    GError *error = NULL;

    n = g_pollable_output_stream_write_nonblocking (
        G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (conn->stream)),
        message.msg_iov[0].iov_base, message.msg_iov[0].iov_len, NULL, &error);
    return upstream_conn_tls_result (n, error, ret_length);
  }
  do
    n = sendmsg (conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return upstream_conn_result (n, ret_length);
}

gboolean
upstream_conn_is_quiet (UpstreamConn *conn)
{
  gsize length;
  char byte;

  return upstream_conn_read (conn, &byte, 1, &length) == UPSTREAM_IO_BLOCK;
}
