/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-call: one request to the store, signed anew for each try. What may go better another
 * time is asked again after a while that doubles, and differs by chance so that many do not come
 * together. Everything that is asked here can be asked twice.
 */
#include "store-s3.h"

#include <string.h>

#define S3_CALL_TRIES      6
#define S3_CALL_TRIES_PUT  8 /* of what would have to be sent by a person once more */
#define S3_CALL_WAIT_MS    200
#define S3_CALL_WAIT_MAX   5000
#define S3_CALL_CONNECT_MS 5000
#define S3_CALL_IDLE_MS    30000
#define S3_CALL_ANSWER_MAX (4 * 1024 * 1024)

static const char *const s3_methods[S3_N_OPS] = {
  [S3_PUT] = "PUT",      [S3_PART] = "PUT",    [S3_CREATE] = "POST", [S3_COMPLETE] = "POST",
  [S3_ABORT] = "DELETE", [S3_GET] = "GET",     [S3_HEAD] = "HEAD",   [S3_REMOVE] = "DELETE",
  [S3_LIST] = "GET",     [S3_UPLOADS] = "GET",
};

S3Call *
s3_call_new (
    DaePlugin *self, S3Op op, const char *key, char *query, const S3CallHooks *hooks, gpointer data)
{
  S3State *state = dae_state (self);
  S3Call *call = g_new0 (S3Call, 1);

  call->self = self;
  call->op = op;
  call->key = g_strdup (key);
  call->query = query;
  call->hooks = hooks;
  call->data = data;
  call->from = call->to = call->length = -1;
  call->began = g_get_monotonic_time ();
  call->link.data = call;
  g_queue_push_tail_link (&state->calls, &call->link);
  return call;
}

static void
s3_call_free (S3Call *call)
{
  S3State *state = dae_state (call->self);

  g_queue_unlink (&state->calls, &call->link);
  s3_answer_clear (&call->answer);
  if (call->text != NULL)
    g_string_free (call->text, TRUE);
  g_clear_pointer (&call->pieces, g_ptr_array_unref);
  g_free (call->key);
  g_free (call->query);
  g_free (call->etag);
  g_free (call->why);
  g_free (call);
}

void
s3_call_cancel (S3Call *call)
{
  if (call == NULL)
    return;
  if (call->fetch != NULL)
    dae_fetch_cancel (g_steal_pointer (&call->fetch));
  if (call->timer != 0)
    dae_timer_cancel (call->self, call->timer);
  call->timer = 0;
  call->dead = TRUE;
  if (call->busy == 0)
    s3_call_free (call);
}

static void
s3_call_end (S3Call *call)
{
  call->dead = TRUE;
  call->busy++;
  s3_told (call);
  call->hooks->done (call, call->data);
  s3_call_free (call);
}

static void
s3_call_give_up (S3Call *call)
{
  if (call->fetch != NULL)
    dae_fetch_cancel (g_steal_pointer (&call->fetch));
  if (call->timer != 0)
    dae_timer_cancel (call->self, call->timer);
  call->timer = 0;
  call->result = DAE_STORE_UNAVAILABLE;
  g_free (call->why);
  call->why = g_strdup ("daedalus ends");
  call->remedy = "Nothing: it is done again later.";
  s3_call_end (call);
}

/* Nobody's request, and done again by whoever comes next. */
static gboolean
s3_call_can_wait (const S3Call *call)
{
  return call->data != NULL && (call->op == S3_LIST || call->op == S3_UPLOADS ||
                                call->op == S3_REMOVE || call->op == S3_ABORT);
}

void
s3_call_drain (DaePlugin *self)
{
  S3State *state = dae_state (self);
  GList *link = state->calls.head;

  state->draining = TRUE;
  for (guint n = state->calls.length; n > 0 && link != NULL; n--) {
    S3Call *call = link->data;

    link = link->next;
    if (s3_call_can_wait (call))
      s3_call_give_up (call);
  }
}

void
s3_call_stop (DaePlugin *self)
{
  S3State *state = dae_state (self);

  state->stopping = TRUE;
  while (state->calls.head != NULL) {
    S3Call *call = state->calls.head->data;

    call->timer = 0; /* has ended by itself */
    s3_call_give_up (call);
  }
}

void
s3_call_fail (S3Call *call, DaeStoreResult result, char *why)
{
  call->result = result;
  g_free (call->why);
  call->why = why;
  call->remedy = "See what state the object store and the way to it are in.";
  /* the end comes by itself, from the loop */
  dae_fetch_cancel (g_steal_pointer (&call->fetch));
}

void
s3_call_pause (S3Call *call, gboolean paused)
{
  call->paused = paused;
  if (call->fetch != NULL)
    dae_fetch_pause (call->fetch, paused);
}

static gboolean
s3_call_again (DaePlugin *self, gpointer data)
{
  S3Call *call = data;

  call->timer = 0;
  s3_call_send (call);
  return FALSE;
}

static void
s3_call_wait (S3Call *call)
{
  const S3Data *store = dae_data (call->self);
  guint ms = MIN (S3_CALL_WAIT_MS << (call->tries - 1), S3_CALL_WAIT_MAX);

  dae_series_add (store->retries[call->op], 1);
  ms = (guint)g_random_int_range ((gint32)ms / 2, (gint32)ms);
  call->timer = dae_timer (call->self, ms, s3_call_again, call);
}

static gboolean
s3_call_ended (DaePlugin *self, gpointer data)
{
  S3Call *call = data;

  call->timer = 0;
  s3_call_end (call);
  return FALSE;
}

/* ---- hooks of the fetch ---- */

