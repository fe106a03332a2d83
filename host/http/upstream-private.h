/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-private: what upstream.c (fetches), upstream-request.c (what they send),
 * upstream-answer.c (what comes back), upstream-pool.c (connections to an origin) and
 * upstream-conn.c (one connection) share. */
#pragma once

#include "http-body.h"
#include "upstream-url.h"
#include "upstream.h"

#define UPSTREAM_SCRATCH (64 * 1024)

typedef struct UpstreamConn UpstreamConn;
typedef struct UpstreamDial UpstreamDial;
typedef struct UpstreamFetch UpstreamFetch;
typedef struct UpstreamOrigin UpstreamOrigin;

typedef enum {
  UPSTREAM_NEW = 0,
  UPSTREAM_CONNECTING, /* or waiting for its turn */
  UPSTREAM_SENDING,
  UPSTREAM_WAITING,    /* for the head */
  UPSTREAM_BODY,
  UPSTREAM_OVER,
} UpstreamState;

struct UpstreamFetch {
  DaeFetch base; /* first */
  Upstream *upstream;
  Plugin *plugin; /* whose hooks they are */
  DaeFetchHooks hooks;
  gpointer data;
  GList link;
  UpstreamState state;

  char *method;
  UpstreamUrl *url;  /* NULL: it cannot be sent, see `error` */
  GString *headers;  /* of the caller, as lines */
  gboolean has_host, has_agent, has_encoding;
  char *type;
  GBytes *body;
  GInputStream *input; /* owned: the body comes from here instead */
  gint64 input_left;   /* of a stated length; -1: it is sent in chunks */
  gint64 max;          /* of the answer's body; 0: none */
  GError *error;     /* found before it was sent; or what its end will say */

  guint connect_ms, first_byte_ms, idle_ms, total_ms;
  gint64 deadline;   /* of the present state; 0: none */
  gint64 end_by;     /* of all; 0: none */
  const char *late;  /* static: what has not come by the deadline */

  UpstreamDial *dial;
  UpstreamConn *conn;
  GList wait_link;   /* among those that wait for a connection */
  gboolean waits, retried;
  guint hooks_running;
  gboolean dead;     /* to be freed when no hook of it runs */
  gboolean paused;
  gboolean held;     /* a pause has left something in `in`, perhaps only the end */
  gboolean again;    /* there is more to read, of which no event tells */
  GList ready_link;  /* in Upstream.ready */
  gboolean is_ready;
  gboolean answered; /* some byte of the answer has come */

  GString *out;      /* head and a small body, or the next block of `input` */
  gsize out_at;      /* sent of `out` and then of `body` */
  gboolean body_apart;
  gboolean begun;    /* a byte was sent on this connection */
  gboolean spent;    /* what was sent first is no longer there to be sent again */
  gboolean sent;     /* all of the request */
  gboolean stopped;  /* nobody wants the rest of it */
  gboolean input_ended, wants_write;
  GSource *input_source; /* `input` is waited for */

  GByteArray *in; /* read and not yet used; or NULL */
  HttpHead head;
  char *text;        /* of the head; its names and values end in NUL */
  HttpBody framing;
  guint n_interim;
};

struct UpstreamConn {
  Upstream *upstream;
  UpstreamOrigin *origin; /* NULL once closed */
  UpstreamFetch *fetch;   /* NULL: idle */
  GIOStream *stream;      /* owned: the socket's, or TLS over it */
  GIOStream *socket;      /* owned */
  int fd;
  gboolean tls, reused, idle;
  gint64 idle_since;
  GList idle_link;
  GSource *source;        /* of a plain connection: for its whole life */
  gpointer tag;
  GIOCondition events;
  GSource *tls_in, *tls_out;
};

struct Upstream {
  Host *host;
  GMainContext *context;
  GTlsDatabase *authorities; /* NULL: the system's */
  guint max_conns, max_waiting; /* for each origin */
  GHashTable *origins;       /* owned text -> UpstreamOrigin */
  GQueue fetches;            /* sent and not over */
  GQueue ready;              /* of them those to be served at the next turn */
  GQueue dials;
  GSource *clock;
  gint64 next_deadline;      /* 0: none */
  char scratch[UPSTREAM_SCRATCH];
};

