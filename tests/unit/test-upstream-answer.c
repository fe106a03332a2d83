/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-answer: peers that misbehave, and the error that each of them is. */
#include "raw-peer.h"

typedef enum {
  STAYS = 0, /* and says nothing more */
  ENDS,      /* in order */
  RESETS,
} Then;

typedef struct {
  const char *name, *method, *answer, *seen;
  Then then;
} Row;

#define OK_  "HTTP/1.1 200 OK\r\n"
#define CL_5 "Content-Length: 5\r\n"
#define TE   "Transfer-Encoding: chunked\r\n"

static const Row rows[] = {
  /* hanging and slow */
  { "says-nothing", "GET", "", "late", STAYS },
  { "stops-in-the-status-line", "GET", "HTTP/1.1 2", "late", STAYS },
  { "stops-in-the-head", "GET", OK_ "Content-Le", "late", STAYS },
  { "stops-before-the-body", "GET", OK_ CL_5 "\r\n", "200  late", STAYS },
  { "stops-in-the-body", "GET", OK_ CL_5 "\r\nhel", "200 hel late", STAYS },
  { "stops-in-a-chunk", "GET", OK_ TE "\r\n5\r\nhel", "200 hel late", STAYS },
  { "stops-before-the-last-chunk", "GET", OK_ TE "\r\n5\r\nhello\r\n", "200 hello late", STAYS },
  { "stops-in-the-trailer", "GET", OK_ TE "\r\n0\r\nX: y", "200  late", STAYS },
  { "interim-for-ever", "GET", "HTTP/1.1 100 Continue\r\n\r\n", "late", STAYS },
  /* early close */
  { "closes-at-once", "GET", "", "closed", ENDS },
  { "resets-at-once", "POST", "", "closed", RESETS },
  { "closes-after-interim", "GET", "HTTP/1.1 100 Continue\r\n\r\n", "partial", ENDS },
  { "half-close-after-whole", "GET", OK_ CL_5 "\r\nhello", "200 hello whole", ENDS },
  /* garbage */
  { "another-protocol", "GET", "SSH-2.0-OpenSSH_9\r\n", "invalid", STAYS },
  { "tls-alert", "GET", "\x15\x03\x01\x02\x02\x16\r\n", "invalid", STAYS },
  { "http-0.9", "GET", "<html>hello</html>\r\n", "invalid", ENDS },
  { "http-2", "GET", "HTTP/2 200\r\n\r\n", "invalid", STAYS },
  { "lower-case-version", "GET", "http/1.1 200 OK\r\n\r\n", "invalid", STAYS },
  { "status-of-two-digits", "GET", "HTTP/1.1 20 OK\r\n\r\n", "invalid", STAYS },
  { "status-of-four-digits", "GET", "HTTP/1.1 2000 OK\r\n\r\n", "invalid", STAYS },
  { "status-99", "GET", "HTTP/1.1 099 OK\r\n\r\n", "invalid", STAYS },
  { "switching", "GET", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "invalid", STAYS },
  { "line-feeds", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "invalid", STAYS },
  { "carriage-return-alone", "GET", OK_ "X: a\rb\r\n\r\n", "invalid", STAYS },
  { "folded", "GET", OK_ "X: a\r\n b\r\n\r\n", "invalid", STAYS },
  { "space-before-colon", "GET", OK_ "Content-Length : 5\r\n\r\nhello", "invalid", STAYS },
  { "no-colon", "GET", OK_ "Nonsense\r\n\r\n", "invalid", STAYS },
  { "no-name", "GET", OK_ ": x\r\n\r\n", "invalid", STAYS },
  { "control-byte", "GET", OK_ "X: a\001b\r\n\r\n", "invalid", STAYS },
  /* wrong lengths */
  { "two-equal-lengths", "GET", OK_ CL_5 CL_5 "\r\nhello", "invalid", STAYS },
  { "two-lengths", "GET", OK_ CL_5 "Content-Length: 6\r\n\r\nhello", "invalid", STAYS },
  { "list-of-lengths", "GET", OK_ "Content-Length: 5, 5\r\n\r\nhello", "invalid", STAYS },
  { "length-and-chunks", "GET", OK_ CL_5 TE "\r\n0\r\n\r\n", "invalid", STAYS },
  { "negative-length", "GET", OK_ "Content-Length: -1\r\n\r\n", "invalid", STAYS },
  { "signed-length", "GET", OK_ "Content-Length: +5\r\n\r\nhello", "invalid", STAYS },
  { "hexadecimal-length", "GET", OK_ "Content-Length: 0x5\r\n\r\nhello", "invalid", STAYS },
  { "empty-length", "GET", OK_ "Content-Length: \r\n\r\nhello", "invalid", STAYS },
  { "length-over-64-bits", "GET", OK_ "Content-Length: 18446744073709551621\r\n\r\nhello",
    "invalid", STAYS },
  { "length-of-years", "GET", OK_ "Content-Length: 4611686018427387904\r\n\r\n", "invalid", STAYS },
  { "length-too-long", "GET", OK_ "Content-Length: 9\r\n\r\nhello", "200 hello partial", ENDS },
  { "length-too-short", "GET", OK_ "Content-Length: 4\r\n\r\nhello", "200 hell whole", STAYS },
  { "unknown-coding", "GET", OK_ "Transfer-Encoding: gzip\r\n\r\n", "invalid", STAYS },
  { "two-codings", "GET", OK_ "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "invalid",
    STAYS },
  { "twice-chunked", "GET", OK_ TE TE "\r\n0\r\n\r\n", "invalid", STAYS },
  { "chunk-size-0x5", "GET", OK_ TE "\r\n0x5\r\nhello\r\n0\r\n\r\n", "200  invalid", STAYS },
  { "chunk-size-negative", "GET", OK_ TE "\r\n-5\r\nhello\r\n0\r\n\r\n", "200  invalid", STAYS },
  { "chunk-size-empty", "GET", OK_ TE "\r\n\r\nhello\r\n0\r\n\r\n", "200  invalid", STAYS },
  { "chunk-size-space", "GET", OK_ TE "\r\n 5\r\nhello\r\n0\r\n\r\n", "200  invalid", STAYS },
  { "chunk-size-over-64-bits", "GET", OK_ TE "\r\n10000000000000005\r\nhello\r\n", "200  invalid",
    STAYS },
  { "chunk-size-of-years", "GET", OK_ TE "\r\nfffffffffffffff\r\nhello\r\n", "200  invalid",
    STAYS },
  { "chunk-longer", "GET", OK_ TE "\r\n4\r\nhello\r\n0\r\n\r\n", "200 hell invalid", STAYS },
  { "chunk-line-feed", "GET", OK_ TE "\r\n5\nhello\n0\n\n", "200  invalid", STAYS },
  { "trailer-without-colon", "GET", OK_ TE "\r\n0\r\nnonsense\r\n\r\n", "200  invalid", STAYS },
  /* bodies that must not be there */
  { "body-of-a-head", "HEAD", OK_ CL_5 "\r\nhello", "200  whole", STAYS },
  { "body-of-204", "DELETE", "HTTP/1.1 204 No\r\n\r\nhello", "204  whole", STAYS },
  { "body-of-304", "GET", "HTTP/1.1 304 No\r\n" CL_5 "\r\nhello", "304  whole", STAYS },
  { "two-answers", "GET", OK_ CL_5 "\r\nhello" OK_ CL_5 "\r\nworld", "200 hello whole", STAYS },
  /* odd, and allowed */
  { "http-1.0-kept", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" CL_5 "\r\nhello",
    "200 hello whole", STAYS },
  { "no-phrase", "GET", "HTTP/1.1 200 \r\n" CL_5 "\r\nhello", "200 hello whole", STAYS },
  { "http-1.2", "GET", "HTTP/1.2 200 OK\r\n" CL_5 "\r\nhello", "200 hello whole", STAYS },
  { "moved", "GET", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n" CL_5 "\r\nhello",
    "302 hello whole", STAYS },
  { "compressed", "GET", OK_ "Content-Encoding: gzip\r\n" CL_5 "\r\nhello", "200 hello whole",
    STAYS },
};

