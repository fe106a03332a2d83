/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server-method: the methods, and those of them that need no database. */
#include "mcp-server.h"

#include <string.h>

static const char method_capabilities[] =
    "{\"tools\":{},\"resources\":{},\"prompts\":{},\"completions\":{},\"logging\":{}}";
static const char method_instructions[] =
    "Workspaces hold conversations and files. Begin with list_workspaces; search_messages and "
    "search_files find what was written; conversations and files are resources too.";

gboolean
method_fail (McpAnswer *answer, gint64 code, const char *why)
{
  answer->outcome->code = code;
  answer->outcome->why = why;
  return FALSE;
}

const char *
method_uuid (JsonObject *object, const char *name)
{
  const char *id = jsonrpc_text (object, name);

  if (id == NULL || !g_uuid_string_is_valid (id))
    return NULL;
  for (const char *c = id; *c != '\0'; c++)
    if (g_ascii_isupper (*c))
      return NULL;
  return id;
}

static void
method_write_server (McpAnswer *answer)
{
  DaeJson *json = answer->json;

  dae_json_begin_object (json, "serverInfo");
  dae_json_text (json, "name", "daedalus");
  dae_json_text (json, "title", "Daedalus");
  dae_json_text (json, "version", dae_host_info (answer->call->self)->host_version);
  dae_json_end (json);
  dae_json_text (json, "instructions", method_instructions);
}

static gboolean
method_initialize (McpAnswer *answer)
{
  const char *wanted = jsonrpc_text (answer->call->message->params, "protocolVersion");

  if (wanted == NULL)
    return method_fail (answer, JSONRPC_INVALID_PARAMS, "initialize needs a protocolVersion");
  dae_json_text (answer->json, "protocolVersion",
                 mcp_is_known_version (wanted) ? wanted : MCP_NEWEST);
  dae_json_raw (answer->json, "capabilities", method_capabilities);
  method_write_server (answer);
  return TRUE;
}

static gboolean
method_discover (McpAnswer *answer)
{
  dae_json_raw (answer->json, "supportedVersions",
                "[\"" MCP_SERVER_MODERN "\",\"" MCP_NEWEST "\",\"2025-06-18\",\"2025-03-26\"]");
  dae_json_raw (answer->json, "capabilities", method_capabilities);
  method_write_server (answer);
  return TRUE;
}

static gboolean
method_ping (McpAnswer *answer)
{
  return TRUE;
}

/* What is logged of a call comes on its own stream; there is no other that a level could be for. */
static gboolean
method_set_level (McpAnswer *answer)
{
  static const char *const levels[] = { "debug",    "info",  "notice",    "warning", "error",
                                        "critical", "alert", "emergency", NULL };
  const char *level = jsonrpc_text (answer->call->message->params, "level");

  return (level != NULL && g_strv_contains (levels, level)) ||
         method_fail (answer, JSONRPC_INVALID_PARAMS, "there is no such level");
}

static const McpMethod methods[] = {
  { "initialize", method_initialize, .is_legacy = TRUE },
  { "server/discover", method_discover, .is_modern = TRUE, .is_cached = TRUE },
  { "ping", method_ping, .is_legacy = TRUE },
  { "logging/setLevel", method_set_level, .is_legacy = TRUE },
  { "tools/list", tool_list, .is_legacy = TRUE, .is_modern = TRUE, .is_cached = TRUE },
  { "tools/call", tool_call, .needs_database = TRUE, .is_legacy = TRUE, .is_modern = TRUE },
  { "resources/list", resource_list, TRUE, TRUE, TRUE, TRUE },
  { "resources/templates/list", resource_templates, FALSE, TRUE, TRUE, TRUE },
  { "resources/read", resource_read, TRUE, TRUE, TRUE, TRUE },
  { "prompts/list", prompt_list, FALSE, TRUE, TRUE, TRUE },
  { "prompts/get", prompt_get, .needs_database = TRUE, .is_legacy = TRUE, .is_modern = TRUE },
  { "completion/complete", completion_complete, .needs_database = TRUE, .is_legacy = TRUE,
    .is_modern = TRUE },
};

const McpMethod *
method_find (const char *name, gboolean is_modern)
{
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    if (strcmp (methods[i].name, name) == 0)
      return (is_modern ? methods[i].is_modern : methods[i].is_legacy) ? &methods[i] : NULL;
  return NULL;
}
