/* SPDX-License-Identifier: Apache-2.0 */
/* conversations: conversations, their messages and turns, and the streams of what happens in them.
 *
 * This file is the descriptor; conversations.h tells what the others hold.
 */
#include "conversations.h"

/* ---- life ------------------------------------------------------------------- */

static void
conversations_data_free (gpointer data)
{
  Conversations *own = data;

  g_free (own->worker);
  g_free (own);
}

/* All plugins have started and registered their agents: what is counted of each is there from the
 * first scrape. */
static gboolean
conversations_on_started (DaePlugin *self, gpointer data)
{
  static const char *const outcomes[] = { "done", "failed", "cancelled", "interrupted" };
  const Conversations *own = dae_data (self);
  g_auto (GStrv) slugs = own->agents->slugs (own->agents_plugin);

  for (char **slug = slugs; *slug; slug++) {
    for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
      dae_series (self, "agent_turns_total", *slug, outcomes[i]);
    for (guint i = 0; i < 2; i++)
      dae_series (self, "agent_tool_calls_total", *slug, outcomes[i]);
    dae_series (self, "agent_turn_duration_seconds", *slug);
    dae_series (self, "agent_first_text_seconds", *slug);
    dae_series (self, "agent_turns_active", *slug);
  }
  return FALSE;
}

static gboolean
conversations_start (DaePlugin *self, GError **error)
{
  Conversations *own = g_new0 (Conversations, 1);
  ConversationsState *state = g_new0 (ConversationsState, 1);

  own->workspaces = dae_service (self, "workspaces/1", &own->workspaces_plugin);
  own->agents = dae_service (self, "agents/1", &own->agents_plugin);
  own->identity = dae_service (self, "identity/1", &own->identity_plugin);
  own->files = dae_service (self, "files/1", &own->files_plugin);
  own->worker = worker_name_new ();
  dae_set_data (self, own, conversations_data_free);
  dae_set_state (self, state, g_free);
  state->streams = streams_new (self);
  state->states = states_new (self);
  state->engine = engine_new (self);
  dae_timer (self, 1, conversations_on_started, NULL);
  return TRUE;
}

static void
conversations_drain (DaePlugin *self)
{
  ConversationsState *state = dae_state (self);

  engine_drain (state->engine);
}

static void
conversations_stop (DaePlugin *self)
{
  ConversationsState *state = dae_state (self);

  engine_free (state->engine);
  streams_free (state->streams);
  states_free (state->states);
  state->engine = NULL;
  state->streams = NULL;
  state->states = NULL;
}

/* ---- rows ------------------------------------------------------------------- */

static const DaeSetting conversations_settings[] = {
  { .key = "keep-events",
    .type = DAE_SETTING_DURATION,
    .fallback = "30d",
    .help =
        "How long a stream can be resumed; a page that comes back later reads the messages anew",
    .min = 3600000,
    .max = G_GINT64_CONSTANT (315360000000) },
};

static const double conversations_turn_buckets[] = { 0.1, 0.25, 0.5, 1,   2.5, 5,   10, 20,
                                                     30,  60,   120, 180, 240, 300, 330 };
static const double conversations_text_buckets[] = { 0.05, 0.1, 0.25, 0.5, 1,  2.5,
                                                     5,    10,  30,   60,  150 };
static const double conversations_delivery_buckets[] = { 0.005, 0.01, 0.025, 0.05, 0.1,
                                                         0.25,  0.5,  1,     2.5,  10 };

static const DaeMetric conversations_metrics[] = {
  { .name = "agent_turns_total",
    .type = DAE_COUNTER,
    .help = "Turns that ended",
    .labels = "agent outcome=done|failed|cancelled|interrupted" },
  { .name = "agent_turn_duration_seconds",
    .type = DAE_HISTOGRAM,
    .help = "From the start of a turn to its end",
    .labels = "agent",
    .buckets = conversations_turn_buckets,
    .n_buckets = G_N_ELEMENTS (conversations_turn_buckets) },
  { .name = "agent_first_text_seconds",
    .type = DAE_HISTOGRAM,
    .help = "From the start of a turn to the first text of its answer",
    .labels = "agent",
    .buckets = conversations_text_buckets,
    .n_buckets = G_N_ELEMENTS (conversations_text_buckets) },
  { .name = "agent_turns_active",
    .type = DAE_GAUGE,
    .help = "Turns that run now",
    .labels = "agent" },
  { .name = "agent_tool_calls_total",
    .type = DAE_COUNTER,
    .help = "Tool calls that agents reported",
    .labels = "agent outcome=done|failed" },
  { .name = "events_total",
    .type = DAE_COUNTER,
    .help = "Events stored",
    .labels = "kind=" EVENT_KINDS },
  { .name = "event_delivery_seconds",
    .type = DAE_HISTOGRAM,
    .help = "From storing an event to handing it to the kernel",
    .buckets = conversations_delivery_buckets,
    .n_buckets = G_N_ELEMENTS (conversations_delivery_buckets) },
};

static const DaeMember conversations_list_query[] = {
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "cursor", .type = DAE_MEMBER_TEXT, .min = 1, .max = 500 },
  { .name = "archived", .type = DAE_MEMBER_BOOL },
};

