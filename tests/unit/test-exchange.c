/* SPDX-License-Identifier: Apache-2.0 */
/* Whole ways of requests to loop handlers, over a real socket. */
#include "exchange-fixture.h"

typedef struct {
  const char *line, *more, *body;
  const char *status;   /* "200 " */
  const char *parts[4]; /* each is in the answer */
} Case;

static void
run_cases (const Case *cases, guint n_cases)
{
  set_up ();
  for (guint i = 0; i < n_cases; i++) {
    g_autofree char *answer = ask (cases[i].line, cases[i].more, cases[i].body);

    g_test_message ("%u: %s", i, cases[i].line);
    if (!g_str_has_prefix (answer + strlen ("HTTP/1.1 "), cases[i].status))
      g_error ("%s gave: %s", cases[i].line, answer);
    for (guint j = 0; j < G_N_ELEMENTS (cases[i].parts) && cases[i].parts[j]; j++) {
      if (!strstr (answer, cases[i].parts[j]))
        g_error ("%s has no %s: %s", cases[i].line, cases[i].parts[j], answer);
    }
  }
  tear_down ();
}

static void
test_exchange_routes (void)
{
  static const Case cases[] = {
    { "GET /hello/x",
      NULL,
      NULL,
      "200 ",
      { "\r\n\r\n{\"id\":\"x\"}", "ETag: \"v7\"", "X-Request-Id: ", "nosniff" } },
    { "HEAD /hello/x", NULL, NULL, "200 ", { "Content-Length: 10\r\n" } },
    { "GET /hello/x", "If-None-Match: \"v7\"\r\n", NULL, "304 ", { "ETag: \"v7\"" } },
    { "GET /hello/-x",
      NULL,
      NULL,
      "404 ",
      { "\"code\":\"not_found\"", "application/problem+json" } },
    { "GET /nothing", NULL, NULL, "404 ", { "\"request_id\":\"" } },
    { "DELETE /hello/x",
      NULL,
      NULL,
      "405 ",
      { "Allow: GET, HEAD, OPTIONS", "\"code\":\"method_not_allowed\"" } },
    { "OPTIONS /hello/x", NULL, NULL, "204 ", { "Allow: GET, HEAD, OPTIONS" } },
    { "GET /later", NULL, NULL, "200 ", { "\r\n\r\nlater" } },
    { "GET /query?q=a%20b", NULL, NULL, "200 ", { "\r\n\r\na b" } },
    { "GET /query",
      NULL,
      NULL,
      "422 ",
      { "\"code\":\"invalid_query\"", "{\"pointer\":\"?q\",\"detail\":\"is missing\"}" } },
    { "GET /query?q=1&q=2", NULL, NULL, "422 ", { "appears twice" } },
    { "GET /hello/x", "Idempotency-Key: k\r\n", NULL, "400 ", { "idempotency_not_supported" } },
  };

  run_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_exchange_answers_with_files (void)
{
#define RANGE(text) "Range: bytes=" text "\r\n"
#define THEN        "Sun, 06 Nov 1994 08:49:37 GMT\r\n"
  static const Case cases[] = {
    { "GET /file",
      NULL,
      NULL,
      "200 ",
      { "Content-Length: 10\r\n", "Accept-Ranges: bytes\r\n", "\r\n\r\n0123456789",
        "X-Request-Id: " } },
    { "HEAD /file", RANGE ("0-1"), NULL, "200 ", { "Content-Length: 10\r\n", "ETag: \"f\"\r\n" } },
    { "GET /file",
      RANGE ("2-4"),
      NULL,
      "206 ",
      { "Content-Range: bytes 2-4/10\r\n", "Content-Length: 3\r\n", "\r\n\r\n234",
        "Content-Encoding: br\r\n" } },
    { "GET /file", RANGE ("-3"), NULL, "206 ", { "bytes 7-9/10\r\n", "\r\n\r\n789" } },
    { "GET /file", RANGE ("0-0,2-2"), NULL, "200 ", { "\r\n\r\n0123456789" } },
    { "GET /file", RANGE ("0-1") RANGE ("2-3"), NULL, "200 ", { "\r\n\r\n0123456789" } },
    { "GET /file",
      RANGE ("10-"),
      NULL,
      "416 ",
      { "Content-Range: bytes */10\r\n", "\"code\":\"range_not_satisfiable\"",
        "Cache-Control: no-store\r\n", "application/problem+json" } },
    { "GET /file", RANGE ("2-4") "If-Range: \"f\"\r\n", NULL, "206 ", { "\r\n\r\n234" } },
    { "GET /file", RANGE ("2-4") "If-Range: " THEN, NULL, "206 ", { "\r\n\r\n234" } },
    { "GET /file", RANGE ("2-4") "If-Range: \"g\"\r\n", NULL, "200 ", { "\r\n\r\n0123456789" } },
    { "GET /file", RANGE ("99-") "If-Range: \"g\"\r\n", NULL, "200 ", { "\r\n\r\n0123456789" } },
    { "GET /file",
      RANGE ("2-4") "If-None-Match: \"e\", W/\"f\"\r\n",
      NULL,
      "304 ",
      { "ETag: \"f\"\r\n", "Cache-Control: public, max-age=9\r\n" } },
    { "HEAD /file", "If-Modified-Since: " THEN, NULL, "304 ", { "ETag: \"f\"\r\n" } },
    { "GET /file", "If-Match: \"g\"\r\n", NULL, "412 ", { "precondition_failed", "no-store" } },
    { "GET /file", RANGE ("0-0") "If-Match: \"f\"\r\n", NULL, "206 ", { "\r\n\r\n0" } },
    { "GET /hello/x", RANGE ("0-0"), NULL, "200 ", { "\r\n\r\n{\"id\":\"x\"}" } },
    { "GET /hello/x", "If-None-Match: \"v1\", W/\"v7\"\r\n", NULL, "304 ", { "ETag: \"v7\"" } },
    { "GET /hello/x", "If-None-Match: v7\r\n", NULL, "200 ", { "ETag: \"v7\"" } },
    { "GET /later", "If-None-Match: *\r\n", NULL, "200 ", { "\r\n\r\nlater" } },
  };
  char *answer;

  run_cases (cases, G_N_ELEMENTS (cases));
  set_up ();
  answer = ask ("GET /file", "If-None-Match: *\r\n", NULL);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 304 Not Modified\r\n"));
  if (strstr (answer, "\nContent-"))
    g_error ("%s", answer);
  g_assert_null (strstr (answer, "Transfer-"));
  g_free (answer);
  tear_down ();
}

#define JSON      "Content-Type: application/json\r\n"
#define LENGTH(n) "Content-Length: " #n "\r\n"

static void
test_exchange_receives (void)
{
  static const Case cases[] = {
    { "POST /echo",
      JSON LENGTH (12),
      "{\"name\":\"x\"}",
      "200 ",
      { "X-Name: x", "\r\n\r\n{\"name\":\"x\"}" } },
    { "POST /echo",
      JSON "Transfer-Encoding: chunked\r\n",
      "c\r\n{\"name\":\"x\"}\r\n0\r\n\r\n",
      "200 ",
      { "X-Name: x" } },
    { "POST /echo", LENGTH (12), "{\"name\":\"x\"}", "415 ", { "unsupported_media_type" } },
    { "POST /echo",
      "Content-Type: text/plain\r\n" LENGTH (12),
      "{\"name\":\"x\"}",
      "415 ",
      { NULL } },
    { "POST /echo",
      JSON "Content-Encoding: gzip\r\n" LENGTH (12),
      "{\"name\":\"x\"}",
      "415 ",
      { "unsupported_encoding" } },
    { "POST /echo",
      JSON "Content-Encoding: identity\r\n" LENGTH (12),
      "{\"name\":\"x\"}",
      "200 ",
      { NULL } },
    { "POST /echo", JSON LENGTH (0), NULL, "400 ", { "\"code\":\"malformed_json\"", "at byte 0" } },
    { "POST /echo", JSON LENGTH (7), "{\"a\":1,", "400 ", { "at byte 7" } },
    { "POST /echo",
      JSON LENGTH (8),
      "{\"a\":[]}",
      "422 ",
      { "\"code\":\"invalid_body\"", "\"/a\"", "\"/name\",\"detail\":\"is missing\"" } },
    { "POST /echo", JSON LENGTH (101), "", "413 ", { "body_too_large" } },
    { "POST /echo",
      JSON "Transfer-Encoding: chunked\r\n",
      "5\r\n{\"nam\r\nX\r\n",
      "400 ",
      { "body_cut" } },
    { "POST /none", LENGTH (0), NULL, "200 ", { "later" } },
    { "POST /none", NULL, NULL, "200 ", { "later" } },
    { "POST /none", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "200 ", { "later" } },
    { "POST /none", LENGTH (1), "x", "413 ", { "this route takes no body" } },
    { "POST /none", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n", "413 ", { NULL } },
  };

  run_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_exchange_authorizes (void)
{
  static const Case cases[] = {
    { "GET /me",
      NULL,
      NULL,
      "401 ",
      { "sign_in_required", "\"sign_in_url\":\"/sign-in\"",
        "WWW-Authenticate: Test realm=\"x\"" } },
    { "GET /me", "X-User: bo\r\n", NULL, "200 ", { "\r\n\r\nbo" } },
    { "GET /me", "X-User: refuse\r\n", NULL, "503 ", { "identity_down" } },
    { "GET /admin", NULL, NULL, "401 ", { NULL } },
    { "GET /admin", "X-User: bo\r\n", NULL, "404 ", { "not_found" } },
    { "GET /admin", "X-User: admin\r\n", NULL, "200 ", { "admin" } },
    { "POST /none", "Sec-Fetch-Site: cross-site\r\n", NULL, "403 ", { "cross_site" } },
    { "POST /none", "Origin: http://evil.example\r\n", NULL, "403 ", { "cross_site" } },
    { "POST /none", "Origin: http://a\r\n", NULL, "200 ", { NULL } },
    { "GET /later", "Sec-Fetch-Site: cross-site\r\n", NULL, "200 ", { NULL } },
  };

  run_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_exchange_waits_for_identity (void)
{
  g_autofree char *answer = NULL;

  set_up ();
  test.identify_later = TRUE;
  answer = ask ("GET /me", "X-User: bo\r\n", NULL);
  g_assert_nonnull (strstr (answer, "\r\n\r\nbo"));
  tear_down ();
}

static void
test_exchange_refuses_foreign_hosts (void)
{
  RawClient *client;

  set_up ();
  client = raw_client_new (&test.server);
  raw_client_send (client, "GET /nothing HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  raw_client_expect (client, 1, "HTTP/1.1 421 ");
  raw_client_expect (client, 1, "\"code\":\"misdirected_request\"");
  raw_client_free (client);
  tear_down ();
}

static void
test_exchange_answers_for_bad_handlers (void)
{
  static const Case cases[] = {
    { "GET /drop", NULL, NULL, "500 ", { "\"code\":\"internal\"" } },
    { "GET /forget", NULL, NULL, "500 ", { "\"code\":\"internal\"" } },
    { "GET /null", NULL, NULL, "500 ", { "\"code\":\"internal\"" } },
    { "GET /statusless", NULL, NULL, "500 ", { NULL } },
    { "GET /headless", NULL, NULL, "500 ", { "\"code\":\"internal\"" } },
    { "GET /twice", NULL, NULL, "200 ", { "\r\n\r\nfirst" } },
  };

  run_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_exchange_ends_at_the_deadline (void)
{
  g_autofree char *answer = NULL;

  set_up ();
  answer = ask ("GET /hold", NULL, NULL);
  g_assert_nonnull (strstr (answer, "HTTP/1.1 504 "));
  g_assert_nonnull (strstr (answer, "\"code\":\"deadline\""));
  g_assert_cmpuint (test.n_gone, ==, 1);
  /* the request outlives its answer, and a late reply does nothing */
  g_assert_cmpstr (dae_request_path (test.held), ==, "/hold");
  dae_send (test.held, dae_reply_text (test.held, 200, "too late"));
  dae_request_unref (test.held);
  tear_down ();
}

static void
test_exchange_tells_who_waits_that_the_client_left (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up ();
  client = raw_client_new (&test.server);
  raw_client_send (client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!test.held)
    raw_round (deadline, "the handler", "");
  raw_client_reset (client);
  while (test.n_gone == 0)
    raw_round (deadline, "gone", "");
  dae_request_unref (test.held);
  raw_client_free (client);
  tear_down ();
}

static void
test_exchange_counts (void)
{
  const char *labels[] = { "test", "/later", "GET", "200" };
  const char *other[] = { "host", "(none)", "GET", "404" };
  const char *rejected[] = { "host" };
  RawClient *client;
  double before[3];
  MetricsSeries *series[3];

  set_up ();
  series[0] = metrics_series (test.exchange->requests, labels, 4);
  series[1] = metrics_series (test.exchange->requests, other, 4);
  series[2] = metrics_series (test.exchange->rejected, rejected, 1);
  for (guint i = 0; i < 3; i++)
    before[i] = metrics_value (series[i]);
  client = raw_client_new (&test.server);
  for (guint i = 1; i <= 3; i++) {
    raw_client_send (client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client_expect (client, i, "\r\n\r\nlater");
  }
  raw_client_free (client);
  g_free (ask ("GET /coffee", NULL, NULL));
  client = raw_client_new (&test.server);
  raw_client_send (client, "GET /later HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
  raw_client_expect_end (client);
  raw_client_free (client);
  g_assert_cmpfloat (metrics_value (series[0]) - before[0], ==, 3);
  g_assert_cmpfloat (metrics_value (series[1]) - before[1], ==, 1);
  g_assert_cmpfloat (metrics_value (series[2]) - before[2], ==, 1);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_open (LOG_JSON, "error", "test");
  g_test_add_func ("/exchange/routes", test_exchange_routes);
  g_test_add_func ("/exchange/answers-with-files", test_exchange_answers_with_files);
  g_test_add_func ("/exchange/receives", test_exchange_receives);
  g_test_add_func ("/exchange/authorizes", test_exchange_authorizes);
  g_test_add_func ("/exchange/waits-for-identity", test_exchange_waits_for_identity);
  g_test_add_func ("/exchange/refuses-foreign-hosts", test_exchange_refuses_foreign_hosts);
  g_test_add_func ("/exchange/answers-for-bad-handlers", test_exchange_answers_for_bad_handlers);
  g_test_add_func ("/exchange/ends-at-the-deadline", test_exchange_ends_at_the_deadline);
  g_test_add_func ("/exchange/tells-who-waits-that-the-client-left",
                   test_exchange_tells_who_waits_that_the_client_left);
  g_test_add_func ("/exchange/counts", test_exchange_counts);
  return g_test_run ();
}
