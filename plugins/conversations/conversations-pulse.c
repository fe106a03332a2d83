/* SPDX-License-Identifier: Apache-2.0 */
/* pulse: what callers' streams tell after their snapshot.
 *
 * A hint of activity marks a conversation; a tenth of a second later all marked
 * ones are read once and told to every caller of this process who may see them.
 */
#include "conversations-state.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define PULSE_MS        100
#define PULSE_AGENTS_MS 10000
#define PULSE_MAX_HEARD 10000

/* A conversation of which something moved. */
typedef struct {
  char *conversation_id, *workspace_id;
  char *subject;     /* only theirs; NULL: everybody's */
  GHashTable *turns; /* set */
  /* as read: */
  GPtrArray *turn_bytes; /* (element-type GBytes) */
  GHashTable *marks;     /* subject -> gint64 * */
  char *title;           /* NULL: it has gone */
  gint64 last_seq, last_activity_at;
  gboolean is_deleted;
} Pulse;

static void
pulse_free (gpointer data)
{
  Pulse *pulse = data;

  g_free (pulse->conversation_id);
  g_free (pulse->workspace_id);
  g_free (pulse->subject);
  g_free (pulse->title);
  g_hash_table_unref (pulse->turns);
  g_ptr_array_unref (pulse->turn_bytes);
  g_hash_table_unref (pulse->marks);
  g_free (pulse);
}

static Pulse *
pulse_new (const char *conversation_id, const char *workspace_id, const char *subject)
{
  Pulse *pulse = g_new0 (Pulse, 1);

  pulse->conversation_id = g_strdup (conversation_id);
  pulse->workspace_id = g_strdup (workspace_id);
  pulse->subject = g_strdup (subject);
  pulse->turns = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  pulse->turn_bytes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  pulse->marks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return pulse;
}

static void
pulse_read_turn (DaeTx *tx, Pulse *pulse, const char *turn_id)
{
  DaeRows *row =
      dae_query_one (tx, "SELECT agent, state FROM turn WHERE id = $1 AND conversation_id = $2",
                     DAE_UUID (turn_id), DAE_UUID (pulse->conversation_id));
  DaeJson *json;
  g_autofree char *data = NULL;

  if (!row)
    return;
  json = dae_json_new (tx);
  state_write_turn (json, turn_id, pulse->conversation_id, pulse->workspace_id,
                    dae_row_text (row, 0), dae_row_text (row, 1));
  data = dae_json_finish (json);
  g_ptr_array_add (pulse->turn_bytes, event_format ("state.turn", data));
}

static void
pulse_read (DaeTx *tx, Pulse *pulse)
{
  DaeRows *rows =
      dae_query_one (tx,
                     "SELECT c.title, l.last_seq, c.last_activity_at, c.deleted_at IS NOT NULL"
                     " FROM conversation c JOIN conversation_log l ON l.conversation_id = c.id"
                     " WHERE c.id = $1",
                     DAE_UUID (pulse->conversation_id));
  GHashTableIter iter;
  gpointer turn_id;

  if (!rows)
    return;
  pulse->title = g_strdup (dae_row_text (rows, 0));
  pulse->last_seq = dae_row_int (rows, 1);
  pulse->last_activity_at = dae_row_int (rows, 2);
  pulse->is_deleted = dae_row_int (rows, 3) != 0;
  rows = dae_query (tx, "SELECT subject, seq FROM read_mark WHERE conversation_id = $1",
                    DAE_UUID (pulse->conversation_id));
  while (dae_rows_next (rows)) {
    gint64 seq = dae_row_int (rows, 1);

    g_hash_table_insert (pulse->marks, g_strdup (dae_row_text (rows, 0)),
                         g_memdup2 (&seq, sizeof seq));
  }
  g_hash_table_iter_init (&iter, pulse->turns);
  while (g_hash_table_iter_next (&iter, &turn_id, NULL))
    pulse_read_turn (tx, pulse, turn_id);
}

/* INPUT is an array of Pulse as marked; a fresh one, as read. */
static gpointer
states_pulse_work (DaeTx *tx, gconstpointer input)
{
  const GPtrArray *marked = input;
  GPtrArray *pulses = g_ptr_array_new_with_free_func (pulse_free);

  for (guint i = 0; i < marked->len; i++) {
    const Pulse *mark = marked->pdata[i];
    Pulse *pulse = pulse_new (mark->conversation_id, mark->workspace_id, mark->subject);
    GHashTableIter iter;
    gpointer turn_id;

    g_hash_table_iter_init (&iter, mark->turns);
    while (g_hash_table_iter_next (&iter, &turn_id, NULL))
      g_hash_table_add (pulse->turns, g_strdup (turn_id));
    pulse_read (tx, pulse);
    g_ptr_array_add (pulses, pulse);
  }
  return pulses;
}

