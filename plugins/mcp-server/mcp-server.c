/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server: Daedalus as an MCP server at /api/mcp, in both eras of the protocol.
 *
 * Each request stands for itself: it says who asks, and everything it reads is asked for in their
 * name.
 */
#include "mcp-server.h"

#include <string.h>

#define SERVER_MAX_BODY (G_GINT64_CONSTANT (1) * 1024 * 1024)

void
mcp_call_free (McpCall *call)
{
  jsonrpc_message_free (call->message);
  dae_request_unref (call->req);
  g_free (call);
}

void
mcp_outcome_free (gpointer data)
{
  McpOutcome *outcome = data;

  if (outcome == NULL)
    return;
  g_free (outcome->result);
  g_free (outcome->file_id);
  g_free (outcome->name);
  g_free (outcome->type);
  g_free (outcome->uri);
  g_free (outcome);
}

/* TX NULL: without the database. */
static McpOutcome *
server_answer (const McpCall *call, DaeTx *tx)
{
  McpOutcome *outcome = g_new0 (McpOutcome, 1);
  DaeJson *json = tx != NULL ? dae_json_new (tx) : dae_json_new (call->self);
  McpAnswer answer = { call, tx, json, outcome };

  dae_json_begin_object (json, NULL);
  if (call->method->write (&answer) && outcome->file_id == NULL) {
    wire_finish (call, json);
    dae_json_end (json);
    outcome->result = dae_json_finish (json);
  } else if (tx == NULL) {
    g_free (dae_json_finish (json));
  }
  return outcome;
}

/* Both are given. */
static void
server_send (McpCall *call, McpOutcome *outcome)
{
  if (outcome->file_id != NULL) {
    file_answer (call, outcome);
    return;
  }
  if (outcome->result != NULL)
    dae_send (call->req, wire_result (call, outcome->result));
  else
    dae_send (call->req, wire_refuse (call, outcome->code, outcome->why));
  mcp_outcome_free (outcome);
  mcp_call_free (call);
}

static gpointer
server_work (DaeTx *tx, gconstpointer input)
{
  return server_answer (input, tx);
}

static void
server_on_worked (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  McpCall *call = data;
  McpOutcome *outcome = result;

  if (outcome == NULL) {
    dae_send (call->req, wire_refuse (call, JSONRPC_INTERNAL_ERROR,
                                      strcmp (problem, "unavailable") == 0
                                          ? "the database is not available: try again soon"
                                          : "this did not work: the log says why"));
    mcp_call_free (call);
    return;
  }
  /* the host frees its result when this has returned */
  server_send (call, g_memdup2 (outcome, sizeof *outcome));
  memset (outcome, 0, sizeof *outcome);
}

static void
server_count (DaePlugin *self, const char *method, const char *outcome)
{
  dae_series_add (dae_series (self, "mcp_server_requests_total", method, outcome), 1);
}

static DaeOutcome
server_request (McpCall *call)
{
  const DaeUser *user = dae_request_user (call->req);
  gboolean is_scoped = (user->flags & DAE_USER_SCOPED) != 0;

  if (call->method->needs_database && is_scoped && (user->flags & DAE_USER_READ) == 0) {
    DaeReply *reply = dae_reply_problem (call->req, 403, "insufficient_scope",
                                         "this token may connect, but not read: make one with the "
                                         "scopes mcp and read");

    dae_reply_header (reply, "WWW-Authenticate",
                      "Bearer error=\"insufficient_scope\", scope=\"mcp read\"");
    server_count (call->self, call->method->name, "refused");
    dae_send (call->req, reply);
    mcp_call_free (call);
    return DAE_DONE;
  }
  server_count (call->self, call->method->name, "answered");
  if (!call->method->needs_database) {
    server_send (call, server_answer (call, NULL));
    return DAE_DONE;
  }
  dae_work (call->self, call->req, 0, server_work, call, NULL, mcp_outcome_free, server_on_worked,
            call);
  return DAE_LATER;
}

