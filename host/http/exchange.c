/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: one request from its head to its log line. The table below is the way it takes; files
 * of the same name hold the steps that are longer.
 */
#include "exchange.h"

#include <string.h>

#include "../config/config.h"
#include "../observe/log.h"
#include "../plugin/plugin.h"
#include "../plugin/uuid7.h"
#include "../process/heartbeat.h"
#include "limit-step.h"
#include "passage.h"

#define EXCHANGE_DRAIN_TICK_MS 50
#define EXCHANGE_DRAIN_RETRY_S 2
#define EXCHANGE_DOWN_RETRY_S  30

static gboolean exchange_route (Passage *passage);
static gboolean exchange_admit (Passage *passage);
static gboolean exchange_reply (Passage *passage);

static const struct {
  const char *name;
  gboolean (*run) (Passage *passage);
} exchange_steps[] = {
  { "route", exchange_route },     /* whose host, which row: 421, 404, 405 */
  { "admit", exchange_admit },     /* draining, or the plugin is down or in quarantine: 503 */
  { "authorize", authorize_step }, /* whose page, who asks: 403, 401, 404 */
  { "limit", limit_step },         /* who asks too much: 429 */
  { "receive", receive_step },     /* query and body: 413, 415, 400, 422 */
  { "handle", handle_step },       /* the plugin, on the loop or in a transaction */
  { "commit", handle_commit },     /* what became of the transaction: 503, 504, 507, 409, 422 */
  { "reply", exchange_reply },     /* to the last byte */
  { "account", account_step },     /* metrics and log */
};

enum { EXCHANGE_HANDLE = 5, EXCHANGE_REPLY = 7 };

Exchange *
exchange_ref (Exchange *exchange)
{
  exchange->refs++;
  return exchange;
}

void
exchange_unref (Exchange *exchange)
{
  if (--exchange->refs > 0)
    return;
  g_clear_handle_id (&exchange->drain_timer, g_source_remove);
  g_clear_handle_id (&exchange->thawed_idle, g_source_remove);
  g_ptr_array_unref (exchange->thawed);
  account_close (exchange);
  origin_rules_free (exchange->rules);
  g_free (exchange);
}

static void
passage_free (Passage *passage)
{
  Exchange *exchange = passage->exchange;
  Request *request = passage->request;

  exchange_clear_timer (passage);
  limit_step_end (passage);
  if (passage->counted && request->route->plugin)
    request->route->plugin->in_flight--;
  request->passage = NULL;
  g_atomic_pointer_set (&request->abandoned, NULL);
  dae_request_unref (&request->base);
  g_free (passage);
  exchange->n_passages--;
  account_flight (exchange);
  exchange_unref (exchange);
}

void
exchange_forget (Passage *passage)
{
  passage_free (passage);
}

static void
exchange_walk (Passage *passage)
{
  passage->walking = TRUE;
  while (passage->step < G_N_ELEMENTS (exchange_steps)) {
    if (!exchange_steps[passage->step].run (passage) && !passage->resumed) {
      passage->walking = FALSE;
      return;
    }
    passage->resumed = FALSE;
    if (passage->reply && passage->step < EXCHANGE_REPLY) {
      passage->ended_at = exchange_steps[passage->step].name;
      passage->step = EXCHANGE_REPLY;
    } else {
      passage->step++;
    }
  }
  passage_free (passage);
}

/* Inside a step the walk itself goes on when the step returns. */
void
exchange_resume (Passage *passage)
{
  if (passage->walking) {
    passage->resumed = TRUE;
    return;
  }
  if (passage->reply && passage->step < EXCHANGE_REPLY) {
    passage->ended_at = exchange_steps[passage->step].name;
    passage->step = EXCHANGE_REPLY;
  } else {
    passage->step++;
  }
  exchange_walk (passage);
}

void
exchange_refuse (Passage *passage, guint status, const char *code, const char *detail)
{
  passage->reply = reply_problem (passage->request, status, code, detail);
}

void
exchange_clear_timer (Passage *passage)
{
  g_clear_handle_id (&passage->timer, g_source_remove);
}

void
exchange_enter_route (Exchange *exchange, const Route *route, const char *id)
{
  heartbeat_enter (exchange->host->heartbeat, HEARTBEAT_LOOP,
                   route->plugin ? route->plugin->name : "host", route->label, id, 0);
}

void
exchange_enter (Request *request, Plugin *plugin)
{
  heartbeat_enter (request->host->heartbeat, HEARTBEAT_LOOP, plugin ? plugin->name : "host",
                   request->route ? request->route->label : "(none)", request->id, 0);
}

void
exchange_leave (Host *host)
{
  heartbeat_leave (host->heartbeat, HEARTBEAT_LOOP);
}

