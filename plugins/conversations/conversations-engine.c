/* SPDX-License-Identifier: Apache-2.0 */
/* engine: the turns that this process runs.
 *
 * A queued turn is claimed after the commit that queued it, or by the sweep
 * (conversations-sweep.c). What the agent says becomes events;
 * conversations-beat.c writes them.
 */
#include "conversations-engine.h"

#include <string.h>

#define ENGINE_BEAT_MS        50
#define ENGINE_MAX_UNWRITTEN  (1024 * 1024)
#define ENGINE_CHUNK_BYTES    (64 * 1024)
#define ENGINE_MAX_ACTIVITIES 500
#define ENGINE_TOPIC_WAITING  "turns:waiting"
#define ENGINE_TOPIC_CROWDED  "turns:crowded"

/* ---- runs ------------------------------------------------------------------- */

void
run_event_free (gpointer data)
{
  RunEvent *event = data;

  g_free (event->data);
  g_free (event);
}

static void
run_activity_free (gpointer data)
{
  RunActivity *activity = data;

  g_free (activity->id);
  g_free (activity->parent_id);
  g_free (activity->kind);
  g_free (activity->name);
  g_free (activity->agent);
  g_free (activity->state);
  g_free (activity->summary);
  g_free (activity);
}

void
run_result_free (RunResult *result)
{
  g_free (result->outcome);
  g_free (result->text);
  g_free (result->iterations);
  g_free (result->notes);
  g_free (result->code);
  g_free (result->reason);
  g_free (result->session);
  g_free (result);
}

/* Turns that this plugin left while their agents still spoke: kept for the end that is yet to come.
 */
static GPtrArray *run_left;

static Run *
run_new (Engine *engine, const TurnClaim *claim)
{
  Run *run = g_new0 (Run, 1);

  run->engine = engine;
  run->turn_id = g_strdup (claim->turn_id);
  run->answer_id = g_strdup (claim->answer_id);
  run->conversation_id = g_strdup (claim->conversation_id);
  run->agent = g_strdup (claim->agent);
  run->text = g_string_new (NULL);
  g_queue_init (&run->events);
  run->activities = g_ptr_array_new_with_free_func (run_activity_free);
  run->began = run->renewed = g_get_monotonic_time ();
  return run;
}

static void
run_free (Run *run)
{
  if (run->attach)
    attach_drop (run->attach);
  if (run->result)
    run_result_free (run->result);
  g_queue_clear_full (&run->events, run_event_free);
  g_string_free (run->text, TRUE);
  g_ptr_array_unref (run->activities);
  g_free (run->progress);
  g_free (run->turn_id);
  g_free (run->answer_id);
  g_free (run->conversation_id);
  g_free (run->agent);
  g_free (run);
}

static void
run_push (Run *run, const char *kind, char *data, gsize bytes)
{
  RunEvent *event = g_new0 (RunEvent, 1);

  event->kind = kind;
  event->data = data;
  event->bytes = bytes;
  event->ordinal = ++run->ordinal;
  run->unwritten += bytes;
  g_queue_push_tail (&run->events, event);
}

static DaeJson *
run_event_new (Run *run)
{
  DaeJson *json = dae_json_new (run->engine->self);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "turn_id", run->turn_id);
  return json;
}

/* LENGTH bytes of TEXT, which ends there with NUL. */
static void
run_push_chunk (Run *run, const char *text, gsize length)
{
  DaeJson *json = run_event_new (run);

  dae_json_text (json, "message_id", run->answer_id);
  dae_json_int (json, "offset", run->offset);
  dae_json_text (json, "text", text);
  run_push (run, "turn.chunk", dae_json_finish (json), length);
  run->offset += (gint64)length;
}

/* Large text becomes several chunks, cut between characters. */
static void
run_cut_text (Run *run)
{
  while (run->text->len > 0) {
    gsize length = run->text->len;
    g_autofree char *piece = NULL;

    if (length > ENGINE_CHUNK_BYTES)
      length =
          (gsize)(g_utf8_find_prev_char (run->text->str, run->text->str + ENGINE_CHUNK_BYTES + 1) -
                  run->text->str);
    piece = g_strndup (run->text->str, length);
    run_push_chunk (run, piece, length);
    g_string_erase (run->text, 0, (gssize)length);
  }
}

void
run_cut (Run *run)
{
  run_cut_text (run);
  if (run->progress)
    run_push (run, "turn.progress", g_steal_pointer (&run->progress), 0);
}

