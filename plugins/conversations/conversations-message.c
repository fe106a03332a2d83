/* SPDX-License-Identifier: Apache-2.0 */
/* message: messages as JSON, and pages of a branch.
 *
 * The text of a running answer lies in the log until the answer ends.
 */
#include "conversations.h"

#include <string.h>

#define MESSAGE_PAGE_SIZE (4 * 1024 * 1024)

GString *
message_text_so_far (DaeTx *tx, const char *conversation_id, const char *turn_id)
{
  GString *text = g_string_new (NULL);
  DaeRows *rows = dae_query (tx,
                             "SELECT e.data ->> 'text' FROM event e JOIN turn t ON t.id = $2"
                             " WHERE e.conversation_id = $1 AND e.seq > t.first_seq"
                             " AND e.kind = 'turn.chunk' AND e.turn_id = $2 ORDER BY e.seq",
                             DAE_UUID (conversation_id), DAE_UUID (turn_id));

  while (dae_rows_next (rows))
    g_string_append (text, dae_row_text (rows, 0));
  return text;
}

/* Owned. */
static char *
message_dup_content (DaeTx *tx, DaeRows *rows, guint column)
{
  if (!g_str_equal (dae_row_text (rows, column + 9), "running"))
    return g_strdup (dae_row_text (rows, column + 7));
  return g_string_free (
      message_text_so_far (tx, dae_row_text (rows, column + 1), dae_row_text (rows, column + 12)),
      FALSE);
}

static void
message_write_author (DaeJson *json, const char *subject, const char *name)
{
  if (!subject) {
    dae_json_null (json, "author");
    return;
  }
  dae_json_begin_object (json, "author");
  dae_json_text (json, "subject", subject);
  dae_json_text (json, "name", name && *name ? name : subject);
  dae_json_end (json);
}

static void
message_write_time (DaeJson *json, const char *key, DaeRows *rows, guint column)
{
  if (dae_row_is_null (rows, column))
    dae_json_null (json, key);
  else
    dae_json_time (json, key, dae_row_int (rows, column));
}

/* A list that the turn keeps is the answer's: its question has the same turn. */
static void
message_write_list (DaeJson *json, const char *key, DaeRows *rows, guint column, guint list)
{
  gboolean is_answer = g_str_equal (dae_row_text (rows, column + 3), "assistant");
  const char *text = dae_row_text (rows, column + list);

  dae_json_raw (json, key, is_answer && text ? text : "[]");
}

static void
message_write_file (const char *message_id, const DaeFile *file, gpointer data)
{
  DaeJson *json = data;

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", file->id);
  dae_json_text (json, "name", file->name);
  dae_json_text (json, "media_type", file->type);
  if (file->size < 0)
    dae_json_null (json, "size");
  else
    dae_json_int (json, "size", file->size);
  dae_json_end (json);
}

static void
message_write_files (DaeTx *tx, DaeJson *json, DaeRows *rows, guint column)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  const char *ids[] = { dae_row_text (rows, column), NULL };

  dae_json_begin_array (json, "files");
  if (own->files && dae_row_int (rows, column + 21) > 0)
    own->files->of_messages (own->files_plugin, tx, ids, message_write_file, json);
  dae_json_end (json);
}

void
message_write (DaeTx *tx, DaeJson *json, const char *key, DaeRows *rows, guint column)
{
  g_autofree char *content = message_dup_content (tx, rows, column);

  dae_json_begin_object (json, key);
  dae_json_text (json, "id", dae_row_text (rows, column));
  dae_json_text (json, "conversation_id", dae_row_text (rows, column + 1));
  dae_json_text (json, "parent_id", dae_row_text (rows, column + 2));
  dae_json_text (json, "role", dae_row_text (rows, column + 3));
  message_write_author (json, dae_row_text (rows, column + 4), dae_row_text (rows, column + 5));
  dae_json_text (json, "agent", dae_row_text (rows, column + 6));
  dae_json_text (json, "content", content);
  dae_json_raw (json, "iterations", dae_row_text (rows, column + 8));
  dae_json_text (json, "state", dae_row_text (rows, column + 9));
  dae_json_text (json, "error_code", dae_row_text (rows, column + 10));
  dae_json_text (json, "error_detail", dae_row_text (rows, column + 11));
  dae_json_text (json, "turn_id", dae_row_text (rows, column + 12));
  dae_json_text (json, "request_id", dae_row_text (rows, column + 13));
  dae_json_time (json, "created_at", dae_row_int (rows, column + 14));
  message_write_time (json, "started_at", rows, column + 15);
  message_write_time (json, "finished_at", rows, column + 16);
  dae_json_begin_object (json, "siblings");
  dae_json_int (json, "count", dae_row_int (rows, column + 17));
  dae_json_int (json, "position", dae_row_int (rows, column + 18));
  dae_json_end (json);
  message_write_list (json, "activities", rows, column, 19);
  message_write_list (json, "notes", rows, column, 20);
  message_write_files (tx, json, rows, column);
  dae_json_end (json);
}

