/* SPDX-License-Identifier: Apache-2.0 */
/* agents/1: the registered agents, and asking one of them. */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

typedef struct DaeAgentCall DaeAgentCall; /* one running question; the provider's own */

/* One message of the past, oldest first. */
typedef struct {
  const char *role; /* "user" or "assistant" */
  const char *content;
} DaeAgentMessage;

/* A file that came with the question. */
typedef struct {
  const char *name;
  const char *type; /* media type */
  gint64 size;      /* bytes; -1: it has been deleted */
  const char *url;  /* where those find it who may read it; NULL: nowhere */
  GBytes *content;  /* an image, or the beginning of a text; NULL: only its name is told */
} DaeAgentFile;

/* What is asked. Everything is copied. */
typedef struct {
  guint32 struct_size;
  const char *agent;           /* slug */
  const char *message;         /* the question */
  const char *instructions;    /* the workspace's, or NULL */
  const char *conversation_id;
  const char *workspace_id;
  const char *subject;         /* who asks: internal agents get a capability for them */
  const char *turn_id;
  const char *session;         /* the agent's session of this conversation, or NULL */
  const DaeAgentMessage *history;
  guint32 n_history;
  gboolean history_cut;        /* older messages than HISTORY's were left out */
  const char *traceparent;     /* dae_request_traceparent of who asks, or NULL */
  const DaeAgentFile *files;
  guint32 n_files;
} DaeAgentAsk;

/* A tool that runs, or an agent called by the agent. */
typedef struct {
  guint32 struct_size;
  const char *id;        /* unique in the turn */
  const char *parent_id; /* or NULL */
  const char *kind;      /* "tool" or "agent" */
  const char *name;
  const char *agent;     /* who does it */
  const char *state;     /* "running", "done", "failed" */
  const char *summary;   /* a line for people, or NULL */
} DaeAgentActivity;

typedef struct {
  guint32 struct_size;
  const char *outcome;    /* "done", "failed", "cancelled" */
  const char *text;       /* the whole answer as it is to be kept */
  const char *iterations; /* JSON array of what the agent sent, or NULL */
  const char *code;       /* failed: agent_unreachable, agent_timeout, agent_silent, agent_error,
                             agent_protocol, agent_unknown, agent_cut */
  const char *reason;     /* failed: words a person can act on */
  const char *session;    /* session to go on with, or NULL */
  gboolean history_cut;   /* the oldest messages did not fit */
  gboolean session_lost;  /* the session was opened anew with a transcript */
} DaeAgentResult;

/* Called on the loop, `end` exactly once and last. Strings are borrowed for the call. */
typedef struct {
  guint32 struct_size;
  void (*text) (DaeAgentCall *call, const char *text, gpointer data);
  void (*progress) (DaeAgentCall *call, const char *message, double progress, double total, gpointer data); /* total < 0: none */
  void (*activity) (DaeAgentCall *call, const DaeAgentActivity *activity, gpointer data);
  void (*end) (DaeAgentCall *call, const DaeAgentResult *result, gpointer data);
} DaeAgentHooks;

/* An agent that lives in this process: an MCP server on an INTERNAL route. Strings are copied. */
typedef struct {
  guint32 struct_size;
  const char *slug;
  const char *title;
  const char *description;
  const char *path;                  /* of its INTERNAL route */
  const char *const *example_messages; /* NULL-ended */
} DaeInternalAgent;

/* What a capability says. Borrowed from the caller's buffer. */
typedef struct {
  char subject[256];
  char workspace_id[37];
  char conversation_id[37];
  gint64 expires_at;
} DaeCapability;

/* Where an agent's MCP endpoint is. Strings are borrowed until the loop turns. */
typedef struct {
  guint32 struct_size; /* set by who asks */
  const char *url;
  const char *token;   /* bearer that it demands; NULL: none */
  gboolean internal;   /* it lives in this process and demands a capability */
} DaeAgentEndpoint;

typedef struct {
  guint32 struct_size;
  /* P (after start): TRUE if SLUG is registered. */
  gboolean (*known) (DaePlugin *provider, const char *slug);
  /* L: asks; never fails directly: `end` says so, not before this has returned. */
  DaeAgentCall *(*ask) (DaePlugin *provider, const DaeAgentAsk *ask, const DaeAgentHooks *hooks, gpointer data);
  /* L: tells the agent to stop; `end` comes with "cancelled", at the latest after 1 s. */
  void (*cancel) (DaePlugin *provider, DaeAgentCall *call);
  /* L: stops or goes on taking text. */
  void (*pause) (DaePlugin *provider, DaeAgentCall *call, gboolean paused);
  /* L, in start: registers an internal agent. */
  void (*register_internal) (DaePlugin *provider, const DaeInternalAgent *agent);
  /* P: TRUE if TOKEN is a capability of this installation for AGENT that has not expired. */
  gboolean (*check_capability) (DaePlugin *provider, const char *agent, const char *token, DaeCapability *ret);
  /* T: writes an array "agents" of slug, title, health and reason for the page's state. */
  void (*write_states) (DaePlugin *provider, DaeTx *tx, DaeJson *json, const char *key);
  /* P (once all plugins have started): the slugs of all agents, NULL-ended, owned: g_strfreev. */
  char **(*slugs) (DaePlugin *provider);
  /* L: TRUE if SLUG is registered; *RET says where it is. */
  gboolean (*endpoint) (DaePlugin *provider, const char *slug, DaeAgentEndpoint *ret);
  /* L: a capability of ten minutes for the internal agent SLUG to act for SUBJECT in a workspace; owned. */
  char *(*capability) (DaePlugin *provider, const char *slug, const char *subject, const char *workspace_id);
  /* L: TRUE if TOOL was among the tools of SLUG when it was looked at last. */
  gboolean (*has_tool) (DaePlugin *provider, const char *slug, const char *tool);
} DaeAgents1;

G_END_DECLS
