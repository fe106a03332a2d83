/* SPDX-License-Identifier: Apache-2.0 */
/* files-service: files/1, files for plugins that work on behalf of a person. */
#include "../common/words.h"
#include "files.h"

#include <services/files.h>
#include <string.h>

#define SERVICE_PATH "'/api/files/' || f.id || '/content'"
#define SERVICE_FILE                                                                               \
  "SELECT f.id, f.workspace_id, f.name, f.media_type, f.size, f.sha256, " SERVICE_PATH

/* Columns as in SERVICE_FILE. */
static DaeFile
service_file (DaeRows *rows)
{
  return (DaeFile){ .struct_size = sizeof (DaeFile),
                    .id = dae_row_text (rows, 0),
                    .workspace_id = dae_row_text (rows, 1),
                    .name = dae_row_text (rows, 2),
                    .type = dae_row_text (rows, 3),
                    .size = dae_row_int (rows, 4),
                    .sha256 = dae_row_text (rows, 5),
                    .path = dae_row_text (rows, 6) };
}

/* RET is as large as its caller's header says. */
static void
service_give (const DaeFile *file, DaeFile *ret)
{
  guint32 size = ret->struct_size;

  memcpy (ret, file, MIN (size, sizeof *file));
  ret->struct_size = size;
}

static gboolean
service_find (
    DaePlugin *provider, DaeTx *tx, const char *subject, const char *file_id, DaeFile *ret)
{
  const Files *own = dae_data (provider);
  DaeRows *row = dae_query_one (
      tx, SERVICE_FILE " FROM file f WHERE f.id = $1 AND f.state = 'ready'", DAE_UUID (file_id));
  DaeFile file;

  if (!row)
    return FALSE;
  file = service_file (row);
  if (!own->workspaces->may (own->workspaces_plugin, tx, subject, file.workspace_id, DAE_MAY_READ))
    return FALSE;
  service_give (&file, ret);
  return TRUE;
}

static gboolean
service_attach (DaePlugin *provider,
                DaeTx *tx,
                const char *workspace_id,
                const char *message_id,
                const char *const *file_ids,
                guint *ret_wrong)
{
  for (guint i = 0; file_ids[i]; i++) {
    if (dae_exec (tx,
                  "INSERT INTO message_file (message_id, position, file_id, workspace_id, name,"
                  " media_type) SELECT $1, $2, f.id, f.workspace_id, f.name, f.media_type"
                  " FROM file f WHERE f.id = $3 AND f.workspace_id = $4 AND f.state = 'ready'",
                  DAE_UUID (message_id), DAE_INT (i), DAE_UUID (file_ids[i]),
                  DAE_UUID (workspace_id)) == 1)
      continue;
    dae_exec_later (tx, "DELETE FROM message_file WHERE message_id = $1", DAE_UUID (message_id));
    *ret_wrong = i;
    return FALSE;
  }
  return TRUE;
}

static void
service_of_messages (DaePlugin *provider,
                     DaeTx *tx,
                     const char *const *message_ids,
                     DaeMessageFile func,
                     gpointer data)
{
  for (; *message_ids; message_ids++) {
    DaeRows *rows = dae_query (
        tx,
        "SELECT mf.file_id, mf.workspace_id, coalesce (f.name, mf.name),"
        " coalesce (f.media_type, mf.media_type), coalesce (f.size, -1), coalesce (f.sha256, ''),"
        " " SERVICE_PATH " FROM message_file mf"
        " LEFT JOIN file f ON f.id = mf.file_id AND f.state = 'ready'"
        " WHERE mf.message_id = $1 ORDER BY mf.position",
        DAE_UUID (*message_ids));

    while (dae_rows_next (rows)) {
      DaeFile file = service_file (rows);

      func (*message_ids, &file, data);
    }
  }
}

/* ---- search */

static const char search_sqlite[] =
    SERVICE_FILE ", snippet (file_search, 1, '', '', '…', 40) FROM file_search"
                 " JOIN file_text t ON t.number = file_search.rowid JOIN file f ON f.id = t.file_id"
                 " WHERE file_search MATCH $1 AND f.workspace_id = $2 AND f.state = 'ready'"
                 " ORDER BY bm25 (file_search), f.id DESC LIMIT $3";

static const char search_postgres[] = SERVICE_FILE
    ", ts_headline ('simple', t.content, q.query,"
    " 'StartSel=\"\", StopSel=\"\", MaxWords=40, MinWords=20')"
    " FROM to_tsquery ('simple', $1) AS q (query) JOIN file_text t ON t.search @@ q.query"
    " JOIN file f ON f.id = t.file_id WHERE f.workspace_id = $2 AND f.state = 'ready'"
    " ORDER BY ts_rank_cd (t.search, q.query) DESC, f.id DESC LIMIT $3";

