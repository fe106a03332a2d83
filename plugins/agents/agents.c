/* SPDX-License-Identifier: Apache-2.0 */
/* agents: the registered agents, and asking them over MCP. Which ones there are is written in the
 * configuration, besides those that other plugins register when they start.
 */
#include "agents.h"
#include "agents-capability.h"

#include <string.h>

#define AGENTS_POLL_MS  30000
#define AGENTS_FIRST_MS 1000

/* ---- agents ---- */

static void
agent_free (gpointer data)
{
  Agent *agent = data;

  g_free (agent->slug);
  g_free (agent->title);
  g_free (agent->description);
  g_free (agent->url);
  g_strfreev (agent->example_messages);
  g_free (agent);
}

static int
agents_compare (gconstpointer a, gconstpointer b)
{
  const Agent *first = *(const Agent *const *)a;
  const Agent *second = *(const Agent *const *)b;
  int order = g_utf8_collate (first->title, second->title);

  return order != 0 ? order : strcmp (first->slug, second->slug);
}

static void
agents_add (AgentsData *data, Agent *agent)
{
  g_ptr_array_add (data->agents, agent);
  g_ptr_array_sort (data->agents, agents_compare);
}

const Agent *
agents_find (DaePlugin *self, const char *slug)
{
  AgentsData *data = dae_data (self);

  for (guint i = 0; slug != NULL && i < data->agents->len; i++) {
    const Agent *agent = data->agents->pdata[i];

    if (strcmp (agent->slug, slug) == 0)
      return agent;
  }
  return NULL;
}

Peer *
agents_peer (DaePlugin *self, const Agent *agent)
{
  AgentsState *state = dae_state (self);
  Peer *peer = g_hash_table_lookup (state->peers, agent);

  if (peer == NULL) {
    peer = g_new0 (Peer, 1);
    peer->agent = agent;
    g_hash_table_insert (state->peers, (gpointer)agent, peer);
  }
  return peer;
}

gboolean
agents_counts (DaePlugin *self, const Agent *agent)
{
  AgentsData *data = dae_data (self);

  for (guint i = 0; agent->internal && i < data->agents->len; i++)
    if (!((const Agent *)data->agents->pdata[i])->internal)
      return FALSE;
  return TRUE;
}

static gboolean
agents_is_slug (const char *name)
{
  gsize length = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

  return length == strlen (name) && length >= 1 && length <= 100 && g_ascii_isalnum (name[0]);
}

/* The agent of the group "[agent NAME]"; NULL: it is switched off. */
static Agent *
agents_read (DaePlugin *self, const char *name)
{
  Agent *agent;
  const char *title = dae_instance_text (self, "agent", name, "title");
  const char *description = dae_instance_text (self, "agent", name, "description");

  if (!dae_instance_int (self, "agent", name, "enabled"))
    return NULL;
  agent = g_new0 (Agent, 1);
  agent->slug = g_strdup (name);
  agent->title = g_strdup (title != NULL && *title != '\0' ? title : name);
  agent->description = g_strdup (description != NULL ? description : "");
  agent->url = g_strdup (dae_instance_text (self, "agent", name, "url"));
  agent->token = dae_instance_text (self, "agent", name, "token");
  agent->tool = dae_instance_text (self, "agent", name, "tool");
  agent->argument = dae_instance_text (self, "agent", name, "argument");
  agent->turn_limit_ms = (guint)dae_instance_int (self, "agent", name, "turn-limit");
  agent->silence_limit_ms = (guint)dae_instance_int (self, "agent", name, "silence-limit");
  agent->history = history_mode (dae_instance_text (self, "agent", name, "history"));
  agent->history_limit = (gsize)dae_instance_int (self, "agent", name, "history-limit");
  agent->context_window = dae_instance_int (self, "agent", name, "context-window");
  return agent;
}

static void
agents_data_free (gpointer pointer)
{
  AgentsData *data = pointer;

  g_ptr_array_unref (data->agents);
  g_free (data);
}

static void
agents_state_free (gpointer pointer)
{
  AgentsState *state = pointer;

  /* each of them holds requests: those go last */
  g_hash_table_unref (state->calls);
  g_hash_table_unref (state->checks);
  g_hash_table_unref (state->requests);
  g_hash_table_unref (state->peers);
  g_clear_pointer (&state->seen, g_hash_table_unref);
  g_free (state);
}

