/* SPDX-License-Identifier: Apache-2.0 */
/* librarian: the built-in agent, an MCP server without sessions on an internal route.
 *
 * It looks into the messages of the asking person's workspace and answers without a model. Whoever
 * asks must show a capability of this installation: the librarian has no authority of its own.
 */
#include "librarian.h"

#include <string.h>

#define LIBRARIAN_MAX_BODY      (G_GINT64_CONSTANT (8) * 1024 * 1024)
#define LIBRARIAN_NO_CAPABILITY (-31001) /* outside the range that JSON-RPC keeps for itself */

JsonObject *
librarian_text_result (const char *text)
{
  JsonObject *result = json_object_new ();
  JsonObject *block = json_object_new ();
  JsonArray *content = json_array_new ();

  json_object_set_string_member (block, "type", "text");
  json_object_set_string_member (block, "text", text);
  json_array_add_object_element (content, block);
  json_object_set_array_member (result, "content", content);
  return result;
}

/* Sends TEXT, given, as the answer. */
static DaeOutcome
librarian_send (DaeRequest *req, guint status, char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (text, strlen (text));

  return dae_send (req, dae_reply_bytes (req, status, "application/json", bytes));
}

static DaeOutcome
librarian_refuse (DaeRequest *req, guint status, JsonNode *id, gint64 code, const char *why)
{
  return librarian_send (req, status, jsonrpc_error (id, code, why));
}

/* ---- methods ---- */

static JsonObject *
librarian_initialize (DaePlugin *self, JsonObject *params)
{
  const char *wanted = jsonrpc_text (params, "protocolVersion");
  JsonObject *result = json_object_new ();
  JsonObject *capabilities = json_object_new ();
  JsonObject *info = json_object_new ();

  json_object_set_object_member (capabilities, "tools", json_object_new ());
  json_object_set_object_member (capabilities, "logging", json_object_new ());
  json_object_set_string_member (info, "name", LIBRARIAN_SLUG);
  json_object_set_string_member (info, "version", dae_host_info (self)->host_version);
  json_object_set_string_member (result, "protocolVersion",
                                 mcp_is_known_version (wanted) ? wanted : MCP_NEWEST);
  json_object_set_object_member (result, "capabilities", capabilities);
  json_object_set_object_member (result, "serverInfo", info);
  return result;
}

static const char librarian_tools[] =
    "{\"tools\":[{\"name\":\"send_message\",\"title\":\"Ask the librarian\","
    "\"description\":\"Finds what was written in the "
    "workspace\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"message\":{\"type\":\"string\"},"
    "\"history\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"role\":{\"type\":\"string\",\"enum\":[\"user\",\"assistant\"]},\"content\":{\"type\":"
    "\"string\"}},"
    "\"required\":[\"role\",\"content\"]}},"
    "\"conversation_id\":{\"type\":\"string\"}},\"required\":[\"message\"]}},"
    "{\"name\":\"get_health\",\"title\":\"Health\",\"description\":\"Says whether the librarian "
    "can "
    "answer\",\"inputSchema\":{\"type\":\"object\",\"properties\":{}}}]}";

static JsonObject *
librarian_list_tools (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();

  if (!json_parser_load_from_data (parser, librarian_tools, -1, NULL))
    g_assert_not_reached ();
  return json_object_ref (json_node_get_object (json_parser_get_root (parser)));
}

static JsonObject *
librarian_health_result (void)
{
  JsonObject *result = librarian_text_result ("{\"status\":\"ok\"}");
  JsonObject *structured = json_object_new ();

  json_object_set_string_member (structured, "status", "ok");
  json_object_set_object_member (result, "structuredContent", structured);
  return result;
}

static DaeOutcome
librarian_send_message (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message)
{
  Librarian *librarian = dae_data (self);
  const char *header = dae_request_header (req, "Authorization");
  const char *text = jsonrpc_text (jsonrpc_object (message->params, "arguments"), "message");
  JsonObject *meta = jsonrpc_object (message->params, "_meta");
  JsonNode *token = meta != NULL ? json_object_get_member (meta, "progressToken") : NULL;
  DaeCapability capability;

  if (header == NULL || g_ascii_strncasecmp (header, "Bearer ", 7) != 0 ||
      !librarian->agents->check_capability (librarian->agents_plugin, LIBRARIAN_SLUG, header + 7,
                                            &capability))
    return librarian_refuse (req, 200, message->id, LIBRARIAN_NO_CAPABILITY,
                             "the librarian answers only those for whom this host vouches");
  if (text == NULL)
    return librarian_refuse (req, 200, message->id, JSONRPC_INVALID_PARAMS,
                             "send_message needs a message");
  if (token != NULL && !JSON_NODE_HOLDS_VALUE (token))
    token = NULL;
  return librarian_talk (self, req, message->id, token, &capability, text);
}

