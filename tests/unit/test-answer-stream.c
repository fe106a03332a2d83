/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that grow: their readers leave, are too slow, or are sent away. */
#include "exchange-fixture.h"

static void
test_answer_stream_carries_events (void)
{
  RawClient *client;

  set_up ();
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_client_expect (client, 1, "Cache-Control: no-cache, no-transform\r\n");
  raw_client_expect (client, 1, "X-Accel-Buffering: no\r\n");
  raw_client_expect (client, 1, "X-Request-Id: ");
  g_assert_cmpuint (exchange_streams (test.exchange), ==, 1);
  g_assert_cmpuint (exchange_in_flight (test.exchange), ==, 0);
  /* what it reads later is not held against the time when it was opened */
  g_assert_cmpint (((Request *)dae_stream_request (test.stream))->deadline, ==, 0);
  say (test.stream, "data: 2\n\n");
  raw_client_expect (client, 1, "data: 2\n\n");
  dae_stream_end (test.stream);
  raw_client_expect (client, 1, "0\r\n\r\n");
  g_assert_cmpuint (test.n_stream_gone, ==, 0);
  raw_client_free (client);
  tear_down ();
}

static void
test_answer_stream_tells_that_the_client_left (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up ();
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_client_free (client);
  while (test.n_stream_gone == 0)
    raw_round (deadline, "gone", "");
  raw_run (20);
  g_assert_cmpuint (test.n_stream_gone, ==, 1);
  tear_down ();
}

static void
test_answer_stream_may_be_ended_where_it_is_gone (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up ();
  test.end_when_gone = TRUE;
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_client_free (client);
  while (test.n_stream_gone == 0)
    raw_round (deadline, "gone", "");
  tear_down ();
}

static void
test_answer_stream_cuts_slow_readers (void)
{
  g_autofree char *much = g_strnfill (512 * 1024, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new_static (much, 512 * 1024);
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;
  guint n = 0;

  set_up ();
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  while (dae_stream_write (test.stream, bytes) && n < 1000)
    n++;
  g_assert_cmpuint (n, <, 1000);
  g_assert_cmpuint (test.n_stream_gone, ==, 0);
  while (test.n_stream_gone == 0)
    raw_round (deadline, "gone", "");
  raw_client_free (client);
  tear_down ();
}

static void
test_answer_stream_has_a_head (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up ();
  client = open_events ("HEAD");
  raw_client_expect (client, 1, "Content-Type: text/event-stream\r\n");
  while (test.n_stream_gone == 0)
    raw_round (deadline, "gone", "");
  raw_client_free (client);
  tear_down ();
}

static void
test_answer_stream_is_ended_by_a_drain (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *clients[4];
  g_autofree char *served = NULL;
  g_autofree char *refused = NULL;

  set_up ();
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++) {
    clients[i] = open_events ("GET");
    raw_client_expect (clients[i], 1, "data: 1\n\n");
  }
  exchange_drain (test.exchange, 1000);
  /* a reload: what still comes on kept connections is served */
  served = ask ("GET /later", NULL, NULL);
  g_assert_nonnull (strstr (served, "HTTP/1.1 200 "));
  test.host.draining = TRUE;
  refused = ask ("GET /later", NULL, NULL);
  g_assert_nonnull (strstr (refused, "HTTP/1.1 503 "));
  g_assert_nonnull (strstr (refused, "Retry-After: "));
  g_assert_nonnull (strstr (refused, "\"code\":\"draining\""));
  while (test.n_stream_gone < 1)
    raw_round (deadline, "the first end", "");
  g_assert_cmpuint (test.n_stream_gone, <, 4);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++) {
    raw_client_expect (clients[i], 1, "0\r\n\r\n");
    raw_client_free (clients[i]);
  }
  g_assert_cmpuint (test.n_stream_gone, ==, 4);
  tear_down ();
}

