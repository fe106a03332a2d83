/* SPDX-License-Identifier: Apache-2.0 */
/* files: what the files of this plugin share.
 *
 * A row is `uploading` until its bytes are in the store, then `ready`, and
 * `deleting` until they have gone. Only ready ones are seen.
 */
#pragma once

#include <daedalus-plugin.h>
#include <services/files.h>
#include <services/object-store.h>
#include <services/workspaces.h>

#define FILE_KEY_ROOT "workspaces/"

/* Constant after start. */
typedef struct {
  const DaeWorkspaces1 *workspaces;
  DaePlugin *workspaces_plugin;
  const DaeObjectStore1 *store;
  DaePlugin *store_plugin;
  gint64 max_size, workspace_size; /* 0: no limit */
  gint64 unfinished_after;         /* microseconds */
  DaeSeries *stored, *refused, *left, *failed; /* outcomes of uploads */
  DaeSeries *served, *broken, *abandoned;      /* outcomes of downloads */
  DaeSeries *bytes_in, *bytes_out, *seconds;
  DaeSeries *swept_deleted, *swept_unfinished, *swept_workspace, *swept_orphan;
} Files;

/* The loop's. */
typedef struct {
  gboolean sweeping, sweep_again, listing;
} FilesState;

/* A row that is ready: owned strings. */
typedef struct {
  char *id, *workspace_id, *name, *type, *sha256, *key, *uploaded_by;
  gint64 size, created_at, version;
} FileRow;

/* files-row.c */

/* The ready file FILE_ID, if SUBJECT may do WHAT with it. Owned; NULL: no such file for them.
 * *RET_REFUSED: they may read it, but not do this. */
FileRow *
file_row_find (DaeTx *tx, DaePlugin *self, const char *subject, const char *file_id, DaeMay what,
               gboolean *ret_refused);
void file_row_free (FileRow *row);
/* Bytes that the files of a workspace take, those under way too; BESIDES (may be NULL) not. */
gint64 file_space_used (DaeTx *tx, const char *workspace_id, const char *besides);
FileRow *file_row_copy (const FileRow *row); /* owned */
void file_row_write (DaeJson *json, const char *key, const FileRow *row);
DaeReply *files_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *files_show (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *files_rename (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *files_delete (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* Files that FROM has uploaded are TO's. */
void files_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FileRow, file_row_free)

/* files-name.c: pure */

/* The name under which a file called TEXT is kept: owned, or NULL and why not (static). */
char *file_name_take (const char *text, const char **ret_why);
/* The media type of a file called NAME whose content begins with HEAD (static or interned). */
const char *file_type_guess (const char *name, const guint8 *head, gsize length, gboolean is_whole);
/* TRUE: browsers may show it in place, since nothing in it runs. */
gboolean file_type_is_safe (const char *type);

/* files-text.c */

#define FILE_TEXT_MAX (256 * 1024) /* bytes; more of it is not searched */

/* TRUE: files of media type TYPE are searched by what is in them. */
gboolean file_text_is_wanted (const char *type);
/* In the transaction that makes ROW ready. BYTES are the beginning of its content. */
void file_text_insert (DaeTx *tx, const FileRow *row, const GByteArray *bytes);

/* files-service.c */

extern const DaeFiles1 files_service;

/* files-upload.c, files-download.c: handlers */

DaeOutcome files_upload (DaeRequest *req, DaePlugin *self);
DaeOutcome files_download (DaeRequest *req, DaePlugin *self);

/* files-sweep.c: jobs */

void files_sweep (DaePlugin *self, GCancellable *lease);
void files_list_orphans (DaePlugin *self, GCancellable *lease);

/* What the store's result comes to, for whoever asked. Borrowed from REQ. */
DaeReply *files_refuse_store (DaeRequest *req, DaeStoreResult result);
/* What the database's problem comes to. */
DaeReply *files_refuse_work (DaeRequest *req, const char *problem);
