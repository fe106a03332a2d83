/* SPDX-License-Identifier: Apache-2.0 */
/* One answer through upstream-answer.c, with a connection and a fetch that stand in for the real
 * ones: the pieces are what one read brings, the hooks pause and cancel. */
#include "fuzz.h"

#include "http/upstream-private.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

#define FEW   100 /* bytes that a small answer may have */
#define FENCE 256 /* bytes behind what was read that nobody may look at */

/* What a caller sees, and what the peer still has to send. */
typedef struct {
  const guint8 *data;
  gsize left;
  FuzzCuts cuts;
  guint32 chance;
  gboolean pauses;
  guint cancel_at; /* the hook that cancels; 0: none */
  guint n_hooks;
  gsize n_body;
  gboolean over, again, retried;
  char *fence;
  GString *said;
} Caller;

static Upstream upstream;
static Caller *caller;

UpstreamIo
upstream_conn_read (UpstreamConn *conn, char *buffer, gsize size, gsize *ret_length)
{
  gsize n = caller->left > 0 ? fuzz_cuts_next (&caller->cuts, caller->left) : 0;

  if (n == 0)
    return UPSTREAM_IO_END;
  n = MIN (n, size - FENCE);
  ASAN_UNPOISON_MEMORY_REGION (caller->fence, FENCE);
  memcpy (buffer, caller->data, n);
  caller->fence = buffer + n;
  ASAN_POISON_MEMORY_REGION (caller->fence, FENCE);
  caller->data += n;
  caller->left -= n;
  *ret_length = n;
  return UPSTREAM_IO_OK;
}

gboolean
upstream_fetch_bury (UpstreamFetch *fetch)
{
  if (!fetch->dead)
    return FALSE;
  if (fetch->hooks_running > 0)
    return TRUE;
  caller->over = TRUE;
  g_clear_pointer (&fetch->in, g_byte_array_unref);
  g_free (fetch->text);
  g_free (fetch->conn);
  g_free (fetch);
  return TRUE;
}

void
upstream_fetch_finish (UpstreamFetch *fetch, gboolean reusable, GError *error)
{
  MUST (fetch->hooks_running == 0 && !fetch->dead && !caller->over);
  MUST (error == NULL || !reusable);
  MUST (!reusable || fetch->head.keep_alive);
  /* what came after an answer is not left for the next */
  MUST (!reusable || fetch->head.framing != HTTP_FRAMING_CLOSE);
  g_string_append_printf (caller->said, "| %s", error != NULL ? error->message : "whole");
  g_clear_error (&error);
  fetch->dead = TRUE;
  upstream_fetch_bury (fetch);
}

void
upstream_fetch_fail (UpstreamFetch *fetch, GError *error)
{
  MUST (error != NULL);
  upstream_fetch_finish (fetch, FALSE, error);
}

void
upstream_fetch_enter (UpstreamFetch *fetch)
{
  MUST (!fetch->paused && !fetch->dead);
  fetch->hooks_running++;
}

void
upstream_fetch_leave (UpstreamFetch *fetch)
{
  fetch->hooks_running--;
}

void
upstream_fetch_ready (UpstreamFetch *fetch)
{
  caller->again = TRUE;
}

void
upstream_fetch_rearm (UpstreamFetch *fetch)
{
  MUST (fetch->state == UPSTREAM_BODY && !fetch->dead);
}

void
upstream_fetch_want (UpstreamFetch *fetch)
{
  MUST (fetch->state == UPSTREAM_BODY && !fetch->dead);
}

void
upstream_fetch_retry (UpstreamFetch *fetch)
{
  MUST (!fetch->answered);
  caller->retried = TRUE;
}

gboolean
upstream_request_can_repeat (const UpstreamFetch *fetch)
{
  return TRUE;
}

void
upstream_request_stop (UpstreamFetch *fetch)
{
  fetch->stopped = TRUE;
}

