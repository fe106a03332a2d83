/* SPDX-License-Identifier: Apache-2.0 */
/* search: conversations/1, for plugins that read on behalf of a person.
 *
 * Messages that hold all words come first; where
 * none does, those that hold any.
 */
#include "../common/words.h"
#include "conversations.h"

static const char search_sqlite[] =
    "SELECT m.id, m.conversation_id, c.title, m.role,"
    " snippet (message_search, 0, '', '', '…', 40), m.created_at"
    " FROM message_search JOIN message m ON m.number = message_search.rowid"
    " JOIN conversation c ON c.id = m.conversation_id"
    " WHERE message_search MATCH $1 AND c.workspace_id = $2 AND c.deleted_at IS NULL"
    " AND ($3 IS NULL OR m.id <> $3)"
    " ORDER BY bm25 (message_search), m.created_at DESC LIMIT $4";

static const char search_postgres[] =
    "SELECT f.id, f.conversation_id, f.title, f.role,"
    " ts_headline ('simple', left (f.content, 100000), f.query,"
    "  'StartSel=\"\", StopSel=\"\", MaxWords=40, MinWords=20'), f.created_at FROM ("
    " SELECT m.id, m.conversation_id, c.title, m.role, m.content, m.created_at, q.query,"
    "  ts_rank_cd (m.search, q.query) AS rank"
    " FROM to_tsquery ('simple', $1) AS q (query)"
    " JOIN message m ON m.search @@ q.query JOIN conversation c ON c.id = m.conversation_id"
    " WHERE c.workspace_id = $2 AND c.deleted_at IS NULL AND ($3 IS NULL OR m.id <> $3)"
    " ORDER BY rank DESC, m.created_at DESC LIMIT $4) f ORDER BY f.rank DESC, f.created_at DESC";

static DaeRows *
search_run (DaeTx *tx, const char *query, const char *workspace_id, const char *except, guint limit)
{
  return dae_query (tx, dae_tx_is_sqlite (tx) ? search_sqlite : search_postgres, DAE_TEXT (query),
                    DAE_UUID (workspace_id), DAE_UUID (except), DAE_INT (limit));
}

static void
search_search (DaePlugin *provider,
               DaeTx *tx,
               const char *subject,
               const char *workspace_id,
               const char *words,
               const char *except_message_id,
               guint limit,
               void (*func) (const DaeFoundMessage *, gpointer),
               gpointer data)
{
  const Conversations *own = dae_data (provider);
  g_autoptr (GPtrArray) split = words_split (words);
  g_autofree char *all = words_query (split, dae_tx_is_sqlite (tx), FALSE);
  g_autofree char *any = words_query (split, dae_tx_is_sqlite (tx), TRUE);
  DaeRows *rows;
  gboolean has_row;

  if (split->len == 0 ||
      !own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_READ))
    return;
  rows = search_run (tx, all, workspace_id, except_message_id, limit);
  has_row = dae_rows_next (rows);
  if (!has_row && split->len > 1) {
    rows = search_run (tx, any, workspace_id, except_message_id, limit);
    has_row = dae_rows_next (rows);
  }
  for (; has_row; has_row = dae_rows_next (rows)) {
    const DaeFoundMessage found = {
      .message_id = dae_row_text (rows, 0),
      .conversation_id = dae_row_text (rows, 1),
      .conversation_title = dae_row_text (rows, 2),
      .role = dae_row_text (rows, 3),
      .excerpt = dae_row_text (rows, 4),
      .created_at = dae_row_int (rows, 5),
    };

    func (&found, data);
  }
}

static gboolean
search_count (DaePlugin *provider,
              DaeTx *tx,
              const char *subject,
              const char *workspace_id,
              gint64 *ret_conversations,
              gint64 *ret_messages)
{
  const Conversations *own = dae_data (provider);
  DaeRows *row;

  if (!own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_READ))
    return FALSE;
  row = dae_query_one (
      tx,
      "SELECT (SELECT count(*) FROM conversation WHERE workspace_id = $1 AND deleted_at IS NULL),"
      " (SELECT count(*) FROM message m JOIN conversation c ON c.id = m.conversation_id"
      "  WHERE c.workspace_id = $1 AND c.deleted_at IS NULL)",
      DAE_UUID (workspace_id));
  *ret_conversations = row ? dae_row_int (row, 0) : 0;
  *ret_messages = row ? dae_row_int (row, 1) : 0;
  return TRUE;
}

const DaeConversations1 search_service = {
  .struct_size = sizeof (DaeConversations1),
  .search = search_search,
  .count = search_count,
};
