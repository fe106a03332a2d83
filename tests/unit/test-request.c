/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as handlers see them, and the replies they make. */
#include "http/request.h"

#include <string.h>

#define ID "0191b0a4-7c1e-7abc-8def-0123456789ab"

static DaeApi api;

static Request *
new_request (const char *method, const char *target, const ServerHeader *headers, guint n_headers)
{
  RequestHead head = { .id = "request-1",
                       .method = method,
                       .target = target,
                       .host = "here:8000",
                       .peer = "127.0.0.1",
                       .headers = headers,
                       .n_headers = n_headers };

  if (!api.request_ref) {
    request_fill_api (&api);
    json_write_fill_api (&api);
  }
  return request_new (NULL, &api, &head);
}

static void
test_request_copies_its_head (void)
{
  char name[] = "X-One", value[] = "1";
  ServerHeader headers[] = { { name, value },
                             { "x-two", "2" },
                             { "X-TWO", "3" },
                             { "X_One", "under" },
                             { "Cookie", "a=1; b=\"2\";c = 3;;d; =e" },
                             { "Cookie", "a=4; f=g=h" } };
  Request *request = new_request ("HEAD", "/p%41th?q=1&q?", headers, G_N_ELEMENTS (headers));
  DaeRequest *req = &request->base;

  memset (name, 'z', 5);
  memset (value, 'z', 1);
  g_assert_cmpstr (dae_request_method (req), ==, "HEAD");
  g_assert_cmpstr (dae_request_path (req), ==, "/p%41th");
  g_assert_cmpstr (request->query, ==, "q=1&q?");
  g_assert_cmpstr (dae_request_id (req), ==, "request-1");
  g_assert_cmpstr (dae_request_client (req), ==, "127.0.0.1");
  g_assert_cmpstr (dae_request_header (req, "x-one"), ==, "1");
  g_assert_null (dae_request_header (req, "X-Two"));
  g_assert_cmpuint (dae_request_header_count (req, "X-Two"), ==, 2);
  g_assert_null (dae_request_header (req, "X-Three"));
  g_assert_null (dae_request_cookie (req, "a"));
  g_assert_cmpstr (dae_request_cookie (req, "b"), ==, "2");
  g_assert_cmpstr (dae_request_cookie (req, "f"), ==, "g=h");
  g_assert_null (dae_request_cookie (req, "d"));
  g_assert_null (dae_request_user (req));
  g_assert_true (request_is (req));
  dae_request_unref (req);
}

static DaeReply *
nothing (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return NULL;
}

static void
test_request_knows_its_route (void)
{
  static const DaeMember query[] = { { .name = "limit", .type = DAE_MEMBER_INT }, { .name = "q" } };
  DaeRoute row = { .method = "GET",
                   .pattern = "/a/{thing_id:uuid}/{part}",
                   .answer = nothing,
                   .query = DAE_TABLE (query) };
  g_autoptr (GPtrArray) faults = g_ptr_array_new ();
  Request *request = new_request ("GET", "/a/" ID "/b%20c?limit=7", NULL, 0);
  DaeRequest *req = &request->base;
  Router *router = router_new ();
  RouterMatch match;

  g_assert_nonnull (router_add (router, NULL, &row, NULL));
  router_match (router, FALSE, request->method, request->path, &match);
  request_set_route (request, &match);
  router_match_clear (&match);
  request->query_values = arena_new0 (&request->arena, MemberValue, 2);
  row = request->route->row;
  members_check_query (&request->arena, request->query, row.query.rows, 2, request->query_values,
                       faults);
  g_assert_cmpuint (faults->len, ==, 0);
  g_assert_cmpstr (dae_request_param (req, "thing_id"), ==, ID);
  g_assert_cmpstr (dae_request_param (req, "part"), ==, "b c");
  g_assert_null (dae_request_param (req, "other"));
  g_assert_cmpint (dae_request_query_int (req, "limit", 50), ==, 7);
  g_assert_cmpstr (dae_request_query (req, "limit"), ==, "7");
  g_assert_null (dae_request_query (req, "q"));
  g_assert_null (dae_request_query (req, "other"));
  g_assert_cmpint (dae_request_query_int (req, "other", 50), ==, 50);
  g_assert_false (dae_body_has (req, "limit"));
  dae_request_unref (req);
  router_free (router);
}

