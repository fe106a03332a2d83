/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-request: what a fetch sends: its head, and a body from memory or from a stream.
 *
 * A stream is read when the connection has taken what was read before, one
 * block at a time: an upstream that takes nothing stops the reading. Nothing
 * here calls a hook, since a fetch that finds a connection in the pool begins
 * inside its caller's call.
 */
#include "upstream-private.h"

#include <string.h>

#define SMALL_BODY    (16 * 1024)
#define BLOCK         (32 * 1024)
#define BLOCKS_A_TURN 8
#define LINE          24 /* of a chunk, at most */

static void
upstream_request_add_framing (const UpstreamFetch *fetch, GString *out)
{
  static const char *const with_body[] = { "POST", "PUT", "PATCH", NULL };
  gsize length = fetch->body != NULL ? g_bytes_get_size (fetch->body) : 0;

  if (fetch->input != NULL && fetch->input_left < 0)
    g_string_append (out, "Transfer-Encoding: chunked\r\n");
  else if (fetch->input != NULL)
    g_string_append_printf (out, "Content-Length: %" G_GINT64_FORMAT "\r\n", fetch->input_left);
  else if (length > 0 || g_strv_contains (with_body, fetch->method))
    g_string_append_printf (out, "Content-Length: %zu\r\n", length);
}

static void
upstream_request_write_head (UpstreamFetch *fetch)
{
  gsize length = fetch->body != NULL ? g_bytes_get_size (fetch->body) : 0;
  GString *out = g_string_sized_new (512 + fetch->headers->len);

  g_string_append_printf (out, "%s %s HTTP/1.1\r\n", fetch->method, fetch->url->target);
  if (!fetch->has_host)
    g_string_append_printf (out, "Host: %s\r\n", fetch->url->authority);
  g_string_append_len (out, fetch->headers->str, (gssize)fetch->headers->len);
  if (!fetch->has_agent)
    g_string_append (out, "User-Agent: daedalus\r\n");
  if (!fetch->has_encoding)
    g_string_append (out, "Accept-Encoding: identity\r\n");
  if (fetch->type != NULL)
    g_string_append_printf (out, "Content-Type: %s\r\n", fetch->type);
  upstream_request_add_framing (fetch, out);
  g_string_append (out, "\r\n");
  fetch->body_apart = length > SMALL_BODY;
  if (length > 0 && !fetch->body_apart)
    g_string_append_len (out, g_bytes_get_data (fetch->body, NULL), (gssize)length);
  fetch->out = out;
}

static void
upstream_request_drop_source (UpstreamFetch *fetch)
{
  if (fetch->input_source == NULL)
    return;
  g_source_destroy (fetch->input_source);
  g_clear_pointer (&fetch->input_source, g_source_unref);
}

static gboolean
upstream_request_on_input (GObject *input, gpointer data)
{
  UpstreamFetch *fetch = data;

  upstream_request_drop_source (fetch);
  upstream_request_writable (fetch);
  return G_SOURCE_REMOVE;
}

/* The stream has nothing now. */
static void
upstream_request_await_input (UpstreamFetch *fetch)
{
  fetch->wants_write = FALSE;
  upstream_fetch_want (fetch);
  if (fetch->input_source != NULL)
    return;
  fetch->input_source =
      g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (fetch->input), NULL);
  g_source_set_callback (fetch->input_source, G_SOURCE_FUNC (upstream_request_on_input), fetch,
                         NULL);
  g_source_attach (fetch->input_source, fetch->upstream->context);
  upstream_fetch_rearm (fetch);
}

/* Appends what the stream has to `out`; FALSE: it has nothing now, or broke. */
static gboolean
upstream_request_read_input (UpstreamFetch *fetch, gboolean *ret_blocks)
{
  GString *out = fetch->out;
  gboolean chunked = fetch->input_left < 0;
  gsize from = out->len, room = chunked ? BLOCK : (gsize)MIN (BLOCK, fetch->input_left);
  GError *error = NULL;
  char line[LINE];
  gssize n;

  g_string_set_size (out, from + room + LINE);
  n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (fetch->input),
                                                out->str + from + (chunked ? LINE : 0), room, NULL,
                                                &error);
  if (n == 0 && !chunked)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                         "the body of the request ended before its stated length");
  *ret_blocks = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  if (error != NULL) {
    g_string_truncate (out, from);
    if (*ret_blocks)
      g_error_free (error);
    else
      upstream_fetch_fail_soon (fetch, error);
    return FALSE;
  }
  if (chunked) {
    gsize length = http_body_chunk_line ((gsize)n, line);

    memcpy (out->str + from, line, length);
    memmove (out->str + from + length, out->str + from + LINE, (gsize)n);
    g_string_truncate (out, from + length + (gsize)n);
    g_string_append (out, "\r\n");
    fetch->input_ended = n == 0;
  } else {
    g_string_truncate (out, from + (gsize)n);
    fetch->input_left -= n;
    fetch->input_ended = fetch->input_left == 0;
  }
  return TRUE;
}

