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

const char *
relay_word (DaePlugin *self, DaeRequest *req)
{
  const char *header = dae_request_header (req, "Mcp-Method");
  GBytes *body = dae_request_body (req);
  g_autoptr (JsonrpcMessage) message = NULL;
  const char *text;
  gsize length;

  if (g_str_equal (dae_request_method (req), "GET"))
    return "stream";
  if (g_str_equal (dae_request_method (req), "DELETE"))
    return "leave";
  if (header != NULL)
    return word_of_method (header);
  if (body == NULL || g_bytes_get_size (body) > WORD_MAX_LOOK)
    return "other";
  text = g_bytes_get_data (body, &length);
  message = jsonrpc_parse (self, text, length, NULL);
  if (message == NULL)
    return "other";
  return message->method != NULL ? word_of_method (message->method) : "response";
}
