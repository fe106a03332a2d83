/* SPDX-License-Identifier: Apache-2.0 */
/* request: the immutable copy of a head, and the questions that handlers ask of it. */
#include "request.h"

#include <string.h>

#include "../data/database.h"
#include "exchange-api.h"
#include "json-check.h"
#include "value.h"

#define REQUEST_MAX_COOKIES 100

/* its address is what tells requests from other objects */
static const char request_mark[] = "request";

gboolean
request_is (gconstpointer about)
{
  return ((const Request *)about)->mark == request_mark;
}

/* Reads "a=b; c=d" of one Cookie header. */
static void
request_add_cookies (Request *request, const char *text)
{
  while (text && request->n_cookies < REQUEST_MAX_COOKIES) {
    const char *end = strchr (text, ';'), *equals;
    gsize length = end ? (gsize)(end - text) : strlen (text);

    while (length > 0 && (*text == ' ' || *text == '\t')) {
      text++;
      length--;
    }
    equals = memchr (text, '=', length);
    if (equals && equals > text) {
      const char *value = equals + 1;
      gsize n_value = length - (gsize)(value - text);

      if (n_value >= 2 && value[0] == '"' && value[n_value - 1] == '"') {
        value++;
        n_value -= 2;
      }
      request->cookies[request->n_cookies++] =
          (ServerHeader){ arena_strndup (&request->arena, text, (gsize)(equals - text)),
                          arena_strndup (&request->arena, value, n_value) };
    }
    text = end ? end + 1 : NULL;
  }
}

static void
request_copy_headers (Request *request, const RequestHead *head)
{
  request->headers = arena_alloc (&request->arena, head->n_headers * sizeof (ServerHeader));
  request->n_headers = head->n_headers;
  for (guint i = 0; i < head->n_headers; i++)
    request->headers[i] = (ServerHeader){ arena_strdup (&request->arena, head->headers[i].name),
                                          arena_strdup (&request->arena, head->headers[i].value) };
  if (request_header_count (request, "Cookie") == 0)
    return;
  request->cookies = arena_alloc (&request->arena, REQUEST_MAX_COOKIES * sizeof (ServerHeader));
  for (guint i = 0; i < request->n_headers; i++) {
    if (g_ascii_strcasecmp (request->headers[i].name, "Cookie") == 0)
      request_add_cookies (request, request->headers[i].value);
  }
}

Request *
request_new (Host *host, const DaeApi *api, const RequestHead *head)
{
  Request *request = g_malloc (sizeof *request);
  const char *mark;

  memset (request, 0, G_STRUCT_OFFSET (Request, first));
  request->base.api = api;
  request->mark = request_mark;
  request->refs = 1;
  request->host = host;
  arena_init (&request->arena, request->first, sizeof request->first);
  request->id = arena_strdup (&request->arena, head->id);
  request->method = arena_strdup (&request->arena, head->method);
  request->target = arena_strdup (&request->arena, head->target);
  mark = strchr (request->target, '?');
  request->path =
      mark ? arena_strndup (&request->arena, request->target, (gsize)(mark - request->target))
           : request->target;
  request->query = mark ? mark + 1 : NULL;
  request->host_name = arena_strdup (&request->arena, head->host ? head->host : "");
  request->peer = request->client = arena_strdup (&request->arena, head->peer);
  request->is_internal = head->is_internal;
  request->body_length = head->body_length;
  request_copy_headers (request, head);
  return request;
}

static void
request_free (Request *request)
{
  while (request->replies) {
    Reply *next = request->replies->next;

    reply_free (request->replies);
    request->replies = next;
  }
  while (request->writers) {
    JsonWriter *next = request->writers->next;

    json_writer_free (request->writers);
    request->writers = next;
  }
  for (guint i = 0; i < ROUTER_MAX_PARAMS; i++)
    g_free (request->params[i]);
  g_clear_pointer (&request->body, g_bytes_unref);
  g_clear_object (&request->stream);
  g_clear_object (&request->gone);
  arena_clear (&request->arena);
  g_free (request);
}

