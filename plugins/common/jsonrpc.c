/* SPDX-License-Identifier: Apache-2.0 */
/* jsonrpc: json-glib sees only what the strict scanner has passed; it alone accepts much that is
 * not JSON and recurses as deep as it is told.
 */
#include "jsonrpc.h"

#include <string.h>

#define JSONRPC_MAX_DEPTH 64
#define JSONRPC_MAX_NODES 400000

void
jsonrpc_message_free (JsonrpcMessage *message)
{
  if (message == NULL)
    return;
  g_clear_pointer (&message->root, json_node_unref);
  g_free (message);
}

static JsonNode *
jsonrpc_member (JsonObject *object, const char *name)
{
  return object != NULL ? json_object_get_member (object, name) : NULL;
}

const char *
jsonrpc_text (JsonObject *object, const char *name)
{
  JsonNode *node = jsonrpc_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

JsonObject *
jsonrpc_object (JsonObject *object, const char *name)
{
  JsonNode *node = jsonrpc_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
jsonrpc_list (JsonObject *object, const char *name)
{
  JsonNode *node = jsonrpc_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

double
jsonrpc_number (JsonObject *object, const char *name, double fallback)
{
  JsonNode *node = jsonrpc_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node))
    return fallback;
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    return (double)json_node_get_int (node);
  if (json_node_get_value_type (node) == G_TYPE_DOUBLE)
    return json_node_get_double (node);
  return fallback;
}

gboolean
jsonrpc_truth (JsonObject *object, const char *name)
{
  JsonNode *node = jsonrpc_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
         json_node_get_value_type (node) == G_TYPE_BOOLEAN && json_node_get_boolean (node);
}

JsonObject *
jsonrpc_list_object (JsonArray *list, guint index)
{
  JsonNode *node = json_array_get_element (list, index);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* The id as JSON-RPC allows it. FALSE if it is something else. */
static gboolean
jsonrpc_read_id (JsonrpcMessage *message, JsonObject *object)
{
  JsonNode *id = jsonrpc_member (object, "id");

  message->number = -1;
  if (id == NULL || JSON_NODE_HOLDS_NULL (id))
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (id) || json_node_get_value_type (id) == G_TYPE_BOOLEAN)
    return FALSE;
  message->id = id;
  if (json_node_get_value_type (id) == G_TYPE_INT64)
    message->number = json_node_get_int (id);
  return TRUE;
}

/* Says what OBJECT is; NULL on success, else why it is no message. */
static const char *
jsonrpc_classify (JsonrpcMessage *message, JsonObject *object)
{
  JsonObject *fault = jsonrpc_object (object, "error");
  JsonNode *params = jsonrpc_member (object, "params");

  if (g_strcmp0 (jsonrpc_text (object, "jsonrpc"), "2.0") != 0)
    return "it does not say \"jsonrpc\": \"2.0\"";
  if (!jsonrpc_read_id (message, object))
    return "its id is neither a number nor a string";
  message->method = jsonrpc_text (object, "method");
  if (message->method != NULL) {
    message->kind = message->id != NULL ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
    message->params = jsonrpc_object (object, "params");
    if (params != NULL && message->params == NULL && !JSON_NODE_HOLDS_ARRAY (params) &&
        !JSON_NODE_HOLDS_NULL (params))
      return "its params are neither an object nor a list";
    return NULL;
  }
  if (fault != NULL) {
    message->kind = JSONRPC_ERROR;
    message->code = (gint64)jsonrpc_number (fault, "code", 0);
    message->message = jsonrpc_text (fault, "message");
    if (message->message == NULL)
      message->message = "no reason given";
    return NULL;
  }
  message->kind = JSONRPC_RESULT;
  message->result = jsonrpc_object (object, "result");
  if (message->result == NULL || message->id == NULL)
    return "it is neither a request nor an answer";
  return NULL;
}

JsonrpcMessage *
jsonrpc_parse (DaePlugin *self, const char *text, gsize length, GError **error)
{
  g_autoptr (JsonrpcMessage) message = g_new0 (JsonrpcMessage, 1);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) why = NULL;
  const char *fault = "it is not an object";

  if (!dae_json_check (self, text, length, JSONRPC_MAX_DEPTH, JSONRPC_MAX_NODES, &why)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "not JSON: %s",
                 why != NULL ? why->message : "refused");
    return NULL;
  }
  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize)length, &why)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "not JSON: %s", why->message);
    return NULL;
  }
  message->root = json_parser_steal_root (parser);
  if (message->root != NULL && JSON_NODE_HOLDS_OBJECT (message->root))
    fault = jsonrpc_classify (message, json_node_get_object (message->root));
  if (fault != NULL) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "not a JSON-RPC message: %s",
                 fault);
    return NULL;
  }
  return g_steal_pointer (&message);
}

/* The text of NODE. json-glib 1.6 leaves U+001F as it is, which is not JSON. */
static char *
jsonrpc_write (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, FALSE);
  g_auto (GStrv) parts = NULL;

  if (strchr (text, 0x1f) == NULL)
    return g_steal_pointer (&text);
  parts = g_strsplit (text, "\x1f", -1);
  return g_strjoinv ("\\u001f", parts);
}

char *
jsonrpc_object_text (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  json_node_set_object (node, object);
  return jsonrpc_write (node);
}

char *
jsonrpc_list_text (JsonArray *list)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);

  json_node_set_array (node, list);
  return jsonrpc_write (node);
}

static JsonObject *
jsonrpc_envelope (JsonNode *id)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "jsonrpc", "2.0");
  if (id != NULL)
    json_object_set_member (object, "id", json_node_copy (id));
  return object;
}

char *
jsonrpc_notification (const char *method, JsonObject *params)
{
  g_autoptr (JsonObject) object = jsonrpc_envelope (NULL);

  json_object_set_string_member (object, "method", method);
  if (params != NULL)
    json_object_set_object_member (object, "params", params);
  return jsonrpc_object_text (object);
}

char *
jsonrpc_request (gint64 id, const char *method, JsonObject *params)
{
  g_autoptr (JsonObject) object = jsonrpc_envelope (NULL);

  json_object_set_int_member (object, "id", id);
  json_object_set_string_member (object, "method", method);
  if (params != NULL)
    json_object_set_object_member (object, "params", params);
  return jsonrpc_object_text (object);
}

char *
jsonrpc_result (JsonNode *id, JsonObject *result)
{
  g_autoptr (JsonObject) object = jsonrpc_envelope (id);

  if (id == NULL)
    json_object_set_null_member (object, "id");
  json_object_set_object_member (object, "result", result);
  return jsonrpc_object_text (object);
}

char *
jsonrpc_error (JsonNode *id, gint64 code, const char *message)
{
  g_autoptr (JsonObject) object = jsonrpc_envelope (id);
  JsonObject *fault = json_object_new ();

  if (id == NULL)
    json_object_set_null_member (object, "id");
  json_object_set_int_member (fault, "code", code);
  json_object_set_string_member (fault, "message", message);
  json_object_set_object_member (object, "error", fault);
  return jsonrpc_object_text (object);
}
