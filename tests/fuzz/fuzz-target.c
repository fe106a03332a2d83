/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets, from the request line through the router. */
#include "fuzz.h"

#include "http/http-head.h"
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
    if (g_str_equal (match->route->param_names[i], "n"))
      MUST (value_is_int (text, strlen (text), NULL));
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static Router *router;
  static const char *const methods[] = { "GET", "HEAD", "POST", "OPTIONS" };
  g_autoptr (GString) text = g_string_new ("GET ");
  g_autofree char *target = NULL;
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
  if (strchr (target, '?') != NULL)
    *strchr (target, '?') = '\0';
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    RouterMatch match;

    router_match (router, FALSE, methods[i], target, &match);
    check_match (&match, target);
    router_match_clear (&match);
  }
  return 0;
}
