/* SPDX-License-Identifier: Apache-2.0 */
/* files-upload: a body becomes a file.
 *
 * Row `uploading`, then the bytes as they come (no more is read than the store
 * takes), then the row is `ready`: only then is it seen. Whatever goes wrong
 * before marks the row `deleting`, and the sweep takes it away with its bytes.
 */
#include "files.h"

#include <sha256.h>
#include <string.h>

#define PIECE         (64 * 1024)
#define SNIFFED       4096 /* bytes that tell what kind of file it is */
#define READS_AT_ONCE 16   /* before others get their turn */

typedef enum {
  BEGUN = 0,
  BEGIN_NOT_FOUND,
  BEGIN_ROLE,
  BEGIN_NAME,
  BEGIN_FULL,
  BEGIN_GONE, /* swept, or its workspace was deleted meanwhile */
} Begun;

typedef struct {
  DaePlugin *self;
  DaeRequest *req; /* a reference; NULL: somebody has been answered */
  FileRow *row;
  const char *fault; /* of the name, if it has one */
  gint64 declared;   /* bytes that will come, or -1 */
  gint64 began;      /* monotonic */
  gulong left;
  GSource *source;  /* waits for more of the body */
  GByteArray *head; /* until the store is asked to take it */
  GByteArray *text; /* what is searched of it; empty where nothing is */
  gboolean is_text; /* as far as is known */
  Sha256 *sum;
  DaeStorePut *put;
  gboolean is_blocked, is_read;
} Upload;

static const DaeStorePutHooks upload_hooks;

static void
upload_free (gpointer data)
{
  Upload *upload = data;

  if (upload->left)
    g_signal_handler_disconnect (dae_request_gone (upload->req), upload->left);
  if (upload->source) {
    g_source_destroy (upload->source);
    g_source_unref (upload->source);
  }
  dae_request_unref (upload->req);
  g_byte_array_unref (upload->head);
  g_byte_array_unref (upload->text);
  sha256_free (upload->sum);
  file_row_free (upload->row);
  g_free (upload);
}

static gpointer
upload_abandon_work (DaeTx *tx, gconstpointer input)
{
  dae_exec_later (tx, "UPDATE file SET state = 'deleting' WHERE id = $1 AND state = 'uploading'",
                  DAE_UUID (input));
  return NULL;
}

/* Where the row cannot be marked, the sweep finds it by its age. */
static void
upload_abandoned (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  if (!problem)
    dae_job_wake (self, "sweep");
}

/* Ends it without a file. REPLY may be NULL: nobody is there to hear it. */
static void
upload_fail (Upload *upload, DaeSeries *outcome, DaeReply *reply)
{
  const Files *own = dae_data (upload->self);

  if (upload->put)
    own->store->put_cancel (g_steal_pointer (&upload->put));
  dae_series_add (outcome, 1);
  dae_work (upload->self, NULL, DAE_WORK_WRITES, upload_abandon_work, g_strdup (upload->row->id),
            g_free, NULL, upload_abandoned, NULL);
  if (reply)
    dae_send (upload->req, reply);
  upload_free (upload);
}

static void
upload_on_left (GCancellable *gone, gpointer data)
{
  Upload *upload = data;
  const Files *own = dae_data (upload->self);

  upload_fail (upload, own->left, NULL);
}

static void
upload_ignore_leaving (Upload *upload)
{
  if (upload->left)
    g_signal_handler_disconnect (dae_request_gone (upload->req), upload->left);
  upload->left = 0;
}

/* ---- the end: the row is ready */

static Begun
upload_judge (DaeTx *tx, DaePlugin *self, const char *subject, const char *workspace_id)
{
  const Files *own = dae_data (self);

  if (!own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_READ))
    return BEGIN_NOT_FOUND;
  return own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_WRITE)
             ? BEGUN
             : BEGIN_ROLE;
}

/* To the end of the transaction nobody else counts the workspace's bytes. SQLite has one writer. */
static void
upload_await_turn (DaeTx *tx, const char *workspace_id)
{
  if (!dae_tx_is_sqlite (tx))
    dae_query_one (tx, "SELECT 1 FROM pg_advisory_xact_lock (hashtextextended ('files ' || $1, 0))",
                   DAE_TEXT (workspace_id));
}

