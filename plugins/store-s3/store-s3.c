/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3: object-store/1 in an S3 bucket, such as MinIO's, Ceph's or Swift's. */
#include "store-s3.h"

#include <string.h>

#define S3_PROBE_MS 15000
#define S3_LOG_US   (10 * G_USEC_PER_SEC)

static const char *const s3_names[S3_N_OPS] = {
  [S3_PUT] = "put",           [S3_PART] = "part",     [S3_CREATE] = "create",
  [S3_COMPLETE] = "complete", [S3_ABORT] = "abort",   [S3_GET] = "get",
  [S3_HEAD] = "head",         [S3_REMOVE] = "remove", [S3_LIST] = "list",
  [S3_UPLOADS] = "uploads",
};

/* One line for each trouble, and again after a while. */
static void
s3_log (S3Call *call)
{
  const S3Data *store = dae_data (call->self);
  S3State *state = dae_state (call->self);
  gint64 now = g_get_monotonic_time ();

  if (state->draining ||
      (g_strcmp0 (state->logged, call->why) == 0 && now - state->logged_at < S3_LOG_US))
    return;
  g_free (state->logged);
  state->logged = g_strdup (call->why);
  state->logged_at = now;
  dae_log (call->self, G_LOG_LEVEL_WARNING, "the object store cannot do what is asked",
           DAE_S ("operation", s3_names[call->op]), DAE_S ("endpoint", store->endpoint),
           DAE_S ("bucket", store->bucket), DAE_S ("error", call->why),
           DAE_S ("remedy", call->remedy));
}

void
s3_told (S3Call *call)
{
  const S3Data *store = dae_data (call->self);
  gboolean ok = call->result == DAE_STORE_OK || call->result == DAE_STORE_NOT_FOUND;

  dae_series_add (ok ? store->ok[call->op] : store->failed[call->op], 1);
  dae_series_observe (store->duration[call->op],
                      (double)(g_get_monotonic_time () - call->began) / G_USEC_PER_SEC);
  if (!ok)
    s3_log (call);
}

/* ---- health ---- */

static void
s3_probe_done (S3Call *call, gpointer data)
{
  S3State *state = dae_state (call->self);
  gboolean ok = call->result == DAE_STORE_OK;

  state->probing = FALSE;
  g_free (state->why);
  state->why = ok ? NULL : g_strdup (call->why);
}

static gboolean
s3_probe (DaePlugin *self, gpointer data)
{
  static const S3CallHooks hooks = { .done = s3_probe_done };
  S3State *state = dae_state (self);

  if (!state->probing && !state->draining) {
    state->probing = TRUE;
    s3_call_send (
        s3_call_new (self, S3_LIST, NULL, g_strdup ("list-type=2&max-keys=1"), &hooks, NULL));
  }
  return TRUE;
}

static DaeHealth
s3_health (DaePlugin *self, GString *why)
{
  const S3Data *store = dae_data (self);
  const S3State *state = dae_state (self);

  if (state->why == NULL)
    return DAE_HEALTH_UP;
  g_string_append (why, state->why);
  return store->is_required ? DAE_HEALTH_DOWN : DAE_HEALTH_DEGRADED;
}

/* ---- life ---- */

static void
s3_data_free (gpointer data)
{
  S3Data *store = data;

  g_free (store->authority);
  g_free (store->endpoint);
  g_free (store->root);
  g_free (store);
}

static void
s3_state_free (gpointer data)
{
  S3State *state = data;

  g_free (state->why);
  g_free (state->logged);
  g_free (state);
}

static gboolean
s3_take_endpoint (S3Data *store, const char *endpoint, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (endpoint, G_URI_FLAGS_ENCODED, error);
  g_autofree char *bucket = s3_sign_encode (store->bucket, FALSE);
  g_autofree char *path = NULL;
  const char *host;
  int port;

  if (uri == NULL)
    return FALSE;
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "endpoint has a query or a fragment: write http(s)://HOST:PORT");
    return FALSE;
  }
  host = g_uri_get_host (uri);
  port = g_uri_get_port (uri);
  store->tls = strcmp (g_uri_get_scheme (uri), "https") == 0;
  store->authority = g_strdup_printf (strchr (host, ':') != NULL ? "[%s]%s%.0d" : "%s%s%.0d", host,
                                      port <= 0 || port == (store->tls ? 443 : 80) ? "" : ":",
                                      port <= 0 || port == (store->tls ? 443 : 80) ? 0 : port);
  store->endpoint = g_strdup_printf ("%s://%s", g_uri_get_scheme (uri), store->authority);
  path = g_strdup (g_uri_get_path (uri));
  while (g_str_has_suffix (path, "/"))
    path[strlen (path) - 1] = '\0';
  store->root = g_strdup_printf ("%s/%s", path, bucket);
  return TRUE;
}

static gboolean
s3_take_keys (DaePlugin *self, S3Data *store, GError **error)
{
  store->account =
      (S3Account){ dae_setting_text (self, "access-key"), dae_setting_text (self, "secret-key"),
                   dae_setting_text (self, "region") };
  store->bucket = dae_setting_text (self, "bucket");
  if (store->account.access_key != NULL && store->account.secret_key != NULL)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s is missing: write it, or %s-file with the path of a file that holds it, or set "
               "%s",
               store->account.access_key == NULL ? "access-key" : "secret-key",
               store->account.access_key == NULL ? "access-key" : "secret-key",
               store->account.access_key == NULL ? "DAEDALUS_S3_ACCESS_KEY"
                                                 : "DAEDALUS_S3_SECRET_KEY");
  return FALSE;
}

