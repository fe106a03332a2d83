/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-request: bodies that are read from a stream while they are sent. */
#include "raw-peer.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>

#define SHORT "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"

/* A stream whose other end the test holds. */
static GInputStream *
pipe_new (int *ret_end)
{
  int ends[2];

  g_assert_no_errno (pipe2 (ends, O_CLOEXEC | O_NONBLOCK));
  *ret_end = ends[1];
  return g_unix_input_stream_new (ends[0], TRUE);
}

static void
pipe_write (int end, const char *text)
{
  g_assert_cmpint (write (end, text, strlen (text)), ==, (gssize)strlen (text));
}

/* A stream that gives `left` bytes, one at a time, and then is larger than is allowed. */
typedef struct {
  GInputStream base;
  guint left;
} Breaking;

typedef struct {
  GInputStreamClass base;
} BreakingClass;

static GType breaking_get_type (void);
static void breaking_pollable (GPollableInputStreamInterface *iface);

G_DEFINE_TYPE_WITH_CODE (Breaking,
                         breaking,
                         G_TYPE_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, breaking_pollable))

static gssize
breaking_read (
    GInputStream *base, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  Breaking *stream = (Breaking *)base;

  if (stream->left > 0) {
    stream->left--;
    *(char *)buffer = 'x';
    return 1;
  }
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "the body is too large");
  return -1;
}

static gboolean
breaking_is_readable (GPollableInputStream *stream)
{
  return TRUE;
}

static GSource *
breaking_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return g_pollable_source_new_full (stream, NULL, cancellable);
}

static void
breaking_pollable (GPollableInputStreamInterface *iface)
{
  iface->is_readable = breaking_is_readable;
  iface->create_source = breaking_create_source;
}

static void
breaking_class_init (BreakingClass *class)
{
  G_INPUT_STREAM_CLASS (class)->read_fn = breaking_read;
}

static void
breaking_init (Breaking *stream)
{
}

static Probe *
probe_stream (Fixture *fixture, const char *method, GInputStream *stream, gint64 length)
{
  Probe *probe = probe_new (fixture, method, "/");

  dae_fetch_stream (probe->fetch, "text/plain", stream, length);
  dae_fetch_send (probe->fetch);
  return probe;
}

/* Runs the loop until all that the peer has read since the last time ends in TEXT. */
static void
peer_read_more (Fixture *fixture, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  char buffer[65536];

  while (!g_str_has_suffix (fixture->request->str, text)) {
    gssize n = recv (fixture->peer, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0)
      g_string_append_len (fixture->request, buffer, n);
    else
      raw_round (deadline, text, fixture->request->str);
  }
}

static void
test_upstream_request_states_a_known_length (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe;

  pipe_write (end, "hel");
  probe = probe_stream (fixture, "POST", stream, 5);
  peer_accept (fixture);
  peer_read (fixture, "Content-Length: 5\r\n\r\nhel");
  g_assert_null (strstr (fixture->request->str, "Transfer-Encoding"));
  /* more than was said is not sent */
  pipe_write (end, "lo, and more");
  peer_read_more (fixture, "hello");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  /* and the connection is good for the next */
  probe = probe_stream (fixture, "PUT", stream, 0);
  peer_read (fixture, "Content-Length: 0\r\n\r\n");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  g_clear_object (&stream);
  close (end);
  fixture_free (fixture);
}

static void
test_upstream_request_sends_chunks (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe = probe_stream (fixture, "POST", stream, -1);

  peer_accept (fixture);
  peer_read (fixture, "Transfer-Encoding: chunked\r\n\r\n");
  g_assert_null (strstr (fixture->request->str, "Content-Length"));
  pipe_write (end, "hello");
  peer_read_more (fixture, "\r\n5\r\nhello\r\n");
  pipe_write (end, "0123456789abcdef0");
  peer_read_more (fixture, "\r\n11\r\n0123456789abcdef0\r\n");
  close (end);
  peer_read_more (fixture, "\r\n0\r\n\r\n");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  g_clear_object (&stream);
  fixture_free (fixture);
}

