/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server: what the parts of this plugin share.
 *
 *   mcp-server.c           descriptor, route, one message and its answer
 *   mcp-server-wire.c      revisions: what each demands of a request, and how answers look
 *   mcp-server-method.c    methods that need no database
 *   mcp-server-tool.c      tools
 *   mcp-server-resource.c  resources, prompts, completion
 *   mcp-server-file.c      content of files
 *
 * It keeps nothing between two requests: they may come to any worker of any host.
 */
#pragma once

#include "../common/jsonrpc.h"
#include "../common/mcp.h"

#include <daedalus-plugin.h>
#include <services/agents.h>
#include <services/conversations.h>
#include <services/files.h>
#include <services/workspaces.h>

G_BEGIN_DECLS

#define MCP_SERVER_MODERN "2026-07-28"

enum {
  MCP_SERVER_NOT_FOUND = -32002, /* of a resource, before 2026-07-28 */
  MCP_SERVER_HEADER_MISMATCH = -32020,
  MCP_SERVER_UNSUPPORTED_VERSION = -32022,
};

/* dae_data */
typedef struct {
  const DaeWorkspaces1 *workspaces;
  DaePlugin *workspaces_plugin;
  const DaeConversations1 *conversations;
  DaePlugin *conversations_plugin;
  const DaeAgents1 *agents;
  DaePlugin *agents_plugin;
  const DaeFiles1 *files; /* NULL: there are none */
  DaePlugin *files_plugin;
} McpServer;

typedef struct McpMethod McpMethod;

/* One request; constant while it is worked on. */
typedef struct {
  DaePlugin *self;
  DaeRequest *req;         /* a reference */
  JsonrpcMessage *message; /* owned */
  const McpMethod *method;
  const char *subject; /* who asks */
  gboolean is_modern;
} McpCall;

/* What a request comes to. */
typedef struct {
  char *result; /* JSON text of the result, owned; NULL: an error, or a file is to be read */
  gint64 code;
  const char *why; /* static */
  char *file_id, *name, *type, *uri; /* of the file to read, owned */
  gint64 size;
  gboolean is_tool; /* the file is a tool's result, not a resource */
} McpOutcome;

/* What is being answered: the members of the result go into JSON, which is an open object. */
typedef struct {
  const McpCall *call;
  DaeTx *tx; /* NULL: no database */
  DaeJson *json;
  McpOutcome *outcome;
} McpAnswer;

struct McpMethod {
  const char *name;
  /* FALSE: the outcome holds the error. */
  gboolean (*write) (McpAnswer *answer);
  gboolean needs_database, is_legacy, is_modern, is_cached;
};

/* mcp-server-wire.c */

/* Finds out of which era MESSAGE is. NULL, or the answer to a request that its era refuses. */
DaeReply *wire_check (DaePlugin *self, DaeRequest *req, JsonrpcMessage *message, gboolean *ret_is_modern);
DaeReply *wire_result (McpCall *call, const char *result);
DaeReply *wire_error (DaePlugin *self, DaeRequest *req, guint status, JsonNode *id, gint64 code, const char *why);
/* The answer to CALL that has no result. */
DaeReply *wire_refuse (McpCall *call, gint64 code, const char *why);
/* What each result of its era ends with. */
void wire_finish (const McpCall *call, DaeJson *json);

/* mcp-server-method.c: NULL, or the row of NAME in that era. */
const McpMethod *method_find (const char *name, gboolean is_modern);
/* A fault of what was asked; FALSE. */
gboolean method_fail (McpAnswer *answer, gint64 code, const char *why);
/* "params.NAME" where it is a UUID as this host writes them, else NULL. */
const char *method_uuid (JsonObject *object, const char *name);

/* mcp-server-tool.c */
gboolean tool_list (McpAnswer *answer);
gboolean tool_call (McpAnswer *answer);

/* mcp-server-resource.c */
gboolean resource_list (McpAnswer *answer);
gboolean resource_templates (McpAnswer *answer);
gboolean resource_read (McpAnswer *answer);
gboolean prompt_list (McpAnswer *answer);
gboolean prompt_get (McpAnswer *answer);
gboolean completion_complete (McpAnswer *answer);
/* A conversation as a document: "title", "workspace_id" and the messages of its current branch, the last LIMIT, by
 * FUNC. FALSE: there is none that who asks may read. */
typedef void (*ResourceMessage) (DaeRows *row, gpointer data);
enum { RESOURCE_ID, RESOURCE_ROLE, RESOURCE_AUTHOR, RESOURCE_AGENT, RESOURCE_CONTENT, RESOURCE_STATE, RESOURCE_CREATED };
gboolean resource_conversation (McpAnswer *answer, const char *id, gint64 limit, const char **ret_title,
                                const char **ret_workspace_id, DaeRows **ret_messages);
/* The file ID is to be read. FALSE: there is none that who asks may read. */
gboolean resource_file (McpAnswer *answer, const char *id);

/* mcp-server-file.c: reads the file of OUTCOME (given) and answers CALL (given). */
void file_answer (McpCall *call, McpOutcome *outcome);

/* mcp-server.c */
void mcp_call_free (McpCall *call);
void mcp_outcome_free (gpointer outcome);

G_END_DECLS
