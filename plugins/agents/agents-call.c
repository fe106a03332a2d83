/* SPDX-License-Identifier: Apache-2.0 */
/* agents-call: one question to an agent, from the session it is asked in to the end of its answer.
 *
 * Where the agent's session is what remembers the past, it is kept for the conversation and named
 * in the result as "REVISION ID"; in every other way of telling the past a session is this call's
 * alone and is left at its end. A call that an agent refused before it began is made once more.
 */
#include "agents-capability.h"
#include "agents.h"

#include <string.h>

#define CALL_CANCEL_MS       800
#define CALL_BYTES_PER_TOKEN 3
#define CALL_CHECK_EVERY_US  (G_GINT64_CONSTANT (5) * G_USEC_PER_SEC)

struct DaeAgentCall {
  DaePlugin *self;
  const Agent *agent; /* NULL: not known */
  char *slug, *message, *instructions, *conversation_id, *workspace_id, *subject, *turn_id,
      *traceparent;
  char *stored; /* the session of this conversation, as a result named it; NULL: none */
  DaeAgentMessage *history;
  guint n_history;
  GPtrArray *files; /* (element-type AgentFile) */
  DaeAgentHooks hooks;
  gpointer data;

  AgentLink link;
  AgentOpening *opening;
  AgentRequest *request;
  AgentRequest *notice; /* of the cancel */
  AgentAnswer *answer;
  HistoryMode mode; /* in force for the request that was sent last */
  gboolean opening_failed;
  gboolean retried, session_lost, history_cut, cancelling, paused, linked;
  gboolean was_cut;    /* what was asked with was not the whole past already */
  gint64 began, heard; /* monotonic */
  guint timer;
};

static void call_go (DaeAgentCall *call);

static void
call_free_ask (DaeAgentCall *call)
{
  for (guint i = 0; i < call->n_history; i++) {
    g_free ((char *)call->history[i].role);
    g_free ((char *)call->history[i].content);
  }
  g_free (call->history);
  g_ptr_array_unref (call->files);
  g_free (call->slug);
  g_free (call->message);
  g_free (call->instructions);
  g_free (call->conversation_id);
  g_free (call->workspace_id);
  g_free (call->subject);
  g_free (call->turn_id);
  g_free (call->traceparent);
  g_free (call->stored);
}

void
agent_call_free (gpointer data)
{
  DaeAgentCall *call = data;

  if (call->timer != 0)
    dae_timer_cancel (call->self, call->timer);
  if (call->opening != NULL)
    agent_open_cancel (call->opening);
  if (call->request != NULL)
    agent_request_cancel (call->request);
  if (call->notice != NULL)
    agent_request_detach (call->notice);
  if (call->answer != NULL)
    agent_answer_free (call->answer);
  if (call->linked)
    agent_link_clear (&call->link);
  call_free_ask (call);
  g_free (call);
}

/* ---- the end ---- */

/* The session to go on with in this conversation; owned, or NULL. One that was opened for a
 * question that failed may not know the past. */
static char *
call_session (DaeAgentCall *call, gboolean done)
{
  if (call->mode != HISTORY_SESSION || !call->linked || call->link.session == NULL ||
      (call->link.opened && !done))
    return NULL;
  return g_strdup_printf ("%s %s", call->link.protocol, call->link.session);
}

static void
call_end (DaeAgentCall *call, const char *outcome, const char *code, const char *reason)
{
  AgentsState *state = dae_state (call->self);
  gboolean done = strcmp (outcome, "done") == 0;
  g_autofree char *iterations = NULL;
  g_autofree char *session = call_session (call, done);
  DaeAgentResult result = {
    .struct_size = sizeof result,
    .outcome = outcome,
    .code = code,
    .reason = reason,
    .session = session,
    .history_cut = call->history_cut,
    .session_lost = call->session_lost,
  };

  if (call->request != NULL)
    agent_request_cancel (g_steal_pointer (&call->request));
  if (call->opening != NULL)
    agent_open_cancel (g_steal_pointer (&call->opening));
  if (session == NULL && call->link.opened)
    agent_leave (&call->link);
  agent_answer_close (call->answer, !done);
  iterations = agent_answer_iterations (call->answer);
  result.text = agent_answer_text (call->answer);
  result.iterations = iterations;
  call->hooks.end (call, &result, call->data);
  g_hash_table_remove (state->calls, call);
}

