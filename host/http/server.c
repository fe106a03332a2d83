/* SPDX-License-Identifier: Apache-2.0 */
/* server: calls, from a sound head to the last byte of the answer.
 *
 * The wire gives a head; the exchange answers it, now or later; only then
 * libsoup gets a canonical request by soup_server_accept_iostream and makes the
 * answer of it, at once and in memory. So libsoup sees no byte that a client
 * chose, holds nothing while a call waits, and never decides about a connection.
 */
#include "server-private.h"

#include "../observe/log.h"
#include "handoff.h"

#include <libsoup/soup.h>
#include <string.h>

struct ServerAnswer {
  ServerCall *call;
  guint status;
  const ServerHeader *headers;
  guint n_headers;
  GBytes *body;
  gboolean made; /* libsoup has asked for it */
};

/* The strings of a head, each with its NUL, behind the struct: one block for a call. */
static ServerCall *
server_call_new (Server *server, WireConn *conn, const HttpHead *head, const char *bytes)
{
  gsize table = head->n_fields * sizeof (ServerHeader);
  ServerCall *call = g_malloc (sizeof *call + table + head->length + 2);
  char *text = (char *)call + sizeof *call + table;

  memset (call, 0, sizeof *call);
  memcpy (text, bytes, head->length);
  /* "/" for an absolute-form without a path, and the empty host of HTTP/1.0 */
  text[head->length] = '/';
  text[head->length + 1] = '\0';
  call->server = server;
  call->conn = conn;
  call->link.data = call;
  call->headers = (ServerHeader *)(call + 1);
  call->n_headers = head->n_fields;
  call->method = text + head->method.at;
  text[head->method.at + head->method.length] = '\0';
  call->target = text + head->length;
  if (head->target.length > 0) {
    call->target = text + head->target.at;
    text[head->target.at + head->target.length] = '\0';
  }
  for (guint i = 0; i < head->n_fields; i++) {
    const HttpField *field = &head->fields[i];

    call->headers[i] = (ServerHeader){ text + field->name.at, text + field->value.at };
    text[field->name.at + field->name.length] = '\0';
    text[field->value.at + field->value.length] = '\0';
  }
  call->host = text + head->length + 1;
  if (head->absolute) {
    /* the path begins where the authority ends: its first byte is needed by the target */
    memmove (text + head->authority.at - 1, text + head->authority.at, head->authority.length);
    text[head->authority.at - 1 + head->authority.length] = '\0';
    call->host = text + head->authority.at - 1;
  } else if (head->authority.length > 0) {
    call->host = text + head->authority.at;
  }
  return call;
}

static void
server_request (WireConn *conn, const HttpHead *head, const char *bytes, gpointer data)
{
  Server *server = data;
  ServerCall *call = server_call_new (server, conn, head, bytes);

  call->minor = head->minor;
  call->is_head = strcmp (call->method, "HEAD") == 0;
  call->keep = head->keep_alive;
  call->expect = head->expect_continue;
  call->sent_before = wire_conn_sent (conn);
  call->body_length = head->framing == HTTP_FRAMING_CHUNKED ? -1 : MAX (head->content_length, 0);
  http_body_begin (&call->body, head->framing, head->content_length);
  if (head->absolute)
    for (guint i = 0; i < call->n_headers; i++)
      if (g_ascii_strcasecmp (call->headers[i].name, "Host") == 0)
        call->headers[i].value = call->host;
  wire_conn_set_call (conn, call);
  g_queue_push_tail_link (&server->calls, &call->link);
  server->hooks->begin (call, server->data);
}

gint64
server_call_bytes_out (ServerCall *call)
{
  return wire_conn_sent (call->conn) - call->sent_before;
}

/* Its connection is no more its own. */
static void
server_call_free (ServerCall *call)
{
  g_queue_unlink (&call->server->calls, &call->link);
  g_free (call->stream);
  g_free (call);
}

/* Tells the exchange that it is over, and frees the call; the connection is the caller's to end. */
static void
server_call_end (ServerCall *call, gboolean whole)
{
  Server *server = call->server;

  server_body_end (call);
  if (!whole && !call->over && !call->aborted && server->hooks->gone != NULL)
    server->hooks->gone (call, server->data);
  server->hooks->finished (call, whole, server->data);
  wire_conn_set_call (call->conn, NULL);
  server_call_free (call);
}

/* The connection goes to the hub. */
static void
server_call_settle (ServerCall *call)
{
  Server *server = call->server;
  HttpFraming framing = call->stream->framing;
  gint64 sent = server_call_bytes_out (call);
  WireConn *conn = call->conn;
  guint64 share;
  int fd;

  server_body_end (call);
  wire_conn_set_call (conn, NULL);
  fd = wire_conn_give (conn, &share);
  server->hooks->settled (call, hub_add (server->hub, fd, framing, sent), share, server->data);
  server_call_free (call);
}

/* Whoever has shut its side down may only have finished sending, or may have gone. A further 1xx
 * is ignored by the one and answered with a reset by the other. */
