/* SPDX-License-Identifier: Apache-2.0 */
/* relay-word: what a request asks for, as one of a few words that metrics may bear.
 *
 * The body is looked at, never changed; a large one is not even looked at.
 */
#include "../common/jsonrpc.h"
#include "relay.h"

#include <string.h>

#define WORD_MAX_LOOK (64 * 1024)

static const char *const words[] = {
  "initialize",  "ping",           "tools/list",     "tools/call",      "prompts/list",
  "prompts/get", "resources/list", "resources/read", "server/discover", "subscriptions/listen",
  NULL,
};

static const char *
word_of_method (const char *method)
{
  for (guint i = 0; words[i] != NULL; i++)
    if (g_strcmp0 (method, words[i]) == 0)
      return words[i];
  return g_str_has_prefix (method, "notifications/") ? "notification" : "other";
}

/* The body of REQ as a message, where it is one that may be looked at: owned. */
static JsonrpcMessage *
word_message (DaePlugin *self, DaeRequest *req)
{
  GBytes *body = dae_request_body (req);
  const char *text;
  gsize length;

  if (body == NULL || g_bytes_get_size (body) > WORD_MAX_LOOK)
    return NULL;
  text = g_bytes_get_data (body, &length);
  return jsonrpc_parse (self, text, length, NULL);
}

const char *
relay_word (DaePlugin *self, DaeRequest *req)
{
  const char *header = dae_request_header (req, "Mcp-Method");
  g_autoptr (JsonrpcMessage) message = NULL;

  if (g_str_equal (dae_request_method (req), "GET"))
    return "stream";
  if (g_str_equal (dae_request_method (req), "DELETE"))
    return "leave";
  if (header != NULL)
    return word_of_method (header);
  message = word_message (self, req);
  if (message == NULL)
    return "other";
  return message->method != NULL ? word_of_method (message->method) : "response";
}

/* Names that the agent is not known to have are one: who calls cannot make series. */
void
relay_count_tool (DaePlugin *self, DaeRequest *req, const char *agent)
{
  const RelayData *data = dae_data (self);
  const char *name = dae_request_header (req, "Mcp-Name");
  g_autoptr (JsonrpcMessage) message = NULL;

  if (name == NULL) {
    message = word_message (self, req);
    name = message != NULL ? jsonrpc_text (message->params, "name") : NULL;
  }
  if (name == NULL || !data->agents->has_tool (data->agents_plugin, agent, name))
    name = "other";
  dae_series_add (dae_series (self, "mcp_relay_tool_calls_total", agent, name), 1);
}
