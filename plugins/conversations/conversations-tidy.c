/* SPDX-License-Identifier: Apache-2.0 */
/* tidy: jobs that keep the tables small, a few rows at a time, so that no lock is held for long.
 *
 * The chunks of an answer go five minutes after its end: the last of them
 * becomes message.snapshot, which covers the others. Old events go altogether;
 * what is deleted goes after it has become invisible.
 */
#include "conversations.h"

#include <string.h>

#define TIDY_CHUNKS_AFTER_US (5 * 60 * G_USEC_PER_SEC)
#define TIDY_TURNS           20
#define TIDY_CONVERSATIONS   50
/* rows of one statement, and how long a transaction goes on with more of them */
#define TIDY_ROWS 20
#define TIDY_US   (20 * 1000)
/* processes that still run its turns hear of the end of a conversation meanwhile */
#define TIDY_DELETED_AFTER_US (10 * G_USEC_PER_SEC)

/* ---- a few rows at a time -------------------------------------------------------- */

static const char tidy_events_sql[] =
    "DELETE FROM event WHERE conversation_id = $1 AND seq IN"
    " (SELECT e.seq FROM event e WHERE e.conversation_id = $1 ORDER BY e.seq LIMIT $2)";
static const char tidy_messages_sql[] =
    "DELETE FROM message WHERE id IN"
    " (SELECT m.id FROM message m WHERE m.conversation_id = $1 ORDER BY m.id LIMIT $2)";
static const char tidy_turns_sql[] =
    "DELETE FROM turn WHERE id IN"
    " (SELECT t.id FROM turn t WHERE t.conversation_id = $1 ORDER BY t.id LIMIT $2)";

/* How long rows take depends on what they hold, so the clock says when it is enough. */
static gboolean
tidy_has_time (gint64 began)
{
  return g_get_monotonic_time () - began < TIDY_US;
}

/* FALSE: there may be more. */
static gboolean
tidy_drop (DaeTx *tx, const char *sql, const char *conversation_id)
{
  gint64 began = g_get_monotonic_time (), n;

  do
    n = dae_exec (tx, sql, DAE_UUID (conversation_id), DAE_INT (TIDY_ROWS));
  while (n == TIDY_ROWS && !dae_tx_failed (tx) && tidy_has_time (began));
  return n < TIDY_ROWS;
}

/* ---- chunks ----------------------------------------------------------------- */

/* The last chunk becomes the snapshot, if that has not been done. */
static void
tidy_keep_snapshot (
    DaeTx *tx, const char *turn_id, const char *conversation_id, gint64 first, gint64 last)
{
  dae_exec_later (
      tx,
      "UPDATE event SET kind = 'message.snapshot', data = $5,"
      " message_id = (SELECT t.answer_id FROM turn t WHERE t.id = $2)"
      " WHERE conversation_id = $1 AND kind = 'turn.chunk' AND seq = (SELECT max (e.seq) "
      "FROM event e"
      "  WHERE e.conversation_id = $1 AND e.seq > $3 AND e.seq < $4 AND e.turn_id = $2"
      "  AND e.kind IN ('turn.chunk', 'message.snapshot'))",
      DAE_UUID (conversation_id), DAE_UUID (turn_id), DAE_INT (first), DAE_INT (last),
      DAE_JSON ("{}"));
}

/* TRUE if none is left. */
static gboolean
tidy_drop_chunks (DaeTx *tx,
                  const char *turn_id,
                  const char *conversation_id,
                  gint64 first,
                  gint64 last,
                  gint64 began)
{
  gint64 n;

  do
    n = dae_exec (
        tx,
        "DELETE FROM event WHERE conversation_id = $1 AND seq IN (SELECT e.seq FROM event e"
        "  WHERE e.conversation_id = $1 AND e.seq > $3 AND e.seq < $4 AND e.turn_id = $2"
        "  AND e.kind IN ('turn.chunk', 'turn.progress') ORDER BY e.seq LIMIT $5)",
        DAE_UUID (conversation_id), DAE_UUID (turn_id), DAE_INT (first), DAE_INT (last),
        DAE_INT (TIDY_ROWS));
  while (n == TIDY_ROWS && !dae_tx_failed (tx) && tidy_has_time (began));
  return n < TIDY_ROWS;
}