static GBytes *
pulse_format (DaePlugin *self, const Pulse *pulse, gint64 read_seq)
{
  DaeJson *json = dae_json_new (self);
  g_autofree char *data = NULL;

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "conversation_id", pulse->conversation_id);
  dae_json_text (json, "workspace_id", pulse->workspace_id);
  dae_json_text (json, "title", pulse->title);
  dae_json_int (json, "last_seq", pulse->last_seq);
  dae_json_int (json, "read_seq", read_seq);
  dae_json_time (json, "last_activity_at", pulse->last_activity_at);
  dae_json_bool (json, "deleted", pulse->is_deleted);
  data = dae_json_finish (json);
  return event_format ("state.conversation", data);
}

static gboolean
pulse_is_for (const Pulse *pulse, const Outlet *outlet)
{
  return g_hash_table_contains (outlet->caller->workspaces, pulse->workspace_id) &&
         (!pulse->subject || g_str_equal (pulse->subject, outlet->subject));
}

static void
pulse_tell (ConversationsState *state, const Pulse *pulse, Outlet *outlet, GHashTable *frames)
{
  const gint64 *mark = g_hash_table_lookup (pulse->marks, outlet->subject);
  gint64 read_seq = mark ? *mark : 0;
  GBytes *bytes = g_hash_table_lookup (frames, &read_seq);

  for (guint i = 0; i < pulse->turn_bytes->len; i++)
    if (!streams_write (state->streams, outlet, pulse->turn_bytes->pdata[i]))
      return;
  if (!bytes) {
    bytes = pulse_format (outlet->self, pulse, read_seq);
    g_hash_table_insert (frames, g_memdup2 (&read_seq, sizeof read_seq), bytes);
  }
  streams_write (state->streams, outlet, bytes);
}

static void
states_pulse_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const GPtrArray *pulses = result;

  if (!pulses) {
    states_tell_all (state->states);
    return;
  }
  for (guint i = 0; i < pulses->len; i++) {
    const Pulse *pulse = pulses->pdata[i];
    g_autoptr (GPtrArray) callers = streams_callers (state->streams);
    g_autoptr (GHashTable) frames =
        g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_bytes_unref);

    for (guint j = 0; pulse->title && j < callers->len; j++)
      if (pulse_is_for (pulse, callers->pdata[j]))
        pulse_tell (state, pulse, callers->pdata[j], frames);
  }
}

static gboolean
states_on_pulse (DaePlugin *self, gpointer data)
{
  States *states = data;
  GPtrArray *marked = g_ptr_array_new_with_free_func (pulse_free);
  GHashTableIter iter;
  gpointer pulse;

  states->waiting = FALSE;
  g_hash_table_iter_init (&iter, states->marked);
  while (g_hash_table_iter_next (&iter, NULL, &pulse)) {
    g_ptr_array_add (marked, pulse);
    g_hash_table_iter_steal (&iter);
  }
  dae_work (self, NULL, 0, states_pulse_work, marked, (GDestroyNotify)g_ptr_array_unref,
            (GDestroyNotify)g_ptr_array_unref, states_pulse_done, NULL);
  return FALSE;
}

static gboolean
states_has_reader (States *states, const char *workspace_id, const char *subject)
{
  ConversationsState *state = dae_state (states->self);
  g_autoptr (GPtrArray) callers = streams_callers (state->streams);

  for (guint i = 0; i < callers->len; i++) {
    const Outlet *outlet = callers->pdata[i];

    if (g_hash_table_contains (outlet->caller->workspaces, workspace_id) &&
        (!subject || g_str_equal (subject, outlet->subject)))
      return TRUE;
  }
  return FALSE;
}

static void
states_note_heard (States *states, const char *workspace_id)
{
  guint64 number = ++states->heard_last;

  if (g_hash_table_size (states->heard) >= PULSE_MAX_HEARD) {
    g_hash_table_remove_all (states->heard);
    states->heard_from = number;
  }
  g_hash_table_replace (states->heard, g_strdup (workspace_id), g_memdup2 (&number, sizeof number));
}

gboolean
states_has_heard (States *states, const Caller *caller, guint64 since)
{
  GHashTableIter iter;
  gpointer workspace_id;

  if (states->heard_from > since)
    return TRUE;
  g_hash_table_iter_init (&iter, caller->workspaces);
  while (g_hash_table_iter_next (&iter, &workspace_id, NULL)) {
    const guint64 *number = g_hash_table_lookup (states->heard, workspace_id);

    if (number && *number > since)
      return TRUE;
  }
  return FALSE;
}

