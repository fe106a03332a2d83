/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server-resource: conversations and files as resources, instructions of workspaces as prompts,
 * and the completion of their ids.
 */
#include "mcp-server.h"

#include <string.h>

#define RESOURCE_PAGE    50
#define RESOURCE_LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define COMPLETION_MAX   100 /* MCP, completion: at most 100 values */

static const char conversation_prefix[] = "daedalus://conversations/";
static const char file_prefix[] = "daedalus://files/";

/* ---- reading ---- */

gboolean
resource_conversation (McpAnswer *answer,
                       const char *id,
                       gint64 limit,
                       const char **ret_title,
                       const char **ret_workspace_id,
                       DaeRows **ret_messages)
{
  const McpServer *server = dae_data (answer->call->self);
  DaeRows *row = dae_query_one (answer->tx,
                                "SELECT workspace_id, title, current_message_id FROM conversation "
                                "WHERE id = $1 AND deleted_at"
                                " IS NULL",
                                DAE_UUID (id));

  if (row == NULL ||
      !server->workspaces->may (server->workspaces_plugin, answer->tx, answer->call->subject,
                                dae_row_text (row, 0), DAE_MAY_READ))
    return FALSE;
  *ret_workspace_id = dae_row_text (row, 0);
  *ret_title = dae_row_text (row, 1);
  *ret_messages = dae_query (
      answer->tx,
      "WITH RECURSIVE path (id, parent_id, depth) AS ("
      " SELECT id, parent_id, 0 FROM message WHERE id = $1 UNION ALL"
      " SELECT m.id, m.parent_id, p.depth + 1 FROM path p JOIN message m ON m.id = p.parent_id"
      " WHERE p.depth + 1 < $2)"
      " SELECT m.id, m.role, m.author_name, m.agent, m.content, m.state, m.created_at"
      " FROM path p JOIN message m ON m.id = p.id ORDER BY p.depth DESC",
      DAE_UUID (dae_row_is_null (row, 2) ? NULL : dae_row_text (row, 2)), DAE_INT (limit));
  return TRUE;
}

gboolean
resource_file (McpAnswer *answer, const char *id)
{
  const McpServer *server = dae_data (answer->call->self);
  DaeFile file = { .struct_size = sizeof file };

  if (server->files == NULL ||
      !server->files->find (server->files_plugin, answer->tx, answer->call->subject, id, &file))
    return FALSE;
  answer->outcome->file_id = g_strdup (file.id);
  answer->outcome->name = g_strdup (file.name);
  answer->outcome->type = g_strdup (file.type);
  answer->outcome->uri = g_strconcat (file_prefix, file.id, NULL);
  answer->outcome->size = file.size;
  return TRUE;
}

static void
resource_write_document (McpAnswer *answer, const char *uri, const char *title, DaeRows *messages)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "# %s\n", *title != '\0' ? title : "Conversation");
  while (dae_rows_next (messages)) {
    const char *who = dae_row_text (messages, RESOURCE_AUTHOR);

    if (who == NULL)
      who = dae_row_text (messages, RESOURCE_AGENT);
    g_string_append_printf (text, "\n## %s\n\n%s\n", who != NULL ? who : "",
                            dae_row_text (messages, RESOURCE_CONTENT));
  }
  dae_json_begin_array (answer->json, "contents");
  dae_json_begin_object (answer->json, NULL);
  dae_json_text (answer->json, "uri", uri);
  dae_json_text (answer->json, "mimeType", "text/markdown");
  dae_json_text (answer->json, "text", text->str);
  dae_json_end (answer->json);
  dae_json_end (answer->json);
}

gboolean
resource_read (McpAnswer *answer)
{
  const char *uri = jsonrpc_text (answer->call->message->params, "uri");
  const char *id = uri, *title, *workspace_id;
  DaeRows *messages;

  if (uri == NULL)
    return method_fail (answer, JSONRPC_INVALID_PARAMS, "resources/read needs a uri");
  if (g_str_has_prefix (uri, conversation_prefix)) {
    id += strlen (conversation_prefix);
    if (g_uuid_string_is_valid (id) &&
        resource_conversation (answer, id, 200, &title, &workspace_id, &messages)) {
      resource_write_document (answer, uri, title, messages);
      return TRUE;
    }
  } else if (g_str_has_prefix (uri, file_prefix)) {
    id += strlen (file_prefix);
    if (g_uuid_string_is_valid (id) && resource_file (answer, id))
      return TRUE;
  }
  return method_fail (answer,
                      answer->call->is_modern ? JSONRPC_INVALID_PARAMS : MCP_SERVER_NOT_FOUND,
                      "Resource not found");
}

/* ---- lists ---- */

static void
resource_write (
    DaeJson *json, const char *prefix, const char *id, const char *name, const char *type)
{
  g_autofree char *uri = g_strconcat (prefix, id, NULL);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "uri", uri);
  dae_json_text (json, "name", name != NULL && *name != '\0' ? name : id);
  dae_json_text (json, "mimeType", type);
}

