/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: GET /metrics for the networks that an admin trusts with it, and for tokens with that
 * scope.
 *
 * What came through a proxy that we do not trust is never internal, whatever
 * address it comes from.
 */
#include <daedalus-plugin.h>

static const DaeSetting settings[] = {
  { .key = "networks",
    .type = DAE_SETTING_NETWORKS,
    .fallback = "10.10.0.0/24;172.16.0.0/12;127.0.0.0/8;::1",
    .help = "Addresses and networks that may read /metrics." },
};

static const DaeMetric metrics[] = {
  { .name = "metrics_scrapes_total",
    .type = DAE_COUNTER,
    .help = "Requests for the metrics",
    .labels = "outcome=ok|forbidden" },
};

typedef struct {
  DaeSeries *ok;
  DaeSeries *forbidden;
} MetricsData;

static gboolean
metrics_was_forwarded (DaeRequest *req)
{
  static const char *const signs[] = { "X-Forwarded-For",  "Forwarded",        "X-Real-IP", "Via",
                                       "X-Forwarded-Host", "X-Forwarded-Proto" };

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++) {
    if (dae_request_header_count (req, signs[i]) > 0)
      return TRUE;
  }
  return FALSE;
}

/* TRUE for a personal access token: the host has seen that its scopes hold the metrics. */
static gboolean
metrics_has_token (DaeRequest *req)
{
  const DaeUser *user = dae_request_user (req);

  return user && (user->flags & DAE_USER_SCOPED);
}

static gboolean
metrics_may (DaePlugin *self, DaeRequest *req)
{
  if (!dae_request_from_trusted_proxy (req) && metrics_was_forwarded (req))
    return FALSE;
  return dae_setting_has_address (self, "networks", dae_request_client (req));
}

static DaeOutcome
metrics_show (DaeRequest *req, DaePlugin *self)
{
  const MetricsData *data = dae_data (self);
  g_autoptr (GBytes) text = NULL;
  const char *type;

  if (!metrics_may (self, req) && !metrics_has_token (req)) {
    dae_series_add (data->forbidden, 1);
    return dae_send (req, dae_reply_problem (req, 403, "network_not_allowed",
                                             "metrics are not for this address"));
  }
  dae_series_add (data->ok, 1);
  text = dae_metrics_text (self, dae_request_header (req, "Accept"), &type);
  return dae_send (req, dae_reply_bytes (req, 200, type, text));
}

static gboolean
metrics_configure (DaePlugin *self, GError **error)
{
  MetricsData *data = g_new0 (MetricsData, 1);

  data->ok = dae_series (self, "metrics_scrapes_total", "ok");
  data->forbidden = dae_series (self, "metrics_scrapes_total", "forbidden");
  dae_set_data (self, data, g_free);
  return TRUE;
}

static const DaeRoute routes[] = {
  { .method = "GET",
    .pattern = "/metrics",
    .loop = metrics_show,
    .auth = DAE_AUTH_ANY,
    .flags = DAE_ROUTE_QUIET | DAE_ROUTE_METRICS },
};

DAE_PLUGIN_DEFINE (.name = "metrics",
                   .version = "0.1.0",
                   .summary = "Metrics for Prometheus",
                   .settings = DAE_TABLE (settings),
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .configure = metrics_configure);
