/* SPDX-License-Identifier: Apache-2.0 */
/* upstream: outgoing requests against peers that do well, and peers that do everything wrong. */
#include "raw-peer.h"

static void
test_upstream_sends_a_request (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "POST", "/a?b=c");
  g_autoptr (GBytes) body = g_bytes_new_static ("hello", 5);
  g_autofree char *expected = NULL;

  dae_fetch_header (probe->fetch, "X-One", "1");
  dae_fetch_header (probe->fetch, "Connection", "upgrade");
  dae_fetch_body (probe->fetch, "text/plain", body);
  dae_fetch_send (probe->fetch);
  g_assert_cmpuint (upstream_in_flight (fixture->host.upstream), ==, 1);
  peer_accept (fixture);
  peer_read (fixture, "hello");
  expected = g_strdup_printf ("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-One: 1\r\n"
                              "User-Agent: daedalus\r\nAccept-Encoding: identity\r\n"
                              "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
                              fixture->port);
  g_assert_cmpstr (fixture->request->str, ==, expected);
  peer_send (fixture,
             "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Two:  2 \r\nx-two: 3\r\n\r\nhi");
  probe_expect (probe, "201 hi whole");
  g_assert_cmpstr (probe->header, ==, "2");
  g_assert_cmpuint (upstream_in_flight (fixture->host.upstream), ==, 0);
  probe_free (probe);
  fixture_free (fixture);
}

typedef struct {
  const char *name, *method, *answer, *seen;
  gboolean closes; /* the peer, after its answer */
} Answer;

static const Answer good[] = {
  { "length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello whole",
    FALSE },
  { "empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200  whole", FALSE },
  { "chunked", "GET",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: "
    "x\r\n\r\n",
    "200 hello whole", FALSE },
  { "to-the-end", "GET", "HTTP/1.1 200 OK\r\n\r\nhello", "200 hello whole", TRUE },
  { "http-1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", "200 hello whole", TRUE },
  { "interim", "GET",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n!",
    "404 ! whole", FALSE },
  { "head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200  whole", FALSE },
  { "no-content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", "204  whole", FALSE },
  { "not-modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304  whole",
    FALSE },
};

static void
check_answer (Fixture *fixture, const Answer *row, gsize split)
{
  Probe *probe = probe_new (fixture, row->method, "/");
  gsize length = strlen (row->answer);

  dae_fetch_send (probe->fetch);
  if (fixture->peer < 0)
    peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send_bytes (fixture, row->answer, split);
  if (split > 0 && split < length)
    raw_run (1);
  peer_send_bytes (fixture, row->answer + split, length - split);
  if (row->closes)
    peer_close (fixture, FALSE);
  probe_expect (probe, row->seen);
  probe_free (probe);
}

/* All splits of all answers; what can be kept comes over one connection. */
static void
test_upstream_takes_answers_by_every_split (void)
{
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    for (gsize split = 0; split <= strlen (good[i].answer); split++)
      check_answer (fixture, &good[i], split);
  fixture_free (fixture);
}

static void
test_upstream_bounds_the_head (void)
{
  g_autofree char *long_line = g_strnfill (70000, 'a');
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");

  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, "HTTP/1.1 200 OK\r\nX: ");
  peer_send (fixture, long_line);
  probe_expect (probe, "invalid");
  probe_free (probe);
  peer_close (fixture, FALSE);

  probe = probe_new (fixture, "GET", "/");
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  for (guint i = 0; i < 101; i++)
    peer_send (fixture, "HTTP/1.1 103 Early\r\n\r\n");
  probe_expect (probe, "invalid");
  probe_free (probe);
  fixture_free (fixture);
}

/* Sends GET and answers it with ANSWER, over a new connection if FRESH. */
static void
exchange (
    Fixture *fixture, const char *method, const char *answer, const char *seen, gboolean fresh)
{
  Probe *probe = probe_new (fixture, method, "/");

  dae_fetch_send (probe->fetch);
  if (fresh)
    peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, answer);
  probe_expect (probe, seen);
  probe_free (probe);
}

#define SHORT "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"

