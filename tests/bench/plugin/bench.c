/* SPDX-License-Identifier: Apache-2.0 */
/* bench: routes that only measurements need: one that relays a small answer of
 * an upstream, and one whose query takes 50 ms.
 */
#include <daedalus-plugin.h>

static const DaeSetting settings[] = {
  { .key = "upstream", .fallback = "http://127.0.0.1:9/", .help = "URL that is relayed" },
};

typedef struct {
  DaeRequest *req; /* a reference */
  GByteArray *body;
  guint status;
} Relay;

static void
relay_head (DaeFetch *fetch, guint status, gpointer data)
{
  ((Relay *)data)->status = status;
}

static void
relay_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  g_byte_array_append (((Relay *)data)->body, (const guint8 *)bytes, (guint)length);
}

static void
relay_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  Relay *relay = data;
  g_autoptr (GBytes) body = g_byte_array_free_to_bytes (relay->body);
  DaeReply *reply;

  if (error)
    reply = dae_reply_problem (relay->req, 502, "upstream_failed", error->message);
  else
    reply = dae_reply_bytes (relay->req, relay->status, "application/json", body);
  dae_send (relay->req, reply);
  dae_request_unref (relay->req);
  g_free (relay);
}

static DaeOutcome
bench_relay (DaeRequest *req, DaePlugin *self)
{
  static const DaeFetchHooks hooks = {
    .struct_size = sizeof hooks, .head = relay_head, .body = relay_body, .end = relay_end
  };
  Relay *relay = g_new0 (Relay, 1);

  relay->req = dae_request_ref (req);
  relay->body = g_byte_array_new ();
  dae_fetch_send (dae_fetch_new (self, "GET", dae_setting_text (self, "upstream"), &hooks, relay));
  return DAE_LATER;
}

static DaeReply *
bench_slow (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeJson *json = dae_json_new (req);

  dae_query_one (tx, "SELECT pg_sleep (0.05)");
  dae_json_begin_object (json, NULL);
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/bench/relay", .loop = bench_relay, .auth = DAE_AUTH_NONE },
  { .method = "GET", .pattern = "/api/bench/slow", .answer = bench_slow, .auth = DAE_AUTH_NONE },
};

DAE_PLUGIN_DEFINE (.name = "bench",
                   .version = "1.0",
                   .summary = "Routes that measurements need",
                   .settings = DAE_TABLE (settings),
                   .routes = DAE_TABLE (routes));
