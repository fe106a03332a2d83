/* SPDX-License-Identifier: Apache-2.0 */
/* The router: which row a path belongs to, and which rows it refuses. */
#include "http/router.h"

#include <string.h>

#include "plugin/plugin.h"

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return NULL;
}

static DaeOutcome
loop (DaeRequest *req, DaePlugin *self)
{
  return DAE_DONE;
}

static Plugin test_plugin = { .name = (char *)"first" };

static void
add (Router *router, const char *method, const char *pattern)
{
  g_autoptr (GError) error = NULL;
  DaeRoute row = { .method = method, .pattern = pattern, .answer = answer };

  router_add (router, &test_plugin, &row, &error);
  g_assert_no_error (error);
}

static Router *
example_router (void)
{
  Router *router = router_new ();

  add (router, "GET", "/{path*}");
  add (router, "GET", "/api/things");
  add (router, "POST", "/api/things");
  add (router, "GET", "/api/things/{thing_id:uuid}");
  add (router, "DELETE", "/api/things/{thing_id:uuid}");
  add (router, "POST", "/api/things/import");
  add (router, "GET", "/api/things/{thing_id:uuid}/parts/{number:int}");
  add (router, "GET", "/api/agents/{agent:slug}");
  add (router, "GET", "/api/people/{subject}");
  add (router, "PUT", "/api/people/{subject}");
  add (router, "GET", "/api/people/me");
  add (router, "GET", "/live");
  add (router, "GET", "/live/");
  add (router, "GET", "/.well-known/x/{rest*}");
  return router;
}

#define ID "0191b0a4-7c1e-7abc-8def-0123456789ab"

static void
test_router_labels_have_bare_parameters (void)
{
  static const struct {
    const char *pattern, *label;
  } rows[] = {
    { "/api/things", "/api/things" },
    { "/live/", "/live/" },
    { "/", "/" },
    { "/api/things/{thing_id:uuid}", "/api/things/{thing_id}" },
    { "/a/{x:uuid}/b/{y:int}", "/a/{x}/b/{y}" },
    { "/a/{x}/b", "/a/{x}/b" },
    { "/{path*}", "/{path}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Router *router = router_new ();

    add (router, "GET", rows[i].pattern);
    g_assert_cmpstr (((Route *)router_routes (router)->pdata[0])->label, ==, rows[i].label);
    router_free (router);
  }
}

static void
test_router_finds_the_best_row (void)
{
  static const struct {
    const char *method, *path, *pattern, *param;
  } rows[] = {
    { "GET", "/api/things", "/api/things", NULL },
    { "HEAD", "/api/things", "/api/things", NULL },
    { "POST", "/api/things", "/api/things", NULL },
    { "GET", "/api/things/" ID, "/api/things/{thing_id:uuid}", ID },
    { "GET", "/api/things/0191B0A4-7C1E-7ABC-8DEF-0123456789AB", "/api/things/{thing_id:uuid}",
      ID },
    { "GET", "/api/things/nonsense", "/{path*}", "api/things/nonsense" },
    { "GET", "/api/things/" ID "/parts/12", "/api/things/{thing_id:uuid}/parts/{number:int}", ID },
    { "GET", "/api/things/" ID "/parts/9223372036854775808", "/{path*}", NULL },
    { "GET", "/api/things/" ID "/parts/012", "/{path*}", NULL },
    { "POST", "/api/things/import", "/api/things/import", NULL },
    { "GET", "/api/agents/mr.bot-2", "/api/agents/{agent:slug}", "mr.bot-2" },
    { "GET", "/api/agents/.bot", "/{path*}", NULL },
    { "GET", "/api/people/me", "/api/people/me", NULL },
    { "GET", "/api/people/a%2Fb%20%C3%A9", "/api/people/{subject}", "a/b \xc3\xa9" },
    { "GET", "/api/people/m%65", "/api/people/{subject}", "me" },
    { "GET", "/", "/{path*}", "" },
    { "GET", "/a/b/", "/{path*}", "a/b/" },
    { "GET", "/live", "/live", NULL },
    { "GET", "/live/", "/live/", NULL },
    { "GET", "/.well-known/x/", "/.well-known/x/{rest*}", "" },
    { "GET", "/.well-known/x/y/z", "/.well-known/x/{rest*}", "y/z" },
    { "GET", "/.well-known/x", "/{path*}", ".well-known/x" },
    /* none at all */
    { "GET", "/%2e%2e/etc", NULL, NULL },
    { "GET", "/a/../b", NULL, NULL },
    { "GET", "/a%2Fb", NULL, NULL },
    { "GET", "/a%00", NULL, NULL },
    { "GET", "/a%0a", NULL, NULL },
    { "GET", "/a%ff", NULL, NULL },
    { "GET", "/a%c0%ae", NULL, NULL },
    { "GET", "/a%2", NULL, NULL },
    { "GET", "*", NULL, NULL },
    { "GET", "", NULL, NULL },
  };
  Router *router = example_router ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RouterMatch match;

    g_test_message ("%s %s", rows[i].method, rows[i].path);
    router_match (router, FALSE, rows[i].method, rows[i].path, &match);
    if (rows[i].pattern) {
      g_assert_nonnull (match.route);
      g_assert_cmpstr (match.route->row.pattern, ==, rows[i].pattern);
      if (rows[i].param)
        g_assert_cmpstr (match.params[0], ==, rows[i].param);
    } else {
      g_assert_null (match.route);
      g_assert_null (match.allow);
    }
    router_match_clear (&match);
  }
  router_free (router);
}

