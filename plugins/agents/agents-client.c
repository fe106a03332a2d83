/* SPDX-License-Identifier: Apache-2.0 */
/* agents-client: one message over Streamable HTTP and its answer, JSON or events.
 *
 * A stream that was cut is taken up again by GET with Last-Event-ID where it had event ids. When
 * the answer is there its owner hears it at once; the rest of the stream is read out for a moment,
 * so that the connection can be used again. Requests of the agent are answered here.
 */
#include "../common/sse.h"
#include "agents.h"

#include <string.h>

#define CLIENT_MAX_RESUMES 3
#define CLIENT_MAX_WAIT_MS 5000
#define CLIENT_LINGER_MS   2000
#define CLIENT_FORSAKE_MS  10000
#define CLIENT_MAX_FAULT   (64 * 1024)

typedef enum { BODY_IGNORED, BODY_EVENTS, BODY_JSON, BODY_FAULT } ClientBody;

struct AgentRequest {
  DaePlugin *self;
  AgentLink link;                 /* a copy: the owner may go on with another session */
  const char *method;             /* static; for metrics too */
  gint64 id;                      /* -1: no answer is waited for */
  const AgentRequestHooks *hooks; /* NULL once the owner has heard the end */
  gpointer data;
  GBytes *body; /* for a redirect */
  DaeFetch *fetch;
  SseParser *events;
  GByteArray *bytes; /* a JSON answer, or what an error says */
  ClientBody kind;
  guint status;
  char *session;
  guint first_ms;
  guint timer;
  guint resumes;
  guint depth;  /* within a hook of the fetch */
  gint64 began; /* monotonic */
  gboolean redirected, paused, dead, garbage, forsaken;
};

static const DaeFetchHooks client_hooks;

void
agent_request_free (gpointer data)
{
  AgentRequest *request = data;

  if (request->timer != 0)
    dae_timer_cancel (request->self, request->timer);
  if (request->fetch != NULL)
    dae_fetch_cancel (request->fetch);
  agent_link_clear (&request->link);
  g_clear_pointer (&request->events, sse_parser_free);
  g_clear_pointer (&request->bytes, g_byte_array_unref);
  g_clear_pointer (&request->body, g_bytes_unref);
  g_free (request->session);
  g_free (request);
}

/* Frees the request; within one of its own hooks as soon as that has returned. */
static void
client_drop (AgentRequest *request)
{
  AgentsState *state = dae_state (request->self);

  request->dead = TRUE;
  request->hooks = NULL;
  if (request->depth == 0)
    g_hash_table_remove (state->requests, request);
}

static gboolean
client_on_linger (DaePlugin *self, gpointer data)
{
  AgentRequest *request = data;

  request->timer = 0;
  client_drop (request);
  return FALSE;
}

static void
client_set_timer (AgentRequest *request, guint ms, DaeTimerFunc func)
{
  if (request->timer != 0)
    dae_timer_cancel (request->self, request->timer);
  request->timer = dae_timer (request->self, MAX (ms, 1), func, request);
}

static void
client_count (AgentRequest *request, const char *outcome)
{
  const char *server = request->link.peer->agent->slug;
  double seconds = (double)(g_get_monotonic_time () - request->began) / G_USEC_PER_SEC;

  dae_series_add (
      dae_series (request->self, "mcp_requests_total", server, request->method, outcome), 1);
  if (request->id >= 0)
    dae_series_observe (
        dae_series (request->self, "mcp_request_duration_seconds", server, request->method),
        seconds);
}

/* Tells the owner the end. */
static void
client_end (AgentRequest *request, AgentReply *reply)
{
  static const char *const outcomes[] = { "done",        "done", "error",   "error",
                                          "unreachable", "cut",  "garbage", "garbage" };
  const AgentRequestHooks *hooks = g_steal_pointer (&request->hooks);

  if (request->dead)
    return;
  client_count (request, outcomes[reply->kind]);
  reply->session = request->session;
  reply->status = request->status;
  request->depth++;
  if (hooks != NULL)
    hooks->end (reply, request->data);
  request->depth--;
  /* what follows the answer in a stream is read out, or the connection could not be used again */
  if (request->fetch != NULL && request->kind == BODY_EVENTS && reply->kind == AGENT_REPLY_RESULT) {
    dae_fetch_pause (request->fetch, FALSE);
    client_set_timer (request, CLIENT_LINGER_MS, client_on_linger);
    return;
  }
  client_drop (request);
}

