/* SPDX-License-Identifier: Apache-2.0 */
/* answer-stream: the handle that plugins hold of an answer that grows.
 *
 * It lives until they end it or have been told that its reader left. Where there
 * is nobody to write to (HEAD, a client that left before), it takes what is
 * written and says so as soon as somebody listens. An event stream settles in the
 * hub: its passage is over then, and of its request only a frozen copy stays.
 */
#include <string.h>

#include "../plugin/plugin.h"
#include "../process/heartbeat.h"
#include "exchange-api.h"
#include "limit-step.h"
#include "passage.h"
#include "request-frozen.h"

struct AnswerStream {
  DaeStream base;        /* first */
  Exchange *exchange;    /* holds a reference */
  Request *request;      /* holds a reference; NULL: frozen */
  FrozenRequest *frozen; /* owned, or NULL */
  Passage *passage;      /* NULL: settled, or nobody reads any more */
  ServerStream *stream;  /* NULL likewise */
  HubStream *hub_stream; /* NULL: not settled, or nobody reads any more */
  DaeStreamFunc gone, drained;
  gpointer gone_data, drained_data;
  GList link;   /* in Exchange.streams, where it resumes */
  gint64 began; /* of its request */
  guint64 share,
      peer_share; /* of limits: its person's and its address's; 0: none, or its passage's */
  guint idle;
  guint16 status;
  guint is_telling : 1; /* `gone` runs, after which the stream is freed */
  guint is_event : 1;
  guint resumes : 1; /* its reader comes again and misses nothing */
  guint counted : 1; /* in the plugin's in_flight, as its passage was */
  guint cut : 1;     /* on this side */
};

static gboolean
answer_stream_is_read (const AnswerStream *stream)
{
  return stream->passage || stream->hub_stream;
}

static const Route *
answer_stream_route (const AnswerStream *stream)
{
  return stream->request ? stream->request->route : request_frozen_route (stream->frozen);
}

/* Borrowed for a moment. */
static Request *
answer_stream_thaw (AnswerStream *stream)
{
  if (!stream->request)
    stream->request =
        request_thaw (stream->frozen, stream->exchange->host, stream->exchange->rules);
  return stream->request;
}

static void
answer_stream_enter (AnswerStream *stream)
{
  if (stream->request)
    exchange_enter (stream->request, stream->request->route->plugin);
  else
    exchange_enter_route (stream->exchange, request_frozen_route (stream->frozen),
                          request_frozen_id (stream->frozen));
}

/* What its passage would have left behind. */
static void
answer_stream_account (AnswerStream *stream, gboolean left)
{
  Request *request = answer_stream_thaw (stream);
  Passage passage = {
    .exchange = stream->exchange,
    .request = request,
    .reply = reply_new (request, stream->status),
    .began = stream->began,
    .bytes_out = hub_sent (stream->hub_stream),
    .left = left,
    .cut = stream->cut,
  };

  account_step (&passage);
}

/* Takes the stream from the passage, or from the hub. */
static void
answer_stream_detach (AnswerStream *stream, gboolean left)
{
  Exchange *exchange = stream->exchange;

  if (!answer_stream_is_read (stream))
    return;
  if (stream->hub_stream)
    answer_stream_account (stream, left);
  else
    stream->passage->stream = NULL;
  if (stream->is_event)
    exchange->n_event_streams--;
  if (stream->is_event && stream->passage)
    exchange->n_young_streams--;
  if (stream->resumes)
    g_queue_unlink (&exchange->streams, &stream->link);
  limits_give (exchange->host->limits, stream->share);
  limits_give (exchange->host->limits, stream->peer_share);
  if (stream->counted)
    answer_stream_route (stream)->plugin->in_flight--;
  stream->passage = NULL;
  stream->stream = NULL;
  stream->hub_stream = NULL;
  exchange_streams_changed (exchange);
}

static void
answer_stream_free (AnswerStream *stream, gboolean left)
{
  answer_stream_detach (stream, left);
  g_clear_handle_id (&stream->idle, g_source_remove);
  if (stream->frozen && stream->request)
    g_ptr_array_remove_fast (stream->exchange->thawed, stream);
  if (stream->request)
    dae_request_unref (&stream->request->base);
  g_clear_pointer (&stream->frozen, request_frozen_free);
  exchange_unref (stream->exchange);
  g_free (stream);
}

/* Tells the plugin, if it listens; then the handle is dead. */
static void
answer_stream_tell (AnswerStream *stream)
{
  DaeStreamFunc gone = stream->gone;
  Host *host = stream->exchange->host;

  if (!gone)
    return;
  stream->gone = NULL;
  stream->is_telling = TRUE;
  g_clear_handle_id (&stream->idle, g_source_remove);
  answer_stream_enter (stream);
  gone (&stream->base, stream->gone_data);
  exchange_leave (host);
  answer_stream_free (stream, TRUE);
}