static void
peer_then (Fixture *fixture, Then then)
{
  if (then != STAYS)
    peer_close (fixture, then == RESETS);
}

static void
test_upstream_answer_knows_each_fault (void)
{
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Probe *probe = probe_new (fixture, rows[i].method, "/"), *next;

    dae_fetch_limits (probe->fetch, 1000, 60, 60, 0);
    dae_fetch_send (probe->fetch);
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, rows[i].answer);
    peer_then (fixture, rows[i].then);
    probe_expect_end (probe);
    if (!g_str_equal (probe->seen->str, rows[i].seen))
      g_error ("%s: '%s', not '%s'", rows[i].name, probe->seen->str, rows[i].seen);
    probe_free (probe);
    if (strstr (rows[i].seen, "whole") != NULL && !g_str_has_prefix (rows[i].name, "body-of") &&
        !g_str_equal (rows[i].name, "two-answers") &&
        !g_str_equal (rows[i].name, "length-too-short"))
      peer_close (fixture, FALSE);
    else if (fixture->peer >= 0)
      peer_expect_end (fixture); /* whatever was wrong, nobody uses it again */
    /* and nothing of it comes to the next */
    next = probe_new (fixture, "GET", "/next");
    dae_fetch_send (next->fetch);
    peer_accept (fixture);
    peer_read (fixture, "GET /next");
    peer_send (fixture, OK_ "Content-Length: 4\r\n\r\nnext");
    probe_expect (next, "200 next whole");
    probe_free (next);
    peer_close (fixture, FALSE);
    raw_run (2);
  }
  fixture_free (fixture);
}

