/* SPDX-License-Identifier: Apache-2.0 */
/* files: the descriptor, and how failures of the store and the database are told. */
#include "files.h"

#define UPLOAD_DEADLINE_MS (24 * 60 * 60 * 1000)
#define BODY_MAX           (G_GINT64_CONSTANT (1) << 42)

DaeReply *
files_refuse_store (DaeRequest *req, DaeStoreResult result)
{
  switch (result) {
  case DAE_STORE_FULL:
    return dae_reply_problem (req, 507, "storage_full", "no space is left for files");
  case DAE_STORE_CUT:
    return dae_reply_problem (req, 400, "body_cut", "the body ended too early");
  case DAE_STORE_UNAVAILABLE:
  case DAE_STORE_REFUSED:
  case DAE_STORE_NOT_FOUND:
  case DAE_STORE_OK:
    break;
  }
  return dae_reply_header (
      dae_reply_problem (req, 503, "store_unavailable", "the store of files does not answer"),
      "Retry-After", "5");
}

DaeReply *
files_refuse_work (DaeRequest *req, const char *problem)
{
  if (g_strcmp0 (problem, "full") == 0)
    return dae_reply_problem (req, 507, "storage_full", "no space is left in the database");
  if (g_strcmp0 (problem, "failed") == 0 || g_strcmp0 (problem, "invalid") == 0)
    return dae_reply_problem (req, 500, "failed", "the file could not be looked up");
  return dae_reply_header (
      dae_reply_problem (req, 503, "unavailable", "the database does not answer"), "Retry-After",
      "2");
}

static gboolean
files_configure (DaePlugin *self, GError **error)
{
  Files *own = g_new0 (Files, 1);

  dae_set_data (self, own, g_free);
  own->max_size = dae_setting_int (self, "max-size");
  own->workspace_size = dae_setting_int (self, "workspace-size");
  own->unfinished_after = dae_setting_int (self, "unfinished-after") * 1000;
  own->stored = dae_series (self, "file_uploads_total", "stored");
  own->refused = dae_series (self, "file_uploads_total", "refused");
  own->left = dae_series (self, "file_uploads_total", "left");
  own->failed = dae_series (self, "file_uploads_total", "failed");
  own->served = dae_series (self, "file_downloads_total", "served");
  own->abandoned = dae_series (self, "file_downloads_total", "left");
  own->broken = dae_series (self, "file_downloads_total", "failed");
  own->bytes_in = dae_series (self, "file_bytes_total", "in");
  own->bytes_out = dae_series (self, "file_bytes_total", "out");
  own->seconds = dae_series (self, "file_upload_duration_seconds");
  own->swept_deleted = dae_series (self, "file_swept_total", "row");
  own->swept_unfinished = dae_series (self, "file_swept_total", "unfinished");
  own->swept_workspace = dae_series (self, "file_swept_total", "workspace");
  own->swept_orphan = dae_series (self, "file_swept_total", "orphan");
  return TRUE;
}

static void
files_on_workspace_deleted (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  dae_job_wake (self, "sweep");
}

static gboolean
files_start (DaePlugin *self, GError **error)
{
  Files *own = dae_data (self);

  own->workspaces = dae_service (self, "workspaces/1", &own->workspaces_plugin);
  own->store = dae_service (self, "object-store/1", &own->store_plugin);
  dae_set_state (self, g_new0 (FilesState, 1), g_free);
  dae_subscribe (self, "workspace:deleted", files_on_workspace_deleted, NULL);
  return TRUE;
}

static const DaeService services[] = {
  { "files/1", &files_service },
};

static const char *const needs[] = { "identity/1", "workspaces/1", "object-store/1", NULL };

static const DaeSetting settings[] = {
  { .key = "max-size",
    .type = DAE_SETTING_SIZE,
    .fallback = "2G",
    .help = "Largest file",
    .min = 1,
    .max = BODY_MAX },
  { .key = "workspace-size",
    .type = DAE_SETTING_SIZE,
    .fallback = "0",
    .help = "All files of one workspace together; 0: no limit",
    .min = 0,
    .max = G_MAXINT64 },
  { .key = "unfinished-after",
    .type = DAE_SETTING_DURATION,
    .fallback = "1d",
    .help = "Uploads that have not ended after this time are swept away",
    .min = 1000,
    .max = G_GINT64_CONSTANT (30) * 24 * 60 * 60 * 1000 },
};

static const double durations[] = { 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200 };

static const DaeMetric metrics[] = {
  { .name = "file_uploads_total",
    .type = DAE_COUNTER,
    .help = "Uploads by how they ended",
    .labels = "outcome=stored|refused|left|failed" },
  { .name = "file_downloads_total",
    .type = DAE_COUNTER,
    .help = "Downloads by how they ended",
    .labels = "outcome=served|left|failed" },
  { .name = "file_bytes_total",
    .type = DAE_COUNTER,
    .help = "Bytes of files that were stored and sent",
    .labels = "direction=in|out" },
  { .name = "file_upload_duration_seconds",
    .type = DAE_HISTOGRAM,
    .help = "Time of uploads that were stored",
    .buckets = durations,
    .n_buckets = G_N_ELEMENTS (durations) },
  { .name = "file_swept_total",
    .type = DAE_COUNTER,
    .help = "What the sweep has marked or removed",
    .labels = "what=row|unfinished|workspace|orphan" },
};

static const DaeMember list_query[] = {
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "cursor", .type = DAE_MEMBER_TEXT, .min = 1, .max = 500 },
};

/* without a name it is 422, but first comes whether the workspace is there */
static const DaeMember upload_query[] = {
  { .name = "name", .type = DAE_MEMBER_TEXT, .min = 1, .max = 255 },
};

static const DaeMember rename_members[] = {
  { .name = "name", .type = DAE_MEMBER_TEXT, .min = 1, .max = 255 },
};

static const DaeRoute routes[] = {
  { .method = "GET",
    .pattern = "/api/workspaces/{workspace_id:uuid}/files",
    .answer = files_list,
    .query = DAE_TABLE (list_query) },
  { .method = "POST",
    .pattern = "/api/workspaces/{workspace_id:uuid}/files",
    .loop = files_upload,
    .body = DAE_BODY_STREAM,
    .deadline_ms = UPLOAD_DEADLINE_MS,
    .body_max = BODY_MAX,
    .query = DAE_TABLE (upload_query) },
  { .method = "GET", .pattern = "/api/files/{file_id:uuid}", .answer = files_show },
  { .method = "PATCH",
    .pattern = "/api/files/{file_id:uuid}",
    .answer = files_rename,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (rename_members) },
  { .method = "DELETE", .pattern = "/api/files/{file_id:uuid}", .answer = files_delete },
  { .method = "GET", .pattern = "/api/files/{file_id:uuid}/content", .loop = files_download },
};

static const DaeJob jobs[] = {
  { .name = "sweep", .every_ms = 60 * 1000, .loop = files_sweep },
  { .name = "orphans", .every_ms = 6 * 60 * 60 * 1000, .loop = files_list_orphans },
};

DAE_PLUGIN_DEFINE (.name = "files",
                   .version = "0.1.0",
                   .summary = "Files of workspaces: upload, metadata, download, search",
                   .needs = needs,
                   .provides = DAE_TABLE (services),
                   .settings = DAE_TABLE (settings),
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .jobs = DAE_TABLE (jobs),
                   .configure = files_configure,
                   .start = files_start,
                   .merge_people = files_merge_people);