void
request_set_route (Request *request, RouterMatch *match)
{
  request->route = match->route;
  for (guint i = 0; i < ROUTER_MAX_PARAMS; i++)
    request->params[i] = g_steal_pointer (&match->params[i]);
}

void
request_set_user (Request *request, const DaeUser *user)
{
  DaeUser *copy = arena_new0 (&request->arena, DaeUser, 1);
  guint n = user->groups ? g_strv_length ((char **)user->groups) : 0;
  char **groups = arena_new0 (&request->arena, char *, n + 1);

  for (guint i = 0; i < n; i++)
    groups[i] = arena_strdup (&request->arena, user->groups[i]);
  copy->struct_size = sizeof *copy;
  copy->flags = user->flags;
  copy->subject = arena_strdup (&request->arena, user->subject);
  copy->email = arena_strdup (&request->arena, user->email);
  copy->name = arena_strdup (&request->arena, user->name ? user->name : user->subject);
  copy->method = arena_strdup (&request->arena, user->method ? user->method : "");
  copy->groups = (const char *const *)groups;
  request->user = copy;
}

void
request_leave (Request *request)
{
  GCancellable *gone;

  g_atomic_int_set (&request->has_gone, 1);
  gone = g_atomic_pointer_get (&request->gone);
  if (gone)
    g_cancellable_cancel (gone);
}

guint
request_header_count (Request *request, const char *name)
{
  guint count = 0;

  for (guint i = 0; i < request->n_headers; i++) {
    if (g_ascii_strcasecmp (request->headers[i].name, name) == 0)
      count++;
  }
  return count;
}

const char *
request_header (Request *request, const char *name)
{
  const char *value = NULL;

  for (guint i = 0; i < request->n_headers; i++) {
    if (g_ascii_strcasecmp (request->headers[i].name, name) != 0)
      continue;
    if (value)
      return NULL;
    value = request->headers[i].value;
  }
  return value;
}

gboolean
request_has_type (Request *request, const char *type)
{
  const char *value = request_header (request, "Content-Type");
  gsize length = strlen (type);
  g_auto (GStrv) parameters = NULL;

  if (!value || g_ascii_strncasecmp (value, type, length) != 0)
    return FALSE;
  value += length + strspn (value + length, " \t");
  if (*value == '\0')
    return TRUE;
  if (*value != ';')
    return FALSE;
  parameters = g_strsplit (value + 1, ";", 8);
  for (guint i = 0; parameters[i]; i++) {
    const char *parameter = g_strstrip (parameters[i]);

    if (g_ascii_strncasecmp (parameter, "charset=", 8) == 0 &&
        g_ascii_strcasecmp (parameter + 8, "utf-8") != 0 &&
        g_ascii_strcasecmp (parameter + 8, "\"utf-8\"") != 0)
      return FALSE;
  }
  return TRUE;
}

gboolean
request_is_read (Request *request)
{
  return g_str_equal (request->method, "GET") || g_str_equal (request->method, "HEAD");
}

static DaeRequest *
request_slot_ref (DaeRequest *req)
{
  g_atomic_int_inc (&((Request *)req)->refs);
  return req;
}

static void request_slot_unref (DaeRequest *req);

/* The reference that a thread gave up last has come to the loop. */
static gboolean
request_on_last (gpointer data)
{
  Request *request = data;
  void (*abandoned) (Request * request) = g_atomic_pointer_get (&request->abandoned);

  if (abandoned && g_atomic_int_get (&request->refs) == 2) {
    g_atomic_pointer_set (&request->abandoned, NULL);
    abandoned (request);
  }
  request_slot_unref (&request->base);
  return G_SOURCE_REMOVE;
}

static void
request_slot_unref (DaeRequest *req)
{
  Request *request = (Request *)req;
  int refs;

  do {
    refs = g_atomic_int_get (&request->refs);
    /* the other one is the exchange's, which waits: it must hear of it on its own thread, and the
     * request must not go before that */
    if (refs == 2 && g_atomic_pointer_get (&request->abandoned)) {
      g_idle_add_full (G_PRIORITY_DEFAULT, request_on_last, request, NULL);
      return;
    }
  } while (!g_atomic_int_compare_and_exchange (&request->refs, refs, refs - 1));
  if (refs == 1)
    request_free (request);
}