/* Those with smaller ids than BEFORE. The last one's where there are more, else NULL; owned. */
static char *
resource_write_conversations (McpAnswer *answer, const char *before)
{
  DaeRows *rows = dae_query (
      answer->tx,
      "SELECT c.id, c.title, w.name FROM workspace_member m JOIN workspace w ON w.id = "
      "m.workspace_id"
      " JOIN conversation c ON c.workspace_id = w.id WHERE m.subject = $1 AND w.deleted_at IS NULL"
      " AND c.deleted_at IS NULL AND c.archived_at IS NULL AND c.id < $2 ORDER BY c.id DESC LIMIT "
      "$3",
      DAE_TEXT (answer->call->subject), DAE_UUID (before), DAE_INT (RESOURCE_PAGE + 1));
  char *last = NULL;

  for (guint i = 0; dae_rows_next (rows); i++) {
    if (i == RESOURCE_PAGE)
      return last;
    resource_write (answer->json, conversation_prefix, dae_row_text (rows, 0),
                    dae_row_text (rows, 1), "text/markdown");
    dae_json_text (answer->json, "description", dae_row_text (rows, 2));
    dae_json_end (answer->json);
    g_free (last);
    last = g_strdup (dae_row_text (rows, 0));
  }
  g_free (last);
  return NULL;
}

static char *
resource_write_files (McpAnswer *answer, const char *before)
{
  DaeRows *rows = dae_query (
      answer->tx,
      "SELECT f.id, f.name, f.media_type, f.size, w.name FROM workspace_member m JOIN workspace w "
      "ON"
      " w.id = m.workspace_id JOIN file f ON f.workspace_id = w.id WHERE m.subject = $1 AND"
      " w.deleted_at IS NULL AND f.state = 'ready' AND f.id < $2 ORDER BY f.id DESC LIMIT $3",
      DAE_TEXT (answer->call->subject), DAE_UUID (before), DAE_INT (RESOURCE_PAGE + 1));
  char *last = NULL;

  for (guint i = 0; dae_rows_next (rows); i++) {
    if (i == RESOURCE_PAGE)
      return last;
    resource_write (answer->json, file_prefix, dae_row_text (rows, 0), dae_row_text (rows, 1),
                    dae_row_text (rows, 2));
    dae_json_int (answer->json, "size", dae_row_int (rows, 3));
    dae_json_text (answer->json, "description", dae_row_text (rows, 4));
    dae_json_end (answer->json);
    g_free (last);
    last = g_strdup (dae_row_text (rows, 0));
  }
  g_free (last);
  return NULL;
}

/* Conversations first, then files; the cursor names the kind and the last one: "c:ID", "f:ID". */
gboolean
resource_list (McpAnswer *answer)
{
  const McpServer *server = dae_data (answer->call->self);
  JsonObject *params = answer->call->message->params;
  const char *cursor = jsonrpc_text (params, "cursor"), *before = RESOURCE_LAST_ID;
  g_autofree char *last = NULL, *next = NULL;
  gboolean in_files = FALSE;

  if (params != NULL && json_object_has_member (params, "cursor")) {
    if (cursor == NULL || (cursor[0] != 'c' && cursor[0] != 'f') || cursor[1] != ':' ||
        !g_uuid_string_is_valid (cursor + 2))
      return method_fail (answer, JSONRPC_INVALID_PARAMS, "the cursor is none of this server's");
    in_files = cursor[0] == 'f';
    before = cursor + 2;
  }
  dae_json_begin_array (answer->json, "resources");
  if (!in_files) {
    last = resource_write_conversations (answer, before);
    if (last != NULL)
      next = g_strconcat ("c:", last, NULL);
    else if (server->files != NULL)
      next = g_strdup ("f:" RESOURCE_LAST_ID);
  } else if (server->files != NULL) {
    last = resource_write_files (answer, before);
    if (last != NULL)
      next = g_strconcat ("f:", last, NULL);
  }
  dae_json_end (answer->json);
  if (next != NULL)
    dae_json_text (answer->json, "nextCursor", next);
  return TRUE;
}

gboolean
resource_templates (McpAnswer *answer)
{
  dae_json_raw (answer->json, "resourceTemplates",
                "[{\"uriTemplate\":\"daedalus://conversations/{conversation_id}\",\"name\":"
                "\"conversation\",\"title\":\"Conversation\",\"description\":\"The messages of a "
                "conversation\",\"mimeType\":\"text/markdown\"},"
                "{\"uriTemplate\":\"daedalus://files/{file_id}\",\"name\":\"file\",\"title\":"
                "\"File\",\"description\":\"A file of a workspace\"}]");
  return TRUE;
}

/* ---- prompts ---- */

static const char prompt_name[] = "workspace_instructions";

