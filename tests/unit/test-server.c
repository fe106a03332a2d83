/* SPDX-License-Identifier: Apache-2.0 */
/* server: calls over real sockets: heads, answers, bodies. */
#include "raw-client.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(more) "POST /post HTTP/1.1\r\nHost: a\r\n" more "\r\n"

static GString *body_events;

static void
body_read (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data)
{
  static const char *const names[] = { "ok", "large", "cut" };
  gsize length = 0;
  const char *text = body != NULL ? g_bytes_get_data (body, &length) : "";

  g_string_append_printf (((RawServer *)data)->events, "%s %.*s;", names[state], (int)length, text);
  if (state == SERVER_BODY_OK)
    raw_server_say (call, 200, "read");
  else if (state == SERVER_BODY_TOO_LARGE)
    raw_server_say (call, 413, "too large");
  else
    raw_server_say (call, MAX (server_call_body_fault (call), 400), "cut");
}

/* Posts are read; "/wait" is answered by the test; "/head" tells what the call says of itself. */
static void
handle (ServerCall *call, gpointer data)
{
  const char *target = server_call_target (call);

  if (g_str_has_prefix (target, "/wait"))
    return;
  if (strcmp (server_call_method (call), "POST") == 0 && strcmp (target, "/post") == 0)
    server_call_read (call, 1000, body_read, data);
  else
    raw_server_say (call, 200, target);
}

