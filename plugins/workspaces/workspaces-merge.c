/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-merge: one person under two subjects becomes one. */
#include "workspaces.h"

/* Where both are members, the stronger role stays. */
void
people_merge (DaeTx *tx, DaePlugin *self, const char *from, const char *to)
{
  DaeRows *rows = dae_query (
      tx, "SELECT workspace_id FROM workspace_member WHERE subject = $1 ORDER BY workspace_id",
      DAE_TEXT (from));

  while (dae_rows_next (rows)) {
    const char *id = dae_row_text (rows, 0);

    dae_exec_later (tx, "UPDATE workspace SET version = version + 1 WHERE id = $1", DAE_UUID (id));
    access_changed (tx, id, from);
    access_changed (tx, id, to);
  }
  dae_exec_later (
      tx,
      "UPDATE workspace_member SET role = 'owner' WHERE subject = $2 AND workspace_id IN"
      " (SELECT workspace_id FROM workspace_member"
      "  WHERE subject = $1 AND role = 'owner')",
      DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx,
                  "UPDATE workspace_member SET role = 'editor' WHERE subject = $2"
                  " AND role = 'viewer' AND workspace_id IN"
                  " (SELECT workspace_id FROM workspace_member"
                  "  WHERE subject = $1 AND role = 'editor')",
                  DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx,
                  "DELETE FROM workspace_member WHERE subject = $1 AND workspace_id IN"
                  " (SELECT workspace_id FROM workspace_member WHERE subject = $2)",
                  DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE workspace_member SET subject = $2 WHERE subject = $1",
                  DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE workspace SET created_by = $2 WHERE created_by = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE invitation SET invited_by = $2 WHERE invited_by = $1",
                  DAE_TEXT (from), DAE_TEXT (to));
}