static void
test_upstream_keeps_only_sound_connections (void)
{
  Fixture *fixture = fixture_new ();

  exchange (fixture, "GET", SHORT, "200 ! whole", TRUE);
  exchange (fixture, "POST", SHORT, "200 ! whole", FALSE);
  exchange (fixture, "GET", SHORT SHORT, "200 ! whole", FALSE);
  peer_expect_end (fixture);
  exchange (fixture, "GET", SHORT, "200 ! whole", TRUE);
  peer_send (fixture, "HTTP/1.1 408 Timeout\r\n\r\n");
  peer_expect_end (fixture);
  exchange (fixture, "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n!",
            "200 ! whole", TRUE);
  peer_expect_end (fixture);
  exchange (fixture, "HEAD", "HTTP/1.1 404 No\r\n\r\n", "404  whole", TRUE);
  peer_expect_end (fixture);
  exchange (fixture, "GET", SHORT, "200 ! whole", TRUE);
  peer_close (fixture, FALSE);
  exchange (fixture, "POST", SHORT, "200 ! whole", TRUE);
  peer_close (fixture, TRUE);
  exchange (fixture, "POST", SHORT, "200 ! whole", TRUE);
  fixture_free (fixture);
}

/* A kept connection that dies with the request: only what is safe is sent again, and once. */
static void
test_upstream_repeats_only_what_is_idempotent (void)
{
  static const struct {
    const char *method;
    gboolean again;
  } rows[] = { { "GET", TRUE },   { "PUT", TRUE },    { "DELETE", TRUE },
               { "POST", FALSE }, { "PATCH", FALSE }, { "get", FALSE } };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Probe *probe;

    exchange (fixture, "GET", SHORT, "200 ! whole", TRUE);
    probe = probe_new (fixture, rows[i].method, "/again");
    dae_fetch_send (probe->fetch);
    peer_read (fixture, "\r\n\r\n");
    peer_close (fixture, FALSE);
    if (rows[i].again) {
      peer_accept (fixture);
      peer_read (fixture, " /again HTTP/1.1\r\n");
      peer_close (fixture, FALSE);
    }
    probe_expect (probe, "closed");
    probe_free (probe);
    raw_run (10);
    g_assert_false (peer_has_visitor (fixture));
  }
  fixture_free (fixture);
}

static void
test_upstream_limits_time (void)
{
  static const struct {
    const char *name, *answer, *seen;
    guint first_byte, idle, total;
  } rows[] = {
    { "first-byte", "", "late", 100, 0, 0 },
    { "head-drips", "HTTP/1.1 200 OK\r\n", "late", 100, 0, 0 },
    { "idle", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "200 ab late", 0, 100, 0 },
    { "total", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "200 ab late", 0, 0, 100 },
    { "interim-is-not-the-head", "HTTP/1.1 103 Early\r\n\r\n", "late", 100, 0, 0 },
  };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Probe *probe = probe_new (fixture, "GET", "/");
    gint64 start = g_get_monotonic_time ();

    dae_fetch_limits (probe->fetch, 1000, rows[i].first_byte, rows[i].idle, rows[i].total);
    dae_fetch_send (probe->fetch);
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, rows[i].answer);
    probe_expect (probe, rows[i].seen);
    g_assert_cmpint (g_get_monotonic_time () - start, >=, 99000);
    g_assert_cmpint (g_get_monotonic_time () - start, <, 2000000);
    probe_free (probe);
    peer_expect_end (fixture);
  }
  fixture_free (fixture);
}