static void
run_write_activity (DaeJson *json, const RunActivity *activity)
{
  dae_json_text (json, "activity_id", activity->id);
  dae_json_text (json, "parent_id", activity->parent_id);
  dae_json_text (json, "kind", activity->kind);
  dae_json_text (json, "name", activity->name);
  dae_json_text (json, "agent", activity->agent);
  dae_json_text (json, "state", activity->state);
  dae_json_time (json, "started_at", activity->started_at);
  if (activity->finished_at)
    dae_json_time (json, "finished_at", activity->finished_at);
  else
    dae_json_null (json, "finished_at");
  dae_json_text (json, "summary", activity->summary);
}

char *
run_dup_activities (Run *run)
{
  DaeJson *json = dae_json_new (run->engine->self);

  dae_json_begin_array (json, NULL);
  for (guint i = 0; i < run->activities->len; i++) {
    dae_json_begin_object (json, NULL);
    run_write_activity (json, run->activities->pdata[i]);
    dae_json_end (json);
  }
  return dae_json_finish (json);
}

void
run_balance (Run *run)
{
  const Conversations *own = dae_data (run->engine->self);
  gsize waiting = run->unwritten + run->text->len;
  gboolean pause =
      run->paused ? waiting > ENGINE_MAX_UNWRITTEN / 2 : waiting > ENGINE_MAX_UNWRITTEN;

  if (!run->call || pause == run->paused)
    return;
  run->paused = pause;
  own->agents->pause (own->agents_plugin, run->call, pause);
}

/* ---- what the agent says ---------------------------------------------------- */

static void
run_on_text (DaeAgentCall *call, const char *text, gpointer data)
{
  Run *run = data;
  g_autofree char *valid = NULL;

  if (!run->engine || !*text)
    return;
  if (!g_utf8_validate (text, -1, NULL))
    text = valid = g_utf8_make_valid (text, -1);
  if (!run->has_text)
    dae_series_observe (dae_series (run->engine->self, "agent_first_text_seconds", run->agent),
                        (double)(g_get_monotonic_time () - run->began) / G_USEC_PER_SEC);
  run->has_text = TRUE;
  g_string_append (run->text, text);
  run->call = call;
  run_balance (run);
}

/* Only the last of a beat is kept. */
static void
run_on_progress (
    DaeAgentCall *call, const char *message, double progress, double total, gpointer data)
{
  Run *run = data;
  DaeJson *json;

  if (!run->engine)
    return;
  json = run_event_new (run);
  dae_json_text (json, "message", message);
  dae_json_real (json, "progress", progress);
  if (total < 0)
    dae_json_null (json, "total");
  else
    dae_json_real (json, "total", total);
  g_free (run->progress);
  run->progress = dae_json_finish (json);
}

static RunActivity *
run_find_activity (Run *run, const DaeAgentActivity *said)
{
  RunActivity *activity;

  for (guint i = 0; i < run->activities->len; i++) {
    activity = run->activities->pdata[i];
    if (g_str_equal (activity->id, said->id))
      return activity;
  }
  if (run->activities->len >= ENGINE_MAX_ACTIVITIES)
    return NULL;
  activity = g_new0 (RunActivity, 1);
  activity->id = g_strdup (said->id);
  activity->parent_id = g_strdup (said->parent_id);
  activity->kind = g_strdup (said->kind);
  activity->name = g_strdup (said->name ? said->name : "");
  activity->agent = g_strdup (said->agent);
  activity->started_at = dae_now (run->engine->self);
  g_ptr_array_add (run->activities, activity);
  return activity;
}

static void
run_end_activity (Run *run, RunActivity *activity)
{
  activity->finished_at = dae_now (run->engine->self);
  if (g_str_equal (activity->kind, "tool"))
    dae_series_add (
        dae_series (run->engine->self, "agent_tool_calls_total", run->agent, activity->state), 1);
}

static void
run_on_activity (DaeAgentCall *call, const DaeAgentActivity *said, gpointer data)
{
  Run *run = data;
  RunActivity *activity = run->engine ? run_find_activity (run, said) : NULL;
  DaeJson *json;

  if (!activity)
    return;
  g_free (activity->state);
  activity->state = g_strdup (said->state);
  if (said->summary) {
    g_free (activity->summary);
    activity->summary = g_strdup (said->summary);
  }
  if (!g_str_equal (activity->state, "running") && !activity->finished_at)
    run_end_activity (run, activity);
  run->activities_changed = TRUE;
  /* text that came before stays before */
  run_cut_text (run);
  json = run_event_new (run);
  run_write_activity (json, activity);
  run_push (run, "turn.activity", dae_json_finish (json), 0);
}