/* Words for the person; DETAIL, which may be NULL, is for the log. */
static void
call_fail (DaeAgentCall *call, const char *code, const char *reason, const char *detail)
{
  dae_log (call->self, G_LOG_LEVEL_INFO, "agent did not answer", DAE_S ("agent", call->slug),
           DAE_S ("code", code), DAE_S ("error", detail != NULL ? detail : reason),
           DAE_I ("duration_ms", (g_get_monotonic_time () - call->began) / 1000));
  call_end (call, "failed", code, reason);
}

/* Lets the agent's health be looked at: it shows soon what a question has just met. */
static void
call_doubt (DaeAgentCall *call)
{
  gint64 now = g_get_monotonic_time ();

  if (call->link.peer->checked_at != 0 && now - call->link.peer->checked_at < CALL_CHECK_EVERY_US)
    return;
  call->link.peer->checked_at = now;
  agents_check (call->self, call->agent, NULL, NULL);
}

static void
call_fail_said (DaeAgentCall *call, const char *text)
{
  g_autofree char *reason = agent_reason_said (text);

  call_fail (call, "agent_error", reason, NULL);
}

static void
call_fail_reply (DaeAgentCall *call, const AgentReply *reply)
{
  g_autofree char *reason = NULL;
  const char *code = agent_reason (reply, call->opening_failed, &reason);

  /* what was learnt about it may be what is wrong */
  peer_forget (call->link.peer);
  if (strcmp (code, "agent_unreachable") == 0 || strcmp (code, "agent_cut") == 0)
    call_doubt (call);
  call_fail (call, code, reason, reply->message);
}

/* ---- limits ---- */

static gboolean
call_on_timer (DaePlugin *self, gpointer data)
{
  DaeAgentCall *call = data;
  gint64 now = g_get_monotonic_time ();
  gint64 total = (gint64)call->agent->turn_limit_ms - (now - call->began) / 1000;
  gint64 silence = (gint64)call->agent->silence_limit_ms - (now - call->heard) / 1000;

  call->timer = 0;
  if (call->paused)
    silence = call->agent->silence_limit_ms;
  if (total <= 0 || silence <= 0) {
    JsonObject *params = json_object_new ();

    if (call->request != NULL && call->link.session != NULL) {
      json_object_set_int_member (params, "requestId", agent_request_id (call->request));
      json_object_set_string_member (params, "reason", "time limit");
      agent_notify (&call->link, "notifications/cancelled", params, NULL, NULL);
    } else {
      json_object_unref (params);
    }
    if (total <= 0)
      call_fail (
          call, "agent_timeout",
          "The agent took longer than it may for one answer. Ask for less at a time, or try again.",
          NULL);
    else
      call_fail (call, "agent_silent",
                 "The agent has not said anything for too long. Try again in a while.", NULL);
    return FALSE;
  }
  call->timer = dae_timer (self, (guint)MAX (MIN (total, silence), 1), call_on_timer, call);
  return FALSE;
}

/* ---- the question ---- */

/* TRUE if the call was made again from the handshake on: the agent refused it before it began. */
static gboolean
call_again (DaeAgentCall *call, const AgentReply *reply)
{
  gboolean unread = reply->kind == AGENT_REPLY_STATUS &&
                    (reply->status == 404 || reply->status == 400) && call->link.protocol != NULL &&
                    !call->link.opened;
  gboolean outdated =
      reply->kind == AGENT_REPLY_ERROR &&
      (reply->code == JSONRPC_INVALID_PARAMS || reply->code == JSONRPC_METHOD_NOT_FOUND) &&
      call->link.peer->tools_at < call->began;

  if (call->retried || (!unread && !outdated))
    return FALSE;
  call->retried = TRUE;
  call->opening_failed = FALSE;
  peer_forget (call->link.peer);
  if (unread) {
    call->session_lost = call->link.session != NULL;
    dae_series_add (dae_series (call->self, "mcp_reconnects_total", call->agent->slug), 1);
    g_clear_pointer (&call->stored, g_free);
    g_clear_pointer (&call->link.session, g_free);
    g_clear_pointer (&call->link.protocol, g_free);
  }
  call_go (call);
  return TRUE;
}

