/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends on one connection: answers one after the other, with their bodies. */
#include "fuzz.h"

#include "http/http-body.h"

#define MAX_ANSWERS 8

typedef struct {
  GByteArray *in;
  HttpHead head;
  HttpBody body;
  gboolean in_body, over;
  guint n_answers;
  GString *said; /* what was understood */
} Peer;

static void
peer_begin (Peer *peer)
{
  http_head_begin_answer (&peer->head, peer->n_answers % 4 == 3);
  peer->in_body = FALSE;
}

static void
peer_end_answer (Peer *peer)
{
  g_string_append_printf (peer->said, "| %" G_GINT64_FORMAT " bytes\n", peer->body.seen);
  peer->n_answers++;
  if (!peer->head.keep_alive || peer->n_answers == MAX_ANSWERS)
    peer->over = TRUE;
  else
    peer_begin (peer);
}

/* FALSE: more bytes are needed. */
static gboolean
peer_read_head (Peer *peer)
{
  const HttpHead *head = &peer->head;
  HttpHeadState state = http_head_feed (&peer->head, (const char *)peer->in->data, peer->in->len);

  if (state == HTTP_HEAD_MORE)
    return FALSE;
  if (state == HTTP_HEAD_REFUSED) {
    MUST (head->why != NULL);
    g_string_append_printf (peer->said, "refused: %s\n", head->why);
    peer->over = TRUE;
    return FALSE;
  }
  MUST (head->status >= 100 && head->status <= 599 && head->status != 101);
  MUST (head->length <= peer->in->len);
  g_string_append_printf (peer->said, "%u %u fields, framing %u, keep %d\n", head->status,
                          head->n_fields, head->framing, head->keep_alive);
  g_byte_array_remove_range (peer->in, 0, head->length);
  if (head->status < 200) {
    MUST (head->framing == HTTP_FRAMING_NONE);
    peer_begin (peer);
    return peer->in->len > 0;
  }
  MUST (head->framing != HTTP_FRAMING_CLOSE || !head->keep_alive);
  http_body_begin (&peer->body, head->framing, head->content_length);
  peer->in_body = TRUE;
  return TRUE;
}

static gboolean
peer_read_body (Peer *peer)
{
  HttpBodySlice slice;
  HttpBodyState state =
      http_body_feed (&peer->body, (const char *)peer->in->data, peer->in->len, &slice);

  g_string_append_len (peer->said, slice.data, (gssize)slice.length);
  g_byte_array_remove_range (peer->in, 0, (guint)slice.used);
  if (state == HTTP_BODY_DONE) {
    peer_end_answer (peer);
    return !peer->over && peer->in->len > 0;
  }
  if (state == HTTP_BODY_REFUSED) {
    g_string_append_printf (peer->said, "| broken: %s\n", peer->body.why);
    peer->over = TRUE;
  }
  return state == HTTP_BODY_DATA;
}

static GString *
listen_to (FuzzCuts cuts, const guint8 *data, gsize size)
{
  Peer peer = { .in = g_byte_array_new (), .said = g_string_new (NULL) };

  peer_begin (&peer);
  for (gsize at = 0; at < size && !peer.over;) {
    gsize n = fuzz_cuts_next (&cuts, size - at);

    g_byte_array_append (peer.in, data + at, (guint)n);
    at += n;
    while (peer.in_body ? peer_read_body (&peer) : peer_read_head (&peer))
      ;
  }
  if (!peer.over && peer.in_body)
    g_string_append (peer.said, http_body_end (&peer.body) == HTTP_BODY_DONE ? "ended" : "cut");
  g_byte_array_unref (peer.in);
  return peer.said;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GString) whole = listen_to (fuzz_cuts (FUZZ_WHOLE, data, size), data, size);

  for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
    g_autoptr (GString) pieces = listen_to (fuzz_cuts (cut, data, size), data, size);

    MUST (g_string_equal (whole, pieces));
  }
  return 0;
}