/* What has not said its end has ended with the turn. */
static void
run_stop_activities (Run *run, gboolean is_done)
{
  for (guint i = 0; i < run->activities->len; i++) {
    RunActivity *activity = run->activities->pdata[i];

    if (activity->finished_at)
      continue;
    g_free (activity->state);
    activity->state = g_strdup (is_done ? "done" : "failed");
    run_end_activity (run, activity);
  }
}

/* What readers should know of how the answer came about, as JSON: owned. */
static char *
run_dup_notes (const DaeAgentResult *said)
{
  GString *notes = g_string_new ("[");

  if (said->history_cut)
    g_string_append (notes, "\"history_cut\"");
  if (said->session_lost)
    g_string_append_printf (notes, "%s\"session_lost\"", notes->len > 1 ? "," : "");
  g_string_append_c (notes, ']');
  return g_string_free (notes, FALSE);
}

static void
run_on_end (DaeAgentCall *call, const DaeAgentResult *said, gpointer data)
{
  Run *run = data;
  gboolean is_failed = g_str_equal (said->outcome, "failed");
  RunResult *result;

  run->call = NULL;
  if (!run->engine) {
    if (run_left)
      g_ptr_array_remove_fast (run_left, run);
    run_free (run);
    return;
  }
  result = g_new0 (RunResult, 1);
  result->outcome = g_strdup (said->outcome);
  if (said->text && (*said->text || g_str_equal (said->outcome, "done")))
    result->text = g_utf8_make_valid (said->text, -1);
  result->iterations = g_strdup (said->iterations);
  result->notes = run_dup_notes (said);
  if (is_failed) {
    result->code = g_strdup (said->code ? said->code : "agent_error");
    result->reason =
        g_strdup (said->reason ? said->reason : "the agent failed without a reason: ask again");
  }
  result->session = g_strdup (said->session);
  result->session_lost = said->session_lost;
  run->result = result;
  run_stop_activities (run, g_str_equal (said->outcome, "done"));
  engine_beat (run->engine);
}

static const DaeAgentHooks run_hooks = {
  .struct_size = sizeof (DaeAgentHooks),
  .text = run_on_text,
  .progress = run_on_progress,
  .activity = run_on_activity,
  .end = run_on_end,
};

/* ---- runs of the engine ----------------------------------------------------- */

void
engine_cancel (Engine *engine, Run *run)
{
  const Conversations *own = dae_data (engine->self);

  if (run->cancelled || (!run->call && !run->attach))
    return;
  run->cancelled = TRUE;
  if (run->call)
    own->agents->cancel (own->agents_plugin, run->call);
}

/* The oldest turn of all workers that waits is next. */
static void
engine_give_place (Engine *engine)
{
  dae_limit_give (engine->self, DAE_LIMIT_TURNS);
  if (engine->crowded)
    sweep_now (engine);
}

void
engine_drop (Engine *engine, Run *run)
{
  const Conversations *own = dae_data (engine->self);

  dae_series_add (dae_series (engine->self, "agent_turns_active", run->agent), -1);
  engine_give_place (engine);
  g_hash_table_remove (engine->runs, run->turn_id);
  if (g_hash_table_size (engine->runs) == 0 && engine->timer) {
    dae_timer_cancel (engine->self, engine->timer);
    engine->timer = 0;
  }
  run->engine = NULL;
  if (!run->call)
    run_free (run);
  else if (!run->cancelled)
    own->agents->cancel (own->agents_plugin, run->call);
}

static gboolean
engine_on_beat (DaePlugin *self, gpointer data)
{
  engine_beat (data);
  return TRUE;
}

void
engine_speak (Run *run, const TurnClaim *claim, const DaeAgentFile *files, guint n_files)
{
  const Conversations *own = dae_data (run->engine->self);
  DaeAgentAsk ask = {
    .struct_size = sizeof ask,
    .agent = claim->agent,
    .message = claim->question,
    .instructions = claim->instructions && *claim->instructions ? claim->instructions : NULL,
    .conversation_id = claim->conversation_id,
    .workspace_id = claim->workspace_id,
    .subject = claim->subject,
    .turn_id = claim->turn_id,
    .session = claim->session,
    .history = (const DaeAgentMessage *)(gpointer)claim->history->data,
    .n_history = claim->history->len,
    .history_cut = claim->history_cut,
    .traceparent = claim->traceparent,
    .files = files,
    .n_files = n_files,
  };

  run->call = own->agents->ask (own->agents_plugin, &ask, &run_hooks, run);
  if (run->cancelled)
    own->agents->cancel (own->agents_plugin, run->call);
}