static void
client_end_simply (AgentRequest *request, AgentReplyKind kind, const char *message)
{
  AgentReply reply = { .kind = kind, .message = message };

  client_end (request, &reply);
}

/* Each request is a span of its own in the trace of who asks. */
static void
client_trace (AgentRequest *request)
{
  const char *given = request->link.traceparent;
  char text[56];

  if (given == NULL || strlen (given) < sizeof text - 1)
    return;
  g_snprintf (text, sizeof text, "00-%.32s-%08x%08x-%.2s", given + 3, g_random_int () | 1,
              g_random_int (), given + 53);
  dae_fetch_header (request->fetch, "traceparent", text);
}

static void
client_start (AgentRequest *request, const char *method)
{
  AgentLink *link = &request->link;
  const char *url = link->peer->url != NULL ? link->peer->url : link->peer->agent->url;

  request->fetch = dae_fetch_new (request->self, method, url, &client_hooks, request);
  dae_fetch_header (request->fetch, "Accept",
                    request->body != NULL ? "application/json, text/event-stream"
                                          : "text/event-stream");
  if (link->protocol != NULL)
    dae_fetch_header (request->fetch, "MCP-Protocol-Version", link->protocol);
  if (link->session != NULL)
    dae_fetch_header (request->fetch, "Mcp-Session-Id", link->session);
  if (link->authorization != NULL)
    dae_fetch_header (request->fetch, "Authorization", link->authorization);
  client_trace (request);
  if (request->body != NULL && strcmp (method, "POST") == 0)
    dae_fetch_body (request->fetch, "application/json", request->body);
  else if (request->events != NULL)
    dae_fetch_header (request->fetch, "Last-Event-ID", sse_parser_last_id (request->events));
  /* limits of time are the call's: comments that keep a stream alive are no word of the agent */
  dae_fetch_limits (request->fetch, 5000, request->first_ms, 0, request->id < 0 ? 15000 : 0);
  dae_fetch_send (request->fetch);
}

static AgentRequest *
client_new (
    AgentLink *link, const char *method, gint64 id, const AgentRequestHooks *hooks, gpointer data)
{
  AgentsState *state = dae_state (link->self);
  AgentRequest *request = g_new0 (AgentRequest, 1);

  request->self = link->self;
  request->link = (AgentLink){
    .self = link->self,
    .peer = link->peer,
    .session = g_strdup (link->session),
    .protocol = g_strdup (link->protocol),
    .authorization = g_strdup (link->authorization),
    .traceparent = g_strdup (link->traceparent),
  };
  request->method = method;
  request->id = id;
  request->hooks = hooks;
  request->data = data;
  request->began = g_get_monotonic_time ();
  g_hash_table_add (state->requests, request);
  return request;
}

static AgentRequest *
client_post (AgentLink *link,
             const char *method,
             gint64 id,
             char *text,
             guint first_ms,
             const AgentRequestHooks *hooks,
             gpointer data)
{
  AgentRequest *request = client_new (link, method, id, hooks, data);

  request->body = g_bytes_new_take (text, strlen (text));
  request->first_ms = first_ms;
  client_start (request, "POST");
  return request;
}

/* Answers a request of the agent: it may ping; nothing else was offered to it. */
static void
client_answer (AgentRequest *request, JsonrpcMessage *message)
{
  char *text =
      strcmp (message->method, "ping") == 0
          ? jsonrpc_result (message->id, json_object_new ())
          : jsonrpc_error (message->id, JSONRPC_METHOD_NOT_FOUND, "this client does not do that");

  client_post (&request->link, "response", -1, text, 10000, NULL, NULL);
}