static void
test_router_other_method_is_allow (void)
{
  static const struct {
    const char *method, *path, *allow;
  } rows[] = {
    { "PUT", "/api/things", "GET, HEAD, POST, OPTIONS" },
    { "OPTIONS", "/api/things", "GET, HEAD, POST, OPTIONS" },
    { "GET", "/api/things/import", "POST, OPTIONS" },
    { "PUT", "/api/people/me", "GET, HEAD, OPTIONS" },
    { "PATCH", "/api/people/you", "GET, HEAD, PUT, OPTIONS" },
    { "POST", "/index.html", "GET, HEAD, OPTIONS" },
    { "BREW", "/live", "GET, HEAD, OPTIONS" },
  };
  Router *router = example_router ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RouterMatch match;

    g_test_message ("%s %s", rows[i].method, rows[i].path);
    router_match (router, FALSE, rows[i].method, rows[i].path, &match);
    g_assert_null (match.route);
    g_assert_cmpstr (match.allow, ==, rows[i].allow);
    router_match_clear (&match);
  }
  router_free (router);
}

static void
test_router_internal_rows_are_apart (void)
{
  Router *router = router_new ();
  DaeRoute row = { .method = "POST", .pattern = "/mcp", .loop = loop, .flags = DAE_ROUTE_INTERNAL };
  RouterMatch match;

  g_assert_nonnull (router_add (router, &test_plugin, &row, NULL));
  add (router, "GET", "/page");
  router_match (router, FALSE, "POST", "/mcp", &match);
  g_assert_null (match.route);
  g_assert_null (match.allow);
  router_match (router, TRUE, "GET", "/page", &match);
  g_assert_null (match.route);
  router_match (router, TRUE, "POST", "/mcp", &match);
  g_assert_nonnull (match.route);
  router_match_clear (&match);
  /* the same path for the outside is no conflict */
  row.flags = 0;
  g_assert_nonnull (router_add (router, &test_plugin, &row, NULL));
  router_free (router);
}

