/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server-tool: what clients may do. A tool that is called wrongly answers with a result that is
 * an error, in words that a model can act on; its structured content fits its output schema.
 */
#include "mcp-server.h"

#include <string.h>

#define TOOL_LIMIT     50
#define TOOL_MAX_LIMIT 200

/* Parts of schemas (JSON Schema 2020-12). */
#define OBJECT(properties, required)                                                               \
  "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]"
#define INPUT(properties, required)  OBJECT (properties, required) ",\"additionalProperties\":false}"
#define OUTPUT(properties, required) OBJECT (properties, required) "}"
#define LIST(name, properties, required)                                                           \
  OUTPUT ("\"" name "\":{\"type\":\"array\",\"items\":" OUTPUT (properties, required) "}",         \
          "\"" name "\"")
#define STRING(name)          "\"" name "\":{\"type\":\"string\"}"
#define MAYBE(name)           "\"" name "\":{\"type\":[\"string\",\"null\"]}"
#define DESCRIBED(name, what) "\"" name "\":{\"type\":\"string\",\"description\":\"" what "\"}"
#define ID(name, what)                                                                             \
  "\"" name "\":{\"type\":\"string\",\"format\":\"uuid\",\"description\":\"" what "\"}"
#define NUMBER    "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}"
#define WORKSPACE ID ("workspace_id", "Of list_workspaces")

typedef struct {
  const char *name, *title, *description, *input, *output;
  const char *arguments; /* names that it takes, with ' ' around each */
  gboolean (*run) (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why);
} Tool;

/* ---- arguments ---- */

static gint64
tool_limit (JsonObject *arguments)
{
  return (gint64)CLAMP (jsonrpc_number (arguments, "limit", TOOL_LIMIT), 1, TOOL_MAX_LIMIT);
}

/* The workspace of ARGUMENTS, which who asks may read; NULL with the reason. */
static const char *
tool_workspace (McpAnswer *answer, JsonObject *arguments, const char **ret_why)
{
  const McpServer *server = dae_data (answer->call->self);
  const char *id = method_uuid (arguments, "workspace_id");

  if (id == NULL)
    *ret_why = "workspace_id is not an id: take one of list_workspaces";
  else if (!server->workspaces->may (server->workspaces_plugin, answer->tx, answer->call->subject,
                                     id, DAE_MAY_READ))
    *ret_why = "there is no such workspace: take one of list_workspaces";
  else
    return id;
  return NULL;
}

static const char *
tool_text (JsonObject *arguments, const char *name, const char **ret_why)
{
  const char *text = jsonrpc_text (arguments, name);

  if (text == NULL || *text == '\0') {
    *ret_why = "query is missing: say which words are looked for";
    return NULL;
  }
  return text;
}

static void
tool_write_uri (DaeJson *json, const char *kind, const char *id)
{
  g_autofree char *uri = g_strdup_printf ("daedalus://%s/%s", kind, id);

  dae_json_text (json, "uri", uri);
}

/* ---- tools ---- */

static gboolean
tool_list_workspaces (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  DaeRows *rows = dae_query (
      answer->tx,
      "SELECT w.id, w.name, w.description, m.role FROM workspace_member m JOIN workspace w ON"
      " w.id = m.workspace_id WHERE m.subject = $1 AND w.deleted_at IS NULL AND"
      " w.archived_at IS NULL ORDER BY m.workspace_id DESC LIMIT $2",
      DAE_TEXT (answer->call->subject), DAE_INT (TOOL_MAX_LIMIT));

  dae_json_begin_array (json, "workspaces");
  while (dae_rows_next (rows)) {
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "id", dae_row_text (rows, 0));
    dae_json_text (json, "name", dae_row_text (rows, 1));
    dae_json_text (json, "description", dae_row_text (rows, 2));
    dae_json_text (json, "role", dae_row_text (rows, 3));
    dae_json_end (json);
  }
  dae_json_end (json);
  return TRUE;
}

