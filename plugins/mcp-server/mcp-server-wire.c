/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server-wire: the two eras. Until 2025-11-25 a handshake agrees on a revision, which a header
 * repeats; from 2026-07-28 on each request says all in _meta and again in headers, which must agree
 * (transports, "Standard Request Headers").
 */
#include "mcp-server.h"

#include <string.h>

#define META "io.modelcontextprotocol/"

static void
wire_write_id (DaeJson *json, JsonNode *id)
{
  g_autofree char *text = id != NULL ? json_to_string (id, FALSE) : NULL;

  dae_json_text (json, "jsonrpc", "2.0");
  if (text != NULL)
    dae_json_raw (json, "id", text);
  else
    dae_json_null (json, "id");
}

static DaeReply *
wire_fault (DaePlugin *self,
            DaeRequest *req,
            guint status,
            JsonNode *id,
            gint64 code,
            const char *why,
            const char *wanted_version)
{
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  wire_write_id (json, id);
  dae_json_begin_object (json, "error");
  dae_json_int (json, "code", code);
  dae_json_text (json, "message", why);
  if (wanted_version != NULL) {
    dae_json_begin_object (json, "data");
    dae_json_raw (json, "supported",
                  "[\"" MCP_SERVER_MODERN "\",\"" MCP_NEWEST "\",\"2025-06-18\",\"2025-03-26\"]");
    dae_json_text (json, "requested", wanted_version);
    dae_json_end (json);
  }
  dae_json_end (json);
  dae_json_end (json);
  return dae_reply_json (req, status, json);
}

DaeReply *
wire_error (
    DaePlugin *self, DaeRequest *req, guint status, JsonNode *id, gint64 code, const char *why)
{
  return wire_fault (self, req, status, id, code, why, NULL);
}

DaeReply *
wire_refuse (McpCall *call, gint64 code, const char *why)
{
  return wire_error (call->self, call->req, 200, call->message->id, code, why);
}

DaeReply *
wire_result (McpCall *call, const char *result)
{
  DaeJson *json = dae_json_new (call->req);

  dae_json_begin_object (json, NULL);
  wire_write_id (json, call->message->id);
  dae_json_raw (json, "result", result);
  dae_json_end (json);
  return dae_reply_json (call->req, 200, json);
}

void
wire_finish (const McpCall *call, DaeJson *json)
{
  if (!call->is_modern)
    return;
  dae_json_text (json, "resultType", "complete");
  if (call->method->is_cached) {
    dae_json_int (json, "ttlMs", 0); /* others may change it at any moment */
    dae_json_text (json, "cacheScope", "private");
  }
  dae_json_begin_object (json, "_meta");
  dae_json_begin_object (json, META "serverInfo");
  dae_json_text (json, "name", "daedalus");
  dae_json_text (json, "version", dae_host_info (call->self)->host_version);
  dae_json_end (json);
  dae_json_end (json);
}

/* Base64 as RFC 4648, 4 has it: GLib's decoder skips what it does not know. */
static gboolean
wire_is_base64 (const char *text, gsize length)
{
  gsize end = length;

  while (end > 0 && length - end < 2 && text[end - 1] == '=')
    end--;
  for (gsize i = 0; i < end; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return FALSE;
  return length % 4 == 0;
}

/* TRUE if the header NAME, perhaps written as =?base64?...?=, is VALUE. */
static gboolean
wire_header_is (DaeRequest *req, const char *name, const char *value)
{
  static const char begin[] = "=?base64?", end[] = "?=";
  const char *header = dae_request_header (req, name);
  g_autofree guchar *decoded = NULL;
  g_autofree char *coded = NULL;
  gsize length;

  if (header == NULL || value == NULL)
    return header == NULL && value == NULL;
  if (!g_str_has_prefix (header, begin) || !g_str_has_suffix (header, end) ||
      strlen (header) < strlen (begin) + strlen (end))
    return strcmp (header, value) == 0;
  coded = g_strndup (header + strlen (begin), strlen (header) - strlen (begin) - strlen (end));
  if (!wire_is_base64 (coded, strlen (coded)))
    return FALSE;
  decoded = g_base64_decode (coded, &length);
  return length == strlen (value) && memcmp (decoded, value, length) == 0;
}

/* NULL, or the name of a header that does not say what the body says. */
static const char *
wire_compare (DaeRequest *req, JsonrpcMessage *message)
{
  static const struct {
    const char *method, *member;
  } named[] = {
    { "tools/call", "name" },
    { "prompts/get", "name" },
    { "resources/read", "uri" },
  };

  if (!wire_header_is (req, "Mcp-Method", message->method))
    return "the header Mcp-Method is not the method of the body";
  for (guint i = 0; i < G_N_ELEMENTS (named); i++)
    if (strcmp (message->method, named[i].method) == 0 &&
        !wire_header_is (req, "Mcp-Name", jsonrpc_text (message->params, named[i].member)))
      return "the header Mcp-Name is not what the body names";
  return NULL;
}

static DaeReply *
wire_check_modern (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message)
{
  JsonObject *meta = jsonrpc_object (message->params, "_meta");
  const char *version = jsonrpc_text (meta, META "protocolVersion"), *fault;

  if (version == NULL || jsonrpc_object (meta, META "clientCapabilities") == NULL)
    return wire_error (self, req, 400, message->id, JSONRPC_INVALID_PARAMS,
                       "_meta must hold " META "protocolVersion and " META "clientCapabilities");
  if (!wire_header_is (req, "MCP-Protocol-Version", version))
    return wire_error (self, req, 400, message->id, MCP_SERVER_HEADER_MISMATCH,
                       "the header MCP-Protocol-Version is not the revision of the body");
  if (strcmp (version, MCP_SERVER_MODERN) != 0)
    return wire_fault (self, req, 400, message->id, MCP_SERVER_UNSUPPORTED_VERSION,
                       "this server does not speak that revision", version);
  if (message->kind != JSONRPC_REQUEST)
    return NULL;
  fault = wire_compare (req, message);
  return fault != NULL ? wire_error (self, req, 400, message->id, MCP_SERVER_HEADER_MISMATCH, fault)
                       : NULL;
}

DaeReply *
wire_check (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message, gboolean *ret_is_modern)
{
  const char *header = dae_request_header (req, "MCP-Protocol-Version");
  JsonObject *meta = jsonrpc_object (message->params, "_meta");
  gboolean says = meta != NULL && json_object_has_member (meta, META "protocolVersion");
  gboolean begins = message->kind == JSONRPC_REQUEST && strcmp (message->method, "initialize") == 0;

  *ret_is_modern = says || (header != NULL && !mcp_is_known_version (header)) ||
                   (!begins && header == NULL && dae_request_header (req, "Mcp-Method") != NULL);
  return *ret_is_modern ? wire_check_modern (self, req, message) : NULL;
}
