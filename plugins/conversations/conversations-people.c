/* SPDX-License-Identifier: Apache-2.0 */
/* conversations-people: one person under two subjects becomes one.
 *
 * Messages keep the name under which they were written; events that were told stay as they are.
 */
#include "conversations.h"

void
conversation_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to)
{
  dae_exec_later (tx, "UPDATE conversation SET created_by = $2 WHERE created_by = $1",
                  DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE message SET author = $2 WHERE author = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE turn SET subject = $2 WHERE subject = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
  /* of two read marks the one that is further on */
  dae_exec_later (
      tx,
      "UPDATE read_mark SET seq = (SELECT other.seq FROM read_mark other"
      "  WHERE other.conversation_id = read_mark.conversation_id AND other.subject = $1)"
      " WHERE subject = $2 AND EXISTS (SELECT 1 FROM read_mark other"
      "  WHERE other.conversation_id = read_mark.conversation_id"
      "  AND other.subject = $1 AND other.seq > read_mark.seq)",
      DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx,
                  "DELETE FROM read_mark WHERE subject = $1 AND conversation_id IN"
                  " (SELECT conversation_id FROM read_mark WHERE subject = $2)",
                  DAE_TEXT (from), DAE_TEXT (to));
  dae_exec_later (tx, "UPDATE read_mark SET subject = $2 WHERE subject = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
}
