/* SPDX-License-Identifier: Apache-2.0 */
/* relay: passes requests and answers through, both ways as streams.
 *
 * What a client does not read is not read from the upstream, and what the
 * upstream does not take is not read from the client.
 */
#include <daedalus-plugin.h>
#include <string.h>

#define HIGH_WATER (256 * 1024)

typedef struct {
  DaeRequest *req; /* a reference */
  DaeFetch *fetch;
  DaeStream *stream; /* NULL: no head has come */
  gulong left;
} Relay;

static const DaeSetting settings[] = {
  { .key = "to", .fallback = "http://127.0.0.1:9", .help = "URL that is relayed to" },
  { .key = "wait", .type = DAE_SETTING_INT, .fallback = "30000", .help = "Milliseconds" },
};

static void
relay_free (Relay *relay)
{
  if (relay->left != 0)
    g_signal_handler_disconnect (dae_request_gone (relay->req), relay->left);
  dae_request_unref (relay->req);
  g_free (relay);
}

static void
relay_on_left (GCancellable *cancellable, gpointer data)
{
  Relay *relay = data;

  if (relay->stream != NULL)
    return; /* its stream tells */
  dae_fetch_cancel (relay->fetch);
  relay_free (relay);
}

static void
relay_on_gone (DaeStream *stream, gpointer data)
{
  Relay *relay = data;

  dae_fetch_cancel (relay->fetch);
  relay_free (relay);
}

static void
relay_on_drain (DaeStream *stream, gpointer data)
{
  dae_fetch_pause (((Relay *)data)->fetch, FALSE);
}

static void
relay_head (DaeFetch *fetch, guint status, gpointer data)
{
  static const char *const passed[] = { "Content-Type", "Content-Length", "Location" };
  Relay *relay = data;
  DaeReply *head = dae_reply_empty (relay->req, status);

  for (guint i = 0; i < G_N_ELEMENTS (passed); i++) {
    const char *value = dae_fetch_reply_header (fetch, passed[i]);

    if (value != NULL)
      dae_reply_header (head, passed[i], value);
  }
  relay->stream = dae_stream_open (relay->req, head);
  dae_stream_on_drain (relay->stream, relay_on_drain, relay);
  dae_stream_on_gone (relay->stream, relay_on_gone, relay);
}

static void
relay_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  Relay *relay = data;
  g_autoptr (GBytes) copy = g_bytes_new (bytes, length);

  dae_stream_write (relay->stream, copy);
  if (dae_stream_queued (relay->stream) > HIGH_WATER)
    dae_fetch_pause (fetch, TRUE);
}

static void
relay_refuse (Relay *relay, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    dae_send (relay->req, dae_reply_problem (relay->req, 503, "upstream_busy", error->message));
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    dae_send (relay->req, dae_reply_problem (relay->req, 504, "upstream_late", error->message));
  else
    dae_send (relay->req, dae_reply_problem (relay->req, 502, "upstream_failed", error->message));
}

static void
relay_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  Relay *relay = data;

  if (relay->stream == NULL)
    relay_refuse (relay, error);
  else if (error != NULL)
    dae_stream_abort (relay->stream);
  else
    dae_stream_end (relay->stream);
  relay_free (relay);
}

static DaeOutcome
relay_pass (DaeRequest *req, DaePlugin *self)
{
  static const DaeFetchHooks hooks = {
    .struct_size = sizeof hooks, .head = relay_head, .body = relay_body, .end = relay_end
  };
  Relay *relay = g_new0 (Relay, 1);
  const char *what = strstr (dae_request_path (req), "/relay") + strlen ("/relay");
  g_autofree char *url = g_strconcat (dae_setting_text (self, "to"), what, NULL);
  guint wait = (guint)dae_setting_int (self, "wait");

  relay->req = dae_request_ref (req);
  relay->fetch = dae_fetch_new (self, dae_request_method (req), url, &hooks, relay);
  if (dae_request_stream (req) != NULL && dae_request_body_length (req) != 0)
    dae_fetch_stream (relay->fetch, dae_request_header (req, "Content-Type"),
                      dae_request_stream (req), dae_request_body_length (req));
  dae_fetch_limits (relay->fetch, wait, wait, wait, 0);
  relay->left =
      g_signal_connect (dae_request_gone (req), "cancelled", G_CALLBACK (relay_on_left), relay);
  dae_fetch_send (relay->fetch);
  return DAE_LATER;
}

#define PASS(name, kind)                                                                           \
  {                                                                                                \
    .method = name, .pattern = "/api/relay/{path}", .loop = relay_pass, .auth = DAE_AUTH_NONE,     \
    .body = kind, .body_max = G_GINT64_CONSTANT (1) << 40, .flags = DAE_ROUTE_STREAMS              \
  }

static const DaeRoute routes[] = {
  PASS ("GET", DAE_BODY_NONE),
  PASS ("POST", DAE_BODY_STREAM),
  PASS ("DELETE", DAE_BODY_NONE),
};

DAE_PLUGIN_DEFINE (.name = "relay",
                   .version = "1.0",
                   .summary = "A plugin for tests and measurements",
                   .settings = DAE_TABLE (settings),
                   .routes = DAE_TABLE (routes));
