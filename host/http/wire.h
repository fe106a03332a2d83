/* SPDX-License-Identifier: Apache-2.0 */
/* wire: client connections, from accept to close.
 *
 * All sockets live in one epoll descriptor that one GSource watches, so a
 * connection that waits costs the loop nothing. The wire reads and judges each
 * head, answers what it refuses, keeps the time limits, and queues output; what
 * a request means is for server.c. Its hooks are only called from the loop's
 * dispatch, never from inside one of the functions below.
 */
#pragma once

#include "../host.h"
#include "http-head.h"

typedef struct Wire Wire;
typedef struct WireConn WireConn;

typedef struct {
  guint head_ms;  /* from accept, or the first byte of a later head, to its end */
  guint body_ms;  /* after so long a wait a body must have come at 1 KiB/s */
  guint idle_ms;  /* between an answer and the next request */
  guint stall_ms; /* without the client reading a byte of what is queued */
  guint drain_ms; /* idle time left to connections while draining */
} WireLimits;

#define WIRE_LIMITS_DEFAULT ((WireLimits){ 10000, 10000, 60000, 30000, 5000 })

typedef struct {
  /* A sound head is in: copy what is needed of HEAD and BYTES first. CONN belongs to the call
   * until wire_conn_next or wire_conn_close. */
  void (*request) (WireConn *conn, const HttpHead *head, const char *bytes, gpointer data);
  /* Something happened during a call: input or its end, the output queue has become empty, the
   * body is too slow, or wire_conn_wake was called. */
  void (*ready) (WireConn *conn, gpointer data);
  /* The connection broke during a call; CONN is dead when this returns. */
  void (*lost) (WireConn *conn, gpointer data);
  /* How many connections that were given away are open still. May be NULL. */
  guint (*given) (gpointer data);
} WireHooks;

/* A piece of output. What cannot leave at once is queued: by reference to BYTES, else as a copy. */
typedef struct {
  const void *data;
  gsize length;
  GBytes *bytes; /* holds DATA, or NULL */
} WirePart;

typedef enum {
  WIRE_TAKEN = 0,
  WIRE_WOULD_BLOCK,
  WIRE_END,   /* the client has sent its last byte */
  WIRE_BROKEN,
} WireTaken;

Wire *wire_new (Host *host, const WireHooks *hooks, gpointer data);
/* Before wire_listen. */
void wire_set_limits (Wire *wire, WireLimits limits);
void wire_listen (Wire *wire, int fd, gboolean internal);
void wire_drain (Wire *wire);
gboolean wire_is_draining (Wire *wire);
guint wire_connections (Wire *wire);
/* Calls `lost` for what is in a call, and closes all. */
void wire_free (Wire *wire);

void wire_conn_set_call (WireConn *conn, gpointer call);
gpointer wire_conn_call (WireConn *conn);
const char *wire_conn_peer (WireConn *conn);
gboolean wire_conn_is_internal (WireConn *conn);
/* `ready` comes soon. */
void wire_conn_wake (WireConn *conn);
/* The client has closed its side: it sends no more, and may have left. */
gboolean wire_conn_has_fin (WireConn *conn);
/* The body came too slowly: `ready` says so once. */
gboolean wire_conn_is_slow (WireConn *conn);

/* Takes input: up to 64 KiB, valid until the next call of any function here. */
WireTaken wire_conn_take (WireConn *conn, const char **ret_bytes, gsize *ret_length);
/* Gives back what was not used of the last input taken. */
void wire_conn_untake (WireConn *conn, const char *bytes, gsize length);
/* The reader of the body does, or does not, wait for input: the clock for slow ones. */
void wire_conn_wait_body (WireConn *conn, gboolean waiting);

void wire_conn_write (WireConn *conn, const WirePart *parts, guint n_parts);
gsize wire_conn_queued (WireConn *conn);
/* All that was written went to the kernel. */
gboolean wire_conn_is_sent (WireConn *conn);
/* Bytes handed to the kernel since the connection began. */
gint64 wire_conn_sent (WireConn *conn);

/* The call is over: the next request may come. */
void wire_conn_next (WireConn *conn);
/* The call is over: what is queued is sent, what still comes is discarded for a while. */
void wire_conn_close (WireConn *conn);
/* The call is over: the client sees a reset connection. */
void wire_conn_reset (WireConn *conn);
/* The call is over: the socket, whose output is sent and whose further input is nobody's, is the
 * caller's, as is its share of what its address may have (limit.h). */
int wire_conn_give (WireConn *conn, guint64 *ret_share);
