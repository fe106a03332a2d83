/* SPDX-License-Identifier: Apache-2.0 */
/* raw-peer: an Upstream under test and a peer made of bare sockets, on one loop. */
#pragma once

#include "daedalus-plugin.h"
#include "http/upstream.h"
#include "plugin/plugin.h"
#include "raw-client.h"

#include <sys/un.h>

typedef struct {
  Host host;
  DaeApi api;
  Plugin plugin;
  guint descriptors;
  int listener;
  guint port;
  char *base;       /* of URLs */
  char *path;       /* of the Unix socket, or NULL */
  int peer;         /* the accepted connection, or -1 */
  GString *request; /* what the peer has read of it since the last `exchange` */
} Fixture;

typedef enum { PROBE_NONE = 0, PROBE_HEAD, PROBE_BODY } ProbeHook;

/* One fetch, and what its hooks saw: "200 body whole", "200 bo partial", "late". */
typedef struct {
  DaeFetch *fetch;
  GString *seen;
  char *header; /* x-two */
  int code;     /* of the error */
  gboolean ended;
  ProbeHook cancel_in, pause_in;
} Probe;

static inline void
probe_act (Probe *probe, DaeFetch *fetch, ProbeHook hook)
{
  if (probe->cancel_in == hook)
    dae_fetch_cancel (fetch);
  if (probe->pause_in == hook) {
    probe->pause_in = PROBE_NONE;
    dae_fetch_pause (fetch, TRUE);
  }
}

static void
probe_head (DaeFetch *fetch, guint status, gpointer data)
{
  Probe *probe = data;

  g_string_append_printf (probe->seen, "%u ", status);
  probe->header = g_strdup (dae_fetch_reply_header (fetch, "x-TWO"));
  g_assert_null (dae_fetch_reply_header (fetch, "x-three"));
  probe_act (probe, fetch, PROBE_HEAD);
}

static void
probe_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  g_string_append_len (((Probe *)data)->seen, bytes, (gssize)length);
  probe_act (data, fetch, PROBE_BODY);
}

static void
probe_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  static const struct {
    int code;
    const char *word;
  } words[] = {
    { G_IO_ERROR_PARTIAL_INPUT, "partial" },
    { G_IO_ERROR_INVALID_DATA, "invalid" },
    { G_IO_ERROR_TIMED_OUT, "late" },
    { G_IO_ERROR_CONNECTION_CLOSED, "closed" },
    { G_IO_ERROR_NO_SPACE, "large" },
    { G_IO_ERROR_BUSY, "busy" },
  };
  Probe *probe = data;
  const char *word = "whole";

  g_assert_false (probe->ended);
  probe->ended = TRUE;
  if (error != NULL) {
    probe->code = error->code;
    word = error->message;
    for (guint i = 0; i < G_N_ELEMENTS (words); i++)
      if (error->domain == G_IO_ERROR && error->code == words[i].code)
        word = words[i].word;
  }
  g_string_append_printf (probe->seen, "%s%s", probe->seen->len > 0 ? " " : "", word);
}

static const DaeFetchHooks probe_hooks = { sizeof probe_hooks, probe_head, probe_body, probe_end };

static inline Probe *
probe_new_url (Fixture *fixture, const char *method, const char *url)
{
  Probe *probe = g_new0 (Probe, 1);

  probe->seen = g_string_new (NULL);
  probe->fetch = dae_fetch_new (&fixture->plugin.base, method, url, &probe_hooks, probe);
  return probe;
}

static inline Probe *
probe_new (Fixture *fixture, const char *method, const char *path)
{
  g_autofree char *url = g_strconcat (fixture->base, path, NULL);

  return probe_new_url (fixture, method, url);
}

static inline void
probe_free (Probe *probe)
{
  g_string_free (probe->seen, TRUE);
  g_free (probe->header);
  g_free (probe);
}

static inline void
probe_expect_end (Probe *probe)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  while (!probe->ended)
    raw_round (deadline, "the end", probe->seen->str);
}

static inline void
probe_expect (Probe *probe, const char *seen)
{
  probe_expect_end (probe);
  g_assert_cmpstr (probe->seen->str, ==, seen);
}