/* Each answer, ended after each of its bytes. WHOLE is the first length at which the end of the
 * connection is its end too; 0: none before all of it. */
static const struct {
  const char *method, *answer;
  gsize whole;
} cut_rows[] = {
  { "GET", OK_ CL_5 "\r\nhello", 0 },
  { "GET", OK_ TE "\r\n5\r\nhello\r\n0\r\n\r\n", 0 },
  { "GET", OK_ TE "\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\nZ: a\r\n\r\n", 0 },
  { "GET", OK_ "X-Two: 2\r\n\r\nhello", sizeof (OK_ "X-Two: 2\r\n\r\n") - 1 },
  { "GET", "HTTP/1.0 200 OK\r\n\r\nhello", sizeof ("HTTP/1.0 200 OK\r\n\r\n") - 1 },
  { "GET", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_ CL_5 "\r\nhello", 0 },
  { "HEAD", OK_ CL_5 "\r\n", 0 },
  { "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 0 },
};

static void
check_cut (Fixture *fixture, guint row, gsize cut, Then then)
{
  const char *answer = cut_rows[row].answer;
  gsize whole = cut_rows[row].whole != 0 ? cut_rows[row].whole : strlen (answer);
  Probe *probe = probe_new (fixture, cut_rows[row].method, "/");
  gboolean ok;

  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send_bytes (fixture, answer, cut);
  peer_close (fixture, then == RESETS);
  probe_expect_end (probe);
  if (then == RESETS) /* what came before a reset may be lost, but never more than lost */
    ok = cut >= strlen (answer) || !g_str_has_suffix (probe->seen->str, "whole");
  else if (cut >= whole)
    ok = g_str_has_suffix (probe->seen->str, "whole");
  else
    ok = g_str_has_suffix (probe->seen->str, cut == 0 ? "closed" : "partial");
  if (!ok)
    g_error ("answer %u after %" G_GSIZE_FORMAT " bytes: %s", row, cut, probe->seen->str);
  probe_free (probe);
}

static void
test_upstream_answer_sees_each_cut (void)
{
  Fixture *fixture = fixture_new ();

  for (guint row = 0; row < G_N_ELEMENTS (cut_rows); row++)
    for (gsize cut = 0; cut <= strlen (cut_rows[row].answer); cut++) {
      check_cut (fixture, row, cut, ENDS);
      check_cut (fixture, row, cut, RESETS);
    }
  fixture_free (fixture);
}

static void
test_upstream_answer_bounds_what_it_takes (void)
{
  g_autoptr (GString) fields = g_string_new (OK_);
  g_autofree char *line = g_strnfill (70000, 'a');
  g_autofree char *long_line = g_strconcat (OK_ "X: ", line, NULL);
  g_autofree char *trailer = g_strconcat (OK_ TE "\r\n0\r\nX: ", line, NULL);
  g_autofree char *extension = g_strconcat (OK_ TE "\r\n5;", line, NULL);
  g_autofree char *phrase = g_strconcat ("HTTP/1.1 200 ", line, NULL);
  const struct {
    const char *answer, *seen;
  } large[] = {
    { long_line, "invalid" },
    { phrase, "invalid" },
    { trailer, "200  invalid" },
    { extension, "200  invalid" },
    { fields->str, "invalid" },
    { OK_ "Content-Length: 11\r\n\r\nhello world", "large" },
    { OK_ TE "\r\nb\r\nhello", "200  large" },
    { OK_ TE "\r\n5\r\nhello\r\n5\r\nworld\r\n1\r\n!\r\n", "200 helloworld large" },
    { OK_ "\r\nhello world", "200  large" },
    { OK_ "Content-Length: 10\r\n\r\nhelloworld", "200 helloworld whole" },
  };
  Fixture *fixture = fixture_new ();

  for (guint i = 0; i < 129; i++)
    g_string_append_printf (fields, "X%u: y\r\n", i);
  g_string_append (fields, "\r\n");
  for (guint i = 0; i < G_N_ELEMENTS (large); i++) {
    const char *answer = i == 4 ? fields->str : large[i].answer;
    Probe *probe = probe_new (fixture, "GET", "/");

    dae_fetch_max (probe->fetch, 10);
    dae_fetch_send (probe->fetch);
    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, answer);
    probe_expect (probe, large[i].seen);
    probe_free (probe);
    peer_close (fixture, FALSE);
    raw_run (2);
  }
  fixture_free (fixture);
}