/* TRUE: SIZE more bytes fit into what a workspace may hold, besides the file FILE_ID. */
static gboolean
upload_fits (DaeTx *tx, DaePlugin *self, const char *workspace_id, const char *file_id, gint64 size)
{
  const Files *own = dae_data (self);

  if (own->workspace_size == 0)
    return TRUE;
  upload_await_turn (tx, workspace_id);
  return file_space_used (tx, workspace_id, file_id) <= own->workspace_size - size;
}

static DaeReply *
upload_refuse (const Upload *upload, Begun begun)
{
  DaeRequest *req = upload->req;

  switch (begun) {
  case BEGIN_ROLE:
    return dae_reply_problem (req, 403, "role_required",
                              "viewers of the workspace may not change its files");
  case BEGIN_NAME:
    return dae_reply_pointer (
        dae_reply_problem (req, 422, "name_invalid", "no file can have this name"), "?name",
        upload->fault);
  case BEGIN_FULL:
    return dae_reply_problem (req, 413, "workspace_full",
                              "the workspace may not hold so much: delete files of it first");
  case BEGIN_GONE:
    return dae_reply_problem (req, 409, "upload_over", "the upload took too long and was ended");
  case BEGIN_NOT_FOUND:
  case BEGUN:
    break;
  }
  return dae_reply_not_found (req);
}

static gpointer
upload_ready_work (DaeTx *tx, gconstpointer input)
{
  const Upload *upload = input;
  const FileRow *row = upload->row;
  DaePlugin *self = upload->self;
  Begun begun;

  if (dae_exec (tx,
                "UPDATE file SET state = 'ready', size = $2, sha256 = $3, media_type = $4"
                " WHERE id = $1 AND state = 'uploading'",
                DAE_UUID (row->id), DAE_INT (row->size), DAE_TEXT (row->sha256),
                DAE_TEXT (row->type)) == 0)
    return GINT_TO_POINTER (BEGIN_GONE);
  begun = upload_judge (tx, self, row->uploaded_by, row->workspace_id);
  if (begun == BEGUN && !upload_fits (tx, self, row->workspace_id, row->id, row->size))
    begun = BEGIN_FULL;
  if (begun == BEGUN)
    file_text_insert (tx, row, upload->text);
  else
    dae_exec_later (tx, "UPDATE file SET state = 'deleting' WHERE id = $1", DAE_UUID (row->id));
  return GINT_TO_POINTER (begun);
}

static void
upload_ready (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  Upload *upload = data;
  Begun begun = (Begun)GPOINTER_TO_INT (result);
  g_autofree char *location = g_strconcat ("/api/files/", upload->row->id, NULL);
  DaeJson *json;

  if (problem) {
    /* the row may be ready all the same: nothing is taken away */
    dae_series_add (own->failed, 1);
    dae_send (upload->req, files_refuse_work (upload->req, problem));
    upload_free (upload);
    return;
  }
  if (begun != BEGUN) {
    upload_fail (upload, own->refused, upload_refuse (upload, begun));
    return;
  }
  dae_series_add (own->stored, 1);
  dae_series_add (own->bytes_in, (double)upload->row->size);
  dae_series_observe (own->seconds,
                      (double)(g_get_monotonic_time () - upload->began) / G_USEC_PER_SEC);
  json = dae_json_new (upload->req);
  file_row_write (json, NULL, upload->row);
  dae_send (upload->req, dae_reply_header (dae_reply_versioned (upload->req, 201, json, 1),
                                           "Location", location));
  upload_free (upload);
}

static void
upload_stored (DaeStorePut *put, DaeStoreResult result, const char *why, gpointer data)
{
  Upload *upload = data;
  const Files *own = dae_data (upload->self);
  char hash[SHA256_HEX_SIZE];

  upload->put = NULL;
  if (result != DAE_STORE_OK) {
    dae_log (upload->req, G_LOG_LEVEL_WARNING, "the store did not take a file",
             DAE_S ("error", why));
    upload_fail (upload, own->failed, files_refuse_store (upload->req, result));
    return;
  }
  upload_ignore_leaving (upload);
  sha256_finish (upload->sum, hash);
  upload->row->sha256 = g_strdup (hash);
  dae_work (upload->self, NULL, DAE_WORK_WRITES, upload_ready_work, upload, NULL, NULL,
            upload_ready, upload);
}

/* ---- the middle: bytes from the client to the store */

