/* SPDX-License-Identifier: Apache-2.0 */
/* files-download: a file's bytes, whole or a part, no faster than they are taken.
 *
 * What came from somebody must not act as the page: it is never sniffed, runs
 * in a sandbox, and is shown in place only where nothing in it can run.
 */
#include "files.h"

#define HIGH_WATER     (256 * 1024)
#define DOWNLOAD_CACHE "private, no-cache"

typedef struct {
  DaePlugin *self;
  DaeRequest *req; /* a reference */
  FileRow *row;
  gulong left;
  guint status;
  gint64 first, length, sent;
  DaeStoreGet *get;  /* NULL: it has ended */
  DaeStream *stream; /* NULL: no head has been sent */
} Download;

static void
download_free (Download *download)
{
  const Files *own = dae_data (download->self);

  dae_series_add (own->bytes_out, (double)download->sent);
  if (download->left)
    g_signal_handler_disconnect (dae_request_gone (download->req), download->left);
  if (download->get)
    own->store->get_cancel (download->get);
  dae_request_unref (download->req);
  file_row_free (download->row);
  g_free (download);
}

static void
download_on_gone (DaeStream *stream, gpointer data)
{
  Download *download = data;
  const Files *own = dae_data (download->self);

  dae_series_add (own->abandoned, 1);
  download_free (download);
}

static void
download_on_left (GCancellable *gone, gpointer data)
{
  Download *download = data;

  if (!download->stream) /* else its stream tells */
    download_on_gone (NULL, download);
}

static void
download_on_drain (DaeStream *stream, gpointer data)
{
  Download *download = data;
  const Files *own = dae_data (download->self);

  if (download->get)
    own->store->get_pause (download->get, FALSE);
}

static char *
download_tag (const FileRow *row)
{
  return g_strconcat ("\"", row->sha256, "\"", NULL);
}

/* The head of an answer with bytes. */
static DaeReply *
download_reply (Download *download)
{
  const FileRow *row = download->row;
  DaeReply *reply = dae_reply_empty (download->req, download->status);
  gboolean is_text = g_str_has_prefix (row->type, "text/");
  g_autofree char *tag = download_tag (row);
  g_autofree char *type = g_strconcat (row->type, is_text ? "; charset=utf-8" : "", NULL);
  char text[96];

  dae_reply_header (reply, "Content-Type", type);
  dae_reply_header (reply, "ETag", tag);
  dae_reply_header (reply, "Accept-Ranges", "bytes");
  dae_reply_header (reply, "Cache-Control", DOWNLOAD_CACHE);
  dae_reply_header (reply, "X-Content-Type-Options", "nosniff");
  dae_reply_header (reply, "Content-Security-Policy",
                    "sandbox; default-src 'none'; frame-ancestors 'self'");
  dae_reply_disposition (reply, file_type_is_safe (row->type), row->name);
  g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, download->length);
  dae_reply_header (reply, "Content-Length", text);
  if (download->status != 206)
    return reply;
  g_snprintf (text, sizeof text,
              "bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, download->first,
              download->first + download->length - 1, row->size);
  return dae_reply_header (reply, "Content-Range", text);
}

static void
download_open (Download *download)
{
  download->stream = dae_stream_open (download->req, download_reply (download));
  dae_stream_on_drain (download->stream, download_on_drain, download);
  dae_stream_on_gone (download->stream, download_on_gone, download);
}

static void
download_head (DaeStoreGet *get, gint64 length, gpointer data)
{
  Download *download = data;

  /* other bytes than the row tells of are nobody's file: it ends as one that was cut */
  if (length == download->length)
    download_open (download);
}

static void
download_body (DaeStoreGet *get, const char *bytes, gsize length, gpointer data)
{
  Download *download = data;
  const Files *own = dae_data (download->self);
  g_autoptr (GBytes) piece = NULL;

  if (!download->stream)
    return;
  piece = g_bytes_new (bytes, length);
  if (dae_stream_write (download->stream, piece))
    download->sent += (gint64)length;
  if (dae_stream_queued (download->stream) > HIGH_WATER)
    own->store->get_pause (get, TRUE);
}

