/* SPDX-License-Identifier: Apache-2.0 */
/* mcp: messages of the Model Context Protocol (2025-03-26 to 2025-11-25), made and understood.
 *
 * Pure functions over JSON; sessions and sending are elsewhere.
 */
#pragma once

#include "jsonrpc.h"

G_BEGIN_DECLS

#define MCP_NEWEST "2025-11-25"

/* TRUE for a protocol revision that this code speaks. */
gboolean mcp_is_known_version (const char *version);
/* TRUE if ID may stand in a Mcp-Session-Id header: visible ASCII, 1 to 512 bytes. */
gboolean mcp_is_session_id (const char *id);
/* Params of `initialize` for a client without capabilities of its own. */
JsonObject *mcp_initialize_params (const char *name, const char *version);

/* ---- the tool that takes a message --------------------------------------- */

typedef struct {
  char *name;
  char *argument;            /* of the message */
  gboolean has_history;      /* takes `history` */
  gboolean has_images;       /* takes `images` */
  gboolean has_conversation; /* takes `conversation_id` */
} McpChatTool;

/* The tool of TOOLS (of tools/list) to chat with: WANTED where set; else send_message; else the
 * first that is not get_health or reload_agent_cards and demands a string `message`. ARGUMENT names
 * the argument of the message; NULL: `message`, or the only string that the tool demands. NULL if
 * there is none, with *RET_WHY (static). Owned. */
McpChatTool *mcp_chat_tool (JsonArray *tools, const char *wanted, const char *argument, const char **ret_why);
void mcp_chat_tool_free (McpChatTool *tool);
/* TRUE if TOOLS has one called NAME. */
gboolean mcp_has_tool (JsonArray *tools, const char *name);

/* ---- results --------------------------------------------------------------- */

/* Text of content blocks, with a short line for each that is not text ("[image: image/png]");
 * owned, never NULL. */
char *mcp_content_text (JsonArray *content);
/* TRUE if a normal result is in fact a model's error: fast-agent says it so. */
gboolean mcp_is_model_error (const char *text);

/* ---- what an agent says on the way ----------------------------------------- */

typedef enum {
  MCP_SAID_TEXT,       /* a piece of text, joined to the one before as it is */
  MCP_SAID_PARAGRAPH,  /* the whole text of one step of the agent */
  MCP_SAID_TOOL_STARTED,
  MCP_SAID_TOOL_ENDED,
} McpSaidKind;

typedef struct {
  McpSaidKind kind;
  char *text;     /* text, or a tool's result; never NULL */
  char *id;       /* the tool call's; NULL: none was given */
  char *name;     /* the tool's; NULL: none was given */
  char *parent;   /* id of the tool call that this happened within, or NULL */
  char *via;      /* agents that relayed it, joined by '/'; NULL: the agent itself said it */
  gboolean failed; /* a tool's end */
} McpSaid;

/* What the params of a notifications/message say. A structured message may say several things (text
 * and tool calls): (element-type McpSaid), owned; NULL if it is an ordinary log message. */
GPtrArray *mcp_said (JsonObject *params);
/* A line for people of an ordinary log message, owned; NULL if it is not worth one. */
char *mcp_log_line (JsonObject *params);

/* What is still to be appended to STREAMED so that it ends with FINAL: a text that is already its
 * ending, or lies in its last part (from LAST_PART, a byte offset), adds nothing; one that begins
 * with all of STREAMED adds its rest; any other is a paragraph of its own. Owned, perhaps "". */
char *mcp_final_rest (const char *streamed, gsize last_part, const char *final);

/* ---- health ------------------------------------------------------------------ */

/* What a result of get_health says: "ok", "degraded" or "error" (static), and why (owned, NULL for
 * ok or where nothing is said). */
const char *mcp_health (JsonObject *result, DaePlugin *self, char **ret_reason);

/* Cuts TEXT to at most MAX bytes at a character, line breaks become blanks; owned. */
char *mcp_one_line (const char *text, gsize max);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (McpChatTool, mcp_chat_tool_free)

G_END_DECLS