gboolean
tidy_chunks (DaeTx *tx, DaePlugin *self)
{
  DaeRows *rows = dae_query (
      tx,
      "SELECT id, conversation_id, coalesce (first_seq, 0), coalesce (last_seq, 0) FROM turn"
      " WHERE tidied_at IS NULL AND finished_at IS NOT NULL AND finished_at < $1"
      " ORDER BY finished_at LIMIT $2",
      DAE_TIME (dae_tx_now (tx) - TIDY_CHUNKS_AFTER_US), DAE_INT (TIDY_TURNS));
  gint64 began = g_get_monotonic_time ();
  guint n = 0;

  while (dae_rows_next (rows) && !dae_tx_failed (tx)) {
    const char *turn_id = dae_row_text (rows, 0), *conversation_id = dae_row_text (rows, 1);

    n++;
    if (dae_row_int (rows, 2) > 0)
      tidy_keep_snapshot (tx, turn_id, conversation_id, dae_row_int (rows, 2),
                          dae_row_int (rows, 3));
    if (dae_row_int (rows, 2) > 0 &&
        !tidy_drop_chunks (tx, turn_id, conversation_id, dae_row_int (rows, 2),
                           dae_row_int (rows, 3), began))
      return TRUE;
    dae_exec_later (tx, "UPDATE turn SET tidied_at = $2 WHERE id = $1", DAE_UUID (turn_id),
                    DAE_TIME (dae_tx_now (tx)));
  }
  return n == TIDY_TURNS;
}

/* ---- old events ------------------------------------------------------------- */

/* Conversations that rest since the keeping time lose their events: where they stand is kept. */
gboolean
tidy_events (DaeTx *tx, DaePlugin *self)
{
  gint64 before = dae_tx_now (tx) - dae_setting_int (self, "keep-events") * 1000;
  DaeRows *row = dae_query_one (
      tx,
      "SELECT c.id FROM conversation c WHERE c.events_at < $1 AND NOT EXISTS (SELECT 1 FROM turn t"
      "  WHERE t.conversation_id = c.id AND t.finished_at IS NULL) ORDER BY c.events_at LIMIT 1",
      DAE_TIME (before));
  EventLog log;

  if (!row || !event_log_open (&log, tx, dae_row_text (row, 0), 0))
    return FALSE;
  dae_exec_later (tx,
                  "UPDATE conversation_log SET trimmed_seq = last_seq"
                  " WHERE conversation_id = $1 AND trimmed_seq < last_seq",
                  DAE_UUID (log.conversation_id));
  if (!tidy_drop (tx, tidy_events_sql, log.conversation_id))
    return TRUE;
  dae_exec_later (tx, "UPDATE conversation SET events_at = NULL WHERE id = $1 AND events_at < $2",
                  DAE_UUID (log.conversation_id), DAE_TIME (before));
  return TRUE;
}

/* ---- what was deleted -------------------------------------------------------- */

/* Conversations of a deleted workspace are deleted ones. The log's row is locked first, as
 * everywhere; TRUE if there may be more. */
static gboolean
tidy_mark_workspace (DaeTx *tx, const char *workspace_id)
{
  DaeRows *rows = dae_query (
      tx, "SELECT id FROM conversation WHERE workspace_id = $1 AND deleted_at IS NULL LIMIT $2",
      DAE_UUID (workspace_id), DAE_INT (TIDY_CONVERSATIONS));
  guint n = 0;

  while (dae_rows_next (rows) && !dae_tx_failed (tx)) {
    EventLog log;

    n++;
    if (!event_log_open (&log, tx, dae_row_text (rows, 0), 0))
      continue;
    dae_exec_later (tx,
                    "UPDATE conversation SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL",
                    DAE_UUID (log.conversation_id), DAE_TIME (dae_tx_now (tx)));
    turn_cancel_all (tx, log.conversation_id);
  }
  return n == TIDY_CONVERSATIONS;
}

/* TRUE if there may be more. */
static gboolean
tidy_mark_deleted (DaeTx *tx)
{
  DaeRows *rows = dae_query (tx, "SELECT id FROM workspace WHERE deleted_at IS NOT NULL"
                                 " ORDER BY deleted_at");

  while (dae_rows_next (rows) && !dae_tx_failed (tx))
    if (tidy_mark_workspace (tx, dae_row_text (rows, 0)))
      return TRUE;
  return FALSE;
}

gboolean
tidy_deleted (DaeTx *tx, DaePlugin *self)
{
  static const char *const drops[] = { tidy_events_sql, tidy_messages_sql, tidy_turns_sql };
  DaeRows *row;

  if (tidy_mark_deleted (tx))
    return TRUE;
  row =
      dae_query_one (tx,
                     "SELECT id FROM conversation WHERE deleted_at IS NOT NULL AND deleted_at < $1"
                     " ORDER BY deleted_at LIMIT 1",
                     DAE_TIME (dae_tx_now (tx) - TIDY_DELETED_AFTER_US));
  if (!row)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (drops); i++)
    if (!tidy_drop (tx, drops[i], dae_row_text (row, 0)))
      return TRUE;
  dae_exec_later (tx, "DELETE FROM conversation WHERE id = $1", DAE_UUID (dae_row_text (row, 0)));
  return TRUE;
}