void
exchange_fault (Request *request, const char *kind, const char *detail)
{
  Plugin *plugin = request->route ? request->route->plugin : NULL;

  if (plugin)
    plugin_fault (plugin, kind, detail);
  else
    log_line (G_LOG_LEVEL_WARNING, "fault of the host", DAE_S ("kind", kind),
              DAE_S ("error", detail));
}

/* What a browser asks before a page elsewhere may use a path (Fetch standard, CORS-preflight). */
static void
exchange_answer_options (Passage *passage, const char *allow)
{
  Request *request = passage->request;
  const char *headers = request_header (request, "Access-Control-Request-Headers");

  passage->reply = reply_new (passage->request, 204);
  reply_set (passage->reply, "Allow", allow);
  if (!request->mcp_origin)
    return;
  reply_set (passage->reply, "Access-Control-Allow-Methods", allow);
  if (headers)
    reply_set (passage->reply, "Access-Control-Allow-Headers", headers);
  reply_set (passage->reply, "Access-Control-Max-Age", "600");
}

static gboolean
exchange_route (Passage *passage)
{
  Request *request = passage->request;
  RouterMatch match;

  if (!origin_is_ours (passage->exchange->rules, request)) {
    account_reject (passage, "host");
    exchange_refuse (
        passage, 421, "misdirected_request",
        "the Host header is none of this server's names; see [http] hosts and base-url");
    return TRUE;
  }
  router_match (passage->exchange->host->router, request->is_internal, request->method,
                request->path, &match);
  if (match.is_mcp)
    request->mcp_origin = origin_of_mcp_page (passage->exchange->rules, request);
  if (match.route) {
    request_set_route (request, &match);
  } else if (match.allow && g_str_equal (request->method, "OPTIONS")) {
    exchange_answer_options (passage, match.allow);
  } else if (match.allow) {
    exchange_refuse (passage, 405, "method_not_allowed",
                     "this resource has no such method; see Allow");
    reply_set (passage->reply, "Allow", match.allow);
  } else {
    exchange_refuse (passage, 404, "not_found", "there is nothing at this path");
  }
  router_match_clear (&match);
  return TRUE;
}

/* The host's own routes tell the state, and what this process asks of itself belongs to requests
 * that were admitted before. */
static gboolean
exchange_admit (Passage *passage)
{
  Exchange *exchange = passage->exchange;
  Request *request = passage->request;
  const Plugin *plugin = request->route->plugin;

  if (!plugin)
    return TRUE;
  if (exchange->draining && exchange->host->draining && !request->is_internal) {
    account_reject (passage, "draining");
    passage->reply =
        reply_problem_retry (request, 503, "draining", "this server is about to stop; try again",
                             EXCHANGE_DRAIN_RETRY_S);
  } else if (plugin->state != PLUGIN_STARTED && plugin->state != PLUGIN_DRAINING) {
    passage->reply =
        reply_problem_retry (request, 503, "plugin_down",
                             "the plugin that serves this is not running", EXCHANGE_DOWN_RETRY_S);
  } else if (plugin_quarantine (plugin) > 0) {
    passage->reply = reply_problem_retry (
        request, 503, "plugin_quarantined",
        "the plugin that serves this has crashed repeatedly and is out of service for a while",
        (guint)plugin_quarantine (plugin));
  }
  return TRUE;
}

static gboolean
exchange_reply (Passage *passage)
{
  Reply *reply = passage->reply;

  exchange_clear_timer (passage);
  if (!passage->sent && passage->call) {
    passage->sent = TRUE;
    authorize_dress (passage, reply);
    reply_seal (reply);
    reply_dress (reply);
    (reply->is_file ? server_call_send : server_call_answer) (
        passage->call, reply->status, reply->headers, reply->n_headers, reply->body);
  }
  return passage->call == NULL;
}

static void
exchange_fill_head (ServerCall *call, RequestHead *head, ServerHeader *headers)
{
  head->method = server_call_method (call);
  head->target = server_call_target (call);
  head->host = server_call_host (call);
  head->peer = server_call_peer (call);
  head->is_internal = server_call_is_internal (call);
  head->body_length = server_call_body_length (call);
  head->headers = headers;
  for (guint i = 0; i < head->n_headers; i++)
    headers[i] = server_call_header (call, i);
}

static void
exchange_begin (ServerCall *call, gpointer data)
{
  Exchange *exchange = data;
  Passage *passage = g_new0 (Passage, 1);
  RequestHead head = { .n_headers = server_call_n_headers (call) };
  g_autofree ServerHeader *headers = g_new (ServerHeader, head.n_headers + 1);
  char id[37];

  uuid7_new (id);
  head.id = id;
  exchange_fill_head (call, &head, headers);
  passage->began = g_get_monotonic_time ();
  passage->exchange = exchange;
  passage->call = call;
  passage->request = request_new (exchange->host, plugin_api (), &head);
  passage->request->passage = passage;
  origin_settle (exchange->rules, passage->request);
  server_call_set_data (call, passage);
  exchange_ref (exchange);
  exchange->n_passages++;
  account_flight (exchange);
  exchange_walk (passage);
}