/* Each byte moves the limit on. */
static void
test_upstream_idle_limit_moves_on (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");

  dae_fetch_limits (probe->fetch, 1000, 1000, 200, 0);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  for (guint i = 0; i < 5; i++) {
    raw_run (100);
    peer_send (fixture, "x");
  }
  probe_expect (probe, "200 xxxxx whole");
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_connect_has_a_limit (void)
{
  Fixture *fixture = fixture_new ();
  int fillers[4];
  Probe *probe;

  /* a listener whose queue is full leaves connects without an answer */
  listen (fixture->listener, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    fillers[i] = peer_visit (fixture);
  probe = probe_new (fixture, "GET", "/");
  dae_fetch_limits (probe->fetch, 100, 0, 0, 0);
  dae_fetch_send (probe->fetch);
  probe_expect (probe, "late");
  probe_free (probe);
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    close (fillers[i]);
  fixture_free (fixture);
}

static void
test_upstream_tells_why_it_cannot_send (void)
{
  static const struct {
    const char *method, *url, *header;
    int code;
  } rows[] = {
    { "GET", "ftp://a/", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://u:p@a/", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://a/b c", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://a/\r\nX: y", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://a/#b", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://a:99999/", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http+unix://relative/", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GE T", "http://a/", "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://a/", "1\r\nX: y", G_IO_ERROR_INVALID_ARGUMENT },
    { "GET", "http://127.0.0.1:1/", "1", G_IO_ERROR_CONNECTION_REFUSED },
    { "GET", "http+unix://%2Fnonexistent%2Fsocket/", "1", G_IO_ERROR_NOT_FOUND },
  };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Probe *probe = probe_new_url (fixture, rows[i].method, rows[i].url);

    dae_fetch_header (probe->fetch, "X-One", rows[i].header);
    dae_fetch_send (probe->fetch);
    g_assert_cmpstr (probe->seen->str, ==, "");
    probe_expect_end (probe);
    if (probe->code != rows[i].code)
      g_error ("%s: %s", rows[i].url, probe->seen->str);
    probe_free (probe);
  }
  fixture_free (fixture);
}

static void
test_upstream_cancel_closes_at_once (void)
{
  static const char *const answers[] = { "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n\r\nabc" };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++) {
    Probe *probe = probe_new (fixture, "GET", "/");

    dae_fetch_send (probe->fetch);
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, answers[i]);
    raw_run (10);
    g_string_truncate (probe->seen, 0);
    dae_fetch_cancel (probe->fetch);
    g_assert_cmpuint (upstream_in_flight (fixture->host.upstream), ==, 0);
    peer_expect_end (fixture);
    g_assert_cmpstr (probe->seen->str, ==, "");
    probe_free (probe);
  }
  fixture_free (fixture);
}

static void
test_upstream_cancel_before_and_while_connecting (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");

  dae_fetch_cancel (probe->fetch);
  probe_free (probe);
  probe = probe_new (fixture, "GET", "/");
  dae_fetch_send (probe->fetch);
  dae_fetch_cancel (probe->fetch);
  raw_run (20);
  g_assert_cmpstr (probe->seen->str, ==, "");
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_cancel_inside_hooks (void)
{
  static const char *const seen[] = { "200 ", "200 a" };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (seen); i++) {
    Probe *probe = probe_new (fixture, "GET", "/");

    probe->cancel_in = i == 0 ? PROBE_HEAD : PROBE_BODY;
    dae_fetch_send (probe->fetch);
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture,
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n");
    peer_expect_end (fixture);
    g_assert_cmpstr (probe->seen->str, ==, seen[i]);
    probe_free (probe);
  }
  fixture_free (fixture);
}

static void
test_upstream_pause_holds_back (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");

  probe->pause_in = PROBE_BODY;
  dae_fetch_limits (probe->fetch, 1000, 1000, 200, 0);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n");
  raw_run (20);
  g_assert_cmpstr (probe->seen->str, ==, "200 a");
  /* a peer that ends meanwhile does not make the loop spin, and loses nothing */
  peer_send (fixture, "1\r\nc\r\n0\r\n\r\n");
  peer_close (fixture, FALSE);
  g_assert_cmpuint (raw_run_turns (300), <, 50);
  g_assert_cmpstr (probe->seen->str, ==, "200 a");
  dae_fetch_pause (probe->fetch, FALSE);
  probe_expect (probe, "200 abc whole");
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_pause_from_the_head_on (void)
{
  static const char *const answers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
    "HTTP/1.1 204 OK\r\n\r\n",
  };
  static const char *const seen[] = { "200 ! whole", "204  whole" };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < 2; i++) {
    Probe *probe = probe_new (fixture, "GET", "/");

    dae_fetch_pause (probe->fetch, TRUE);
    dae_fetch_send (probe->fetch);
    if (i == 0)
      peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, answers[i]);
    raw_run (20);
    g_assert_cmpuint (probe->seen->len, ==, 4);
    dae_fetch_pause (probe->fetch, FALSE);
    probe_expect (probe, seen[i]);
    probe_free (probe);
  }
  fixture_free (fixture);
}

