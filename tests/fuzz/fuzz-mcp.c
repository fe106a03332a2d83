/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of agents: JSON-RPC, and all that is read out of them. */
#include "fuzz.h"

#include "../unit/stub-plugin.h"
#include "mcp.h"

#include <string.h>

static void
check_one_line (const char *line, gsize max)
{
  MUST (strlen (line) <= max + 3 && strpbrk (line, "\r\n") == NULL);
  MUST (g_utf8_validate (line, -1, NULL));
}

static void
check_said (JsonObject *params)
{
  g_autoptr (GPtrArray) all = mcp_said (params);
  g_autofree char *line = mcp_log_line (params);

  if (line != NULL)
    check_one_line (line, 300);
  for (guint i = 0; all != NULL && i < all->len; i++) {
    const McpSaid *said = all->pdata[i];

    MUST (said->text != NULL && g_utf8_validate (said->text, -1, NULL));
    if (said->id != NULL)
      check_one_line (said->id, 200);
    if (said->name != NULL)
      check_one_line (said->name, 200);
    if (said->via != NULL)
      check_one_line (said->via, 200);
  }
}

static void
check_tools (JsonArray *tools)
{
  static const char *const wanted[] = { NULL, "send_message", "get_health" };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    const char *why = NULL;
    g_autoptr (McpChatTool) tool =
        mcp_chat_tool (tools, wanted[i], i == 2 ? "message" : NULL, &why);

    MUST ((tool == NULL) == (why != NULL));
    if (tool != NULL)
      MUST (mcp_has_tool (tools, tool->name) && tool->argument != NULL);
  }
}

static void
check_result (JsonObject *result)
{
  JsonArray *tools = jsonrpc_list (result, "tools");
  g_autofree char *text = mcp_content_text (jsonrpc_list (result, "content"));
  g_autofree char *reason = NULL, *rest = NULL, *again = NULL;
  const char *health = mcp_health (result, stub_plugin (), &reason);
  gsize half = strlen (text) / 2;

  MUST (g_utf8_validate (text, -1, NULL));
  MUST (health != NULL);
  if (reason != NULL)
    MUST (g_utf8_validate (reason, -1, NULL));
  mcp_is_model_error (text);
  mcp_is_session_id (text);
  if (tools != NULL)
    check_tools (tools);
  while (half > 0 && ((guchar)text[half] & 0xc0) == 0x80)
    half--;
  rest = mcp_final_rest (text, half, text + half);
  MUST (g_utf8_validate (rest, -1, NULL) && *rest == '\0');
  again = mcp_final_rest ("", 0, text);
  MUST (g_utf8_validate (again, -1, NULL));
}

static void
check_written (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonrpcMessage) message = jsonrpc_parse (stub_plugin (), text, strlen (text), &error);

  MUST (message != NULL && error == NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = fuzz_copy (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonrpcMessage) message = jsonrpc_parse (stub_plugin (), text, size, &error);

  MUST ((message == NULL) == (error != NULL));
  if (message == NULL)
    return 0;
  if (message->kind == JSONRPC_ERROR)
    MUST (message->message != NULL);
  if (message->kind == JSONRPC_REQUEST || message->kind == JSONRPC_NOTIFICATION)
    MUST (message->method != NULL);
  if (message->params != NULL)
    check_said (message->params);
  if (message->result != NULL)
    check_result (message->result);
  if (message->kind == JSONRPC_REQUEST) {
    g_autofree char *result = jsonrpc_result (message->id, json_object_new ());
    g_autofree char *fault = jsonrpc_error (message->id, JSONRPC_INVALID_PARAMS, message->method);

    check_written (result);
    check_written (fault);
  }
  return 0;
}