/* Some bytes, or an error of the connection. */
static UpstreamIo
upstream_request_write (UpstreamFetch *fetch)
{
  gsize apart = 0, n = 0;
  const char *body = fetch->body_apart ? g_bytes_get_data (fetch->body, &apart) : NULL;

  while (fetch->out_at < fetch->out->len + apart) {
    gsize head_at = MIN (fetch->out_at, fetch->out->len), body_at = fetch->out_at - head_at;
    UpstreamIo io =
        upstream_conn_write (fetch->conn, fetch->out->str + head_at, fetch->out->len - head_at,
                             body != NULL ? body + body_at : NULL, apart - body_at, &n);

    if (io != UPSTREAM_IO_OK)
      return io;
    fetch->out_at += n;
    fetch->begun = TRUE;
    upstream_fetch_rearm (fetch);
  }
  return UPSTREAM_IO_OK;
}

static void
upstream_request_done (UpstreamFetch *fetch)
{
  fetch->sent = TRUE;
  fetch->wants_write = FALSE;
  if (fetch->state == UPSTREAM_SENDING) {
    fetch->state = UPSTREAM_WAITING;
    upstream_fetch_set_deadline (fetch, fetch->first_byte_ms, "the head of the answer");
  }
  upstream_fetch_want (fetch);
}

static void
upstream_request_broken (UpstreamFetch *fetch)
{
  if (fetch->conn->reused && !fetch->begun && !fetch->spent && !fetch->retried) {
    upstream_fetch_retry (fetch);
    return;
  }
  /* the peer may have said why before it closed: reading tells */
  upstream_request_stop (fetch);
  upstream_fetch_want (fetch);
}

void
upstream_request_writable (UpstreamFetch *fetch)
{
  gboolean blocks = FALSE;

  for (guint i = 0; i < BLOCKS_A_TURN && !fetch->stopped && !fetch->sent; i++) {
    UpstreamIo io = upstream_request_write (fetch);

    if (io == UPSTREAM_IO_BLOCK)
      break;
    if (io != UPSTREAM_IO_OK) {
      upstream_request_broken (fetch);
      return;
    }
    if (fetch->input == NULL || fetch->input_ended) {
      upstream_request_done (fetch);
      return;
    }
    g_string_truncate (fetch->out, 0);
    fetch->out_at = 0;
    fetch->spent = TRUE;
    if (upstream_request_read_input (fetch, &blocks))
      continue;
    if (blocks)
      upstream_request_await_input (fetch);
    else
      upstream_request_stop (fetch);
    return;
  }
  fetch->wants_write = !fetch->stopped && !fetch->sent;
  upstream_fetch_want (fetch);
}

void
upstream_request_begin (UpstreamFetch *fetch, UpstreamConn *conn)
{
  gboolean blocks;

  conn->fetch = fetch;
  fetch->conn = conn;
  fetch->state = UPSTREAM_SENDING;
  fetch->out_at = 0;
  fetch->begun = fetch->sent = fetch->stopped = fetch->wants_write = FALSE;
  upstream_answer_begin (fetch);
  if (fetch->out == NULL) {
    upstream_request_write_head (fetch);
    /* head and first block leave together */
    if (fetch->input != NULL && !fetch->input_ended &&
        !upstream_request_read_input (fetch, &blocks) && !blocks)
      return;
  }
  upstream_fetch_rearm (fetch);
  upstream_request_writable (fetch);
}

gboolean
upstream_request_can_repeat (const UpstreamFetch *fetch)
{
  static const char *const idempotent[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", NULL };

  return !fetch->spent && g_strv_contains (idempotent, fetch->method);
}

void
upstream_request_stop (UpstreamFetch *fetch)
{
  upstream_request_drop_source (fetch);
  fetch->stopped = TRUE;
  fetch->wants_write = FALSE;
}