/* What has come so far tells the type: the store is asked to take it. */
static void
upload_open (Upload *upload, gboolean is_whole)
{
  const Files *own = dae_data (upload->self);
  FileRow *row = upload->row;
  g_autoptr (GBytes) head = NULL;

  row->type = g_strdup (
      file_type_guess (row->name, upload->head->data, MIN (upload->head->len, SNIFFED), is_whole));
  upload->is_text = file_text_is_wanted (row->type);
  if (!upload->is_text)
    g_byte_array_set_size (upload->text, 0);
  upload->put = own->store->put (own->store_plugin, row->key, row->type, upload->declared,
                                 &upload_hooks, upload);
  head = g_byte_array_free_to_bytes (upload->head);
  upload->head = g_byte_array_new ();
  if (g_bytes_get_size (head) > 0)
    upload->is_blocked = !own->store->put_write (upload->put, head);
}

/* FALSE: it has ended. */
static gboolean
upload_take (Upload *upload, const guint8 *bytes, gsize length)
{
  const Files *own = dae_data (upload->self);
  g_autoptr (GBytes) piece = NULL;

  upload->row->size += (gint64)length;
  if (upload->row->size > own->max_size) {
    upload_fail (upload, own->refused,
                 dae_reply_problem (upload->req, 413, "file_too_large",
                                    "the file is larger than files may be here"));
    return FALSE;
  }
  sha256_add (upload->sum, bytes, length);
  if (upload->is_text && upload->text->len < FILE_TEXT_MAX)
    g_byte_array_append (upload->text, bytes,
                         (guint)MIN (length, FILE_TEXT_MAX - upload->text->len));
  if (upload->put) {
    piece = g_bytes_new (bytes, length);
    upload->is_blocked = !own->store->put_write (upload->put, piece);
    return TRUE;
  }
  g_byte_array_append (upload->head, bytes, (guint)length);
  if (upload->head->len >= SNIFFED)
    upload_open (upload, FALSE);
  return TRUE;
}

static void
upload_cut (Upload *upload, const GError *error)
{
  const Files *own = dae_data (upload->self);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    upload_fail (upload, own->refused,
                 dae_reply_problem (upload->req, 413, "file_too_large",
                                    "the file is larger than files may be here"));
  else
    upload_fail (upload, own->left,
                 dae_reply_problem (upload->req, 400, "body_cut", "the body ended too early"));
}

static void
upload_end_of_body (Upload *upload)
{
  const Files *own = dae_data (upload->self);

  upload->is_read = TRUE;
  if (!upload->put)
    upload_open (upload, TRUE);
  own->store->put_finish (upload->put);
}

static void upload_read (Upload *upload);

static gboolean
upload_on_body (GObject *stream, gpointer data)
{
  Upload *upload = data;

  g_clear_pointer (&upload->source, g_source_unref);
  upload_read (upload);
  return G_SOURCE_REMOVE;
}

static void
upload_wait (Upload *upload)
{
  GInputStream *stream = dae_request_stream (upload->req);

  upload->source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (stream), NULL);
  g_source_set_callback (upload->source, G_SOURCE_FUNC (upload_on_body), upload, NULL);
  g_source_attach (upload->source, g_main_context_get_thread_default ());
}

static void
upload_read (Upload *upload)
{
  GPollableInputStream *stream = G_POLLABLE_INPUT_STREAM (dae_request_stream (upload->req));
  guint8 piece[PIECE];

  for (guint i = 0; i < READS_AT_ONCE && !upload->is_blocked; i++) {
    g_autoptr (GError) error = NULL;
    gssize n = g_pollable_input_stream_read_nonblocking (stream, piece, sizeof piece, NULL, &error);

    if (n == 0) {
      upload_end_of_body (upload);
      return;
    }
    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
      break;
    if (n < 0) {
      upload_cut (upload, error);
      return;
    }
    if (!upload_take (upload, piece, (gsize)n))
      return;
  }
  if (!upload->is_blocked)
    upload_wait (upload);
}

static void
upload_drained (DaeStorePut *put, gpointer data)
{
  Upload *upload = data;

  upload->is_blocked = FALSE;
  if (!upload->is_read && !upload->source)
    upload_wait (upload);
}

static const DaeStorePutHooks upload_hooks = { .struct_size = sizeof upload_hooks,
                                               .drained = upload_drained,
                                               .done = upload_stored };

/* ---- the beginning: the row */