static DaeOutcome
librarian_call_tool (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message)
{
  const char *name = jsonrpc_text (message->params, "name");

  if (g_strcmp0 (name, "send_message") == 0)
    return librarian_send_message (self, req, message);
  if (g_strcmp0 (name, "get_health") == 0)
    return librarian_send (req, 200, jsonrpc_result (message->id, librarian_health_result ()));
  return librarian_refuse (req, 200, message->id, JSONRPC_INVALID_PARAMS, "there is no such tool");
}

static DaeOutcome
librarian_answer_request (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message)
{
  JsonObject *result = NULL;

  if (strcmp (message->method, "tools/call") == 0)
    return librarian_call_tool (self, req, message);
  if (strcmp (message->method, "initialize") == 0)
    result = librarian_initialize (self, message->params);
  else if (strcmp (message->method, "ping") == 0)
    result = json_object_new ();
  else if (strcmp (message->method, "tools/list") == 0)
    result = librarian_list_tools ();
  if (result == NULL)
    return librarian_refuse (req, 200, message->id, JSONRPC_METHOD_NOT_FOUND,
                             "the librarian does not do that");
  return librarian_send (req, 200, jsonrpc_result (message->id, result));
}

static DaeOutcome
librarian_post (DaeRequest *req, DaePlugin *self)
{
  GBytes *body = dae_request_body (req);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonrpcMessage) message = NULL;
  gsize length = 0;
  const char *text = body != NULL ? g_bytes_get_data (body, &length) : "";

  message = jsonrpc_parse (self, text, length, &error);
  if (message == NULL)
    return librarian_refuse (req, 400, NULL,
                             g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA)
                                 ? JSONRPC_PARSE_ERROR
                                 : JSONRPC_INVALID_REQUEST,
                             error->message);
  if (message->kind != JSONRPC_REQUEST)
    return dae_send (req, dae_reply_empty (req, 202));
  return librarian_answer_request (self, req, message);
}

/* There is no stream besides the answers, and no session to leave. */
static DaeOutcome
librarian_not_allowed (DaeRequest *req, DaePlugin *self)
{
  DaeReply *reply = dae_reply_problem (req, 405, "method_not_allowed",
                                       "the librarian takes messages by POST only");

  return dae_send (req, dae_reply_header (reply, "Allow", "POST"));
}

/* ---- life ---- */

static gboolean
librarian_configure (DaePlugin *self, GError **error)
{
  Librarian *librarian = g_new0 (Librarian, 1);

  librarian->pace_ms = (guint)dae_setting_int (self, "pace");
  dae_set_data (self, librarian, g_free);
  return TRUE;
}

static gboolean
librarian_start (DaePlugin *self, GError **error)
{
  static const char *const examples[] = {
    "What can you do?",
    "How many conversations are there?",
    "What did we say about the plan?",
    NULL,
  };
  static const DaeInternalAgent agent = {
    .struct_size = sizeof (DaeInternalAgent),
    .slug = LIBRARIAN_SLUG,
    .title = "Librarian",
    .description = "Finds what was written in this workspace, without a model",
    .path = "/mcp/librarian",
    .example_messages = examples,
  };
  Librarian *librarian = dae_data (self);

  librarian->agents = dae_service (self, "agents/1", &librarian->agents_plugin);
  librarian->conversations =
      dae_service (self, "conversations/1", &librarian->conversations_plugin);
  librarian->files = dae_service (self, "files/1", &librarian->files_plugin);
  librarian->agents->register_internal (librarian->agents_plugin, &agent);
  return TRUE;
}

static const char *const librarian_needs[] = { "agents/1", "conversations/1", NULL };

static const DaeSetting librarian_settings[] = {
  { .key = "pace",
    .type = DAE_SETTING_DURATION,
    .fallback = "30ms",
    .min = 1,
    .max = 10000,
    .help = "Time between two pieces of an answer" },
};

static const DaeRoute librarian_routes[] = {
  { .method = "POST",
    .pattern = "/mcp/librarian",
    .loop = librarian_post,
    .auth = DAE_AUTH_NONE,
    .body = DAE_BODY_WHOLE,
    .body_max = LIBRARIAN_MAX_BODY,
    .flags = DAE_ROUTE_INTERNAL | DAE_ROUTE_STREAMS | DAE_ROUTE_QUIET | DAE_ROUTE_CROSS_SITE },
  { .method = "GET",
    .pattern = "/mcp/librarian",
    .loop = librarian_not_allowed,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_INTERNAL | DAE_ROUTE_QUIET },
  { .method = "DELETE",
    .pattern = "/mcp/librarian",
    .loop = librarian_not_allowed,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_INTERNAL | DAE_ROUTE_QUIET | DAE_ROUTE_CROSS_SITE },
};

DAE_PLUGIN_DEFINE (.name = "librarian",
                   .version = "0.1.0",
                   .summary = "the built-in agent, which finds what was written",
                   .needs = librarian_needs,
                   .wants = (const char *const[]){ "files/1", NULL },
                   .settings = DAE_TABLE (librarian_settings),
                   .routes = DAE_TABLE (librarian_routes),
                   .configure = librarian_configure,
                   .start = librarian_start);
