/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-pool: how many connections there are, who waits for one, and which are used again. */
#include "raw-peer.h"

#define SHORT "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"

static Probe *
probe_send (Fixture *fixture, const char *method)
{
  Probe *probe = probe_new (fixture, method, "/");

  dae_fetch_send (probe->fetch);
  return probe;
}

/* One connection, two in the queue, the fourth is turned away. */
static void
test_upstream_pool_queues_and_refuses (void)
{
  Fixture *fixture = fixture_new ();
  Probe *first, *second, *third, *fourth;

  upstream_set_limits (fixture->host.upstream, 1, 2);
  first = probe_send (fixture, "GET");
  second = probe_send (fixture, "GET");
  third = probe_send (fixture, "POST");
  fourth = probe_send (fixture, "GET");
  g_assert_false (fourth->ended);
  probe_expect (fourth, "busy");
  peer_accept (fixture);
  peer_read (fixture, "GET / HTTP/1.1\r\n");
  peer_send (fixture, SHORT);
  probe_expect (first, "200 ! whole");
  peer_read (fixture, "GET / HTTP/1.1\r\n");
  g_assert_false (second->ended);
  peer_send (fixture, SHORT);
  probe_expect (second, "200 ! whole");
  peer_read (fixture, "POST / HTTP/1.1\r\n");
  peer_send (fixture, SHORT);
  probe_expect (third, "200 ! whole");
  g_assert_false (peer_has_visitor (fixture));
  probe_free (first);
  probe_free (second);
  probe_free (third);
  probe_free (fourth);
  fixture_free (fixture);
}

/* Waiting counts as connecting. */
static void
test_upstream_pool_queue_has_a_limit (void)
{
  Fixture *fixture = fixture_new ();
  Probe *first, *second;

  upstream_set_limits (fixture->host.upstream, 1, 2);
  first = probe_send (fixture, "GET");
  second = probe_new (fixture, "GET", "/");
  dae_fetch_limits (second->fetch, 100, 0, 0, 0);
  dae_fetch_send (second->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  probe_expect (second, "late");
  g_assert_false (first->ended);
  peer_send (fixture, SHORT);
  probe_expect (first, "200 ! whole");
  probe_free (first);
  probe_free (second);
  fixture_free (fixture);
}

/* The turn of who waits comes also when the connection before it ends badly, or is given up. */
static void
test_upstream_pool_turn_comes_anyway (void)
{
  static const char *const ways[] = { "close", "garbage", "cancel", "refuse" };
  Fixture *fixture = fixture_new ();

  upstream_set_limits (fixture->host.upstream, 1, 2);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    Probe *first = probe_send (fixture, "POST"), *second = probe_send (fixture, "POST");

    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    switch (i) {
    case 0:
      peer_close (fixture, FALSE);
      break;
    case 1:
      peer_send (fixture, "nonsense\r\n");
      break;
    case 2:
      dae_fetch_cancel (first->fetch);
      break;
    default:
      peer_send (fixture, "HTTP/1.0 503 No\r\n\r\n");
      peer_close (fixture, FALSE);
    }
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, SHORT);
    probe_expect (second, "200 ! whole");
    peer_close (fixture, FALSE);
    raw_run (10);
    probe_free (first);
    probe_free (second);
  }
  fixture_free (fixture);
}

/* A second answer, or a part of one, must never be taken for the answer to the next request. */
static void
test_upstream_pool_never_hands_on_extra_bytes (void)
{
  static const char *const extras[] = { SHORT, "H", "\r\n", "\n" };

  for (guint i = 0; i < G_N_ELEMENTS (extras); i++) {
    Fixture *fixture = fixture_new ();
    Probe *first, *second;

    upstream_set_limits (fixture->host.upstream, 1, 2);
    first = probe_new (fixture, "GET", "/one");
    /* all is there before any of the answer is looked at */
    dae_fetch_pause (first->fetch, TRUE);
    dae_fetch_send (first->fetch);
    second = probe_new (fixture, "GET", "/two");
    dae_fetch_send (second->fetch);
    peer_accept (fixture);
    peer_read (fixture, "GET /one HTTP/1.1\r\n");
    peer_send (fixture, SHORT);
    raw_run (10);
    g_assert_cmpstr (first->seen->str, ==, "200 ");
    peer_send (fixture, extras[i]);
    dae_fetch_pause (first->fetch, FALSE);
    probe_expect (first, "200 ! whole");
    peer_accept (fixture);
    peer_read (fixture, "GET /two HTTP/1.1\r\n");
    peer_send (fixture, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    probe_expect (second, "200 two whole");
    probe_free (first);
    probe_free (second);
    fixture_free (fixture);
  }
}

/* Whoever speaks before it is asked answers nothing that was asked. */
static void
test_upstream_pool_refuses_who_speaks_first (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_send (fixture, "GET");

  /* the kernel has made the connection; the loop has not seen it yet */
  peer_accept (fixture);
  peer_send (fixture, SHORT);
  probe_expect (probe, "invalid");
  g_assert_cmpuint (fixture->request->len, ==, 0);
  peer_expect_end (fixture);
  probe_free (probe);
  fixture_free (fixture);
}

/* Idle connections wait without a source that turns, and what many fetches share is one each. */
static void
test_upstream_pool_idles_quietly (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_send (fixture, "GET");

  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  raw_run (5);
  g_assert_cmpuint (raw_run_turns (100), <, 5);
  for (guint i = 0; i < 20; i++) {
    probe = probe_send (fixture, "POST");
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, SHORT);
    probe_expect (probe, "200 ! whole");
    probe_free (probe);
  }
  g_assert_false (peer_has_visitor (fixture));
  fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/upstream-pool/" path, test_upstream_pool_##name)
  ADD ("queues-and-refuses", queues_and_refuses);
  ADD ("queue-has-a-limit", queue_has_a_limit);
  ADD ("turn-comes-anyway", turn_comes_anyway);
  ADD ("never-hands-on-extra-bytes", never_hands_on_extra_bytes);
  ADD ("refuses-who-speaks-first", refuses_who_speaks_first);
  ADD ("idles-quietly", idles_quietly);
  return g_test_run ();
}
