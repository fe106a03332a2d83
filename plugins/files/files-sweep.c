/* SPDX-License-Identifier: Apache-2.0 */
/* files-sweep: bytes without a row and rows without bytes do not last.
 *
 * What is to go is marked first, then its object goes, then its row; each step
 * can be done twice. Objects that no row knows are found by listing the store.
 */
#include "files.h"

#include <string.h>

#define SWEEP_BATCH  100
#define ORPHAN_BATCH 500

typedef struct {
  char *id, *key;
} Doomed;

static void
doomed_free (gpointer data)
{
  Doomed *doomed = data;

  g_free (doomed->id);
  g_free (doomed->key);
  g_free (doomed);
}

/* One batch: its objects are removed side by side. */
typedef struct {
  DaePlugin *self;
  GPtrArray *doomed; /* (element-type Doomed) */
  guint waiting;
} Sweep;

typedef struct {
  Sweep *sweep;
  guint index;
} Removal;

static gpointer
sweep_mark_work (DaeTx *tx, gconstpointer input)
{
  const Files *own = dae_data (dae_tx_plugin (tx));
  GPtrArray *doomed = g_ptr_array_new_with_free_func (doomed_free);
  DaeRows *rows;

  dae_series_add (own->swept_unfinished,
                  (double)dae_exec (tx,
                                    "UPDATE file SET state = 'deleting'"
                                    " WHERE state = 'uploading' AND created_at < $1",
                                    DAE_TIME (dae_tx_now (tx) - own->unfinished_after)));
  dae_series_add (
      own->swept_workspace,
      (double)dae_exec (tx, "UPDATE file SET state = 'deleting' WHERE state = 'ready' AND id IN"
                            " (SELECT f.id FROM workspace w JOIN file f ON f.workspace_id = w.id"
                            " WHERE w.deleted_at IS NOT NULL LIMIT 1000)"));
  dae_exec_later (tx, "DELETE FROM message_file WHERE workspace_id IN"
                      " (SELECT w.id FROM workspace w WHERE w.deleted_at IS NOT NULL)");
  rows = dae_query (tx,
                    "SELECT id, object_key FROM file WHERE state = 'deleting'"
                    " ORDER BY created_at LIMIT $1",
                    DAE_INT (SWEEP_BATCH));
  while (dae_rows_next (rows)) {
    Doomed *one = g_new0 (Doomed, 1);

    one->id = g_strdup (dae_row_text (rows, 0));
    one->key = g_strdup (dae_row_text (rows, 1));
    g_ptr_array_add (doomed, one);
  }
  return doomed;
}

static gpointer
sweep_forget_work (DaeTx *tx, gconstpointer input)
{
  const Files *own = dae_data (dae_tx_plugin (tx));
  const Sweep *sweep = input;

  for (guint i = 0; i < sweep->doomed->len && !dae_tx_failed (tx); i++) {
    const Doomed *one = sweep->doomed->pdata[i];

    if (!one->key)
      dae_series_add (own->swept_deleted,
                      (double)dae_exec (tx, "DELETE FROM file WHERE id = $1", DAE_UUID (one->id)));
  }
  return NULL;
}

static void
sweep_free (gpointer data)
{
  Sweep *sweep = data;

  g_ptr_array_unref (sweep->doomed);
  g_free (sweep);
}

/* Who marked rows meanwhile may not have been seen. */
static void
sweep_end (DaePlugin *self, gboolean has_more)
{
  FilesState *state = dae_state (self);

  state->sweeping = FALSE;
  if (has_more || state->sweep_again)
    dae_job_wake (self, "sweep");
  state->sweep_again = FALSE;
}

static void
sweep_forgotten (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  if (problem)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot forget files whose bytes have gone",
             DAE_S ("error", problem));
  sweep_end (self, !problem && GPOINTER_TO_INT (data));
}

/* A key that is NULL has gone. */
static void
sweep_removed (DaeStoreResult result, const char *why, gpointer data)
{
  Removal *removal = data;
  Sweep *sweep = removal->sweep;
  Doomed *one = sweep->doomed->pdata[removal->index];
  gboolean is_full = sweep->doomed->len == SWEEP_BATCH;

  if (result == DAE_STORE_OK || result == DAE_STORE_NOT_FOUND)
    g_clear_pointer (&one->key, g_free);
  else
    dae_log (sweep->self, G_LOG_LEVEL_WARNING, "cannot remove the bytes of a file",
             DAE_S ("file_id", one->id), DAE_S ("error", why));
  is_full = is_full && !one->key;
  g_free (removal);
  if (--sweep->waiting == 0)
    dae_work (sweep->self, NULL, DAE_WORK_WRITES, sweep_forget_work, sweep, sweep_free, NULL,
              sweep_forgotten, GINT_TO_POINTER (is_full));
}

static void
sweep_marked (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  GPtrArray *doomed = result;
  Sweep *sweep;

  if (problem)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot look for files to remove",
             DAE_S ("error", problem));
  if (!doomed || doomed->len == 0) {
    sweep_end (self, FALSE);
    return;
  }
  sweep = g_new0 (Sweep, 1);
  sweep->self = self;
  sweep->doomed = g_ptr_array_ref (doomed);
  sweep->waiting = doomed->len;
  for (guint i = 0, n = doomed->len; i < n; i++) {
    const Doomed *one = doomed->pdata[i];
    Removal *removal = g_new0 (Removal, 1);

    *removal = (Removal){ sweep, i };
    own->store->remove (own->store_plugin, one->key, sweep_removed, removal);
  }
}