/* ---- life ---- */

static gboolean
agents_configure (DaePlugin *self, GError **error)
{
  AgentsData *data = g_new0 (AgentsData, 1);
  const char *const *names = dae_instances (self, "agent");

  data->agents = g_ptr_array_new_with_free_func (agent_free);
  dae_set_data (self, data, agents_data_free);
  for (; *names != NULL; names++) {
    Agent *agent;

    if (!agents_is_slug (*names)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "the name in [agent %s] must be made of a-z, 0-9, \".\", \"_\" and \"-\"",
                   *names);
      return FALSE;
    }
    agent = agents_read (self, *names);
    if (agent != NULL)
      agents_add (data, agent);
  }
  return TRUE;
}

/* Makes the series of an agent, so that its counters are there from the first scrape. */
static void
agents_begin_series (DaePlugin *self, const Agent *agent)
{
  static const char *const methods[] = { "initialize", "tools/list", "tools/call" };
  static const char *const outcomes[] = { "done", "error",   "unreachable",
                                          "cut",  "garbage", "cancelled" };

  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++) {
    for (gsize k = 0; k < G_N_ELEMENTS (outcomes); k++)
      dae_series_add (dae_series (self, "mcp_requests_total", agent->slug, methods[i], outcomes[k]),
                      0);
    dae_series (self, "mcp_request_duration_seconds", agent->slug, methods[i]);
  }
  dae_series_add (dae_series (self, "mcp_reconnects_total", agent->slug), 0);
}

static void
agents_on_hint (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  agents_read_states (self);
}

static gboolean
agents_on_poll (DaePlugin *self, gpointer data)
{
  agents_read_states (self);
  return TRUE;
}

/* All plugins have started and registered what they have. */
static gboolean
agents_on_started (DaePlugin *self, gpointer pointer)
{
  AgentsData *data = dae_data (self);

  for (guint i = 0; i < data->agents->len; i++)
    agents_begin_series (self, data->agents->pdata[i]);
  agents_read_states (self);
  return FALSE;
}

static gboolean
agents_on_first (DaePlugin *self, gpointer data)
{
  dae_job_wake (self, "health");
  return FALSE;
}

static gboolean
agents_start (DaePlugin *self, GError **error)
{
  AgentsData *data = dae_data (self);
  AgentsState *state = g_new0 (AgentsState, 1);

  dae_derive_secret (self, "capability", data->key);
  state->peers = g_hash_table_new_full (NULL, NULL, NULL, peer_free);
  state->requests = g_hash_table_new_full (NULL, NULL, agent_request_free, NULL);
  state->calls = g_hash_table_new_full (NULL, NULL, agent_call_free, NULL);
  state->checks = g_hash_table_new_full (NULL, NULL, NULL, agent_check_free);
  dae_set_state (self, state, agents_state_free);
  for (guint i = 0; i < data->agents->len; i++)
    agents_set_gauges (self, data->agents->pdata[i], NULL);
  dae_subscribe (self, AGENTS_TOPIC, agents_on_hint, NULL);
  dae_timer (self, 1, agents_on_started, NULL);
  dae_timer (self, AGENTS_FIRST_MS, agents_on_first, NULL);
  dae_timer (self, AGENTS_POLL_MS, agents_on_poll, NULL);
  return TRUE;
}

static void
agents_stop (DaePlugin *self)
{
  AgentsState *state = dae_state (self);

  g_hash_table_remove_all (state->calls);
  g_hash_table_remove_all (state->checks);
  g_hash_table_remove_all (state->requests);
}

static DaeHealth
agents_health (DaePlugin *self, GString *why)
{
  AgentsData *data = dae_data (self);
  AgentsState *state = dae_state (self);
  guint n = 0;

  for (guint i = 0; state->seen != NULL && i < data->agents->len; i++) {
    const Agent *agent = data->agents->pdata[i];
    AgentRow *row = g_hash_table_lookup (state->seen, agent->slug);

    n += row != NULL && strcmp (row->health, "ok") != 0;
  }
  if (n == 0)
    return DAE_HEALTH_UP;
  g_string_append_printf (why, "%u of %u agents are not ok", n, data->agents->len);
  return DAE_HEALTH_DEGRADED;
}