/* After a hook, which may have cancelled the call or let it fail. */
static void
s3_call_leave (S3Call *call)
{
  call->busy--;
  if (call->dead && call->busy == 0)
    s3_call_free (call);
  else if (!call->dead && call->fetch == NULL && call->timer == 0)
    call->timer = dae_timer (call->self, 1, s3_call_ended, call);
}

static void
s3_call_on_head (DaeFetch *fetch, guint status, gpointer data)
{
  S3Call *call = data;
  const char *length = dae_fetch_reply_header (fetch, "Content-Length");
  const char *etag = dae_fetch_reply_header (fetch, "ETag");

  call->status = status;
  call->streaming = call->hooks->head != NULL && (status == 200 || status == 206);
  if (length == NULL || !g_ascii_string_to_signed (length, 10, 0, G_MAXINT64, &call->length, NULL))
    call->length = -1;
  if (status < 300 && etag != NULL && *etag != '\0' && strlen (etag) <= 256) {
    g_free (call->etag);
    call->etag = g_strdup (etag);
  }
  if (call->streaming) {
    call->busy++;
    call->hooks->head (call, call->data);
    s3_call_leave (call);
    return;
  }
  dae_fetch_max (fetch, S3_CALL_ANSWER_MAX);
}

static void
s3_call_on_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  S3Call *call = data;

  if (!call->streaming) {
    g_string_append_len (call->text, bytes, (gssize)length);
    return;
  }
  call->tries = 0; /* it goes on */
  call->received += (gint64)length;
  call->busy++;
  call->hooks->body (call, bytes, length, call->data);
  s3_call_leave (call);
}

static guint
s3_call_tries (const S3Call *call)
{
  const S3State *state = dae_state (call->self);

  if (state->draining && s3_call_can_wait (call))
    return 1;
  return call->pieces != NULL ? S3_CALL_TRIES_PUT : S3_CALL_TRIES;
}

static void
s3_call_on_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  S3Call *call = data;
  gboolean again;

  call->fetch = NULL;
  call->tries++;
  again = s3_error_judge (call, error);
  if (again && call->tries < s3_call_tries (call))
    s3_call_wait (call);
  else
    s3_call_end (call);
}

/* ---- a try ---- */

static void
s3_call_add_body (S3Call *call)
{
  g_autoptr (GInputStream) stream = NULL;

  if (call->pieces == NULL)
    return;
  stream = g_memory_input_stream_new ();
  for (guint i = 0; i < call->pieces->len; i++)
    g_memory_input_stream_add_bytes (G_MEMORY_INPUT_STREAM (stream),
                                     g_ptr_array_index (call->pieces, i));
  dae_fetch_stream (call->fetch, call->type, stream, call->size);
}

static void
s3_call_add_range (S3Call *call)
{
  g_autofree char *range = NULL;
  gint64 from = MAX (call->from, 0) + call->received;

  if (call->from < 0 && call->received == 0)
    return;
  range = call->to < 0
              ? g_strdup_printf ("bytes=%" G_GINT64_FORMAT "-", from)
              : g_strdup_printf ("bytes=%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, from, call->to);
  dae_fetch_header (call->fetch, "Range", range);
  if (call->received > 0 && call->etag != NULL)
    dae_fetch_header (call->fetch, "If-Match", call->etag);
}

static void
s3_call_add_signature (S3Call *call, const char *path)
{
  const S3Data *store = dae_data (call->self);
  g_autofree char *stamp = s3_sign_stamp (dae_now (call->self));
  const char *payload = call->pieces == NULL  ? S3_SIGN_NOTHING
                        : *call->hash != '\0' ? call->hash
                                              : S3_SIGN_UNSIGNED;
  const S3Signed headers[] = { { "content-type", call->type },
                               { "host", store->authority },
                               { "x-amz-content-sha256", payload },
                               { "x-amz-date", stamp } };
  guint skip = call->type == NULL ? 1 : 0;
  g_autofree char *authorization =
      s3_sign (&store->account, s3_methods[call->op], path, call->query, headers + skip,
               G_N_ELEMENTS (headers) - skip, payload, stamp);

  dae_fetch_header (call->fetch, "Host", store->authority);
  dae_fetch_header (call->fetch, "X-Amz-Content-SHA256", payload);
  dae_fetch_header (call->fetch, "X-Amz-Date", stamp);
  dae_fetch_header (call->fetch, "Authorization", authorization);
  explicit_bzero (authorization, strlen (authorization));
}

void
s3_call_send (S3Call *call)
{
  static const DaeFetchHooks hooks = { .struct_size = sizeof hooks,
                                       .head = s3_call_on_head,
                                       .body = s3_call_on_body,
                                       .end = s3_call_on_end };
  const S3Data *store = dae_data (call->self);
  g_autofree char *name = call->key != NULL ? s3_sign_encode (call->key, TRUE) : NULL;
  g_autofree char *path =
      name != NULL ? g_strconcat (store->root, "/", name, NULL) : g_strdup (store->root);
  g_autofree char *url =
      g_strconcat (store->endpoint, path, *call->query != '\0' ? "?" : "", call->query, NULL);
  /* what has all parts to join takes its time */
  guint answer_ms = call->op == S3_COMPLETE ? 4 * store->answer_ms : store->answer_ms;

  call->status = 0;
  call->streaming = FALSE;
  if (call->text == NULL)
    call->text = g_string_new (NULL);
  g_string_truncate (call->text, 0);
  call->fetch = dae_fetch_new (call->self, s3_methods[call->op], url, &hooks, call);
  s3_call_add_signature (call, path);
  s3_call_add_range (call);
  s3_call_add_body (call);
  dae_fetch_limits (call->fetch, S3_CALL_CONNECT_MS, answer_ms, MIN (answer_ms, S3_CALL_IDLE_MS),
                    0);
  dae_fetch_pause (call->fetch, call->paused);
  dae_fetch_send (call->fetch);
}
