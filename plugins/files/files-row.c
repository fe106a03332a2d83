/* SPDX-License-Identifier: Apache-2.0 */
/* files-row: files as rows: list, show, another name, away with it. */
#include "files.h"

#include <string.h>

#define LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define FILE_COLUMNS                                                                               \
  "SELECT id, workspace_id, name, media_type, size, sha256, object_key, uploaded_by, created_at,"  \
  " version FROM file"

void
file_row_free (FileRow *row)
{
  if (!row)
    return;
  g_free (row->id);
  g_free (row->workspace_id);
  g_free (row->name);
  g_free (row->type);
  g_free (row->sha256);
  g_free (row->key);
  g_free (row->uploaded_by);
  g_free (row);
}

FileRow *
file_row_copy (const FileRow *row)
{
  FileRow *copy = g_memdup2 (row, sizeof *row);

  copy->id = g_strdup (row->id);
  copy->workspace_id = g_strdup (row->workspace_id);
  copy->name = g_strdup (row->name);
  copy->type = g_strdup (row->type);
  copy->sha256 = g_strdup (row->sha256);
  copy->key = g_strdup (row->key);
  copy->uploaded_by = g_strdup (row->uploaded_by);
  return copy;
}

static FileRow *
file_row_read (DaeRows *rows)
{
  FileRow *row = g_new0 (FileRow, 1);

  row->id = g_strdup (dae_row_text (rows, 0));
  row->workspace_id = g_strdup (dae_row_text (rows, 1));
  row->name = g_strdup (dae_row_text (rows, 2));
  row->type = g_strdup (dae_row_text (rows, 3));
  row->size = dae_row_int (rows, 4);
  row->sha256 = g_strdup (dae_row_text (rows, 5));
  row->key = g_strdup (dae_row_text (rows, 6));
  row->uploaded_by = g_strdup (dae_row_text (rows, 7));
  row->created_at = dae_row_int (rows, 8);
  row->version = dae_row_int (rows, 9);
  return row;
}

void
file_row_write (DaeJson *json, const char *key, const FileRow *row)
{
  dae_json_begin_object (json, key);
  dae_json_text (json, "id", row->id);
  dae_json_text (json, "workspace_id", row->workspace_id);
  dae_json_text (json, "name", row->name);
  dae_json_text (json, "media_type", row->type);
  dae_json_int (json, "size", row->size);
  dae_json_text (json, "sha256", row->sha256);
  dae_json_text (json, "uploaded_by", row->uploaded_by);
  dae_json_time (json, "created_at", row->created_at);
  dae_json_int (json, "version", row->version);
  dae_json_end (json);
}

static gboolean
file_may (DaeTx *tx, DaePlugin *self, const char *subject, const char *workspace_id, DaeMay what)
{
  const Files *own = dae_data (self);

  return own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, what);
}

FileRow *
file_row_find (DaeTx *tx,
               DaePlugin *self,
               const char *subject,
               const char *file_id,
               DaeMay what,
               gboolean *ret_refused)
{
  DaeRows *found =
      dae_query_one (tx, FILE_COLUMNS " WHERE id = $1 AND state = 'ready'", DAE_UUID (file_id));
  g_autoptr (FileRow) row = found ? file_row_read (found) : NULL;

  *ret_refused = FALSE;
  if (!row || !file_may (tx, self, subject, row->workspace_id, DAE_MAY_READ))
    return NULL;
  *ret_refused = what != DAE_MAY_READ && !file_may (tx, self, subject, row->workspace_id, what);
  return *ret_refused ? NULL : g_steal_pointer (&row);
}

gint64
file_space_used (DaeTx *tx, const char *workspace_id, const char *besides)
{
  DaeRows *row = dae_query_one (tx,
                                "SELECT CAST (coalesce (sum (size), 0) AS bigint) FROM file"
                                " WHERE workspace_id = $1 AND id <> $2 AND state <> 'deleting'",
                                DAE_UUID (workspace_id), DAE_UUID (besides ? besides : LAST_ID));

  return row ? dae_row_int (row, 0) : 0;
}

static DaeReply *
file_refuse (DaeRequest *req, gboolean is_refused)
{
  return is_refused ? dae_reply_problem (req, 403, "role_required",
                                         "viewers of the workspace may not change its files")
                    : dae_reply_not_found (req);
}

static DaeReply *
file_reply (DaeRequest *req, const FileRow *row)
{
  DaeJson *json = dae_json_new (req);

  file_row_write (json, NULL, row);
  return dae_reply_versioned (req, 200, json, row->version);
}

