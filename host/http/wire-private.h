/* SPDX-License-Identifier: Apache-2.0 */
/* wire-private: what wire.c (the loop) and wire-conn.c (one connection) share. */
#pragma once

#include "wire.h"

#include <netinet/in.h>

#define WIRE_SCRATCH (64 * 1024)

typedef enum {
  WIRE_WAIT = 0, /* for a head */
  WIRE_CALL,     /* a request is in the server's hands */
  WIRE_LINGER,   /* the last answer is leaving, or has left; input is discarded */
  WIRE_DEAD,     /* closed; freed when nobody can hold it any more */
} WireState;

/* What a connection waits for, where there is a limit; the longest wait is first. */
typedef enum {
  WIRE_FOR_HEAD = 0,
  WIRE_FOR_REQUEST,
  WIRE_FOR_BODY,
  WIRE_FOR_READER,
  WIRE_FOR_CLOSE,
  WIRE_N_WAITS,
  WIRE_FOR_NOTHING = WIRE_N_WAITS,
} WireWait;

struct WireConn {
  Wire *wire;
  gpointer call;     /* the server's, while WIRE_CALL */
  GByteArray *in;    /* owned: read and not yet used; or NULL */
  HttpHead *head;    /* owned: of the bytes in `in`, while a head is half there; or NULL */
  GQueue out;        /* (element-type GBytes) owned */
  gsize out_at;      /* sent of the first of them */
  gsize out_length;  /* of all, less out_at */
  gint64 sent;
  gint64 since;      /* when the present wait began */
  gint64 touched;    /* lingering: when something came last */
  gint64 body_since; /* 0: nobody waits for the body */
  gint64 body_waited;
  gint64 body_bytes;
  guint64 share;     /* of its address, to be given back; 0: it is not counted */
  GList all_link, wait_link, wake_link;
  int fd;
  WireState state;
  WireWait wait;
  guint readable : 1; /* a read may give something */
  guint writable : 1;
  guint fin : 1;      /* the client has shut its side down */
  guint broken : 1;
  guint cut : 1;      /* output was lost */
  guint slow : 1;
  guint woken : 1;
  guint shut : 1;     /* we have shut our side down */
  guint internal : 1;
  guint is_unix : 1;
  guint served : 1;   /* at least one request */
  char peer[INET6_ADDRSTRLEN];
};

typedef struct {
  gint64 logged;
  guint unlogged;
} WireRefusals;

struct Wire {
  Host *host;
  const WireHooks *hooks;
  gpointer data;
  WireLimits limits;
  GSource *source;
  GSource *tick;
  gpointer tag;
  int epoll;
  int spare;       /* a descriptor to give up where no other is left */
  guint max_conns;
  gboolean draining;
  gboolean dispatching;
  GPtrArray *listeners; /* (element-type WireListener) owned */
  GQueue all; /* conns that are not dead */
  GQueue waits[WIRE_N_WAITS];
  GQueue woken;
  GPtrArray *dead; /* (element-type WireConn) */
  GHashTable *refusals; /* static reason -> WireRefusals */
  HttpHead head;   /* being parsed, where it lies in the scratch */
  char scratch[WIRE_SCRATCH];
};

/* wire-conn.c */
WireConn *wire_conn_new (Wire *wire, int fd, gboolean internal);
/* Its clock starts. */
void wire_conn_start (WireConn *conn);
/* Events of its descriptor, as epoll gives them. */
void wire_conn_events (WireConn *conn, guint32 events);
/* Its turn among those that were woken. */
void wire_conn_turn (WireConn *conn);
/* Its present wait has lasted until NOW. */
void wire_conn_check_time (WireConn *conn, gint64 now);
void wire_conn_destroy (WireConn *conn);
void wire_conn_free (WireConn *conn);

/* wire.c */
/* CONN is no longer among all. */
void wire_uncount (WireConn *conn);
char *wire_refuse (Wire *wire, WireConn *conn, guint status, const char *reason, const char *why);
