/* SPDX-License-Identifier: Apache-2.0 */
/* dae-stream: an answer that grows: event streams, relays, downloads. Loop only.
 *
 * The stream lives until dae_stream_end, dae_stream_abort, or the on_gone
 * callback has returned, whichever is first; afterwards the handle is dead.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* Sends HEAD (made by dae_reply_empty with its headers set) and keeps the answer open. For
 * text/event-stream the host adds Cache-Control: no-cache, no-transform and X-Accel-Buffering: no,
 * and a comment every 15 s of silence. Return DAE_LATER from the handler afterwards. */
static inline DaeStream *
dae_stream_open (DaeRequest *req, DaeReply *head)
{
  return req->api->stream_open (req, head);
}

/* The same for an answer of somebody else that is passed on: also an event stream is bytes like others,
 * with HEAD's own headers, without comments of the host, and its reader may be slow. */
static inline DaeStream *
dae_stream_pass (DaeRequest *req, DaeReply *head)
{
  return req->api->stream_pass (req, head);
}

/* Queues BYTES (shared: one GBytes may go to many streams). FALSE: more than 1 MiB is queued and
 * nothing was taken; an event stream is then to be ended, its reader resumes. */
static inline gboolean
dae_stream_write (DaeStream *stream, GBytes *bytes)
{
  return stream->api->stream_write (stream, bytes);
}

/* Bytes queued and not yet handed to the kernel. */
static inline gsize
dae_stream_queued (DaeStream *stream)
{
  return stream->api->stream_queued (stream);
}

/* Calls FUNC each time the queue has become empty. */
static inline void
dae_stream_on_drain (DaeStream *stream, DaeStreamFunc func, gpointer data)
{
  stream->api->stream_on_drain (stream, func, data);
}

/* Calls FUNC once when the client has left or cannot keep up; not after end or abort. */
static inline void
dae_stream_on_gone (DaeStream *stream, DaeStreamFunc func, gpointer data)
{
  stream->api->stream_on_gone (stream, func, data);
}

/* Sends what is queued, then ends the answer in order. */
static inline void
dae_stream_end (DaeStream *stream)
{
  stream->api->stream_end (stream);
}

/* Cuts the answer so that the client sees it is incomplete. */
static inline void
dae_stream_abort (DaeStream *stream)
{
  stream->api->stream_abort (stream);
}

/* The request it answers: borrowed until the loop turns; take a reference to ask it later. Where
 * nobody held one, an event stream has only kept what it was made of, and this is made anew. */
static inline DaeRequest *
dae_stream_request (DaeStream *stream)
{
  return stream->api->stream_request (stream);
}

G_END_DECLS