void
answer_stream_gone (AnswerStream *stream)
{
  answer_stream_detach (stream, TRUE);
  answer_stream_tell (stream);
}

/* The answer ends in order, or cut; STREAM may be gone. */
static void
answer_stream_finish (ServerStream *server_stream, HubStream *hub_stream, gboolean in_order)
{
  if (server_stream && in_order)
    server_stream_end (server_stream);
  else if (server_stream)
    server_stream_abort (server_stream);
  else if (hub_stream && in_order)
    hub_end (hub_stream);
  else if (hub_stream)
    hub_abort (hub_stream);
}

void
answer_stream_close (AnswerStream *stream)
{
  ServerStream *server_stream = stream->stream;
  HubStream *hub_stream = stream->hub_stream;

  answer_stream_detach (stream, FALSE);
  answer_stream_tell (stream);
  answer_stream_finish (server_stream, hub_stream, TRUE);
}

static void
answer_stream_mark_cut (AnswerStream *stream)
{
  stream->cut = TRUE;
  if (stream->passage)
    stream->passage->cut = TRUE;
}

static gboolean
answer_stream_on_idle (gpointer data)
{
  AnswerStream *stream = data;
  ServerStream *server_stream = stream->stream;
  HubStream *hub_stream = stream->hub_stream;

  stream->idle = 0;
  answer_stream_mark_cut (stream);
  answer_stream_detach (stream, FALSE);
  answer_stream_tell (stream);
  /* where it was still there, its reader was too slow and the plugin has not ended it */
  answer_stream_finish (server_stream, hub_stream, FALSE);
  return G_SOURCE_REMOVE;
}

static void
answer_stream_later (AnswerStream *stream)
{
  if (!stream->idle)
    stream->idle = g_idle_add_full (G_PRIORITY_DEFAULT, answer_stream_on_idle, stream, NULL);
}

static void
answer_stream_tell_drained (AnswerStream *stream)
{
  Host *host = stream->exchange->host;

  if (!stream->drained)
    return;
  answer_stream_enter (stream);
  stream->drained (&stream->base, stream->drained_data);
  exchange_leave (host);
}

static void
answer_stream_on_drain (ServerStream *server_stream, gpointer data)
{
  answer_stream_tell_drained (data);
}

static void
answer_stream_on_hub_drained (HubStream *hub_stream, gpointer data)
{
  answer_stream_tell_drained (data);
}

static void
answer_stream_on_hub_gone (HubStream *hub_stream, gpointer data)
{
  AnswerStream *stream = data;
  Request *request = stream->frozen ? NULL : (Request *)dae_request_ref (&stream->request->base);

  answer_stream_gone (stream);
  if (!request)
    return;
  request_leave (request);
  dae_request_unref (&request->base);
}

const HubHooks answer_stream_hub_hooks = { answer_stream_on_hub_gone,
                                           answer_stream_on_hub_drained };

void
answer_stream_settle (AnswerStream *stream, HubStream *hub_stream, guint64 share)
{
  Passage *passage = stream->passage;

  hub_set_data (hub_stream, stream);
  stream->hub_stream = hub_stream;
  stream->stream = NULL;
  stream->passage = NULL;
  stream->began = passage->began;
  stream->status = (guint16)passage->reply->status;
  stream->counted = passage->counted;
  stream->share = limit_step_pass_on (passage);
  stream->peer_share = share;
  stream->exchange->n_young_streams--;
  passage->counted = FALSE;
  exchange_forget (passage);
  /* whoever still holds the request may read it on any thread: it stays as it is */
  if (!stream->resumes || g_atomic_int_get (&stream->request->refs) > 1)
    return;
  stream->frozen = request_freeze (stream->request);
  dae_request_unref (&stream->request->base);
  stream->request = NULL;
}

static void
answer_stream_attach (AnswerStream *stream, Passage *passage, Reply *head, gboolean settles)
{
  const char *type = reply_find (head, "Content-Type");

  stream->is_event = settles && type && g_str_has_prefix (type, "text/event-stream");
  stream->resumes = stream->is_event && request_is_read (passage->request);
  if (stream->is_event) {
    reply_set (head, "Cache-Control", "no-cache, no-transform");
    reply_set (head, "X-Accel-Buffering", "no");
  }
  stream->stream =
      server_call_stream (passage->call, head->status, head->headers, head->n_headers, settles);
  if (!stream->stream)
    return; /* the client has left, which the server is about to say */
  stream->passage = passage;
  passage->stream = stream;
  server_stream_on_drain (stream->stream, answer_stream_on_drain, stream);
  if (!stream->is_event)
    return;
  passage->exchange->n_event_streams++;
  passage->exchange->n_young_streams++;
  if (stream->resumes)
    g_queue_push_tail_link (&passage->exchange->streams, &stream->link);
  exchange_streams_changed (passage->exchange);
}