/* Whoever does not read stops the reading: what a pause holds is bounded. */
static void
test_upstream_answer_holds_little (void)
{
  gsize size = 32 * 1024 * 1024, sent = 0;
  g_autofree char *block = g_strnfill (65536, 'x');
  Fixture *fixture = fixture_new ();
  Probe *probe = probe_new (fixture, "GET", "/");
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  guint still = 0;

  probe->pause_in = PROBE_BODY;
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, OK_ "Content-Length: 33554432\r\n\r\n");
  while (still < 30) {
    gssize n = send (fixture->peer, block, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);

    sent += n > 0 ? (gsize)n : 0;
    still = n > 0 ? 0 : still + 1;
    raw_run (1);
  }
  g_assert_cmpuint (sent, <, 16 * 1024 * 1024);
  g_assert_cmpuint (probe->seen->len, <=, 65536 + 4);
  dae_fetch_pause (probe->fetch, FALSE);
  while (sent < size) {
    gssize n = send (fixture->peer, block, MIN (65536, size - sent), MSG_DONTWAIT | MSG_NOSIGNAL);

    sent += n > 0 ? (gsize)n : 0;
    raw_round (deadline, "all", "");
  }
  probe_expect_end (probe);
  g_assert_cmpuint (probe->seen->len, ==, strlen ("200 ") + size + strlen (" whole"));
  probe_free (probe);
  fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/upstream-answer/" path, test_upstream_answer_##name)
  ADD ("knows-each-fault", knows_each_fault);
  ADD ("sees-each-cut", sees_each_cut);
  ADD ("bounds-what-it-takes", bounds_what_it_takes);
  ADD ("holds-little", holds_little);
  return g_test_run ();
}
