/* SPDX-License-Identifier: Apache-2.0 */
/* receive: query and body, checked against the route's row before the handler sees them. */
#include <string.h>

#include "json-check.h"
#include "passage.h"

#define RECEIVE_MAX_BODY (G_GINT64_CONSTANT (1) << 20)
#define RECEIVE_MAX_KEY  200

static void
receive_refuse_faults (Passage *passage, const char *code, const char *detail, GPtrArray *faults)
{
  exchange_refuse (passage, 422, code, detail);
  for (guint i = 0; i + 1 < faults->len; i += 2)
    dae_reply_pointer (&passage->reply->base, faults->pdata[i], faults->pdata[i + 1]);
}

static void
receive_too_large (Passage *passage)
{
  const DaeRoute *row = &passage->request->route->row;

  account_reject (passage, "body");
  exchange_refuse (passage, 413, "body_too_large",
                   row->body == DAE_BODY_NONE ? "this route takes no body"
                                              : "the body is larger than this route takes");
}

void
receive_read_query (Request *request, GPtrArray *faults)
{
  const DaeRoute *row = &request->route->row;

  if (row->query.n_rows == 0)
    return;
  request->query_values = arena_new0 (&request->arena, MemberValue, row->query.n_rows);
  members_check_query (&request->arena, request->query, row->query.rows, row->query.n_rows,
                       request->query_values, faults);
}

/* FALSE: refused. */
static gboolean
receive_idempotency_key (Passage *passage)
{
  Request *request = passage->request;
  const char *key = request_header (request, "Idempotency-Key");
  guint count = request_header_count (request, "Idempotency-Key");
  gsize length = key ? strlen (key) : 0;
  gboolean good = length >= 1 && length <= RECEIVE_MAX_KEY;

  if (count == 0)
    return TRUE;
  for (gsize i = 0; i < length && good; i++)
    good = key[i] > 0x20 && key[i] < 0x7f;
  if (!(request->route->row.flags & DAE_ROUTE_IDEMPOTENT)) {
    exchange_refuse (passage, 400, "idempotency_not_supported",
                     "this route does not take Idempotency-Key");
    return FALSE;
  }
  if (!good) {
    exchange_refuse (passage, 400, "invalid_idempotency_key",
                     "Idempotency-Key must be one header of 1 to 200 visible ASCII characters");
    return FALSE;
  }
  passage->idempotency_key = key;
  return TRUE;
}

static gboolean
receive_query (Passage *passage)
{
  g_autoptr (GPtrArray) faults = NULL;

  if (passage->request->route->row.query.n_rows == 0)
    return TRUE;
  faults = g_ptr_array_new ();
  receive_read_query (passage->request, faults);
  if (faults->len == 0)
    return TRUE;
  receive_refuse_faults (passage, "invalid_query", "the query does not fit", faults);
  return FALSE;
}

static void
receive_json (Passage *passage, GBytes *body)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;
  g_autoptr (GPtrArray) faults = g_ptr_array_new ();
  gsize length, offset;
  const char *text = g_bytes_get_data (body, &length);
  const char *why;

  if (!json_check (text, length, JSON_LIMITS_DEFAULT, &offset, &why)) {
    g_autofree char *detail =
        g_strdup_printf ("the body is not strict JSON: %s at byte %" G_GSIZE_FORMAT, why, offset);

    exchange_refuse (passage, 400, "malformed_json", detail);
    return;
  }
  request->body_values = arena_new0 (&request->arena, MemberValue, row->members.n_rows);
  members_check_body (&request->arena, text, row->members.rows, row->members.n_rows,
                      request->body_values, faults);
  if (faults->len > 0)
    receive_refuse_faults (passage, "invalid_body", "the body does not fit", faults);
}

static void
receive_cut (Passage *passage, guint status)
{
  if (status == 0) {
    exchange_refuse (passage, 499, "client_left", "the client has left");
    return;
  }
  account_reject (passage, "body");
  if (status == 408)
    exchange_refuse (passage, 408, "body_too_slow", "the body came too slowly");
  else
    exchange_refuse (passage, status, "body_cut", "the framing of the body is broken");
}

static void
receive_done (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data)
{
  Passage *passage = data;
  Request *request = passage->request;
  g_autoptr (GBytes) none = NULL;

  if (state == SERVER_BODY_TOO_LARGE) {
    receive_too_large (passage);
  } else if (state == SERVER_BODY_CUT) {
    receive_cut (passage, server_call_body_fault (call));
  } else if (request->route->row.body != DAE_BODY_NONE) {
    if (!body)
      body = none = g_bytes_new_static ("", 0);
    request->body = g_bytes_ref (body);
    if (request->route->row.body == DAE_BODY_JSON)
      receive_json (passage, body);
  }
  exchange_resume (passage);
}

static gboolean
receive_type_fits (Passage *passage)
{
  Request *request = passage->request;

  if (request_has_type (request, "application/json") ||
      (g_str_equal (request->method, "PATCH") &&
       request_has_type (request, "application/merge-patch+json")))
    return TRUE;
  exchange_refuse (passage, 415, "unsupported_media_type",
                   "the body must be application/json in UTF-8");
  return FALSE;
}

static gboolean
receive_encoding_fits (Passage *passage)
{
  Request *request = passage->request;
  const char *encoding = request_header (request, "Content-Encoding");

  if (request_header_count (request, "Content-Encoding") == 0 ||
      (encoding && g_ascii_strcasecmp (encoding, "identity") == 0))
    return TRUE;
  exchange_refuse (passage, 415, "unsupported_encoding",
                   "the body must not have a Content-Encoding");
  return FALSE;
}

static gboolean
receive_body (Passage *passage)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;
  gint64 max = row->body == DAE_BODY_NONE ? 0
               : row->body_max > 0        ? row->body_max
                                          : RECEIVE_MAX_BODY;

  if (request->body_length > max) {
    receive_too_large (passage);
    return TRUE;
  }
  if (request->body_length != 0 && !receive_encoding_fits (passage))
    return TRUE;
  if (row->body == DAE_BODY_STREAM) {
    request->stream = g_object_ref (server_call_read_stream (passage->call, max));
    return TRUE;
  }
  if (row->body == DAE_BODY_NONE && request->body_length == 0)
    return TRUE;
  if (row->body == DAE_BODY_JSON && !receive_type_fits (passage))
    return TRUE;
  server_call_read (passage->call, max, receive_done, passage);
  return FALSE;
}

gboolean
receive_step (Passage *passage)
{
  if (!passage->call) {
    exchange_refuse (passage, 499, "client_left", "the client has left");
    return TRUE;
  }
  if (!receive_idempotency_key (passage) || !receive_query (passage))
    return TRUE;
  return receive_body (passage);
}