static void
client_take (AgentRequest *request, JsonrpcMessage *message)
{
  AgentReply reply = { .kind = AGENT_REPLY_RESULT };

  switch (message->kind) {
  case JSONRPC_NOTIFICATION:
    if (request->hooks != NULL && request->hooks->notification != NULL)
      request->hooks->notification (message, request->data);
    return;
  case JSONRPC_REQUEST:
    client_answer (request, message);
    return;
  case JSONRPC_RESULT:
    if (message->number != request->id)
      return;
    reply.result = message->result;
    break;
  case JSONRPC_ERROR:
    /* an error without an id can only be about what was sent */
    if (message->id != NULL && message->number != request->id)
      return;
    reply.kind = AGENT_REPLY_ERROR;
    reply.code = message->code;
    reply.message = message->message;
    break;
  }
  if (request->events != NULL)
    sse_parser_stop (request->events);
  client_end (request, &reply);
}

static void
client_read (AgentRequest *request, const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonrpcMessage) message = jsonrpc_parse (request->self, text, length, &error);

  if (message != NULL) {
    client_take (request, message);
    return;
  }
  request->garbage = TRUE;
  if (request->events != NULL)
    sse_parser_stop (request->events);
  client_end_simply (request, AGENT_REPLY_GARBAGE, error->message);
}

static void
client_on_event (const SseEvent *event, gpointer data)
{
  AgentRequest *request = data;

  /* an event without data carries an id alone; other names than "message" are not MCP's */
  if (event->length > 0 && strcmp (event->event, "message") == 0 && !request->dead)
    client_read (request, event->data, event->length);
}

static gboolean
client_is_type (DaeFetch *fetch, const char *type)
{
  const char *given = dae_fetch_reply_header (fetch, "Content-Type");
  gsize length = strlen (type);

  return given != NULL && g_ascii_strncasecmp (given, type, length) == 0 &&
         (given[length] == '\0' || given[length] == ';' || given[length] == ' ');
}

/* The session that nobody wants any more has its id now. */
static void
client_leave_late (AgentRequest *request)
{
  g_free (request->link.session);
  request->link.session = g_strdup (request->session);
  agent_leave (&request->link);
  client_set_timer (request, 1, client_on_linger);
}

static void
client_on_head (DaeFetch *fetch, guint status, gpointer data)
{
  AgentRequest *request = data;
  const char *session = dae_fetch_reply_header (fetch, "Mcp-Session-Id");

  request->status = status;
  if (mcp_is_session_id (session)) {
    g_free (request->session);
    request->session = g_strdup (session);
    if (request->forsaken)
      client_leave_late (request);
  }
  if (status == 200 && client_is_type (fetch, "text/event-stream")) {
    request->kind = BODY_EVENTS;
    if (request->events == NULL)
      request->events = sse_parser_new (AGENTS_MAX_EVENT, client_on_event, request);
  } else if (status == 200 && client_is_type (fetch, "application/json")) {
    request->kind = BODY_JSON;
  } else if (status >= 400) {
    request->kind = BODY_FAULT;
  } else {
    request->kind = BODY_IGNORED;
  }
  if (request->kind == BODY_JSON || request->kind == BODY_FAULT) {
    g_clear_pointer (&request->bytes, g_byte_array_unref);
    request->bytes = g_byte_array_new ();
  }
}

static void
client_on_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  AgentRequest *request = data;

  if (request->dead || request->garbage)
    return;
  request->depth++;
  if (request->kind == BODY_EVENTS && request->hooks != NULL) {
    if (!sse_parser_feed (request->events, bytes, length)) {
      request->garbage = TRUE;
      client_end_simply (request, AGENT_REPLY_TOO_LARGE, "one of its events is too large");
    }
  } else if (request->kind == BODY_JSON) {
    if (request->bytes->len + length > AGENTS_MAX_RESULT) {
      request->garbage = TRUE;
      client_end_simply (request, AGENT_REPLY_TOO_LARGE, "its answer is too large");
    } else {
      g_byte_array_append (request->bytes, (const guint8 *)bytes, (guint)length);
    }
  } else if (request->kind == BODY_FAULT) {
    gsize room = CLIENT_MAX_FAULT - MIN (request->bytes->len, CLIENT_MAX_FAULT);

    g_byte_array_append (request->bytes, (const guint8 *)bytes, (guint)MIN (length, room));
  }
  request->depth--;
  /* closing a connection from within its own hook is left to the next turn of the loop */
  if (request->dead)
    client_set_timer (request, 1, client_on_linger);
}