/* ---- agents/1 ---- */

static gboolean
service_known (DaePlugin *self, const char *slug)
{
  return agents_find (self, slug) != NULL;
}

static void
service_register_internal (DaePlugin *self, const DaeInternalAgent *internal)
{
  AgentsData *data = dae_data (self);
  Agent *agent;

  if (agents_find (self, internal->slug) != NULL) {
    dae_log (self, G_LOG_LEVEL_WARNING,
             "a configured agent has the name of a built-in one, which is left out",
             DAE_S ("agent", internal->slug));
    return;
  }
  agent = g_new0 (Agent, 1);
  agent->slug = g_strdup (internal->slug);
  agent->title = g_strdup (internal->title);
  agent->description = g_strdup (internal->description != NULL ? internal->description : "");
  agent->url = dae_internal_url (self, internal->path);
  agent->turn_limit_ms = 330000;
  agent->silence_limit_ms = 150000;
  agent->history_limit = 1024 * 1024;
  agent->internal = TRUE;
  agent->example_messages = g_strdupv ((char **)internal->example_messages);
  agents_add (data, agent);
  agents_set_gauges (self, agent, NULL);
}

static gboolean
service_check_capability (DaePlugin *self, const char *agent, const char *token, DaeCapability *ret)
{
  AgentsData *data = dae_data (self);

  return capability_check (data->key, agent, token, dae_now (self), ret);
}

static char **
service_slugs (DaePlugin *self)
{
  AgentsData *data = dae_data (self);
  GPtrArray *slugs = g_ptr_array_new ();

  for (guint i = 0; i < data->agents->len; i++)
    g_ptr_array_add (slugs, g_strdup (((const Agent *)data->agents->pdata[i])->slug));
  g_ptr_array_add (slugs, NULL);
  return (char **)g_ptr_array_free (slugs, FALSE);
}

static gboolean
service_endpoint (DaePlugin *self, const char *slug, DaeAgentEndpoint *ret)
{
  const Agent *agent = agents_find (self, slug);

  if (agent == NULL)
    return FALSE;
  ret->url = agent->url;
  ret->token = agent->token;
  ret->internal = agent->internal;
  return TRUE;
}

static char *
service_capability (DaePlugin *self,
                    const char *slug,
                    const char *subject,
                    const char *workspace_id)
{
  AgentsData *data = dae_data (self);

  return capability_make (data->key, slug, subject, workspace_id, NULL,
                          dae_now (self) + AGENTS_CAPABILITY_US);
}

static gboolean
service_has_tool (DaePlugin *self, const char *slug, const char *tool)
{
  AgentsState *state = dae_state (self);
  const AgentRow *row = state->seen != NULL ? g_hash_table_lookup (state->seen, slug) : NULL;
  g_autofree char *member = NULL;

  for (const char *c = tool; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("._-/", *c) == NULL)
      return FALSE; /* as JSON writes it, it might be another */
  member = g_strdup_printf ("\"name\":\"%s\"", tool);
  return row != NULL && row->tools != NULL && strstr (row->tools, member) != NULL;
}

static const DaeAgents1 agents_service = {
  .struct_size = sizeof (DaeAgents1),
  .known = service_known,
  .ask = agents_ask,
  .cancel = agents_cancel,
  .pause = agents_pause,
  .register_internal = service_register_internal,
  .check_capability = service_check_capability,
  .write_states = agents_write_states,
  .slugs = service_slugs,
  .endpoint = service_endpoint,
  .capability = service_capability,
  .has_tool = service_has_tool,
};

/* ---- descriptor ---- */

