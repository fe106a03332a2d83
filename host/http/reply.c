/* SPDX-License-Identifier: Apache-2.0 */
/* reply: answers under construction, each with memory of its own, since a pool thread and the loop
 * may both make one for the same request.
 */
#include "request.h"

#include <string.h>

#include "../plugin/plugin.h"
#include "header.h"

#define REPLY_FIRST_HEADERS 12
#define REPLY_MAX_ERRORS    100
#define REPLY_MIN_STATUS    200
#define REPLY_MAX_STATUS    599

/* STATUS, or 500 where it is none that an answer can have. */
static guint
reply_status (Request *request, guint status)
{
  Plugin *plugin = request->route ? request->route->plugin : NULL;

  if (status >= REPLY_MIN_STATUS && status <= REPLY_MAX_STATUS)
    return status;
  if (plugin)
    plugin_fault (plugin, "header", "a status that no answer has");
  return 500;
}

Reply *
reply_new (Request *request, guint status)
{
  Reply *reply = g_malloc (sizeof *reply);

  memset (reply, 0, G_STRUCT_OFFSET (Reply, first));
  reply->base.api = request->base.api;
  reply->request = request;
  reply->status = reply_status (request, status);
  reply->version = -1;
  arena_init (&reply->arena, reply->first, sizeof reply->first);
  do
    reply->next = g_atomic_pointer_get (&request->replies);
  while (!g_atomic_pointer_compare_and_exchange (&request->replies, reply->next, reply));
  return reply;
}

void
reply_free (Reply *reply)
{
  g_clear_pointer (&reply->body, g_bytes_unref);
  g_clear_pointer (&reply->errors, g_ptr_array_unref);
  arena_clear (&reply->arena);
  g_free (reply);
}

static ServerHeader *
reply_find_row (const Reply *reply, const char *name)
{
  for (guint i = 0; i < reply->n_headers; i++) {
    if (g_ascii_strcasecmp (reply->headers[i].name, name) == 0)
      return &reply->headers[i];
  }
  return NULL;
}

const char *
reply_find (const Reply *reply, const char *name)
{
  const ServerHeader *row = reply_find_row (reply, name);

  return row ? row->value : NULL;
}

void
reply_add (Reply *reply, const char *name, const char *value)
{
  if (reply->n_headers == reply->headers_size) {
    guint size = MAX (REPLY_FIRST_HEADERS, 2 * reply->headers_size);
    ServerHeader *headers = arena_alloc (&reply->arena, size * sizeof *headers);

    if (reply->n_headers > 0)
      memcpy (headers, reply->headers, reply->n_headers * sizeof *headers);
    reply->headers = headers;
    reply->headers_size = size;
  }
  reply->headers[reply->n_headers++] =
      (ServerHeader){ arena_strdup (&reply->arena, name), arena_strdup (&reply->arena, value) };
}

void
reply_set (Reply *reply, const char *name, const char *value)
{
  ServerHeader *row = reply_find_row (reply, name);

  if (row)
    row->value = arena_strdup (&reply->arena, value);
  else
    reply_add (reply, name, value);
}

void
reply_set_default (Reply *reply, const char *name, const char *value)
{
  if (!reply_find_row (reply, name))
    reply_add (reply, name, value);
}

void
reply_remove (Reply *reply, const char *name)
{
  ServerHeader *row = reply_find_row (reply, name);

  if (row)
    *row = reply->headers[--reply->n_headers];
}

Reply *
reply_problem (Request *request, guint status, const char *code, const char *detail)
{
  Reply *reply = reply_new (request, status);

  reply->code = arena_strdup (&reply->arena, code ? code : "error");
  reply->detail = arena_strdup (&reply->arena, detail);
  return reply;
}

Reply *
reply_problem_retry (
    Request *request, guint status, const char *code, const char *detail, guint seconds)
{
  Reply *reply = reply_problem (request, status, code, detail);
  char text[16];

  g_snprintf (text, sizeof text, "%u", seconds);
  reply_set (reply, "Retry-After", text);
  return reply;
}