/* Says what an HTTP error means, with the words of a JSON-RPC error where the body is one. */
static void
client_end_status (AgentRequest *request)
{
  g_autoptr (JsonrpcMessage) message =
      jsonrpc_parse (request->self, (const char *)request->bytes->data, request->bytes->len, NULL);
  AgentReply reply = { .kind = AGENT_REPLY_STATUS };

  if (message != NULL && message->kind == JSONRPC_ERROR) {
    reply.code = message->code;
    reply.message = message->message;
  }
  client_end (request, &reply);
}

static gboolean
client_on_resume (DaePlugin *self, gpointer data)
{
  AgentRequest *request = data;

  request->timer = 0;
  dae_series_add (dae_series (self, "mcp_reconnects_total", request->link.peer->agent->slug), 1);
  g_clear_pointer (&request->body, g_bytes_unref);
  client_start (request, "GET");
  dae_fetch_pause (request->fetch, request->paused);
  return FALSE;
}

/* Takes a cut stream up again where that is possible. */
static gboolean
client_resume (AgentRequest *request)
{
  gint64 wait;
  char *id;
  SseParser *fresh;

  if (request->kind != BODY_EVENTS || request->events == NULL ||
      *sse_parser_last_id (request->events) == '\0' || request->resumes >= CLIENT_MAX_RESUMES)
    return FALSE;
  request->resumes++;
  wait = sse_parser_retry (request->events);
  /* the unfinished event comes again whole: a fresh parser, which knows the place */
  id = g_strdup_printf ("id: %s\n\n", sse_parser_last_id (request->events));
  fresh = sse_parser_new (AGENTS_MAX_EVENT, client_on_event, request);
  sse_parser_feed (fresh, id, strlen (id));
  g_free (id);
  sse_parser_free (request->events);
  request->events = fresh;
  client_set_timer (request, (guint)CLAMP (wait < 0 ? 500 : wait, 10, CLIENT_MAX_WAIT_MS),
                    client_on_resume);
  return TRUE;
}

/* The target of a redirect that keeps method and body, on the same server; owned, or NULL. */
static char *
client_redirect (AgentRequest *request, DaeFetch *fetch)
{
  const char *from = request->link.peer->agent->url;
  const char *to = dae_fetch_reply_header (fetch, "Location");
  g_autoptr (GUri) base = NULL;
  g_autoptr (GUri) target = NULL;

  if ((request->status != 307 && request->status != 308) || request->redirected || to == NULL ||
      request->link.peer->agent->internal)
    return NULL;
  base = g_uri_parse (from, G_URI_FLAGS_ENCODED, NULL);
  target = base != NULL ? g_uri_parse_relative (base, to, G_URI_FLAGS_ENCODED, NULL) : NULL;
  if (target == NULL || g_strcmp0 (g_uri_get_scheme (base), g_uri_get_scheme (target)) != 0 ||
      g_strcmp0 (g_uri_get_host (base), g_uri_get_host (target)) != 0 ||
      g_uri_get_port (base) != g_uri_get_port (target))
    return NULL;
  return g_uri_to_string (target);
}

static void
client_on_whole (AgentRequest *request, DaeFetch *fetch)
{
  g_autofree char *target = client_redirect (request, fetch);
  g_autofree char *words = NULL;
  AgentReply elsewhere = { .kind = AGENT_REPLY_STATUS,
                           .message = "it redirects to where requests do not follow" };

  if (target != NULL && request->body != NULL) {
    request->redirected = TRUE;
    g_free (request->link.peer->url);
    request->link.peer->url = g_steal_pointer (&target);
    client_start (request, "POST");
  } else if (request->resumes > 0 && request->kind != BODY_EVENTS) {
    client_end_simply (request, AGENT_REPLY_CUT, "its stream was cut and cannot be taken up again");
  } else if (request->kind == BODY_FAULT) {
    client_end_status (request);
  } else if (request->id < 0 && request->status >= 200 && request->status < 300) {
    client_end_simply (request, AGENT_REPLY_ACCEPTED, NULL);
  } else if (request->kind == BODY_JSON) {
    client_read (request, (const char *)request->bytes->data, request->bytes->len);
    if (!request->dead)
      client_end_simply (request, AGENT_REPLY_GARBAGE, "its answer is to another question");
  } else if (request->kind == BODY_EVENTS) {
    if (!client_resume (request))
      client_end_simply (request, AGENT_REPLY_CUT, "its stream ended without an answer");
  } else if (request->status >= 300) {
    client_end (request, &elsewhere);
  } else {
    words = g_strdup_printf ("it answers HTTP %u without MCP", request->status);
    client_end_simply (request, AGENT_REPLY_GARBAGE, words);
  }
}