static gboolean
server_is_json (DaeRequest *req)
{
  const char *type = dae_request_header (req, "Content-Type");
  gsize length = strlen ("application/json");

  return type != NULL && g_ascii_strncasecmp (type, "application/json", length) == 0 &&
         (type[length] == '\0' || type[length] == ';' || type[length] == ' ');
}

static DaeOutcome
server_post (DaeRequest *req, DaePlugin *self)
{
  GBytes *body = dae_request_body (req);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonrpcMessage) message = NULL;
  gboolean is_modern = FALSE;
  const McpMethod *method;
  DaeReply *refusal;
  gsize length = 0;
  const char *text = body != NULL ? g_bytes_get_data (body, &length) : "";
  McpCall *call;

  if (!server_is_json (req))
    return dae_send (req, dae_reply_problem (req, 415, "unsupported_media_type",
                                             "a message of MCP is application/json"));
  message = jsonrpc_parse (self, text, length, &error);
  if (message == NULL) {
    gboolean is_json = !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);

    return dae_send (req, wire_error (self, req, 400, NULL,
                                      is_json ? JSONRPC_INVALID_REQUEST : JSONRPC_PARSE_ERROR,
                                      error->message));
  }
  refusal = wire_check (self, req, message, &is_modern);
  if (refusal != NULL)
    return dae_send (req, refusal);
  if (message->kind != JSONRPC_REQUEST) /* nothing is asked of clients, so nothing is awaited */
    return dae_send (req, dae_reply_empty (req, 202));
  method = method_find (message->method, is_modern);
  if (method == NULL) {
    server_count (self, "other", "refused");
    return dae_send (req, wire_error (self, req, is_modern ? 404 : 200, message->id,
                                      JSONRPC_METHOD_NOT_FOUND, "this server has no such method"));
  }
  call = g_new0 (McpCall, 1);
  call->self = self;
  call->req = dae_request_ref (req);
  call->message = g_steal_pointer (&message);
  call->method = method;
  call->subject = dae_request_user (req)->subject;
  call->is_modern = is_modern;
  return server_request (call);
}

static gboolean
server_start (DaePlugin *self, GError **error)
{
  McpServer *server = g_new0 (McpServer, 1);

  server->workspaces = dae_service (self, "workspaces/1", &server->workspaces_plugin);
  server->conversations = dae_service (self, "conversations/1", &server->conversations_plugin);
  server->agents = dae_service (self, "agents/1", &server->agents_plugin);
  server->files = dae_service (self, "files/1", &server->files_plugin);
  dae_set_data (self, server, g_free);
  return TRUE;
}

static const DaeRoute server_routes[] = {
  { .method = "POST",
    .pattern = "/api/mcp",
    .loop = server_post,
    .body = DAE_BODY_WHOLE,
    .body_max = SERVER_MAX_BODY,
    .flags = DAE_ROUTE_STREAMS | DAE_ROUTE_MCP },
};

static const DaeMetric server_metrics[] = {
  { .name = "mcp_server_requests_total",
    .type = DAE_COUNTER,
    .labels = "method=initialize|server/discover|ping|logging/setLevel|tools/list|tools/call|"
              "resources/list|resources/templates/list|resources/read|prompts/list|prompts/get|"
              "completion/complete|other outcome=answered|refused",
    .max_series = 40,
    .help = "Requests to this host's own MCP server" },
};

DAE_PLUGIN_DEFINE (.name = "mcp-server",
                   .version = "0.1.0",
                   .summary = "workspaces, conversations and files for MCP clients",
                   .needs = (const char *const[]){ "workspaces/1", "conversations/1", "agents/1",
                                                   NULL },
                   .wants = (const char *const[]){ "files/1", NULL },
                   .routes = DAE_TABLE (server_routes),
                   .metrics = DAE_TABLE (server_metrics),
                   .start = server_start);
