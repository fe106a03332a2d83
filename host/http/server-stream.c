/* SPDX-License-Identifier: Apache-2.0 */
/* server-stream: answers that grow: relays, downloads, and event streams until the hub has them.
 *
 * They go past libsoup, straight to the wire, in chunks (or up to a stated
 * Content-Length), so that a client can tell an end from a cut; only HTTP/1.0
 * clients see the end of the connection instead.
 */
#include "server-private.h"

#include <string.h>

#define MAX_QUEUED (1024 * 1024)

/* How the end of the body will be known; LEFT is set where it is stated. */
static HttpFraming
server_stream_framing (const ServerCall *call,
                       guint status,
                       const ServerHeader *headers,
                       guint n_headers,
                       gint64 *left)
{
  if (call->is_head || status == 204 || status == 304)
    return HTTP_FRAMING_NONE;
  for (guint i = 0; i < n_headers; i++)
    if (g_ascii_strcasecmp (headers[i].name, "Content-Length") == 0 &&
        g_ascii_string_to_unsigned (headers[i].value, 10, 0, HTTP_HEAD_MAX_LENGTH, (guint64 *)left,
                                    NULL))
      return HTTP_FRAMING_LENGTH;
  return call->minor > 0 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
}

static gboolean
server_stream_has_events (const ServerHeader *headers, guint n_headers)
{
  for (guint i = 0; i < n_headers; i++)
    if (g_ascii_strcasecmp (headers[i].name, "Content-Type") == 0)
      return g_str_has_prefix (headers[i].value, "text/event-stream");
  return FALSE;
}

static void
server_stream_send_head (ServerStream *stream,
                         guint status,
                         const ServerHeader *headers,
                         guint n_headers)
{
  ServerCall *call = stream->call;
  GString *head = server_head_begin (call, status);
  gboolean takes_length = stream->framing == HTTP_FRAMING_LENGTH ||
                          (stream->framing == HTTP_FRAMING_NONE && status != 204);

  server_head_add (head, headers, n_headers);
  for (guint i = 0; i < n_headers && takes_length; i++)
    if (g_ascii_strcasecmp (headers[i].name, "Content-Length") == 0)
      header_write (head, "Content-Length", headers[i].value);
  if (stream->framing == HTTP_FRAMING_CHUNKED)
    g_string_append (head, "Transfer-Encoding: chunked\r\n");
  server_head_end (call, head);
  wire_conn_write (call->conn, &(WirePart){ head->str, head->len, NULL }, 1);
}

ServerStream *
server_call_stream (
    ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, gboolean settles)
{
  ServerStream *stream;

  if (call->answered || call->left)
    return NULL;
  stream = g_new0 (ServerStream, 1);
  stream->call = call;
  stream->framing = server_stream_framing (call, status, headers, n_headers, &stream->left);
  stream->is_event = settles && server_stream_has_events (headers, n_headers);
  call->stream = stream;
  call->answered = TRUE;
  if (call->input == NULL && call->done == NULL)
    server_body_discard (call);
  call->keep = call->keep && call->body.state == HTTP_BODY_DONE &&
               stream->framing != HTTP_FRAMING_CLOSE && !stream->is_event &&
               !wire_is_draining (call->server->wire);
  server_stream_send_head (stream, status, headers, n_headers);
  if (stream->is_event)
    wire_conn_wake (call->conn);
  return stream;
}

gboolean
server_stream_write (ServerStream *stream, GBytes *bytes)
{
  WireConn *conn = stream->call->conn;
  gsize queued = wire_conn_queued (conn), length;
  const char *data = g_bytes_get_data (bytes, &length);
  char line[24];

  if (queued > 0 && queued + length > MAX_QUEUED)
    return FALSE;
  if (length == 0 || stream->framing == HTTP_FRAMING_NONE)
    return TRUE;
  if (stream->framing == HTTP_FRAMING_LENGTH) {
    /* more than was stated would be read as the next answer */
    if ((gint64)length > stream->left) {
      stream->left = -1;
      return FALSE;
    }
    stream->left -= (gint64)length;
  }
  if (stream->framing == HTTP_FRAMING_CHUNKED) {
    gsize n = http_body_chunk_line (length, line);
    const WirePart parts[] = { { line, n, NULL }, { data, length, bytes }, { "\r\n", 2, NULL } };

    wire_conn_write (conn, parts, G_N_ELEMENTS (parts));
  } else {
    wire_conn_write (conn, &(WirePart){ data, length, bytes }, 1);
  }
  if (wire_conn_queued (conn) > 0)
    stream->filled = TRUE;
  return TRUE;
}

gsize
server_stream_queued (ServerStream *stream)
{
  return wire_conn_queued (stream->call->conn);
}

void
server_stream_on_drain (ServerStream *stream,
                        void (*func) (ServerStream *stream, gpointer data),
                        gpointer data)
{
  stream->drain = func;
  stream->drain_data = data;
}

void
server_stream_end (ServerStream *stream)
{
  ServerCall *call = stream->call;

  if (stream->framing == HTTP_FRAMING_LENGTH && stream->left != 0) {
    server_stream_abort (stream);
    return;
  }
  if (stream->framing == HTTP_FRAMING_CHUNKED)
    wire_conn_write (call->conn, &(WirePart){ "0\r\n\r\n", 5, NULL }, 1);
  call->over = TRUE;
  wire_conn_wake (call->conn);
}

void
server_stream_abort (ServerStream *stream)
{
  stream->call->aborted = TRUE;
  wire_conn_wake (stream->call->conn);
}

void
server_stream_ready (ServerStream *stream)
{
  if (!stream->filled || wire_conn_queued (stream->call->conn) > 0)
    return;
  stream->filled = FALSE;
  if (stream->drain != NULL)
    stream->drain (stream, stream->drain_data);
}

gboolean
server_stream_is_settled (ServerStream *stream)
{
  const ServerCall *call = stream->call;

  return stream->is_event && !call->left && !call->aborted && !call->over &&
         (stream->framing == HTTP_FRAMING_CHUNKED || stream->framing == HTTP_FRAMING_CLOSE) &&
         call->body.state == HTTP_BODY_DONE && call->input == NULL && call->done == NULL &&
         wire_conn_queued (call->conn) == 0 && wire_conn_is_sent (call->conn);
}