static gboolean
tool_list_conversations (McpAnswer *answer,
                         JsonObject *arguments,
                         DaeJson *json,
                         const char **ret_why)
{
  const char *workspace_id = tool_workspace (answer, arguments, ret_why);
  DaeRows *rows;

  if (workspace_id == NULL)
    return FALSE;
  rows = dae_query (
      answer->tx,
      "SELECT id, title, agent, last_activity_at FROM conversation WHERE workspace_id = $1"
      " AND deleted_at IS NULL AND archived_at IS NULL"
      " ORDER BY last_activity_at DESC, id DESC LIMIT $2",
      DAE_UUID (workspace_id), DAE_INT (tool_limit (arguments)));
  dae_json_begin_array (json, "conversations");
  while (dae_rows_next (rows)) {
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "id", dae_row_text (rows, 0));
    dae_json_text (json, "title", dae_row_text (rows, 1));
    dae_json_text (json, "agent", dae_row_text (rows, 2));
    dae_json_time (json, "last_activity_at", dae_row_int (rows, 3));
    tool_write_uri (json, "conversations", dae_row_text (rows, 0));
    dae_json_end (json);
  }
  dae_json_end (json);
  return TRUE;
}

static gboolean
tool_read_conversation (McpAnswer *answer,
                        JsonObject *arguments,
                        DaeJson *json,
                        const char **ret_why)
{
  const char *id = method_uuid (arguments, "conversation_id"), *title, *workspace_id;
  DaeRows *rows;

  if (id == NULL ||
      !resource_conversation (answer, id, tool_limit (arguments), &title, &workspace_id, &rows)) {
    *ret_why = "there is no such conversation: take one of list_conversations";
    return FALSE;
  }
  dae_json_text (json, "id", id);
  dae_json_text (json, "title", title);
  dae_json_text (json, "workspace_id", workspace_id);
  dae_json_begin_array (json, "messages");
  while (dae_rows_next (rows)) {
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "id", dae_row_text (rows, RESOURCE_ID));
    dae_json_text (json, "role", dae_row_text (rows, RESOURCE_ROLE));
    dae_json_text (json, "author", dae_row_text (rows, RESOURCE_AUTHOR));
    dae_json_text (json, "agent", dae_row_text (rows, RESOURCE_AGENT));
    dae_json_text (json, "content", dae_row_text (rows, RESOURCE_CONTENT));
    dae_json_text (json, "state", dae_row_text (rows, RESOURCE_STATE));
    dae_json_time (json, "created_at", dae_row_int (rows, RESOURCE_CREATED));
    dae_json_end (json);
  }
  dae_json_end (json);
  return TRUE;
}

static void
tool_write_found (const DaeFoundMessage *found, gpointer data)
{
  DaeJson *json = data;

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "message_id", found->message_id);
  dae_json_text (json, "conversation_id", found->conversation_id);
  dae_json_text (json, "conversation_title", found->conversation_title);
  dae_json_text (json, "role", found->role);
  dae_json_text (json, "excerpt", found->excerpt);
  dae_json_time (json, "created_at", found->created_at);
  dae_json_end (json);
}

static gboolean
tool_search_messages (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  const McpServer *server = dae_data (answer->call->self);
  const char *words = tool_text (arguments, "query", ret_why);
  const char *workspace_id = words != NULL ? tool_workspace (answer, arguments, ret_why) : NULL;

  if (workspace_id == NULL)
    return FALSE;
  dae_json_begin_array (json, "messages");
  server->conversations->search (server->conversations_plugin, answer->tx, answer->call->subject,
                                 workspace_id, words, NULL, (guint)tool_limit (arguments),
                                 tool_write_found, json);
  dae_json_end (json);
  return TRUE;
}

static void
tool_write_file (DaeJson *json, const char *id, const char *name, const char *type, gint64 size)
{
  dae_json_text (json, "id", id);
  dae_json_text (json, "name", name);
  dae_json_text (json, "media_type", type);
  dae_json_int (json, "size", size);
  tool_write_uri (json, "files", id);
}

static gboolean
tool_list_files (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  const McpServer *server = dae_data (answer->call->self);
  const char *workspace_id = tool_workspace (answer, arguments, ret_why);
  DaeRows *rows;

  if (workspace_id == NULL)
    return FALSE;
  dae_json_begin_array (json, "files");
  if (server->files != NULL) {
    rows = dae_query (answer->tx,
                      "SELECT id, name, media_type, size FROM file WHERE workspace_id = $1 AND"
                      " state = 'ready' ORDER BY id DESC LIMIT $2",
                      DAE_UUID (workspace_id), DAE_INT (tool_limit (arguments)));
    while (dae_rows_next (rows)) {
      dae_json_begin_object (json, NULL);
      tool_write_file (json, dae_row_text (rows, 0), dae_row_text (rows, 1), dae_row_text (rows, 2),
                       dae_row_int (rows, 3));
      dae_json_end (json);
    }
  }
  dae_json_end (json);
  return TRUE;
}