static const DaeMember conversations_create_members[] = {
  { .name = "title", .type = DAE_MEMBER_TEXT, .min = 1, .max = 200 },
  { .name = "agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
};

static const DaeMember conversations_update_members[] = {
  { .name = "title", .type = DAE_MEMBER_TEXT, .min = 1, .max = 200 },
  { .name = "agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
  { .name = "pinned", .type = DAE_MEMBER_BOOL },
  { .name = "archived", .type = DAE_MEMBER_BOOL },
};

static const DaeMember conversations_messages_query[] = {
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "cursor", .type = DAE_MEMBER_TEXT, .min = 1, .max = 500 },
  { .name = "around", .type = DAE_MEMBER_UUID },
};

static const DaeMember conversations_post_members[] = {
  { .name = "content",
    .type = DAE_MEMBER_TEXT,
    .flags = DAE_MEMBER_REQUIRED | DAE_MEMBER_MULTILINE,
    .min = 1,
    .max = 100000 },
  { .name = "agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
  { .name = "parent_id", .type = DAE_MEMBER_UUID, .flags = DAE_MEMBER_NULLABLE },
  { .name = "file_ids", .type = DAE_MEMBER_UUID_LIST, .max = 20 },
};

static const DaeMember conversations_current_members[] = {
  { .name = "message_id", .type = DAE_MEMBER_UUID, .flags = DAE_MEMBER_REQUIRED },
};

static const DaeMember conversations_read_members[] = {
  { .name = "seq",
    .type = DAE_MEMBER_INT,
    .flags = DAE_MEMBER_REQUIRED,
    .min = 0,
    .max = G_GINT64_CONSTANT (9007199254740991) },
};

static const DaeMember conversations_stream_query[] = {
  { .name = "after",
    .type = DAE_MEMBER_INT,
    .min = 0,
    .max = G_GINT64_CONSTANT (9007199254740991) },
};

static const DaeMember conversations_watch_query[] = {
  { .name = "watch", .type = DAE_MEMBER_TEXT, .min = 0, .max = 50 * 53 },
};

static const DaeRoute conversations_routes[] = {
  { .method = "GET",
    .pattern = "/api/workspaces/{workspace_id:uuid}/conversations",
    .answer = conversation_list,
    .query = DAE_TABLE (conversations_list_query) },
  { .method = "POST",
    .pattern = "/api/workspaces/{workspace_id:uuid}/conversations",
    .answer = conversation_create,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_IDEMPOTENT,
    .members = DAE_TABLE (conversations_create_members) },
  { .method = "GET",
    .pattern = "/api/conversations/{conversation_id:uuid}",
    .answer = conversation_show },
  { .method = "PATCH",
    .pattern = "/api/conversations/{conversation_id:uuid}",
    .answer = conversation_update,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (conversations_update_members) },
  { .method = "DELETE",
    .pattern = "/api/conversations/{conversation_id:uuid}",
    .answer = conversation_delete },
  { .method = "GET",
    .pattern = "/api/conversations/{conversation_id:uuid}/messages",
    .answer = message_list,
    .query = DAE_TABLE (conversations_messages_query) },
  { .method = "POST",
    .pattern = "/api/conversations/{conversation_id:uuid}/messages",
    .answer = ask_post,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_IDEMPOTENT,
    .members = DAE_TABLE (conversations_post_members) },
  { .method = "GET",
    .pattern = "/api/messages/{message_id:uuid}/siblings",
    .answer = message_siblings },
  { .method = "PUT",
    .pattern = "/api/conversations/{conversation_id:uuid}/current",
    .answer = conversation_set_current,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (conversations_current_members) },
  { .method = "PUT",
    .pattern = "/api/conversations/{conversation_id:uuid}/read",
    .answer = conversation_set_read,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (conversations_read_members) },
  { .method = "GET",
    .pattern = "/api/conversations/{conversation_id:uuid}/events",
    .loop = stream_conversation,
    .flags = DAE_ROUTE_STREAMS,
    .query = DAE_TABLE (conversations_stream_query) },
  { .method = "GET",
    .pattern = "/api/events",
    .loop = state_stream,
    .flags = DAE_ROUTE_STREAMS,
    .query = DAE_TABLE (conversations_watch_query) },
  { .method = "GET", .pattern = "/api/turns/{turn_id:uuid}", .answer = turn_show },
  { .method = "POST", .pattern = "/api/turns/{turn_id:uuid}/cancel", .answer = turn_cancel },
};

static const DaeJob conversations_jobs[] = {
  { .name = "tidy-chunks", .every_ms = 10000, .step = tidy_chunks },
  { .name = "tidy-events", .every_ms = 300000, .step = tidy_events },
  { .name = "tidy-deleted", .every_ms = 5000, .step = tidy_deleted },
};

static const DaeService conversations_services[] = {
  { "conversations/1", &search_service },
};

DAE_PLUGIN_DEFINE (.name = "conversations",
                   .version = "0.1.0",
                   .summary = "Conversations, their messages, turns and event streams",
                   .needs = (const char *const[]){ "workspaces/1", "agents/1", NULL },
                   .wants = (const char *const[]){ "identity/1", "files/1", NULL },
                   .provides = DAE_TABLE (conversations_services),
                   .settings = DAE_TABLE (conversations_settings),
                   .metrics = DAE_TABLE (conversations_metrics),
                   .routes = DAE_TABLE (conversations_routes),
                   .jobs = DAE_TABLE (conversations_jobs),
                   .start = conversations_start,
                   .drain = conversations_drain,
                   .stop = conversations_stop,
                   .merge_people = conversation_merge_people);