gboolean
prompt_list (McpAnswer *answer)
{
  dae_json_raw (answer->json, "prompts",
                "[{\"name\":\"workspace_instructions\",\"title\":\"Instructions of a workspace\","
                "\"description\":\"What a workspace tells the agents that are asked in it\","
                "\"arguments\":[{\"name\":\"workspace_id\",\"description\":\"Of list_workspaces\","
                "\"required\":true}]}]");
  return TRUE;
}

gboolean
prompt_get (McpAnswer *answer)
{
  const McpServer *server = dae_data (answer->call->self);
  JsonObject *params = answer->call->message->params;
  const char *id = method_uuid (jsonrpc_object (params, "arguments"), "workspace_id");
  const char *instructions = NULL, *agent = NULL;

  if (g_strcmp0 (jsonrpc_text (params, "name"), prompt_name) != 0)
    return method_fail (answer, JSONRPC_INVALID_PARAMS,
                        "there is no such prompt: see prompts/list");
  if (id == NULL || !server->workspaces->may (server->workspaces_plugin, answer->tx,
                                              answer->call->subject, id, DAE_MAY_READ))
    return method_fail (answer, JSONRPC_INVALID_PARAMS,
                        "workspace_id is none of your workspaces: see list_workspaces");
  server->workspaces->settings (server->workspaces_plugin, answer->tx, id, &instructions, &agent);
  dae_json_begin_array (answer->json, "messages");
  dae_json_begin_object (answer->json, NULL);
  dae_json_text (answer->json, "role", "user");
  dae_json_begin_object (answer->json, "content");
  dae_json_text (answer->json, "type", "text");
  dae_json_text (answer->json, "text", instructions != NULL ? instructions : "");
  dae_json_end (answer->json);
  dae_json_end (answer->json);
  dae_json_end (answer->json);
  return TRUE;
}

/* ---- completion ---- */

/* Ids that begin with what was begun, or whose name holds it; newest first. */
static DaeRows *
completion_query (McpAnswer *answer, const char *what, const char *begun)
{
  g_autofree char *lower = g_utf8_strdown (begun, -1);
  DaeValue values[] = { DAE_TEXT (answer->call->subject), DAE_TEXT (lower),
                        DAE_INT (COMPLETION_MAX + 1) };
  DaeQuery query = { .values = values, .n_values = G_N_ELEMENTS (values) };
  const McpServer *server = dae_data (answer->call->self);

  if (strcmp (what, "workspace_id") == 0)
    query.sql = "SELECT CAST (w.id AS text) FROM workspace_member m JOIN workspace w ON"
                " w.id = m.workspace_id WHERE m.subject = $1 AND w.deleted_at IS NULL AND"
                " (substr (CAST (w.id AS text), 1, length ($2)) = $2 OR"
                "  replace (lower (w.name), $2, '') <> lower (w.name)) ORDER BY w.id DESC LIMIT $3";
  else if (strcmp (what, "conversation_id") == 0)
    query.sql =
        "SELECT CAST (c.id AS text) FROM workspace_member m JOIN workspace w ON w.id = "
        "m.workspace_id"
        " JOIN conversation c ON c.workspace_id = w.id WHERE m.subject = $1 AND w.deleted_at IS "
        "NULL"
        " AND c.deleted_at IS NULL AND (substr (CAST (c.id AS text), 1, length ($2)) = $2 OR"
        "  replace (lower (c.title), $2, '') <> lower (c.title)) ORDER BY c.id DESC LIMIT $3";
  else if (strcmp (what, "file_id") == 0 && server->files != NULL)
    query.sql =
        "SELECT CAST (f.id AS text) FROM workspace_member m JOIN workspace w ON w.id = "
        "m.workspace_id"
        " JOIN file f ON f.workspace_id = w.id WHERE m.subject = $1 AND w.deleted_at IS NULL"
        " AND f.state = 'ready' AND (substr (CAST (f.id AS text), 1, length ($2)) = $2 OR"
        "  replace (lower (f.name), $2, '') <> lower (f.name)) ORDER BY f.id DESC LIMIT $3";
  else
    return NULL;
  dae_query_many (answer->tx, &query, 1);
  return query.rows;
}

gboolean
completion_complete (McpAnswer *answer)
{
  JsonObject *argument = jsonrpc_object (answer->call->message->params, "argument");
  const char *name = jsonrpc_text (argument, "name"), *begun = jsonrpc_text (argument, "value");
  DaeRows *rows;
  guint n = 0;

  if (name == NULL || begun == NULL)
    return method_fail (answer, JSONRPC_INVALID_PARAMS, "argument must have a name and a value");
  rows = completion_query (answer, name, begun);
  dae_json_begin_object (answer->json, "completion");
  dae_json_begin_array (answer->json, "values");
  while (rows != NULL && dae_rows_next (rows))
    if (n++ < COMPLETION_MAX)
      dae_json_text (answer->json, NULL, dae_row_text (rows, 0));
  dae_json_end (answer->json);
  dae_json_bool (answer->json, "hasMore", n > COMPLETION_MAX);
  dae_json_end (answer->json);
  return TRUE;
}