/* upstream.c */
/* A reused connection turned out to be dead: tries once with a fresh one. */
void upstream_fetch_retry (UpstreamFetch *fetch);
/* Around each call of a hook. */
void upstream_fetch_enter (UpstreamFetch *fetch);
void upstream_fetch_leave (UpstreamFetch *fetch);
/* The end. ERROR is given; NULL: the answer is whole, and the connection can be used again if it is
 * REUSABLE. */
void upstream_fetch_finish (UpstreamFetch *fetch, gboolean reusable, GError *error);
void upstream_fetch_fail (UpstreamFetch *fetch, GError *error);
/* FETCH ends with ERROR, which is given, at the next turn. Calls no hook. */
void upstream_fetch_fail_soon (UpstreamFetch *fetch, GError *error);
/* FETCH is looked at at the next turn. Calls no hook. */
void upstream_fetch_ready (UpstreamFetch *fetch);
/* The limit of the state that begins; 0: none. */
void upstream_fetch_set_deadline (UpstreamFetch *fetch, guint ms, const char *late);
/* A byte has moved: the idle limit begins anew, or rests where it is not the peer's turn. */
void upstream_fetch_rearm (UpstreamFetch *fetch);
/* Polls for what FETCH can use now. */
void upstream_fetch_want (UpstreamFetch *fetch);
/* Makes sure that the clock rings by DEADLINE. */
void upstream_ring_by (Upstream *upstream, gint64 deadline);
/* Frees FETCH if it is dead and no hook runs; TRUE if so. */
gboolean upstream_fetch_bury (UpstreamFetch *fetch);

/* upstream-request.c: none of these calls a hook */
/* A connection for FETCH is there. */
void upstream_request_begin (UpstreamFetch *fetch, UpstreamConn *conn);
/* FETCH's connection can be written. */
void upstream_request_writable (UpstreamFetch *fetch);
/* The same bytes can be sent once more, and twice is as good as once (RFC 9110, 9.2.2). */
gboolean upstream_request_can_repeat (const UpstreamFetch *fetch);
/* The rest of the request is not wanted any more. */
void upstream_request_stop (UpstreamFetch *fetch);

/* upstream-answer.c */
void upstream_answer_begin (UpstreamFetch *fetch);
/* FETCH's connection can be read. */
void upstream_answer_readable (UpstreamFetch *fetch);
/* After a pause: goes on with what had been read before it. */
void upstream_answer_resume (UpstreamFetch *fetch);

/* upstream-pool.c */
void upstream_pool_acquire (UpstreamFetch *fetch);
/* FETCH has no more interest in a connection to come. */
void upstream_pool_forget (UpstreamFetch *fetch);
/* The connection can serve another. */
void upstream_pool_release (UpstreamConn *conn);
/* CONN is closed and dead. */
void upstream_pool_close (UpstreamConn *conn);
/* Closes what has been idle long enough; returns when the next is due, or 0. */
gint64 upstream_pool_expire (Upstream *upstream, gint64 now);
void upstream_pool_clear (Upstream *upstream);

/* upstream-conn.c */
typedef enum {
  UPSTREAM_IO_OK = 0,
  UPSTREAM_IO_BLOCK,
  UPSTREAM_IO_END, /* reading: the peer closed in order */
  UPSTREAM_IO_ERROR,
} UpstreamIo;

/* SOCKET and STREAM are given; STREAM is TLS over SOCKET, or NULL. */
UpstreamConn *upstream_conn_new (UpstreamOrigin *origin, Upstream *upstream, GSocketConnection *socket,
                                 GIOStream *stream);
void upstream_conn_free (UpstreamConn *conn);
UpstreamIo upstream_conn_read (UpstreamConn *conn, char *buffer, gsize size, gsize *ret_length);
/* BODY may be NULL. */
UpstreamIo upstream_conn_write (UpstreamConn *conn, const char *head, gsize head_length,
                                const char *body, gsize body_length, gsize *ret_length);
/* What to be told of. */
void upstream_conn_want (UpstreamConn *conn, gboolean read, gboolean write);
/* An idle connection that nobody closed and on which nothing came. */
gboolean upstream_conn_is_quiet (UpstreamConn *conn);