/* What comes in pieces while nobody reads stays, all of it and in order. */
static void
test_upstream_pause_keeps_every_piece (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");

  dae_fetch_pause (probe->fetch, TRUE);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  raw_run (10);
  peer_send (fixture, "def");
  raw_run (10);
  peer_send (fixture, "ghi");
  raw_run (10);
  g_assert_cmpstr (probe->seen->str, ==, "200 ");
  dae_fetch_pause (probe->fetch, FALSE);
  probe_expect (probe, "200 abcdefghi whole");
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_sends_large_bodies (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "PUT", "/");
  g_autofree char *block = g_strnfill (8000000, 'x');
  g_autoptr (GBytes) body = g_bytes_new_static (block, 8000000);

  dae_fetch_body (probe->fetch, NULL, body);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  raw_run (20);
  peer_read (fixture, "Content-Length: 8000000\r\n\r\n");
  while (fixture->request->len < 8000000)
    peer_read (fixture, "x");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  g_assert_true (g_str_has_suffix (fixture->request->str, block));
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_takes_answers_that_come_early (void)
{
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "PUT", "/");
  g_autofree char *block = g_strnfill (8000000, 'x');
  g_autoptr (GBytes) body = g_bytes_new_static (block, 8000000);

  dae_fetch_body (probe->fetch, NULL, body);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, "HTTP/1.1 413 Too Large\r\nContent-Length: 1\r\n\r\n!");
  probe_expect (probe, "413 ! whole");
  probe_free (probe);
  peer_close (fixture, FALSE);
  exchange (fixture, "GET", SHORT, "200 ! whole", TRUE);
  fixture_free (fixture);
}

static void
test_upstream_speaks_over_unix_sockets (void)
{
  Fixture *fixture = fixture_new_unix ();
  Probe *probe = probe_new (fixture, "GET", "/x");

  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "GET /x HTTP/1.1\r\nHost: localhost\r\n");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  fixture_free (fixture);
}

static void
test_upstream_ends_what_runs (void)
{
  Fixture *fixture = fixture_new ();
  Probe *waiting = probe_new (fixture, "GET", "/"), *dialling;

  dae_fetch_send (waiting->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  dialling = probe_new (fixture, "GET", "/");
  dae_fetch_send (dialling->fetch);
  g_clear_pointer (&fixture->host.upstream, upstream_free);
  g_assert_cmpint (waiting->code, ==, G_IO_ERROR_CLOSED);
  g_assert_cmpint (dialling->code, ==, G_IO_ERROR_CLOSED);
  raw_run (20);
  probe_free (waiting);
  probe_free (dialling);
  fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/upstream/" path, test_upstream_##name)
  ADD ("sends-a-request", sends_a_request);
  ADD ("takes-answers-by-every-split", takes_answers_by_every_split);
  ADD ("bounds-the-head", bounds_the_head);
  ADD ("keeps-only-sound-connections", keeps_only_sound_connections);
  ADD ("repeats-only-what-is-idempotent", repeats_only_what_is_idempotent);
  ADD ("limits-time", limits_time);
  ADD ("idle-limit-moves-on", idle_limit_moves_on);
  ADD ("connect-has-a-limit", connect_has_a_limit);
  ADD ("tells-why-it-cannot-send", tells_why_it_cannot_send);
  ADD ("cancel-closes-at-once", cancel_closes_at_once);
  ADD ("cancel-before-and-while-connecting", cancel_before_and_while_connecting);
  ADD ("cancel-inside-hooks", cancel_inside_hooks);
  ADD ("pause-holds-back", pause_holds_back);
  ADD ("pause-from-the-head-on", pause_from_the_head_on);
  ADD ("pause-keeps-every-piece", pause_keeps_every_piece);
  ADD ("sends-large-bodies", sends_large_bodies);
  ADD ("takes-answers-that-come-early", takes_answers_that_come_early);
  ADD ("speaks-over-unix-sockets", speaks_over_unix_sockets);
  ADD ("ends-what-runs", ends_what_runs);
  return g_test_run ();
}