static void
test_request_gives_its_body (void)
{
  static const DaeMember members[] = { { .name = "count", .type = DAE_MEMBER_INT },
                                       { .name = "title", .flags = DAE_MEMBER_NULLABLE },
                                       { .name = "tags", .type = DAE_MEMBER_TEXT_LIST },
                                       { .name = "other", .type = DAE_MEMBER_INT } };
  static const char text[] = "{\"count\":7,\"title\":null,\"tags\":[\"a\",\"b\"]}";
  DaeRoute row = { .method = "POST",
                   .pattern = "/a",
                   .answer = nothing,
                   .body = DAE_BODY_JSON,
                   .members = DAE_TABLE (members) };
  g_autoptr (GPtrArray) faults = g_ptr_array_new ();
  Request *request = new_request ("POST", "/a", NULL, 0);
  DaeRequest *req = &request->base;
  Router *router = router_new ();
  RouterMatch match;

  g_assert_nonnull (router_add (router, NULL, &row, NULL));
  router_match (router, FALSE, request->method, request->path, &match);
  request_set_route (request, &match);
  router_match_clear (&match);
  row = request->route->row;
  request->body_values = arena_new0 (&request->arena, MemberValue, row.members.n_rows);
  members_check_body (&request->arena, text, row.members.rows, row.members.n_rows,
                      request->body_values, faults);
  g_assert_cmpuint (faults->len, ==, 0);
  g_assert_cmpint (dae_body_int (req, "count", 50), ==, 7);
  g_assert_cmpint (dae_body_int (req, "other", 50), ==, 50);
  g_assert_true (dae_body_has (req, "title"));
  g_assert_true (dae_body_is_null (req, "title"));
  g_assert_false (dae_body_is_null (req, "count"));
  g_assert_null (dae_body_text (req, "title"));
  g_assert_cmpstr (dae_body_list (req, "tags")[1], ==, "b");
  g_assert_null (dae_body_list (req, "title"));
  g_assert_false (dae_body_has (req, "nothing"));
  g_assert_cmpint (dae_request_body_length (req), ==, 0);
  g_assert_null (dae_request_stream (req));
  g_assert_false (dae_request_is_https (req));
  g_assert_false (dae_request_from_trusted_proxy (req));
  dae_request_unref (req);
  router_free (router);
}