/* "activity:<workspace>" "<conversation> <turn or -> [subject]" */
static void
states_on_activity (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  States *states = data;
  const char *workspace_id = topic + strlen ("activity:");
  g_auto (GStrv) words = NULL;
  Pulse *pulse;

  if (!text) {
    states->heard_from = ++states->heard_last;
    states_tell_all (states);
    return;
  }
  states_note_heard (states, workspace_id);
  words = g_strsplit (text, " ", 3);
  if (g_strv_length (words) < 2 || !states_has_reader (states, workspace_id, words[2]))
    return;
  pulse = g_hash_table_lookup (states->marked, words[0]);
  if (!pulse) {
    pulse = pulse_new (words[0], workspace_id, words[2]);
    g_hash_table_insert (states->marked, pulse->conversation_id, pulse);
  }
  if (pulse->subject && g_strcmp0 (pulse->subject, words[2]) != 0)
    g_clear_pointer (&pulse->subject, g_free);
  if (!g_str_equal (words[1], "-"))
    g_hash_table_add (pulse->turns, g_strdup (words[1]));
  if (!states->waiting)
    dae_timer (self, PULSE_MS, states_on_pulse, states);
  states->waiting = TRUE;
}

/* ---- agents ----------------------------------------------------------------- */

static gpointer
states_agents_work (DaeTx *tx, gconstpointer input)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  DaeJson *json = dae_json_new (tx);

  dae_json_begin_object (json, NULL);
  own->agents->write_states (own->agents_plugin, tx, json, "agents");
  return dae_json_finish (json);
}

/* Tells the agent's state if there is news of it, or if it is another than before. */
static void
states_tell_agent (States *states, JsonNode *agent, GHashTable *news, GHashTable *now)
{
  ConversationsState *state = dae_state (states->self);
  const char *slug = json_object_get_string_member (json_node_get_object (agent), "slug");
  char *data = json_to_string (agent, FALSE);
  const char *before = states->agents ? g_hash_table_lookup (states->agents, slug) : data;
  g_autoptr (GPtrArray) callers = NULL;
  g_autoptr (GBytes) bytes = NULL;

  g_hash_table_insert (now, g_strdup (slug), data);
  /* of what was news, a caller's snapshot may hold either end */
  if (g_strcmp0 (before, data) == 0 && !g_hash_table_contains (news, slug))
    return;
  callers = streams_callers (state->streams);
  bytes = event_format ("state.agent", data);
  for (guint i = 0; i < callers->len; i++)
    streams_write (state->streams, callers->pdata[i], bytes);
}

/* For the next reading. */
static void
states_keep_news (States *states, GHashTable *news)
{
  GHashTableIter iter;
  gpointer slug;

  g_hash_table_iter_init (&iter, news);
  while (g_hash_table_iter_next (&iter, &slug, NULL))
    g_hash_table_add (states->agent_news, g_strdup (slug));
}

static void states_read_agents (States *states);

static void
states_agents_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  States *states = state->states;
  g_autoptr (GHashTable) news = data;
  g_autoptr (JsonParser) parser = json_parser_new ();
  GHashTable *now;
  JsonArray *agents;

  states->reading_agents = FALSE;
  if (!result || !json_parser_load_from_data (parser, result, -1, NULL)) {
    states_keep_news (states, news);
    return;
  }
  agents =
      json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "agents");
  now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < json_array_get_length (agents); i++)
    states_tell_agent (states, json_array_get_element (agents, i), news, now);
  g_clear_pointer (&states->agents, g_hash_table_unref);
  states->agents = now;
  if (g_hash_table_size (states->agent_news) > 0)
    states_read_agents (states);
}

static void
states_read_agents (States *states)
{
  ConversationsState *state = dae_state (states->self);
  g_autoptr (GPtrArray) callers = streams_callers (state->streams);

  if (states->reading_agents)
    return;
  if (callers->len == 0) { /* their snapshots will say it */
    g_hash_table_remove_all (states->agent_news);
    return;
  }
  states->reading_agents = TRUE;
  dae_work (states->self, NULL, 0, states_agents_work, NULL, NULL, g_free, states_agents_done,
            g_steal_pointer (&states->agent_news));
  states->agent_news = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static gboolean
states_on_agents_tick (DaePlugin *self, gpointer data)
{
  states_read_agents (data);
  return TRUE;
}

/* "agents:health" "<agent>"; NULL: some may have been lost, and the comparison has to do. */
static void
states_on_agents (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  States *states = data;

  if (text)
    g_hash_table_add (states->agent_news, g_strdup (text));
  states_read_agents (states);
}

/* ---- life ------------------------------------------------------------------- */

States *
states_new (DaePlugin *self)
{
  States *states = g_new0 (States, 1);

  states->self = self;
  states->marked = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, pulse_free);
  states->agent_news = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  states->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  dae_subscribe (self, "activity:*", states_on_activity, states);
  dae_subscribe (self, "agents:health", states_on_agents, states);
  dae_timer (self, PULSE_AGENTS_MS, states_on_agents_tick, states);
  return states;
}

void
states_free (States *states)
{
  g_hash_table_unref (states->marked);
  g_clear_pointer (&states->agents, g_hash_table_unref);
  g_hash_table_unref (states->agent_news);
  g_hash_table_unref (states->heard);
  g_free (states);
}
