/* SPDX-License-Identifier: Apache-2.0 */
/* reply-seal: the last that is done to a reply: what its request's conditions make of it, and the
 * headers that each answer carries.
 */
#include "request.h"

#include "condition.h"
#include "header.h"
#include "problem.h"
#include "range.h"

/* What describes a body that is not sent. */
static void
reply_drop_body (Reply *reply)
{
  static const char *const names[] = { "Accept-Ranges",    "Content-Disposition",
                                       "Content-Encoding", "Content-Language",
                                       "Content-Length",   "Content-Range",
                                       "Content-Type" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    reply_remove (reply, names[i]);
  g_clear_pointer (&reply->body, g_bytes_unref);
}

/* The reply becomes a problem: nothing that was said of the body holds for it. */
static void
reply_become_problem (Reply *reply, guint status, const char *code, const char *detail)
{
  reply->n_headers = 0;
  reply->status = status;
  reply->code = code;
  reply->detail = detail;
}

static void
reply_seal_range (Reply *reply, const Condition *condition, const ConditionState *state)
{
  const char *wanted = request_header (reply->request, "Range");
  gint64 total = reply->body ? (gint64)g_bytes_get_size (reply->body) : 0;
  g_autoptr (GBytes) whole = NULL;
  char text[RANGE_TEXT_SIZE];
  Range range;

  if (!wanted || !g_str_equal (reply->request->method, "GET") ||
      !condition_takes_range (condition, state, g_get_real_time () / G_USEC_PER_SEC))
    return;
  switch (range_parse (wanted, total, &range)) {
  case RANGE_WHOLE:
    return;
  case RANGE_NONE:
    reply_become_problem (reply, 416, "range_not_satisfiable", "the range begins behind the end");
    range_text (NULL, total, text);
    break;
  case RANGE_PART:
    whole = g_steal_pointer (&reply->body);
    reply->body = g_bytes_new_from_bytes (whole, (gsize)range.first, (gsize)range.length);
    reply->status = 206;
    range_text (&range, total, text);
    break;
  }
  reply_set (reply, "Content-Range", text);
}

static void
reply_seal_conditions (Reply *reply)
{
  Request *request = reply->request;
  const char *date = reply_find (reply, "Last-Modified");
  ConditionState state = { reply_find (reply, "ETag"), date ? header_parse_date (date) : -1 };
  Condition condition = {
    .if_none_match = request_header (request, "If-None-Match"),
    .if_modified_since = request_header (request, "If-Modified-Since"),
    .if_range = request_header (request, "If-Range"),
  };

  if (reply->is_file) {
    condition.if_match = request_header (request, "If-Match");
    condition.if_unmodified_since = request_header (request, "If-Unmodified-Since");
  }
  if (!state.etag && state.last_modified < 0 && !reply->is_file)
    return;
  switch (condition_judge (&condition, &state)) {
  case CONDITION_SAME:
    reply->status = 304;
    reply_drop_body (reply);
    break;
  case CONDITION_CHANGED:
    reply_become_problem (reply, 412, "precondition_failed", "it has changed since it was read");
    break;
  case CONDITION_GO:
    if (reply->is_file)
      reply_seal_range (reply, &condition, &state);
    break;
  }
}

static void
reply_seal_version (Reply *reply)
{
  char text[32];

  g_snprintf (text, sizeof text, "\"v%" G_GINT64_FORMAT "\"", reply->version);
  reply_set (reply, "ETag", text);
}

static void
reply_seal_problem (Reply *reply)
{
  Problem problem = { reply->status,      reply->code,        reply->detail,
                      reply->request->id, reply->sign_in_url, reply->errors };

  g_clear_pointer (&reply->body, g_bytes_unref);
  reply->body = problem_write (&problem);
  reply_set (reply, "Content-Type", "application/problem+json");
}

void
reply_seal (Reply *reply)
{
  const char *ranges = reply_find (reply, "Accept-Ranges");

  if (reply->sealed)
    return;
  reply->sealed = TRUE;
  if (reply->version >= 0)
    reply_seal_version (reply);
  if (reply->status == 200 && !reply->code && request_is_read (reply->request)) {
    reply->is_file = ranges && g_str_equal (ranges, "bytes");
    reply_seal_conditions (reply);
  }
  if (reply->code)
    reply_seal_problem (reply);
  if (reply->status == 204 || reply->status == 304)
    g_clear_pointer (&reply->body, g_bytes_unref);
}

/* A page elsewhere reads what an MCP client must (Fetch standard, 3.3). */
static void
reply_open_to_page (Reply *reply, const char *origin)
{
  reply_set (reply, "Access-Control-Allow-Origin", origin);
  reply_set (reply, "Access-Control-Expose-Headers",
             "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, X-Request-Id");
  reply_set (reply, "Vary", "Origin");
  reply_set (reply, "Cross-Origin-Resource-Policy", "cross-origin");
}

void
reply_dress (Reply *reply)
{
  const Route *route = reply->request->route;
  const char *type = reply_find (reply, "Content-Type");
  gboolean is_json = type && (g_str_has_prefix (type, "application/json") || reply->code);

  reply_set (reply, "X-Request-Id", reply->request->id);
  if (reply->request->mcp_origin)
    reply_open_to_page (reply, reply->request->mcp_origin);
  reply_set_default (reply, "X-Content-Type-Options", "nosniff");
  reply_set_default (reply, "Referrer-Policy", "no-referrer");
  reply_set_default (reply, "Cross-Origin-Opener-Policy", "same-origin");
  reply_set_default (reply, "Cross-Origin-Resource-Policy", "same-origin");
  if (route && (route->row.flags & DAE_ROUTE_SECRET))
    reply_set (reply, "Cache-Control", "no-store");
  else if (is_json)
    reply_set_default (reply, "Cache-Control", "no-store");
  /* a 304 has no type, and what it says would replace what the cache knows of the page */
  if (type && !g_str_has_prefix (type, "text/html"))
    reply_set_default (reply, "Content-Security-Policy",
                       "default-src 'none'; frame-ancestors 'none'");
}