/* What the workspace may still take, so that nobody sends what is refused afterwards. */
static void
files_write_space (DaeJson *json, DaeTx *tx, DaePlugin *self, const char *workspace_id)
{
  const Files *own = dae_data (self);

  dae_json_begin_object (json, "space");
  dae_json_int (json, "used", file_space_used (tx, workspace_id, NULL));
  if (own->workspace_size > 0)
    dae_json_int (json, "limit", own->workspace_size);
  else
    dae_json_null (json, "limit");
  dae_json_int (json, "largest_file", own->max_size);
  dae_json_end (json);
}

/* A cursor is the id of the last file of a page: ids rise with time. */
DaeReply *
files_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *workspace_id = dae_request_param (req, "workspace_id");
  const char *cursor = dae_request_query (req, "cursor");
  gint64 limit = dae_request_query_int (req, "limit", 50);
  g_autofree char *last = NULL;
  DaeRows *rows;
  DaeJson *json;
  gboolean more;

  if (!file_may (tx, self, dae_request_user (req)->subject, workspace_id, DAE_MAY_READ))
    return dae_reply_not_found (req);
  if (cursor && !g_uuid_string_is_valid (cursor))
    return dae_reply_pointer (
        dae_reply_problem (req, 422, "cursor_invalid", "the cursor is not one of this list"),
        "?cursor", "is not one of this list");
  rows = dae_query (tx,
                    FILE_COLUMNS " WHERE workspace_id = $1 AND id < $2 AND state = 'ready'"
                                 " ORDER BY id DESC LIMIT $3",
                    DAE_UUID (workspace_id), DAE_UUID (cursor ? cursor : LAST_ID),
                    DAE_INT (limit + 1));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  more = dae_rows_next (rows);
  for (gint64 i = 0; more && i < limit; i++) {
    g_autoptr (FileRow) row = file_row_read (rows);

    file_row_write (json, NULL, row);
    g_free (last);
    last = g_strdup (row->id);
    more = dae_rows_next (rows);
  }
  dae_json_end (json);
  dae_json_text (json, "next", more ? last : NULL);
  files_write_space (json, tx, self, workspace_id);
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}

DaeReply *
files_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gboolean is_refused;
  g_autoptr (FileRow) row =
      file_row_find (tx, self, dae_request_user (req)->subject, dae_request_param (req, "file_id"),
                     DAE_MAY_READ, &is_refused);

  return row ? file_reply (req, row) : dae_reply_not_found (req);
}

/* Counting the version up locks the row; who may not is rolled back. *RET_REFUSAL: what to answer
 * instead. */
static FileRow *
file_lock (DaeTx *tx, DaeRequest *req, DaePlugin *self, DaeReply **ret_refusal)
{
  const char *id = dae_request_param (req, "file_id");
  g_autoptr (FileRow) row = NULL;
  gboolean is_refused;

  dae_exec_later (tx, "UPDATE file SET version = version + 1 WHERE id = $1 AND state = 'ready'",
                  DAE_UUID (id));
  row = file_row_find (tx, self, dae_request_user (req)->subject, id, DAE_MAY_WRITE, &is_refused);
  *ret_refusal = NULL;
  if (!row)
    *ret_refusal = file_refuse (req, is_refused);
  else if (!dae_request_matches (req, row->version - 1))
    *ret_refusal = dae_reply_problem (req, 412, "precondition_failed",
                                      "the file has changed since it was read");
  return *ret_refusal ? NULL : g_steal_pointer (&row);
}

DaeReply *
files_rename (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *given = dae_body_text (req, "name");
  DaeReply *refusal;
  g_autoptr (FileRow) row = file_lock (tx, req, self, &refusal);
  const char *why = NULL;
  char *name;

  if (!row)
    return refusal;
  if (!given)
    return file_reply (req, row);
  name = file_name_take (given, &why);
  if (!name)
    return dae_reply_pointer (
        dae_reply_problem (req, 422, "name_invalid", "no file can have this name"), "/name", why);
  g_free (row->name);
  row->name = name;
  dae_exec_later (tx, "UPDATE file SET name = $2 WHERE id = $1", DAE_UUID (row->id),
                  DAE_TEXT (name));
  dae_exec_later (tx, "UPDATE file_text SET name = $2 WHERE file_id = $1", DAE_UUID (row->id),
                  DAE_TEXT (name));
  return file_reply (req, row);
}

static void
file_on_deleted (DaePlugin *self, gpointer data)
{
  dae_job_wake (self, "sweep");
}

DaeReply *
files_delete (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeReply *refusal;
  g_autoptr (FileRow) row = file_lock (tx, req, self, &refusal);

  if (!row)
    return refusal;
  dae_exec_later (tx, "UPDATE file SET state = 'deleting' WHERE id = $1", DAE_UUID (row->id));
  dae_after_commit (tx, file_on_deleted, NULL, NULL);
  return dae_reply_empty (req, 204);
}

void
files_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to)
{
  dae_exec_later (tx, "UPDATE file SET uploaded_by = $2 WHERE uploaded_by = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
}
