/* SPDX-License-Identifier: Apache-2.0 */
/* passage: one request under way, for the files that make up the exchange. Loop only.
 *
 * A passage begins with a head and ends when the call is over and nobody works
 * for it any more. Each step returns TRUE to go on, FALSE to wait until somebody
 * calls exchange_resume. A step that sets `reply` sends the passage to the reply.
 */
#pragma once

#include "../data/database.h"
#include "../observe/metrics.h"
#include "exchange.h"
#include "origin.h"
#include "request.h"
#include "services/identity.h"

typedef struct AnswerStream AnswerStream;
typedef struct Inquiry Inquiry;

struct Exchange {
  gint refs; /* the room's own and one for each passage */
  Host *host;
  OriginRules *rules;
  const DaeIdentity1 *identity; /* NULL: no plugin provides it */
  Plugin *identity_plugin;
  guint n_passages;
  guint n_event_streams; /* open */
  guint n_young_streams; /* of them: those whose passage is not over */
  GQueue streams; /* (element-type AnswerStream) that a drain ends: their readers resume */
  gboolean draining;
  gint64 drain_end; /* monotonic */
  guint drain_timer;
  GPtrArray *thawed;     /* (element-type AnswerStream) whose request is there for a moment */
  guint thawed_idle;
  /* account.c */
  MetricsFamily *requests, *durations;
  MetricsSeries *in_flight, *event_streams;
  MetricsFamily *rejected;
  Route unmatched;
};

struct Passage {
  Exchange *exchange;
  ServerCall *call; /* NULL once it has finished */
  Request *request;
  Reply *reply; /* borrowed from the request; NULL: none yet */
  guint step;
  const char *ended_at; /* name of the step that gave the reply */
  gboolean walking, resumed;
  gboolean answered; /* the handler has given its reply, or lost the right to */
  gboolean late;     /* by the deadline */
  gboolean sent;     /* the reply is with the server */
  gboolean left;     /* the client has left */
  gboolean cut;      /* a stream was cut on this side */
  gboolean counted;  /* in the plugin's in_flight */
  gboolean in_pool;  /* waits for the database */
  gboolean limited;  /* the reply is that it asks too much */
  guint64 upload_share, stream_share; /* of limits, to be given back; 0: none */
  gint64 began;
  gint64 bytes_in, bytes_out;
  guint timer;
  Inquiry *inquiry;            /* identity is asked: borrowed; NULL: it is not */
  AnswerStream *stream;        /* borrowed; NULL: none is open */
  const char *idempotency_key; /* NULL: none */
  char hash[65];
  DatabaseVerdict verdict;
};

/* exchange.c */
void exchange_resume (Passage *passage);
/* The passage ends without a word: somebody else tells of it. */
void exchange_forget (Passage *passage);
Exchange *exchange_ref (Exchange *exchange);
void exchange_unref (Exchange *exchange);
/* Ends the passage with a problem. */
void exchange_refuse (Passage *passage, guint status, const char *code, const char *detail);
void exchange_clear_timer (Passage *passage);
/* Around each call into a plugin from the loop. */
void exchange_enter_route (Exchange *exchange, const Route *route, const char *id);
void exchange_enter (Request *request, Plugin *plugin);
void exchange_leave (Host *host);
/* A fault of the plugin whose route it is; the host's own are logged. */
void exchange_fault (Request *request, const char *kind, const char *detail);
/* An event stream was opened or has ended. */
void exchange_streams_changed (Exchange *exchange);

/* authorize.c */
gboolean authorize_step (Passage *passage);
/* Fills in what a 401 says: WWW-Authenticate, sign_in_url. */
void authorize_dress (Passage *passage, Reply *reply);
/* receive.c */
gboolean receive_step (Passage *passage);
/* The values of the query, by row of the route; adds what is wrong with it to FAULTS. */
void receive_read_query (Request *request, GPtrArray *faults);
/* handle.c */
gboolean handle_step (Passage *passage);
gboolean handle_commit (Passage *passage);
/* answer-stream.c */
void answer_stream_gone (AnswerStream *stream);  /* the client has left */
void answer_stream_close (AnswerStream *stream); /* the host ends it */
/* Its connection is HUB_STREAM now; the passage is over and goes. */
void answer_stream_settle (AnswerStream *stream, HubStream *hub_stream, guint64 share);
extern const HubHooks answer_stream_hub_hooks;
/* account.c */
void account_open (Exchange *exchange);    /* families */
void account_prepare (Exchange *exchange); /* series of each route */
void account_close (Exchange *exchange);
void account_reject (Passage *passage, const char *reason);
void account_flight (Exchange *exchange);
gboolean account_step (Passage *passage);