void
message_write_snapshot (DaeTx *tx, DaeJson *json, DaeRows *rows, guint column)
{
  g_autofree char *content = message_dup_content (tx, rows, column);

  dae_json_text (json, "message_id", dae_row_text (rows, column));
  dae_json_text (json, "turn_id", dae_row_text (rows, column + 12));
  dae_json_text (json, "state", dae_row_text (rows, column + 9));
  dae_json_text (json, "content", content);
  dae_json_int (json, "length", (gint64)strlen (content));
  message_write_list (json, "activities", rows, column, 19);
}

/* ---- reading ---------------------------------------------------------------- */

/* "o" or "n", LEAF, ".", MESSAGE: owned. Older: the page begins at the message; newer: after it. */
static char *
message_cursor (char direction, const char *leaf, const char *message_id)
{
  return g_strdup_printf ("%c%s.%s", direction, leaf, message_id);
}

/* Both messages must be of the conversation. */
static gboolean
message_parse_cursor (
    DaeTx *tx, const char *conversation_id, const char *cursor, char **ret_leaf, char **ret_message)
{
  DaeRows *row;

  if (strlen (cursor) != 74 || (*cursor != 'o' && *cursor != 'n') || cursor[37] != '.' ||
      !conversation_parse_id (cursor + 1, 36) || !conversation_parse_id (cursor + 38, 36))
    return FALSE;
  *ret_leaf = g_strndup (cursor + 1, 36);
  *ret_message = g_strndup (cursor + 38, 36);
  row = dae_query_one (
      tx,
      "SELECT 1 = 1 FROM message a JOIN message b ON b.id = $2 AND b.conversation_id = $3"
      " WHERE a.id = $1 AND a.conversation_id = $3",
      DAE_UUID (*ret_leaf), DAE_UUID (*ret_message), DAE_UUID (conversation_id));
  return row != NULL;
}

static gboolean
message_is_of (DaeTx *tx, const char *conversation_id, const char *message_id)
{
  return dae_query_one (tx, "SELECT id FROM message WHERE id = $1 AND conversation_id = $2",
                        DAE_UUID (message_id), DAE_UUID (conversation_id)) != NULL;
}

/* Items oldest first. */
static void
message_write_page (DaeTx *tx, DaeJson *json, const BranchPage *page)
{
  DaeRows *rows = dae_query (
      tx,
      "WITH RECURSIVE branch (id, parent_id, depth, size) AS ("
      " SELECT m.id, m.parent_id, CAST (1 AS bigint), CAST (length (m.content) AS bigint)"
      "  FROM message m WHERE m.id = $1"
      " UNION ALL"
      " SELECT p.id, p.parent_id, b.depth + 1, b.size + length (p.content)"
      " FROM branch b JOIN message p ON p.id = b.parent_id WHERE b.depth < $2 AND b.size < $3)"
      " SELECT " MESSAGE_COLUMNS " FROM branch b JOIN message m ON m.id = b.id " MESSAGE_TURN
      " ORDER BY b.depth DESC",
      DAE_UUID (page->start), DAE_INT (page->count), DAE_INT (page->size));
  g_autofree char *older = NULL, *newer = NULL;
  const char *newest = NULL;

  dae_json_begin_array (json, "items");
  while (dae_rows_next (rows)) {
    if (!newest && !dae_row_is_null (rows, 2))
      older = message_cursor ('o', page->leaf, dae_row_text (rows, 2));
    newest = dae_row_text (rows, 0);
    message_write (tx, json, NULL, rows, 0);
  }
  dae_json_end (json);
  if (newest && !g_str_equal (newest, page->leaf))
    newer = message_cursor ('n', page->leaf, newest);
  dae_json_text (json, "next", older);
  dae_json_text (json, "newer", newer);
}

