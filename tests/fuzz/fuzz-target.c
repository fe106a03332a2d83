/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets, from the request line through the router and the rows of a query. */
#include "fuzz.h"

#include "http/http-head.h"
#include "http/members.h"
#include "http/router.h"
#include "http/value.h"

#include <string.h>

static DaeReply *
nothing (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return NULL;
}

static Router *
routes (void)
{
  static const char *const patterns[] = {
    "/",
    "/health",
    "/api/a",
    "/api/a/{a_id:uuid}",
    "/api/a/{a_id:uuid}/b/{n:int}",
    "/api/a/{name}",
    "/api/{x}/{y}/{z}",
    "/files/{path*}",
    "/api/a/{a_id:uuid}/{s:slug}",
  };
  Router *router = router_new ();

  for (guint i = 0; i < G_N_ELEMENTS (patterns); i++) {
    DaeRoute row = { .method = "GET", .pattern = patterns[i], .answer = nothing };
    g_autoptr (GError) error = NULL;

    router_add (router, NULL, &row, &error);
    MUST (error == NULL);
  }
  return router;
}

static void
check_match (const RouterMatch *match, const char *path)
{
  guint n = match->route != NULL ? g_strv_length (match->route->param_names) : 0;

  MUST (match->route == NULL || match->allow == NULL);
  for (guint i = 0; i < ROUTER_MAX_PARAMS; i++) {
    const char *text = match->params[i];

    MUST ((text != NULL) == (i < n));
    if (text == NULL)
      continue;
    MUST (g_utf8_validate (text, -1, NULL));
    for (const char *c = text; *c != '\0'; c++)
      MUST ((guchar)*c >= 0x20 && *c != 0x7f);
    if (g_str_equal (match->route->param_names[i], "a_id"))
      MUST (value_is_uuid (text, strlen (text)));
    if (g_str_equal (match->route->param_names[i], "path")) {
      g_auto (GStrv) parts = g_strsplit (text, "/", -1);

      /* nothing leads out of the folder */
      MUST (!g_strv_contains ((const char *const *)parts, "..") &&
            !g_strv_contains ((const char *const *)parts, "."));
    }
    if (g_str_equal (match->route->param_names[i], "n"))
      MUST (value_is_int (text, strlen (text), NULL));
  }
}

static const DaeMember rows[] = {
  { .name = "text", .type = DAE_MEMBER_TEXT, .min = 1, .max = 6 },
  { .name = "q", .flags = DAE_MEMBER_MULTILINE },
  { .name = "n", .type = DAE_MEMBER_INT, .min = -5, .max = 500 },
  { .name = "on", .type = DAE_MEMBER_BOOL },
  { .name = "id", .type = DAE_MEMBER_UUID },
  { .name = "tags", .type = DAE_MEMBER_TEXT_LIST, .max = 3 },
  { .name = "ids", .type = DAE_MEMBER_UUID_LIST, .max = 2 },
  { .name = "any", .type = DAE_MEMBER_JSON, .max = 40 },
};

/* What follows "NAME=" in QUERY, decoded by GLib: owned; NULL: there is none. */
static char *
find_plainly (const char *query, const char *name)
{
  g_auto (GStrv) pairs = g_strsplit (query, "&", -1);

  for (guint i = 0; pairs[i] != NULL; i++) {
    char *value = strchr (pairs[i], '=');
    g_autofree char *key = NULL;

    g_strdelimit (pairs[i], "+", ' ');
    if (value != NULL)
      *value++ = '\0';
    key = g_uri_unescape_string (pairs[i], NULL);
    if (g_strcmp0 (key, name) == 0)
      return g_uri_unescape_string (value != NULL ? value : "", NULL);
  }
  return NULL;
}

static void
check_query (const char *query)
{
  MemberValue values[G_N_ELEMENTS (rows)], again[G_N_ELEMENTS (rows)];
  g_autoptr (GPtrArray) faults = g_ptr_array_new (), none = g_ptr_array_new ();
  g_autoptr (GString) written = g_string_new ("");
  guint8 first[64];
  Arena arena;

  arena_init (&arena, first, sizeof first);
  members_check_query (&arena, query, rows, G_N_ELEMENTS (rows), values, faults);
  MUST (faults->len % 2 == 0 && faults->len <= 100);
  for (guint i = 0; faults->len == 0 && i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *plain = find_plainly (query, rows[i].name);
    g_autofree char *text = NULL;

    MUST ((values[i].state == MEMBER_PRESENT) == (plain != NULL));
    if (plain == NULL)
      continue;
    MUST (g_ascii_strcasecmp (values[i].text, plain) == 0);
    text = g_uri_escape_string (values[i].text, NULL, FALSE);
    g_string_append_printf (written, "&%s=%s", rows[i].name, text);
  }
  if (faults->len == 0) {
    members_check_query (&arena, written->str, rows, G_N_ELEMENTS (rows), again, none);
    MUST (none->len == 0);
    for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
      MUST (g_strcmp0 (values[i].text, again[i].text) == 0 && values[i].number == again[i].number);
  }
  arena_clear (&arena);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static Router *router;
  static const char *const methods[] = { "GET", "HEAD", "POST", "OPTIONS" };
  g_autoptr (GString) text = g_string_new ("GET ");
  g_autofree char *target = NULL;
  char *query;
  HttpHead head;

  if (router == NULL)
    router = routes ();
  g_string_append_len (text, (const char *)data, (gssize)size);
  g_string_append (text, " HTTP/1.1\r\nHost: a\r\n\r\n");
  http_head_begin_request (&head);
  if (http_head_feed (&head, text->str, text->len) != HTTP_HEAD_OK || head.length != text->len)
    return 0;
  target = g_strndup (text->str + head.target.at, head.target.length);
  MUST (strpbrk (target, " \"<>#\r\n\t\x7f") == NULL);
  query = strchr (target, '?');
  if (query != NULL) {
    *query++ = '\0';
    check_query (query);
  }
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    RouterMatch match;

    router_match (router, FALSE, methods[i], target, &match);
    check_match (&match, target);
    router_match_clear (&match);
  }
  return 0;
}