static void
call_finish (DaeAgentCall *call, JsonObject *result)
{
  g_autofree char *text = mcp_content_text (jsonrpc_list (result, "content"));

  if (*text == '\0' && jsonrpc_object (result, "structuredContent") != NULL) {
    g_free (text);
    text = jsonrpc_object_text (jsonrpc_object (result, "structuredContent"));
  }
  if (jsonrpc_truth (result, "isError") || mcp_is_model_error (text)) {
    peer_forget (call->link.peer);
    call_fail_said (call, text);
  } else if (!agent_answer_finish (call->answer, text)) {
    call_fail (call, "agent_protocol", "The agent's answer is too large. Ask for less at a time.",
               NULL);
  } else if (*agent_answer_text (call->answer) == '\0') {
    call_fail (call, "agent_error", "The agent gave an empty answer. Ask in other words.", NULL);
  } else {
    call_end (call, "done", NULL, NULL);
  }
}

static void
call_on_reply (const AgentReply *reply, gpointer data)
{
  DaeAgentCall *call = data;

  call->request = NULL;
  if (call->cancelling) {
    call_end (call, "cancelled", NULL, NULL);
    return;
  }
  if (reply->kind == AGENT_REPLY_RESULT) {
    call_finish (call, reply->result);
    return;
  }
  if (!call_again (call, reply))
    call_fail_reply (call, reply);
}

static void
call_on_notification (JsonrpcMessage *message, gpointer data)
{
  DaeAgentCall *call = data;

  call->heard = g_get_monotonic_time ();
  if (agent_answer_take (call->answer, message))
    return;
  call_fail (call, "agent_protocol", "The agent's answer is too large. Ask for less at a time.",
             NULL);
}

static HistoryMode
call_choose_mode (DaeAgentCall *call)
{
  HistoryMode wanted = call->agent->history;
  gboolean argument = call->link.peer->chat->has_history;
  gboolean session = call->link.session != NULL;

  if (wanted == HISTORY_NONE || wanted == HISTORY_TRANSCRIPT)
    return wanted;
  if (argument && wanted != HISTORY_SESSION)
    return HISTORY_ARGUMENT;
  if (session && wanted != HISTORY_ARGUMENT)
    return HISTORY_SESSION;
  return HISTORY_TRANSCRIPT;
}

static gsize
call_history_limit (DaeAgentCall *call, const char *message)
{
  gsize limit = call->agent->history_limit;

  if (call->agent->context_window > 0)
    limit = MIN (limit, (gsize)call->agent->context_window * CALL_BYTES_PER_TOKEN);
  return limit - MIN (limit, strlen (message));
}

/* What is asked, with its files: those that live in this process find them by themselves. Owned. */
static char *
call_dup_message (DaeAgentCall *call)
{
  if (call->agent->internal)
    return g_strdup (call->message);
  return agent_files_message (call->files, call->message, call->link.peer->chat->has_images);
}

/* The arguments of the tool: only ones that its schema has. Owned. */
static JsonObject *
call_arguments (DaeAgentCall *call)
{
  McpChatTool *chat = call->link.peer->chat;
  JsonObject *arguments = json_object_new ();
  g_autofree char *message = call_dup_message (call);
  JsonArray *images = chat->has_images ? agent_files_images (call->files) : NULL;
  gboolean knows =
      call->mode == HISTORY_NONE || (call->mode == HISTORY_SESSION && !call->link.opened);
  guint first =
      knows ? call->n_history
            : history_first (call->history, call->n_history, call_history_limit (call, message));
  /* a session that goes on was told the instructions when it began */
  const char *instructions = knows && call->mode == HISTORY_SESSION ? NULL : call->instructions;

  call->history_cut = !knows && (first > 0 || call->was_cut);
  if (call->mode == HISTORY_ARGUMENT) {
    json_object_set_string_member (arguments, chat->argument, message);
    json_object_set_array_member (
        arguments, "history",
        history_argument (call->history, first, call->n_history, instructions));
  } else {
    g_autofree char *text =
        history_transcript (call->history, first, call->n_history, instructions, message);

    json_object_set_string_member (arguments, chat->argument, text);
  }
  if (images != NULL)
    json_object_set_array_member (arguments, "images", images);
  if (chat->has_conversation && call->conversation_id != NULL)
    json_object_set_string_member (arguments, "conversation_id", call->conversation_id);
  return arguments;
}

