/* SPDX-License-Identifier: Apache-2.0 */
/* exchange-fixture: an exchange behind a real server, with loop routes that do all a plugin can. */
#pragma once

#include "config/config.h"
#include "http/passage.h"
#include "observe/log.h"
#include "plugin/plugin.h"
#include "process/heartbeat.h"
#include "raw-client.h"

static struct {
  Host host;
  Plugin plugin;
  Exchange *exchange;
  RawServer server; /* what RawClient needs of it */
  guint n_gone, n_stream_gone;
  DaeStream *stream;
  DaeRequest *held;
  gboolean identify_later, end_when_gone, hold_when_open;
} test;

static gboolean
on_idle_send (gpointer data)
{
  DaeRequest *req = data;

  dae_send (req, dae_reply_text (req, 200, "later"));
  dae_request_unref (req);
  return G_SOURCE_REMOVE;
}

static gboolean
on_idle_drop (gpointer data)
{
  dae_request_unref (data);
  return G_SOURCE_REMOVE;
}

static void
on_gone (GCancellable *gone, gpointer data)
{
  test.n_gone++;
}

static void
on_stream_gone (DaeStream *stream, gpointer data)
{
  test.n_stream_gone++;
  if (test.end_when_gone)
    dae_stream_end (stream);
  test.stream = NULL;
}

static void
say (DaeStream *stream, const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_true (dae_stream_write (stream, bytes));
}

static DaeOutcome
hello (DaeRequest *req, DaePlugin *self)
{
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", dae_request_param (req, "id"));
  return dae_send (req, dae_reply_versioned (req, 200, json, 7));
}

static DaeOutcome
file (DaeRequest *req, DaePlugin *self)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("0123456789", 10);
  DaeReply *reply = dae_reply_bytes (req, 200, "text/plain", bytes);

  dae_reply_header (reply, "ETag", "\"f\"");
  dae_reply_header (reply, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
  dae_reply_header (reply, "Accept-Ranges", "bytes");
  dae_reply_header (reply, "Cache-Control", "public, max-age=9");
  dae_reply_header (reply, "Content-Encoding", "br");
  return dae_send (req, reply);
}

static DaeOutcome
echo (DaeRequest *req, DaePlugin *self)
{
  DaeReply *reply = dae_reply_bytes (req, 200, "text/plain", dae_request_body (req));

  dae_reply_header (reply, "X-Name", dae_body_text (req, "name"));
  return dae_send (req, reply);
}

static DaeOutcome
query (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_text (req, 200, dae_request_query (req, "q")));
}

static DaeOutcome
later (DaeRequest *req, DaePlugin *self)
{
  g_idle_add (on_idle_send, dae_request_ref (req));
  return DAE_LATER;
}

static DaeOutcome
drop (DaeRequest *req, DaePlugin *self)
{
  g_idle_add (on_idle_drop, dae_request_ref (req));
  return DAE_LATER;
}

static DaeOutcome
hold (DaeRequest *req, DaePlugin *self)
{
  test.held = dae_request_ref (req);
  g_cancellable_connect (dae_request_gone (req), G_CALLBACK (on_gone), NULL, NULL);
  return DAE_LATER;
}

static DaeOutcome
forget (DaeRequest *req, DaePlugin *self)
{
  return DAE_DONE;
}

static DaeOutcome
twice (DaeRequest *req, DaePlugin *self)
{
  dae_send (req, dae_reply_text (req, 200, "first"));
  return dae_send (req, dae_reply_text (req, 200, "second"));
}

static DaeOutcome
null (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, NULL);
}

static DaeOutcome
statusless (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_empty (req, 0));
}

static DaeOutcome
headless (DaeRequest *req, DaePlugin *self)
{
  dae_stream_end (dae_stream_open (req, NULL));
  return DAE_DONE;
}

static DaeOutcome
me (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_text (req, 200, dae_request_user (req)->subject));
}

static DaeOutcome
events (DaeRequest *req, DaePlugin *self)
{
  DaeReply *head = dae_reply_empty (req, 200);

  dae_reply_header (head, "Content-Type", "text/event-stream");
  test.stream = dae_stream_open (req, head);
  dae_stream_on_gone (test.stream, on_stream_gone, NULL);
  say (test.stream, "data: 1\n\n");
  if (test.hold_when_open)
    test.held = dae_request_ref (req);
  return DAE_LATER;
}

static const DaeMember echo_members[] = {
  { .name = "name", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 10 },
};
static const DaeMember query_members[] = {
  { .name = "q", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED }
};

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/hello/{id:slug}", .loop = hello, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/file", .loop = file, .auth = DAE_AUTH_NONE },
  { .method = "POST",
    .pattern = "/echo",
    .loop = echo,
    .auth = DAE_AUTH_NONE,
    .body = DAE_BODY_JSON,
    .body_max = 100,
    .members = DAE_TABLE (echo_members) },
  { .method = "POST", .pattern = "/none", .loop = later, .auth = DAE_AUTH_NONE },
  { .method = "GET",
    .pattern = "/query",
    .loop = query,
    .auth = DAE_AUTH_NONE,
    .query = DAE_TABLE (query_members) },
  { .method = "GET", .pattern = "/later", .loop = later, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/drop", .loop = drop, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/hold", .loop = hold, .auth = DAE_AUTH_NONE, .deadline_ms = 100 },
  { .method = "GET", .pattern = "/forget", .loop = forget, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/twice", .loop = twice, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/null", .loop = null, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/statusless", .loop = statusless, .auth = DAE_AUTH_NONE },
  { .method = "GET",
    .pattern = "/headless",
    .loop = headless,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_STREAMS },
  { .method = "GET", .pattern = "/me", .loop = me },
  { .method = "PUT", .pattern = "/upload", .loop = hold, .body = DAE_BODY_STREAM },
  { .method = "GET", .pattern = "/admin", .loop = me, .auth = DAE_AUTH_ADMIN },
  { .method = "GET",
    .pattern = "/events",
    .loop = events,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_STREAMS },
  { .method = "GET",
    .pattern = "/mine/{id:slug}",
    .loop = events,
    .query = DAE_TABLE (query_members),
    .flags = DAE_ROUTE_STREAMS },
};