static void
test_router_equal_rank_is_a_conflict (void)
{
  static const struct {
    const char *a, *b;
    gboolean conflict;
  } rows[] = {
    { "/a/{x}", "/a/{y}", TRUE },
    { "/a/{x:uuid}", "/a/{y:uuid}", TRUE },
    { "/a/{x:uuid}", "/a/{y:slug}", TRUE },
    { "/a/{x:int}", "/a/{y:slug}", TRUE },
    { "/a/{x:int}", "/a/{y:uuid}", FALSE },
    { "/a/{x:uuid}", "/a/{y}", FALSE },
    { "/a/b", "/a/{y}", FALSE },
    { "/a/b", "/a/b", TRUE },
    { "/a/b", "/a/b/", FALSE },
    { "/a/{x}/b", "/a/{y}/c", FALSE },
    { "/a/{x}/b", "/a/{y}/b", TRUE },
    { "/{x*}", "/{y*}", TRUE },
    { "/a/{x*}", "/b/{y*}", FALSE },
    { "/{a}/b", "/a/{b}", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Router *router = router_new ();
    DaeRoute row = { .method = "GET", .pattern = rows[i].b, .answer = answer };
    g_autoptr (GError) error = NULL;
    Route *route;

    g_test_message ("%s and %s", rows[i].a, rows[i].b);
    add (router, "GET", rows[i].a);
    add (router, "POST", rows[i].a);
    route = router_add (router, NULL, &row, &error);
    g_assert_cmpint (route == NULL, ==, rows[i].conflict);
    if (rows[i].conflict) {
      g_autofree char *message =
          g_strdup_printf ("route \"GET %s\" and route \"GET %s\" of \"first\" fit the same path",
                           rows[i].b, rows[i].a);

      g_assert_cmpstr (error->message, ==, message);
    }
    router_free (router);
  }
}

static void
test_router_refuses_bad_rows (void)
{
  static const DaeMember member = { .name = "x" };
  static const struct {
    const char *name;
    DaeRoute row;
    const char *why;
  } rows[] = {
    { "method", { .method = "TRACE", .pattern = "/", .answer = answer }, "the method must be" },
    { "pattern", { .method = "GET", .pattern = "a", .answer = answer }, "must begin with '/'" },
    { "no handler", { .method = "GET", .pattern = "/" }, "exactly one of answer and loop" },
    { "two handlers",
      { .method = "GET", .pattern = "/", .answer = answer, .loop = loop },
      "exactly one" },
    { "stream body",
      { .method = "PUT", .pattern = "/", .answer = answer, .body = DAE_BODY_STREAM },
      "needs a loop" },
    { "streams",
      { .method = "GET", .pattern = "/", .answer = answer, .flags = DAE_ROUTE_STREAMS },
      "needs a loop" },
    { "idempotent read",
      { .method = "GET", .pattern = "/", .answer = answer, .flags = DAE_ROUTE_IDEMPOTENT },
      "can be idempotent" },
    { "idempotent loop",
      { .method = "POST", .pattern = "/", .loop = loop, .flags = DAE_ROUTE_IDEMPOTENT },
      "can be idempotent" },
    { "idempotent for anybody",
      { .method = "POST",
        .pattern = "/",
        .answer = answer,
        .auth = DAE_AUTH_NONE,
        .flags = DAE_ROUTE_IDEMPOTENT },
      "signed in" },
    { "members",
      { .method = "POST",
        .pattern = "/",
        .answer = answer,
        .members = { &member, 1, sizeof member } },
      "members need a JSON body" },
    { "type",
      { .method = "GET", .pattern = "/{x:float}", .answer = answer },
      "must be uuid, int or slug" },
    { "name", { .method = "GET", .pattern = "/{X}", .answer = answer }, "name must be of a-z" },
    { "twice", { .method = "GET", .pattern = "/{x}/{x}", .answer = answer }, "appears twice" },
    { "rest", { .method = "GET", .pattern = "/{x*}/y", .answer = answer }, "must be the last" },
    { "brace", { .method = "GET", .pattern = "/a{x}", .answer = answer }, "a segment must be" },
    { "nine",
      { .method = "GET", .pattern = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", .answer = answer },
      "more than 8 parameters" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Router *router = router_new ();
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", rows[i].name);
    g_assert_null (router_add (router, &test_plugin, &rows[i].row, &error));
    g_assert_nonnull (error);
    g_assert_nonnull (strstr (error->message, rows[i].why));
    router_free (router);
  }
}

static void
test_router_takes_shorter_member_rows (void)
{
  /* as built with a header that had no `choices` yet */
  const gsize short_size = G_STRUCT_OFFSET (DaeMember, choices);
  const DaeMember members[] = { { .name = "a", .max = 5 }, { .name = "b", .max = 6 } };
  g_autofree guint8 *packed = g_malloc0 (2 * short_size);
  Router *router = router_new ();
  DaeRoute row = { .method = "POST", .pattern = "/x", .answer = answer, .body = DAE_BODY_JSON };
  Route *route;

  memcpy (packed, &members[0], short_size);
  memcpy (packed + short_size, &members[1], short_size);
  row.members.rows = (const DaeMember *)packed;
  row.members.n_rows = 2;
  row.members.row_size = short_size;
  route = router_add (router, &test_plugin, &row, NULL);
  g_assert_cmpstr (route->row.members.rows[1].name, ==, "b");
  g_assert_cmpint (route->row.members.rows[1].max, ==, 6);
  g_assert_null (route->row.members.rows[1].choices);
  router_free (router);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router/labels-have-bare-parameters", test_router_labels_have_bare_parameters);
  g_test_add_func ("/router/finds-the-best-row", test_router_finds_the_best_row);
  g_test_add_func ("/router/other-method-is-allow", test_router_other_method_is_allow);
  g_test_add_func ("/router/internal-rows-are-apart", test_router_internal_rows_are_apart);
  g_test_add_func ("/router/equal-rank-is-a-conflict", test_router_equal_rank_is_a_conflict);
  g_test_add_func ("/router/refuses-bad-rows", test_router_refuses_bad_rows);
  g_test_add_func ("/router/takes-shorter-member-rows", test_router_takes_shorter_member_rows);
  return g_test_run ();
}
