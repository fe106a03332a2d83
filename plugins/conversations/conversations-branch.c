/* SPDX-License-Identifier: Apache-2.0 */
/* branch: ways through the tree of messages.
 *
 * Each message knows its parent, so a branch is read from its leaf towards the
 * beginning. Children are found by the index of siblings, whose order is that
 * of their ids.
 */
#include "conversations.h"

/* A column on the right side would keep SQLite from the index of siblings, an expression does not.
 */
const char *
branch_leaf (DaeTx *tx, const char *message_id)
{
  DaeRows *row =
      dae_query_one (tx,
                     "WITH RECURSIVE down (id, depth) AS ("
                     " SELECT m.id, CAST (0 AS bigint) FROM message m WHERE m.id = $1"
                     " UNION ALL"
                     " SELECT (SELECT c.id FROM message c"
                     "  WHERE coalesce (c.parent_id, c.conversation_id) = coalesce (d.id, d.id)"
                     "  ORDER BY c.id DESC LIMIT 1), d.depth + 1"
                     " FROM down d WHERE d.id IS NOT NULL)"
                     " SELECT id FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1",
                     DAE_UUID (message_id));

  return row ? dae_row_text (row, 0) : message_id;
}

/* From MESSAGE_ID at most N messages towards LEAF, itself the first; no rows if it is not there. */
static DaeRows *
branch_walk (DaeTx *tx, const char *leaf, const char *message_id, gint64 n)
{
  return dae_query (tx,
                    "WITH RECURSIVE branch (id, parent_id, depth) AS ("
                    " SELECT m.id, m.parent_id, CAST (0 AS bigint) FROM message m WHERE m.id = $1"
                    " UNION ALL"
                    " SELECT p.id, p.parent_id, b.depth + 1"
                    " FROM branch b JOIN message p ON p.id = b.parent_id WHERE b.id <> $2)"
                    " SELECT b.id FROM branch b"
                    " WHERE EXISTS (SELECT 1 FROM branch f WHERE f.id = $2)"
                    " ORDER BY b.depth DESC LIMIT $3",
                    DAE_UUID (leaf), DAE_UUID (message_id), DAE_INT (n));
}

gboolean
branch_page_newer (
    DaeTx *tx, const char *leaf, const char *message_id, gint64 limit, BranchPage *ret)
{
  DaeRows *rows = branch_walk (tx, leaf, message_id, limit + 1);

  if (!dae_rows_next (rows))
    return FALSE;
  ret->leaf = leaf;
  ret->start = NULL;
  ret->count = 0;
  ret->size = G_MAXINT64;
  while (dae_rows_next (rows)) {
    ret->start = dae_row_text (rows, 0);
    ret->count++;
  }
  return TRUE;
}

void
branch_page_around (
    DaeTx *tx, const char *current, const char *message_id, gint64 limit, BranchPage *ret)
{
  ret->leaf = current;
  if (!current || !branch_page_newer (tx, current, message_id, limit / 2, ret)) {
    ret->leaf = branch_leaf (tx, message_id);
    branch_page_newer (tx, ret->leaf, message_id, limit / 2, ret);
  }
  if (!ret->start)
    ret->start = message_id;
  ret->count = limit;
  ret->size = G_MAXINT64;
}
