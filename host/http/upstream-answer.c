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
  g_byte_array_set_size (fetch->in, 0);
  fetch->n_interim = 0;
  fetch->answered = fetch->unsent = FALSE;
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

/* Keeps for later what a pause left over. */
static void
upstream_answer_keep (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  GByteArray *rest = g_byte_array_sized_new ((guint)MAX (length, 1));

  g_byte_array_append (rest, (const guint8 *)bytes, (guint)length);
  g_byte_array_unref (fetch->in);
  fetch->in = rest;
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
      return FALSE;
    }
    state = http_body_feed (&fetch->framing, bytes + at, length - at, &slice);
    at += slice.used;
    if (state == HTTP_BODY_DATA && !upstream_answer_give (fetch, &slice))
      return FALSE;
  } while (state == HTTP_BODY_DATA);
  if (state == HTTP_BODY_REFUSED) {
    upstream_answer_garbage (fetch, fetch->framing.why);
    return FALSE;
  }
  if (state == HTTP_BODY_DONE) {
    /* what comes after an answer answers nothing that was asked */
    upstream_fetch_finish (fetch, fetch->head.keep_alive && !fetch->unsent && at == length, NULL);
    return FALSE;
  }
  upstream_fetch_set_deadline (fetch, fetch->idle_ms, "the next byte of the body");
  return TRUE;
}

/* The head's text, with a NUL after each name and value, for upstream_fetch_reply_header. */
static void
upstream_answer_keep_head (UpstreamFetch *fetch)
{
  fetch->text = g_memdup2 (fetch->in->data, fetch->head.length);
  for (guint i = 0; i < fetch->head.n_fields; i++) {
    const HttpField *field = &fetch->head.fields[i];

    fetch->text[field->name.at + field->name.length] = '\0';
    fetch->text[field->value.at + field->value.length] = '\0';
  }
}

/* The head is in, in fetch->in, perhaps with some of the body. */
static gboolean
upstream_answer_head_done (UpstreamFetch *fetch)
{
  g_autoptr (GByteArray) in = NULL;

  upstream_answer_keep_head (fetch);
  in = g_steal_pointer (&fetch->in);
  fetch->in = g_byte_array_new ();
  fetch->unsent = fetch->state == UPSTREAM_SENDING;
  fetch->state = UPSTREAM_BODY;
  upstream_conn_want (fetch->conn, TRUE, FALSE);
  http_body_begin (&fetch->framing, fetch->head.framing, fetch->head.content_length);
  upstream_fetch_set_deadline (fetch, fetch->idle_ms, "the first byte of the body");
  if (!upstream_answer_give (fetch, NULL))
    return FALSE;
  return upstream_answer_body (fetch, (const char *)in->data + fetch->head.length,
                               in->len - fetch->head.length);
}

static gboolean
upstream_answer_head (UpstreamFetch *fetch, const char *bytes, gsize length)
{
  g_byte_array_append (fetch->in, (const guint8 *)bytes, (guint)length);
  for (;;) {
    switch (http_head_feed (&fetch->head, (const char *)fetch->in->data, fetch->in->len)) {
    case HTTP_HEAD_MORE:
      return TRUE;
    case HTTP_HEAD_REFUSED:
      upstream_answer_garbage (fetch, fetch->head.why);
      return FALSE;
    case HTTP_HEAD_OK:
      break;
    }
    if (fetch->head.status >= 200)
      return upstream_answer_head_done (fetch);
    if (++fetch->n_interim > MAX_INTERIM) {
      upstream_answer_garbage (fetch, "there are too many interim answers");
      return FALSE;
    }
    g_byte_array_remove_range (fetch->in, 0, fetch->head.length);
    http_head_begin_answer (&fetch->head, fetch->head.to_head);
  }
}

/* The peer has closed, or the connection broke. */
static void
upstream_answer_cut (UpstreamFetch *fetch, UpstreamIo io)
{
  gboolean safe = strcmp (fetch->method, "GET") == 0 || strcmp (fetch->method, "HEAD") == 0;

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
  else if (safe && fetch->conn->reused && !fetch->retried)
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

  /* what TLS has decrypted already no descriptor tells of: it is read up to its end */
  for (guint i = 0; i < READS_A_TURN || fetch->conn->tls; i++) {
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
  }
}

void
upstream_answer_resume (UpstreamFetch *fetch)
{
  g_autoptr (GByteArray) in = g_steal_pointer (&fetch->in);

  fetch->in = g_byte_array_new ();
  upstream_answer_body (fetch, (const char *)in->data, in->len);
}
