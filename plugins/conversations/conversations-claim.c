/* SPDX-License-Identifier: Apache-2.0 */
/* claim: what the engine must know of a turn that it has claimed: the question, its files, the
 * past.
 */
#include "conversations.h"

#include <string.h>

#define TURN_HISTORY_MESSAGES 2000
#define TURN_HISTORY_BYTES    (8 * 1024 * 1024)

static void
turn_claim_file_free (gpointer data)
{
  ClaimFile *file = data;

  g_free (file->id);
  g_free (file->name);
  g_free (file->type);
  g_free (file->url);
  g_free (file);
}

TurnClaim *
turn_claim_ref (TurnClaim *claim)
{
  g_atomic_ref_count_inc (&claim->refs);
  return claim;
}

void
turn_claim_unref (TurnClaim *claim)
{
  if (!g_atomic_ref_count_dec (&claim->refs))
    return;
  g_free (claim->turn_id);
  g_free (claim->conversation_id);
  g_free (claim->workspace_id);
  g_free (claim->answer_id);
  g_free (claim->agent);
  g_free (claim->subject);
  g_free (claim->question);
  g_free (claim->instructions);
  g_free (claim->session);
  g_free (claim->traceparent);
  g_array_unref (claim->history);
  g_ptr_array_unref (claim->files);
  g_free (claim);
}

static void
turn_history_clear (gpointer item)
{
  g_free ((char *)((DaeAgentMessage *)item)->content);
}

/* Appends a message. CONTENT is given. */
static void
turn_history_add (GArray *history, const char *role, char *content)
{
  DaeAgentMessage message = { role, content };

  g_array_append_val (history, message);
}

/* From pairs of role and text, newest first; those of one role that follow one another become
 * one. */
static void
turn_history_join (GArray *history, const GPtrArray *newest_first)
{
  guint i = newest_first->len;

  while (i > 0) {
    const char *role = newest_first->pdata[i - 2];
    GString *text = g_string_new (newest_first->pdata[i - 1]);

    for (i -= 2; i > 0 && g_str_equal (newest_first->pdata[i - 2], role); i -= 2) {
      g_string_append (text, "\n\n");
      g_string_append (text, newest_first->pdata[i - 1]);
    }
    turn_history_add (history, g_str_equal (role, "user") ? "user" : "assistant",
                      g_string_free (text, FALSE));
  }
}

/* What was said before the question, on its branch, oldest first, user and assistant in turn.
 * Answers without text are left out; a question that nobody answered gets a word in their place.
 * *RET_CUT: there is more. */
static GArray *
turn_read_history (DaeTx *tx, const char *question_id, gboolean *ret_cut)
{
  DaeRows *rows = dae_query (
      tx,
      "WITH RECURSIVE branch (id, parent_id, depth, size) AS ("
      " SELECT m.id, m.parent_id, CAST (0 AS bigint), CAST (0 AS bigint)"
      "  FROM message m WHERE m.id = $1"
      " UNION ALL"
      " SELECT p.id, p.parent_id, b.depth + 1, b.size + length (p.content)"
      " FROM branch b JOIN message p ON p.id = b.parent_id WHERE b.depth < $2 AND b.size < $3)"
      " SELECT m.role, m.content, m.parent_id FROM branch b JOIN message m ON m.id = b.id"
      " WHERE b.depth > 0 AND m.content <> '' ORDER BY b.depth",
      DAE_UUID (question_id), DAE_INT (TURN_HISTORY_MESSAGES), DAE_INT (TURN_HISTORY_BYTES));
  g_autoptr (GPtrArray) newest_first = g_ptr_array_new (); /* role, content, role, ... borrowed */
  GArray *history = g_array_new (FALSE, FALSE, sizeof (DaeAgentMessage));
  gsize bytes = 0;

  g_array_set_clear_func (history, turn_history_clear);
  while (bytes < TURN_HISTORY_BYTES && dae_rows_next (rows)) {
    g_ptr_array_add (newest_first, (gpointer)dae_row_text (rows, 0));
    g_ptr_array_add (newest_first, (gpointer)dae_row_text (rows, 1));
    bytes += strlen (dae_row_text (rows, 1));
    *ret_cut = !dae_row_is_null (rows, 2);
  }
  turn_history_join (history, newest_first);
  if (history->len &&
      g_str_equal (g_array_index (history, DaeAgentMessage, history->len - 1).role, "user"))
    turn_history_add (history, "assistant", g_strdup ("(no answer)"));
  return history;
}

static void
turn_claim_add_file (const char *message_id, const DaeFile *file, gpointer data)
{
  TurnClaim *claim = data;
  ClaimFile *one = g_new0 (ClaimFile, 1);

  one->id = g_strdup (file->id);
  one->name = g_strdup (file->name);
  one->type = g_strdup (file->type);
  one->url = g_strdup (file->path);
  one->size = file->size;
  g_ptr_array_add (claim->files, one);
}

static void
turn_read_files (DaeTx *tx, const char *question_id, TurnClaim *claim)
{
  DaePlugin *self = dae_tx_plugin (tx);
  const Conversations *own = dae_data (self);
  const char *ids[] = { question_id, NULL };

  own->files->of_messages (own->files_plugin, tx, ids, turn_claim_add_file, claim);
  for (guint i = 0; i < claim->files->len; i++) {
    ClaimFile *file = claim->files->pdata[i];
    g_autofree char *path = g_steal_pointer (&file->url);

    if (path)
      file->url = g_strconcat (dae_host_info (self)->base_url, path, NULL);
  }
}

TurnClaim *
turn_claim_read (DaeTx *tx, const char *turn_id)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  DaeRows *row = dae_query_one (
      tx,
      "SELECT t.conversation_id, c.workspace_id, t.question_id, t.answer_id, t.agent, t.subject,"
      " q.content, (SELECT s.session FROM agent_session s"
      "  WHERE s.conversation_id = t.conversation_id AND s.agent = t.agent), t.traceparent, "
      "q.n_files"
      " FROM turn t JOIN conversation c ON c.id = t.conversation_id"
      " JOIN message q ON q.id = t.question_id WHERE t.id = $1",
      DAE_UUID (turn_id));
  const char *instructions = NULL, *fallback = NULL;
  TurnClaim *claim;

  if (!row)
    return NULL;
  own->workspaces->settings (own->workspaces_plugin, tx, dae_row_text (row, 1), &instructions,
                             &fallback);
  claim = g_new0 (TurnClaim, 1);
  g_atomic_ref_count_init (&claim->refs);
  claim->files = g_ptr_array_new_with_free_func (turn_claim_file_free);
  claim->turn_id = g_strdup (turn_id);
  claim->conversation_id = g_strdup (dae_row_text (row, 0));
  claim->workspace_id = g_strdup (dae_row_text (row, 1));
  claim->answer_id = g_strdup (dae_row_text (row, 3));
  claim->agent = g_strdup (dae_row_text (row, 4));
  claim->subject = g_strdup (dae_row_text (row, 5));
  claim->question = g_strdup (dae_row_text (row, 6));
  claim->session = g_strdup (dae_row_text (row, 7));
  claim->traceparent = g_strdup (dae_row_text (row, 8));
  claim->instructions = g_strdup (instructions);
  claim->history = turn_read_history (tx, dae_row_text (row, 2), &claim->history_cut);
  if (own->files && dae_row_int (row, 9) > 0)
    turn_read_files (tx, dae_row_text (row, 2), claim);
  return claim;
}
