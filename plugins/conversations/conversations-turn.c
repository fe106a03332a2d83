/* SPDX-License-Identifier: Apache-2.0 */
/* turn: turns as rows.
 *
 * A turn is queued, claimed by one process, and ended by it; each write of a
 * running turn demands that process in its WHERE. In a conversation the turn
 * with the lowest position is the only one that can be claimed.
 */
#include "conversations.h"

#include <string.h>

/* ---- as JSON ---------------------------------------------------------------- */

static void
turn_write_time (DaeJson *json, const char *key, DaeRows *row, guint column)
{
  if (dae_row_is_null (row, column))
    dae_json_null (json, key);
  else
    dae_json_time (json, key, dae_row_int (row, column));
}

static void
turn_write_duration (DaeJson *json, gint64 started, gint64 finished)
{
  if (started > 0 && finished > 0)
    dae_json_int (json, "duration_ms", MAX (0, finished - started) / 1000);
  else
    dae_json_null (json, "duration_ms");
}

void
turn_write (DaeTx *tx, DaeJson *json, const char *key, const char *turn_id)
{
  DaeRows *row = dae_query_one (
      tx,
      "SELECT t.conversation_id, t.question_id, t.answer_id, t.agent, t.state,"
      " (SELECT count(*) FROM turn q WHERE q.conversation_id = t.conversation_id"
      "  AND q.finished_at IS NULL AND q.state = 'queued' AND q.position <= t.position),"
      " t.error_code, t.error_detail, t.request_id, t.created_at, t.started_at,"
      " t.finished_at, t.activities, t.notes FROM turn t WHERE t.id = $1",
      DAE_UUID (turn_id));

  if (!row) {
    dae_json_null (json, key);
    return;
  }
  dae_json_begin_object (json, key);
  dae_json_text (json, "id", turn_id);
  dae_json_text (json, "conversation_id", dae_row_text (row, 0));
  dae_json_text (json, "question_id", dae_row_text (row, 1));
  dae_json_text (json, "answer_id", dae_row_text (row, 2));
  dae_json_text (json, "agent", dae_row_text (row, 3));
  dae_json_text (json, "state", dae_row_text (row, 4));
  if (g_str_equal (dae_row_text (row, 4), "queued"))
    dae_json_int (json, "position", dae_row_int (row, 5));
  else
    dae_json_null (json, "position");
  dae_json_text (json, "error_code", dae_row_text (row, 6));
  dae_json_text (json, "error_detail", dae_row_text (row, 7));
  dae_json_text (json, "request_id", dae_row_text (row, 8));
  dae_json_time (json, "created_at", dae_row_int (row, 9));
  turn_write_time (json, "started_at", row, 10);
  turn_write_time (json, "finished_at", row, 11);
  turn_write_duration (json, dae_row_int (row, 10), dae_row_int (row, 11));
  dae_json_raw (json, "activities", dae_row_text (row, 12));
  dae_json_raw (json, "notes", dae_row_text (row, 13));
  dae_json_end (json);
}

static DaeJson *
turn_event_new (DaeTx *tx,
                const char *turn_id,
                const char *question_id,
                const char *answer_id,
                const char *agent)
{
  DaeJson *json = dae_json_new (tx);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "turn_id", turn_id);
  if (question_id)
    dae_json_text (json, "question_id", question_id);
  dae_json_text (json, "answer_id", answer_id);
  if (agent)
    dae_json_text (json, "agent", agent);
  return json;
}

/* ---- the queue -------------------------------------------------------------- */

gint64
turn_count_open (DaeTx *tx, const char *conversation_id)
{
  DaeRows *row = dae_query_one (
      tx, "SELECT count(*) FROM turn WHERE conversation_id = $1 AND finished_at IS NULL",
      DAE_UUID (conversation_id));

  return row ? dae_row_int (row, 0) : 0;
}

/* Says where each queued turn stands now. */
static void
turn_log_queue (EventLog *log, const char *only)
{
  DaeRows *rows = dae_query (
      log->tx,
      "SELECT id, question_id, answer_id, agent FROM turn"
      " WHERE conversation_id = $1 AND finished_at IS NULL AND state = 'queued' ORDER BY position",
      DAE_UUID (log->conversation_id));

  for (gint64 position = 1; dae_rows_next (rows); position++) {
    const char *id = dae_row_text (rows, 0);
    g_autofree char *data = NULL;
    DaeJson *json;

    if (only && !g_str_equal (only, id))
      continue;
    json = turn_event_new (log->tx, id, dae_row_text (rows, 1), dae_row_text (rows, 2),
                           dae_row_text (rows, 3));
    dae_json_int (json, "position", position);
    data = dae_json_finish (json);
    event_log_add (log, "turn.queued", id, NULL, data);
  }
}

