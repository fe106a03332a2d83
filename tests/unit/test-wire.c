/* SPDX-License-Identifier: Apache-2.0 */
/* wire: what happens to connections: refusals, limits of time and number, every way to leave. */
#include "raw-client.h"

#include <sys/resource.h>
#include <sys/un.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(more) "POST /post HTTP/1.1\r\nHost: a\r\n" more "\r\n"

static void
body_read (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data)
{
  raw_server_say (call, state == SERVER_BODY_OK ? 200 : MAX (server_call_body_fault (call), 400),
                  "read");
}

/* Posts are read; "/wait" is answered by the test. */
static void
handle (ServerCall *call, gpointer data)
{
  const char *target = server_call_target (call);

  if (g_str_has_prefix (target, "/wait"))
    return;
  if (strcmp (target, "/post") == 0)
    server_call_read (call, 1000, body_read, data);
  else
    raw_server_say (call, 200, target);
}

static void
test_wire_refuses_what_is_no_request (void)
{
  static const struct {
    const char *request, *answer;
  } rows[] = {
    { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
    { "GET / HTTP/3.0\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n" },
    { "TRACE / HTTP/1.1\r\n", "HTTP/1.1 501 Not Implemented\r\n" },
    { POST ("Content-Length: 99999999999999\r\n"), "HTTP/1.1 413 Content Too Large\r\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RawServer *server = raw_server_new (handle);
    RawClient *client = raw_client_new (server);

    raw_client_send (client, rows[i].request);
    raw_client_expect_end (client);
    raw_client_expect (client, 1, rows[i].answer);
    raw_client_expect (client, 1, "Connection: close\r\n");
    raw_client_expect (client, 1, "Content-Type: application/problem+json\r\n");
    g_assert_true (g_str_has_suffix (client->in->str, "\"}"));
    g_assert_cmpstr (server->events->str, ==, "");
    raw_client_free (client);
    raw_server_free (server);
  }
}

static void
test_wire_serves_who_closes_its_half (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/wait"));
  shutdown (client->fd, SHUT_WR);
  raw_server_expect (server, "begin /wait;");
  raw_run (50);
  g_assert_nonnull (server->call);
  raw_server_say (server->call, 200, "still here");
  raw_client_expect (client, 1, "\r\n\r\nstill here");
  raw_client_expect_end (client);
  raw_server_expect (server, "whole;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
test_wire_notices_who_leaves_while_waiting (void)
{
  static const struct {
    gboolean resets;
    const char *request;
  } rows[] = {
    { FALSE, GET ("/wait") },
    { TRUE, GET ("/wait") },
    { FALSE, GET ("/wait") GET ("/never") },
    { FALSE, "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RawServer *server = raw_server_new (handle);
    RawClient *client = raw_client_new (server);
    gint64 start;

    raw_client_send (client, rows[i].request);
    raw_server_expect (server, "begin /wait;");
    start = g_get_monotonic_time ();
    if (rows[i].resets)
      raw_client_reset (client);
    raw_client_free (client);
    raw_server_expect (server, "begin /wait;gone;broken;");
    g_assert_cmpint (g_get_monotonic_time () - start, <, G_USEC_PER_SEC / 2);
    g_assert_cmpuint (server_calls (server->server), ==, 0);
    g_assert_cmpuint (server_connections (server->server), ==, 0);
    raw_server_free (server);
  }
}

/* An answer that the kernel would not take is not whole. */
static void
test_wire_answers_nobody (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server);

  raw_client_send (client, GET ("/wait"));
  raw_server_expect (server, "begin /wait;");
  raw_client_reset (client);
  g_usleep (20000);
  raw_server_say (server->call, 200, "too late");
  g_assert_cmpstr (server->events->str, ==, "begin /wait;");
  raw_server_expect (server, "begin /wait;broken;");
  raw_client_free (client);
  raw_server_free (server);
}

static void
leave (RawServer *server, guint way)
{
  RawClient *client = raw_client_new (server);

  if (way & 1)
    raw_client_send (client, way & 2 ? GET ("/x") : "GET / HT");
  if (way & 4)
    raw_run (2);
  if (way & 8)
    raw_client_send (client, POST ("Content-Length: 100\r\n") "abc");
  if (way & 16)
    raw_run (2);
  if (way & 32)
    raw_client_reset (client);
  raw_client_free (client);
}

/* What is left over is counted by raw_server_free. */
static void
test_wire_keeps_nothing_of_those_who_leave (void)
{
  RawServer *server = raw_server_new (handle);
  guint before = raw_count_descriptors ();

  for (guint way = 0; way < 64; way++)
    for (guint i = 0; i < 3; i++)
      leave (server, way);
  raw_run (50);
  g_assert_cmpuint (server_connections (server->server), ==, 0);
  g_assert_cmpuint (server_calls (server->server), ==, 0);
  g_assert_cmpuint (raw_count_descriptors (), ==, before);
  raw_server_free (server);
}

static void
test_wire_limits_time (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *silent, *head, *body, *idle, *waiting;

  server_set_limits (server->server, (ServerLimits){ 500, 500, 500, 500, 500 });
  silent = raw_client_new (server);
  head = raw_client_new (server);
  body = raw_client_new (server);
  idle = raw_client_new (server);
  waiting = raw_client_new (server);
  raw_client_send (head, "GET / HTTP");
  raw_client_send (body, POST ("Content-Length: 100\r\n") "a");
  raw_client_send (idle, GET ("/idle"));
  raw_client_send (waiting, GET ("/wait"));
  raw_client_expect (idle, 1, "/idle");
  raw_client_expect_end (silent);
  raw_client_expect_end (head);
  raw_client_expect_end (body);
  raw_client_expect_end (idle);
  g_assert_cmpuint (silent->in->len, ==, 0);
  raw_client_expect (head, 1, "HTTP/1.1 408 Request Timeout\r\n");
  raw_client_expect (body, 1, "HTTP/1.1 408 Request Timeout\r\n");
  g_assert_nonnull (server->call);
  raw_server_say (server->call, 200, "at last");
  raw_client_expect (waiting, 1, "at last");
  raw_client_free (silent);
  raw_client_free (head);
  raw_client_free (body);
  raw_client_free (idle);
  raw_client_free (waiting);
  raw_server_free (server);
}

static void
test_wire_drains (void)
{
  RawServer *server = raw_server_new (handle);
  RawClient *client = raw_client_new (server), *idle = raw_client_new (server), *late;

  server_set_limits (server->server, (ServerLimits){ 5000, 5000, 5000, 5000, 500 });
  raw_client_send (client, GET ("/one"));
  raw_client_send (idle, GET ("/idle"));
  raw_client_expect (client, 1, "/one");
  raw_client_expect (idle, 1, "/idle");
  server_drain (server->server);
  late = raw_client_new (server);
  raw_client_send (client, GET ("/two"));
  raw_client_expect_end (client);
  raw_client_expect (client, 1, "/two");
  raw_client_expect (client, 1, "Connection: close\r\n");
  raw_client_expect_end (idle);
  g_assert_null (strstr (idle->in->str, "Connection: close"));
  raw_client_read (late);
  g_assert_false (late->closed);
  raw_client_free (client);
  raw_client_free (idle);
  raw_client_free (late);
  raw_server_free (server);
}

static RawClient *
client_over_the_limit (RawServer *server, const struct rlimit *before, const struct rlimit *low)
{
  RawClient *client;

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, before));
  client = raw_client_new (server);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, low));
  return client;
}

