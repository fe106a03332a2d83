/* SPDX-License-Identifier: Apache-2.0 */
/* agents: what the parts of this plugin share.
 *
 *   agents.c             descriptor, settings, service
 *   agents-client.c      one message to an agent: a request and its answer over HTTP
 *   agents-open.c        the handshake: initialize, tools/list
 *   agents-call.c        one question: session, past, tool call, retry, limits, cancel
 *   agents-reason.c      failures in words
 *   agents-answer.c      what an agent says, as text, activities and iterations
 *   agents-health.c      checks, their table, gauges
 *   agents-route.c       /api/agents
 *   agents-capability.c  signed words for internal agents
 *   agents-history.c     the past for agents that need it told
 *   agents-files.c       the files of a question
 *
 * Agent is constant after start and may be read on any thread; Peer and all below it is the loop's.
 */
#pragma once

#include "../common/mcp.h"
#include "agents-files.h"
#include "agents-history.h"

#include <daedalus-plugin.h>
#include <services/agents.h>

G_BEGIN_DECLS

#define AGENTS_MAX_RESULT (16 * 1024 * 1024)
#define AGENTS_MAX_EVENT  (4 * 1024 * 1024)
#define AGENTS_TOPIC      "agents:health"
#define AGENTS_CAPABILITY_US (600 * G_USEC_PER_SEC)

typedef struct {
  char *slug, *title, *description;
  char *url; /* of its MCP endpoint */
  const char *token;                /* borrowed from the settings; NULL: none */
  const char *tool, *argument;      /* the same */
  guint turn_limit_ms, silence_limit_ms;
  HistoryMode history;
  gsize history_limit; /* bytes */
  gint64 context_window; /* tokens; 0: not known */
  gboolean internal;
  char **example_messages;
} Agent;

/* What this worker has learnt about an agent. */
typedef struct {
  const Agent *agent;
  char *url;             /* where its redirects lead; NULL: agent->url */
  char *protocol;        /* agreed in the last handshake; NULL: none yet */
  gboolean has_sessions; /* in the last handshake */
  JsonArray *tools;      /* NULL: not known */
  gint64 tools_at;       /* monotonic */
  McpChatTool *chat;     /* NULL: it has none */
  const char *no_chat;   /* static: why */
  gint64 checked_at;     /* monotonic: the last check that a failed question asked for */
} Peer;

/* A row of agent_state; strings owned. */
typedef struct {
  char *slug;
  char *health; /* "ok", "degraded", "error", "unknown" */
  char *reason; /* NULL: none */
  gint64 latency_us; /* -1: none */
  gint64 last_seen;  /* 0: never */
  gint64 checked_at; /* 0: never */
  char *tools; /* JSON */
} AgentRow;

/* dae_data */
typedef struct {
  GPtrArray *agents; /* (element-type Agent) owned, by title; grows only while plugins start */
  guint8 key[32];    /* of capabilities */
} AgentsData;

/* dae_state */
typedef struct {
  GHashTable *peers;    /* Agent -> Peer */
  GHashTable *requests; /* set of AgentRequest that run */
  GHashTable *calls;    /* set of DaeAgentCall that run */
  GHashTable *checks;   /* Agent -> AgentCheck */
  GHashTable *seen;     /* slug -> AgentRow as last read, for health */
  gboolean reading, read_again;
} AgentsState;

const Agent *agents_find (DaePlugin *self, const char *slug);
Peer *agents_peer (DaePlugin *self, const Agent *agent);
/* TRUE if AGENT counts in mcp_connections_active: the built-in ones only where there is no other. */
gboolean agents_counts (DaePlugin *self, const Agent *agent);

/* ---- agents-client.c -------------------------------------------------------- */

/* How to speak with one agent in one session. */
typedef struct {
  DaePlugin *self;
  Peer *peer;
  char *session;       /* NULL: none */
  char *protocol;      /* NULL: not agreed yet */
  char *authorization; /* NULL: none */
  char *traceparent;   /* NULL: none */
  gint64 last_id;
  gboolean opened;     /* the handshake was made on this link */
} AgentLink;

void agent_link_init (AgentLink *link, DaePlugin *self, const Agent *agent);
void agent_link_clear (AgentLink *link);

typedef enum {
  AGENT_REPLY_RESULT,
  AGENT_REPLY_ACCEPTED,    /* of a notification */
  AGENT_REPLY_ERROR,       /* JSON-RPC error: code, message */
  AGENT_REPLY_STATUS,      /* HTTP status; message where the body says one */
  AGENT_REPLY_UNREACHABLE, /* no answer at all */
  AGENT_REPLY_CUT,         /* the connection ended within the answer */
  AGENT_REPLY_GARBAGE,     /* not MCP */
  AGENT_REPLY_TOO_LARGE,
} AgentReplyKind;

/* Borrowed for the call. */
typedef struct {
  AgentReplyKind kind;
  guint status;
  JsonObject *result;
  gint64 code;
  const char *message; /* words, for log lines and reasons; NULL: none */
  const char *session; /* Mcp-Session-Id of the answer's head, or NULL */
} AgentReply;

typedef struct AgentRequest AgentRequest;

typedef struct {
  void (*notification) (JsonrpcMessage *message, gpointer data); /* may be NULL */
  void (*end) (const AgentReply *reply, gpointer data); /* once and last, unless cancelled; the request
                                                           is dead when it returns */
} AgentRequestHooks;

