/* SPDX-License-Identifier: Apache-2.0 */
/* dae-fetch: outgoing HTTP/1.1. Loop only.
 *
 * URLs are http://, https:// (verified) or http+unix://PERCENT-ENCODED-SOCKET/path.
 * No redirects, no decoding, no cookies; answers are framed strictly, and one
 * that was cut is an error. Connections are pooled by origin; where [upstream] connections are in
 * use, fetches wait for one within their connect limit, and those over [upstream] queue end with
 * G_IO_ERROR_BUSY.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* A new request; HOOKS and DATA are borrowed until `end` has returned.
 *   head  the status and headers are in (dae_fetch_reply_header); 1xx are not shown
 *   body  some bytes of the body, borrowed for the call
 *   end   exactly once, unless cancelled; ERROR is NULL if the answer is whole. The fetch is dead
 *         when it returns. G_IO_ERROR_TIMED_OUT is a limit of dae_fetch_limits */
static inline DaeFetch *
dae_fetch_new (DaePlugin *self, const char *method, const char *url, const DaeFetchHooks *hooks, gpointer data)
{
  return self->api->fetch_new (self, method, url, hooks, data);
}

static inline void
dae_fetch_header (DaeFetch *fetch, const char *name, const char *value)
{
  fetch->api->fetch_header (fetch, name, value);
}

/* BODY is shared. */
static inline void
dae_fetch_body (DaeFetch *fetch, const char *type, GBytes *body)
{
  fetch->api->fetch_body (fetch, type, body);
}

/* The body is read from STREAM, which is pollable and shared, as fast as the upstream takes it and no
 * faster; LENGTH is its length (0: an empty one), -1 sends it in chunks. What STREAM says is wrong is
 * the error of `end`, and the upstream sees a request that was cut. */
static inline void
dae_fetch_stream (DaeFetch *fetch, const char *type, GInputStream *stream, gint64 length)
{
  fetch->api->fetch_stream (fetch, type, stream, length);
}

/* An answer whose body is larger than MAX bytes ends with G_IO_ERROR_NO_SPACE, before any of it is
 * given where its length is stated. 0: no limit. */
static inline void
dae_fetch_max (DaeFetch *fetch, gint64 max)
{
  fetch->api->fetch_max (fetch, max);
}

/* Milliseconds, 0 for no limit: until connected (default 5 s), from sent to the first byte of the
 * head (30 s), between two bytes of the body (30 s), in all (none). */
static inline void
dae_fetch_limits (DaeFetch *fetch, guint connect_ms, guint first_byte_ms, guint idle_ms, guint total_ms)
{
  fetch->api->fetch_limits (fetch, connect_ms, first_byte_ms, idle_ms, total_ms);
}

static inline void
dae_fetch_send (DaeFetch *fetch)
{
  fetch->api->fetch_send (fetch);
}

/* A header of the answer, borrowed; NULL if absent; of doubled ones the first. */
static inline const char *
dae_fetch_reply_header (DaeFetch *fetch, const char *name)
{
  return fetch->api->fetch_reply_header (fetch, name);
}

/* Stops or goes on reading the body: back-pressure. */
static inline void
dae_fetch_pause (DaeFetch *fetch, gboolean paused)
{
  fetch->api->fetch_pause (fetch, paused);
}

/* Closes the connection at once; no hook is called any more and the fetch is dead. */
static inline void
dae_fetch_cancel (DaeFetch *fetch)
{
  fetch->api->fetch_cancel (fetch);
}

G_END_DECLS