/* Framing and connection are the server's, the request id is the host's. */
static gboolean
reply_is_reserved (const char *name)
{
  static const char *const reserved[] = { "Connection",        "Date",    "Keep-Alive",   "Trailer",
                                          "Transfer-Encoding", "Upgrade", "X-Request-Id", NULL };

  for (guint i = 0; reserved[i]; i++) {
    if (g_ascii_strcasecmp (reserved[i], name) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
reply_may_repeat (const char *name)
{
  return g_ascii_strcasecmp (name, "Set-Cookie") == 0 || g_ascii_strcasecmp (name, "Link") == 0;
}

static void
reply_slot_header (DaeReply *base, const char *name, const char *value)
{
  Reply *reply = (Reply *)base;
  Plugin *plugin = reply->request->route ? reply->request->route->plugin : NULL;

  if (!header_is_sound (name, value) || reply_is_reserved (name)) {
    if (plugin)
      plugin_fault (plugin, "header", name);
    return;
  }
  if (reply_may_repeat (name))
    reply_add (reply, name, value);
  else
    reply_set (reply, name, value);
}

static DaeReply *
reply_slot_empty (DaeRequest *req, guint status)
{
  return &reply_new ((Request *)req, status)->base;
}

static DaeReply *
reply_slot_bytes (DaeRequest *req, guint status, const char *type, GBytes *body)
{
  Reply *reply = reply_new ((Request *)req, status);

  reply->body = body ? g_bytes_ref (body) : NULL;
  reply_slot_header (&reply->base, "Content-Type", type ? type : "application/octet-stream");
  return &reply->base;
}

static DaeReply *
reply_slot_text (DaeRequest *req, guint status, const char *text)
{
  Reply *reply = reply_new ((Request *)req, status);

  reply->body = g_bytes_new (text, strlen (text));
  reply_set (reply, "Content-Type", "text/plain; charset=utf-8");
  return &reply->base;
}

static DaeReply *
reply_slot_versioned (DaeRequest *req, guint status, DaeJson *json, gint64 version)
{
  Reply *reply = reply_new ((Request *)req, status);
  gsize length;
  char *text = json_writer_finish ((JsonWriter *)json, &length);

  reply->body = g_bytes_new_take (text, length);
  reply->version = version;
  reply_set (reply, "Content-Type", "application/json");
  return &reply->base;
}

static DaeReply *
reply_slot_json (DaeRequest *req, guint status, DaeJson *json)
{
  return reply_slot_versioned (req, status, json, -1);
}

static DaeReply *
reply_slot_problem (DaeRequest *req, guint status, const char *code, const char *detail)
{
  return &reply_problem ((Request *)req, status, code, detail)->base;
}

static DaeReply *
reply_slot_not_found (DaeRequest *req)
{
  return &reply_problem ((Request *)req, 404, "not_found", "there is no such thing, or not for you")
              ->base;
}

static void
reply_slot_pointer (DaeReply *base, const char *pointer, const char *detail)
{
  Reply *reply = (Reply *)base;

  if (!reply->errors)
    reply->errors = g_ptr_array_new ();
  if (reply->errors->len >= 2 * REPLY_MAX_ERRORS)
    return;
  g_ptr_array_add (reply->errors, arena_strdup (&reply->arena, pointer));
  g_ptr_array_add (reply->errors, arena_strdup (&reply->arena, detail));
}

static void
reply_slot_disposition (DaeReply *base, gboolean is_inline, const char *file_name)
{
  g_autofree char *value = header_disposition (is_inline, file_name);

  reply_set ((Reply *)base, "Content-Disposition", value);
}

static guint
reply_slot_status (const DaeReply *base)
{
  return ((const Reply *)base)->status;
}

void
reply_fill_api (DaeApi *api)
{
  api->reply_empty = reply_slot_empty;
  api->reply_text = reply_slot_text;
  api->reply_bytes = reply_slot_bytes;
  api->reply_json = reply_slot_json;
  api->reply_versioned = reply_slot_versioned;
  api->reply_problem = reply_slot_problem;
  api->reply_not_found = reply_slot_not_found;
  api->reply_pointer = reply_slot_pointer;
  api->reply_header = reply_slot_header;
  api->reply_disposition = reply_slot_disposition;
  api->reply_status = reply_slot_status;
}