static void
test_wire_survives_without_descriptors (void)
{
  RawServer *server = raw_server_new (handle);
  struct rlimit before, low;
  RawClient *clients[8], *late;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = raw_client_new (server);
  low = before;
  low.rlim_cur = (rlim_t)clients[7]->fd + 3;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &low));
  /* those who are there already stay as long as they have asked nothing yet */
  for (guint i = 2; i < G_N_ELEMENTS (clients); i++)
    raw_client_expect_end (clients[i]);
  raw_client_send (clients[0], GET ("/x"));
  raw_client_send (clients[1], GET ("/wait"));
  raw_client_expect (clients[0], 1, "\r\n\r\n/x");
  g_assert_false (clients[0]->closed);
  /* who has its answer gives way to the next, who waits for one does not */
  late = client_over_the_limit (server, &before, &low);
  raw_client_send (late, GET ("/late"));
  raw_client_expect (late, 1, "\r\n\r\n/late");
  raw_client_expect_end (clients[0]);
  raw_client_read (clients[1]);
  g_assert_false (clients[1]->closed);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  raw_client_free (clients[7]);
  clients[7] = raw_client_new (server);
  raw_client_send (clients[7], GET ("/again"));
  raw_client_expect (clients[7], 1, "/again");
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    raw_client_free (clients[i]);
  raw_client_free (late);
  raw_server_free (server);
}

