/* SPDX-License-Identifier: Apache-2.0 */
/* agents-open: the handshake of 2025-11-25, as little of it as is needed.
 *
 * A server without sessions is not asked to initialize again for each question: what it said last
 * time holds until its tools are looked at anew, or until it refuses.
 */
#include "agents.h"

#include <string.h>

#define OPEN_FRESH_US  (G_GINT64_CONSTANT (300) * G_USEC_PER_SEC)
#define OPEN_FIRST_MS  30000
#define OPEN_MAX_PAGES 20
#define OPEN_MAX_TOOLS 2000

struct AgentOpening {
  AgentLink *link;
  AgentRequest *request;
  JsonArray *tools; /* of the pages so far */
  guint pages;
  gboolean wants_tools;
  AgentOpened done;
  gpointer data;
};

static gboolean opening_next (AgentOpening *opening);

void
peer_forget (Peer *peer)
{
  g_clear_pointer (&peer->protocol, g_free);
  g_clear_pointer (&peer->tools, json_array_unref);
  g_clear_pointer (&peer->chat, mcp_chat_tool_free);
  g_clear_pointer (&peer->url, g_free);
  peer->has_sessions = FALSE;
}

void
peer_free (gpointer data)
{
  peer_forget (data);
  g_free (data);
}

void
agent_link_init (AgentLink *link, DaePlugin *self, const Agent *agent)
{
  /* a session that goes on must not see an id twice, whichever process asks in it */
  *link = (AgentLink){ .self = self, .peer = agents_peer (self, agent), .last_id = dae_now (self) };
  if (agent->token != NULL)
    link->authorization = g_strconcat ("Bearer ", agent->token, NULL);
}

void
agent_link_clear (AgentLink *link)
{
  g_clear_pointer (&link->session, g_free);
  g_clear_pointer (&link->protocol, g_free);
  g_clear_pointer (&link->authorization, g_free);
  g_clear_pointer (&link->traceparent, g_free);
}

static void
opening_free (AgentOpening *opening)
{
  g_clear_pointer (&opening->tools, json_array_unref);
  g_free (opening);
}

static void
opening_end (AgentOpening *opening, const AgentReply *fault)
{
  opening->done (fault, opening->data);
  opening_free (opening);
}

static void
opening_refuse (AgentOpening *opening, const char *why)
{
  AgentReply fault = { .kind = AGENT_REPLY_GARBAGE, .message = why };

  opening_end (opening, &fault);
}

/* TRUE if REPLY is what was hoped for; else the opening has ended. */
static gboolean
opening_accepts (AgentOpening *opening, const AgentReply *reply, AgentReplyKind hoped)
{
  opening->request = NULL;
  if (reply->kind == hoped)
    return TRUE;
  opening_end (opening, reply);
  return FALSE;
}

static void
opening_keep_tools (AgentOpening *opening)
{
  Peer *peer = opening->link->peer;
  const Agent *agent = peer->agent;

  g_clear_pointer (&peer->tools, json_array_unref);
  g_clear_pointer (&peer->chat, mcp_chat_tool_free);
  peer->tools = g_steal_pointer (&opening->tools);
  peer->tools_at = g_get_monotonic_time ();
  peer->chat = mcp_chat_tool (peer->tools, agent->tool, agent->argument, &peer->no_chat);
  opening->wants_tools = FALSE;
}

static void
opening_on_tools (const AgentReply *reply, gpointer data)
{
  static const AgentRequestHooks hooks = { .end = opening_on_tools };
  AgentOpening *opening = data;
  JsonArray *page;
  const char *next;
  JsonObject *params;

  if (!opening_accepts (opening, reply, AGENT_REPLY_RESULT))
    return;
  page = jsonrpc_list (reply->result, "tools");
  if (page == NULL) {
    opening_refuse (opening, "its list of tools is no list");
    return;
  }
  for (guint i = 0; i < json_array_get_length (page); i++) {
    JsonObject *tool = jsonrpc_list_object (page, i);

    if (tool != NULL && json_array_get_length (opening->tools) < OPEN_MAX_TOOLS)
      json_array_add_object_element (opening->tools, json_object_ref (tool));
  }
  next = jsonrpc_text (reply->result, "nextCursor");
  if (next == NULL || ++opening->pages >= OPEN_MAX_PAGES) {
    opening_keep_tools (opening);
    opening_next (opening);
    return;
  }
  params = json_object_new ();
  json_object_set_string_member (params, "cursor", next);
  opening->request =
      agent_request (opening->link, "tools/list", params, OPEN_FIRST_MS, &hooks, opening);
}

static void
opening_on_initialized (const AgentReply *reply, gpointer data)
{
  AgentOpening *opening = data;

  if (opening_accepts (opening, reply, AGENT_REPLY_ACCEPTED))
    opening_next (opening);
}

static void
opening_on_initialize (const AgentReply *reply, gpointer data)
{
  static const AgentRequestHooks hooks = { .end = opening_on_initialized };
  AgentOpening *opening = data;
  AgentLink *link = opening->link;
  const char *version;

  if (!opening_accepts (opening, reply, AGENT_REPLY_RESULT))
    return;
  version = jsonrpc_text (reply->result, "protocolVersion");
  if (!mcp_is_known_version (version)) {
    opening_refuse (opening, "it speaks a revision of MCP that this host does not know");
    return;
  }
  g_free (link->protocol);
  link->protocol = g_strdup (version);
  g_free (link->session);
  link->session = g_strdup (reply->session);
  g_free (link->peer->protocol);
  link->peer->protocol = g_strdup (version);
  link->peer->has_sessions = link->session != NULL;
  link->opened = TRUE;
  opening->request = agent_notify (link, "notifications/initialized", NULL, &hooks, opening);
}

/* Sends the next message that is needed. TRUE if there was none: it has ended. */
static gboolean
opening_next (AgentOpening *opening)
{
  static const AgentRequestHooks on_initialize = { .end = opening_on_initialize };
  static const AgentRequestHooks on_tools = { .end = opening_on_tools };
  AgentLink *link = opening->link;

  if (link->protocol == NULL) {
    opening->request =
        agent_request (link, "initialize",
                       mcp_initialize_params ("daedalus", dae_host_info (link->self)->host_version),
                       OPEN_FIRST_MS, &on_initialize, opening);
    return FALSE;
  }
  if (opening->wants_tools || link->peer->tools == NULL) {
    opening->tools = json_array_new ();
    opening->request = agent_request (link, "tools/list", NULL, OPEN_FIRST_MS, &on_tools, opening);
    return FALSE;
  }
  opening_end (opening, NULL);
  return TRUE;
}

AgentOpening *
agent_open (AgentLink *link, guint32 flags, AgentOpened done, gpointer data)
{
  AgentOpening *opening = g_new0 (AgentOpening, 1);
  Peer *peer = link->peer;
  gboolean fresh = peer->tools != NULL && g_get_monotonic_time () - peer->tools_at < OPEN_FRESH_US;

  opening->link = link;
  opening->done = done;
  opening->data = data;
  opening->wants_tools = !fresh || (flags & AGENT_OPEN_ANEW) != 0;
  if (link->protocol == NULL && peer->protocol != NULL && !peer->has_sessions &&
      !opening->wants_tools)
    link->protocol = g_strdup (peer->protocol);
  return opening_next (opening) ? NULL : opening;
}

void
agent_open_cancel (AgentOpening *opening)
{
  /* a session may begin all the same */
  if (opening->request != NULL && opening->link->protocol == NULL)
    agent_request_forsake (opening->request);
  else if (opening->request != NULL)
    agent_request_cancel (opening->request);
  opening_free (opening);
}