void
turn_insert (EventLog *log,
             const char *turn_id,
             const char *question_id,
             const char *answer_id,
             const char *agent,
             DaeRequest *req)
{
  dae_exec_later (
      log->tx,
      "INSERT INTO turn (id, conversation_id, question_id, answer_id, agent, subject, state, "
      "position,"
      " activities, request_id, traceparent, created_at) VALUES ($1, $2, $3, $4, $5, $6, "
      "'queued', $7, $8, $9, $10, $11)",
      DAE_UUID (turn_id), DAE_UUID (log->conversation_id), DAE_UUID (question_id),
      DAE_UUID (answer_id), DAE_TEXT (agent), DAE_TEXT (dae_request_user (req)->subject),
      DAE_INT (log->last + 1), DAE_JSON ("[]"), DAE_TEXT (dae_request_id (req)),
      DAE_TEXT (dae_request_traceparent (req)), DAE_TIME (dae_tx_now (log->tx)));
  turn_log_queue (log, turn_id);
}

/* ---- claim ------------------------------------------------------------------ */

static void
turn_log_started (EventLog *log, const char *turn_id, DaeRows *row)
{
  DaeJson *json = turn_event_new (log->tx, turn_id, dae_row_text (row, 0), dae_row_text (row, 1),
                                  dae_row_text (row, 2));
  g_autofree char *data = NULL;

  dae_json_time (json, "started_at", dae_tx_now (log->tx));
  data = dae_json_finish (json);
  event_log_add (log, "turn.started", turn_id, NULL, data);
}

/* Who asked may have been removed while the question waited: it is cancelled then. */
static gboolean
turn_refuse_claim (DaeTx *tx, const char *turn_id, const char *subject, const char *workspace_id)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  TurnEnd end = { .turn_id = turn_id, .outcome = "cancelled", .text = "" };

  if (own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_WRITE))
    return FALSE;
  turn_finish (tx, &end);
  return TRUE;
}

TurnClaim *
turn_claim (DaeTx *tx, const char *turn_id, const char *worker)
{
  DaeRows *row = dae_query_one (tx,
                                "SELECT t.conversation_id, t.subject, c.workspace_id FROM turn t"
                                " JOIN conversation c ON c.id = t.conversation_id"
                                " WHERE t.id = $1 AND t.state = 'queued'",
                                DAE_UUID (turn_id));
  TurnClaim *claim;
  EventLog log;

  if (!row || turn_refuse_claim (tx, turn_id, dae_row_text (row, 1), dae_row_text (row, 2)) ||
      !event_log_open (&log, tx, dae_row_text (row, 0), 1))
    return NULL;
  row = dae_query_one (tx,
                       "UPDATE turn SET state = 'running', worker = $2, lease_until = $3, "
                       "started_at = $4, first_seq = $5"
                       " WHERE id = $1 AND state = 'queued' AND NOT EXISTS (SELECT 1 FROM turn o"
                       "  WHERE o.conversation_id = turn.conversation_id AND o.finished_at IS NULL"
                       "  AND o.position < turn.position) RETURNING question_id, answer_id, agent",
                       DAE_UUID (turn_id), DAE_TEXT (worker),
                       DAE_TIME (dae_tx_now (tx) + TURN_LEASE_US), DAE_TIME (dae_tx_now (tx)),
                       DAE_INT (log.last + 1));
  if (!row) {
    event_log_close (&log);
    return NULL;
  }
  dae_exec_later (tx, "UPDATE message SET state = 'running', started_at = $2 WHERE id = $1",
                  DAE_UUID (dae_row_text (row, 1)), DAE_TIME (dae_tx_now (tx)));
  turn_log_started (&log, turn_id, row);
  turn_log_queue (&log, NULL);
  event_log_close (&log);
  claim = turn_claim_read (tx, turn_id);
  if (claim)
    conversation_publish (tx, claim->workspace_id, claim->conversation_id, turn_id, NULL);
  return claim;
}

/* ---- the end ---------------------------------------------------------------- */

/* Activities that ran when the turn broke off have failed: owned. The text is ours and of the
 * database's spelling: within a string the quotes would be escaped. */
static char *
turn_dup_stopped (const char *activities)
{
  GString *text = g_string_new (activities);

  g_string_replace (text, "\"state\":\"running\"", "\"state\":\"failed\"", 0);
  g_string_replace (text, "\"state\": \"running\"", "\"state\": \"failed\"", 0);
  return g_string_free (text, FALSE);
}