static inline Fixture *
fixture_start (struct sockaddr *address, socklen_t length)
{
  Fixture *fixture = g_new0 (Fixture, 1);

  g_type_ensure (G_TYPE_TASK);
  g_main_context_iteration (NULL, FALSE);
  fixture->descriptors = raw_count_descriptors ();
  fixture->listener = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (fixture->listener, address, length));
  g_assert_no_errno (listen (fixture->listener, 16));
  fixture->peer = -1;
  fixture->request = g_string_new (NULL);
  fixture->host.upstream = upstream_new (&fixture->host);
  upstream_fill_api (&fixture->api);
  fixture->plugin.base.api = &fixture->api;
  fixture->plugin.host = &fixture->host;
  return fixture;
}

static inline Fixture *
fixture_new (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  Fixture *fixture = fixture_start ((struct sockaddr *)&address, length);

  getsockname (fixture->listener, (struct sockaddr *)&address, &length);
  fixture->port = ntohs (address.sin_port);
  fixture->base = g_strdup_printf ("http://127.0.0.1:%u", fixture->port);
  return fixture;
}

static inline Fixture *
fixture_new_unix (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *escaped = NULL;
  Fixture *fixture;

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/upstream-test-%d", g_get_tmp_dir (),
              (int)getpid ());
  unlink (address.sun_path);
  fixture = fixture_start ((struct sockaddr *)&address, sizeof address);
  fixture->path = g_strdup (address.sun_path);
  escaped = g_uri_escape_string (fixture->path, NULL, FALSE);
  fixture->base = g_strconcat ("http+unix://", escaped, NULL);
  return fixture;
}

static inline void
peer_close (Fixture *fixture, gboolean reset)
{
  struct linger linger = { 1, 0 };

  if (fixture->peer < 0)
    return;
  if (reset)
    setsockopt (fixture->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (fixture->peer);
  fixture->peer = -1;
}

static inline void
fixture_free (Fixture *fixture)
{
  g_clear_pointer (&fixture->host.upstream, upstream_free);
  peer_close (fixture, FALSE);
  close (fixture->listener);
  if (fixture->path != NULL)
    unlink (fixture->path);
  /* TLS closes in its own time */
  for (guint i = 0; i < 200 && raw_count_descriptors () != fixture->descriptors; i++)
    raw_run (10);
  g_assert_cmpuint (raw_count_descriptors (), ==, fixture->descriptors);
  g_string_free (fixture->request, TRUE);
  g_free (fixture->base);
  g_free (fixture->path);
  g_free (fixture);
}

/* Runs the loop until somebody connects. */
static inline void
peer_accept (Fixture *fixture)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  peer_close (fixture, FALSE);
  while ((fixture->peer = accept4 (fixture->listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
    raw_round (deadline, "a connection", "");
}

static inline gboolean
peer_has_visitor (Fixture *fixture)
{
  int fd = accept4 (fixture->listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* A connection of somebody else: not blocking. */
static inline int
peer_visit (Fixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons ((guint16)fixture->port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  connect (fd, (struct sockaddr *)&address, sizeof address);
  return fd;
}

/* Runs the loop until the peer has read TEXT more; what it read is the request. */
static inline void
peer_read (Fixture *fixture, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  char buffer[65536];
  gsize from = 0;

  if (g_str_equal (text, "x"))
    from = fixture->request->len;
  else
    g_string_truncate (fixture->request, 0);
  while (strstr (fixture->request->str + from, text) == NULL) {
    gssize n = recv (fixture->peer, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0)
      g_string_append_len (fixture->request, buffer, n);
    else
      raw_round (deadline, text, fixture->request->str);
  }
}

static inline void
peer_send_bytes (Fixture *fixture, const char *bytes, gsize length)
{
  if (length > 0)
    g_assert_cmpint (send (fixture->peer, bytes, length, MSG_NOSIGNAL), ==, (gssize)length);
}

static inline void
peer_send (Fixture *fixture, const char *text)
{
  peer_send_bytes (fixture, text, strlen (text));
}

/* Runs the loop until the peer sees that its connection was closed. */
static inline void
peer_expect_end (Fixture *fixture)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;
  char buffer[65536];
  gssize n;

  while ((n = recv (fixture->peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0 ||
         (n < 0 && errno == EAGAIN))
    raw_round (deadline, "the end", "");
  peer_close (fixture, FALSE);
}

/* Runs the loop for MS; returns how often it turned. */
static inline guint
raw_run_turns (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * G_GINT64_CONSTANT (1000);
  guint turns = 0;

  while (g_get_monotonic_time () < end) {
    if (g_main_context_iteration (NULL, FALSE))
      turns++;
    else
      g_usleep (500);
  }
  return turns;
}
