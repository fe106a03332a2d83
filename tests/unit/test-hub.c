/* SPDX-License-Identifier: Apache-2.0 */
/* hub: many open streams: what they read, when they are slow, silent, gone, or sent away. */
#include "http/hub.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_US (5 * G_USEC_PER_SEC)

typedef struct {
  int fd;
  HubStream *stream;
  GString *in;
  gboolean closed;
  guint n_gone, n_drained;
} Reader;

static Hub *hub;

static void
on_gone (HubStream *stream, gpointer data)
{
  ((Reader *)data)->n_gone++;
  ((Reader *)data)->stream = NULL;
}

static void
on_drained (HubStream *stream, gpointer data)
{
  ((Reader *)data)->n_drained++;
}

static const HubHooks hooks = { on_gone, on_drained };

static Reader *
reader_new (HttpFraming framing)
{
  Reader *reader = g_new0 (Reader, 1);
  int ends[2], small = 4096;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
  setsockopt (ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  reader->fd = ends[0];
  reader->in = g_string_new (NULL);
  reader->stream = hub_add (hub, ends[1], framing, 100);
  hub_set_data (reader->stream, reader);
  return reader;
}

static void
reader_leave (Reader *reader)
{
  if (reader->fd >= 0)
    close (reader->fd);
  reader->fd = -1;
}

static void
reader_free (Reader *reader)
{
  reader_leave (reader);
  g_string_free (reader->in, TRUE);
  g_free (reader);
}

static void
reader_read (Reader *reader)
{
  char bytes[8192];
  ssize_t n;

  while ((n = read (reader->fd, bytes, sizeof bytes)) > 0)
    g_string_append_len (reader->in, bytes, n);
  reader->closed = n == 0 || (n < 0 && errno != EAGAIN);
}

static void
round_of_loop (gint64 deadline)
{
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  g_usleep (200);
}

static void
reader_expect (Reader *reader, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  for (reader_read (reader); reader->in->len < strlen (text); reader_read (reader))
    round_of_loop (deadline);
  g_assert_cmpstr (reader->in->str, ==, text);
  g_string_truncate (reader->in, 0);
}

static void
reader_expect_end (Reader *reader)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  for (reader_read (reader); !reader->closed; reader_read (reader))
    round_of_loop (deadline);
}

static void
reader_expect_gone (Reader *reader)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  while (reader->n_gone == 0)
    round_of_loop (deadline);
  g_assert_cmpuint (reader->n_gone, ==, 1);
}

static gboolean
reader_write (Reader *reader, const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  return hub_write (reader->stream, bytes);
}

static void
set_up (guint silence_ms, guint stall_ms)
{
  hub = hub_new ((HubLimits){ silence_ms, stall_ms }, &hooks);
}

static void
tear_down (void)
{
  g_assert_cmpuint (hub_count (hub), ==, 0);
  hub_free (hub);
}

static void
test_hub_gives_the_same_bytes_to_all (void)
{
  g_autoptr (GBytes) event = g_bytes_new_static ("data: 1\n\n", 9);
  Reader *readers[20];

  set_up (60000, 60000);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    readers[i] = reader_new (i % 2 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE);
  g_assert_cmpuint (hub_count (hub), ==, G_N_ELEMENTS (readers));
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    g_assert_true (hub_write (readers[i]->stream, event));
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++) {
    reader_expect (readers[i], i % 2 ? "9\r\ndata: 1\n\n\r\n" : "data: 1\n\n");
    g_assert_cmpint (hub_sent (readers[i]->stream), ==, i % 2 ? 114 : 109);
    hub_end (readers[i]->stream);
    reader_expect_end (readers[i]);
    g_assert_cmpstr (readers[i]->in->str, ==, i % 2 ? "0\r\n\r\n" : "");
    g_assert_cmpuint (readers[i]->n_gone, ==, 0);
    reader_free (readers[i]);
  }
  tear_down ();
}

/* Whatever the kernel takes at once, the reader gets every byte once, and the end last. */
static void
test_hub_keeps_what_a_slow_reader_has_not_taken (void)
{
  const HttpFraming framings[] = { HTTP_FRAMING_CHUNKED, HTTP_FRAMING_CLOSE };

  for (guint f = 0; f < G_N_ELEMENTS (framings); f++) {
    g_autoptr (GString) expected = g_string_new (NULL);
    Reader *reader;

    set_up (60000, 60000);
    reader = reader_new (framings[f]);
    for (guint i = 0; i < 700; i++) {
      g_autofree char *text = g_strnfill (1 + i * 7 % 911, (char)('a' + i % 26));

      if (framings[f] == HTTP_FRAMING_CHUNKED)
        g_string_append_printf (expected, "%zx\r\n%s\r\n", strlen (text), text);
      else
        g_string_append (expected, text);
      g_assert_true (reader_write (reader, text));
    }
    g_assert_cmpuint (hub_queued (reader->stream), >, 200000);
    g_assert_cmpuint (reader->n_drained, ==, 0);
    reader_expect (reader, expected->str);
    while (reader->n_drained == 0)
      round_of_loop (g_get_monotonic_time () + PATIENCE_US);
    g_assert_cmpuint (hub_queued (reader->stream), ==, 0);
    g_assert_cmpint (hub_sent (reader->stream), ==, (gint64)expected->len + 100);
    g_assert_true (reader_write (reader, "last"));
    hub_end (reader->stream);
    reader_expect_end (reader);
    g_assert_cmpstr (reader->in->str, ==,
                     framings[f] == HTTP_FRAMING_CHUNKED ? "4\r\nlast\r\n0\r\n\r\n" : "last");
    g_assert_cmpuint (reader->n_drained, ==, 1);
    reader_free (reader);
    tear_down ();
  }
}