static void
tool_write_found_file (const DaeFile *file, const char *excerpt, gpointer data)
{
  DaeJson *json = data;

  dae_json_begin_object (json, NULL);
  tool_write_file (json, file->id, file->name, file->type, file->size);
  dae_json_text (json, "excerpt", excerpt);
  dae_json_end (json);
}

static gboolean
tool_search_files (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  const McpServer *server = dae_data (answer->call->self);
  const char *words = tool_text (arguments, "query", ret_why);
  const char *workspace_id = words != NULL ? tool_workspace (answer, arguments, ret_why) : NULL;

  if (workspace_id == NULL)
    return FALSE;
  dae_json_begin_array (json, "files");
  if (server->files != NULL)
    server->files->search (server->files_plugin, answer->tx, answer->call->subject, workspace_id,
                           words, (guint)tool_limit (arguments), tool_write_found_file, json);
  dae_json_end (json);
  return TRUE;
}

static gboolean
tool_read_file (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  const char *id = method_uuid (arguments, "file_id");

  answer->outcome->is_tool = TRUE;
  if (id != NULL && resource_file (answer, id))
    return TRUE;
  *ret_why = "there is no such file: take one of list_files";
  return FALSE;
}

static gboolean
tool_list_agents (McpAnswer *answer, JsonObject *arguments, DaeJson *json, const char **ret_why)
{
  const McpServer *server = dae_data (answer->call->self);
  const char *workspace_id = tool_workspace (answer, arguments, ret_why);
  g_auto (GStrv) slugs = NULL;

  if (workspace_id == NULL)
    return FALSE;
  slugs = server->agents->slugs (server->agents_plugin);
  dae_json_begin_array (json, "agents");
  for (char **slug = slugs; *slug != NULL; slug++) {
    if (!server->workspaces->has_agent (server->workspaces_plugin, answer->tx, workspace_id, *slug))
      continue;
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "name", *slug);
    dae_json_end (json);
  }
  dae_json_end (json);
  return TRUE;
}

#define FILE_PROPERTIES                                                                            \
  STRING ("id")                                                                                    \
  "," STRING ("name") "," STRING ("media_type") ",\"size\":{\"type\":\"integer\"}," STRING ("uri")

static const Tool tools[] = {
  { "list_workspaces", "Workspaces", "Lists the workspaces that you are a member of.",
    INPUT ("", ""),
    LIST ("workspaces",
          STRING ("id") "," STRING ("name") "," STRING ("description") "," STRING ("role"),
          "\"id\",\"name\""),
    " ", tool_list_workspaces },
  { "list_conversations", "Conversations", "Lists a workspace's conversations, the latest first.",
    INPUT (WORKSPACE "," NUMBER, "\"workspace_id\""),
    LIST ("conversations",
          STRING ("id") "," STRING ("title") "," MAYBE ("agent") "," STRING (
              "last_activity_at") "," STRING ("uri"),
          "\"id\",\"title\",\"uri\""),
    " workspace_id limit ", tool_list_conversations },
  { "read_conversation", "Read a conversation",
    "Gives the last messages of a conversation, the oldest of them first.",
    INPUT (ID ("conversation_id", "Of list_conversations") "," NUMBER, "\"conversation_id\""),
    OUTPUT (
        STRING ("id") "," STRING ("title") "," STRING (
            "workspace_id") ",\"messages\":{\"type\":"
                            "\"array\","
                            "\"items\":" OUTPUT (
                                STRING ("id") "," STRING ("role") "," MAYBE ("author") "," MAYBE (
                                    "agent") "," STRING ("content") "," STRING ("state") "," STRING ("created_at"),
                                "\"id\",\"role\","
                                "\"content\"") "}",
        "\"id\",\"messages\""),
    " conversation_id limit ", tool_read_conversation },
  { "search_messages", "Search messages",
    "Finds messages of a workspace by their words, best first.",
    INPUT (WORKSPACE
           "," DESCRIBED ("query", "Words; a message that holds all of them is better") "," NUMBER,
           "\"workspace_id\",\"query\""),
    LIST ("messages",
          STRING ("message_id") "," STRING ("conversation_id") "," MAYBE (
              "conversation_title") "," STRING ("role") "," MAYBE ("excerpt") "," STRING ("created_"
                                                                                          "at"),
          "\"message_id\",\"conversation_id\""),
    " workspace_id query limit ", tool_search_messages },
  { "list_files", "Files", "Lists a workspace's files, the newest first.",
    INPUT (WORKSPACE "," NUMBER, "\"workspace_id\""),
    LIST ("files", FILE_PROPERTIES, "\"id\",\"name\",\"uri\""), " workspace_id limit ",
    tool_list_files },
  { "search_files", "Search files", "Finds files of a workspace by names and texts, best first.",
    INPUT (WORKSPACE "," DESCRIBED ("query", "Words") "," NUMBER, "\"workspace_id\",\"query\""),
    LIST ("files", FILE_PROPERTIES "," MAYBE ("excerpt"), "\"id\",\"name\",\"uri\""),
    " workspace_id query limit ", tool_search_files },
  { "read_file", "Read a file", "Gives a text or an image of a workspace.",
    INPUT (ID ("file_id", "Of list_files or search_files"), "\"file_id\""), NULL, " file_id ",
    tool_read_file },
  { "list_agents", "Agents",
    "Lists the agents that a workspace may ask; each is reached at /api/mcp/NAME.",
    INPUT (WORKSPACE, "\"workspace_id\""), LIST ("agents", STRING ("name"), "\"name\""),
    " workspace_id ", tool_list_agents },
};

