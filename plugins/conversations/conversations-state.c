/* SPDX-License-Identifier: Apache-2.0 */
/* state: the caller's stream, one for each browser, and its snapshot: running turns, unread
 * conversations, agents. conversations-pulse.c tells what changes.
 */
#include "conversations-state.h"

#include <string.h>

#define STATE_MAX_WATCH    50
#define STATE_WATCH_LENGTH 37
#define STATE_MAX_RUNNING  1000
#define STATE_MAX_POSITION G_GINT64_CONSTANT (999999999999999)

/* ---- the snapshot ----------------------------------------------------------- */

void
caller_free (Caller *caller)
{
  g_hash_table_unref (caller->workspaces);
  g_free (caller);
}

static guint
state_level (const char *role)
{
  if (g_strcmp0 (role, "owner") == 0)
    return ACCESS_OWN;
  return g_strcmp0 (role, "editor") == 0 ? ACCESS_WRITE : ACCESS_READ;
}

GHashTable *
state_workspaces (DaeTx *tx, const char *subject)
{
  GHashTable *workspaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  DaeRows *rows = dae_query (tx,
                             "SELECT m.workspace_id, m.role FROM workspace_member m JOIN workspace "
                             "w ON w.id = m.workspace_id"
                             " WHERE m.subject = $1 AND w.deleted_at IS NULL",
                             DAE_TEXT (subject));

  while (dae_rows_next (rows))
    g_hash_table_insert (workspaces, g_strdup (dae_row_text (rows, 0)),
                         GUINT_TO_POINTER (state_level (dae_row_text (rows, 1))));
  return workspaces;
}

void
state_write_turn (DaeJson *json,
                  const char *turn_id,
                  const char *conversation_id,
                  const char *workspace_id,
                  const char *agent,
                  const char *turn_state)
{
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "turn_id", turn_id);
  dae_json_text (json, "conversation_id", conversation_id);
  dae_json_text (json, "workspace_id", workspace_id);
  dae_json_text (json, "agent", agent);
  dae_json_text (json, "state", turn_state);
  dae_json_end (json);
}

/* CROSS JOIN has SQLite begin with the few turns that are open. */
static void
state_write_running (DaeTx *tx, DaeJson *json, const char *subject)
{
  DaeRows *rows = dae_query (tx,
                             "SELECT t.id, t.conversation_id, c.workspace_id, t.agent, t.state"
                             " FROM turn t CROSS JOIN conversation c CROSS JOIN workspace_member m"
                             " CROSS JOIN workspace w WHERE t.finished_at IS NULL"
                             " AND c.id = t.conversation_id AND c.deleted_at IS NULL"
                             " AND m.workspace_id = c.workspace_id AND m.subject = $1"
                             " AND w.id = c.workspace_id AND w.deleted_at IS NULL"
                             " ORDER BY t.conversation_id, t.position LIMIT $2",
                             DAE_TEXT (subject), DAE_INT (STATE_MAX_RUNNING));

  dae_json_begin_array (json, "running");
  while (dae_rows_next (rows))
    state_write_turn (json, dae_row_text (rows, 0), dae_row_text (rows, 1), dae_row_text (rows, 2),
                      dae_row_text (rows, 3), dae_row_text (rows, 4));
  dae_json_end (json);
}

static void
state_write_unread (DaeTx *tx, DaeJson *json, const char *subject)
{
  DaeRows *rows = dae_query (
      tx,
      "SELECT c.id, c.workspace_id, l.last_seq, coalesce (r.seq, 0) FROM workspace_member m"
      " JOIN workspace w ON w.id = m.workspace_id AND w.deleted_at IS NULL"
      " JOIN conversation c ON c.workspace_id = m.workspace_id AND c.deleted_at IS NULL"
      " JOIN conversation_log l ON l.conversation_id = c.id"
      " LEFT JOIN read_mark r ON r.conversation_id = c.id AND r.subject = m.subject"
      " WHERE m.subject = $1 AND l.last_seq > coalesce (r.seq, 0)"
      " ORDER BY c.last_activity_at DESC LIMIT 200",
      DAE_TEXT (subject));

  dae_json_begin_array (json, "unread");
  while (dae_rows_next (rows)) {
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "conversation_id", dae_row_text (rows, 0));
    dae_json_text (json, "workspace_id", dae_row_text (rows, 1));
    dae_json_int (json, "last_seq", dae_row_int (rows, 2));
    dae_json_int (json, "read_seq", dae_row_int (rows, 3));
    dae_json_end (json);
  }
  dae_json_end (json);
}