/* An identity/1 that believes the header X-User: "admin", anybody else, or "refuse". */
static void
identify_now (DaeRequest *req, DaeIdentified done, gpointer data)
{
  const char *name = dae_request_header (req, "X-User");
  static const char *const none[] = { NULL };
  DaeUser user = {
    .struct_size = sizeof user, .subject = name, .name = name, .method = "test", .groups = none
  };

  if (g_strcmp0 (name, "admin") == 0)
    user.flags = DAE_USER_ADMIN;
  if (g_strcmp0 (name, "refuse") == 0)
    done (req, NULL, dae_reply_problem (req, 503, "identity_down", "no"), data);
  else
    done (req, name ? &user : NULL, NULL, data);
}

typedef struct {
  DaeRequest *req;
  DaeIdentified done;
  gpointer data;
} Asked;

static gboolean
on_idle_identify (gpointer data)
{
  Asked *asked = data;

  identify_now (asked->req, asked->done, asked->data);
  g_free (asked);
  return G_SOURCE_REMOVE;
}

static void
identify (DaePlugin *provider, DaeRequest *req, DaeIdentified done, gpointer data)
{
  Asked *asked;

  if (!test.identify_later) {
    identify_now (req, done, data);
    return;
  }
  asked = g_new (Asked, 1);
  *asked = (Asked){ req, done, data };
  g_idle_add (on_idle_identify, asked);
}

static const char *
sign_in_url (DaePlugin *provider)
{
  return "/sign-in";
}

static const char *
challenge (DaePlugin *provider)
{
  return "Test realm=\"x\"";
}

static const DaeIdentity1 identity = { .struct_size = sizeof identity,
                                       .identify = identify,
                                       .sign_in_url = sign_in_url,
                                       .challenge = challenge };

static inline void
listen_anywhere (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;

  test.server.listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (test.server.listener, (struct sockaddr *)&address, sizeof address));
  g_assert_no_errno (listen (test.server.listener, 128));
  getsockname (test.server.listener, (struct sockaddr *)&address, &length);
  test.server.port = address.sin_port;
  server_listen (test.host.server, test.server.listener, FALSE);
}

static inline void
set_up (void)
{
  static const char *const sets[] = { "http.listen=127.0.0.1:0", "http.hosts=a", NULL };
  static const char *const none[] = { NULL };
  const ConfigSources sources = { .files = none, .environ = none, .sets = sets };
  g_autoptr (Complaints) complaints = complaints_new ();

  memset (&test, 0, sizeof test);
  test.host.config = config_new (&sources, complaints);
  config_declare_host (test.host.config, complaints);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  test.host.metrics = metrics_new (metrics_create_memory (), 1);
  test.host.heartbeat = heartbeat_new (heartbeat_create_memory (), 1);
  test.host.router = router_new ();
  test.plugin = (Plugin){
    .base = { plugin_api () }, .host = &test.host, .state = PLUGIN_STARTED, .name = (char *)"test"
  };
  for (guint i = 0; i < G_N_ELEMENTS (routes); i++)
    g_assert_nonnull (router_add (test.host.router, &test.plugin, &routes[i], NULL));
  test.exchange = test.host.exchange = exchange_new (&test.host);
  test.host.server = server_new (&test.host, exchange_hooks (), test.exchange);
  exchange_prepare (test.exchange);
  test.exchange->identity = &identity;
  test.exchange->identity_plugin = &test.plugin;
  listen_anywhere ();
}

static inline void
tear_down (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  while (exchange_in_flight (test.exchange) + exchange_streams (test.exchange) > 0)
    raw_round (deadline, "the end of all requests", "");
  g_assert_cmpint (test.plugin.in_flight, ==, 0);
  server_free (test.host.server);
  close (test.server.listener);
  exchange_free (test.exchange);
  router_free (test.host.router);
  heartbeat_free (test.host.heartbeat);
  metrics_free (test.host.metrics);
  config_free (test.host.config);
}

/* Sends HEAD (lines without the last CR LF, the first without its version) and BODY; the answer is
 * owned. */
static inline char *
ask (const char *line, const char *more, const char *body)
{
  RawClient *client = raw_client_new (&test.server);
  g_autofree char *text =
      g_strdup_printf ("%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n%s", line,
                       more ? more : "", body ? body : "");
  char *answer;

  raw_client_send (client, text);
  raw_client_expect_end (client);
  answer = g_strndup (client->in->str, client->in->len);
  raw_client_free (client);
  return answer;
}

static inline RawClient *
open_events (const char *method)
{
  RawClient *client = raw_client_new (&test.server);

  raw_client_send (client, method);
  raw_client_send (client, " /events HTTP/1.1\r\nHost: a\r\n\r\n");
  return client;
}
