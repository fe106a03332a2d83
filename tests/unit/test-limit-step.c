/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that ask for more than they may, over a real socket. */
#include "http/limit.h"

#include "exchange-fixture.h"

static Limits *other; /* another worker */
static int memory;

static void
set_up_limits (void)
{
  set_up ();
  memory = limits_create_memory ();
  test.host.limits = limits_new (memory, 1);
  other = limits_new (memory, 2);
}

static void
tear_down_limits (void)
{
  tear_down ();
  limits_free (test.host.limits);
  limits_free (other);
  close (memory);
}

static void
expect (const char *line, const char *more, const char *body, const char *status, const char *part)
{
  g_autofree char *answer = ask (line, more, body);

  if (!g_str_has_prefix (answer + strlen ("HTTP/1.1 "), status) || !strstr (answer, part))
    g_error ("%s gave: %s", line, answer);
}

static double
rejected (const char *reason)
{
  return metrics_value (metrics_series (test.exchange->rejected, &reason, 1));
}

static void
test_limit_step_of_writes (void)
{
  set_up_limits ();
  limits_set (test.host.limits, LIMIT_WRITES, 1);
  for (guint i = 0; i < 10; i++)
    expect ("POST /none", NULL, NULL, "200 ", "later");
  expect ("POST /none", NULL, NULL, "429 ", "\r\nRetry-After: 1\r\n");
  expect ("POST /none", NULL, NULL, "429 ", "\"code\":\"too_many_writes\"");
  /* somebody who signs in is not their address, and reading is free */
  limits_set (other, LIMIT_WRITES, 1);
  g_assert_cmpuint (limits_write (other, "127.0.0.1", g_get_monotonic_time ()), ==, 1);
  g_assert_cmpuint (limits_write (other, "ada", g_get_monotonic_time ()), ==, 0);
  expect ("GET /later", NULL, NULL, "200 ", "later");
  g_assert_cmpfloat (rejected ("rate"), ==, 2);
  tear_down_limits ();
}

static void
test_limit_step_of_uploads (void)
{
  RawClient *client;
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  set_up_limits ();
  limits_set (test.host.limits, LIMIT_UPLOADS, 2);
  g_assert_true (0 != limits_take (other, LIMIT_UPLOADS, ""));
  client = raw_client_new (&test.server);
  raw_client_send (client,
                   "PUT /upload HTTP/1.1\r\nHost: a\r\nX-User: ada\r\nContent-Length: 5\r\n\r\n");
  while (!test.held)
    raw_round (deadline, "the handler", "");
  g_assert_cmpuint (limits_count (other, LIMIT_UPLOADS, ""), ==, 2);
  expect ("PUT /upload", "X-User: bob\r\nContent-Length: 0\r\n", NULL, "429 ", "Retry-After: ");
  expect ("PUT /upload", "Content-Length: 0\r\n", NULL, "401 ", "sign_in_required");
  g_assert_cmpfloat (rejected ("uploads"), ==, 1);
  raw_client_reset (client);
  while (test.n_gone == 0)
    raw_round (deadline, "gone", "");
  dae_request_unref (test.held);
  raw_client_free (client);
  while (limits_count (other, LIMIT_UPLOADS, "") > 1)
    raw_round (deadline, "the share to be given back", "");
  limits_give (other, limits_share (other, LIMIT_UPLOADS, ""));
  tear_down_limits ();
}

static void
test_limit_step_of_streams (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *client;

  set_up_limits ();
  limits_set (test.host.limits, LIMIT_STREAMS, 2);
  g_assert_true (0 != limits_take (other, LIMIT_STREAMS, "127.0.0.1"));
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  expect ("GET /events", NULL, NULL, "429 ", "\"code\":\"too_many_streams\"");
  g_assert_cmpfloat (rejected ("streams"), ==, 1);
  /* a stream that has settled is still a connection of its address */
  while (server_calls (test.host.server) > exchange_streams (test.exchange) ||
         limits_count (other, LIMIT_PEERS, "127.0.0.1") != 1)
    raw_round (deadline, "one connection", "");
  raw_client_free (client);
  while (limits_count (other, LIMIT_PEERS, "127.0.0.1") > 0)
    raw_round (deadline, "the connection's end", "");
  while (limits_count (other, LIMIT_STREAMS, "127.0.0.1") > 1)
    raw_round (deadline, "the share to be given back", "");
  client = open_events ("GET");
  raw_client_expect (client, 1, "data: 1\n\n");
  raw_client_free (client);
  tear_down_limits ();
}

static void
test_limit_step_of_connections (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  RawClient *clients[2], *third;

  set_up_limits ();
  limits_set (test.host.limits, LIMIT_PEERS, 3);
  g_assert_true (0 != limits_take (other, LIMIT_PEERS, "127.0.0.1"));
  for (guint i = 0; i < 2; i++) {
    clients[i] = raw_client_new (&test.server);
    raw_client_send (clients[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client_expect (clients[i], 1, "\r\n\r\nlater");
  }
  third = raw_client_new (&test.server);
  raw_client_expect_end (third);
  g_assert_cmpuint (third->in->len, ==, 0);
  g_assert_cmpfloat (rejected ("connections"), ==, 1);
  raw_client_free (third);
  raw_client_free (clients[0]);
  while (limits_count (other, LIMIT_PEERS, "127.0.0.1") > 2)
    raw_round (deadline, "the connection's end", "");
  expect ("GET /later", NULL, NULL, "200 ", "later");
  raw_client_free (clients[1]);
  tear_down_limits ();
}

/* With more connections than another worker has it lets that one go first, but is not deaf. */
static void
test_limit_step_yields_and_serves (void)
{
  RawClient *clients[20];
  gint64 began, took = 0;

  set_up_limits ();
  limits_set_connections (other, 0, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++) {
    began = g_get_monotonic_time ();
    clients[i] = raw_client_new (&test.server);
    raw_client_send (clients[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client_expect (clients[i], 1, "\r\n\r\nlater");
    if (i == 16) /* the first one that the other should have had */
      took = g_get_monotonic_time () - began;
  }
  g_assert_cmpint (took, >=, 4000);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    raw_client_free (clients[i]);
  tear_down_limits ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_open (LOG_JSON, "error", "test");
  g_test_add_func ("/limit-step/of-writes", test_limit_step_of_writes);
  g_test_add_func ("/limit-step/of-uploads", test_limit_step_of_uploads);
  g_test_add_func ("/limit-step/of-streams", test_limit_step_of_streams);
  g_test_add_func ("/limit-step/of-connections", test_limit_step_of_connections);
  g_test_add_func ("/limit-step/yields-and-serves", test_limit_step_yields_and_serves);
  return g_test_run ();
}
