/* SPDX-License-Identifier: Apache-2.0 */
/* mcp: understands peers loosely and writes strictly. What agents say on the way has no published
 * schema; mcp-said.c reads it by what it means, not by one spelling.
 */
#include "mcp.h"

#include <string.h>

gboolean
mcp_is_known_version (const char *version)
{
  static const char *const known[] = { MCP_NEWEST, "2025-06-18", "2025-03-26", NULL };

  return version != NULL && g_strv_contains (known, version);
}

gboolean
mcp_is_session_id (const char *id)
{
  gsize length = 0;

  for (; id != NULL && id[length] != '\0'; length++)
    if (id[length] < '!' || id[length] > '~' || length >= 512)
      return FALSE;
  return length > 0;
}

JsonObject *
mcp_initialize_params (const char *name, const char *version)
{
  JsonObject *params = json_object_new ();
  JsonObject *info = json_object_new ();

  json_object_set_string_member (info, "name", name);
  json_object_set_string_member (info, "version", version);
  json_object_set_string_member (params, "protocolVersion", MCP_NEWEST);
  json_object_set_object_member (params, "capabilities", json_object_new ());
  json_object_set_object_member (params, "clientInfo", info);
  return params;
}

void
mcp_chat_tool_free (McpChatTool *tool)
{
  if (tool == NULL)
    return;
  g_free (tool->name);
  g_free (tool->argument);
  g_free (tool);
}

static JsonObject *
mcp_find_tool (JsonArray *tools, const char *name)
{
  for (guint i = 0; i < json_array_get_length (tools); i++) {
    JsonObject *tool = jsonrpc_list_object (tools, i);

    if (tool != NULL && g_strcmp0 (jsonrpc_text (tool, "name"), name) == 0)
      return tool;
  }
  return NULL;
}

gboolean
mcp_has_tool (JsonArray *tools, const char *name)
{
  return mcp_find_tool (tools, name) != NULL;
}

static gboolean
mcp_is_string (JsonObject *properties, const char *name)
{
  return g_strcmp0 (jsonrpc_text (jsonrpc_object (properties, name), "type"), "string") == 0;
}

/* The argument of TOOL's schema that takes the message; NULL if there is none. Borrowed. */
static const char *
mcp_message_argument (JsonObject *tool, const char *wanted)
{
  JsonObject *schema = jsonrpc_object (tool, "inputSchema");
  JsonObject *properties = jsonrpc_object (schema, "properties");
  JsonArray *required = jsonrpc_list (schema, "required");
  const char *only = NULL;

  if (wanted != NULL)
    return properties != NULL && json_object_has_member (properties, wanted) ? wanted : NULL;
  for (guint i = 0; required != NULL && i < json_array_get_length (required); i++) {
    JsonNode *node = json_array_get_element (required, i);
    const char *name = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

    if (name == NULL || !mcp_is_string (properties, name))
      return NULL;
    if (strcmp (name, "message") == 0)
      return name;
    only = json_array_get_length (required) == 1 ? name : NULL;
  }
  return only;
}

static gboolean
mcp_demands_message (JsonObject *tool)
{
  return g_strcmp0 (mcp_message_argument (tool, NULL), "message") == 0;
}

static JsonObject *
mcp_search_chat_tool (JsonArray *tools)
{
  JsonObject *tool = mcp_find_tool (tools, "send_message");

  if (tool != NULL)
    return tool;
  for (guint i = 0; i < json_array_get_length (tools); i++) {
    const char *name;

    tool = jsonrpc_list_object (tools, i);
    name = jsonrpc_text (tool, "name");
    if (name != NULL && strcmp (name, "get_health") != 0 &&
        strcmp (name, "reload_agent_cards") != 0 && mcp_demands_message (tool))
      return tool;
  }
  return NULL;
}

McpChatTool *
mcp_chat_tool (JsonArray *tools, const char *wanted, const char *argument, const char **ret_why)
{
  JsonObject *tool = wanted != NULL ? mcp_find_tool (tools, wanted) : mcp_search_chat_tool (tools);
  const char *takes = tool != NULL ? mcp_message_argument (tool, argument) : NULL;
  JsonObject *properties;
  McpChatTool *chat;

  if (takes == NULL) {
    *ret_why = tool != NULL     ? "its tool has no argument that takes a message"
               : wanted != NULL ? "it has no tool of the name that is set for it"
                                : "it has no tool that takes a message";
    return NULL;
  }
  properties = jsonrpc_object (jsonrpc_object (tool, "inputSchema"), "properties");
  chat = g_new0 (McpChatTool, 1);
  chat->name = g_strdup (jsonrpc_text (tool, "name"));
  chat->argument = g_strdup (takes);
  chat->has_history = json_object_has_member (properties, "history");
  chat->has_images = json_object_has_member (properties, "images");
  chat->has_conversation = json_object_has_member (properties, "conversation_id");
  return chat;
}

static void
mcp_append_paragraph (GString *text, const char *paragraph)
{
  if (text->len > 0 && text->str[text->len - 1] != '\n')
    g_string_append (text, "\n\n");
  g_string_append (text, paragraph);
}