static void
turn_finish_answer (DaeTx *tx,
                    const TurnEnd *end,
                    const char *conversation_id,
                    const char *answer_id)
{
  gboolean is_done = g_str_equal (end->outcome, "done");
  g_autofree char *text =
      end->text ? g_strdup (end->text)
                : g_string_free (message_text_so_far (tx, conversation_id, end->turn_id), FALSE);

  dae_exec_later (tx,
                  "UPDATE message SET content = $2, iterations = $3, state = $4, error_code = $5, "
                  "error_detail = $6,"
                  " finished_at = $7 WHERE id = $1",
                  DAE_UUID (answer_id), DAE_TEXT (text), DAE_JSON (end->iterations),
                  DAE_TEXT (is_done ? "complete" : end->outcome), DAE_TEXT (end->code),
                  DAE_TEXT (end->reason), DAE_TIME (dae_tx_now (tx)));
  dae_exec_later (tx, "UPDATE conversation SET last_activity_at = $2, events_at = $2 WHERE id = $1",
                  DAE_UUID (conversation_id), DAE_TIME (dae_tx_now (tx)));
}

static void
turn_finish_session (DaeTx *tx, const TurnEnd *end, const char *conversation_id, const char *agent)
{
  if (end->session)
    dae_exec_later (
        tx,
        "INSERT INTO agent_session (conversation_id, agent, session, updated_at) VALUES ($1, "
        "$2, $3, $4)"
        " ON CONFLICT (conversation_id, agent) DO UPDATE"
        " SET session = excluded.session, updated_at = excluded.updated_at",
        DAE_UUID (conversation_id), DAE_TEXT (agent), DAE_TEXT (end->session),
        DAE_TIME (dae_tx_now (tx)));
  else if (end->session_lost)
    dae_exec_later (tx, "DELETE FROM agent_session WHERE conversation_id = $1 AND agent = $2",
                    DAE_UUID (conversation_id), DAE_TEXT (agent));
}

static void
turn_log_finish (EventLog *log, const TurnEnd *end, const char *answer_id, gint64 started)
{
  DaeJson *json = turn_event_new (log->tx, end->turn_id, NULL, answer_id, NULL);
  g_autofree char *kind = g_strconcat ("turn.", end->outcome, NULL);
  g_autofree char *data = NULL;

  dae_json_time (json, "finished_at", dae_tx_now (log->tx));
  turn_write_duration (json, started, dae_tx_now (log->tx));
  if (end->code) {
    dae_json_text (json, "code", end->code);
    dae_json_text (json, "reason", end->reason ? end->reason : "");
  }
  data = dae_json_finish (json);
  event_log_add (log, kind, end->turn_id, answer_id, data);
}

/* The next turn of the conversation begins, and callers hear of it all. */
static void
turn_finish_queue (EventLog *log, const char *turn_id)
{
  DaeRows *row = dae_query_one (
      log->tx,
      "SELECT c.workspace_id, (SELECT t.id FROM turn t WHERE t.conversation_id = c.id"
      "  AND t.finished_at IS NULL ORDER BY t.position LIMIT 1)"
      " FROM conversation c WHERE c.id = $1",
      DAE_UUID (log->conversation_id));

  if (!row)
    return;
  conversation_publish (log->tx, dae_row_text (row, 0), log->conversation_id, turn_id, NULL);
  if (!dae_row_is_null (row, 1))
    dae_after_commit (log->tx, engine_claim, g_strdup (dae_row_text (row, 1)), g_free);
}

/* For the metrics. */
typedef struct {
  char *agent, *outcome;
  gint64 us; /* -1: it never ran */
} TurnEnded;

static void
turn_ended_free (gpointer data)
{
  TurnEnded *ended = data;

  g_free (ended->agent);
  g_free (ended->outcome);
  g_free (ended);
}

static void
turn_count (DaePlugin *self, gpointer data)
{
  const TurnEnded *ended = data;

  dae_series_add (dae_series (self, "agent_turns_total", ended->agent, ended->outcome), 1);
  if (ended->us >= 0)
    dae_series_observe (dae_series (self, "agent_turn_duration_seconds", ended->agent),
                        (double)ended->us / G_USEC_PER_SEC);
}

