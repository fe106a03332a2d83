/* SPDX-License-Identifier: Apache-2.0 */
/* server: HTTP as calls: a head that is in, a body to be read, an answer to be sent.
 *
 * This seam hides the wire and libsoup. Everything is on the loop. The head has
 * been judged already: one Host, no control bytes, framing is sound.
 */
#pragma once

#include "../host.h"
#include "hub.h"

typedef struct ServerCall ServerCall;
typedef struct ServerStream ServerStream;

typedef struct {
  const char *name, *value; /* borrowed */
} ServerHeader;

typedef enum {
  SERVER_BODY_OK = 0,
  SERVER_BODY_TOO_LARGE, /* over the limit */
  SERVER_BODY_CUT,       /* the client left, or broke the framing */
} ServerBodyState;

typedef struct {
  /* A head is in. Answer now or later by the functions below; CALL lives until `finished`. */
  void (*begin) (ServerCall *call, gpointer data);
  /* The client left before all of the answer was handed over; answering has no effect any more,
   * `finished` follows at once. */
  void (*gone) (ServerCall *call, gpointer data);
  /* The last byte went to the kernel (WHOLE) or the connection broke. CALL is dead afterwards.
   * Neither this nor `gone` is ever called from inside one of the functions below. */
  void (*finished) (ServerCall *call, gboolean whole, gpointer data);
  /* The answer is an event stream and nothing is left of its request: CALL and its ServerStream are
   * dead afterwards, the connection is STREAM, of which `hub` tells, with its SHARE of limit.h. NULL: calls stay
   * calls. */
  void (*settled) (ServerCall *call, HubStream *stream, guint64 share, gpointer data);
  const HubHooks *hub;
} ServerHooks;

/* Milliseconds; see WireLimits in wire.h. */
typedef struct {
  guint head_ms, body_ms, idle_ms, stall_ms, drain_ms;
} ServerLimits;

#define SERVER_LIMITS_DEFAULT ((ServerLimits){ 10000, 10000, 60000, 30000, 5000 })

Server *server_new (Host *host, const ServerHooks *hooks, gpointer data);
/* Before server_listen. */
void server_set_limits (Server *server, ServerLimits limits);
/* Serves the connections of a listening, non-blocking socket that stays the caller's. INTERNAL
 * marks its calls. */
void server_listen (Server *server, int fd, gboolean internal);
/* Draining: listening stops, each further answer says Connection: close, connections that stay
 * idle are closed after 5 s. */
void server_drain (Server *server);
/* Ends all calls at once, as if their clients had left. */
void server_cut (Server *server);
guint server_connections (Server *server);
guint server_calls (Server *server); /* in flight, with streams that have settled */
void server_free (Server *server);

const char *server_call_method (ServerCall *call);
const char *server_call_target (ServerCall *call);    /* raw origin-form: path and query */
const char *server_call_host (ServerCall *call);      /* as sent, with port */
guint server_call_n_headers (ServerCall *call);
ServerHeader server_call_header (ServerCall *call, guint index);
const char *server_call_peer (ServerCall *call);      /* numeric address, or "unix" */
gboolean server_call_is_internal (ServerCall *call);
gint64 server_call_body_length (ServerCall *call);    /* -1: chunked; 0: none */
gint64 server_call_bytes_in (ServerCall *call);       /* of the body, so far */
gint64 server_call_bytes_out (ServerCall *call);
void server_call_set_data (ServerCall *call, gpointer data);
gpointer server_call_data (ServerCall *call);

/* Reads the whole body into memory; DONE comes exactly once, perhaps at once, and also where the
 * call ends meanwhile. BODY is NULL unless the state is OK; borrowed as long as CALL lives. */
void server_call_read (ServerCall *call, gint64 max,
                       void (*done) (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data),
                       gpointer data);
/* The status to answer a body that was cut: 400 for broken framing, 408 if it came too slowly (under
 * 1 KiB/s); 0: the client has left, and no answer reaches it. */
guint server_call_body_fault (ServerCall *call);
/* A pollable stream of the body (owned by the call); reading over MAX gives G_IO_ERROR_NO_SPACE, a
 * cut body G_IO_ERROR_PARTIAL_INPUT. */
GInputStream *server_call_read_stream (ServerCall *call, gint64 max);

/* Sends a whole answer. BODY may be NULL. The server adds Content-Length, Date and Connection; for
 * HEAD the body is left out and its length kept. An answer before the body was read makes the
 * server discard the rest within limits, then close. */
void server_call_answer (ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, GBytes *body);

/* The same past libsoup, for bytes that are there already, such as files: BODY leaves by reference.
 * The server adds the same headers. */
void server_call_send (ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, GBytes *body);

/* Sends a head and keeps the answer open. The stream dies with end, abort or gone. NULL if the
 * client has left already. HEADERS may state a Content-Length; else the answer is chunked. The
 * connection of an event stream that SETTLES ends with it: its reader comes again where somebody
 * listens. */
ServerStream *server_call_stream (ServerCall *call, guint status, const ServerHeader *headers, guint n_headers, gboolean settles);
/* FALSE: 1 MiB would be queued, or the stated Content-Length passed; nothing was taken. */
gboolean server_stream_write (ServerStream *stream, GBytes *bytes);
gsize server_stream_queued (ServerStream *stream);
/* FUNC is called each time the queue has become empty again. */
void server_stream_on_drain (ServerStream *stream, void (*func) (ServerStream *stream, gpointer data), gpointer data);
void server_stream_end (ServerStream *stream);
/* The client sees that the answer is incomplete; `finished` comes, `gone` does not. */
void server_stream_abort (ServerStream *stream);