static void
message_write_empty_page (DaeJson *json)
{
  dae_json_begin_array (json, "items");
  dae_json_end (json);
  dae_json_null (json, "next");
  dae_json_null (json, "newer");
}

/* Where the conversation stands in this snapshot. */
static void
message_write_position (DaeTx *tx,
                        DaeJson *json,
                        const Conversation *conversation,
                        const char *subject)
{
  DaeRows *row =
      dae_query_one (tx,
                     "SELECT l.last_seq, coalesce (r.seq, 0),"
                     " (SELECT t.id FROM turn t WHERE t.conversation_id = l.conversation_id"
                     "  AND t.finished_at IS NULL ORDER BY t.position LIMIT 1)"
                     " FROM conversation_log l LEFT JOIN read_mark r"
                     " ON r.conversation_id = l.conversation_id AND r.subject = $2"
                     " WHERE l.conversation_id = $1",
                     DAE_UUID (conversation->id), DAE_TEXT (subject));

  dae_json_text (json, "current_message_id", conversation->current_message_id);
  dae_json_text (json, "running_turn", row ? dae_row_text (row, 2) : NULL);
  dae_json_int (json, "last_seq", row ? dae_row_int (row, 0) : 0);
  dae_json_int (json, "read_seq", row ? dae_row_int (row, 1) : 0);
}

DaeReply *
message_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gint64 limit = dae_request_query_int (req, "limit", 50);
  const char *cursor = dae_request_query (req, "cursor");
  const char *around = dae_request_query (req, "around");
  g_autofree char *leaf = NULL, *message_id = NULL;
  Conversation conversation;
  BranchPage page = { NULL, NULL, limit, MESSAGE_PAGE_SIZE };
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_READ, &conversation);
  DaeJson *json;

  if (refusal)
    return refusal;
  page.leaf = page.start = conversation.current_message_id;
  if (cursor && !message_parse_cursor (tx, conversation.id, cursor, &leaf, &message_id))
    return conversation_unprocessable (req, "?cursor", "is not a cursor of this list");
  if (!cursor && around && !message_is_of (tx, conversation.id, around))
    return dae_reply_not_found (req);
  if (cursor && *cursor == 'o') {
    page.leaf = leaf;
    page.start = message_id;
  } else if (cursor && !branch_page_newer (tx, leaf, message_id, limit, &page)) {
    return conversation_unprocessable (req, "?cursor", "is not a cursor of this list");
  } else if (!cursor && around) {
    branch_page_around (tx, conversation.current_message_id, around, limit, &page);
  }
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  if (page.start)
    message_write_page (tx, json, &page);
  else
    message_write_empty_page (json);
  message_write_position (tx, json, &conversation, dae_request_user (req)->subject);
  return dae_reply_json (req, 200, json);
}

static void
message_write_sibling (DaeJson *json, DaeRows *rows, gint64 position)
{
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", dae_row_text (rows, 0));
  dae_json_int (json, "position", position);
  dae_json_text (json, "role", dae_row_text (rows, 1));
  message_write_author (json, dae_row_text (rows, 2), dae_row_text (rows, 3));
  dae_json_text (json, "agent", dae_row_text (rows, 4));
  dae_json_text (json, "state", dae_row_text (rows, 5));
  dae_json_text (json, "excerpt", dae_row_text (rows, 6));
  dae_json_time (json, "created_at", dae_row_int (rows, 7));
  dae_json_end (json);
}

DaeReply *
message_siblings (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "message_id");
  DaeRows *row = dae_query_one (
      tx,
      "SELECT conversation_id, coalesce (parent_id, conversation_id) FROM message WHERE id = $1",
      DAE_UUID (id));
  Conversation conversation;
  DaeReply *refusal;
  DaeRows *rows;
  DaeJson *json;
  gint64 position = 0;

  if (!row)
    return dae_reply_not_found (req);
  refusal = conversation_open (tx, req, dae_row_text (row, 0), DAE_MAY_READ, &conversation);
  if (refusal)
    return refusal;
  rows = dae_query (
      tx,
      "SELECT id, role, author, author_name, agent, state, substr (content, 1, 200), created_at"
      " FROM message WHERE coalesce (parent_id, conversation_id) = $1 ORDER BY id LIMIT 200",
      DAE_UUID (dae_row_text (row, 1)));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  while (dae_rows_next (rows))
    message_write_sibling (json, rows, ++position);
  dae_json_end (json);
  dae_json_null (json, "next");
  return dae_reply_json (req, 200, json);
}