static void
call_tool (DaeAgentCall *call)
{
  static const AgentRequestHooks hooks = { .notification = call_on_notification,
                                           .end = call_on_reply };
  JsonObject *params = json_object_new ();
  JsonObject *meta = json_object_new ();

  call->mode = call_choose_mode (call);
  json_object_set_string_member (params, "name", call->link.peer->chat->name);
  json_object_set_object_member (params, "arguments", call_arguments (call));
  json_object_set_string_member (meta, "progressToken",
                                 call->turn_id != NULL ? call->turn_id : "turn");
  json_object_set_object_member (params, "_meta", meta);
  call->heard = g_get_monotonic_time ();
  call->request = agent_request (&call->link, "tools/call", params, 0, &hooks, call);
  if (call->paused)
    agent_request_pause (call->request, TRUE);
}

static void
call_on_opened (const AgentReply *fault, gpointer data)
{
  DaeAgentCall *call = data;

  call->opening = NULL;
  if (call->cancelling)
    return;
  if (fault != NULL) {
    call->opening_failed = TRUE;
    if (!call_again (call, fault))
      call_fail_reply (call, fault);
    return;
  }
  if (call->link.peer->chat == NULL) {
    call_fail (call, "agent_protocol",
               "The agent offers no tool that takes a message. Tell an administrator.",
               call->link.peer->no_chat);
    return;
  }
  call_tool (call);
}

/* Takes the conversation's session, which an earlier result named "REVISION ID", where there is one
 * and it is what remembers the past. */
static void
call_use_stored (DaeAgentCall *call)
{
  const Agent *agent = call->agent;
  McpChatTool *chat = call->link.peer->chat;
  const char *space = call->stored != NULL ? strchr (call->stored, ' ') : NULL;
  g_autofree char *protocol = NULL;

  if (space == NULL || (agent->history != HISTORY_AUTO && agent->history != HISTORY_SESSION) ||
      (agent->history == HISTORY_AUTO && chat != NULL && chat->has_history))
    return;
  protocol = g_strndup (call->stored, (gsize)(space - call->stored));
  if (!mcp_is_known_version (protocol) || !mcp_is_session_id (space + 1))
    return;
  g_free (call->link.protocol);
  g_free (call->link.session);
  call->link.protocol = g_steal_pointer (&protocol);
  call->link.session = g_strdup (space + 1);
}

/* Begins, or begins again: session, handshake as far as it is needed, question. */
static void
call_go (DaeAgentCall *call)
{
  AgentOpening *opening;

  call_use_stored (call);
  opening = agent_open (&call->link, 0, call_on_opened, call);
  /* without an opening the call has gone on already and may even have ended */
  if (opening != NULL)
    call->opening = opening;
}

static void
call_authorize (DaeAgentCall *call)
{
  AgentsData *data = dae_data (call->self);
  g_autofree char *token = NULL;

  if (!call->agent->internal)
    return;
  token = capability_make (data->key, call->slug, call->subject, call->workspace_id,
                           call->conversation_id, dae_now (call->self) + AGENTS_CAPABILITY_US);
  g_free (call->link.authorization);
  call->link.authorization = g_strconcat ("Bearer ", token, NULL);
}

