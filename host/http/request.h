/* SPDX-License-Identifier: Apache-2.0 */
/* request: what a handler sees of a request, and the replies it makes.
 *
 * A Request is an immutable copy made from a head; any thread may read it. It
 * lives as long as anybody holds a reference, also after its client has its
 * answer. What has a dae_ twin is a slot of the API's table and has its contract.
 */
#pragma once

#include "../host.h"
#include "arena.h"
#include "json-write.h"
#include "members.h"
#include "router.h"
#include "server.h"

typedef struct Passage Passage;
typedef struct Reply Reply;
typedef struct Request Request;

struct Reply {
  DaeReply base;    /* first */
  Request *request; /* borrowed */
  guint status;
  ServerHeader *headers; /* strings and array in the reply's arena */
  guint n_headers, headers_size;
  GBytes *body;     /* owned, or NULL */
  const char *code; /* of a problem, or NULL */
  const char *detail;
  GPtrArray *errors;       /* of a problem: pointer, detail, pointer, ...; or NULL */
  const char *sign_in_url; /* of a 401, or NULL: borrowed */
  gint64 version;          /* of dae_reply_versioned, or -1 */
  gboolean sealed;
  gboolean is_file; /* whole bytes with Accept-Ranges, as they are or what became of them */
  Reply *next; /* of the same request */
  Arena arena;
  guint8 first[512];
};

struct Request {
  DaeRequest base;  /* first */
  const void *mark; /* tells it from other objects that begin with a table: request_is */
  gint refs;
  Host *host;
  const Route *route; /* NULL until found */
  Passage *passage;   /* loop: where its exchange stands; NULL once that is over */
  /* Runs on the loop when nobody but the exchange holds a reference; NULL: nobody waits. Atomic. */
  void (*abandoned) (Request *request);

  const char *id;
  const char *method;
  const char *target; /* path and query, raw */
  const char *path;
  const char *query;     /* without '?', or NULL */
  const char *host_name; /* Host as sent */
  const char *peer;      /* address of the connection, or "unix" */
  const char *client;    /* address of who asks */
  gboolean is_internal, is_trusted, is_https;
  const char *mcp_origin; /* of a page elsewhere that may use this path, or NULL */
  gint64 body_length; /* -1: not known */
  ServerHeader *headers;
  guint n_headers;
  ServerHeader *cookies;
  guint n_cookies;
  char *params[ROUTER_MAX_PARAMS];         /* owned */
  MemberValue *query_values, *body_values; /* by row of the route */
  DaeUser *user;                           /* NULL: nobody */
  GBytes *body;                            /* owned, or NULL */
  GInputStream *stream;                    /* owned, or NULL */
  gint64 deadline;                         /* g_get_monotonic_time (), 0: none */
  GCancellable *gone;                      /* made at the first question. Atomic */
  gint has_gone;                           /* atomic */
  Reply *replies;                          /* owned, atomic list */
  JsonWriter *writers;                     /* owned, atomic list */
  Arena arena;                             /* loop only, and only before the handler runs */
  guint8 first[2048] __attribute__ ((aligned (8)));
};

/* All strings are copied. */
typedef struct {
  const char *id;
  const char *method;
  const char *target;
  const char *host;
  const char *peer;
  gboolean is_internal;
  gint64 body_length;
  const ServerHeader *headers;
  guint n_headers;
} RequestHead;

/* A new request with one reference. API is the table its objects begin with. */
Request *request_new (Host *host, const DaeApi *api, const RequestHead *head);
/* TRUE if ABOUT, an object of the API, is a request. */
gboolean request_is (gconstpointer about);
/* Takes the values of MATCH. */
void request_set_route (Request *request, RouterMatch *match);
/* Copies USER. Before the handler runs. */
void request_set_user (Request *request, const DaeUser *user);
/* Fires dae_request_gone. Loop. */
void request_leave (Request *request);
/* The value of a header: NULL if absent or more than one. */
const char *request_header (Request *request, const char *name);
guint request_header_count (Request *request, const char *name);
/* TRUE if Content-Type is TYPE, in UTF-8 if it says a charset. */
gboolean request_has_type (Request *request, const char *type);
gboolean request_is_read (Request *request); /* GET or HEAD */

/* The slots of DaeApi that requests, replies, streams and JSON implement: plugin-api.c puts them
 * into the table. */
void request_fill_api (DaeApi *api);

/* A reply for REQUEST. Any thread. */
Reply *reply_new (Request *request, guint status);
/* Sets a header of the host's own, whose value is known to be good; VALUE is copied. */
void reply_set (Reply *reply, const char *name, const char *value);
/* Adds one more header of its name, as Set-Cookie and Link may be doubled. */
void reply_add (Reply *reply, const char *name, const char *value);
void reply_remove (Reply *reply, const char *name);
/* The same as reply_set where the reply has no such header. */
void reply_set_default (Reply *reply, const char *name, const char *value);
const char *reply_find (const Reply *reply, const char *name);
Reply *reply_problem (Request *request, guint status, const char *code, const char *detail);
/* The same with Retry-After. */
Reply *reply_problem_retry (
    Request *request, guint status, const char *code, const char *detail, guint seconds);
void reply_free (Reply *reply);
void reply_fill_api (DaeApi *api);

/* reply-seal.c */
/* Finishes a reply: problem body, ETag, what the request's conditions and Range make of it (304,
 * 412, 206, 416). Any thread. */
void reply_seal (Reply *reply);
/* Adds what each answer of the host carries: request id, security and caching headers. */
void reply_dress (Reply *reply);

/* request-file.c: the slot of dae_request_file. */
guint request_slot_file (DaeRequest *req, const char *etag, gint64 total, gint64 *ret_first,
                         gint64 *ret_length);
