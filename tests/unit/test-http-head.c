/* SPDX-License-Identifier: Apache-2.0 */
/* http-head: what is taken, what is refused, and that no cut of the bytes changes it. */
#include "http/http-head.h"

#include <string.h>

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

typedef struct {
  const char *name;
  const char *text;
  guint status;       /* of the refusal; 0: taken */
  const char *reason; /* of the refusal */
} Case;

static const Case requests[] = {
  { "plain", LINE HOST "\r\n", 0, NULL },
  { "empty-lines-first", "\r\n\r\n" LINE HOST "\r\n", 0, NULL },
  { "http-1.0-without-host", "GET / HTTP/1.0\r\n\r\n", 0, NULL },
  { "later-minor", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0, NULL },
  { "options-star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL },
  { "absolute", "GET http://b:80/x HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL },
  { "absolute-without-path", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL },
  { "empty-value", LINE HOST "X:\r\n\r\n", 0, NULL },
  { "bytes-over-127-in-a-value", LINE HOST "X: caf\xe9\r\n\r\n", 0, NULL },
  { "ipv6-host", LINE "Host: [::1]:8000\r\n\r\n", 0, NULL },
  { "newline-in-a-query", "GET /?q=a%0ab HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL },
  { "length", POST "Content-Length: 5\r\n\r\n", 0, NULL },
  { "chunked-in-capitals", POST "transfer-encoding: CHUNKED\r\n\r\n", 0, NULL },
  { "expect", POST "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n", 0, NULL },

  { "five-empty-lines", "\r\n\r\n\r\n\r\n\r\n" LINE HOST "\r\n", 400, "head" },
  { "http-0.9", "GET /\r\n", 400, "head" },
  { "http-2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "head" },
  { "version-in-small-letters", "GET / http/1.1\r\n", 400, "head" },
  { "version-with-more", "GET / HTTP/1.1x\r\n", 400, "head" },
  { "version-1.10", "GET / HTTP/1.10\r\n", 400, "head" },
  { "two-spaces", "GET  / HTTP/1.1\r\n", 400, "head" },
  { "tabs", "GET\t/\tHTTP/1.1\r\n", 400, "head" },
  { "space-before", " GET / HTTP/1.1\r\n", 400, "head" },
  { "space-after", "GET / HTTP/1.1 \r\n", 400, "head" },
  { "method-unknown", "FROB / HTTP/1.1\r\n", 501, "head" },
  { "method-connect", "CONNECT a:1 HTTP/1.1\r\n", 501, "head" },
  { "method-trace", "TRACE / HTTP/1.1\r\n", 501, "head" },
  { "method-in-small-letters", "get / HTTP/1.1\r\n", 501, "head" },
  { "method-not-a-token", "GE(T / HTTP/1.1\r\n", 400, "head" },
  { "method-endless", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 501, "head" },
  { "tls", "\x16\x03\x01", 400, "head" },
  { "no-slash", "GET x HTTP/1.1\r\n", 400, "head" },
  { "star-get", "GET * HTTP/1.1\r\n", 400, "head" },
  { "fragment", "GET /#a HTTP/1.1\r\n", 400, "head" },
  { "backslash", "GET /..\\a HTTP/1.1\r\n", 400, "head" },
  { "over-127-in-a-target", "GET /\xff HTTP/1.1\r\n", 400, "head" },
  { "percent-alone", "GET /% HTTP/1.1\r\n", 400, "head" },
  { "percent-of-nothing", "GET /%zz HTTP/1.1\r\n", 400, "head" },
  { "encoded-nul", "GET /a%00 HTTP/1.1\r\n", 400, "head" },
  { "encoded-nul-in-a-query", "GET /?a%00 HTTP/1.1\r\n", 400, "head" },
  { "encoded-newline", "GET /%0D%0aX HTTP/1.1\r\n", 400, "head" },
  { "encoded-delete", "GET /%7f HTTP/1.1\r\n", 400, "head" },
  { "absolute-with-user", "GET http://u:p@b/ HTTP/1.1\r\n", 400, "host" },
  { "absolute-without-host", "GET http:///x HTTP/1.1\r\n", 400, "host" },
  { "other-scheme", "GET ftp://b/ HTTP/1.1\r\n", 400, "head" },
  { "line-feed-alone", "GET / HTTP/1.1\nHost: a\n\n", 400, "head" },
  { "line-feed-alone-in-a-field", LINE HOST "X: a\nY: b\r\n\r\n", 400, "head" },
  { "carriage-return-alone", LINE HOST "X: a\rY: b\r\n\r\n", 400, "head" },
  { "control-byte", LINE HOST "X: a\x01\r\n\r\n", 400, "head" },
  { "delete", LINE HOST "X: a\x7f\r\n\r\n", 400, "head" },
  { "fold", LINE HOST "X: a\r\n b\r\n\r\n", 400, "head" },
  { "first-field-folded", LINE " X: a\r\n", 400, "head" },
  { "no-colon", LINE HOST "garbage\r\n\r\n", 400, "head" },
  { "no-name", LINE HOST ": b\r\n\r\n", 400, "head" },
  { "space-before-colon", LINE HOST "X : b\r\n\r\n", 400, "head" },
  { "space-in-a-name", LINE HOST "X Y: b\r\n\r\n", 400, "head" },
  { "no-host", LINE "\r\n", 400, "host" },
  { "two-hosts", LINE HOST HOST "\r\n", 400, "host" },
  { "host-empty", LINE "Host: \r\n\r\n", 400, "host" },
  { "host-with-user", LINE "Host: u@a\r\n\r\n", 400, "host" },
  { "host-with-query", LINE "Host: a?b\r\n\r\n", 400, "host" },
  { "host-with-fragment", LINE "Host: a#b\r\n\r\n", 400, "host" },
  { "host-with-space", LINE "Host: a b\r\n\r\n", 400, "host" },
  { "host-with-path", LINE "Host: a/b\r\n\r\n", 400, "host" },
  { "host-list", LINE "Host: a, b\r\n\r\n", 400, "host" },
  { "host-port-too-large", LINE "Host: a:65536\r\n\r\n", 400, "host" },
  { "host-port-zero", LINE "Host: a:0\r\n\r\n", 400, "host" },
  { "host-port-empty", LINE "Host: a:\r\n\r\n", 400, "host" },
  { "host-bracket-open", LINE "Host: [::1\r\n\r\n", 400, "host" },
  { "length-negative", POST "Content-Length: -1\r\n\r\n", 400, "body" },
  { "length-plus", POST "Content-Length: +5\r\n\r\n", 400, "body" },
  { "length-empty", POST "Content-Length:\r\n\r\n", 400, "body" },
  { "length-list", POST "Content-Length: 5, 5\r\n\r\n", 400, "body" },
  { "length-with-zero", POST "Content-Length: 05\r\n\r\n", 400, "body" },
  { "length-twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "body" },
  { "length-2^63", POST "Content-Length: 9223372036854775808\r\n\r\n", 413, "body" },
  { "length-2^64+5", POST "Content-Length: 18446744073709551621\r\n\r\n", 413, "body" },
  { "length-2^62", POST "Content-Length: 4611686018427387904\r\n\r\n", 413, "body" },
  { "length-and-coding", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
    "body" },
  { "coding-and-length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400,
    "body" },
  { "coding-unknown", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "body" },
  { "coding-identity", POST "Transfer-Encoding: identity\r\n\r\n", 501, "body" },
  { "coding-empty", POST "Transfer-Encoding: \r\n\r\n", 400, "body" },
  { "coding-twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
    "body" },
  { "coding-in-http-1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "body" },
  { "expect-something-else", LINE HOST "Expect: frob\r\n\r\n", 417, "head" },
};

static const Case answers[] = {
  { "plain", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, NULL },
  { "no-phrase", "HTTP/1.1 200 \r\n\r\n", 0, NULL },
  { "no-space-either", "HTTP/1.1 200\r\n\r\n", 0, NULL },
  { "http-1.0", "HTTP/1.0 404 Not Found\r\n\r\n", 0, NULL },
  { "no-host-to-be-judged", "HTTP/1.1 200 OK\r\nHost: a b\r\n\r\n", 0, NULL },
  { "garbage", "SSH-2.0-OpenSSH\r\n", 400, "head" },
  { "empty-line-first", "\r\nHTTP/1.1 200 OK\r\n\r\n", 400, "head" },
  { "http-2", "HTTP/2.0 200 OK\r\n\r\n", 505, "head" },
  { "status-of-two-digits", "HTTP/1.1 20 OK\r\n\r\n", 400, "head" },
  { "status-of-four-digits", "HTTP/1.1 2000 OK\r\n\r\n", 400, "head" },
  { "status-600", "HTTP/1.1 600 OK\r\n\r\n", 400, "head" },
  { "status-099", "HTTP/1.1 099 OK\r\n\r\n", 400, "head" },
  { "switching", "HTTP/1.1 101 Switching\r\n\r\n", 400, "head" },
  { "two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400,
    "body" },
  { "length-and-coding",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "body" },
  { "line-feed-alone", "HTTP/1.1 200 OK\nContent-Length: 1\n\n", 400, "head" },
  { "fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", 400, "head" },
};

static void
begin (HttpHead *head, gboolean is_answer)
{
  if (is_answer)
    http_head_begin_answer (head, FALSE);
  else
    http_head_begin_request (head);
}

/* Feeds TEXT in pieces that end at FIRST and SECOND and at its end. */
static void
check_split (const Case *row, gboolean is_answer, gsize first, gsize second)
{
  HttpHead head;
  gsize length = strlen (row->text);
  HttpHeadState state;

  begin (&head, is_answer);
  for (gsize end = first;; end = end < second ? second : length) {
    /* a copy of just these bytes: reading on would be seen by the sanitizer */
    g_autofree char *bytes = g_memdup2 (row->text, MAX (end, 1));

    state = http_head_feed (&head, bytes, end);
    if (end == length || state != HTTP_HEAD_MORE)
      break;
  }
  if (row->status == 0) {
    if (state != HTTP_HEAD_OK || head.length != length)
      g_error ("%s: not taken: %s", row->name, head.why);
  } else if (state != HTTP_HEAD_REFUSED || head.status != row->status ||
             strcmp (head.reason, row->reason) != 0 || head.why == NULL) {
    g_error ("%s: state %d status %u reason %s", row->name, state, head.status, head.reason);
  }
}

static void
check_table (const Case *rows, gsize n_rows, gboolean is_answer)
{
  for (gsize i = 0; i < n_rows; i++) {
    gsize length = strlen (rows[i].text);

    for (gsize first = 0; first <= length; first++)
      for (gsize second = first; second <= length; second++)
        check_split (&rows[i], is_answer, first, second);
  }
}

static void
test_http_head_requests (void)
{
  check_table (requests, G_N_ELEMENTS (requests), FALSE);
}

static void
test_http_head_answers (void)
{
  check_table (answers, G_N_ELEMENTS (answers), TRUE);
}

static HttpHeadState
parse (HttpHead *head, const char *text)
{
  begin (head, g_str_has_prefix (text, "HTTP/"));
  return http_head_feed (head, text, strlen (text));
}

static void
assert_span (const char *text, HttpSpan span, const char *expected)
{
  g_autofree char *found = g_strndup (text + span.at, span.length);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_http_head_gives_its_parts (void)
{
  static const char text[] = "\r\nPOST /a?b=c HTTP/1.1\r\nhOST: a:8\r\nX-One: \t 1 2 \t\r\n"
                             "Content-Length: 7\r\nExpect: 100-continue\r\n\r\nsurplus";
  HttpHead head;

  g_assert_cmpint (parse (&head, text), ==, HTTP_HEAD_OK);
  assert_span (text, head.method, "POST");
  assert_span (text, head.target, "/a?b=c");
  assert_span (text, head.authority, "a:8");
  assert_span (text, http_head_find (&head, text, "x-one")->value, "1 2");
  g_assert_null (http_head_find (&head, text, "x-on"));
  g_assert_cmpint (head.content_length, ==, 7);
  g_assert_cmpint (head.framing, ==, HTTP_FRAMING_LENGTH);
  g_assert_true (head.expect_continue);
  g_assert_cmpstr (text + head.length, ==, "surplus");
}

static void
test_http_head_absolute_form_replaces_host (void)
{
  static const char text[] = "GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n";
  HttpHead head;

  g_assert_cmpint (parse (&head, text), ==, HTTP_HEAD_OK);
  assert_span (text, head.authority, "b:80");
  assert_span (text, head.target, "/x?y");
}

static void
test_http_head_keep_alive (void)
{
  static const struct {
    const char *line, *connection;
    gboolean keep;
  } rows[] = {
    { "GET / HTTP/1.1", "x", TRUE },
    { "GET / HTTP/1.1", "close", FALSE },
    { "GET / HTTP/1.1", "keep-alive, Close", FALSE },
    { "GET / HTTP/1.1", "closed", TRUE },
    { "GET / HTTP/1.0", "x", FALSE },
    { "GET / HTTP/1.0", "foo , Keep-Alive", TRUE },
    { "HTTP/1.1 204 x", "x", TRUE },
    { "HTTP/1.1 204 x", "close", FALSE },
    { "HTTP/1.0 204 x", "x", FALSE },
  };
  HttpHead head;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = g_strdup_printf ("%s\r\nHost: a\r\nConnection: %s\r\n\r\n",
                                             rows[i].line, rows[i].connection);

    g_assert_cmpint (parse (&head, text), ==, HTTP_HEAD_OK);
    if (head.keep_alive != rows[i].keep)
      g_error ("%s", text);
  }
}

static void
test_http_head_framing_of_answers (void)
{
  static const struct {
    const char *text;
    gboolean to_head;
    HttpFraming framing;
    gboolean keep;
  } rows[] = {
    { "HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", FALSE, HTTP_FRAMING_LENGTH, TRUE },
    { "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", FALSE, HTTP_FRAMING_CHUNKED, TRUE },
    { "HTTP/1.1 200 x\r\n\r\n", FALSE, HTTP_FRAMING_CLOSE, FALSE },
    { "HTTP/1.1 204 x\r\n\r\n", FALSE, HTTP_FRAMING_NONE, TRUE },
    { "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", FALSE, HTTP_FRAMING_NONE, TRUE },
    { "HTTP/1.1 100 x\r\n\r\n", FALSE, HTTP_FRAMING_NONE, TRUE },
    { "HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", TRUE, HTTP_FRAMING_NONE, TRUE },
    { "HTTP/1.1 404 x\r\n\r\n", TRUE, HTTP_FRAMING_NONE, FALSE },
  };
  HttpHead head;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    http_head_begin_answer (&head, rows[i].to_head);
    g_assert_cmpint (http_head_feed (&head, rows[i].text, strlen (rows[i].text)), ==, HTTP_HEAD_OK);
    if (head.framing != rows[i].framing || head.keep_alive != rows[i].keep)
      g_error ("%s: framing %d keep %d", rows[i].text, head.framing, head.keep_alive);
  }
}

static guint
status_of (const char *before, gsize n, const char *repeated, const char *after, gboolean is_answer)
{
  g_autoptr (GString) text = g_string_new (before);
  HttpHead head;

  for (gsize i = 0; i < n; i++)
    g_string_append (text, repeated);
  g_string_append (text, after);
  begin (&head, is_answer);
  switch (http_head_feed (&head, text->str, text->len)) {
  case HTTP_HEAD_OK:
    return 0;
  case HTTP_HEAD_MORE:
    return 1;
  default:
    return head.status;
  }
}

static void
test_http_head_limits (void)
{
  g_assert_cmpuint (status_of ("GET /", 8191, "a", " HTTP/1.1\r\n" HOST "\r\n", FALSE), ==, 0);
  g_assert_cmpuint (status_of ("GET /", 8192, "a", " HTTP/1.1\r\n" HOST "\r\n", FALSE), ==, 414);
  g_assert_cmpuint (status_of ("GET /", 60000, "a", "", FALSE), ==, 414);
  g_assert_cmpuint (status_of (LINE HOST, 99, "X: a\r\n", "\r\n", FALSE), ==, 0);
  g_assert_cmpuint (status_of (LINE HOST, 100, "X: a\r\n", "\r\n", FALSE), ==, 431);
  g_assert_cmpuint (status_of (LINE HOST "X: ", 32000, "a", "\r\n\r\n", FALSE), ==, 0);
  g_assert_cmpuint (status_of (LINE HOST "X: ", 33000, "a", "\r\n\r\n", FALSE), ==, 431);
  g_assert_cmpuint (status_of (LINE HOST "X: ", 30000, "a", "", FALSE), ==, 1);
  g_assert_cmpuint (status_of ("HTTP/1.1 200 x\r\nX: ", 65000, "a", "\r\n\r\n", TRUE), ==, 0);
  g_assert_cmpuint (status_of ("HTTP/1.1 200 x\r\nX: ", 66000, "a", "\r\n\r\n", TRUE), ==, 431);
  g_assert_cmpuint (status_of ("HTTP/1.1 200 x\r\n", 129, "X: a\r\n", "\r\n", TRUE), ==, 431);
}

static void
test_http_head_takes_no_nul (void)
{
  static const char text[] = LINE "Host: a\0b\r\n\r\n";
  HttpHead head;

  http_head_begin_request (&head);
  g_assert_cmpint (http_head_feed (&head, text, sizeof text - 1), ==, HTTP_HEAD_REFUSED);
  g_assert_cmpuint (head.status, ==, 400);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http-head/requests-by-every-split", test_http_head_requests);
  g_test_add_func ("/http-head/answers-by-every-split", test_http_head_answers);
  g_test_add_func ("/http-head/gives-its-parts", test_http_head_gives_its_parts);
  g_test_add_func ("/http-head/absolute-form-replaces-host",
                   test_http_head_absolute_form_replaces_host);
  g_test_add_func ("/http-head/keep-alive", test_http_head_keep_alive);
  g_test_add_func ("/http-head/framing-of-answers", test_http_head_framing_of_answers);
  g_test_add_func ("/http-head/limits", test_http_head_limits);
  g_test_add_func ("/http-head/takes-no-nul", test_http_head_takes_no_nul);
  return g_test_run ();
}
