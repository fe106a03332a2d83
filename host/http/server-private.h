/* SPDX-License-Identifier: Apache-2.0 */
/* server-private: what server.c (calls), server-body.c (their bodies) and server-stream.c (growing
 * answers) share. */
#pragma once

#include "header.h"
#include "http-body.h"
#include "server.h"
#include "wire.h"

typedef struct ServerInput ServerInput;

typedef enum {
  SERVER_PUMP_MORE = 0, /* something came; there may be more */
  SERVER_PUMP_BLOCK,
  SERVER_PUMP_DONE,
  SERVER_PUMP_LARGE,
  SERVER_PUMP_CUT,
} ServerPump;

struct ServerStream {
  ServerCall *call;
  HttpFraming framing;
  gint64 left;      /* HTTP_FRAMING_LENGTH: bytes still to be written */
  gboolean filled;  /* something was queued since the queue was last empty */
  gboolean is_event; /* goes to the hub when it can */
  void (*drain) (ServerStream *stream, gpointer data);
  gpointer drain_data;
};

struct ServerCall {
  Server *server;
  WireConn *conn;
  gpointer data;
  GList link;
  const char *method, *target, *host; /* in `text` */
  ServerHeader *headers;              /* behind the struct */
  guint n_headers;
  guint minor;
  gint64 body_length;
  gint64 sent_before; /* what the connection had sent when the call began */

  guint is_head : 1;
  guint keep : 1;     /* the connection may live on */
  guint expect : 1;   /* the client waits for 100 Continue */
  guint probed : 1;
  guint answered : 1; /* an answer or a stream has begun */
  guint over : 1;     /* all of the answer is sent or queued */
  guint aborted : 1;
  guint left : 1;     /* the client has gone */
  guint discarded : 1; /* some of the body was thrown away */
  guint large : 1;     /* the body is over the limit of its reader */

  HttpBody body;
  guint fault; /* status for what is wrong with the body, or 0 */
  gint64 max;
  void (*done) (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data);
  gpointer done_data;
  GByteArray *whole; /* owned: being read */
  GBytes *bytes;     /* owned: the body, read whole */
  ServerInput *input; /* owned */
  ServerStream *stream; /* owned */
};

struct Server {
  Host *host;
  const ServerHooks *hooks;
  gpointer data;
  Wire *wire;
  gpointer soup; /* SoupServer */
  gpointer address; /* GSocketAddress, for both ends: libsoup asks for some */
  GString *head; /* of the answer being made */
  gint64 date_at; /* the second of `date` */
  char date[HEADER_DATE_SIZE];
  struct ServerAnswer *answer; /* the one that libsoup is making */
  GQueue calls;
  Hub *hub; /* NULL: the exchange has none */
};

/* server-head.c: heads that libsoup does not make */
/* The wire adds these itself. */
gboolean server_owns_header (const char *name);
/* Fit to be sent. What is not is left out, and the log says so. */
gboolean server_header_is_sound (const ServerHeader *header);
/* Status line and Date, in a string of the server's. */
GString *server_head_begin (ServerCall *call, guint status);
/* HEADERS, less what is the server's. */
void server_head_add (GString *head, const ServerHeader *headers, guint n_headers);
/* Connection, and the end. */
void server_head_end (const ServerCall *call, GString *head);

/* server-body.c */
/* Input came, or ended, or is too slow. */
void server_body_ready (ServerCall *call);
/* What has come already of a body that nobody read; TRUE if it is whole now, and small enough for
 * the connection to live on. */
gboolean server_body_discard (ServerCall *call);
/* The call ends. */
void server_body_end (ServerCall *call);

/* server-stream.c */
void server_stream_ready (ServerStream *stream);
/* An event stream whose request has been read and whose head has left. */
gboolean server_stream_is_settled (ServerStream *stream);