static void
test_server_keeps_connections (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/one"));
  raw_client_expect (client, 1, "\r\n\r\n/one");
  raw_client_send (client, GET ("/two"));
  raw_client_expect (client, 1, "\r\n\r\n/two");
  g_assert_null (strstr (client->in->str, "Connection:"));
  g_assert_nonnull (strstr (client->in->str, "Date: "));
  g_assert_cmpuint (server_connections (server->server), ==, 1);
  g_assert_cmpuint (server_calls (server->server), ==, 0);
  raw_client_send (client,
                   "GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET ("/no"));
  raw_client_expect_end (client);
  raw_client_expect (client, 1, "\r\n\r\n/three");
  raw_client_expect (client, 1, "Connection: close\r\n");
  raw_server_expect (server, "begin /one;whole;begin /two;whole;begin /three;whole;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_http_1_0 (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  raw_client_expect (client, 1, "\r\n\r\n/a");
  raw_client_expect (client, 1, "Connection: keep-alive\r\n");
  raw_client_send (client, "GET /b HTTP/1.0\r\n\r\n");
  raw_client_expect_end (client);
  raw_client_expect (client, 1, "\r\n\r\n/b");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_answers_pipelined_in_order (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);
  g_autoptr (GString) all = g_string_new (NULL), expected = g_string_new (NULL);

  for (guint i = 0; i < 50; i++) {
    g_string_append_printf (all, GET ("/%u"), i);
    g_string_append_printf (expected, "begin /%u;whole;", i);
  }
  raw_client_send (client, all->str);
  raw_client_expect (client, 50, "HTTP/1.1 200 OK");
  raw_client_expect (client, 1, "/49");
  raw_server_expect (server, expected->str);
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_takes_single_bytes (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  for (const char *c = POST ("Content-Length: 2\r\n") "hi"; *c != '\0'; c++) {
    raw_client_send (client, (const char[]){ *c, '\0' });
    raw_run (1);
  }
  raw_client_expect (client, 1, "\r\n\r\nread");
  g_assert_nonnull (strstr (server->events->str, "ok hi;"));
  raw_client_free (client);
  raw_server_free (server);
}

static void
handle_head (ServerCall *call, gpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%s %s %s %s %" G_GINT64_FORMAT, server_call_method (call),
                          server_call_target (call), server_call_host (call),
                          server_call_peer (call), server_call_body_length (call));
  for (guint i = 0; i < server_call_n_headers (call); i++) {
    ServerHeader header = server_call_header (call, i);

    g_string_append_printf (text, "|%s=%s", header.name, header.value);
  }
  raw_server_say (call, 200, text->str);
}

static void
test_server_shows_the_head (void)
{
  static const struct {
    const char *request, *shown;
  } rows[] = {
    { "GET /a?b HTTP/1.1\r\nHost: h:1\r\nRange: bytes=0-,1-\r\nX:\r\n\r\n",
      "GET /a?b h:1 127.0.0.1 0|Host=h:1|Range=bytes=0-,1-|X=" },
    { "GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a other 127.0.0.1 0|Host=other" },
    { "GET http://other HTTP/1.1\r\nHost: h\r\n\r\n", "GET / other 127.0.0.1 0|Host=other" },
    { "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
      "DELETE / h 127.0.0.1 3|Host=h|Content-Length=3" },
    { "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "PUT / h 127.0.0.1 -1|Host=h|Transfer-Encoding=chunked" },
    { "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * h 127.0.0.1 0|Host=h" },
    { "GET / HTTP/1.0\r\n\r\n", "GET /  127.0.0.1 0" },
  };
  RawServer *server = raw_server_new (handle_head);
  RawClient *client = raw_client_new (server);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    raw_client_send (client, rows[i].request);
    raw_client_expect (client, 1, rows[i].shown);
    g_assert_true (g_str_has_suffix (client->in->str, rows[i].shown));
  }
  raw_client_free (client);
  raw_server_free (server);
}

static gboolean past_libsoup;

static void
handle_odd (ServerCall *call, gpointer data)
{
  const ServerHeader headers[] = { { "ETag", "\"1\"" },
                                   { "X-Bad", "a\r\nX-Injected: 1" },
                                   { "X Y", "b" },
                                   { "Content-Length", "77" },
                                   { "Connection", "upgrade" } };
  guint status = (guint)g_ascii_strtoull (server_call_target (call) + 1, NULL, 10);
  g_autoptr (GBytes) body = g_bytes_new_static ("", 0);

  (past_libsoup ? server_call_send : server_call_answer) (
      call, status, headers, G_N_ELEMENTS (headers), status < 205 ? body : NULL);
}

static void
check_answers_without_bodies (void)
{
  RawServer *server = raw_server_new (handle_odd);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/204") GET ("/304") GET ("/200"));
  raw_client_send (client, GET ("/421"));
  raw_client_expect (client, 1, "HTTP/1.1 421 Misdirected Request\r\n");
  raw_client_expect (client, 1, "HTTP/1.1 204 No Content\r\n");
  raw_client_expect (client, 1, "HTTP/1.1 304 Not Modified\r\n");
  raw_client_expect (client, 4, "ETag: \"1\"\r\n");
  raw_client_expect (client, 2, "Content-Length: 0\r\n");
  g_assert_null (strstr (client->in->str, "Injected"));
  g_assert_null (strstr (client->in->str, "77"));
  g_assert_null (strstr (client->in->str, "upgrade"));
  raw_client_send (client, "HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n");
  raw_client_expect (client, 3, "Content-Length: 0\r\n");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_answers_without_bodies (void)
{
  past_libsoup = FALSE;
  check_answers_without_bodies ();
  past_libsoup = TRUE;
  check_answers_without_bodies ();
}

#define LARGE (4 * 1024 * 1024)

static void
handle_large (ServerCall *call, gpointer data)
{
  const ServerHeader headers[] = { { "X-Kind", "large" } };
  char *text = g_strnfill (LARGE, 'x');
  g_autoptr (GBytes) body = g_bytes_new_take (text, LARGE);

  memcpy (text + LARGE - 7, "the end", 7);
  server_call_send (call, 200, headers, G_N_ELEMENTS (headers), body);
}

/* More than the kernel takes at once, a head alone, an old client, and the next request. */
static void
test_server_sends_what_is_there (void)
{
  g_autofree char *length = g_strdup_printf ("Content-Length: %d\r\n", LARGE);
  RawServer *server = raw_server_new (handle_large);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET ("/"));
  raw_client_expect (client, 2, "HTTP/1.1 200 OK\r\nDate: ");
  raw_client_expect (client, 2, "X-Kind: large\r\n");
  raw_client_expect (client, 2, length);
  raw_client_expect (client, 1, "the end");
  g_assert_true (g_str_has_suffix (client->in->str, "the end"));
  g_assert_cmpuint ((gsize)(strrchr (client->in->str, '\n') + 1 - client->in->str), ==,
                    client->in->len - LARGE);
  raw_client_free (client);
  client = raw_client_new (server);
  raw_client_send (client, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  raw_client_expect (client, 1, "Connection: keep-alive\r\n");
  raw_client_send (client, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  raw_client_expect (client, 1, "Connection: close\r\n");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_leaves_out_the_body_for_head (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, "HEAD /12345 HTTP/1.1\r\nHost: a\r\n\r\n" GET ("/next"));
  raw_client_expect (client, 1, "/next");
  raw_client_expect (client, 1, "Content-Length: 6\r\n");
  g_assert_null (strstr (client->in->str, "/12345"));
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_sends_large_answers (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GBytes) body = NULL;
  const char *end;

  g_byte_array_set_size (bytes, 20000000);
  memset (bytes->data, 'x', bytes->len);
  body = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  raw_client_send (client, GET ("/wait"));
  raw_server_expect (server, "begin /wait;");
  server_call_answer (server->call, 200, NULL, 0, body);
  raw_client_expect (client, 1, "\r\n\r\n");
  raw_client_send (client, GET ("/next"));
  raw_client_expect (client, 1, "/next");
  end = strstr (client->in->str, "xHTTP/1.1");
  g_assert_cmpuint ((gsize)(end + 1 - strstr (client->in->str, "\r\n\r\n") - 4), ==, 20000000);
  raw_client_free (client);
  raw_server_free (server);
}

#define CHUNK "100\r\n0123456789abcdef0123456789abcdef" TEXT TEXT TEXT TEXT TEXT TEXT TEXT "\r\n"
#define TEXT  "0123456789abcdef0123456789abcdef"
#define LARGE_CHUNKS                                                                               \
  POST ("Transfer-Encoding: chunked\r\n") CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK

typedef struct {
  const char *name, *request;
  const char *answer; /* of what came */
  const char *seen;   /* by the reader */
  gboolean closes;
} BodyCase;

static const BodyCase bodies[] = {
  { "length", POST ("Content-Length: 5\r\n") "hello", "200 OK", "ok hello;", FALSE },
  { "none", POST (""), "200 OK", "ok ;", FALSE },
  { "chunked",
    POST ("Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n1;x\r\n!\r\n0\r\nT: x\r\n\r\n", "200 OK",
    "ok hello!;", FALSE },
  { "too-long", POST ("Content-Length: 1001\r\n") "hello", "413 ", "large ;", TRUE },
  { "chunk-too-long", POST ("Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n400\r\n", "413 ",
    "large ;", TRUE },
  { "chunk-too-long-that-is-there", LARGE_CHUNKS "0\r\n\r\n" GET ("/no"), "413 ", "large ;", TRUE },
  { "framing-broken", POST ("Transfer-Encoding: chunked\r\n") "5\r\nhello\r\nxyz\r\n" GET ("/no"),
    "400 ", "cut ;", TRUE },
};

static void
test_server_reads_bodies (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++) {
    RawServer *server = raw_server_new (handle);
    RawClient *client = raw_client_new (server);

    raw_client_send (client, bodies[i].request);
    raw_client_expect (client, 1, bodies[i].answer);
    raw_server_expect (server, bodies[i].seen);
    if (bodies[i].closes) {
      raw_client_expect_end (client);
    } else {
      raw_client_send (client, GET ("/next"));
      raw_client_expect (client, 1, "/next");
    }
    g_assert_null (strstr (server->events->str, "/no;"));
    raw_client_free (client);
    raw_server_free (server);
  }
}

static void
test_server_asks_to_continue_when_the_body_is_read (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, POST ("Content-Length: 2\r\nExpect: 100-continue\r\n"));
  raw_client_expect (client, 1, "HTTP/1.1 100 Continue\r\n\r\n");
  raw_client_send (client, "hi");
  raw_client_expect (client, 1, "HTTP/1.1 200 OK");
  raw_client_send (client, POST ("Content-Length: 2\r\nExpect: 100-continue\r\n") "hi");
  raw_client_expect (client, 2, "HTTP/1.1 200 OK");
  raw_client_expect (client, 1, "100 Continue");
  raw_client_send (client, "PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                           "Expect: 100-continue\r\n\r\n");
  raw_client_expect_end (client);
  raw_client_expect (client, 3, "HTTP/1.1 200 OK");
  raw_client_expect (client, 1, "100 Continue");
  raw_client_expect (client, 1, "Connection: close\r\n");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_server_answers_before_the_body (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client,
                   "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET ("/b"));
  raw_client_expect (client, 1, "\r\n\r\n/b");
  raw_client_send (client, "PUT /c HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhello");
  raw_client_expect (client, 1, "\r\n\r\n/c");
  raw_client_expect (client, 1, "Connection: close\r\n");
  raw_client_expect_end (client);
  raw_client_send (client, "more, that is thrown away");
  raw_run (20);
  g_assert_cmpuint (server_connections (server->server), ==, 1);
  raw_client_free (client);
  client = NULL;
  raw_run (20);
  g_assert_cmpuint (server_connections (server->server), ==, 0);
  raw_server_free (server);
}

static void
input_read (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes =
      g_input_stream_read_bytes_finish (G_INPUT_STREAM (object), result, &error);

  if (bytes == NULL) {
    g_string_append_printf (body_events, "error %d;", error->code);
    return;
  }
  g_string_append_printf (body_events, "%.*s;", (int)g_bytes_get_size (bytes),
                          (const char *)g_bytes_get_data (bytes, NULL));
  if (g_bytes_get_size (bytes) > 0)
    g_input_stream_read_bytes_async (G_INPUT_STREAM (object), 4, G_PRIORITY_DEFAULT, NULL,
                                     input_read, data);
}

static void
handle_stream (ServerCall *call, gpointer data)
{
  g_input_stream_read_bytes_async (server_call_read_stream (call, 10), 4, G_PRIORITY_DEFAULT, NULL,
                                   input_read, data);
}

static void
wait_for_body (const char *text)
{
  for (guint i = 0; i < 500 && strcmp (body_events->str, text) != 0; i++)
    raw_run (5);
  g_assert_cmpstr (body_events->str, ==, text);
}

static void
test_server_gives_bodies_as_streams (void)
{
  static const struct {
    const char *head, *first, *second, *seen;
    gboolean leaves;
  } rows[] = {
    { POST ("Content-Length: 7\r\n"), "abcde", "fg", "abcd;e;fg;;", FALSE },
    { POST ("Transfer-Encoding: chunked\r\n"), "3\r\nabc\r\n", "2\r\nde\r\n0\r\n\r\n", "abc;de;;",
      FALSE },
    { POST ("Content-Length: 7\r\n"), "abc", "de", "abc;de;error 34;", TRUE },
    { POST ("Transfer-Encoding: chunked\r\n"), "3\r\nabc\r\n", "zz", "abc;error 34;", FALSE },
    { POST ("Content-Length: 11\r\n"), "abc", "", "error 12;", FALSE },
    { POST ("Transfer-Encoding: chunked\r\n"), "3\r\nabc\r\n", "8\r\n", "abc;error 12;", FALSE },
  };

  g_assert_cmpint (G_IO_ERROR_PARTIAL_INPUT, ==, 34);
  g_assert_cmpint (G_IO_ERROR_NO_SPACE, ==, 12);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RawServer *server = raw_server_new (handle_stream);
    RawClient *client = raw_client_new (server);

    body_events = g_string_new (NULL);
    raw_client_send (client, rows[i].head);
    raw_client_send (client, rows[i].first);
    raw_run (30);
    raw_client_send (client, rows[i].second);
    raw_run (30);
    if (rows[i].leaves)
      shutdown (client->fd, SHUT_WR);
    wait_for_body (rows[i].seen);
    if (rows[i].leaves) {
      raw_server_expect (server, "gone;broken;");
    } else {
      raw_server_say (server->call, 200, "done");
      raw_client_expect (client, 1, "\r\n\r\ndone");
    }
    raw_client_free (client);
    raw_server_free (server);
    g_string_free (body_events, TRUE);
  }
}

/* A body that nobody wants any more must not look whole to who still reads it, also while the
 * answer waits for its reader. */
static void
test_server_discards_bodies_of_answered_calls (void)
{
  RawServer *server = raw_server_new (handle_stream);
  RawClient *client = raw_client_new (server);
  g_autofree char *block = g_strnfill (20000000, 'x');

  body_events = g_string_new (NULL);
  raw_client_send (client, POST ("Content-Length: 7\r\n") "abc");
  wait_for_body ("abc;");
  raw_client_send (client, "defg");
  g_usleep (10000);
  raw_server_say (server->call, 500, block);
  wait_for_body ("abc;error 34;");
  g_assert_nonnull (server->call);
  raw_client_free (client);
  raw_server_expect (server, "broken;");
  raw_server_free (server);
  g_string_free (body_events, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/server/" path, test_server_##name)
  ADD ("keeps-connections", keeps_connections);
  ADD ("http-1.0", http_1_0);
  ADD ("answers-pipelined-in-order", answers_pipelined_in_order);
  ADD ("takes-single-bytes", takes_single_bytes);
  ADD ("shows-the-head", shows_the_head);
  ADD ("answers-without-bodies", answers_without_bodies);
  ADD ("sends-what-is-there", sends_what_is_there);
  ADD ("leaves-out-the-body-for-head", leaves_out_the_body_for_head);
  ADD ("sends-large-answers", sends_large_answers);
  ADD ("reads-bodies", reads_bodies);
  ADD ("asks-to-continue-when-the-body-is-read", asks_to_continue_when_the_body_is_read);
  ADD ("answers-before-the-body", answers_before_the_body);
  ADD ("gives-bodies-as-streams", gives_bodies_as_streams);
  ADD ("discards-bodies-of-answered-calls", discards_bodies_of_answered_calls);
  return g_test_run ();
}
