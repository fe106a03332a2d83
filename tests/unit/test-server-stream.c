/* SPDX-License-Identifier: Apache-2.0 */
/* stream: answers that grow: framing, back-pressure, ends, cuts, and readers who leave. */
#include "raw-client.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static ServerStream *stream;

static const ServerHeader plain[] = { { "Content-Type", "text/plain" } };
static const ServerHeader events[] = { { "Content-Type", "text/event-stream" } };

static void
handle (ServerCall *call, gpointer data)
{
  static const ServerHeader sized[] = { { "Content-Length", "5" }, { "Connection", "x" } };
  const char *target = server_call_target (call);

  if (strcmp (target, "/next") == 0)
    raw_server_say (call, 200, "next");
  else if (strcmp (target, "/sized") == 0)
    stream = server_call_stream (call, 200, sized, G_N_ELEMENTS (sized), TRUE);
  else if (strcmp (target, "/events") == 0)
    stream = server_call_stream (call, 200, events, G_N_ELEMENTS (events), TRUE);
  else
    stream = server_call_stream (call, 200, plain, G_N_ELEMENTS (plain), TRUE);
}

static gboolean
write_text (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  return server_stream_write (stream, bytes);
}

static void
test_stream_sends_chunks (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "Transfer-Encoding: chunked\r\n\r\n");
  raw_client_expect (client, 1, "Content-Type: text/plain\r\n");
  g_assert_true (write_text ("data: 1\n\n"));
  raw_client_expect (client, 1, "\r\n\r\n9\r\ndata: 1\n\n\r\n");
  g_assert_true (write_text (""));
  g_assert_true (write_text ("0123456789abcdef"));
  raw_client_expect (client, 1, "\r\n10\r\n0123456789abcdef\r\n");
  server_stream_end (stream);
  raw_client_expect (client, 1, "\r\n0\r\n\r\n");
  raw_client_send (client, GET ("/next"));
  raw_client_expect (client, 1, "\r\n\r\nnext");
  raw_server_expect (server, "begin /;whole;begin /next;whole;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_ends_with_the_connection_for_http_1_0 (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  raw_client_expect (client, 1, "Connection: close\r\n\r\n");
  write_text ("data");
  server_stream_end (stream);
  raw_client_expect_end (client);
  g_assert_true (g_str_has_suffix (client->in->str, "\r\n\r\ndata"));
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_keeps_to_a_stated_length (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/sized"));
  raw_client_expect (client, 1, "Content-Length: 5\r\n\r\n");
  g_assert_null (strstr (client->in->str, "chunked"));
  g_assert_true (write_text ("hel"));
  g_assert_true (write_text ("lo"));
  server_stream_end (stream);
  raw_client_send (client, GET ("/next"));
  raw_client_expect (client, 1, "\r\n\r\nhelloHTTP/1.1 200 OK");

  raw_client_send (client, GET ("/sized"));
  raw_client_expect (client, 2, "Content-Length: 5\r\n\r\n");
  g_assert_true (write_text ("hel"));
  g_assert_false (write_text ("lo and more"));
  server_stream_end (stream);
  raw_client_expect_end (client);
  g_assert_true (g_str_has_suffix (client->in->str, "\r\n\r\nhel"));
  raw_server_expect (server, "begin /sized;broken;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_has_no_body_for_head (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, "HEAD /sized HTTP/1.1\r\nHost: a\r\n\r\n");
  raw_client_expect (client, 1, "Content-Length: 5\r\n\r\n");
  g_assert_true (write_text ("hello"));
  server_stream_end (stream);
  raw_client_send (client, GET ("/next"));
  raw_client_expect (client, 1, "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_abort_is_seen_as_a_cut (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\n");
  write_text ("data");
  server_stream_abort (stream);
  raw_client_expect_end (client);
  g_assert_true (g_str_has_suffix (client->in->str, "\r\n4\r\ndata\r\n"));
  raw_server_expect (server, "begin /;broken;");
  raw_client_free (client);

  client = raw_client_new (server);
  raw_client_send (client, "GET / HTTP/1.0\r\n\r\n");
  raw_client_expect (client, 1, "\r\n\r\n");
  server_stream_abort (stream);
  raw_server_expect (server, "broken;begin /;broken;");
  g_assert_cmpint (recv (client->fd, (char[1]){ 0 }, 1, 0), ==, -1);
  g_assert_cmpint (errno, ==, ECONNRESET);
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_notices_who_leaves (void)
{
  for (guint resets = 0; resets < 2; resets++) {
    RawServer *server = raw_server_new (handle);
    RawClient *client = raw_client_new (server);
    gint64 start;

    raw_client_send (client, GET ("/"));
    raw_client_expect (client, 1, "\r\n\r\n");
    start = g_get_monotonic_time ();
    if (resets)
      raw_client_reset (client);
    raw_client_free (client);
    raw_server_expect (server, "begin /;gone;broken;");
    g_assert_cmpint (g_get_monotonic_time () - start, <, G_USEC_PER_SEC / 2);
    g_assert_cmpuint (server_connections (server->server), ==, 0);
    raw_server_free (server);
  }
}

/* Nothing is called from inside a write that fails, and what was lost is not taken for sent. */
static void
test_stream_takes_writes_after_the_reader_left (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\n");
  raw_client_reset (client);
  g_usleep (20000);
  write_text ("one");
  g_assert_cmpstr (server->events->str, ==, "begin /;");
  server_stream_end (stream);
  raw_server_expect (server, "broken;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
count_drain (ServerStream *drained, gpointer data)
{
  ++*(guint *)data;
}

static void
test_stream_has_bounded_queue (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);
  g_autofree char *block = g_strnfill (100000, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new_static (block, 100000);
  guint drains = 0, written = 0;
  const char *end;

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\n");
  server_stream_on_drain (stream, count_drain, &drains);
  while (server_stream_write (stream, bytes))
    written++;
  g_assert_cmpuint (server_stream_queued (stream), >, 900000);
  g_assert_cmpuint (server_stream_queued (stream), <=, 1024 * 1024);
  raw_run (20);
  g_assert_cmpuint (drains, ==, 0);
  raw_client_expect (client, written, "xx\r\n");
  raw_run (20);
  g_assert_cmpuint (drains, ==, 1);
  g_assert_cmpuint (server_stream_queued (stream), ==, 0);
  g_assert_true (server_stream_write (stream, bytes));
  server_stream_end (stream);
  raw_client_expect (client, 1, "\r\n0\r\n\r\n");
  end = strstr (client->in->str, "\r\n\r\n") + 4;
  for (guint i = 0; i <= written; i++) {
    g_assert_true (g_str_has_prefix (end, "186a0\r\nxxx"));
    end += 7 + 100000 + 2;
  }
  g_assert_cmpstr (end, ==, "0\r\n\r\n");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_cuts_who_does_not_read (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);
  g_autofree char *block = g_strnfill (100000, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new_static (block, 100000);

  server_set_limits (server->server, (ServerLimits){ 5000, 5000, 5000, 500, 5000 });
  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\n");
  while (server_stream_write (stream, bytes))
    ;
  raw_server_expect (server, "gone;broken;");
  g_assert_cmpuint (server_connections (server->server), ==, 0);
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_of_events_ends_its_connection (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/events"));
  raw_client_expect (client, 1, "Connection: close\r\n");
  g_assert_true (write_text ("data: 1\n\n"));
  server_stream_end (stream);
  raw_client_expect_end (client);
  raw_client_expect (client, 1, "data: 1\n\n\r\n0\r\n\r\n");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_stream_ends_with_the_server (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\n");
  close (client->fd);
  client->fd = -1;
  raw_client_free (client);
  raw_server_free (server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/stream/" path, test_stream_##name)
  ADD ("sends-chunks", sends_chunks);
  ADD ("ends-with-the-connection-for-http-1.0", ends_with_the_connection_for_http_1_0);
  ADD ("keeps-to-a-stated-length", keeps_to_a_stated_length);
  ADD ("has-no-body-for-head", has_no_body_for_head);
  ADD ("abort-is-seen-as-a-cut", abort_is_seen_as_a_cut);
  ADD ("notices-who-leaves", notices_who_leaves);
  ADD ("takes-writes-after-the-reader-left", takes_writes_after_the_reader_left);
  ADD ("has-a-bounded-queue", has_bounded_queue);
  ADD ("cuts-who-does-not-read", cuts_who_does_not_read);
  ADD ("of-events-ends-its-connection", of_events_ends_its_connection);
  ADD ("ends-with-the-server", ends_with_the_server);
  return g_test_run ();
}