static const char *
request_slot_method (DaeRequest *req)
{
  return ((Request *)req)->method;
}

static const char *
request_slot_path (DaeRequest *req)
{
  return ((Request *)req)->path;
}

static const char *
request_slot_param (DaeRequest *req, const char *name)
{
  Request *request = (Request *)req;

  for (guint i = 0; request->route && request->route->param_names[i]; i++) {
    if (g_str_equal (request->route->param_names[i], name))
      return request->params[i];
  }
  return NULL;
}

static const MemberValue *
request_query_value (Request *request, const char *name)
{
  const DaeRoute *row = request->route ? &request->route->row : NULL;

  return row ? members_find (row->query.rows, row->query.n_rows, request->query_values, name)
             : NULL;
}

static const char *
request_slot_query (DaeRequest *req, const char *name)
{
  const MemberValue *value = request_query_value ((Request *)req, name);

  return value && value->state == MEMBER_PRESENT ? value->text : NULL;
}

static gint64
request_slot_query_int (DaeRequest *req, const char *name, gint64 fallback)
{
  const MemberValue *value = request_query_value ((Request *)req, name);

  return value && value->state == MEMBER_PRESENT ? value->number : fallback;
}

static const char *
request_slot_header (DaeRequest *req, const char *name)
{
  return request_header ((Request *)req, name);
}

static guint
request_slot_header_count (DaeRequest *req, const char *name)
{
  return request_header_count ((Request *)req, name);
}

static gboolean
request_slot_header_at (DaeRequest *req, guint index, const char **ret_name, const char **ret_value)
{
  const Request *request = (const Request *)req;

  if (index >= request->n_headers)
    return FALSE;
  *ret_name = request->headers[index].name;
  *ret_value = request->headers[index].value;
  return TRUE;
}

static const char *
request_slot_cookie (DaeRequest *req, const char *name)
{
  Request *request = (Request *)req;
  const char *value = NULL;

  for (guint i = 0; i < request->n_cookies; i++) {
    if (!g_str_equal (request->cookies[i].name, name))
      continue;
    if (value)
      return NULL;
    value = request->cookies[i].value;
  }
  return value;
}

static const DaeUser *
request_slot_user (DaeRequest *req)
{
  return ((Request *)req)->user;
}

static const char *
request_slot_id (DaeRequest *req)
{
  return ((Request *)req)->id;
}

static const char *
request_slot_client (DaeRequest *req)
{
  return ((Request *)req)->client;
}

static gboolean
request_slot_from_trusted_proxy (DaeRequest *req)
{
  return ((Request *)req)->is_trusted;
}

static gboolean
request_slot_is_https (DaeRequest *req)
{
  return ((Request *)req)->is_https;
}

static gint64
request_slot_if_match (DaeRequest *req)
{
  Request *request = (Request *)req;
  const char *value = request_header (request, "If-Match");
  gsize length;
  gint64 version;

  if (request_header_count (request, "If-Match") == 0)
    return -1;
  if (!value)
    return -2;
  if (g_str_equal (value, "*"))
    return -1;
  length = strlen (value);
  if (length < 4 || !g_str_has_prefix (value, "\"v") || value[length - 1] != '"' ||
      !value_is_int (value + 2, length - 3, &version) || version < 0)
    return -2;
  return version;
}

static GCancellable *
request_slot_gone (DaeRequest *req)
{
  Request *request = (Request *)req;
  GCancellable *gone = g_atomic_pointer_get (&request->gone);

  if (gone)
    return gone;
  gone = g_cancellable_new ();
  if (!g_atomic_pointer_compare_and_exchange (&request->gone, NULL, gone)) {
    g_object_unref (gone);
    return g_atomic_pointer_get (&request->gone);
  }
  if (g_atomic_int_get (&request->has_gone))
    g_cancellable_cancel (gone);
  return gone;
}

static GBytes *
request_slot_body (DaeRequest *req)
{
  return ((Request *)req)->body;
}

