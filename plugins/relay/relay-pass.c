/* SPDX-License-Identifier: Apache-2.0 */
/* relay-pass: one request to an agent and its answer, byte for byte.
 *
 * Nothing is parsed and written anew: ids, numbers and the order of members stay
 * as they were sent. What the client does not read is not read from the agent.
 * When the client leaves, the agent is left at once; when the agent's answer is
 * cut, so is the client's.
 */
#include "relay.h"

#include <string.h>

#define PASS_HIGH_WATER    (256 * 1024)
#define PASS_CONNECT_MS    5000
#define PASS_FIRST_BYTE_MS (10 * 60 * 1000)

static void
pass_count (Relay *relay, const char *outcome)
{
  dae_series_add (dae_series (relay->self, "mcp_relay_requests_total",
                              dae_request_param (relay->req, "agent"), relay->method, outcome),
                  1);
}

static void
pass_free (Relay *relay)
{
  RelayState *state = dae_state (relay->self);

  if (relay->left != 0)
    g_signal_handler_disconnect (dae_request_gone (relay->req), relay->left);
  dae_series_add (relay->open, -1);
  g_hash_table_remove (state->relays, &relay->id);
  dae_request_unref (relay->req);
  g_free (relay);
}

/* The client has left before a head came. */
static void
pass_on_left (GCancellable *cancellable, gpointer data)
{
  Relay *relay = data;

  if (relay->stream != NULL)
    return; /* its stream tells */
  dae_fetch_cancel (relay->fetch);
  pass_count (relay, "left");
  pass_free (relay);
}

static void
pass_on_gone (DaeStream *stream, gpointer data)
{
  Relay *relay = data;

  dae_fetch_cancel (relay->fetch);
  pass_count (relay, "left");
  pass_free (relay);
}

static void
pass_on_drain (DaeStream *stream, gpointer data)
{
  dae_fetch_pause (((Relay *)data)->fetch, FALSE);
}

void
relay_cut (Relay *relay)
{
  dae_fetch_cancel (relay->fetch);
  if (relay->stream != NULL)
    dae_stream_abort (relay->stream);
  else
    dae_send (relay->req, dae_reply_problem (relay->req, 401, "sign_in_required",
                                             "the credential was taken away meanwhile"));
  pass_count (relay, "refused");
  pass_free (relay);
}

/* Answers in the agent's place and leaves it. */
static void
pass_refuse (Relay *relay, guint status, const char *code, const char *detail, const char *outcome)
{
  dae_send (relay->req, dae_reply_problem (relay->req, status, code, detail));
  pass_count (relay, outcome);
  pass_free (relay);
}

/* What the agent demands or where it points is for this host, not for its client: their
 * credentials are two, and its addresses are nobody's business. */
static gboolean
pass_refuse_status (Relay *relay, guint status)
{
  const char *agent = dae_request_param (relay->req, "agent");
  gboolean challenges = dae_fetch_reply_header (relay->fetch, "WWW-Authenticate") != NULL;

  if (status == 401 || status == 407 || (status == 403 && challenges)) {
    dae_log (relay->self, G_LOG_LEVEL_WARNING,
             "an agent refused this host's credential: set token or token-file of [agent]",
             DAE_S ("agent", agent), DAE_I ("status", status));
    dae_fetch_cancel (relay->fetch);
    pass_refuse (relay, 502, "agent_refused", "the agent does not accept this host's credential",
                 "refused");
    return TRUE;
  }
  if (status >= 300 && status < 400 && status != 304) {
    dae_log (relay->self, G_LOG_LEVEL_WARNING,
             "an agent redirects: write the address where it is as url of [agent]",
             DAE_S ("agent", agent),
             DAE_S ("location", dae_fetch_reply_header (relay->fetch, "Location")));
    dae_fetch_cancel (relay->fetch);
    pass_refuse (relay, 502, "agent_redirects", "the agent has another address", "refused");
    return TRUE;
  }
  return FALSE;
}

static void
pass_on_head (DaeFetch *fetch, guint status, gpointer data)
{
  static const char *const passed[] = {
    "Content-Type",      "Content-Length",       "Content-Encoding",
    "Mcp-Session-Id",    "MCP-Protocol-Version", "Cache-Control",
    "X-Accel-Buffering", "Retry-After",          "Allow"
  };
  Relay *relay = data;
  const char *type = dae_fetch_reply_header (fetch, "Content-Type");
  DaeReply *head;

  if (pass_refuse_status (relay, status))
    return;
  head = dae_reply_empty (relay->req, status);
  for (guint i = 0; i < G_N_ELEMENTS (passed); i++) {
    const char *value = dae_fetch_reply_header (fetch, passed[i]);

    if (value != NULL)
      dae_reply_header (head, passed[i], value);
  }
  relay->has_events = type != NULL && g_ascii_strncasecmp (type, "text/event-stream", 17) == 0;
  relay->said_at = g_get_monotonic_time ();
  relay->stream = dae_stream_pass (relay->req, head);
  dae_stream_on_drain (relay->stream, pass_on_drain, relay);
  dae_stream_on_gone (relay->stream, pass_on_gone, relay);
}

