/* SPDX-License-Identifier: Apache-2.0 */
/* relay: any MCP client reaches the registered agents at /api/mcp/{agent}.
 *
 * It knows nothing of sessions, so that each request may come to another worker.
 */
#include "relay.h"

static DaeOutcome
relay_internal (DaePlugin *self, DaeRequest *req, const char *agent, DaeAgentEndpoint *endpoint)
{
  const RelayData *data = dae_data (self);
  const char *workspace_id = dae_request_query (req, "workspace_id");
  g_autofree char *capability = NULL;

  if (workspace_id == NULL)
    return dae_send (
        req, dae_reply_pointer (dae_reply_problem (req, 422, "workspace_required",
                                                   "this agent works in one workspace: name it as "
                                                   "?workspace_id= in the URL"),
                                "?workspace_id", "is missing"));
  capability = data->agents->capability (data->agents_plugin, agent,
                                         dae_request_user (req)->subject, workspace_id);
  endpoint->token = capability;
  return relay_pass (self, req, agent, endpoint);
}

static DaeOutcome
relay_route (DaeRequest *req, DaePlugin *self)
{
  const RelayData *data = dae_data (self);
  const char *agent = dae_request_param (req, "agent");
  DaeAgentEndpoint endpoint = { .struct_size = sizeof endpoint };

  if (!data->agents->endpoint (data->agents_plugin, agent, &endpoint))
    return dae_send (req, dae_reply_not_found (req));
  if (g_str_equal (dae_request_method (req), "HEAD"))
    return dae_send (req, dae_reply_header (dae_reply_problem (req, 405, "method_not_allowed",
                                                               "agents know no HEAD"),
                                            "Allow", "GET, POST, DELETE"));
  if (endpoint.internal)
    return relay_internal (self, req, agent, &endpoint);
  return relay_pass (self, req, agent, &endpoint);
}

static void
relay_state_free (gpointer data)
{
  RelayState *state = data;

  g_hash_table_unref (state->relays);
  g_free (state);
}

static gboolean
relay_start (DaePlugin *self, GError **error)
{
  RelayData *data = g_new0 (RelayData, 1);
  RelayState *state = g_new0 (RelayState, 1);

  data->agents = dae_service (self, "agents/1", &data->agents_plugin);
  data->identity = dae_service (self, "identity/1", &data->identity_plugin);
  dae_set_data (self, data, g_free);
  state->relays = g_hash_table_new (g_int64_hash, g_int64_equal);
  dae_set_state (self, state, relay_state_free);
  relay_watch_start (self);
  return TRUE;
}

/* What is still open ends cut: its clients see that it is not whole. */
static void
relay_stop (DaePlugin *self)
{
  RelayState *state = dae_state (self);
  g_autoptr (GList) relays = g_hash_table_get_values (state->relays);

  for (const GList *link = relays; link != NULL; link = link->next)
    relay_cut (link->data);
}

static const DaeMember relay_query[] = {
  { .name = "workspace_id", .type = DAE_MEMBER_UUID },
};

static const DaeRoute relay_routes[] = {
  { .method = "POST",
    .pattern = "/api/mcp/{agent:slug}",
    .loop = relay_route,
    .body = DAE_BODY_WHOLE,
    .body_max = RELAY_MAX_BODY,
    .query = DAE_TABLE (relay_query),
    .flags = DAE_ROUTE_STREAMS | DAE_ROUTE_MCP },
  { .method = "GET",
    .pattern = "/api/mcp/{agent:slug}",
    .loop = relay_route,
    .query = DAE_TABLE (relay_query),
    .flags = DAE_ROUTE_STREAMS | DAE_ROUTE_MCP },
  { .method = "DELETE",
    .pattern = "/api/mcp/{agent:slug}",
    .loop = relay_route,
    .query = DAE_TABLE (relay_query),
    .flags = DAE_ROUTE_STREAMS | DAE_ROUTE_MCP },
};

static const DaeMetric relay_metrics[] = {
  { .name = "mcp_relay_requests_total",
    .type = DAE_COUNTER,
    .labels = "server "
              "method=initialize|ping|tools/list|tools/call|prompts/list|prompts/get|resources/"
              "list|resources/read|server/discover|subscriptions/"
              "listen|notification|response|stream|leave|other "
              "outcome=done|cut|left|unreachable|refused",
    .max_series = 4000,
    .help = "Requests that were passed on to agents" },
  { .name = "mcp_relay_tool_calls_total",
    .type = DAE_COUNTER,
    .labels = "server tool",
    .max_series = 2000,
    .help = "Calls of agents' tools that were passed on; other: a tool that the agent is not known "
            "to have" },
  { .name = "mcp_relay_streams_active",
    .type = DAE_GAUGE,
    .labels = "server",
    .help = "Relayed requests that are open now" },
  { .name = "mcp_relay_bytes_total",
    .type = DAE_COUNTER,
    .labels = "server direction=up|down",
    .max_series = 400,
    .help = "Bytes of bodies that were passed on" },
};

DAE_PLUGIN_DEFINE (.name = "relay",
                   .version = "0.1.0",
                   .summary = "MCP clients reach the registered agents, byte for byte",
                   .needs = (const char *const[]){ "agents/1", "identity/1", NULL },
                   .routes = DAE_TABLE (relay_routes),
                   .metrics = DAE_TABLE (relay_metrics),
                   .start = relay_start,
                   .stop = relay_stop);
