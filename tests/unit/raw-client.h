/* SPDX-License-Identifier: Apache-2.0 */
/* raw-client: a Server under test and clients made of bare sockets, all on one loop. */
#pragma once

#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  Host host;
  Server *server;
  int listener;
  guint descriptors; /* open before */
  guint16 port;
  GString *events;  /* what the hooks saw: "begin /x;" "gone;" "whole;" "broken;" */
  ServerCall *call; /* the one that waits, or NULL */
  void (*handler) (ServerCall *call, gpointer fixture);
} RawServer;

typedef struct {
  int fd;
  GString *in;     /* all that came */
  gboolean closed; /* by the other side */
} RawClient;

#define PATIENCE_US (20 * G_USEC_PER_SEC) /* a machine with something else to do */

static inline guint
raw_count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
raw_server_begin (ServerCall *call, gpointer data)
{
  RawServer *server = data;

  g_string_append_printf (server->events, "begin %s;", server_call_target (call));
  server->call = call;
  server->handler (call, server);
}

static void
raw_server_gone (ServerCall *call, gpointer data)
{
  g_string_append (((RawServer *)data)->events, "gone;");
}

static void
raw_server_finished (ServerCall *call, gboolean whole, gpointer data)
{
  RawServer *server = data;

  g_string_append (server->events, whole ? "whole;" : "broken;");
  if (server->call == call)
    server->call = NULL;
}

static const ServerHooks raw_server_hooks = {
  .begin = raw_server_begin,
  .gone = raw_server_gone,
  .finished = raw_server_finished,
};

static inline RawServer *
raw_server_new (void (*handler) (ServerCall *call, gpointer server))
{
  RawServer *server = g_new0 (RawServer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;

  /* GLib opens its own descriptors at first use */
  g_type_ensure (G_TYPE_TASK);
  g_main_context_iteration (NULL, FALSE);
  server->descriptors = raw_count_descriptors ();
  server->handler = handler;
  server->events = g_string_new (NULL);
  server->listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (server->listener, (struct sockaddr *)&address, sizeof address));
  g_assert_no_errno (listen (server->listener, 128));
  getsockname (server->listener, (struct sockaddr *)&address, &length);
  server->port = address.sin_port;
  server->server = server_new (&server->host, &raw_server_hooks, server);
  server_listen (server->server, server->listener, FALSE);
  return server;
}

/* Also checks that every descriptor is closed again. */
static inline void
raw_server_free (RawServer *server)
{
  server_free (server->server);
  close (server->listener);
  g_assert_cmpuint (raw_count_descriptors (), ==, server->descriptors);
  g_string_free (server->events, TRUE);
  g_free (server);
}

/* Answers with TEXT. */
static inline void
raw_server_say (ServerCall *call, guint status, const char *text)
{
  const ServerHeader headers[] = { { "Content-Type", "text/plain" } };
  g_autoptr (GBytes) body = g_bytes_new (text, strlen (text));

  server_call_answer (call, status, headers, 1, body);
}

static inline RawClient *
raw_client_new (RawServer *server)
{
  RawClient *client = g_new0 (RawClient, 1);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = server->port,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };

  client->in = g_string_new (NULL);
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (connect (client->fd, (struct sockaddr *)&address, sizeof address));
  return client;
}

static inline void
raw_client_send (RawClient *client, const char *text)
{
  g_assert_cmpint (send (client->fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize)strlen (text));
}

static inline void
raw_client_read (RawClient *client)
{
  char buffer[65536];
  gssize n = recv (client->fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (n > 0)
    g_string_append_len (client->in, buffer, n);
  else if (n == 0 || errno != EAGAIN)
    client->closed = TRUE;
}

static inline guint
raw_count (const GString *in, const char *text)
{
  const char *at = in->str, *end = in->str + in->len;
  guint n = 0;

  while ((at = memmem (at, (gsize)(end - at), text, strlen (text))) != NULL) {
    at += strlen (text);
    n++;
  }
  return n;
}

/* One round of the loop that does not last. */
static inline void
raw_round (gint64 deadline, const char *wanted, const char *had)
{
  if (g_get_monotonic_time () > deadline)
    g_error ("'%s' did not come; what came: '%s'", wanted, had);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (500);
}

/* Runs the loop until the client has read N times TEXT; fails after 5 s. */
static inline void
raw_client_expect (RawClient *client, guint n, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  for (;;) {
    raw_client_read (client);
    if (raw_count (client->in, text) >= n)
      break;
    raw_round (deadline, text, client->in->str);
  }
  g_assert_cmpuint (raw_count (client->in, text), ==, n);
}

/* Runs the loop until the server has closed the connection. */
static inline void
raw_client_expect_end (RawClient *client)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  for (;;) {
    raw_client_read (client);
    if (client->closed)
      return;
    raw_round (deadline, "the end", client->in->str);
  }
}

static inline void
raw_client_free (RawClient *client)
{
  if (client->fd >= 0)
    close (client->fd);
  g_string_free (client->in, TRUE);
  g_free (client);
}

/* Closes with a reset. */
static inline void
raw_client_reset (RawClient *client)
{
  struct linger linger = { 1, 0 };

  setsockopt (client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (client->fd);
  client->fd = -1;
}

/* Runs the loop until the events hold TEXT. */
static inline void
raw_server_expect (RawServer *server, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  while (strstr (server->events->str, text) == NULL)
    raw_round (deadline, text, server->events->str);
}

/* Runs the loop for MS. */
static inline void
raw_run (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * G_GINT64_CONSTANT (1000);

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (500);
}
