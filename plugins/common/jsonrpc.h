/* SPDX-License-Identifier: Apache-2.0 */
/* jsonrpc: messages of JSON-RPC 2.0, one a text (no batches), read strictly and written. */
#pragma once

#include <daedalus-plugin.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

enum {
  JSONRPC_PARSE_ERROR = -32700,
  JSONRPC_INVALID_REQUEST = -32600,
  JSONRPC_METHOD_NOT_FOUND = -32601,
  JSONRPC_INVALID_PARAMS = -32602,
  JSONRPC_INTERNAL_ERROR = -32603,
};

typedef enum {
  JSONRPC_REQUEST,
  JSONRPC_NOTIFICATION,
  JSONRPC_RESULT,
  JSONRPC_ERROR,
} JsonrpcKind;

/* All members but `root` are borrowed from it. */
typedef struct {
  JsonrpcKind kind;
  JsonNode *root;      /* owned */
  JsonNode *id;        /* number or string; NULL: none, or null */
  gint64 number;       /* the id where it is an integer, else -1 */
  const char *method;  /* request, notification */
  JsonObject *params;  /* the same; NULL: none, or a list */
  JsonObject *result;  /* result */
  gint64 code;         /* error */
  const char *message; /* error; never NULL then */
} JsonrpcMessage;

/* Reads one message. NULL with ERROR (G_IO_ERROR_INVALID_DATA) if TEXT is not JSON that
 * dae_json_check accepts, or (G_IO_ERROR_INVALID_ARGUMENT) if it is not a message. Owned. */
JsonrpcMessage *jsonrpc_parse (DaePlugin *self, const char *text, gsize length, GError **error);
void jsonrpc_message_free (JsonrpcMessage *message);

/* Text of messages, owned. PARAMS and RESULT are given; PARAMS may be NULL. */
char *jsonrpc_request (gint64 id, const char *method, JsonObject *params);
char *jsonrpc_notification (const char *method, JsonObject *params);
/* ID is copied; NULL is written as null. */
char *jsonrpc_result (JsonNode *id, JsonObject *result);
char *jsonrpc_error (JsonNode *id, gint64 code, const char *message);

/* Members of an object that a peer wrote: NULL, FALSE or the fallback if OBJECT is NULL or the
 * member is absent or of another type. Borrowed. */
const char *jsonrpc_text (JsonObject *object, const char *name);
JsonObject *jsonrpc_object (JsonObject *object, const char *name);
JsonArray *jsonrpc_list (JsonObject *object, const char *name);
double jsonrpc_number (JsonObject *object, const char *name, double fallback);
gboolean jsonrpc_truth (JsonObject *object, const char *name);
/* The element of LIST as an object, or NULL. */
JsonObject *jsonrpc_list_object (JsonArray *list, guint index);

/* JSON text of an object or a list, owned; the value stays the caller's. */
char *jsonrpc_object_text (JsonObject *object);
char *jsonrpc_list_text (JsonArray *list);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (JsonrpcMessage, jsonrpc_message_free)

G_END_DECLS