static DaeStream *
answer_stream_open (DaeRequest *req, DaeReply *base, gboolean settles)
{
  Request *request = (Request *)req;
  Passage *passage = request->passage;
  Reply *head = (Reply *)base;
  AnswerStream *stream = g_new0 (AnswerStream, 1);

  stream->base.api = request->base.api;
  stream->exchange = exchange_ref (request->host->exchange);
  stream->request = (Request *)dae_request_ref (req);
  stream->link.data = stream;
  /* dae_send says what is wrong with it */
  if (request->route->row.answer || !head || head->request != request) {
    dae_send (req, base);
    return &stream->base;
  }
  if (!passage || passage->answered) {
    if (passage && !passage->late)
      exchange_fault (request, "second_reply", request->route->label);
    return &stream->base;
  }
  if (!passage->call || passage->left || g_str_equal (request->method, "HEAD")) {
    dae_send (req, base);
    return &stream->base;
  }
  passage->answered = TRUE;
  passage->sent = TRUE;
  passage->reply = head;
  g_atomic_pointer_set (&request->abandoned, NULL);
  exchange_clear_timer (passage);
  reply_seal (head);
  reply_dress (head);
  answer_stream_attach (stream, passage, head, settles);
  return &stream->base;
}

static DaeStream *
answer_stream_slot_open (DaeRequest *req, DaeReply *head)
{
  return answer_stream_open (req, head, TRUE);
}

static DaeStream *
answer_stream_slot_pass (DaeRequest *req, DaeReply *head)
{
  return answer_stream_open (req, head, FALSE);
}

static gboolean
answer_stream_slot_write (DaeStream *base, GBytes *bytes)
{
  AnswerStream *stream = (AnswerStream *)base;
  gboolean taken = TRUE;

  if (stream->hub_stream)
    taken = hub_write (stream->hub_stream, bytes);
  else if (stream->stream)
    taken = server_stream_write (stream->stream, bytes);
  if (!taken && stream->resumes)
    answer_stream_later (stream);
  return taken;
}

static gsize
answer_stream_slot_queued (DaeStream *base)
{
  AnswerStream *stream = (AnswerStream *)base;

  if (stream->hub_stream)
    return hub_queued (stream->hub_stream);
  return stream->stream ? server_stream_queued (stream->stream) : 0;
}

static void
answer_stream_slot_on_drain (DaeStream *base, DaeStreamFunc func, gpointer data)
{
  AnswerStream *stream = (AnswerStream *)base;

  stream->drained = func;
  stream->drained_data = data;
}

static void
answer_stream_slot_on_gone (DaeStream *base, DaeStreamFunc func, gpointer data)
{
  AnswerStream *stream = (AnswerStream *)base;

  stream->gone = func;
  stream->gone_data = data;
  if (!answer_stream_is_read (stream))
    answer_stream_later (stream);
}

static void
answer_stream_leave (AnswerStream *stream, gboolean in_order)
{
  ServerStream *server_stream = stream->stream;
  HubStream *hub_stream = stream->hub_stream;

  if (stream->is_telling)
    return;
  if (!in_order)
    answer_stream_mark_cut (stream);
  answer_stream_free (stream, FALSE);
  answer_stream_finish (server_stream, hub_stream, in_order);
}

static void
answer_stream_slot_end (DaeStream *base)
{
  answer_stream_leave ((AnswerStream *)base, TRUE);
}

static void
answer_stream_slot_abort (DaeStream *base)
{
  answer_stream_leave ((AnswerStream *)base, FALSE);
}

static gboolean
answer_stream_on_thawed (gpointer data)
{
  Exchange *exchange = data;

  exchange->thawed_idle = 0;
  for (guint i = 0; i < exchange->thawed->len; i++) {
    AnswerStream *stream = exchange->thawed->pdata[i];

    dae_request_unref (&stream->request->base);
    stream->request = NULL;
  }
  g_ptr_array_set_size (exchange->thawed, 0);
  return G_SOURCE_REMOVE;
}

static DaeRequest *
answer_stream_slot_request (DaeStream *base)
{
  AnswerStream *stream = (AnswerStream *)base;
  Exchange *exchange = stream->exchange;

  if (!stream->request) {
    g_ptr_array_add (exchange->thawed, stream);
    if (!exchange->thawed_idle)
      exchange->thawed_idle = g_idle_add (answer_stream_on_thawed, exchange);
  }
  return &answer_stream_thaw (stream)->base;
}

void
answer_stream_fill_api (DaeApi *api)
{
  api->stream_open = answer_stream_slot_open;
  api->stream_pass = answer_stream_slot_pass;
  api->stream_write = answer_stream_slot_write;
  api->stream_queued = answer_stream_slot_queued;
  api->stream_on_drain = answer_stream_slot_on_drain;
  api->stream_on_gone = answer_stream_slot_on_gone;
  api->stream_end = answer_stream_slot_end;
  api->stream_abort = answer_stream_slot_abort;
  api->stream_request = answer_stream_slot_request;
}