static const DaeSetting agent_settings[] = {
  { .key = "url",
    .type = DAE_SETTING_URL,
    .flags = DAE_SETTING_REQUIRED,
    .help = "Address of the agent's MCP endpoint (Streamable HTTP)" },
  { .key = "title",
    .type = DAE_SETTING_TEXT,
    .help = "Name for people; the group's name by default" },
  { .key = "description", .type = DAE_SETTING_TEXT, .help = "What the agent is good for" },
  { .key = "enabled",
    .type = DAE_SETTING_BOOL,
    .fallback = "true",
    .help = "false leaves the agent out" },
  { .key = "token", .type = DAE_SETTING_SECRET, .help = "Bearer token that the agent demands" },
  { .key = "turn-limit",
    .type = DAE_SETTING_DURATION,
    .fallback = "330s",
    .min = 1000,
    .max = 24 * 3600 * 1000,
    .help = "Longest time for one answer" },
  { .key = "silence-limit",
    .type = DAE_SETTING_DURATION,
    .fallback = "150s",
    .min = 1000,
    .max = 24 * 3600 * 1000,
    .help =
        "Longest time without a word of the agent; comments that keep a stream alive are none" },
  { .key = "history",
    .type = DAE_SETTING_CHOICE,
    .fallback = "auto",
    .choices = "auto|argument|session|transcript|none",
    .help = "How the agent gets the past of a conversation" },
  { .key = "history-limit",
    .type = DAE_SETTING_SIZE,
    .fallback = "1M",
    .min = 1024,
    .max = 8 * 1024 * 1024,
    .help = "Longest past that is told; the oldest messages are left out" },
  { .key = "context-window",
    .type = DAE_SETTING_INT,
    .fallback = "0",
    .min = 0,
    .max = 100000000,
    .help = "Tokens that the agent's model can read, where that is known; shortens the past" },
  { .key = "tool",
    .type = DAE_SETTING_TEXT,
    .help = "Tool to chat with; found by itself by default" },
  { .key = "argument",
    .type = DAE_SETTING_TEXT,
    .help = "Argument of that tool that takes the message; found by itself by default" },
};

static const DaeGroup agents_groups[] = {
  { .prefix = "agent",
    .help = "An agent that people can ask",
    .settings = DAE_TABLE (agent_settings) },
};

static const double agents_buckets[] = { .005, .01, .025, .05, .1, .25, .5, 1,
                                         2.5,  5,   10,   30,  60, 120, 300 };

static const DaeMetric agents_metrics[] = {
  { .name = "mcp_connections_active",
    .type = DAE_GAUGE,
    .combine = DAE_MAX,
    .labels = "server",
    .help = "1 for an agent that answered the last look at it" },
  { .name = "agent_health",
    .type = DAE_GAUGE,
    .combine = DAE_MAX,
    .labels = "agent state=ok|degraded|error|unknown",
    .max_series = 800,
    .help = "1 for the state that the agent is in" },
  { .name = "mcp_requests_total",
    .type = DAE_COUNTER,
    .labels = "server method=initialize|notifications/initialized|tools/list|tools/call|"
              "notifications/cancelled|response|leave "
              "outcome=done|error|unreachable|cut|garbage|cancelled",
    .max_series = 4000,
    .help = "Messages to agents" },
  { .name = "mcp_request_duration_seconds",
    .type = DAE_HISTOGRAM,
    .labels = "server method=initialize|tools/list|tools/call",
    .buckets = agents_buckets,
    .n_buckets = G_N_ELEMENTS (agents_buckets),
    .max_series = 600,
    .help = "Time to the whole answer of an agent" },
  { .name = "mcp_reconnects_total",
    .type = DAE_COUNTER,
    .labels = "server",
    .help = "Sessions opened anew and streams taken up again after a loss" },
};

static const DaeRoute agents_routes[] = {
  { .method = "GET", .pattern = "/api/agents", .answer = agents_list },
  { .method = "GET", .pattern = "/api/agents/{agent:slug}", .answer = agents_show },
  { .method = "POST", .pattern = "/api/agents/{agent:slug}/check", .loop = agents_check_now },
};

static const DaeService agents_services[] = {
  { .name = "agents/1", .vtable = &agents_service },
};

static const DaeJob agents_jobs[] = {
  { .name = "health", .every_ms = 30000, .loop = agents_check_all },
};

DAE_PLUGIN_DEFINE (.name = "agents",
                   .version = "0.1.0",
                   .summary = "the registered agents, asked over MCP",
                   .provides = DAE_TABLE (agents_services),
                   .groups = DAE_TABLE (agents_groups),
                   .metrics = DAE_TABLE (agents_metrics),
                   .routes = DAE_TABLE (agents_routes),
                   .jobs = DAE_TABLE (agents_jobs),
                   .configure = agents_configure,
                   .start = agents_start,
                   .stop = agents_stop,
                   .health = agents_health);
