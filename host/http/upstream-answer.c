/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-answer: from the bytes of a connection to the hooks of a fetch.
 *
 * Any hook may cancel its fetch or pause it; after each the fetch is looked at
 * again before anything else of it is touched.
 */
#include "upstream-private.h"

#include <string.h>

#define READS_A_TURN 4
#define MAX_INTERIM  100

void
upstream_answer_begin (UpstreamFetch *fetch)
{
  http_head_begin_answer (&fetch->head, strcmp (fetch->method, "HEAD") == 0);
  g_clear_pointer (&fetch->in, g_byte_array_unref);
  fetch->n_interim = 0;
  fetch->answered = FALSE;
}

static void
upstream_answer_garbage (UpstreamFetch *fetch, const char *why)
{
  upstream_fetch_fail (fetch, g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                                           "the answer is not sound HTTP: %s", why));
}

/* Calls a hook; FALSE if the fetch is dead now. */
static gboolean
upstream_answer_give (UpstreamFetch *fetch, const HttpBodySlice *slice)
{
  upstream_fetch_enter (fetch);
  if (slice == NULL && fetch->hooks.head != NULL)
    fetch->hooks.head (&fetch->base, fetch->head.status, fetch->data);
  else if (slice != NULL && fetch->hooks.body != NULL)
    fetch->hooks.body (&fetch->base, slice->data, slice->length, fetch->data);
  upstream_fetch_leave (fetch);
  return !upstream_fetch_bury (fetch);
}

static void
upstream_answer_keep (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  if (fetch->in == NULL)
    fetch->in = g_byte_array_sized_new ((guint)MAX (length, 64));
  g_byte_array_append (fetch->in, (const guint8 *)bytes, (guint)length);
}

static gboolean
upstream_answer_is_too_large (UpstreamFetch *fetch)
{
  if (fetch->max == 0 || http_body_announced (&fetch->framing) <= fetch->max)
    return FALSE;
  upstream_fetch_fail (fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                                                   "the answer is larger than is wanted"));
  return TRUE;
}

/* TRUE: more is wanted. FALSE: the fetch is paused, or over and perhaps freed. */
static gboolean
upstream_answer_body (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  HttpBodySlice slice;
  HttpBodyState state;
  gsize at = 0;

  do {
    if (fetch->paused) {
      upstream_answer_keep (fetch, bytes + at, length - at);
      fetch->held = TRUE;
      return FALSE;
    }
    state = http_body_feed (&fetch->framing, bytes + at, length - at, &slice);
    at += slice.used;
    if (upstream_answer_is_too_large (fetch))
      return FALSE;
    if (state == HTTP_BODY_DATA && !upstream_answer_give (fetch, &slice))
      return FALSE;
  } while (state == HTTP_BODY_DATA);
  if (state == HTTP_BODY_REFUSED) {
    upstream_answer_garbage (fetch, fetch->framing.why);
    return FALSE;
  }
  if (state == HTTP_BODY_DONE) {
    /* what comes after an answer answers nothing that was asked */
    upstream_fetch_finish (fetch, fetch->head.keep_alive && fetch->sent && at == length, NULL);
    return FALSE;
  }
  upstream_fetch_rearm (fetch);
  return TRUE;
}

/* The head's text, with a NUL after each name and value, for upstream_fetch_reply_header. */
static void
upstream_answer_keep_head (UpstreamFetch *fetch, const char *bytes)
{
  fetch->text = g_memdup2 (bytes, fetch->head.length);
  for (guint i = 0; i < fetch->head.n_fields; i++) {
    const HttpField *field = &fetch->head.fields[i];

    fetch->text[field->name.at + field->name.length] = '\0';
    fetch->text[field->value.at + field->value.length] = '\0';
  }
}