static void
server_call_probe (ServerCall *call)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

  if (call->probed || call->minor == 0)
    return;
  call->probed = TRUE;
  call->expect = FALSE;
  wire_conn_write (call->conn, &(WirePart){ text, sizeof text - 1, NULL }, 1);
}

static void
server_call_abort (ServerCall *call)
{
  WireConn *conn = call->conn;
  gboolean reset = call->left || call->stream->framing == HTTP_FRAMING_CLOSE;

  server_call_end (call, FALSE);
  if (reset)
    wire_conn_reset (conn);
  else
    wire_conn_close (conn);
}

static void
server_ready (WireConn *conn, gpointer data)
{
  Server *server = data;
  ServerCall *call = wire_conn_call (conn);
  gboolean keep;

  if (call->over) {
    if (wire_conn_queued (conn) > 0)
      return;
    keep = call->keep;
    server_call_end (call, TRUE);
    if (keep)
      wire_conn_next (conn);
    else
      wire_conn_close (conn);
    return;
  }
  if (call->stream != NULL && wire_conn_has_fin (conn))
    call->left = TRUE;
  if (!call->left && !call->aborted)
    server_body_ready (call);
  if (call->left && !call->over) {
    server_call_end (call, FALSE);
    wire_conn_reset (conn);
  } else if (call->aborted) {
    server_call_abort (call);
  } else if (call->stream != NULL && !call->over) {
    server_stream_ready (call->stream);
    if (server->hub != NULL && server_stream_is_settled (call->stream))
      server_call_settle (call);
  } else if (!call->answered && wire_conn_has_fin (conn)) {
    server_call_probe (call);
  }
}

static void
server_lost (WireConn *conn, gpointer data)
{
  ServerCall *call = wire_conn_call (conn);

  call->left = TRUE;
  server_call_end (call, call->over && wire_conn_is_sent (conn));
}

static guint
server_given (gpointer data)
{
  const Server *server = data;

  return server->hub != NULL ? hub_count (server->hub) : 0;
}

static const WireHooks server_wire_hooks = {
  .request = server_request,
  .ready = server_ready,
  .lost = server_lost,
  .given = server_given,
};

/* libsoup asks for the answer. */
static void
server_make_answer (SoupServer *soup,
                    SoupServerMessage *message,
                    const char *path,
                    GHashTable *query,
                    gpointer data)
{
  struct ServerAnswer *answer = ((Server *)data)->answer;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  if (answer == NULL) {
    soup_server_message_set_status (message, 500, NULL);
    return;
  }
  answer->made = TRUE;
  soup_server_message_set_status (message, answer->status, http_head_phrase (answer->status));
  for (guint i = 0; i < answer->n_headers; i++) {
    const ServerHeader *header = &answer->headers[i];

    if (answer->body == NULL && answer->call->is_head &&
        g_ascii_strcasecmp (header->name, "Content-Length") == 0)
      soup_message_headers_set_content_length (headers, g_ascii_strtoll (header->value, NULL, 10));
    else if (!server_owns_header (header->name) && server_header_is_sound (header))
      soup_message_headers_append (headers, header->name, header->value);
  }
  if (!answer->call->keep)
    soup_message_headers_append (headers, "Connection", "close");
  else if (answer->call->minor == 0)
    soup_message_headers_append (headers, "Connection", "keep-alive");
  if (answer->status == 304)
    soup_message_headers_set_encoding (headers, SOUP_ENCODING_NONE);
  else if (answer->body != NULL && g_bytes_get_size (answer->body) > 0 && answer->status != 204)
    soup_message_body_append_bytes (soup_server_message_get_response_body (message), answer->body);
}