/* Owned. */
static GBytes *
state_format (DaeTx *tx, const char *subject)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  DaeJson *json = dae_json_new (tx);
  g_autofree char *data = NULL;

  dae_json_begin_object (json, NULL);
  state_write_running (tx, json, subject);
  state_write_unread (tx, json, subject);
  own->agents->write_states (own->agents_plugin, tx, json, "agents");
  dae_json_text (json, "build", dae_host_info (dae_tx_plugin (tx))->host_version);
  data = dae_json_finish (json);
  return event_format ("state", data);
}

/* ---- opening ---------------------------------------------------------------- */

typedef struct {
  char *conversation_id, *workspace_id;
  gint64 after;
  EventPage *page; /* NULL: not to be read */
} StateWatch;

typedef struct {
  DaeRequest *req;    /* shared */
  GPtrArray *watches; /* (element-type StateWatch) */
  guint64 heard;      /* hints of activity before the snapshot was read */
  guint64 doubts;     /* and of access */
} StateOpening;

typedef struct {
  GBytes *state;
  GHashTable *workspaces; /* given away by the one who takes it */
  GPtrArray *watches;     /* (element-type StateWatch) */
} StateOpened;

static void
state_watch_free (gpointer data)
{
  StateWatch *watch = data;

  g_clear_pointer (&watch->page, event_page_free);
  g_free (watch->conversation_id);
  g_free (watch->workspace_id);
  g_free (watch);
}

static void
state_opening_free (gpointer data)
{
  StateOpening *opening = data;

  g_ptr_array_unref (opening->watches);
  dae_request_unref (opening->req);
  g_free (opening);
}

static void
state_opened_free (gpointer data)
{
  StateOpened *opened = data;

  g_bytes_unref (opened->state);
  g_clear_pointer (&opened->workspaces, g_hash_table_unref);
  g_ptr_array_unref (opened->watches);
  g_free (opened);
}

static StateWatch *
state_read_watch (DaeTx *tx, const StateWatch *asked, GHashTable *workspaces)
{
  Conversation conversation;
  StateWatch *watch;

  if (!conversation_load (tx, asked->conversation_id, &conversation) ||
      !g_hash_table_contains (workspaces, conversation.workspace_id))
    return NULL;
  watch = g_new0 (StateWatch, 1);
  watch->conversation_id = g_strdup (conversation.id);
  watch->workspace_id = g_strdup (conversation.workspace_id);
  watch->page = event_read (tx, conversation.id, asked->after);
  return watch;
}

static gpointer
state_open_work (DaeTx *tx, gconstpointer input)
{
  const StateOpening *opening = input;
  const char *subject = dae_request_user (opening->req)->subject;
  StateOpened *opened = g_new0 (StateOpened, 1);

  opened->state = state_format (tx, subject);
  opened->workspaces = state_workspaces (tx, subject);
  opened->watches = g_ptr_array_new_with_free_func (state_watch_free);
  for (guint i = 0; i < opening->watches->len; i++) {
    StateWatch *watch = state_read_watch (tx, opening->watches->pdata[i], opened->workspaces);

    if (watch)
      g_ptr_array_add (opened->watches, watch);
  }
  return opened;
}

static void state_tell_again (States *states, Outlet *outlet);

static void
state_open_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const StateOpening *opening = data;
  StateOpened *opened = result;
  Caller *caller;
  Outlet *outlet;
  guint64 id;

  if (!opened) {
    dae_send (opening->req, dae_reply_problem (opening->req, 503, "unavailable",
                                               "the database cannot be asked now"));
    return;
  }
  caller = g_new0 (Caller, 1);
  caller->workspaces = g_steal_pointer (&opened->workspaces);
  outlet = streams_open (state->streams, opening->req, caller);
  id = outlet->id;
  if (!streams_write (state->streams, outlet, opened->state))
    return;
  for (guint i = 0; i < opened->watches->len && streams_find (state->streams, id); i++) {
    StateWatch *watch = opened->watches->pdata[i];

    streams_watch (state->streams, outlet, watch->conversation_id, watch->workspace_id,
                   g_steal_pointer (&watch->page));
  }
  outlet = streams_find (state->streams, id);
  if (!outlet)
    return;
  streams_doubt_since (state->streams, outlet, opening->doubts);
  if (states_has_heard (state->states, outlet->caller, opening->heard))
    state_tell_again (state->states, outlet);
}