/* Nothing of the stream's request is left but what it was made of. */
static void
test_answer_stream_has_its_request_for_ever (void)
{
  RawClient *client;
  g_autofree char *id = NULL;

  set_up ();
  client = raw_client_new (&test.server);
  raw_client_send (client, "GET /mine/abc?q=1%202 HTTP/1.1\r\nHost: a\r\nX-User: admin\r\n"
                           "Cookie: a=1; b=2\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n");
  raw_client_expect (client, 1, "data: 1\n\n");
  id = g_strdup (dae_request_id (dae_stream_request (test.stream)));
  for (guint i = 0; i < 3; i++) {
    DaeRequest *req;

    raw_run (20);
    req = dae_stream_request (test.stream);
    g_assert_true (req == dae_stream_request (test.stream));
    g_assert_cmpint (((Request *)req)->refs, ==, 1);
    g_assert_cmpstr (dae_request_id (req), ==, id);
    g_assert_cmpstr (dae_request_method (req), ==, "GET");
    g_assert_cmpstr (dae_request_path (req), ==, "/mine/abc");
    g_assert_cmpstr (dae_request_param (req, "id"), ==, "abc");
    g_assert_cmpstr (dae_request_query (req, "q"), ==, "1 2");
    g_assert_cmpstr (dae_request_client (req), ==, "127.0.0.1");
    g_assert_cmpstr (dae_request_header (req, "Host"), ==, "a");
    g_assert_cmpuint (dae_request_header_count (req, "X-Two"), ==, 2);
    g_assert_cmpstr (dae_request_cookie (req, "b"), ==, "2");
    g_assert_cmpstr (dae_request_user (req)->subject, ==, "admin");
    g_assert_cmpstr (dae_request_user (req)->method, ==, "test");
    g_assert_null (dae_request_user (req)->email);
    g_assert_true (dae_request_user (req)->flags & DAE_USER_ADMIN);
  }
  dae_stream_end (test.stream);
  raw_client_expect_end (client);
  raw_client_free (client);
  tear_down ();
}

/* Who holds the request may read it on any thread: it stays what it was, and hears of the end. */
static void
test_answer_stream_leaves_a_held_request_alone (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up ();
  test.hold_when_open = TRUE;
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_run (50);
  g_assert_true (test.held == dae_stream_request (test.stream));
  g_cancellable_connect (dae_request_gone (test.held), G_CALLBACK (on_gone), NULL, NULL);
  raw_client_free (client);
  while (test.n_gone == 0)
    raw_round (deadline, "gone", "");
  g_assert_cmpuint (test.n_stream_gone, ==, 1);
  dae_request_unref (test.held);
  tear_down ();
}

static void
test_answer_stream_counts_until_it_ends (void)
{
  static const char *const labels[] = { "test", "/events", "GET", "200" };
  RawClient *client;

  set_up ();
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_run (50);
  g_assert_cmpint (test.plugin.in_flight, ==, 1);
  g_assert_cmpuint (server_calls (test.host.server), ==, 1);
  g_assert_cmpuint (server_connections (test.host.server), ==, 1);
  g_assert_cmpfloat (metrics_value (metrics_series (test.exchange->requests, labels, 4)), ==, 0);
  dae_stream_end (test.stream);
  raw_client_expect_end (client);
  g_assert_cmpint (test.plugin.in_flight, ==, 0);
  g_assert_cmpuint (server_calls (test.host.server), ==, 0);
  g_assert_cmpfloat (metrics_value (metrics_series (test.exchange->requests, labels, 4)), ==, 1);
  raw_client_free (client);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_open (LOG_JSON, "error", "test");
  g_test_add_func ("/answer-stream/carries-events", test_answer_stream_carries_events);
  g_test_add_func ("/answer-stream/tells-that-the-client-left",
                   test_answer_stream_tells_that_the_client_left);
  g_test_add_func ("/answer-stream/may-be-ended-where-it-is-gone",
                   test_answer_stream_may_be_ended_where_it_is_gone);
  g_test_add_func ("/answer-stream/cuts-slow-readers", test_answer_stream_cuts_slow_readers);
  g_test_add_func ("/answer-stream/has-a-head", test_answer_stream_has_a_head);
  g_test_add_func ("/answer-stream/is-ended-by-a-drain", test_answer_stream_is_ended_by_a_drain);
  g_test_add_func ("/answer-stream/has-its-request-for-ever",
                   test_answer_stream_has_its_request_for_ever);
  g_test_add_func ("/answer-stream/leaves-a-held-request-alone",
                   test_answer_stream_leaves_a_held_request_alone);
  g_test_add_func ("/answer-stream/counts-until-it-ends", test_answer_stream_counts_until_it_ends);
  return g_test_run ();
}