static void
test_hub_sends_what_is_queued_before_the_end (void)
{
  g_autofree char *text = g_strnfill (300000, 'x');
  Reader *reader;

  set_up (60000, 60000);
  reader = reader_new (HTTP_FRAMING_CLOSE);
  g_assert_true (reader_write (reader, text));
  hub_end (reader->stream);
  g_assert_cmpuint (hub_count (hub), ==, 1);
  reader_expect_end (reader);
  g_assert_cmpstr (reader->in->str, ==, text);
  g_assert_cmpuint (reader->n_gone, ==, 0);
  reader_free (reader);
  tear_down ();
}

static void
test_hub_bounds_what_is_queued (void)
{
  g_autofree char *text = g_strnfill (300000, 'x');
  Reader *reader;
  guint n = 0;

  set_up (60000, 60000);
  reader = reader_new (HTTP_FRAMING_CHUNKED);
  while (reader_write (reader, text))
    n++;
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (hub_queued (reader->stream), <=, 1024 * 1024);
  hub_abort (reader->stream);
  reader_expect_end (reader);
  g_assert_null (strstr (reader->in->str, "\r\n0\r\n\r\n"));
  reader_free (reader);
  tear_down ();
}

static void
test_hub_notices_who_leaves (void)
{
  Reader *leaver, *half, *late;

  set_up (60000, 60000);
  leaver = reader_new (HTTP_FRAMING_CHUNKED);
  half = reader_new (HTTP_FRAMING_CHUNKED);
  late = reader_new (HTTP_FRAMING_CHUNKED);
  reader_leave (leaver);
  reader_expect_gone (leaver);
  shutdown (half->fd, SHUT_WR);
  reader_expect_gone (half);
  /* a write that finds it out says nothing: the hook does, from the loop */
  reader_leave (late);
  g_assert_true (reader_write (late, "data: 1\n\n"));
  g_assert_true (reader_write (late, "data: 2\n\n"));
  g_assert_cmpuint (late->n_gone, ==, 0);
  reader_expect_gone (late);
  reader_free (leaver);
  reader_free (half);
  reader_free (late);
  tear_down ();
}

static void
test_hub_ends_who_has_left_without_a_word (void)
{
  Reader *reader;

  set_up (60000, 60000);
  reader = reader_new (HTTP_FRAMING_CHUNKED);
  reader_leave (reader);
  g_assert_true (reader_write (reader, "data: 1\n\n"));
  hub_end (reader->stream);
  for (guint i = 0; i < 20; i++)
    round_of_loop (G_MAXINT64);
  g_assert_cmpuint (reader->n_gone, ==, 0);
  reader_free (reader);
  tear_down ();
}

static void
test_hub_comments_in_silence (void)
{
  Reader *silent, *talker;
  gint64 end;

  set_up (600, 60000);
  silent = reader_new (HTTP_FRAMING_CHUNKED);
  talker = reader_new (HTTP_FRAMING_CLOSE);
  for (end = g_get_monotonic_time () + 1700000; g_get_monotonic_time () < end;) {
    g_assert_true (reader_write (talker, "x"));
    for (guint i = 0; i < 100; i++)
      round_of_loop (G_MAXINT64);
    reader_read (talker);
  }
  g_assert_null (strchr (talker->in->str, ':'));
  reader_read (silent);
  g_assert_true (g_str_has_prefix (silent->in->str, "3\r\n:\n\n\r\n"));
  hub_end (silent->stream);
  hub_end (talker->stream);
  reader_free (silent);
  reader_free (talker);
  tear_down ();
}

static void
test_hub_gives_up_who_does_not_read (void)
{
  g_autofree char *text = g_strnfill (300000, 'x');
  Reader *stalled, *ended;

  set_up (60000, 500);
  stalled = reader_new (HTTP_FRAMING_CHUNKED);
  ended = reader_new (HTTP_FRAMING_CHUNKED);
  g_assert_true (reader_write (stalled, text));
  g_assert_true (reader_write (ended, text));
  hub_end (ended->stream);
  reader_expect_gone (stalled);
  while (hub_count (hub) > 0)
    round_of_loop (g_get_monotonic_time () + PATIENCE_US);
  g_assert_cmpuint (ended->n_gone, ==, 0);
  reader_free (stalled);
  reader_free (ended);
  tear_down ();
}

static void
test_hub_cut_tells_all (void)
{
  g_autofree char *text = g_strnfill (300000, 'x');
  Reader *readers[3];

  set_up (60000, 60000);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    readers[i] = reader_new (HTTP_FRAMING_CHUNKED);
  g_assert_true (reader_write (readers[1], text));
  reader_leave (readers[2]);
  g_assert_true (reader_write (readers[2], text));
  hub_cut (hub);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++) {
    g_assert_cmpuint (readers[i]->n_gone, ==, 1);
    reader_free (readers[i]);
  }
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/hub/" path, test_hub_##name)
  ADD ("gives-the-same-bytes-to-all", gives_the_same_bytes_to_all);
  ADD ("keeps-what-a-slow-reader-has-not-taken", keeps_what_a_slow_reader_has_not_taken);
  ADD ("sends-what-is-queued-before-the-end", sends_what_is_queued_before_the_end);
  ADD ("bounds-what-is-queued", bounds_what_is_queued);
  ADD ("notices-who-leaves", notices_who_leaves);
  ADD ("ends-who-has-left-without-a-word", ends_who_has_left_without_a_word);
  ADD ("comments-in-silence", comments_in_silence);
  ADD ("gives-up-who-does-not-read", gives_up_who_does_not_read);
  ADD ("cut-tells-all", cut_tells_all);
  return g_test_run ();
}