static void
service_search (DaePlugin *provider,
                DaeTx *tx,
                const char *subject,
                const char *workspace_id,
                const char *words,
                guint limit,
                DaeFoundFile func,
                gpointer data)
{
  const Files *own = dae_data (provider);
  g_autoptr (GPtrArray) split = words_split (words);
  gboolean is_sqlite = dae_tx_is_sqlite (tx), has_row = FALSE;
  DaeRows *rows = NULL;

  if (split->len == 0 ||
      !own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_READ))
    return;
  /* all of the words; where no file has them, any */
  for (guint i = 0; i < 2 && !has_row && (i == 0 || split->len > 1); i++) {
    g_autofree char *query = words_query (split, is_sqlite, i > 0);

    rows = dae_query (tx, is_sqlite ? search_sqlite : search_postgres, DAE_TEXT (query),
                      DAE_UUID (workspace_id), DAE_INT (limit));
    has_row = dae_rows_next (rows);
  }
  for (; has_row; has_row = dae_rows_next (rows)) {
    DaeFile file = service_file (rows);

    func (&file, dae_row_text (rows, 7), data);
  }
}

/* ---- read: loop */

typedef struct {
  DaePlugin *self;
  gsize max;
  GCancellable *cancellable; /* owned, or NULL */
  DaeFileRead done;
  gpointer data;
  gulong cancelled;
  GByteArray *got;
  DaeStoreGet *get; /* NULL: it has not begun, or has ended */
} Reading;

static void
reading_end (Reading *reading, const char *problem)
{
  g_autoptr (GBytes) content = g_byte_array_free_to_bytes (reading->got);

  if (reading->cancelled)
    g_signal_handler_disconnect (reading->cancellable, reading->cancelled);
  reading->done (problem ? NULL : content, problem, reading->data);
  g_clear_object (&reading->cancellable);
  g_free (reading);
}

static void
reading_on_body (DaeStoreGet *get, const char *bytes, gsize length, gpointer data)
{
  Reading *reading = data;
  gsize room = reading->max - MIN (reading->max, reading->got->len);

  g_byte_array_append (reading->got, (const guint8 *)bytes, (guint)MIN (length, room));
}

static void
reading_on_end (DaeStoreGet *get, DaeStoreResult result, const char *why, gpointer data)
{
  Reading *reading = data;

  reading->get = NULL;
  reading_end (reading, result == DAE_STORE_OK ? NULL : "the store did not give it");
}

static void
reading_on_head (DaeStoreGet *get, gint64 length, gpointer data)
{
}

static const DaeStoreGetHooks reading_hooks = { .struct_size = sizeof reading_hooks,
                                                .head = reading_on_head,
                                                .body = reading_on_body,
                                                .end = reading_on_end };

static void
reading_on_cancelled (GCancellable *cancellable, gpointer data)
{
  Reading *reading = data;
  const Files *own = dae_data (reading->self);

  if (!reading->get) /* its row is being looked up: seen then */
    return;
  own->store->get_cancel (g_steal_pointer (&reading->get));
  reading_end (reading, "cancelled");
}

static gpointer
reading_work (DaeTx *tx, gconstpointer input)
{
  DaeRows *row = dae_query_one (tx, "SELECT object_key FROM file WHERE id = $1 AND state = 'ready'",
                                DAE_UUID (input));

  return row ? g_strdup (dae_row_text (row, 0)) : NULL;
}

static void
reading_found (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  Reading *reading = data;

  if (problem || !result)
    reading_end (reading, problem ? problem : "there is no such file");
  else if (g_cancellable_is_cancelled (reading->cancellable))
    reading_end (reading, "cancelled");
  else
    reading->get = own->store->get (own->store_plugin, result, 0, (gint64)reading->max,
                                    &reading_hooks, reading);
}

static void
service_read (DaePlugin *provider,
              const char *file_id,
              gsize max,
              GCancellable *cancellable,
              DaeFileRead done,
              gpointer data)
{
  Reading *reading = g_new0 (Reading, 1);

  reading->self = provider;
  reading->max = max;
  reading->cancellable = cancellable ? g_object_ref (cancellable) : NULL;
  reading->done = done;
  reading->data = data;
  reading->got = g_byte_array_new ();
  if (cancellable)
    reading->cancelled =
        g_signal_connect (cancellable, "cancelled", G_CALLBACK (reading_on_cancelled), reading);
  dae_work (provider, NULL, 0, reading_work, g_strdup (file_id), g_free, g_free, reading_found,
            reading);
}

const DaeFiles1 files_service = { .struct_size = sizeof files_service,
                                  .find = service_find,
                                  .attach = service_attach,
                                  .of_messages = service_of_messages,
                                  .search = service_search,
                                  .read = service_read };