static gboolean
call_begin (DaePlugin *self, gpointer data)
{
  DaeAgentCall *call = data;

  call->timer = 0;
  if (call->agent == NULL) {
    call_fail (call, "agent_unknown", "This agent is not registered any more. Choose another one.",
               NULL);
    return FALSE;
  }
  agent_link_init (&call->link, self, call->agent);
  call->linked = TRUE;
  call_authorize (call);
  call->link.traceparent = g_strdup (call->traceparent);
  call->timer = dae_timer (self, MIN (call->agent->turn_limit_ms, call->agent->silence_limit_ms),
                           call_on_timer, call);
  call_go (call);
  return FALSE;
}

static void
call_copy_history (DaeAgentCall *call, const DaeAgentAsk *ask)
{
  call->n_history = ask->n_history;
  call->history = g_new0 (DaeAgentMessage, ask->n_history + 1);
  for (guint i = 0; i < ask->n_history; i++) {
    call->history[i].role = g_strdup (ask->history[i].role);
    call->history[i].content = g_strdup (ask->history[i].content);
  }
}

DaeAgentCall *
agents_ask (DaePlugin *self, const DaeAgentAsk *ask, const DaeAgentHooks *hooks, gpointer data)
{
  AgentsState *state = dae_state (self);
  DaeAgentCall *call = g_new0 (DaeAgentCall, 1);

  call->self = self;
  call->agent = agents_find (self, ask->agent);
  call->slug = g_strdup (ask->agent);
  call->message = g_strdup (ask->message);
  call->instructions =
      ask->instructions != NULL && *ask->instructions != '\0' ? g_strdup (ask->instructions) : NULL;
  call->conversation_id = g_strdup (ask->conversation_id);
  call->workspace_id = g_strdup (ask->workspace_id);
  call->subject = g_strdup (ask->subject);
  call->turn_id = g_strdup (ask->turn_id);
  call->stored = g_strdup (ask->session);
  if (ask->struct_size >= G_STRUCT_OFFSET (DaeAgentAsk, traceparent) + sizeof ask->traceparent)
    call->traceparent = g_strdup (ask->traceparent);
  call->was_cut = ask->history_cut;
  call_copy_history (call, ask);
  call->files = agent_files_new (ask);
  memcpy (&call->hooks, hooks, MIN (hooks->struct_size, sizeof call->hooks));
  call->data = data;
  call->began = call->heard = g_get_monotonic_time ();
  call->answer = agent_answer_new (call, call->slug, &call->hooks, data);
  g_hash_table_add (state->calls, call);
  call->timer = dae_timer (self, 1, call_begin, call);
  return call;
}

/* ---- cancel, pause ---- */

static gboolean
call_on_cancelled (DaePlugin *self, gpointer data)
{
  DaeAgentCall *call = data;

  call->timer = 0;
  call_end (call, "cancelled", NULL, NULL);
  return FALSE;
}

/* The agent has heard of the cancel: its request can be closed. */
static void
call_on_notice (const AgentReply *reply, gpointer data)
{
  DaeAgentCall *call = data;

  call->notice = NULL;
  call_end (call, "cancelled", NULL, NULL);
}

void
agents_cancel (DaePlugin *self, DaeAgentCall *call)
{
  static const AgentRequestHooks hooks = { .end = call_on_notice };
  JsonObject *params;

  if (call->cancelling)
    return;
  call->cancelling = TRUE;
  agent_answer_mute (call->answer);
  if (call->timer != 0)
    dae_timer_cancel (self, call->timer);
  if (call->request == NULL || call->link.session == NULL) {
    call->timer = dae_timer (self, 1, call_on_cancelled, call);
    return;
  }
  params = json_object_new ();
  json_object_set_int_member (params, "requestId", agent_request_id (call->request));
  json_object_set_string_member (params, "reason", "the person stopped it");
  call->notice = agent_notify (&call->link, "notifications/cancelled", params, &hooks, call);
  call->timer = dae_timer (self, CALL_CANCEL_MS, call_on_cancelled, call);
}

void
agents_pause (DaePlugin *self, DaeAgentCall *call, gboolean paused)
{
  if (call->cancelling)
    return;
  call->paused = paused;
  call->heard = g_get_monotonic_time ();
  if (call->request != NULL)
    agent_request_pause (call->request, paused);
}