/* An upstream that takes nothing stops the reading; all comes when it reads on. */
static void
test_upstream_request_reads_no_faster_than_it_sends (void)
{
  gsize size = 48 * 1024 * 1024;
  g_autofree char *block = g_strnfill (size, 'x');
  int small = 65536;

  for (guint i = 0; i < 2; i++) {
    Fixture *fixture = fixture_new ();
    g_autoptr (GInputStream) stream =
        g_memory_input_stream_new_from_data (block, (gssize)size, NULL);
    Probe *probe;
    goffset at;

    setsockopt (fixture->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    probe = probe_stream (fixture, "PUT", stream, i == 0 ? (gint64)size : -1);
    peer_accept (fixture);
    /* it comes to a stand, however slow the machine is */
    do {
      at = g_seekable_tell (G_SEEKABLE (stream));
      raw_run (100);
      g_assert_cmpint (at, <, 8 * 1024 * 1024);
    } while (at == 0 || g_seekable_tell (G_SEEKABLE (stream)) != at);
    peer_read (fixture, i == 0 ? "Content-Length: 50331648\r\n\r\n" : "chunked\r\n\r\n");
    while (fixture->request->len < size)
      peer_read (fixture, "x");
    if (i == 1)
      peer_read_more (fixture, "\r\n0\r\n\r\n");
    peer_send (fixture, SHORT);
    probe_expect (probe, "200 ! whole");
    probe_free (probe);
    fixture_free (fixture);
  }
}

/* A body that is cut is an error here and a cut there: never a shorter body. */
static void
test_upstream_request_cuts_what_was_cut (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe = probe_stream (fixture, "POST", stream, 9);

  pipe_write (end, "hello");
  peer_accept (fixture);
  peer_read (fixture, "hello");
  close (end);
  probe_expect (probe, "partial");
  peer_expect_end (fixture);
  probe_free (probe);
  g_clear_object (&stream);
  fixture_free (fixture);
}

/* What a stream says is wrong is what the fetch says; the upstream sees no end of the body. */
static void
test_upstream_request_tells_of_a_broken_stream (void)
{
  Fixture *fixture = fixture_new ();

  for (guint left = 0; left < 3; left++) {
    g_autoptr (GInputStream) stream = g_object_new (breaking_get_type (), NULL);
    Probe *probe;

    ((Breaking *)stream)->left = left;
    probe = probe_stream (fixture, "POST", stream, -1);
    if (left > 0)
      peer_accept (fixture);
    probe_expect_end (probe);
    g_assert_cmpint (probe->code, ==, G_IO_ERROR_NO_SPACE);
    if (left > 0) {
      peer_read (fixture, "1\r\nx\r\n");
      g_assert_null (strstr (fixture->request->str, "0\r\n\r\n"));
      peer_expect_end (fixture);
    } else {
      /* it connected; nothing was to be sent */
      peer_accept (fixture);
      peer_expect_end (fixture);
    }
    probe_free (probe);
  }
  fixture_free (fixture);
}

/* Only who is asked for bytes is timed. */
static void
test_upstream_request_times_the_upstream_alone (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe = probe_new (fixture, "POST", "/");

  dae_fetch_stream (probe->fetch, NULL, stream, 2);
  dae_fetch_limits (probe->fetch, 1000, 150, 100, 0);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  raw_run (250);
  pipe_write (end, "a");
  raw_run (250);
  g_assert_false (probe->ended);
  pipe_write (end, "b");
  probe_expect (probe, "late");
  probe_free (probe);
  g_clear_object (&stream);
  close (end);
  fixture_free (fixture);
}

static void
test_upstream_request_times_an_upstream_that_takes_nothing (void)
{
  gsize size = 48 * 1024 * 1024;
  g_autofree char *block = g_strnfill (size, 'x');
  Fixture *fixture = fixture_new ();
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_data (block, (gssize)size, NULL);
  Probe *probe = probe_new (fixture, "POST", "/");

  dae_fetch_stream (probe->fetch, NULL, stream, -1);
  dae_fetch_limits (probe->fetch, 1000, 5000, 150, 0);
  dae_fetch_send (probe->fetch);
  peer_accept (fixture);
  probe_expect (probe, "late");
  probe_free (probe);
  fixture_free (fixture);
}

/* A refusal ends the sending; another answer that comes early does not. Neither connection is used
 * again unless all was sent. */
static void
test_upstream_request_heeds_early_answers (void)
{
  static const struct {
    const char *head, *seen;
    gboolean goes_on;
  } rows[] = {
    { "HTTP/1.1 413 Too Large\r\nContent-Length: 1\r\n\r\n", "413 ! whole", FALSE },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "200 ! whole", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Fixture *fixture = fixture_new ();
    int end;
    g_autoptr (GInputStream) stream = pipe_new (&end);
    Probe *probe = probe_stream (fixture, "POST", stream, -1), *next;

    peer_accept (fixture);
    peer_read (fixture, "\r\n\r\n");
    peer_send (fixture, rows[i].head);
    raw_run (10);
    pipe_write (end, "abc");
    if (rows[i].goes_on)
      peer_read_more (fixture, "3\r\nabc\r\n");
    else
      raw_run (20);
    close (end);
    if (rows[i].goes_on)
      peer_read_more (fixture, "0\r\n\r\n");
    peer_send (fixture, "!");
    probe_expect (probe, rows[i].seen);
    if (!rows[i].goes_on)
      peer_expect_end (fixture);
    next = probe_new (fixture, "GET", "/next");
    dae_fetch_send (next->fetch);
    if (!rows[i].goes_on)
      peer_accept (fixture);
    peer_read (fixture, "GET /next");
    peer_send (fixture, SHORT);
    probe_expect (next, "200 ! whole");
    probe_free (probe);
    probe_free (next);
    g_clear_object (&stream);
    fixture_free (fixture);
  }
}

/* What was read from a stream is gone: such a request is not sent twice, whatever its method. */
static void
test_upstream_request_repeats_no_stream (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe = probe_stream (fixture, "PUT", stream, 0);

  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  peer_send (fixture, SHORT);
  probe_expect (probe, "200 ! whole");
  probe_free (probe);
  probe = probe_stream (fixture, "PUT", stream, 3);
  peer_read (fixture, "\r\n\r\n");
  pipe_write (end, "abc");
  peer_read_more (fixture, "abc");
  peer_close (fixture, FALSE);
  probe_expect (probe, "closed");
  raw_run (10);
  g_assert_false (peer_has_visitor (fixture));
  probe_free (probe);
  g_clear_object (&stream);
  close (end);
  fixture_free (fixture);
}

static void
test_upstream_request_wants_a_pollable_stream (void)
{
  Fixture *fixture = fixture_new ();
  g_autoptr (GFile) file = g_file_new_for_path ("/dev/null");
  g_autoptr (GInputStream) stream = G_INPUT_STREAM (g_file_read (file, NULL, NULL));
  Probe *probe = probe_stream (fixture, "POST", stream, -1);

  probe_expect_end (probe);
  g_assert_cmpint (probe->code, ==, G_IO_ERROR_INVALID_ARGUMENT);
  probe_free (probe);
  g_clear_object (&stream);
  fixture_free (fixture);
}

/* Waiting for the stream costs no turns of the loop. */
static void
test_upstream_request_waits_quietly (void)
{
  Fixture *fixture = fixture_new ();
  int end;
  g_autoptr (GInputStream) stream = pipe_new (&end);
  Probe *probe = probe_stream (fixture, "POST", stream, -1);

  peer_accept (fixture);
  peer_read (fixture, "\r\n\r\n");
  g_assert_cmpuint (raw_run_turns (200), <, 20);
  dae_fetch_cancel (probe->fetch);
  peer_expect_end (fixture);
  probe_free (probe);
  g_clear_object (&stream);
  close (end);
  fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/upstream-request/" path, test_upstream_request_##name)
  ADD ("states-a-known-length", states_a_known_length);
  ADD ("sends-chunks", sends_chunks);
  ADD ("reads-no-faster-than-it-sends", reads_no_faster_than_it_sends);
  ADD ("cuts-what-was-cut", cuts_what_was_cut);
  ADD ("tells-of-a-broken-stream", tells_of_a_broken_stream);
  ADD ("times-the-upstream-alone", times_the_upstream_alone);
  ADD ("times-an-upstream-that-takes-nothing", times_an_upstream_that_takes_nothing);
  ADD ("heeds-early-answers", heeds_early_answers);
  ADD ("repeats-no-stream", repeats_no_stream);
  ADD ("wants-a-pollable-stream", wants_a_pollable_stream);
  ADD ("waits-quietly", waits_quietly);
  return g_test_run ();
}