static gboolean
client_is (const GError *error, GIOErrorEnum one, GIOErrorEnum other)
{
  return error->domain == G_IO_ERROR && (error->code == (int)one || error->code == (int)other);
}

static void
client_on_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  AgentRequest *request = data;

  request->depth++;
  request->fetch = NULL;
  if (request->dead || request->hooks == NULL) {
    /* a response or a notification for which nobody waits is counted all the same */
    if (!request->dead && request->id < 0)
      client_count (request, error == NULL && request->status < 300 ? "done" : "error");
    request->dead = TRUE;
  } else if (error == NULL) {
    client_on_whole (request, fetch);
  } else if (client_is (error, G_IO_ERROR_INVALID_DATA, G_IO_ERROR_INVALID_ARGUMENT)) {
    client_end_simply (request, AGENT_REPLY_GARBAGE, error->message);
  } else if (request->status == 0 &&
             !client_is (error, G_IO_ERROR_PARTIAL_INPUT, G_IO_ERROR_CONNECTION_CLOSED)) {
    client_end_simply (request, AGENT_REPLY_UNREACHABLE, error->message);
  } else if (!client_resume (request)) {
    client_end_simply (request, AGENT_REPLY_CUT, error->message);
  }
  request->depth--;
  if (request->dead)
    client_drop (request);
}

static const DaeFetchHooks client_hooks = {
  .struct_size = sizeof (DaeFetchHooks),
  .head = client_on_head,
  .body = client_on_body,
  .end = client_on_end,
};

AgentRequest *
agent_request (AgentLink *link,
               const char *method,
               JsonObject *params,
               guint first_ms,
               const AgentRequestHooks *hooks,
               gpointer data)
{
  gint64 id = ++link->last_id;

  return client_post (link, method, id, jsonrpc_request (id, method, params), first_ms, hooks,
                      data);
}

gint64
agent_request_id (AgentRequest *request)
{
  return request->id;
}

void
agent_request_pause (AgentRequest *request, gboolean paused)
{
  request->paused = paused;
  if (request->fetch != NULL)
    dae_fetch_pause (request->fetch, paused);
}

void
agent_request_cancel (AgentRequest *request)
{
  if (!request->dead && request->hooks != NULL)
    client_count (request, "cancelled");
  client_drop (request);
}

void
agent_request_forsake (AgentRequest *request)
{
  if (request->dead || request->hooks == NULL || request->fetch == NULL) {
    agent_request_cancel (request);
    return;
  }
  client_count (request, "cancelled");
  request->hooks = NULL;
  request->forsaken = TRUE;
  client_set_timer (request, CLIENT_FORSAKE_MS, client_on_linger);
  if (request->session != NULL)
    client_leave_late (request);
}

void
agent_request_detach (AgentRequest *request)
{
  request->hooks = NULL;
}

AgentRequest *
agent_notify (AgentLink *link,
              const char *method,
              JsonObject *params,
              const AgentRequestHooks *hooks,
              gpointer data)
{
  return client_post (link, method, -1, jsonrpc_notification (method, params), 10000, hooks, data);
}

void
agent_leave (AgentLink *link)
{
  AgentRequest *request;

  if (link->session == NULL)
    return;
  request = client_new (link, "leave", -1, NULL, NULL);
  request->first_ms = 10000;
  client_start (request, "DELETE");
}
