/* SPDX-License-Identifier: Apache-2.0 */
/* mcp-server-file: the content of a file, as a resource or as a tool's result. */
#include "mcp-server.h"

#include <string.h>

#define FILE_MAX_TEXT  (256 * 1024)
#define FILE_MAX_BYTES (4 * 1024 * 1024)

typedef struct {
  McpCall *call;
  McpOutcome *outcome;
} Reading;

static void
file_write_resource (DaeJson *json, const McpOutcome *outcome, const char *text, const char *base64)
{
  dae_json_text (json, "uri", outcome->uri);
  dae_json_text (json, "mimeType", outcome->type);
  if (text != NULL)
    dae_json_text (json, "text", text);
  else
    dae_json_text (json, "blob", base64);
}

/* A tool's result: texts and images are content, anything else is embedded. */
static void
file_write_block (DaeJson *json, const McpOutcome *outcome, const char *text, const char *base64)
{
  dae_json_begin_array (json, "content");
  dae_json_begin_object (json, NULL);
  if (text != NULL) {
    dae_json_text (json, "type", "text");
    dae_json_text (json, "text", text);
  } else if (g_str_has_prefix (outcome->type, "image/")) {
    dae_json_text (json, "type", "image");
    dae_json_text (json, "data", base64);
    dae_json_text (json, "mimeType", outcome->type);
  } else {
    dae_json_text (json, "type", "resource");
    dae_json_begin_object (json, "resource");
    file_write_resource (json, outcome, NULL, base64);
    dae_json_end (json);
  }
  dae_json_end (json);
  dae_json_end (json);
}

/* The text of CONTENT, whole characters only; NULL: it is none. Owned. */
static char *
file_dup_text (const McpOutcome *outcome, GBytes *content)
{
  gsize length;
  const char *bytes = g_bytes_get_data (content, &length), *end;

  if (g_str_has_prefix (outcome->type, "image/") || memchr (bytes, '\0', length) != NULL)
    return NULL;
  /* the last character may have been cut */
  if (!g_utf8_validate (bytes, (gssize)length, &end) && (gsize)(end - bytes) + 4 < length)
    return NULL;
  return g_strndup (bytes, MIN ((gsize)(end - bytes), FILE_MAX_TEXT));
}

static void
file_send (McpCall *call, McpOutcome *outcome, GBytes *content)
{
  g_autofree char *text = file_dup_text (outcome, content), *base64 = NULL, *result = NULL;
  DaeJson *json = dae_json_new (call->self);
  gsize length;
  const guchar *bytes = g_bytes_get_data (content, &length);

  if (text == NULL)
    base64 = g_base64_encode (bytes, length);
  dae_json_begin_object (json, NULL);
  if (outcome->is_tool) {
    file_write_block (json, outcome, text, base64);
  } else {
    dae_json_begin_array (json, "contents");
    dae_json_begin_object (json, NULL);
    file_write_resource (json, outcome, text, base64);
    dae_json_end (json);
    dae_json_end (json);
  }
  wire_finish (call, json);
  dae_json_end (json);
  result = dae_json_finish (json);
  dae_send (call->req, wire_result (call, result));
}

static void
file_on_read (GBytes *content, const char *problem, gpointer data)
{
  Reading *reading = data;

  if (content != NULL)
    file_send (reading->call, reading->outcome, content);
  else
    dae_send (reading->call->req, wire_refuse (reading->call, JSONRPC_INTERNAL_ERROR,
                                               "the file cannot be read now: try again soon"));
  mcp_outcome_free (reading->outcome);
  mcp_call_free (reading->call);
  g_free (reading);
}

void
file_answer (McpCall *call, McpOutcome *outcome)
{
  const McpServer *server = dae_data (call->self);
  gboolean is_text = g_str_has_prefix (outcome->type, "text/");
  Reading *reading;

  if (!is_text && outcome->size > FILE_MAX_BYTES) {
    dae_send (call->req, wire_refuse (call, JSONRPC_INVALID_PARAMS,
                                      "the file is larger than 4 MiB: download it"));
    mcp_outcome_free (outcome);
    mcp_call_free (call);
    return;
  }
  reading = g_new0 (Reading, 1);
  reading->call = call;
  reading->outcome = outcome;
  server->files->read (server->files_plugin, outcome->file_id,
                       is_text ? FILE_MAX_TEXT : FILE_MAX_BYTES, NULL, file_on_read, reading);
}
