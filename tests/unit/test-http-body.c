/* SPDX-License-Identifier: Apache-2.0 */
/* http-body: what ends a body, what breaks it, and that no cut of the bytes changes it. */
#include "http/http-body.h"

#include <string.h>

typedef struct {
  const char *name;
  HttpFraming framing;
  gint64 length;
  const char *text;
  const char *body; /* as decoded */
  const char *rest; /* what belongs to the next message; NULL: the framing is refused */
} Case;

#define CHUNKED HTTP_FRAMING_CHUNKED, 0
#define LENGTH  HTTP_FRAMING_LENGTH

static const Case cases[] = {
  { "none", HTTP_FRAMING_NONE, 0, "GET", "", "GET" },
  { "length-0", LENGTH, 0, "GET", "", "GET" },
  { "length-5", LENGTH, 5, "helloGET", "hello", "GET" },
  { "chunks", CHUNKED, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET", "hello!", "GET" },
  { "capitals-and-zeros", CHUNKED, "00000000A\r\n0123456789\r\n0\r\n\r\n", "0123456789", "" },
  { "no-chunk", CHUNKED, "0\r\n\r\nGET", "", "GET" },
  { "many-zeros-at-the-end", CHUNKED, "000\r\n\r\nGET", "", "GET" },
  { "extensions", CHUNKED, "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", "hello", "" },
  { "trailer", CHUNKED, "5\r\nhello\r\n0\r\nX-T: 1\r\nY:\r\n\r\nGET", "hello", "GET" },
  { "prefix-0x", CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "minus", CHUNKED, "-5\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "plus", CHUNKED, "+5\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "space-before", CHUNKED, " 5\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "space-after", CHUNKED, "5 \r\nhello\r\n0\r\n\r\n", "", NULL },
  { "no-size", CHUNKED, "\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "not-a-number", CHUNKED, "xyz\r\n", "", NULL },
  { "17-digits", CHUNKED, "00000000000000005\r\n", "", NULL },
  { "2^63", CHUNKED, "8000000000000000\r\n", "", NULL },
  { "2^64-1", CHUNKED, "FFFFFFFFFFFFFFFF\r\n", "", NULL },
  { "line-feed-after-size", CHUNKED, "5\nhello\r\n0\r\n\r\n", "", NULL },
  { "carriage-return-after-size", CHUNKED, "5\rhello\r\n0\r\n\r\n", "", NULL },
  { "line-feed-after-data", CHUNKED, "5\r\nhello\n0\r\n\r\n", "hello", NULL },
  { "line-feed-in-extension", CHUNKED, "5;a\nhello\r\n0\r\n\r\n", "", NULL },
  { "carriage-return-in-extension", CHUNKED, "5;a\rb\r\nhello\r\n0\r\n\r\n", "", NULL },
  { "longer-than-its-size", CHUNKED, "5\r\nhello!!\r\n0\r\n\r\n", "hello", NULL },
  { "line-feeds-at-the-end", CHUNKED, "5\r\nhello\r\n0\n\n", "hello", NULL },
  { "line-feed-ends-the-trailer", CHUNKED, "0\r\n\n", "", NULL },
  { "trailer-without-colon", CHUNKED, "0\r\nGET / HTTP/1.1\r\n\r\n", "", NULL },
  { "trailer-word-without-colon", CHUNKED, "0\r\nabc\r\n\r\n", "", NULL },
  { "trailer-without-name", CHUNKED, "0\r\n: a\r\n\r\n", "", NULL },
  { "trailer-with-control-byte", CHUNKED, "0\r\nX: a\x01\r\n\r\n", "", NULL },
  { "trailer-folded", CHUNKED, "0\r\nX: a\r\n b\r\n\r\n", "", NULL },
};

static HttpBodyState
feed (HttpBody *body, const char *text, gsize from, gsize to, GString *decoded, gsize *used)
{
  /* a copy of just these bytes: reading on would be seen by the sanitizer */
  g_autofree char *bytes = g_memdup2 (text + from, MAX (to - from, 1));
  HttpBodyState state;
  HttpBodySlice slice;
  gsize at = 0;

  do {
    state = http_body_feed (body, bytes + at, to - from - at, &slice);
    if (state == HTTP_BODY_DATA)
      g_string_append_len (decoded, slice.data, (gssize)slice.length);
    at += slice.used;
  } while (state == HTTP_BODY_DATA);
  *used = from + at;
  return state;
}

static void
check_split (const Case *row, gsize first, gsize second)
{
  g_autoptr (GString) decoded = g_string_new (NULL);
  gsize length = strlen (row->text), at = 0;
  HttpBodyState state;
  HttpBody body;

  http_body_begin (&body, row->framing, row->length);
  state = body.state;
  for (gsize end = first; state == HTTP_BODY_MORE; end = end < second ? second : length) {
    state = feed (&body, row->text, at, end, decoded, &at);
    if (end == length)
      break;
  }
  g_assert_cmpstr (decoded->str, ==, row->body);
  if (row->rest == NULL) {
    if (state != HTTP_BODY_REFUSED || body.why == NULL)
      g_error ("%s: not refused", row->name);
  } else if (state != HTTP_BODY_DONE || strcmp (row->text + at, row->rest) != 0 ||
             body.seen != (gint64)decoded->len) {
    g_error ("%s: state %d, rest '%s', %s", row->name, state, row->text + at, body.why);
  }
}

static void
test_http_body_cases (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize length = strlen (cases[i].text);

    for (gsize first = 0; first <= length; first++)
      for (gsize second = first; second <= length; second++)
        check_split (&cases[i], first, second);
  }
}

static void
test_http_body_takes_no_nul (void)
{
  static const struct {
    const char *text;
    gsize length;
  } rows[] = {
    { "5\0\r\nhello", 10 },
    { "5;\0\r\nhello", 11 },
    { "0\r\nX: a\0b\r\n\r\n", 14 },
    { "0\r\nX\0: a\r\n\r\n", 13 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) decoded = g_string_new (NULL);
    HttpBody body;
    gsize used;

    http_body_begin (&body, HTTP_FRAMING_CHUNKED, 0);
    g_assert_cmpint (feed (&body, rows[i].text, 0, rows[i].length, decoded, &used), ==,
                     HTTP_BODY_REFUSED);
  }
}

/* A body that ends with its connection is whole only where its framing says so. */
static void
test_http_body_cut (void)
{
  static const char chunked[] = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";

  for (gsize end = 0; end < sizeof chunked - 1; end++) {
    g_autoptr (GString) decoded = g_string_new (NULL);
    HttpBody body;
    gsize used;

    http_body_begin (&body, HTTP_FRAMING_CHUNKED, 0);
    g_assert_cmpint (feed (&body, chunked, 0, end, decoded, &used), ==, HTTP_BODY_MORE);
    g_assert_cmpint (http_body_end (&body), ==, HTTP_BODY_REFUSED);
    g_assert_nonnull (body.why);

    http_body_begin (&body, HTTP_FRAMING_LENGTH, sizeof chunked - 1);
    g_assert_cmpint (feed (&body, chunked, 0, end, decoded, &used), ==, HTTP_BODY_MORE);
    g_assert_cmpint (http_body_end (&body), ==, HTTP_BODY_REFUSED);

    g_string_truncate (decoded, 0);
    http_body_begin (&body, HTTP_FRAMING_CLOSE, 0);
    g_assert_cmpint (feed (&body, chunked, 0, end, decoded, &used), ==, HTTP_BODY_MORE);
    g_assert_cmpint (http_body_end (&body), ==, HTTP_BODY_DONE);
    g_assert_cmpuint (decoded->len, ==, end);
  }
}

static HttpBodyState
state_of (const char *before, gsize n, char repeated, const char *after)
{
  g_autoptr (GString) text = g_string_new (before), decoded = g_string_new (NULL);
  HttpBody body;
  gsize used;

  for (gsize i = 0; i < n; i++)
    g_string_append_c (text, repeated);
  g_string_append (text, after);
  http_body_begin (&body, HTTP_FRAMING_CHUNKED, 0);
  return feed (&body, text->str, 0, text->len, decoded, &used);
}

static void
test_http_body_limits (void)
{
  g_assert_cmpint (state_of ("0;", 256, 'a', "\r\n\r\n"), ==, HTTP_BODY_DONE);
  g_assert_cmpint (state_of ("0;", 257, 'a', "\r\n\r\n"), ==, HTTP_BODY_REFUSED);
  g_assert_cmpint (state_of ("0\r\nX:", 8000, 'a', "\r\n\r\n"), ==, HTTP_BODY_DONE);
  g_assert_cmpint (state_of ("0\r\nX:", 9000, 'a', "\r\n\r\n"), ==, HTTP_BODY_REFUSED);
}

/* A chunk counts before it has come: a limit can refuse it at once. */
static void
test_http_body_announces (void)
{
  g_autoptr (GString) decoded = g_string_new (NULL);
  HttpBody body;
  gsize used;

  http_body_begin (&body, HTTP_FRAMING_LENGTH, 1000);
  g_assert_cmpint (http_body_announced (&body), ==, 1000);
  feed (&body, "abc", 0, 3, decoded, &used);
  g_assert_cmpint (http_body_announced (&body), ==, 1000);
  http_body_begin (&body, HTTP_FRAMING_CHUNKED, 0);
  g_assert_cmpint (http_body_announced (&body), ==, 0);
  feed (&body, "100000005\r\nabc", 0, 14, decoded, &used);
  g_assert_cmpint (http_body_announced (&body), ==, 0x100000005);
  g_assert_cmpint (body.seen, ==, 3);
}

static void
test_http_body_chunk_line (void)
{
  static const struct {
    gsize length;
    const char *line;
  } rows[] = {
    { 0, "0\r\n" },
    { 9, "9\r\n" },
    { 255, "ff\r\n" },
    { 65536, "10000\r\n" },
    { G_MAXSIZE, "ffffffffffffffff\r\n" },
  };
  char line[24];

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_assert_cmpuint (http_body_chunk_line (rows[i].length, line), ==, strlen (rows[i].line));
    g_assert_cmpstr (line, ==, rows[i].line);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http-body/cases-by-every-split", test_http_body_cases);
  g_test_add_func ("/http-body/takes-no-nul", test_http_body_takes_no_nul);
  g_test_add_func ("/http-body/cut-at-each-byte", test_http_body_cut);
  g_test_add_func ("/http-body/limits", test_http_body_limits);
  g_test_add_func ("/http-body/announces-what-will-come", test_http_body_announces);
  g_test_add_func ("/http-body/chunk-line", test_http_body_chunk_line);
  return g_test_run ();
}