static GInputStream *
request_slot_stream (DaeRequest *req)
{
  return ((Request *)req)->stream;
}

static gint64
request_slot_body_length (DaeRequest *req)
{
  return ((Request *)req)->body_length;
}

static const MemberValue *
request_body_value (DaeRequest *req, const char *name)
{
  Request *request = (Request *)req;
  const DaeRoute *row = request->route ? &request->route->row : NULL;

  return row ? members_find (row->members.rows, row->members.n_rows, request->body_values, name)
             : NULL;
}

static gboolean
request_slot_body_has (DaeRequest *req, const char *member)
{
  const MemberValue *value = request_body_value (req, member);

  return value && value->state != MEMBER_ABSENT;
}

static gboolean
request_slot_body_is_null (DaeRequest *req, const char *member)
{
  const MemberValue *value = request_body_value (req, member);

  return value && value->state == MEMBER_IS_NULL;
}

static const char *
request_slot_body_text (DaeRequest *req, const char *member)
{
  const MemberValue *value = request_body_value (req, member);

  return value && value->state == MEMBER_PRESENT ? value->text : NULL;
}

static gint64
request_slot_body_int (DaeRequest *req, const char *member, gint64 fallback)
{
  const MemberValue *value = request_body_value (req, member);

  return value && value->state == MEMBER_PRESENT ? value->number : fallback;
}

static const char *const *
request_slot_body_list (DaeRequest *req, const char *member)
{
  const MemberValue *value = request_body_value (req, member);

  return value && value->state == MEMBER_PRESENT ? value->list : NULL;
}

static void
request_after_commit_nothing (gpointer data)
{
}

static DaeJson *
request_slot_json_new (gpointer about)
{
  JsonWriter *writer = json_writer_new (((DaePlugin *)about)->api);

  if ((gpointer)database_current_tx () == about) {
    writer->kept = TRUE;
    database_after_commit (about, request_after_commit_nothing, writer,
                           (GDestroyNotify)json_writer_free);
  } else if (request_is (about)) {
    Request *request = about;

    writer->kept = TRUE;
    do
      writer->next = g_atomic_pointer_get (&request->writers);
    while (!g_atomic_pointer_compare_and_exchange (&request->writers, writer->next, writer));
  }
  return &writer->base;
}

static gboolean
request_slot_json_check (DaePlugin *self,
                         const char *text,
                         gsize length,
                         guint max_depth,
                         guint max_nodes,
                         GError **error)
{
  const char *why;
  gsize offset;

  if (json_check (text, length, (JsonLimits){ max_depth, max_nodes }, &offset, &why))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s at byte %" G_GSIZE_FORMAT, why,
               offset);
  return FALSE;
}

void
request_fill_api (DaeApi *api)
{
  api->request_ref = request_slot_ref;
  api->request_unref = request_slot_unref;
  api->request_method = request_slot_method;
  api->request_path = request_slot_path;
  api->request_param = request_slot_param;
  api->request_query = request_slot_query;
  api->request_query_int = request_slot_query_int;
  api->request_header = request_slot_header;
  api->request_header_count = request_slot_header_count;
  api->request_header_at = request_slot_header_at;
  api->request_cookie = request_slot_cookie;
  api->request_user = request_slot_user;
  api->request_id = request_slot_id;
  api->request_client = request_slot_client;
  api->request_from_trusted_proxy = request_slot_from_trusted_proxy;
  api->request_is_https = request_slot_is_https;
  api->request_if_match = request_slot_if_match;
  api->request_gone = request_slot_gone;
  api->request_body = request_slot_body;
  api->request_stream = request_slot_stream;
  api->request_file = request_slot_file;
  api->request_body_length = request_slot_body_length;
  api->body_has = request_slot_body_has;
  api->body_is_null = request_slot_body_is_null;
  api->body_text = request_slot_body_text;
  api->body_int = request_slot_body_int;
  api->body_list = request_slot_body_list;
  api->json_new = request_slot_json_new;
  api->json_check = request_slot_json_check;
  reply_fill_api (api);
  handle_fill_api (api);
  answer_stream_fill_api (api);
}