static void
caller_after_hook (UpstreamFetch *fetch)
{
  if (++caller->n_hooks == caller->cancel_at)
    fetch->dead = TRUE;
  caller->chance = caller->chance * 1664525u + 1013904223u;
  if (caller->pauses && !fetch->dead)
    fetch->paused = (caller->chance >> 30) == 0;
}

static void
caller_head (DaeFetch *base, guint status, gpointer data)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  MUST (status >= 200 && status <= 599 && caller->n_hooks == 0);
  MUST (fetch->n_interim <= 100);
  g_string_append_printf (caller->said, "%u", status);
  for (guint i = 0; i < fetch->head.n_fields; i++)
    g_string_append_printf (caller->said, "\n%s=%s", fetch->text + fetch->head.fields[i].name.at,
                            fetch->text + fetch->head.fields[i].value.at);
  g_string_append_c (caller->said, '\n');
  caller_after_hook (fetch);
}

static void
caller_body (DaeFetch *base, const char *bytes, gsize length, gpointer data)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  MUST (caller->n_hooks > 0 && length > 0);
  caller->n_body += length;
  MUST (fetch->max == 0 || caller->n_body <= (gsize)fetch->max);
  g_string_append_len (caller->said, bytes, (gssize)length);
  caller_after_hook (fetch);
}

/* Reads until the fetch is over, and goes on after each pause. */
static void
caller_listen (const char *method, gint64 max, gboolean tls)
{
  UpstreamFetch *fetch = g_new0 (UpstreamFetch, 1);

  fetch->upstream = &upstream;
  fetch->method = (char *)method;
  fetch->hooks.head = caller_head;
  fetch->hooks.body = caller_body;
  fetch->max = max;
  fetch->state = UPSTREAM_WAITING;
  fetch->sent = TRUE;
  fetch->conn = g_new0 (UpstreamConn, 1);
  fetch->conn->tls = tls;
  fetch->conn->reused = TRUE;
  upstream_answer_begin (fetch);
  while (!caller->over && !caller->retried) {
    gboolean resumes = fetch->paused || caller->again;

    fetch->paused = caller->again = FALSE;
    if (resumes && fetch->state == UPSTREAM_BODY)
      upstream_answer_resume (fetch);
    else
      upstream_answer_readable (fetch);
  }
  if (caller->retried) {
    fetch->dead = TRUE;
    upstream_fetch_bury (fetch);
  }
  ASAN_UNPOISON_MEMORY_REGION (caller->fence, FENCE);
}

static GString *
listen_to (
    const char *method, gint64 max, FuzzCut cut, guint cancel_at, const guint8 *data, gsize size)
{
  FuzzCuts cuts = fuzz_cuts (cut, data, size);
  Caller now = { .data = data, .left = size, .cuts = cuts, .chance = cuts.chance };

  now.fence = upstream.scratch;
  now.pauses = cut == FUZZ_CHANCE;
  now.cancel_at = cancel_at;
  now.said = g_string_new (NULL);
  caller = &now;
  caller_listen (method, max, cut == FUZZ_CHANCE && cuts.chance & 1);
  caller = NULL;
  MUST (now.retried == (size == 0));
  return now.said;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const struct {
    const char *method;
    gint64 max;
  } rows[] = { { "GET", 0 }, { "GET", FEW }, { "HEAD", 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) whole = listen_to (rows[i].method, rows[i].max, FUZZ_WHOLE, 0, data, size);

    for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
      g_autoptr (GString) pieces = listen_to (rows[i].method, rows[i].max, cut, 0, data, size);

      /* of a body that is too large its first pieces may be seen before that is known */
      if (rows[i].max == 0)
        MUST (g_string_equal (whole, pieces));
    }
  }
  for (guint at = 1; at <= 3; at++) {
    g_autoptr (GString) some = listen_to ("GET", 0, FUZZ_CHANCE, at, data, size);

    MUST (some != NULL);
  }
  return 0;
}
