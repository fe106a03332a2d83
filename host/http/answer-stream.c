/* SPDX-License-Identifier: Apache-2.0 */
/* answer-stream: the handle that plugins hold of an answer that grows.
 *
 * It lives until they end it or have been told that its reader left. Where there
 * is nobody to write to (HEAD, a client that left before), it takes what is
 * written and says so as soon as somebody listens.
 */
#include <string.h>

#include "../plugin/plugin.h"
#include "exchange-api.h"
#include "passage.h"

#define ANSWER_STREAM_SILENCE_MS 15000

struct AnswerStream {
  DaeStream base;       /* first */
  Request *request;     /* holds a reference */
  Passage *passage;     /* NULL: nobody reads any more */
  ServerStream *stream; /* NULL likewise */
  DaeStreamFunc gone, drained;
  gpointer gone_data, drained_data;
  gboolean is_telling; /* `gone` runs, after which the stream is freed */
  gboolean is_event;
  gboolean resumes; /* its reader comes again and misses nothing */
  GList link;       /* in Exchange.streams, where it resumes */
  guint idle;
};

/* Takes the stream from the passage. */
static void
answer_stream_detach (AnswerStream *stream)
{
  Passage *passage = stream->passage;

  if (!passage)
    return;
  passage->stream = NULL;
  stream->passage = NULL;
  stream->stream = NULL;
  if (stream->is_event)
    passage->exchange->n_event_streams--;
  if (stream->resumes)
    g_queue_unlink (&passage->exchange->streams, &stream->link);
  exchange_streams_changed (passage->exchange);
}

static void
answer_stream_free (AnswerStream *stream)
{
  answer_stream_detach (stream);
  g_clear_handle_id (&stream->idle, g_source_remove);
  dae_request_unref (&stream->request->base);
  g_free (stream);
}

/* Tells the plugin, if it listens; then the handle is dead. */
static void
answer_stream_tell (AnswerStream *stream)
{
  DaeStreamFunc gone = stream->gone;
  Host *host = stream->request->host;

  if (!gone)
    return;
  stream->gone = NULL;
  stream->is_telling = TRUE;
  g_clear_handle_id (&stream->idle, g_source_remove);
  exchange_enter (stream->request, stream->request->route->plugin);
  gone (&stream->base, stream->gone_data);
  exchange_leave (host);
  answer_stream_free (stream);
}

void
answer_stream_gone (AnswerStream *stream)
{
  answer_stream_detach (stream);
  answer_stream_tell (stream);
}

void
answer_stream_close (AnswerStream *stream)
{
  ServerStream *server_stream = stream->stream;

  answer_stream_gone (stream);
  server_stream_end (server_stream);
}

static void
answer_stream_mark_cut (AnswerStream *stream)
{
  if (stream->passage)
    stream->passage->cut = TRUE;
}

static gboolean
answer_stream_on_idle (gpointer data)
{
  AnswerStream *stream = data;
  ServerStream *server_stream = stream->stream;

  stream->idle = 0;
  answer_stream_mark_cut (stream);
  answer_stream_gone (stream);
  /* where it was still there, its reader was too slow and the plugin has not ended it */
  if (server_stream)
    server_stream_abort (server_stream);
  return G_SOURCE_REMOVE;
}

static void
answer_stream_later (AnswerStream *stream)
{
  if (!stream->idle)
    stream->idle = g_idle_add_full (G_PRIORITY_DEFAULT, answer_stream_on_idle, stream, NULL);
}

static void
answer_stream_on_drain (ServerStream *server_stream, gpointer data)
{
  AnswerStream *stream = data;
  Host *host = stream->request->host;

  if (!stream->drained)
    return;
  exchange_enter (stream->request, stream->request->route->plugin);
  stream->drained (&stream->base, stream->drained_data);
  exchange_leave (host);
}

static void
answer_stream_attach (AnswerStream *stream, Passage *passage, Reply *head)
{
  const char *type = reply_find (head, "Content-Type");

  stream->is_event = type && g_str_has_prefix (type, "text/event-stream");
  stream->resumes = stream->is_event && request_is_read (passage->request);
  if (stream->is_event) {
    reply_set (head, "Cache-Control", "no-cache, no-transform");
    reply_set (head, "X-Accel-Buffering", "no");
  }
  stream->stream = server_call_stream (passage->call, head->status, head->headers, head->n_headers);
  if (!stream->stream)
    return; /* the client has left, which the server is about to say */
  stream->passage = passage;
  passage->stream = stream;
  server_stream_on_drain (stream->stream, answer_stream_on_drain, stream);
  if (!stream->is_event)
    return;
  server_stream_keep_alive (stream->stream, ANSWER_STREAM_SILENCE_MS,
                            passage->exchange->keep_alive);
  passage->exchange->n_event_streams++;
  if (stream->resumes)
    g_queue_push_tail_link (&passage->exchange->streams, &stream->link);
  exchange_streams_changed (passage->exchange);
}

static DaeStream *
answer_stream_slot_open (DaeRequest *req, DaeReply *base)
{
  Request *request = (Request *)req;
  Passage *passage = request->passage;
  Reply *head = (Reply *)base;
  AnswerStream *stream = g_new0 (AnswerStream, 1);

  stream->base.api = request->base.api;
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
  answer_stream_attach (stream, passage, head);
  return &stream->base;
}

static gboolean
answer_stream_slot_write (DaeStream *base, GBytes *bytes)
{
  AnswerStream *stream = (AnswerStream *)base;

  if (!stream->stream)
    return TRUE;
  if (server_stream_write (stream->stream, bytes))
    return TRUE;
  if (stream->resumes)
    answer_stream_later (stream);
  return FALSE;
}

static gsize
answer_stream_slot_queued (DaeStream *base)
{
  AnswerStream *stream = (AnswerStream *)base;

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
  if (!stream->stream)
    answer_stream_later (stream);
}

static void
answer_stream_slot_end (DaeStream *base)
{
  AnswerStream *stream = (AnswerStream *)base;
  ServerStream *server_stream = stream->stream;

  if (stream->is_telling)
    return;
  answer_stream_free (stream);
  if (server_stream)
    server_stream_end (server_stream);
}

static void
answer_stream_slot_abort (DaeStream *base)
{
  AnswerStream *stream = (AnswerStream *)base;
  ServerStream *server_stream = stream->stream;

  if (stream->is_telling)
    return;
  answer_stream_mark_cut (stream);
  answer_stream_free (stream);
  if (server_stream)
    server_stream_abort (server_stream);
}

static DaeRequest *
answer_stream_slot_request (DaeStream *base)
{
  return &((AnswerStream *)base)->request->base;
}

void
answer_stream_fill_api (DaeApi *api)
{
  api->stream_open = answer_stream_slot_open;
  api->stream_write = answer_stream_slot_write;
  api->stream_queued = answer_stream_slot_queued;
  api->stream_on_drain = answer_stream_slot_on_drain;
  api->stream_on_gone = answer_stream_slot_on_gone;
  api->stream_end = answer_stream_slot_end;
  api->stream_abort = answer_stream_slot_abort;
  api->stream_request = answer_stream_slot_request;
}