/* Sends a request (PARAMS given, may be NULL) and waits for its answer; FIRST_MS limits the wait for
 * the first byte, 0: no limit. HOOKS must last. */
AgentRequest *agent_request (AgentLink *link, const char *method, JsonObject *params, guint first_ms,
                             const AgentRequestHooks *hooks, gpointer data);
/* The id it was sent with. */
gint64 agent_request_id (AgentRequest *request);
void agent_request_pause (AgentRequest *request, gboolean paused);
/* Closes the connection; no hook is called any more. */
void agent_request_cancel (AgentRequest *request);
/* The same, but a session that its answer brings within 10 s is left in order. */
void agent_request_forsake (AgentRequest *request);
/* Nobody waits for REQUEST, of a notification, any more: it goes on alone. */
void agent_request_detach (AgentRequest *request);
/* Sends a notification; HOOKS may be NULL: nobody waits. */
AgentRequest *agent_notify (AgentLink *link, const char *method, JsonObject *params,
                            const AgentRequestHooks *hooks, gpointer data);
/* Ends LINK's session at the agent; nobody waits. */
void agent_leave (AgentLink *link);
void agent_request_free (gpointer request);

/* ---- agents-open.c ---------------------------------------------------------- */

typedef struct AgentOpening AgentOpening;

enum {
  AGENT_OPEN_ANEW = 1u << 0, /* initialize and tools/list even if all is known */
};

/* Called once: FAULT is NULL if LINK can be used and the peer's tools are known, else borrowed. */
typedef void (*AgentOpened) (const AgentReply *fault, gpointer data);

/* Does what is missing of the handshake on LINK (borrowed until DONE): initialize where there is no
 * session and the peer is not known to do without, tools/list where its tools are not fresh. DONE is
 * not called before this has returned if a message must be sent; NULL is returned if DONE was called. */
AgentOpening *agent_open (AgentLink *link, guint32 flags, AgentOpened done, gpointer data);
void agent_open_cancel (AgentOpening *opening);
void peer_forget (Peer *peer);
void peer_free (gpointer peer);

/* ---- agents-reason.c -------------------------------------------------------- */

/* The code of a failure (static) and words that a person can act on (owned). OPENING: it was the
 * handshake that failed. */
const char *agent_reason (const AgentReply *reply, gboolean opening, char **ret_reason);
/* Words for an error that the agent says itself; owned. */
char *agent_reason_said (const char *text);

/* ---- agents-answer.c -------------------------------------------------------- */

typedef struct AgentAnswer AgentAnswer;

/* Nothing was said yet by the agent SLUG. The hooks' `end` is not called from here; HOOKS are
 * borrowed. */
AgentAnswer *agent_answer_new (DaeAgentCall *call, const char *slug, const DaeAgentHooks *hooks, gpointer data);
void agent_answer_free (AgentAnswer *answer);
/* No hook is called any more, and nothing is added. */
void agent_answer_mute (AgentAnswer *answer);
/* A notification of the agent: text, activities, progress. FALSE: the answer is too large. */
gboolean agent_answer_take (AgentAnswer *answer, JsonrpcMessage *message);
/* The final text; what is missing of it is passed on. FALSE: the answer is too large. */
gboolean agent_answer_finish (AgentAnswer *answer, const char *final);
/* Ends activities that still run. */
void agent_answer_close (AgentAnswer *answer, gboolean failed);
/* All text so far: what the text hook was given; borrowed. */
const char *agent_answer_text (AgentAnswer *answer);
/* JSON array, owned; NULL if nothing but one text was said. */
char *agent_answer_iterations (AgentAnswer *answer);

/* ---- agents-call.c ---------------------------------------------------------- */

DaeAgentCall *agents_ask (DaePlugin *self, const DaeAgentAsk *ask, const DaeAgentHooks *hooks, gpointer data);
void agents_cancel (DaePlugin *self, DaeAgentCall *call);
void agents_pause (DaePlugin *self, DaeAgentCall *call, gboolean paused);
void agent_call_free (gpointer call);

/* ---- agents-health.c -------------------------------------------------------- */

/* Called once when the check is over; ROW is NULL: this process stops before it is. */
typedef void (*AgentChecked) (const AgentRow *row, gpointer data);

/* Looks at AGENT now (or waits for the look that runs), stores what it finds, then calls DONE (may be
 * NULL) on the loop. */
void agents_check (DaePlugin *self, const Agent *agent, AgentChecked done, gpointer data);
/* Run of the job "health". */
void agents_check_all (DaePlugin *self, GCancellable *lease);
/* Reads the table and sets the gauges. */
void agents_read_states (DaePlugin *self);
void agents_set_gauges (DaePlugin *self, const Agent *agent, const AgentRow *row);
/* All rows of the table by slug: owned by the caller. T. */
GHashTable *agents_rows (DaeTx *tx);
void agent_row_free (gpointer row);
void agent_check_free (gpointer check);

/* ---- agents-route.c --------------------------------------------------------- */

DaeReply *agents_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *agents_show (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeOutcome agents_check_now (DaeRequest *req, DaePlugin *self);
void agents_write_states (DaePlugin *self, DaeTx *tx, DaeJson *json, const char *key);

G_END_DECLS