void
files_sweep (DaePlugin *self, GCancellable *lease)
{
  FilesState *state = dae_state (self);

  if (state->sweeping) {
    state->sweep_again = TRUE;
    return;
  }
  state->sweeping = TRUE;
  dae_work (self, NULL, DAE_WORK_WRITES, sweep_mark_work, NULL, NULL,
            (GDestroyNotify)g_ptr_array_unref, sweep_marked, NULL);
}

/* ---- objects without a row */

typedef struct {
  DaePlugin *self;
  GPtrArray *keys; /* (element-type char *) that are old enough */
  char *last;
  guint seen;
  gint64 before;
} Orphans;

static void
orphans_free (gpointer data)
{
  Orphans *orphans = data;

  g_ptr_array_unref (orphans->keys);
  g_free (orphans->last);
  g_free (orphans);
}

/* The keys that no row has, of workspaces that this database knows: a store may hold files of
 * another installation, or of one whose database is not this one. */
static gpointer
orphans_work (DaeTx *tx, gconstpointer input)
{
  const Orphans *orphans = input;
  GPtrArray *lost = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < orphans->keys->len && !dae_tx_failed (tx); i++) {
    const char *key = orphans->keys->pdata[i];
    g_auto (GStrv) parts = g_strsplit (key, "/", 5);

    if (g_strv_length (parts) != 5 || !g_str_equal (parts[2], "files") ||
        !g_uuid_string_is_valid (parts[1]) || !g_uuid_string_is_valid (parts[3]))
      continue;
    if (dae_query_one (tx,
                       "SELECT 1 FROM workspace w WHERE w.id = $1"
                       " AND NOT EXISTS (SELECT 1 FROM file f WHERE f.id = $2)",
                       DAE_UUID (parts[1]), DAE_UUID (parts[3])))
      g_ptr_array_add (lost, g_strdup (key));
  }
  return lost;
}

static void orphans_next (DaePlugin *self, const char *after);

static void
orphans_removed (DaeStoreResult result, const char *why, gpointer data)
{
  DaePlugin *self = data;
  const Files *own = dae_data (self);

  if (result == DAE_STORE_OK)
    dae_series_add (own->swept_orphan, 1);
  else if (result != DAE_STORE_NOT_FOUND)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot remove an object that is no file's",
             DAE_S ("error", why));
}

static void
orphans_judged (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  FilesState *state = dae_state (self);
  GPtrArray *lost = result;
  g_autofree char *after = data;

  for (guint i = 0; lost && i < lost->len; i++)
    own->store->remove (own->store_plugin, lost->pdata[i], orphans_removed, self);
  if (problem || !after)
    state->listing = FALSE;
  else
    orphans_next (self, after);
}

static void
orphans_item (const char *key, gint64 size, gint64 modified_at, gpointer data)
{
  Orphans *orphans = data;

  orphans->seen++;
  g_free (orphans->last);
  orphans->last = g_strdup (key);
  if (modified_at < orphans->before)
    g_ptr_array_add (orphans->keys, g_strdup (key));
}

static void
orphans_listed (DaeStoreResult result, const char *why, gpointer data)
{
  Orphans *orphans = data;
  DaePlugin *self = orphans->self;
  FilesState *state = dae_state (self);
  char *after = orphans->seen == ORPHAN_BATCH ? g_strdup (orphans->last) : NULL;

  if (result != DAE_STORE_OK) {
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot list the objects of files", DAE_S ("error", why));
    state->listing = FALSE;
    g_free (after);
    orphans_free (orphans);
    return;
  }
  dae_work (self, NULL, 0, orphans_work, orphans, orphans_free, (GDestroyNotify)g_ptr_array_unref,
            orphans_judged, after);
}

static void
orphans_next (DaePlugin *self, const char *after)
{
  const Files *own = dae_data (self);
  Orphans *orphans = g_new0 (Orphans, 1);

  orphans->self = self;
  orphans->keys = g_ptr_array_new_with_free_func (g_free);
  orphans->before = dae_now (self) - own->unfinished_after;
  own->store->list (own->store_plugin, FILE_KEY_ROOT, after, ORPHAN_BATCH, orphans_item,
                    orphans_listed, orphans);
}

static void
orphans_tidied (DaeStoreResult result, const char *why, gpointer data)
{
  if (result != DAE_STORE_OK)
    dae_log ((DaePlugin *)data, G_LOG_LEVEL_WARNING, "cannot tidy the object store",
             DAE_S ("error", why));
}

/* Attachments whose message has gone; whoever attaches has messages. */
static gpointer
orphans_forget_work (DaeTx *tx, gconstpointer input)
{
  if (dae_query_one (tx, "SELECT position FROM message_file LIMIT 1"))
    dae_exec (tx, "DELETE FROM message_file WHERE message_id IN"
                  " (SELECT mf.message_id FROM message_file mf"
                  " LEFT JOIN message m ON m.id = mf.message_id WHERE m.id IS NULL LIMIT 1000)");
  return NULL;
}

static void
orphans_forgotten (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  if (problem)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot forget attachments of messages that have gone",
             DAE_S ("error", problem));
}

void
files_list_orphans (DaePlugin *self, GCancellable *lease)
{
  const Files *own = dae_data (self);
  FilesState *state = dae_state (self);

  if (state->listing)
    return;
  state->listing = TRUE;
  dae_work (self, NULL, DAE_WORK_WRITES, orphans_forget_work, NULL, NULL, NULL, orphans_forgotten,
            NULL);
  own->store->tidy (own->store_plugin, dae_now (self) - own->unfinished_after, orphans_tidied,
                    self);
  orphans_next (self, NULL);
}
