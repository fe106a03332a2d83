/* SPDX-License-Identifier: Apache-2.0 */
/* relay: what the parts of this plugin share.
 *
 *   relay.c        descriptor, routes
 *   relay-pass.c   one request to an agent and its answer, byte for byte
 *   relay-watch.c  what goes on while an answer is open: keep-alive, credentials taken away
 *   relay-word.c   what a request asks for, for the metrics
 */
#pragma once

#include <daedalus-plugin.h>
#include <services/agents.h>
#include <services/identity.h>

G_BEGIN_DECLS

#define RELAY_MAX_BODY (G_GINT64_CONSTANT (16) * 1024 * 1024)

/* dae_data */
typedef struct {
  const DaeAgents1 *agents;
  DaePlugin *agents_plugin;
  const DaeIdentity1 *identity;
  DaePlugin *identity_plugin;
} RelayData;

/* Where the bytes of an event stream stand. */
typedef struct {
  guint ends; /* of lines, that follow one another */
  gboolean was_return;
  gboolean begun;
} RelayPlace;

typedef struct {
  DaePlugin *self;
  guint64 id;
  DaeRequest *req; /* a reference */
  DaeFetch *fetch;
  DaeStream *stream; /* NULL: no head has come */
  gulong left;       /* the handler of dae_request_gone; 0: none */
  DaeSeries *open, *down;
  const char *method; /* static: what is asked for */
  gboolean has_events;
  RelayPlace place;
  gint64 said_at;    /* monotonic: the last bytes of the agent */
  gint64 checked_at; /* monotonic: the last look at the credential; 0: it is in doubt */
  gboolean checking;
} Relay;

/* dae_state */
typedef struct {
  GHashTable *relays; /* id -> Relay */
  guint64 last_id;
} RelayState;

/* relay-pass.c */

/* Passes REQ on to AGENT and its answer back. */
DaeOutcome relay_pass (DaePlugin *self, DaeRequest *req, const char *agent, const DaeAgentEndpoint *endpoint);
/* The agent is left and the client's answer ends cut, or with 401 where none has begun. */
void relay_cut (Relay *relay);

/* relay-watch.c */

void relay_watch_start (DaePlugin *self);
/* Takes in LENGTH BYTES of an event stream. */
void relay_place_move (RelayPlace *place, const char *bytes, gsize length);
/* TRUE between two events: here a comment harms none. */
gboolean relay_place_is_between (const RelayPlace *place);

/* relay-word.c */

/* The method that REQ asks for as a label; static. */
const char *relay_word (DaePlugin *self, DaeRequest *req);
/* Counts the tool that REQ calls of AGENT, if it calls one. */
void relay_count_tool (DaePlugin *self, DaeRequest *req, const char *agent);

G_END_DECLS