static gpointer
upload_begin_work (DaeTx *tx, gconstpointer input)
{
  const Upload *upload = input;
  const FileRow *row = upload->row;
  Begun begun = upload_judge (tx, upload->self, row->uploaded_by, row->workspace_id);

  if (begun == BEGUN && upload->fault)
    begun = BEGIN_NAME;
  if (begun == BEGUN &&
      !upload_fits (tx, upload->self, row->workspace_id, row->id, MAX (upload->declared, 0)))
    begun = BEGIN_FULL;
  if (begun == BEGUN)
    dae_exec_later (
        tx,
        "INSERT INTO file (id, workspace_id, name, media_type, size, sha256, state,"
        " object_key, uploaded_by, created_at)"
        " VALUES ($1, $2, $3, 'application/octet-stream', $4, '', 'uploading', $5, $6, $7)",
        DAE_UUID (row->id), DAE_UUID (row->workspace_id), DAE_TEXT (row->name),
        DAE_INT (MAX (upload->declared, 0)), DAE_TEXT (row->key), DAE_TEXT (row->uploaded_by),
        DAE_TIME (row->created_at));
  return GINT_TO_POINTER (begun);
}

static void
upload_begun (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  Upload *upload = data;
  Begun begun = (Begun)GPOINTER_TO_INT (result);

  if (problem || begun != BEGUN) {
    dae_series_add (problem ? own->failed : own->refused, 1);
    dae_send (upload->req,
              problem ? files_refuse_work (upload->req, problem) : upload_refuse (upload, begun));
    upload_free (upload);
    return;
  }
  if (g_cancellable_is_cancelled (dae_request_gone (upload->req))) {
    upload_fail (upload, own->left, NULL);
    return;
  }
  upload->left = g_signal_connect (dae_request_gone (upload->req), "cancelled",
                                   G_CALLBACK (upload_on_left), upload);
  upload_read (upload);
}

/* What is no whole file must not become one: NULL if it is. */
static DaeReply *
upload_refuse_form (DaeRequest *req, DaePlugin *self)
{
  const Files *own = dae_data (self);
  const char *type = dae_request_header (req, "Content-Type");

  if (type && g_ascii_strncasecmp (type, "multipart/", strlen ("multipart/")) == 0)
    return dae_reply_problem (
        req, 415, "unsupported_media_type",
        "the body must be the file itself, not a form: its name is in the URL");
  if (dae_request_header (req, "Content-Range"))
    return dae_reply_problem (req, 400, "partial_upload", "a file cannot be sent in parts");
  if (dae_request_body_length (req) > own->max_size)
    return dae_reply_problem (req, 413, "file_too_large",
                              "the file is larger than files may be here");
  return NULL;
}

DaeOutcome
files_upload (DaeRequest *req, DaePlugin *self)
{
  g_autofree char *workspace_id = g_ascii_strdown (dae_request_param (req, "workspace_id"), -1);
  const char *given = dae_request_query (req, "name"), *fault = NULL;
  g_autofree char *name = file_name_take (given ? given : "", &fault);
  DaeReply *refusal = upload_refuse_form (req, self);
  Upload *upload;
  char id[37];

  if (refusal)
    return dae_send (req, refusal);
  dae_uuid7 (self, id);
  upload = g_new0 (Upload, 1);
  upload->self = self;
  upload->req = dae_request_ref (req);
  upload->declared = dae_request_body_length (req);
  upload->began = g_get_monotonic_time ();
  upload->head = g_byte_array_new ();
  upload->text = g_byte_array_new ();
  upload->is_text = TRUE;
  upload->sum = sha256_new ();
  upload->row = g_new0 (FileRow, 1);
  upload->row->id = g_strdup (id);
  /* told only to those for whom the workspace exists */
  upload->fault = given ? fault : "is required";
  upload->row->key =
      g_strconcat (FILE_KEY_ROOT, workspace_id, "/files/", id, "/", name ? name : "", NULL);
  upload->row->name = g_steal_pointer (&name);
  upload->row->workspace_id = g_steal_pointer (&workspace_id);
  upload->row->uploaded_by = g_strdup (dae_request_user (req)->subject);
  /* as it is read back: both databases keep microseconds */
  upload->row->created_at = dae_now (self);
  upload->row->version = 1;
  dae_work (self, req, DAE_WORK_WRITES, upload_begin_work, upload, NULL, NULL, upload_begun,
            upload);
  return DAE_LATER;
}