static gboolean
s3_configure (DaePlugin *self, GError **error)
{
  S3Data *store = g_new0 (S3Data, 1);

  dae_set_data (self, store, s3_data_free);
  if (!s3_take_keys (self, store, error) ||
      !s3_take_endpoint (store, dae_setting_text (self, "endpoint"), error))
    return FALSE;
  store->is_required = dae_setting_int (self, "required") != 0;
  store->answer_ms = (guint)dae_setting_int (self, "answer-limit");
  for (guint i = 0; i < S3_N_OPS; i++) {
    store->ok[i] = dae_series (self, "s3_requests_total", s3_names[i], "ok");
    store->failed[i] = dae_series (self, "s3_requests_total", s3_names[i], "error");
    store->duration[i] = dae_series (self, "s3_request_duration_seconds", s3_names[i]);
    store->retries[i] = dae_series (self, "s3_retries_total", s3_names[i]);
  }
  store->bytes_in = dae_series (self, "s3_bytes_total", "in");
  store->bytes_out = dae_series (self, "s3_bytes_total", "out");
  return TRUE;
}

static gboolean
s3_start (DaePlugin *self, GError **error)
{
  dae_set_state (self, g_new0 (S3State, 1), s3_state_free);
  dae_timer (self, S3_PROBE_MS, s3_probe, NULL);
  s3_probe (self, NULL);
  return TRUE;
}

static void
s3_drain (DaePlugin *self)
{
  s3_call_drain (self);
}

static void
s3_stop (DaePlugin *self)
{
  s3_call_stop (self);
}

static const DaeSetting s3_settings[] = {
  { .key = "endpoint",
    .type = DAE_SETTING_URL,
    .flags = DAE_SETTING_REQUIRED,
    .environment = "DAEDALUS_S3_ENDPOINT",
    .help = "Where the object store answers, http or https; files are kept there if it is set" },
  { .key = "region",
    .type = DAE_SETTING_TEXT,
    .fallback = "us-east-1",
    .environment = "DAEDALUS_S3_REGION",
    .help = "The region that the bucket is in" },
  { .key = "bucket",
    .type = DAE_SETTING_TEXT,
    .fallback = "daedalus",
    .environment = "DAEDALUS_S3_BUCKET",
    .help = "The bucket, which must be there" },
  { .key = "access-key",
    .type = DAE_SETTING_SECRET,
    .environment = "DAEDALUS_S3_ACCESS_KEY",
    .help = "The name of the key that requests are signed with" },
  { .key = "secret-key",
    .type = DAE_SETTING_SECRET,
    .environment = "DAEDALUS_S3_SECRET_KEY",
    .help = "The key that requests are signed with" },
  { .key = "answer-limit",
    .type = DAE_SETTING_DURATION,
    .fallback = "30s",
    .min = 100,
    .max = 600000,
    .help = "How long the store may take to begin an answer before it is asked again; four times "
            "that to join the parts of an object" },
  { .key = "required",
    .type = DAE_SETTING_BOOL,
    .fallback = "false",
    .help =
        "Whether this server is out of service while the store is; otherwise it goes on without "
        "files" },
};

#define S3_OPERATIONS "operation=put|part|create|complete|abort|get|head|remove|list|uploads"

static const double s3_buckets[] = {
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
};

static const DaeMetric s3_metrics[] = {
  { .name = "s3_requests_total",
    .type = DAE_COUNTER,
    .labels = S3_OPERATIONS " outcome=ok|error",
    .help = "Requests to the object store; one that went well after all is ok" },
  { .name = "s3_request_duration_seconds",
    .type = DAE_HISTOGRAM,
    .labels = S3_OPERATIONS,
    .buckets = s3_buckets,
    .n_buckets = G_N_ELEMENTS (s3_buckets),
    .help = "Time of a request to the object store, with its retries" },
  { .name = "s3_retries_total",
    .type = DAE_COUNTER,
    .labels = S3_OPERATIONS,
    .help = "Tries after the first of requests to the object store" },
  { .name = "s3_bytes_total",
    .type = DAE_COUNTER,
    .labels = "direction=in|out",
    .help = "Bytes of objects written to the object store, and read from it" },
};

static const DaeObjectStore1 s3_vtable = {
  .struct_size = sizeof s3_vtable,
  .put = s3_put,
  .put_write = s3_put_write,
  .put_finish = s3_put_finish,
  .put_cancel = s3_put_cancel,
  .get = s3_get,
  .get_pause = s3_get_pause,
  .get_cancel = s3_get_cancel,
  .remove = s3_remove,
  .list = s3_list,
  .tidy = s3_tidy,
};

static const DaeService s3_provides[] = {
  { "object-store/1", &s3_vtable, 0 },
};

DAE_PLUGIN_DEFINE (.name = "store-s3",
                   .version = "0.1.0",
                   .summary = "keeps the bytes of files in an S3 bucket",
                   .provides = DAE_TABLE (s3_provides),
                   .settings = DAE_TABLE (s3_settings),
                   .metrics = DAE_TABLE (s3_metrics),
                   .configure = s3_configure,
                   .start = s3_start,
                   .drain = s3_drain,
                   .stop = s3_stop,
                   .health = s3_health);