gboolean
tool_list (McpAnswer *answer)
{
  DaeJson *json = answer->json;

  dae_json_begin_array (json, "tools");
  for (guint i = 0; i < G_N_ELEMENTS (tools); i++) {
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "name", tools[i].name);
    dae_json_text (json, "title", tools[i].title);
    dae_json_text (json, "description", tools[i].description);
    dae_json_raw (json, "inputSchema", tools[i].input);
    if (tools[i].output != NULL)
      dae_json_raw (json, "outputSchema", tools[i].output);
    dae_json_raw (json, "annotations", "{\"readOnlyHint\":true,\"openWorldHint\":false}");
    dae_json_end (json);
  }
  dae_json_end (json);
  return TRUE;
}

/* The first argument that TOOL does not take, or NULL. */
static const char *
tool_unknown_argument (const Tool *tool, JsonObject *arguments)
{
  g_autoptr (GList) names = arguments != NULL ? json_object_get_members (arguments) : NULL;

  for (const GList *name = names; name != NULL; name = name->next) {
    g_autofree char *word = g_strdup_printf (" %s ", (const char *)name->data);

    if (strstr (tool->arguments, word) == NULL)
      return name->data;
  }
  return NULL;
}

static void
tool_write_text (DaeJson *json, const char *text)
{
  dae_json_begin_array (json, "content");
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "type", "text");
  dae_json_text (json, "text", text);
  dae_json_end (json);
  dae_json_end (json);
}

static gboolean
tool_fail (McpAnswer *answer, const char *why)
{
  tool_write_text (answer->json, why);
  dae_json_bool (answer->json, "isError", TRUE);
  return TRUE;
}

gboolean
tool_call (McpAnswer *answer)
{
  JsonObject *params = answer->call->message->params;
  JsonObject *arguments = jsonrpc_object (params, "arguments");
  const char *name = jsonrpc_text (params, "name"), *why = NULL, *unknown;
  g_autofree char *text = NULL;
  DaeJson *json;

  for (guint i = 0; i < G_N_ELEMENTS (tools); i++) {
    if (g_strcmp0 (tools[i].name, name) != 0)
      continue;
    unknown = tool_unknown_argument (&tools[i], arguments);
    if (unknown != NULL) {
      text = g_strdup_printf ("%s takes no argument \"%s\"", name, unknown);
      return tool_fail (answer, text);
    }
    json = dae_json_new (answer->tx);
    dae_json_begin_object (json, NULL);
    if (!tools[i].run (answer, arguments, json, &why))
      return tool_fail (answer, why);
    dae_json_end (json);
    if (answer->outcome->file_id != NULL)
      return TRUE;
    text = dae_json_finish (json);
    tool_write_text (answer->json, text);
    dae_json_raw (answer->json, "structuredContent", text);
    return TRUE;
  }
  return method_fail (answer, JSONRPC_INVALID_PARAMS, "there is no such tool: see tools/list");
}