static void
pass_on_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  Relay *relay = data;
  g_autoptr (GBytes) copy = g_bytes_new (bytes, length);

  relay->said_at = g_get_monotonic_time ();
  if (relay->has_events)
    relay_place_move (&relay->place, bytes, length);
  dae_series_add (relay->down, (double)length);
  dae_stream_write (relay->stream, copy);
  if (dae_stream_queued (relay->stream) > PASS_HIGH_WATER)
    dae_fetch_pause (fetch, TRUE);
}

/* No head has come. */
static void
pass_fail (Relay *relay, const GError *error)
{
  dae_log (relay->self, G_LOG_LEVEL_INFO, "an agent did not answer a relayed request",
           DAE_S ("agent", dae_request_param (relay->req, "agent")),
           DAE_S ("why", error != NULL ? error->message : "no head"));
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    pass_refuse (relay, 503, "agent_busy", "too many requests wait for this agent: try again soon",
                 "unreachable");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    pass_refuse (relay, 504, "agent_timeout", "the agent did not answer in time", "unreachable");
  else
    pass_refuse (relay, 502, "agent_unreachable", "the agent cannot be reached", "unreachable");
}

static void
pass_on_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  Relay *relay = data;
  DaeStream *stream = relay->stream;

  if (stream == NULL) {
    pass_fail (relay, error);
    return;
  }
  pass_count (relay, error != NULL ? "cut" : "done");
  pass_free (relay);
  if (error != NULL)
    dae_stream_abort (stream);
  else
    dae_stream_end (stream);
}

/* What belongs to MCP and to tracing goes on; who asks, their cookies and where they come from do
 * not. */
static gboolean
pass_is_passed (const char *name)
{
  static const char *const passed[] = { "Accept",     "Accept-Language", "Last-Event-ID",
                                        "User-Agent", "traceparent",     "tracestate",
                                        "baggage" };

  for (guint i = 0; i < G_N_ELEMENTS (passed); i++)
    if (g_ascii_strcasecmp (name, passed[i]) == 0)
      return TRUE;
  return g_ascii_strncasecmp (name, "Mcp-", 4) == 0;
}

static void
pass_add_headers (Relay *relay, const DaeAgentEndpoint *endpoint)
{
  const char *name, *value;

  for (guint i = 0; dae_request_header_at (relay->req, i, &name, &value); i++)
    if (pass_is_passed (name))
      dae_fetch_header (relay->fetch, name, value);
  if (endpoint->token != NULL) {
    g_autofree char *bearer = g_strconcat ("Bearer ", endpoint->token, NULL);

    dae_fetch_header (relay->fetch, "Authorization", bearer);
  }
}

DaeOutcome
relay_pass (DaePlugin *self, DaeRequest *req, const char *agent, const DaeAgentEndpoint *endpoint)
{
  static const DaeFetchHooks hooks = {
    .struct_size = sizeof hooks, .head = pass_on_head, .body = pass_on_body, .end = pass_on_end
  };
  RelayState *state = dae_state (self);
  GBytes *body = dae_request_body (req);
  Relay *relay = g_new0 (Relay, 1);

  relay->self = self;
  relay->id = ++state->last_id;
  relay->req = dae_request_ref (req);
  relay->method = relay_word (self, req);
  if (g_str_equal (relay->method, "tools/call"))
    relay_count_tool (self, req, agent);
  relay->open = dae_series (self, "mcp_relay_streams_active", agent);
  relay->down = dae_series (self, "mcp_relay_bytes_total", agent, "down");
  relay->checked_at = g_get_monotonic_time ();
  g_hash_table_insert (state->relays, &relay->id, relay);
  dae_series_add (relay->open, 1);
  relay->fetch = dae_fetch_new (self, dae_request_method (req), endpoint->url, &hooks, relay);
  pass_add_headers (relay, endpoint);
  if (body != NULL) {
    dae_fetch_body (relay->fetch, dae_request_header (req, "Content-Type"), body);
    dae_series_add (dae_series (self, "mcp_relay_bytes_total", agent, "up"),
                    (double)g_bytes_get_size (body));
  }
  dae_fetch_limits (relay->fetch, PASS_CONNECT_MS, PASS_FIRST_BYTE_MS, 0, 0);
  relay->left =
      g_signal_connect (dae_request_gone (req), "cancelled", G_CALLBACK (pass_on_left), relay);
  dae_fetch_send (relay->fetch);
  return DAE_LATER;
}
