/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-said: what an agent says on the way, in notifications/message with structured data.
 *
 * `kind` names what it is: assistant_chunk, or a word with "tool" in it. Pallas sends each step of
 * an agent as a list of content blocks; an agent that streams sends pieces as `text` (or says
 * `delta: true`). Members that are not known are ignored.
 */
#include "mcp.h"

#include <string.h>

static void
mcp_said_free (gpointer data)
{
  McpSaid *said = data;

  g_free (said->text);
  g_free (said->id);
  g_free (said->name);
  g_free (said->parent);
  g_free (said->via);
  g_free (said);
}

/* The first member of NAMES (NULL-ended) that is text, copied. */
static char *
mcp_first_text (JsonObject *object, const char *const *names)
{
  for (; *names != NULL; names++) {
    const char *text = jsonrpc_text (object, *names);

    if (text != NULL && *text != '\0')
      return mcp_one_line (text, 200);
  }
  return NULL;
}

static char *
mcp_call_id (JsonObject *object)
{
  static const char *const names[] = { "tool_call_id",   "tool_use_id", "call_id",
                                       "correlation_id", "id",          NULL };

  return mcp_first_text (object, names);
}

static char *
mcp_tool_name (JsonObject *object)
{
  static const char *const names[] = { "tool_name", "name", "tool", NULL };
  char *name = mcp_first_text (object, names);

  return name != NULL ? name : mcp_first_text (jsonrpc_object (object, "function"), names);
}

static char *
mcp_via (JsonObject *data)
{
  JsonArray *list = jsonrpc_list (data, "via_agent");
  g_autoptr (GString) via = g_string_new (NULL);

  if (jsonrpc_text (data, "via_agent") != NULL)
    return mcp_one_line (jsonrpc_text (data, "via_agent"), 200);
  for (guint i = 0; list != NULL && i < MIN (json_array_get_length (list), 8); i++) {
    JsonNode *node = json_array_get_element (list, i);

    if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_string (node) == NULL)
      continue;
    if (via->len > 0)
      g_string_append_c (via, '/');
    g_string_append (via, json_node_get_string (node));
  }
  return via->len > 0 ? mcp_one_line (via->str, 200) : NULL;
}

static McpSaid *
mcp_said_add (GPtrArray *all, JsonObject *data, McpSaidKind kind)
{
  static const char *const parents[] = { "parent_call_id", "parent_id", NULL };
  McpSaid *said = g_new0 (McpSaid, 1);

  said->kind = kind;
  said->via = mcp_via (data);
  said->parent = mcp_first_text (data, parents);
  g_ptr_array_add (all, said);
  return said;
}

static void
mcp_said_add_call (GPtrArray *all, JsonObject *data, JsonObject *call)
{
  McpSaid *said = mcp_said_add (all, data, MCP_SAID_TOOL_STARTED);

  said->id = mcp_call_id (call);
  said->name = mcp_tool_name (call);
  said->text = g_strdup ("");
}

/* Tool calls that stand beside or among the blocks of a chunk. */
static void
mcp_said_add_calls (GPtrArray *all, JsonObject *data, JsonArray *list, gboolean blocks)
{
  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++) {
    JsonObject *call = jsonrpc_list_object (list, i);
    const char *type = jsonrpc_text (call, "type");

    if (call == NULL)
      continue;
    if (!blocks ||
        (type != NULL && (strcmp (type, "tool_use") == 0 || strcmp (type, "tool_call") == 0)))
      mcp_said_add_call (all, data, call);
  }
}

static void
mcp_said_add_chunk (GPtrArray *all, JsonObject *data)
{
  JsonArray *blocks = jsonrpc_list (data, "content");
  const char *piece = jsonrpc_text (data, "text");
  g_autofree char *text = NULL;
  gboolean whole = FALSE;

  if (piece == NULL)
    piece = jsonrpc_text (data, "delta");
  if (piece == NULL)
    piece = jsonrpc_text (data, "content");
  if (piece != NULL) {
    text = g_strdup (piece);
  } else {
    text = mcp_content_text (blocks);
    whole = !jsonrpc_truth (data, "delta");
  }
  if (*text != '\0') {
    McpSaid *said = mcp_said_add (all, data, whole ? MCP_SAID_PARAGRAPH : MCP_SAID_TEXT);

    said->text = g_steal_pointer (&text);
  }
  mcp_said_add_calls (all, data, blocks, TRUE);
  mcp_said_add_calls (all, data, jsonrpc_list (data, "tool_calls"), FALSE);
}

static void
mcp_said_add_tool (GPtrArray *all, JsonObject *data, const char *kind)
{
  gboolean ended = strstr (kind, "result") != NULL || strstr (kind, "end") != NULL ||
                   strstr (kind, "done") != NULL || strstr (kind, "finish") != NULL ||
                   strstr (kind, "complete") != NULL || strstr (kind, "fail") != NULL;
  JsonArray *results = jsonrpc_list (data, "results");
  McpSaid *said;

  if (results == NULL)
    results = jsonrpc_list (data, "tool_results");
  if (ended && results != NULL) {
    for (guint i = 0; i < json_array_get_length (results); i++) {
      JsonObject *one = jsonrpc_list_object (results, i);

      if (one != NULL && jsonrpc_list (one, "results") == NULL)
        mcp_said_add_tool (all, one, "tool_result");
    }
    return;
  }
  said = mcp_said_add (all, data, ended ? MCP_SAID_TOOL_ENDED : MCP_SAID_TOOL_STARTED);
  said->id = mcp_call_id (data);
  said->name = mcp_tool_name (data);
  said->failed = jsonrpc_truth (data, "is_error") || jsonrpc_truth (data, "isError") ||
                 strstr (kind, "fail") != NULL;
  if (jsonrpc_list (data, "content") != NULL)
    said->text = mcp_content_text (jsonrpc_list (data, "content"));
  else if (jsonrpc_text (data, "text") != NULL)
    said->text = g_strdup (jsonrpc_text (data, "text"));
  else
    said->text =
        g_strdup (jsonrpc_text (data, "content") != NULL ? jsonrpc_text (data, "content") : "");
}

GPtrArray *
mcp_said (JsonObject *params)
{
  JsonObject *data = jsonrpc_object (params, "data");
  const char *kind = jsonrpc_text (data, "kind");
  GPtrArray *all;

  if (kind == NULL)
    kind = jsonrpc_text (data, "type");
  if (kind == NULL || (strcmp (kind, "assistant_chunk") != 0 && strstr (kind, "tool") == NULL))
    return NULL;
  all = g_ptr_array_new_with_free_func (mcp_said_free);
  if (strcmp (kind, "assistant_chunk") == 0)
    mcp_said_add_chunk (all, data);
  else
    mcp_said_add_tool (all, data, kind);
  return all;
}

char *
mcp_log_line (JsonObject *params)
{
  const char *level = jsonrpc_text (params, "level");
  const char *text = jsonrpc_text (params, "data");

  if (level != NULL && strcmp (level, "debug") == 0)
    return NULL;
  if (text == NULL)
    text = jsonrpc_text (jsonrpc_object (params, "data"), "message");
  if (text == NULL)
    text = jsonrpc_text (jsonrpc_object (params, "data"), "msg");
  return text != NULL && *text != '\0' ? mcp_one_line (text, 300) : NULL;
}