static void
download_end (DaeStoreGet *get, DaeStoreResult result, const char *why, gpointer data)
{
  Download *download = data;
  const Files *own = dae_data (download->self);
  gboolean is_whole =
      result == DAE_STORE_OK && download->stream && download->sent == download->length;

  download->get = NULL;
  if (!is_whole)
    dae_log (download->req, G_LOG_LEVEL_WARNING, "the store did not give a file",
             DAE_S ("file_id", download->row->id),
             DAE_S ("error", why ? why : "its length is wrong"));
  dae_series_add (is_whole ? own->served : own->broken, 1);
  if (!download->stream)
    dae_send (download->req, files_refuse_store (download->req, result));
  else if (is_whole)
    dae_stream_end (download->stream);
  else
    dae_stream_abort (download->stream);
  download_free (download);
}

static const DaeStoreGetHooks download_hooks = { .struct_size = sizeof download_hooks,
                                                 .head = download_head,
                                                 .body = download_body,
                                                 .end = download_end };

static gpointer
download_work (DaeTx *tx, gconstpointer input)
{
  DaeRequest *req = (DaeRequest *)input;
  gboolean is_refused;

  return file_row_find (tx, dae_tx_plugin (tx), dae_request_user (req)->subject,
                        dae_request_param (req, "file_id"), DAE_MAY_READ, &is_refused);
}

/* What is not answered with bytes; NULL: go on. */
static DaeReply *
download_refuse (DaeRequest *req, const Download *download)
{
  g_autofree char *tag = download_tag (download->row);
  DaeReply *reply;
  char text[64];

  switch (download->status) {
  case 304:
    reply = dae_reply_header (dae_reply_empty (req, 304), "ETag", tag);
    return dae_reply_header (reply, "Cache-Control", DOWNLOAD_CACHE);
  case 412:
    return dae_reply_problem (req, 412, "precondition_failed", "it has changed since it was read");
  case 416:
    reply =
        dae_reply_problem (req, 416, "range_not_satisfiable", "the range begins behind the end");
    g_snprintf (text, sizeof text, "bytes */%" G_GINT64_FORMAT, download->row->size);
    return dae_reply_header (reply, "Content-Range", text);
  default:
    return NULL;
  }
}

static void
download_found (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const Files *own = dae_data (self);
  Download *download = data;
  DaeRequest *req = download->req;
  const FileRow *row = result;
  g_autofree char *tag = row ? download_tag (row) : NULL;
  DaeReply *refusal;

  if (!row || g_cancellable_is_cancelled (dae_request_gone (req))) {
    if (problem)
      dae_send (req, files_refuse_work (req, problem));
    else
      dae_send (req, dae_reply_not_found (req));
    download_free (download);
    return;
  }
  download->row = file_row_copy (row);
  download->status = dae_request_file (req, tag, row->size, &download->first, &download->length);
  refusal = download_refuse (req, download);
  if (refusal || g_str_equal (dae_request_method (req), "HEAD") || download->length == 0) {
    dae_send (req, refusal ? refusal : download_reply (download));
    download_free (download);
    return;
  }
  download->left = g_signal_connect (dae_request_gone (req), "cancelled",
                                     G_CALLBACK (download_on_left), download);
  download->get = own->store->get (own->store_plugin, row->key, download->first, download->length,
                                   &download_hooks, download);
}

DaeOutcome
files_download (DaeRequest *req, DaePlugin *self)
{
  Download *download = g_new0 (Download, 1);

  download->self = self;
  download->req = dae_request_ref (req);
  dae_work (self, req, 0, download_work, req, NULL, (GDestroyNotify)file_row_free, download_found,
            download);
  return DAE_LATER;
}