/* "<conversation>:<after>"; NULL: it is something else. */
static StateWatch *
state_parse_watch (const char *text)
{
  StateWatch *watch;
  guint64 after;

  if (strlen (text) <= STATE_WATCH_LENGTH || text[STATE_WATCH_LENGTH - 1] != ':' ||
      !conversation_parse_id (text, STATE_WATCH_LENGTH - 1) ||
      !g_ascii_string_to_unsigned (text + STATE_WATCH_LENGTH, 10, 0, STATE_MAX_POSITION, &after,
                                   NULL))
    return NULL;
  watch = g_new0 (StateWatch, 1);
  watch->conversation_id = g_strndup (text, STATE_WATCH_LENGTH - 1);
  watch->after = (gint64)after;
  return watch;
}

static gboolean
state_has_watch (GPtrArray *watches, const char *conversation_id)
{
  for (guint i = 0; i < watches->len; i++)
    if (g_str_equal (((StateWatch *)watches->pdata[i])->conversation_id, conversation_id))
      return TRUE;
  return FALSE;
}

/* FALSE: TEXT is no list of watches, or too long. */
static gboolean
state_parse_watches (const char *text, GPtrArray *watches)
{
  g_auto (GStrv) items = g_strsplit (text ? text : "", ",", STATE_MAX_WATCH + 2);

  if (g_strv_length (items) > STATE_MAX_WATCH)
    return FALSE;
  for (guint i = 0; items[i]; i++) {
    StateWatch *watch = state_parse_watch (items[i]);

    if (!watch)
      return FALSE;
    if (state_has_watch (watches, watch->conversation_id))
      state_watch_free (watch);
    else
      g_ptr_array_add (watches, watch);
  }
  return TRUE;
}

DaeOutcome
state_stream (DaeRequest *req, DaePlugin *self)
{
  g_autoptr (GPtrArray) watches = g_ptr_array_new_with_free_func (state_watch_free);
  ConversationsState *state = dae_state (self);
  StateOpening *opening;

  if (!state_parse_watches (dae_request_query (req, "watch"), watches))
    return dae_send (req, conversation_unprocessable (
                              req, "?watch", "is not a list of up to 50 conversation_id:after"));
  opening = g_new0 (StateOpening, 1);
  opening->req = dae_request_ref (req);
  opening->heard = state->states->heard_last;
  opening->doubts = streams_doubts (state->streams);
  opening->watches = g_steal_pointer (&watches);
  dae_work (self, req, 0, state_open_work, opening, state_opening_free, state_opened_free,
            state_open_done, opening);
  return DAE_LATER;
}

/* ---- snapshots again -------------------------------------------------------- */

typedef struct {
  guint64 outlet;
  char *subject;
} StateAgain;

static void
state_again_free (gpointer data)
{
  StateAgain *again = data;

  g_free (again->subject);
  g_free (again);
}

static gpointer
state_again_work (DaeTx *tx, gconstpointer input)
{
  return state_format (tx, ((const StateAgain *)input)->subject);
}

static void
state_again_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  Outlet *outlet = streams_find (state->streams, ((const StateAgain *)data)->outlet);

  if (outlet && result)
    streams_write (state->streams, outlet, result);
}

static void
state_tell_again (States *states, Outlet *outlet)
{
  StateAgain *again = g_new0 (StateAgain, 1);

  again->outlet = outlet->id;
  again->subject = g_strdup (outlet->subject);
  dae_work (states->self, NULL, 0, state_again_work, again, state_again_free,
            (GDestroyNotify)g_bytes_unref, state_again_done, again);
}

gboolean
states_set_workspaces (States *states, Outlet *outlet, GHashTable *workspaces)
{
  GHashTable *before = outlet->caller->workspaces;
  gboolean has_more = g_hash_table_size (before) != g_hash_table_size (workspaces);
  GHashTableIter iter;
  gpointer id, level;

  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &id, &level)) {
    guint now = GPOINTER_TO_UINT (g_hash_table_lookup (workspaces, id));

    if (now < GPOINTER_TO_UINT (level))
      return FALSE;
  }
  outlet->caller->workspaces = workspaces;
  g_hash_table_unref (before);
  if (has_more)
    state_tell_again (states, outlet);
  return TRUE;
}

void
states_tell_all (States *states)
{
  ConversationsState *state = dae_state (states->self);
  g_autoptr (GPtrArray) callers = streams_callers (state->streams);

  for (guint i = 0; i < callers->len; i++)
    state_tell_again (states, callers->pdata[i]);
}