gboolean
turn_finish (DaeTx *tx, const TurnEnd *end)
{
  DaeRows *row =
      dae_query_one (tx,
                     "SELECT conversation_id, answer_id, agent, started_at, activities, request_id"
                     " FROM turn WHERE id = $1 AND finished_at IS NULL",
                     DAE_UUID (end->turn_id));
  g_autofree char *stopped = NULL;
  TurnEnded *ended;
  const char *agent;
  EventLog log;

  if (!row || !event_log_open (&log, tx, dae_row_text (row, 0), 1))
    return FALSE;
  agent = dae_row_text (row, 2);
  stopped = end->activities ? NULL : turn_dup_stopped (dae_row_text (row, 4));
  if (dae_exec (tx,
                "UPDATE turn SET state = $2, finished_at = $3, last_seq = $4, error_code = $5, "
                "error_detail = $6,"
                " activities = $7, notes = $9, lease_until = NULL"
                " WHERE id = $1 AND finished_at IS NULL AND worker IS NOT DISTINCT FROM $8",
                DAE_UUID (end->turn_id), DAE_TEXT (end->outcome), DAE_TIME (dae_tx_now (tx)),
                DAE_INT (log.last + 1), DAE_TEXT (end->code), DAE_TEXT (end->reason),
                DAE_JSON (end->activities ? end->activities : stopped), DAE_TEXT (end->worker),
                DAE_JSON (end->notes ? end->notes : "[]")) == 0) {
    event_log_close (&log);
    return FALSE;
  }
  turn_finish_answer (tx, end, log.conversation_id, dae_row_text (row, 1));
  turn_finish_session (tx, end, log.conversation_id, agent);
  turn_log_finish (&log, end, dae_row_text (row, 1), dae_row_int (row, 3));
  if (!end->worker)
    turn_log_queue (&log, NULL);
  event_log_close (&log);
  turn_finish_queue (&log, end->turn_id);
  ended = g_new0 (TurnEnded, 1);
  ended->agent = g_strdup (agent);
  ended->outcome = g_strdup (end->outcome);
  ended->us = dae_row_is_null (row, 3) ? -1 : MAX (0, dae_tx_now (tx) - dae_row_int (row, 3));
  dae_after_commit (tx, turn_count, ended, turn_ended_free);
  return TRUE;
}

/* ---- cancel ----------------------------------------------------------------- */

void
turn_cancel_all (DaeTx *tx, const char *conversation_id)
{
  DaeRows *rows;

  dae_exec_later (tx,
                  "UPDATE turn SET state = 'cancelled', finished_at = $2 WHERE conversation_id = $1"
                  " AND finished_at IS NULL AND state = 'queued'",
                  DAE_UUID (conversation_id), DAE_TIME (dae_tx_now (tx)));
  rows = dae_query (
      tx,
      "UPDATE turn SET cancel_requested = $2 WHERE conversation_id = $1 AND finished_at IS NULL"
      " RETURNING id",
      DAE_UUID (conversation_id), DAE_BOOL (TRUE));
  while (dae_rows_next (rows)) {
    g_autofree char *topic = g_strconcat ("turn:", dae_row_text (rows, 0), NULL);

    dae_publish (tx, topic, "cancel");
  }
}

/* Asks the process that runs it; FALSE: nobody runs it. */
static gboolean
turn_request_cancel (DaeTx *tx, const char *turn_id)
{
  g_autofree char *topic = g_strconcat ("turn:", turn_id, NULL);

  if (dae_exec (tx,
                "UPDATE turn SET cancel_requested = $2 WHERE id = $1 AND finished_at IS NULL AND "
                "state <> 'queued'",
                DAE_UUID (turn_id), DAE_BOOL (TRUE)) == 0)
    return FALSE;
  dae_publish (tx, topic, "cancel");
  return TRUE;
}

/* NULL, or the answer to give to whoever may not do WHAT with the turn. */
static DaeReply *
turn_open (DaeTx *tx, DaeRequest *req, DaeMay what)
{
  DaeRows *row = dae_query_one (tx, "SELECT conversation_id FROM turn WHERE id = $1",
                                DAE_UUID (dae_request_param (req, "turn_id")));
  Conversation conversation;

  return row ? conversation_open (tx, req, dae_row_text (row, 0), what, &conversation)
             : dae_reply_not_found (req);
}

static DaeReply *
turn_reply (DaeTx *tx, DaeRequest *req, guint status)
{
  DaeJson *json = dae_json_new (req);

  turn_write (tx, json, NULL, dae_request_param (req, "turn_id"));
  return dae_reply_json (req, status, json);
}

DaeReply *
turn_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeReply *refusal = turn_open (tx, req, DAE_MAY_READ);

  return refusal ? refusal : turn_reply (tx, req, 200);
}

DaeReply *
turn_cancel (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeReply *refusal = turn_open (tx, req, DAE_MAY_WRITE);
  TurnEnd end = { .turn_id = dae_request_param (req, "turn_id"),
                  .outcome = "cancelled",
                  .text = "" };

  if (refusal)
    return refusal;
  /* a queued turn may be claimed while its conversation's lock is waited for: ask once more then */
  if (!turn_request_cancel (tx, end.turn_id) && !turn_finish (tx, &end) &&
      !turn_request_cancel (tx, end.turn_id))
    return dae_reply_problem (req, 409, "turn_over", "the turn has ended already");
  return turn_reply (tx, req, 202);
}