static void
mcp_append_block (GString *text, JsonObject *block)
{
  const char *type = jsonrpc_text (block, "type");
  JsonObject *resource = jsonrpc_object (block, "resource");
  const char *name = NULL;
  g_autofree char *line = NULL;

  if (type == NULL)
    return;
  if (strcmp (type, "text") == 0) {
    if (jsonrpc_text (block, "text") != NULL && *jsonrpc_text (block, "text") != '\0')
      mcp_append_paragraph (text, jsonrpc_text (block, "text"));
    return;
  }
  if (strcmp (type, "image") == 0 || strcmp (type, "audio") == 0)
    name = jsonrpc_text (block, "mimeType");
  else if (strcmp (type, "resource_link") == 0)
    name = jsonrpc_text (block, "name");
  else if (resource != NULL)
    name = jsonrpc_text (resource, "name") != NULL ? jsonrpc_text (resource, "name")
                                                   : jsonrpc_text (resource, "uri");
  else
    return;
  if (strcmp (type, "resource_link") == 0 && name == NULL)
    name = jsonrpc_text (block, "uri");
  if (name != NULL) {
    g_autofree char *shown = mcp_one_line (name, 200);

    line = g_strdup_printf ("[%s: %s]", type[0] == 'r' ? "file" : type, shown);
  } else {
    line = g_strdup_printf ("[%s]", type[0] == 'r' ? "file" : type);
  }
  mcp_append_paragraph (text, line);
}

char *
mcp_content_text (JsonArray *content)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; content != NULL && i < json_array_get_length (content); i++) {
    JsonObject *block = jsonrpc_list_object (content, i);

    if (block != NULL)
      mcp_append_block (text, block);
  }
  return g_string_free (text, FALSE);
}

gboolean
mcp_is_model_error (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return g_str_has_prefix (text, "I hit an internal error while calling the model");
}

char *
mcp_one_line (const char *text, gsize max)
{
  gsize length = strlen (text);
  char *line;

  if (length > max) {
    length = max;
    while (length > 0 && ((guchar)text[length] & 0xc0) == 0x80)
      length--;
  }
  line = g_strndup (text, length);
  for (char *at = line; *at != '\0'; at++)
    if ((guchar)*at < ' ' || *at == 0x7f)
      *at = ' ';
  return g_strstrip (line);
}

char *
mcp_final_rest (const char *streamed, gsize last_part, const char *final)
{
  g_autofree char *told = g_strchomp (g_strdup (streamed));
  g_autofree char *said = g_strstrip (g_strdup (final));

  if (*said == '\0' || g_str_has_suffix (told, said) ||
      strstr (streamed + MIN (last_part, strlen (streamed)), said) != NULL)
    return g_strdup ("");
  if (*told == '\0')
    return g_strdup (final);
  if (g_str_has_prefix (final, streamed))
    return g_strdup (final + strlen (streamed));
  if (g_str_has_suffix (streamed, "\n\n"))
    return g_strdup (said);
  return g_strconcat (g_str_has_suffix (streamed, "\n") ? "\n" : "\n\n", said, NULL);
}

/* ---- health ---- */

static const char *
mcp_health_word (const char *word)
{
  static const struct {
    const char *said, *means;
  } words[] = {
    { "ok", "ok" },           { "healthy", "ok" },        { "up", "ok" },
    { "pass", "ok" },         { "ready", "ok" },          { "degraded", "degraded" },
    { "warn", "degraded" },   { "warning", "degraded" },  { "error", "error" },
    { "unhealthy", "error" }, { "down", "error" },        { "fail", "error" },
    { "failed", "error" },    { "unavailable", "error" },
  };

  for (gsize i = 0; word != NULL && i < G_N_ELEMENTS (words); i++)
    if (g_ascii_strcasecmp (words[i].said, word) == 0)
      return words[i].means;
  return NULL;
}

/* Reads the state out of an object; NULL if it holds none that is known. */
static const char *
mcp_health_object (JsonObject *object, char **ret_reason)
{
  static const char *const states[] = { "status", "state", "health" };
  static const char *const reasons[] = { "reason", "message", "detail", "error", "description" };
  const char *state = NULL;

  for (gsize i = 0; state == NULL && i < G_N_ELEMENTS (states); i++)
    state = mcp_health_word (jsonrpc_text (object, states[i]));
  if (state == NULL || strcmp (state, "ok") == 0)
    return state;
  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++) {
    const char *reason = jsonrpc_text (object, reasons[i]);

    if (reason != NULL && *reason != '\0') {
      *ret_reason = mcp_one_line (reason, 300);
      break;
    }
  }
  return state;
}

const char *
mcp_health (JsonObject *result, DaePlugin *self, char **ret_reason)
{
  g_autofree char *text = mcp_content_text (jsonrpc_list (result, "content"));
  g_autofree char *line = mcp_one_line (text, 300);
  const char *state = mcp_health_object (jsonrpc_object (result, "structuredContent"), ret_reason);

  if (state == NULL && dae_json_check (self, text, strlen (text), 16, 2000, NULL)) {
    g_autoptr (JsonParser) parser = json_parser_new ();

    if (json_parser_load_from_data (parser, text, -1, NULL) &&
        JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
      state = mcp_health_object (json_node_get_object (json_parser_get_root (parser)), ret_reason);
  }
  if (state == NULL)
    state = mcp_health_word (line);
  if (jsonrpc_truth (result, "isError") || state == NULL) {
    if (*ret_reason == NULL)
      *ret_reason = *line != '\0' ? g_steal_pointer (&line) : NULL;
    return "error";
  }
  return state;
}
