/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/common/sse.h"

#include <string.h>

typedef struct {
  const char *name;
  const char *stream;
  const char *events; /* NAME|DATA|ID; each ends with '~', '\n' of data is '/' */
  const char *last_id;
  gint64 retry;
} SseCase;

static const SseCase cases[] = {
  { "plain", "data: a\n\n", "message|a|~", "", -1 },
  { "crlf", "data: a\r\ndata: b\r\n\r\n", "message|a/b|~", "", -1 },
  { "cr", "data: a\rdata: b\r\rdata: c\r\r", "message|a/b|~message|c|~", "", -1 },
  { "mixed line ends", "data: a\n\r\ndata: b\r\n\rdata: c\r\n\n",
    "message|a|~message|b|~message|c|~", "", -1 },
  { "bom",
    "\xef\xbb\xbf"
    "data: a\n\n",
    "message|a|~", "", -1 },
  { "second bom is text",
    "data: a\n\n\xef\xbb\xbf"
    "data: b\n\n",
    "message|a|~", "", -1 },
  { "half a bom is text",
    "\xef\xbb"
    "data: a\n\ndata: b\n\n",
    "message|b|~", "", -1 },
  { "comments", ": ping\n\n:\ndata: a\n: between\n\n", "message|a|~", "", -1 },
  { "name and id", "event: x\nid: 7\ndata: a\n\ndata: b\n\n", "x|a|7~message|b|7~", "7", -1 },
  { "id without data is kept", "id: 9\ndata\n\nid: 10\n\n", "message||9~", "10", -1 },
  { "priming event", "id: p_0\ndata: \n\ndata: x\n\n", "message||p_0~message|x|p_0~", "p_0", -1 },
  { "id emptied", "id: 9\ndata: a\n\nid\ndata: b\n\n", "message|a|9~message|b|~", "", -1 },
  { "only one space goes", "data:  a\n\ndata:b\n\n", "message| a|~message|b|~", "", -1 },
  { "colons in the value", "data: a:b: c\n\n", "message|a:b: c|~", "", -1 },
  { "unknown field", "foo: a\nDATA: b\ndata : c\ndata: d\n\n", "message|d|~", "", -1 },
  { "name without data", "event: x\n\ndata: a\n\n", "message|a|~", "", -1 },
  { "retry", "retry: 250\n\n", "", "", 250 },
  { "retry with letters", "retry: 250\nretry: 3s\nretry: -1\nretry:\n\n", "", "", 250 },
  { "retry too large", "retry: 99999999999999999999999\n\n", "", "", 86400000 },
  { "unfinished event is none", "data: a\n\ndata: b\n", "message|a|~", "", -1 },
  { "unfinished id does not count", "id: 1\ndata: a\n\nid: 2\ndata: b\n", "message|a|1~", "1", -1 },
  { "utf-8", "data: gr\xc3\xbc\xc3\x9f\xe2\x82\xac\n\n", "message|gr\xc3\xbc\xc3\x9f\xe2\x82\xac|~",
    "", -1 },
};

static void
note_event (const SseEvent *event, gpointer data)
{
  g_autofree char *text = g_strndup (event->data, event->length);

  g_assert_cmpint (event->data[event->length], ==, '\0');
  g_strdelimit (text, "\n", '/');
  g_string_append_printf (data, "%s|%s|%s~", event->event, text, event->id);
}

static void
check_pieces (const SseCase *row, const gsize *ends, gsize n_ends)
{
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (SseParser) parser = sse_parser_new (4096, note_event, seen);
  gsize at = 0;

  for (gsize i = 0; i < n_ends; i++) {
    /* a copy of its own, so that reading beyond the piece is noticed */
    g_autofree char *piece = g_memdup2 (row->stream + at, ends[i] - at);

    g_assert_true (sse_parser_feed (parser, piece, ends[i] - at));
    at = ends[i];
  }
  if (strcmp (seen->str, row->events) != 0 || sse_parser_retry (parser) != row->retry)
    g_test_message ("case \"%s\", %zu pieces", row->name, n_ends);
  g_assert_cmpstr (seen->str, ==, row->events);
  g_assert_cmpstr (sse_parser_last_id (parser), ==, row->last_id);
  g_assert_cmpint (sse_parser_retry (parser), ==, row->retry);
}

static void
test_sse_every_split (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize length = strlen (cases[i].stream);

    for (gsize a = 0; a <= length; a++)
      for (gsize b = a; b <= length; b++)
        check_pieces (&cases[i], (gsize[]){ a, b, length }, 3);
  }
}

static void
test_sse_byte_by_byte (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize length = strlen (cases[i].stream);
    g_autofree gsize *ends = g_new (gsize, length);

    for (gsize k = 0; k < length; k++)
      ends[k] = k + 1;
    check_pieces (&cases[i], ends, length);
  }
}