/* Where all places are taken by clients that never ask, they give way after a second. */
static void
test_wire_makes_room_for_who_asks (void)
{
  RawServer *server = raw_server_new (handle);
  struct rlimit before, low;
  RawClient *silent[4], *asking, *late;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  for (guint i = 0; i < G_N_ELEMENTS (silent); i++)
    silent[i] = raw_client_new (server);
  asking = raw_client_new (server);
  raw_client_send (asking, GET ("/wait"));
  raw_client_send (silent[1], "GET / HT");
  raw_server_expect (server, "begin /wait;");
  late = raw_client_new (server);
  low = before;
  low.rlim_cur = (rlim_t)late->fd + 1; /* it has the least that was free */
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &low));
  raw_client_expect_end (late);
  raw_client_free (late);
  raw_run (1100);
  g_assert_cmpuint (server_connections (server->server), ==, 5);
  for (guint i = 0; i < 2; i++) {
    late = client_over_the_limit (server, &before, &low);
    raw_client_send (late, GET ("/late"));
    raw_client_expect (late, 1, "\r\n\r\n/late");
    raw_client_free (late);
    raw_run (5);
  }
  raw_client_expect_end (silent[0]);
  raw_client_read (asking);
  g_assert_false (asking->closed);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  for (guint i = 0; i < G_N_ELEMENTS (silent); i++)
    raw_client_free (silent[i]);
  raw_client_free (asking);
  raw_server_free (server);
}

static void
handle_internal (ServerCall *call, gpointer data)
{
  raw_server_say (call, 200, server_call_is_internal (call) ? server_call_peer (call) : "outside");
}

static void
test_wire_marks_internal_calls (void)
{
  RawServer *server = raw_server_new (handle_internal);
  RawClient *client = raw_client_new (server);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "outside");
  close (client->fd);
  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/server-test-%d", g_get_tmp_dir (),
              (int)getpid ());
  unlink (address.sun_path);
  g_assert_no_errno (bind (fd, (struct sockaddr *)&address, sizeof address));
  g_assert_no_errno (listen (fd, 8));
  server_listen (server->server, fd, TRUE);
  client->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (connect (client->fd, (struct sockaddr *)&address, sizeof address));
  raw_client_send (client, GET ("/"));
  raw_client_expect (client, 1, "\r\n\r\nunix");
  unlink (address.sun_path);
  close (fd);
  raw_client_free (client);
  raw_server_free (server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/wire/" path, test_wire_##name)
  ADD ("refuses-what-is-no-request", refuses_what_is_no_request);
  ADD ("serves-who-closes-its-half", serves_who_closes_its_half);
  ADD ("notices-who-leaves-while-waiting", notices_who_leaves_while_waiting);
  ADD ("answers-nobody", answers_nobody);
  ADD ("keeps-nothing-of-those-who-leave", keeps_nothing_of_those_who_leave);
  ADD ("limits-time", limits_time);
  ADD ("drains", drains);
  ADD ("survives-without-descriptors", survives_without_descriptors);
  ADD ("makes-room-for-who-asks", makes_room_for_who_asks);
  ADD ("marks-internal-calls", marks_internal_calls);
  return g_test_run ();
}