/* The head is in, in BYTES, perhaps with some of the body. */
static gboolean
upstream_answer_head_done (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  upstream_answer_keep_head (fetch, bytes);
  fetch->state = UPSTREAM_BODY;
  /* a refusal does not want the rest; whatever else answers early may want it still */
  if (!fetch->sent && fetch->head.status >= 300)
    upstream_request_stop (fetch);
  upstream_fetch_want (fetch);
  http_body_begin (&fetch->framing, fetch->head.framing, fetch->head.content_length);
  if (upstream_answer_is_too_large (fetch))
    return FALSE;
  upstream_fetch_rearm (fetch);
  if (!upstream_answer_give (fetch, NULL))
    return FALSE;
  return upstream_answer_body (fetch, bytes + fetch->head.length, length - fetch->head.length);
}

/* BYTES hold all of the head that there is. */
static gboolean
upstream_answer_parse (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  for (;;) {
    switch (http_head_feed (&fetch->head, bytes, length)) {
    case HTTP_HEAD_MORE:
      upstream_answer_keep (fetch, bytes, length);
      return TRUE;
    case HTTP_HEAD_REFUSED:
      upstream_answer_garbage (fetch, fetch->head.why);
      return FALSE;
    case HTTP_HEAD_OK:
      break;
    }
    if (fetch->head.status >= 200)
      return upstream_answer_head_done (fetch, bytes, length);
    if (++fetch->n_interim > MAX_INTERIM) {
      upstream_answer_garbage (fetch, "there are too many interim answers");
      return FALSE;
    }
    bytes += fetch->head.length;
    length -= fetch->head.length;
    http_head_begin_answer (&fetch->head, fetch->head.to_head);
  }
}

static gboolean
upstream_answer_head (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  g_autoptr (GByteArray) in = g_steal_pointer (&fetch->in);

  /* most heads come in one piece */
  if (in == NULL)
    return upstream_answer_parse (fetch, bytes, length);
  g_byte_array_append (in, (const guint8 *)bytes, (guint)length);
  return upstream_answer_parse (fetch, (const char *)in->data, in->len);
}

/* The peer has closed, or the connection broke. */
static void
upstream_answer_cut (UpstreamFetch *fetch, UpstreamIo io)
{
  if (fetch->state == UPSTREAM_BODY) {
    if (io == UPSTREAM_IO_END && http_body_end (&fetch->framing) == HTTP_BODY_DONE)
      upstream_fetch_finish (fetch, FALSE, NULL);
    else
      upstream_fetch_fail (fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                                                       "the answer was cut in its body"));
    return;
  }
  if (fetch->answered)
    upstream_fetch_fail (fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                                                     "the answer was cut in its head"));
  else if (fetch->conn->reused && !fetch->retried && upstream_request_can_repeat (fetch))
    upstream_fetch_retry (fetch);
  else
    upstream_fetch_fail (fetch,
                         g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                              "the connection was closed before the answer"));
}

void
upstream_answer_readable (UpstreamFetch *fetch)
{
  char *scratch = fetch->upstream->scratch;

  for (guint i = 0; i < READS_A_TURN; i++) {
    gsize length = 0;
    UpstreamIo io = upstream_conn_read (fetch->conn, scratch, UPSTREAM_SCRATCH, &length);

    if (io == UPSTREAM_IO_BLOCK)
      return;
    if (io != UPSTREAM_IO_OK) {
      upstream_answer_cut (fetch, io);
      return;
    }
    fetch->answered = TRUE;
    if (fetch->state == UPSTREAM_BODY ? !upstream_answer_body (fetch, scratch, length)
                                      : !upstream_answer_head (fetch, scratch, length))
      return;
    /* what fills less than the room was all there was; the next event tells of more */
    if (length < UPSTREAM_SCRATCH && !fetch->conn->tls)
      return;
  }
  /* what TLS has decrypted already no descriptor tells of */
  if (fetch->conn->tls) {
    fetch->again = TRUE;
    upstream_fetch_ready (fetch);
  }
}

void
upstream_answer_resume (UpstreamFetch *fetch)
{
  g_autoptr (GByteArray) in = g_steal_pointer (&fetch->in);
  gboolean held = fetch->held, again = fetch->again;

  fetch->held = fetch->again = FALSE;
  if (held && !upstream_answer_body (fetch, in != NULL ? (const char *)in->data : "",
                                     in != NULL ? in->len : 0)) {
    return;
  }
  if (again)
    upstream_answer_readable (fetch);
}