static void
test_sse_nul_in_data_is_kept_and_in_id_ignored (void)
{
  static const char stream[] = "id: 5\ndata: x\n\nid: a\0b\ndata: c\0d\n\n";
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (SseParser) parser = sse_parser_new (4096, note_event, seen);

  g_assert_true (sse_parser_feed (parser, stream, sizeof stream - 1));
  g_assert_cmpstr (seen->str, ==, "message|x|5~message|c|5~");
}

static void
test_sse_name_is_not_cut_at_nul (void)
{
  static const struct {
    const char *stream;
    gsize length;
    const char *seen;
  } rows[] = {
#define ROW(stream, seen) { stream, sizeof stream - 1, seen }
    ROW ("event: message\0x\ndata: a\n\n", "message\xef\xbf\xbdx|a|~"),
    ROW ("event: \0\ndata: a\n\n", "\xef\xbf\xbd|a|~"),
    ROW ("event: \0\0x\0\ndata: a\n\ndata: b\n\n",
         "\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd|a|~message|b|~"),
#undef ROW
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) seen = g_string_new (NULL);
    g_autoptr (SseParser) parser = sse_parser_new (4096, note_event, seen);

    g_assert_true (sse_parser_feed (parser, rows[i].stream, rows[i].length));
    g_assert_cmpstr (seen->str, ==, rows[i].seen);
  }
}

static void
count_bytes (const SseEvent *event, gpointer data)
{
  *(gsize *)data += event->length;
}

static void
test_sse_size_limits_hold (void)
{
  static const struct {
    const char *name, *line;
    guint repeat;
    gboolean fits;
  } rows[] = {
    { "one line that fits", "data: 0123456789\n\n", 1, TRUE },
    { "a line that never ends", "data: 0123456789", 10, FALSE },
    { "many lines of one event", "data: 0123456789\n", 10, FALSE },
    { "many small events", "data: 0123456789\n\n", 1000, TRUE },
    { "a long comment", ":0123456789", 10, FALSE },
    { "many comments", ": 0123456789\n", 1000, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    gsize total = 0;
    g_autoptr (SseParser) parser = sse_parser_new (64, count_bytes, &total);
    gboolean fits = TRUE;

    for (guint k = 0; k < rows[i].repeat; k++)
      fits = sse_parser_feed (parser, rows[i].line, strlen (rows[i].line));
    if (fits != rows[i].fits)
      g_test_message ("case \"%s\"", rows[i].name);
    g_assert_cmpint (fits, ==, rows[i].fits);
  }
}

static SseParser *stopping;

static void
stop_at_once (const SseEvent *event, gpointer data)
{
  (*(guint *)data)++;
  sse_parser_stop (stopping);
}

static void
test_sse_stop_ends_it_within_a_piece (void)
{
  guint n = 0;
  g_autoptr (SseParser) parser = sse_parser_new (64, stop_at_once, &n);

  stopping = parser;
  g_assert_true (sse_parser_feed (parser, "data: a\n\ndata: b\n\n", 18));
  g_assert_cmpuint (n, ==, 1);
}

static void
test_sse_what_is_written_can_be_read (void)
{
  static const char *const texts[] = { "", "a", "a\nb", "a\r\nb", "a\n", "\n", ":x", " a" };
  static const char *const seen_as[] = { "", "a", "a/b", "a/b", "a/", "/", ":x", " a" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GBytes) bytes = sse_format ("message", "4", texts[i]);
    g_autoptr (GString) seen = g_string_new (NULL);
    g_autoptr (SseParser) parser = sse_parser_new (4096, note_event, seen);
    g_autofree char *expected = g_strdup_printf ("message|%s|4~", seen_as[i]);
    gsize size;
    const char *start = g_bytes_get_data (bytes, &size);

    g_assert_true (sse_parser_feed (parser, start, size));
    g_assert_cmpstr (seen->str, ==, expected);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sse/every-split-gives-the-same-events", test_sse_every_split);
  g_test_add_func ("/sse/byte-by-byte-gives-the-same-events", test_sse_byte_by_byte);
  g_test_add_func ("/sse/name-is-not-cut-at-nul", test_sse_name_is_not_cut_at_nul);
  g_test_add_func ("/sse/nul-in-data-is-kept-and-in-id-ignored",
                   test_sse_nul_in_data_is_kept_and_in_id_ignored);
  g_test_add_func ("/sse/size-limits-hold", test_sse_size_limits_hold);
  g_test_add_func ("/sse/stop-ends-it-within-a-piece", test_sse_stop_ends_it_within_a_piece);
  g_test_add_func ("/sse/what-is-written-can-be-read", test_sse_what_is_written_can_be_read);
  return g_test_run ();
}