static void
test_request_checks_json (void)
{
  g_autoptr (GError) error = NULL;

  dae_request_unref (&new_request ("GET", "/", NULL, 0)->base);
  g_assert_true (api.json_check (NULL, "[[1]]", 5, 2, 3, &error));
  g_assert_false (api.json_check (NULL, "[[1]]", 5, 1, 3, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_cmpstr (error->message, ==, "nested too deeply at byte 1");
}

static void
test_request_reads_if_match (void)
{
  static const struct {
    const char *value;
    gint64 version;
  } rows[] = {
    { NULL, -1 },      { "\"v12\"", 12 },   { "\"v0\"", 0 },
    { "*", -1 },       { "W/\"v12\"", -2 }, { "\"v1\", \"v2\"", -2 },
    { "\"12\"", -2 },  { "v12", -2 },       { "\"v-1\"", -2 },
    { "\"v01\"", -2 }, { "\"v\"", -2 },     { "\"v99999999999999999999\"", -2 },
    { "", -2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader header = { "If-Match", rows[i].value };
    Request *request = new_request ("PATCH", "/", &header, rows[i].value ? 1 : 0);

    g_test_message ("%s", rows[i].value ? rows[i].value : "absent");
    g_assert_cmpint (dae_request_if_match (&request->base), ==, rows[i].version);
    dae_request_unref (&request->base);
  }
}

static void
test_request_matches_versions (void)
{
  static const struct {
    const char *value;
    gboolean matches; /* version 12 */
  } rows[] = {
    { NULL, TRUE },
    { "*", TRUE },
    { "\"v12\"", TRUE },
    { "\"v1\"", FALSE },
    { "\"v1\", \"v12\"", TRUE },
    { "\"v12\",\"v1\"", TRUE },
    { "\"v1\", \"v2\" ,\t\"v12\"", TRUE },
    { "\"v1\", \"v2\"", FALSE },
    { "\"v1\", W/\"v12\"", FALSE },
    { "W/\"v12\"", FALSE },
    { "\"v1\", \"v123\", \"xv12\"", FALSE },
    { "\"v1\", v12", FALSE },
    { "\"v1\", \"v12", FALSE },
    { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader header = { "If-Match", rows[i].value };
    Request *request = new_request ("PATCH", "/", &header, rows[i].value ? 1 : 0);

    g_test_message ("%s", rows[i].value ? rows[i].value : "absent");
    g_assert_cmpint (dae_request_matches (&request->base, 12), ==, rows[i].matches);
    dae_request_unref (&request->base);
  }
}

static void
test_request_compares_types (void)
{
  static const struct {
    const char *value;
    gboolean fits;
  } rows[] = {
    { "application/json", TRUE },
    { "Application/JSON; charset=UTF-8", TRUE },
    { "application/json;charset=\"utf-8\" ; x=y", TRUE },
    { "application/json; charset=latin1", FALSE },
    { "application/jsonp", FALSE },
    { "application/json, text/plain", FALSE },
    { "text/plain", FALSE },
    { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader header = { "Content-Type", rows[i].value };
    Request *request = new_request ("POST", "/", &header, 1);

    g_test_message ("%s", rows[i].value);
    g_assert_cmpint (request_has_type (request, "application/json"), ==, rows[i].fits);
    dae_request_unref (&request->base);
  }
}

static void
test_request_copies_its_user (void)
{
  const char *groups[] = { "staff", "night", NULL };
  DaeUser user = { .struct_size = sizeof user,
                   .flags = DAE_USER_ADMIN,
                   .subject = "s",
                   .email = NULL,
                   .name = "N",
                   .method = "local",
                   .groups = groups };
  Request *request = new_request ("GET", "/", NULL, 0);
  const DaeUser *copy;

  request_set_user (request, &user);
  groups[1] = NULL;
  copy = dae_request_user (&request->base);
  g_assert_cmpstr (copy->subject, ==, "s");
  g_assert_null (copy->email);
  g_assert_cmpstr (copy->groups[1], ==, "night");
  g_assert_null (copy->groups[2]);
  dae_request_unref (&request->base);
}

static void
test_request_tells_once_that_it_is_gone (void)
{
  Request *request = new_request ("GET", "/", NULL, 0);
  GCancellable *gone = dae_request_gone (&request->base);

  g_assert_false (g_cancellable_is_cancelled (gone));
  request_leave (request);
  g_assert_true (g_cancellable_is_cancelled (gone));
  dae_request_unref (&request->base);

  /* asked for only afterwards */
  request = new_request ("GET", "/", NULL, 0);
  request_leave (request);
  g_assert_true (g_cancellable_is_cancelled (dae_request_gone (&request->base)));
  dae_request_unref (&request->base);
}

static guint n_abandoned;

static void
on_abandoned (Request *request)
{
  n_abandoned++;
}

static gpointer
unref_in_thread (gpointer req)
{
  dae_request_unref (req);
  return NULL;
}

static void
test_request_is_abandoned_on_the_loop (void)
{
  Request *request = new_request ("GET", "/", NULL, 0);
  DaeRequest *req = &request->base;

  n_abandoned = 0;
  dae_request_ref (req);
  dae_request_ref (req);
  g_atomic_pointer_set (&request->abandoned, on_abandoned);
  dae_request_unref (req);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  g_thread_join (g_thread_new ("unref", unref_in_thread, req));
  g_assert_cmpuint (n_abandoned, ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_abandoned, ==, 1);
  g_assert_cmpint (request->refs, ==, 1);
  dae_request_unref (req);
}

static const char *
body_text (const Reply *reply)
{
  return reply->body ? g_bytes_get_data (reply->body, NULL) : NULL;
}

static void
test_reply_writes_json (void)
{
  Request *request = new_request ("GET", "/", NULL, 0);
  DaeRequest *req = &request->base;
  DaeJson *json = dae_json_new (req);
  Reply *reply;

  dae_json_new (req); /* never given: ends with the request */
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "name", "x");
  dae_json_time (json, "at", 1500);
  dae_json_real (json, "r", 0.5);
  dae_json_bool (json, "b", FALSE);
  dae_json_null (json, "n");
  reply = (Reply *)dae_reply_versioned (req, 200, json, 3);
  reply_seal (reply);
  reply_dress (reply);
  g_assert_cmpstr (
      body_text (reply), ==,
      "{\"name\":\"x\",\"at\":\"1970-01-01T00:00:00.001Z\",\"r\":0.5,\"b\":false,\"n\":null}");
  g_assert_cmpstr (reply_find (reply, "content-type"), ==, "application/json");
  g_assert_cmpstr (reply_find (reply, "ETag"), ==, "\"v3\"");
  g_assert_cmpstr (reply_find (reply, "Cache-Control"), ==, "no-store");
  g_assert_cmpstr (reply_find (reply, "X-Request-Id"), ==, "request-1");
  g_assert_cmpstr (reply_find (reply, "X-Content-Type-Options"), ==, "nosniff");
  g_assert_cmpstr (reply_find (reply, "Content-Security-Policy"), ==,
                   "default-src 'none'; frame-ancestors 'none'");
  dae_request_unref (req);
}

static void
test_reply_problem_has_all_members (void)
{
  static const char expected[] =
      "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
      "\"detail\":\"it is \\\"odd\\\"\",\"code\":\"odd\",\"request_id\":\"request-1\","
      "\"sign_in_url\":\"/in\",\"errors\":[{\"pointer\":\"/a\",\"detail\":\"is odd\"},"
      "{\"pointer\":\"/b\",\"detail\":\"is too\"}]}";
  Request *request = new_request ("POST", "/", NULL, 0);
  Reply *reply = (Reply *)dae_reply_problem (&request->base, 422, "odd", "it is \"odd\"");

  dae_reply_pointer (&reply->base, "/a", "is odd");
  dae_reply_pointer (&reply->base, "/b", "is too");
  reply->sign_in_url = "/in";
  reply_seal (reply);
  reply_seal (reply);
  g_assert_cmpstr (reply_find (reply, "Content-Type"), ==, "application/problem+json");
  g_assert_cmpmem (body_text (reply), g_bytes_get_size (reply->body), expected,
                   sizeof expected - 1);
  dae_request_unref (&request->base);
}

static void
test_reply_answers_304 (void)
{
  static const struct {
    const char *method, *wanted;
    guint status, sealed;
  } rows[] = {
    { "GET", "\"v3\"", 200, 304 },   { "HEAD", "\"v3\"", 200, 304 },
    { "GET", "W/\"v3\"", 200, 304 }, { "GET", "\"v2\", \"v3\"", 200, 304 },
    { "GET", "*", 200, 304 },        { "GET", "\"v2\"", 200, 200 },
    { "GET", "v3", 200, 200 },       { "GET", "\"v3", 200, 200 },
    { "GET", "\"v33\"", 200, 200 },  { "POST", "\"v3\"", 200, 200 },
    { "GET", "\"v3\"", 201, 201 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader header = { "If-None-Match", rows[i].wanted };
    Request *request = new_request (rows[i].method, "/", &header, 1);
    Reply *reply = (Reply *)dae_reply_versioned (&request->base, rows[i].status,
                                                 dae_json_new (&request->base), 3);

    g_test_message ("%s %s", rows[i].method, rows[i].wanted);
    reply_seal (reply);
    reply_dress (reply);
    g_assert_cmpuint (reply->status, ==, rows[i].sealed);
    if (rows[i].sealed == 304) {
      g_assert_null (reply->body);
      g_assert_null (reply_find (reply, "Content-Type"));
      g_assert_null (reply_find (reply, "Content-Security-Policy"));
      g_assert_cmpstr (reply_find (reply, "ETag"), ==, "\"v3\"");
    }
    dae_request_unref (&request->base);
  }
}

static void
test_reply_guards_headers (void)
{
  static const struct {
    const char *name, *value;
    gboolean good;
  } rows[] = {
    { "X-Fine", "a b", TRUE },
    { "X-Utf8", "\xc3\xa9", TRUE },
    { "X-Break", "a\r\nSet-Cookie: b", FALSE },
    { "X-Nul", "a\x01", FALSE },
    { "X-Tab", "a\tb", FALSE },
    { "X Space", "a", FALSE },
    { "", "a", FALSE },
    { "Connection", "close", FALSE },
    { "transfer-encoding", "chunked", FALSE },
    { "X-Request-Id", "mine", FALSE },
    { "X-None", NULL, FALSE },
  };
  Request *request = new_request ("GET", "/", NULL, 0);
  Reply *reply = (Reply *)dae_reply_empty (&request->base, 200);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    dae_reply_header (&reply->base, rows[i].name, rows[i].value);
    g_assert_cmpint (reply_find (reply, rows[i].name) != NULL, ==, rows[i].good);
  }
  dae_reply_header (&reply->base, "X-Fine", "c");
  g_assert_cmpstr (reply_find (reply, "X-Fine"), ==, "c");
  g_assert_cmpuint (reply->n_headers, ==, 2);
  for (guint i = 0; i < 40; i++)
    dae_reply_header (&reply->base, "Set-Cookie", "a=b");
  g_assert_cmpuint (reply->n_headers, ==, 42);
  dae_request_unref (&request->base);
}

static void
test_reply_names_files (void)
{
  static const struct {
    const char *name;
    gboolean is_inline;
    const char *expected;
  } rows[] = {
    { "plan.pdf", FALSE, "attachment; filename=\"plan.pdf\"" },
    { "plan.pdf", TRUE, "inline; filename=\"plan.pdf\"" },
    { "a \"b\"; c.txt", FALSE,
      "attachment; filename=\"a _b_; c.txt\"; filename*=UTF-8''a%20%22b%22%3B%20c.txt" },
    { "\xc3\xa9t\xc3\xa9.txt", FALSE,
      "attachment; filename=\"_t_.txt\"; filename*=UTF-8''%C3%A9t%C3%A9.txt" },
    { "../../etc/passwd", FALSE, "attachment; filename=\"_.._etc_passwd\"" },
    { "a\r\nX: 1", FALSE, "attachment; filename=\"a__X: 1\"" },
    { "gpj.\xe2\x80\xae"
      "exe",
      FALSE, "attachment; filename=\"gpj._exe\"" },
    { "100%", FALSE, "attachment; filename=\"100_\"; filename*=UTF-8''100%25" },
    { "", FALSE, "attachment; filename=\"file\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Request *request = new_request ("GET", "/", NULL, 0);
    Reply *reply = (Reply *)dae_reply_empty (&request->base, 200);

    dae_reply_disposition (&reply->base, rows[i].is_inline, rows[i].name);
    g_assert_cmpstr (reply_find (reply, "Content-Disposition"), ==, rows[i].expected);
    dae_request_unref (&request->base);
  }
}

static void
test_reply_keeps_what_the_plugin_said (void)
{
  Request *request = new_request ("GET", "/", NULL, 0);
  Reply *reply = (Reply *)dae_reply_text (&request->base, 200, "<p>");

  dae_reply_header (&reply->base, "Content-Type", "text/html; charset=utf-8");
  dae_reply_header (&reply->base, "Referrer-Policy", "same-origin");
  reply_seal (reply);
  reply_dress (reply);
  g_assert_cmpstr (reply_find (reply, "Referrer-Policy"), ==, "same-origin");
  g_assert_null (reply_find (reply, "Content-Security-Policy"));
  g_assert_null (reply_find (reply, "Cache-Control"));
  dae_request_unref (&request->base);
}

static void
test_request_believes_only_a_valid_traceparent (void)
{
#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
  static const struct {
    const char *text;
    gboolean is_valid;
  } cases[] = {
    { "00-" TRACE "-" PARENT "-01", TRUE },
    { "00-" TRACE "-" PARENT "-00", TRUE },
    { "00-" TRACE "-" PARENT "-01-more", FALSE },
    { "01-" TRACE "-" PARENT "-01-more", TRUE },
    { "01-" TRACE "-" PARENT "-01more", FALSE },
    { "ff-" TRACE "-" PARENT "-01", FALSE },
    { "00-00000000000000000000000000000000-" PARENT "-01", FALSE },
    { "00-" TRACE "-0000000000000000-01", FALSE },
    { "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", FALSE },
    { "00-" TRACE "-" PARENT "-0", FALSE },
    { "00-" TRACE "_" PARENT "-01", FALSE },
    { "00-" TRACE, FALSE },
    { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const ServerHeader headers[] = { { "Traceparent", cases[i].text }, { "traceparent", "00" } };

    for (guint n = 0; n <= 2; n++) {
      Request *request = new_request ("GET", "/", headers, n);
      const char *got = dae_request_traceparent (&request->base);

      g_assert_cmpstr (got, ==, n == 1 && cases[i].is_valid ? cases[i].text : NULL);
      dae_request_unref (&request->base);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/request/copies-its-head", test_request_copies_its_head);
  g_test_add_func ("/request/knows-its-route", test_request_knows_its_route);
  g_test_add_func ("/request/gives-its-body", test_request_gives_its_body);
  g_test_add_func ("/request/checks-json", test_request_checks_json);
  g_test_add_func ("/request/reads-if-match", test_request_reads_if_match);
  g_test_add_func ("/request/matches-versions", test_request_matches_versions);
  g_test_add_func ("/request/compares-types", test_request_compares_types);
  g_test_add_func ("/request/copies-its-user", test_request_copies_its_user);
  g_test_add_func ("/request/tells-once-that-it-is-gone", test_request_tells_once_that_it_is_gone);
  g_test_add_func ("/request/is-abandoned-on-the-loop", test_request_is_abandoned_on_the_loop);
  g_test_add_func ("/reply/writes-json", test_reply_writes_json);
  g_test_add_func ("/reply/problem-has-all-members", test_reply_problem_has_all_members);
  g_test_add_func ("/reply/answers-304", test_reply_answers_304);
  g_test_add_func ("/reply/guards-headers", test_reply_guards_headers);
  g_test_add_func ("/reply/names-files", test_reply_names_files);
  g_test_add_func ("/reply/keeps-what-the-plugin-said", test_reply_keeps_what_the_plugin_said);
  g_test_add_func ("/request/believes-only-a-valid-traceparent",
                   test_request_believes_only_a_valid_traceparent);
  return g_test_run ();
}
