/* SPDX-License-Identifier: Apache-2.0 */
/* The headers that a request's meaning hangs on: who, from where, which version, which type; and
 * what of them comes back in a reply. The input is the lines after Host. */
#include "fuzz.h"

#include "http/http-head.h"
#include "http/origin.h"
#include "http/request.h"

#include <gio/gio.h>
#include <string.h>

static DaeApi api;

static gboolean
trusts (const char *address, gpointer data)
{
  return g_str_has_prefix (address, "127.") || g_str_has_prefix (address, "10.");
}

static OriginRules *
rules (void)
{
  static const char *const listen[] = { "127.0.0.1:8000", "[::1]:8000", NULL };
  static const char *const hosts[] = { "one.example", "two.example:8443", NULL };

  return origin_rules_new (listen, hosts, hosts, "https://base.example", trusts, NULL);
}

/* The request of a head that was taken: its strings with NULs. */
static Request *
make_request (const HttpHead *head, const char *bytes, const char *peer)
{
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  ServerHeader headers[HTTP_HEAD_MAX_REQUEST_FIELDS];
  RequestHead made = {
    .id = "made", .peer = peer, .headers = headers, .n_headers = head->n_fields
  };

  for (guint i = 0; i < head->n_fields; i++) {
    const HttpField *field = &head->fields[i];

    headers[i].name = g_strndup (bytes + field->name.at, field->name.length);
    headers[i].value = g_strndup (bytes + field->value.at, field->value.length);
    g_ptr_array_add (strings, (gpointer)headers[i].name);
    g_ptr_array_add (strings, (gpointer)headers[i].value);
  }
  made.method = g_strndup (bytes + head->method.at, head->method.length);
  made.target = g_strndup (bytes + head->target.at, head->target.length);
  made.host = g_strndup (bytes + head->authority.at, head->authority.length);
  g_ptr_array_add (strings, (gpointer)made.method);
  g_ptr_array_add (strings, (gpointer)made.target);
  g_ptr_array_add (strings, (gpointer)made.host);
  return request_new (NULL, &api, &made);
}

static void
check_origin (const OriginRules *origins, Request *request)
{
  g_autoptr (GInetAddress) client = NULL;
  const char *site = request_header (request, "Sec-Fetch-Site");

  origin_settle (origins, request);
  client = g_inet_address_new_from_string (request->client);
  MUST (client != NULL);
  MUST (request->is_trusted || g_str_equal (request->client, request->peer));
  MUST (request->is_trusted || (!request->is_https && g_str_equal (request->id, "made")));
  MUST (*request->id != '\0' && strlen (request->id) <= 128);
  for (const char *c = request->id; *c != '\0'; c++)
    MUST (g_ascii_isalnum (*c) || strchr ("._-", *c) != NULL);
  origin_is_ours (origins, request);
  if (origin_is_same_site (origins, request) && site != NULL)
    MUST (g_str_equal (site, "same-origin") || g_str_equal (site, "none"));
}

/* A version is the one spelling of its tag, and nothing else. */
static void
check_version (Request *request)
{
  gint64 version = dae_request_if_match (&request->base);
  g_autofree char *tag = g_strdup_printf ("\"v%" G_GINT64_FORMAT "\"", version);
  guint count = request_header_count (request, "If-Match");
  const char *value = request_header (request, "If-Match");

  MUST (version >= -2);
  MUST (version < 0 || g_str_equal (value, tag));
  MUST (version != -1 || count == 0 || g_str_equal (value, "*"));
  MUST (count < 2 || version == -2);
}

static void
check_questions (Request *request)
{
  DaeRequest *req = &request->base;

  check_version (request);
  request_has_type (request, "application/json");
  for (guint i = 0; i < request->n_cookies; i++) {
    guint same = 0;

    for (guint n = 0; n < request->n_cookies; n++)
      same += g_str_equal (request->cookies[n].name, request->cookies[i].name);
    MUST ((dae_request_cookie (req, request->cookies[i].name) != NULL) == (same == 1));
  }
}

static void
check_reply (Request *request, guint status, const char *file_name)
{
  DaeReply *base = dae_reply_text (&request->base, status, "text");
  Reply *reply = (Reply *)base;

  reply->version = 12;
  dae_reply_disposition (base, FALSE, file_name);
  dae_reply_header (base, "X-Name", file_name != NULL ? file_name : "");
  reply_seal (reply);
  reply_dress (reply);
  MUST (reply->status == status || (status == 200 && reply->status == 304));
  MUST (reply->status != 304 || reply->body == NULL);
  for (guint i = 0; i < reply->n_headers; i++) {
    const ServerHeader *header = &reply->headers[i];

    MUST (http_head_is_token (header->name, strlen (header->name)));
    MUST (http_head_is_value (header->value, strlen (header->value)));
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const char *const peers[] = { "127.0.0.1", "10.1.2.3", "192.0.2.7" };
  static OriginRules *origins;
  g_autoptr (GString) text = g_string_new ("GET /a HTTP/1.1\r\nHost: one.example\r\n");
  HttpHead head;

  if (origins == NULL) {
    request_fill_api (&api);
    json_write_fill_api (&api);
    origins = rules ();
  }
  g_string_append_len (text, (const char *)data, (gssize)size);
  g_string_append (text, "\r\n");
  http_head_begin_request (&head);
  if (http_head_feed (&head, text->str, text->len) != HTTP_HEAD_OK)
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++) {
    Request *request = make_request (&head, text->str, peers[i]);

    check_origin (origins, request);
    check_questions (request);
    check_reply (request, i == 1 ? 404 : 200, request_header (request, "Name"));
    dae_request_unref (&request->base);
  }
  return 0;
}