static void
engine_ask (Engine *engine, TurnClaim *claim)
{
  Run *run = run_new (engine, claim);

  g_hash_table_insert (engine->runs, run->turn_id, run);
  dae_series_add (dae_series (engine->self, "agent_turns_active", run->agent), 1);
  if (!engine->timer)
    engine->timer = dae_timer (engine->self, ENGINE_BEAT_MS, engine_on_beat, engine);
  attach_begin (run, claim);
}

static gpointer
engine_claim_work (DaeTx *tx, gconstpointer input)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));

  return turn_claim (tx, input, own->worker);
}

/* A claim whose outcome is not known is no run: if it did happen, its lease lapses. */
static void
engine_claim_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);

  if (result && !g_hash_table_contains (state->engine->runs, ((TurnClaim *)result)->turn_id))
    engine_ask (state->engine, result);
  else if (problem) /* what ails the database may last: the next tick looks again */
    dae_limit_give (self, DAE_LIMIT_TURNS);
  else
    engine_give_place (state->engine);
}

/* FALSE: as many turns run as may. Then all workers look for what waits as soon as one has ended.
 */
static gboolean
engine_take_place (Engine *engine)
{
  if (dae_limit_take (engine->self, DAE_LIMIT_TURNS))
    return TRUE;
  if (!engine->crowded)
    dae_hint (engine->self, ENGINE_TOPIC_CROWDED, "");
  engine->crowded = TRUE;
  engine->turned_away++;
  return FALSE;
}

void
engine_claim (DaePlugin *self, gpointer data)
{
  ConversationsState *state = dae_state (self);

  if (!state->engine)
    return;
  if (state->engine->draining) {
    dae_hint (self, ENGINE_TOPIC_WAITING, data);
    return;
  }
  if (!engine_take_place (state->engine))
    return;
  dae_work (self, NULL, DAE_WORK_WRITES, engine_claim_work, g_strdup (data), g_free,
            (GDestroyNotify)turn_claim_unref, engine_claim_done, NULL);
}

/* ---- topics and life -------------------------------------------------------- */

/* TEXT is the id of a turn that a draining process may not take. */
static void
engine_on_waiting (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  Engine *engine = data;

  if (text && !engine->draining)
    engine_claim (self, (gpointer)text);
}

static void
engine_on_crowded (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  Engine *engine = data;

  engine->crowded = TRUE;
  engine->turned_away++;
}

/* "turn:<id>" "cancel"; a lost hint is made good by the next beat. */
static void
engine_on_cancel (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  Engine *engine = data;
  Run *run = text ? g_hash_table_lookup (engine->runs, topic + strlen ("turn:")) : NULL;

  if (run)
    engine_cancel (engine, run);
}

Engine *
engine_new (DaePlugin *self)
{
  Engine *engine = g_new0 (Engine, 1);

  engine->self = self;
  engine->runs = g_hash_table_new (g_str_hash, g_str_equal);
  engine->lapsed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sweep_start (engine);
  dae_subscribe (self, ENGINE_TOPIC_WAITING, engine_on_waiting, engine);
  dae_subscribe (self, ENGINE_TOPIC_CROWDED, engine_on_crowded, engine);
  dae_subscribe (self, "turn:*", engine_on_cancel, engine);
  return engine;
}

void
engine_drain (Engine *engine)
{
  engine->draining = TRUE;
}

/* Runs that are left are interrupted by whoever sees that this process has gone. */
void
engine_free (Engine *engine)
{
  g_autoptr (GList) runs = g_hash_table_get_values (engine->runs);

  for (const GList *link = runs; link; link = link->next) {
    Run *run = link->data;

    dae_limit_give (engine->self, DAE_LIMIT_TURNS);
    if (run->call && !run_left)
      run_left = g_ptr_array_new ();
    if (run->call)
      g_ptr_array_add (run_left, run);
    run->engine = NULL;
    if (!run->call)
      run_free (run);
  }
  if (engine->timer)
    dae_timer_cancel (engine->self, engine->timer);
  g_hash_table_unref (engine->runs);
  g_hash_table_unref (engine->lapsed);
  g_free (engine);
}
