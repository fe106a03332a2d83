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
#define TIDY_ROWS            500
/* processes that still run its turns hear of the end of a conversation meanwhile */
#define TIDY_DELETED_AFTER_US (10 * G_USEC_PER_SEC)

/* ---- chunks ----------------------------------------------------------------- */

/* The last chunk becomes the snapshot, if that has not been done. */
static void
tidy_keep_snapshot (
    DaeTx *tx, const char *turn_id, const char *conversation_id, gint64 first, gint64 last)
{
  dae_exec (tx,
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
tidy_drop_chunks (
    DaeTx *tx, const char *turn_id, const char *conversation_id, gint64 first, gint64 last)
{
  return dae_exec (
             tx,
             "DELETE FROM event WHERE conversation_id = $1 AND seq IN (SELECT e.seq FROM event e"
             "  WHERE e.conversation_id = $1 AND e.seq > $3 AND e.seq < $4 AND e.turn_id = $2"
             "  AND e.kind IN ('turn.chunk', 'turn.progress') ORDER BY e.seq LIMIT $5)",
             DAE_UUID (conversation_id), DAE_UUID (turn_id), DAE_INT (first), DAE_INT (last),
             DAE_INT (TIDY_ROWS)) < TIDY_ROWS;
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
  guint n = 0;

  while (dae_rows_next (rows) && !dae_tx_failed (tx)) {
    const char *turn_id = dae_row_text (rows, 0), *conversation_id = dae_row_text (rows, 1);

    n++;
    if (dae_row_int (rows, 2) > 0)
      tidy_keep_snapshot (tx, turn_id, conversation_id, dae_row_int (rows, 2),
                          dae_row_int (rows, 3));
    if (dae_row_int (rows, 2) > 0 &&
        !tidy_drop_chunks (tx, turn_id, conversation_id, dae_row_int (rows, 2),
                           dae_row_int (rows, 3)))
      return TRUE;
    dae_exec (tx, "UPDATE turn SET tidied_at = $2 WHERE id = $1", DAE_UUID (turn_id),
              DAE_TIME (dae_tx_now (tx)));
  }
  return n == TIDY_TURNS;
}

/* ---- old events ------------------------------------------------------------- */

/* Conversations that rest since the keeping time lose their events: where they stand is kept. */
gboolean
tidy_events (DaeTx *tx, DaePlugin *self)
{
  gint64 keep_us = dae_setting_int (self, "keep-events") * 1000;
  DaeRows *row = dae_query_one (
      tx,
      "SELECT l.conversation_id, l.last_seq FROM conversation_log l"
      " JOIN conversation c ON c.id = l.conversation_id"
      " WHERE c.last_activity_at < $1 AND EXISTS (SELECT 1 FROM event e"
      "  WHERE e.conversation_id = l.conversation_id AND e.created_at < $1)"
      " AND NOT EXISTS (SELECT 1 FROM turn t"
      "  WHERE t.conversation_id = l.conversation_id AND t.finished_at IS NULL) LIMIT 1",
      DAE_TIME (dae_tx_now (tx) - keep_us));
  EventLog log;

  if (!row || !event_log_open (&log, tx, dae_row_text (row, 0), 0))
    return FALSE;
  dae_exec (
      tx,
      "UPDATE conversation_log SET trimmed_seq = (SELECT coalesce (max (e.seq), 0) FROM event e"
      "  WHERE e.conversation_id = $1 AND e.created_at < $2)"
      " WHERE conversation_id = $1 AND trimmed_seq < (SELECT coalesce (max (e.seq), 0) FROM event e"
      "  WHERE e.conversation_id = $1 AND e.created_at < $2)",
      DAE_UUID (log.conversation_id), DAE_TIME (dae_tx_now (tx) - keep_us));
  dae_exec (tx,
            "DELETE FROM event WHERE conversation_id = $1 AND seq IN (SELECT e.seq FROM event e"
            "  WHERE e.conversation_id = $1 AND e.created_at < $2 ORDER BY e.seq LIMIT $3)",
            DAE_UUID (log.conversation_id), DAE_TIME (dae_tx_now (tx) - keep_us),
            DAE_INT (TIDY_ROWS));
  return TRUE;
}

/* ---- what was deleted -------------------------------------------------------- */

/* Conversations of deleted workspaces are deleted ones. */
static void
tidy_mark_deleted (DaeTx *tx)
{
  DaeRows *rows =
      dae_query (tx, "SELECT c.id FROM conversation c JOIN workspace w ON w.id = c.workspace_id"
                     " WHERE w.deleted_at IS NOT NULL AND c.deleted_at IS NULL LIMIT 100");

  while (dae_rows_next (rows) && !dae_tx_failed (tx)) {
    dae_exec (tx, "UPDATE conversation SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL",
              DAE_UUID (dae_row_text (rows, 0)), DAE_TIME (dae_tx_now (tx)));
    turn_cancel_all (tx, dae_row_text (rows, 0));
  }
}

/* At most TIDY_ROWS rows of the conversation; TRUE if there may be more. */
static gboolean
tidy_drop_rows (DaeTx *tx, const char *id)
{
  if (dae_exec (tx,
                "DELETE FROM event WHERE conversation_id = $1 AND seq IN"
                " (SELECT e.seq FROM event e WHERE e.conversation_id = $1 ORDER BY e.seq LIMIT $2)",
                DAE_UUID (id), DAE_INT (TIDY_ROWS)) == TIDY_ROWS)
    return TRUE;
  if (dae_exec (tx,
                "DELETE FROM message WHERE id IN"
                " (SELECT m.id FROM message m WHERE m.conversation_id = $1 ORDER BY m.id LIMIT $2)",
                DAE_UUID (id), DAE_INT (TIDY_ROWS)) == TIDY_ROWS)
    return TRUE;
  return dae_exec (tx,
                   "DELETE FROM turn WHERE id IN"
                   " (SELECT t.id FROM turn t WHERE t.conversation_id = $1 ORDER BY t.id LIMIT $2)",
                   DAE_UUID (id), DAE_INT (TIDY_ROWS)) == TIDY_ROWS;
}

gboolean
tidy_deleted (DaeTx *tx, DaePlugin *self)
{
  DaeRows *row;

  tidy_mark_deleted (tx);
  row =
      dae_query_one (tx,
                     "SELECT id FROM conversation WHERE deleted_at IS NOT NULL AND deleted_at < $1"
                     " ORDER BY deleted_at LIMIT 1",
                     DAE_TIME (dae_tx_now (tx) - TIDY_DELETED_AFTER_US));
  if (!row)
    return FALSE;
  if (!tidy_drop_rows (tx, dae_row_text (row, 0)))
    dae_exec (tx, "DELETE FROM conversation WHERE id = $1", DAE_UUID (dae_row_text (row, 0)));
  return TRUE;
}