static void
exchange_gone (ServerCall *call, gpointer data)
{
  Passage *passage = server_call_data (call);
  Request *request;

  if (!passage || passage->left)
    return;
  passage->left = TRUE;
  /* what the plugin does when it hears of it may end the passage */
  request = (Request *)dae_request_ref (&passage->request->base);
  if (passage->stream)
    answer_stream_gone (passage->stream);
  request_leave (request);
  dae_request_unref (&request->base);
}

static void
exchange_finished (ServerCall *call, gboolean whole, gpointer data)
{
  Passage *passage = server_call_data (call);

  if (!passage)
    return;
  if (!whole && !passage->cut)
    exchange_gone (call, data);
  passage->bytes_in = server_call_bytes_in (call);
  passage->bytes_out = server_call_bytes_out (call);
  passage->call = NULL;
  server_call_set_data (call, NULL);
  if (passage->stream)
    answer_stream_gone (passage->stream);
  if (passage->step == EXCHANGE_HANDLE && !passage->in_pool) {
    passage->answered = passage->late = TRUE;
    g_atomic_pointer_set (&passage->request->abandoned, NULL);
    if (!passage->reply)
      exchange_refuse (passage, 499, "client_left", "the client has left");
    exchange_resume (passage);
  } else if (passage->step == EXCHANGE_REPLY) {
    exchange_resume (passage);
  }
}

static void
exchange_settled (ServerCall *call, HubStream *stream, guint64 share, gpointer data)
{
  const Passage *passage = server_call_data (call);

  answer_stream_settle (passage->stream, stream, share);
}

const ServerHooks *
exchange_hooks (void)
{
  static const ServerHooks hooks = { exchange_begin, exchange_gone, exchange_finished,
                                     exchange_settled, &answer_stream_hub_hooks };

  return &hooks;
}

static gboolean
exchange_trusts (const char *address, gpointer data)
{
  Host *host = data;

  return config_has_address (host->config, "http", "trusted-proxies", address);
}

Exchange *
exchange_new (Host *host)
{
  Exchange *exchange = g_new0 (Exchange, 1);

  exchange->refs = 1;
  exchange->host = host;
  exchange->thawed = g_ptr_array_new ();
  g_queue_init (&exchange->streams);
  exchange->rules =
      origin_rules_new (host->listen != NULL ? (const char *const *)host->listen
                                             : config_list (host->config, "http", "listen"),
                        config_list (host->config, "http", "hosts"),
                        config_list (host->config, "http", "mcp-origins"), host->info.base_url,
                        exchange_trusts, host);
  account_open (exchange);
  return exchange;
}

void
exchange_free (Exchange *exchange)
{
  if (!exchange)
    return;
  exchange_unref (exchange);
}

void
exchange_prepare (Exchange *exchange)
{
  account_prepare (exchange);
}

guint
exchange_in_flight (Exchange *exchange)
{
  return exchange->n_passages - exchange->n_young_streams;
}

guint
exchange_streams (Exchange *exchange)
{
  return exchange->n_event_streams;
}

/* Ends as many as are due, so that their readers do not all come to another worker at once. */
static gboolean
exchange_drain_some (gpointer data)
{
  Exchange *exchange = data;
  gint64 left_ms = (exchange->drain_end - g_get_monotonic_time ()) / 1000;
  guint ticks = left_ms > 0 ? (guint)(left_ms / EXCHANGE_DRAIN_TICK_MS) + 1 : 1;
  guint due = (g_queue_get_length (&exchange->streams) + ticks - 1) / ticks;

  while (due-- > 0 && !g_queue_is_empty (&exchange->streams))
    answer_stream_close (g_queue_peek_head (&exchange->streams));
  if (!g_queue_is_empty (&exchange->streams))
    return G_SOURCE_CONTINUE;
  exchange->drain_timer = 0;
  return G_SOURCE_REMOVE;
}

void
exchange_streams_changed (Exchange *exchange)
{
  account_flight (exchange);
  if (exchange->draining && !exchange->drain_timer && !g_queue_is_empty (&exchange->streams))
    exchange->drain_timer = g_timeout_add (EXCHANGE_DRAIN_TICK_MS, exchange_drain_some, exchange);
}

void
exchange_drain (Exchange *exchange, guint ms)
{
  exchange->draining = TRUE;
  exchange->drain_end = g_get_monotonic_time () + (gint64)ms * 1000;
  exchange_streams_changed (exchange);
}