/* Lets libsoup make the answer and sends what it made. */
static void
server_send_answer (Server *server, struct ServerAnswer *answer)
{
  static const char failed[] = "HTTP/1.1 500 Internal Server Error\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
  HandoffAnswer out = { server->head, answer->body, 0, FALSE };
  ServerCall *call = answer->call;
  g_autoptr (GIOStream) stream = NULL;
  char request[64];
  int length = g_snprintf (request, sizeof request, "%s / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           call->method);

  g_string_truncate (server->head, 0);
  stream = handoff_new (request, (gsize)length, &out);
  server->answer = answer;
  soup_server_accept_iostream (server->soup, stream, server->address, server->address, NULL);
  server->answer = NULL;
  handoff_detach (stream);
  if (answer->made && out.closed) {
    const WirePart parts[] = {
      { server->head->str, server->head->len, NULL },
      { answer->body != NULL ? g_bytes_get_data (answer->body, NULL) : NULL, out.body_used,
        answer->body },
    };

    wire_conn_write (call->conn, parts, out.body_used > 0 ? 2 : 1);
    return;
  }
  log_line (G_LOG_LEVEL_CRITICAL, "libsoup did not make an answer",
            DAE_I ("status", answer->status));
  call->keep = FALSE;
  wire_conn_write (call->conn, &(WirePart){ failed, sizeof failed - 1, NULL }, 1);
}

/* FALSE: nobody is there to be answered, or has been already. */
static gboolean
server_call_begin_answer (ServerCall *call)
{
  if (call->answered || call->left)
    return FALSE;
  call->answered = TRUE;
  if (!server_body_discard (call) || wire_is_draining (call->server->wire))
    call->keep = FALSE;
  return TRUE;
}

static void
server_call_end_answer (ServerCall *call)
{
  call->over = TRUE;
  wire_conn_wake (call->conn);
}

void
server_call_answer (
    ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, GBytes *body)
{
  struct ServerAnswer answer = { call, status, headers, n_headers, body, FALSE };

  if (!server_call_begin_answer (call))
    return;
  server_send_answer (call->server, &answer);
  server_call_end_answer (call);
}

/* An answer to HEAD without a body says how long that of GET is. */
static gint64
server_call_length (const ServerCall *call,
                    const ServerHeader *headers,
                    guint n_headers,
                    GBytes *body)
{
  for (guint i = 0; i < n_headers && body == NULL && call->is_head; i++)
    if (g_ascii_strcasecmp (headers[i].name, "Content-Length") == 0)
      return g_ascii_strtoll (headers[i].value, NULL, 10);
  return body != NULL ? (gint64)g_bytes_get_size (body) : 0;
}

void
server_call_send (
    ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, GBytes *body)
{
  gsize length = 0;
  const char *data = body != NULL ? g_bytes_get_data (body, &length) : NULL;
  gboolean has_body = status != 204 && status != 304;
  GString *head;

  if (!server_call_begin_answer (call))
    return;
  head = server_head_begin (call, status);
  server_head_add (head, headers, n_headers);
  if (has_body)
    g_string_append_printf (head, "Content-Length: %" G_GINT64_FORMAT "\r\n",
                            server_call_length (call, headers, n_headers, body));
  server_head_end (call, head);
  wire_conn_write (call->conn,
                   (const WirePart[]){ { head->str, head->len, NULL }, { data, length, body } },
                   has_body && !call->is_head && length > 0 ? 2 : 1);
  server_call_end_answer (call);
}

const char *
server_call_method (ServerCall *call)
{
  return call->method;
}

const char *
server_call_target (ServerCall *call)
{
  return call->target;
}

const char *
server_call_host (ServerCall *call)
{
  return call->host;
}

guint
server_call_n_headers (ServerCall *call)
{
  return call->n_headers;
}

ServerHeader
server_call_header (ServerCall *call, guint index)
{
  return call->headers[index];
}

const char *
server_call_peer (ServerCall *call)
{
  return wire_conn_peer (call->conn);
}

gboolean
server_call_is_internal (ServerCall *call)
{
  return wire_conn_is_internal (call->conn);
}

gint64
server_call_body_length (ServerCall *call)
{
  return call->body_length;
}

gint64
server_call_bytes_in (ServerCall *call)
{
  return call->body.seen;
}

void
server_call_set_data (ServerCall *call, gpointer data)
{
  call->data = data;
}

gpointer
server_call_data (ServerCall *call)
{
  return call->data;
}

Server *
server_new (Host *host, const ServerHooks *hooks, gpointer data)
{
  Server *server = g_new0 (Server, 1);

  server->host = host;
  server->hooks = hooks;
  server->data = data;
  server->head = g_string_sized_new (1024);
  server->address = g_inet_socket_address_new_from_string ("127.0.0.1", 1);
  server->soup = soup_server_new (NULL, NULL);
  soup_server_add_handler (server->soup, NULL, server_make_answer, server, NULL);
  server->wire = wire_new (host, &server_wire_hooks, server);
  if (hooks->settled != NULL)
    server->hub = hub_new (HUB_LIMITS_DEFAULT, hooks->hub);
  return server;
}

void
server_set_limits (Server *server, ServerLimits limits)
{
  wire_set_limits (server->wire, (WireLimits){ limits.head_ms, limits.body_ms, limits.idle_ms,
                                               limits.stall_ms, limits.drain_ms });
}

void
server_listen (Server *server, int fd, gboolean internal)
{
  wire_listen (server->wire, fd, internal);
}

void
server_drain (Server *server)
{
  wire_drain (server->wire);
}

void
server_cut (Server *server)
{
  while (server->calls.head != NULL) {
    ServerCall *call = server->calls.head->data;
    WireConn *conn = call->conn;

    call->left = TRUE;
    server_call_end (call, FALSE);
    wire_conn_close (conn);
  }
  if (server->hub != NULL)
    hub_cut (server->hub);
}

guint
server_connections (Server *server)
{
  return wire_connections (server->wire);
}

guint
server_calls (Server *server)
{
  return server->calls.length + server_given (server);
}

void
server_free (Server *server)
{
  wire_free (server->wire);
  g_clear_pointer (&server->hub, hub_free);
  g_object_unref (server->soup);
  g_object_unref (server->address);
  g_string_free (server->head, TRUE);
  g_free (server);
}
