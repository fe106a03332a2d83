/* SPDX-License-Identifier: Apache-2.0 */
/* account: what a request leaves behind: counts by pattern and one line in the log. */
#include <string.h>

#include "../observe/log.h"
#include "../plugin/plugin.h"
#include "passage.h"

/* labels of routes, methods and statuses are known at start: no peer can make more of them */
#define ACCOUNT_NO_CAP 1000000

static const double account_buckets[] = { .005, .01, .025, .05, .1, .25, .5, 1,
                                          2.5,  5,   10,   30,  60, 120, 300 };

static const DaeMetric account_requests = {
  .name = "http_requests_total",
  .type = DAE_COUNTER,
  .help = "Requests by route pattern, method and status",
  .labels = "plugin route method status",
  .max_series = ACCOUNT_NO_CAP,
};
static const DaeMetric account_durations = {
  .name = "http_request_duration_seconds",
  .type = DAE_HISTOGRAM,
  .help = "Time from the head of a request to the last byte of its answer, streams left out",
  .labels = "route method",
  .buckets = account_buckets,
  .n_buckets = G_N_ELEMENTS (account_buckets),
  .max_series = ACCOUNT_NO_CAP,
};
static const DaeMetric account_in_flight = {
  .name = "http_requests_in_flight",
  .type = DAE_GAUGE,
  .help = "Requests under way, event streams left out",
};
static const DaeMetric account_rejected = {
  .name = "http_rejected_total",
  .type = DAE_COUNTER,
  .help = "Requests refused before or instead of a handler's answer",
  .labels = "reason=draining|rate|uploads|streams|connections|body|head|deadline|host|origin",
};
static const DaeMetric account_streams = {
  .name = "event_streams_active",
  .type = DAE_GAUGE,
  .help = "Open event streams",
};

static const char *const account_methods[] = { "other", "GET",   "HEAD",   "POST",
                                               "PUT",   "PATCH", "DELETE", "OPTIONS" };

static guint
account_method (const char *method)
{
  for (guint i = 1; i < G_N_ELEMENTS (account_methods); i++) {
    if (g_str_equal (account_methods[i], method))
      return i;
  }
  return 0;
}

static MetricsFamily *
account_family (Host *host, const DaeMetric *row)
{
  g_autoptr (GError) error = NULL;
  MetricsFamily *family = row == &account_durations
                              ? metrics_add_traced (host->metrics, row, &error)
                              : metrics_add_family (host->metrics, NULL, row, &error);

  if (!family) /* two rows of the host's own source have one name */
    g_error ("daedalus_%s: %s", row->name, error->message);
  return family;
}

void
account_open (Exchange *exchange)
{
  Host *host = exchange->host;

  exchange->requests = account_family (host, &account_requests);
  exchange->durations = account_family (host, &account_durations);
  exchange->rejected = account_family (host, &account_rejected);
  exchange->in_flight = metrics_series (account_family (host, &account_in_flight), NULL, 0);
  exchange->event_streams = metrics_series (account_family (host, &account_streams), NULL, 0);
  exchange->unmatched.label = (char *)"(none)";
}

void
account_close (Exchange *exchange)
{
  g_clear_pointer (&exchange->unmatched.requests, g_hash_table_unref);
}

/* The counter of ROUTE, METHOD and STATUS, made at the first question; STATUS 0: the histogram. */
static MetricsSeries *
account_series (Exchange *exchange, Route *route, guint method, guint status)
{
  gpointer key = GUINT_TO_POINTER (method << 16 | status);
  MetricsSeries *series;
  char text[16];

  if (!route->requests)
    route->requests = g_hash_table_new (NULL, NULL);
  series = g_hash_table_lookup (route->requests, key);
  if (series)
    return series;
  g_snprintf (text, sizeof text, "%u", status);
  if (status == 0) {
    const char *labels[] = { route->label, account_methods[method] };

    series = metrics_series (exchange->durations, labels, G_N_ELEMENTS (labels));
  } else {
    const char *labels[] = { route->plugin ? route->plugin->name : "host", route->label,
                             account_methods[method], text };

    series = metrics_series (exchange->requests, labels, G_N_ELEMENTS (labels));
  }
  g_hash_table_insert (route->requests, key, series);
  return series;
}

void
account_prepare (Exchange *exchange)
{
  GPtrArray *routes = router_routes (exchange->host->router);

  for (guint i = 0; i < routes->len; i++) {
    Route *route = routes->pdata[i];
    guint method = account_method (route->row.method);

    account_series (exchange, route, method, 200);
    account_series (exchange, route, method, 500);
    account_series (exchange, route, method, 503);
    if (!(route->row.flags & DAE_ROUTE_STREAMS))
      route->duration = account_series (exchange, route, method, 0);
  }
}

void
account_reject (Passage *passage, const char *reason)
{
  metrics_add (metrics_series (passage->exchange->rejected, &reason, 1), 1);
}

void
account_flight (Exchange *exchange)
{
  metrics_set (exchange->in_flight, exchange_in_flight (exchange));
  metrics_set (exchange->event_streams, exchange->n_event_streams);
}

static void
account_log (Passage *passage, guint status, double seconds, const char *trace_id)
{
  const Request *request = passage->request;
  const Route *route = request->route;
  gboolean quiet = route && (route->row.flags & DAE_ROUTE_QUIET) && status < 400;
  const char *error = passage->left  ? "the client left before the end"
                      : passage->cut ? "the answer was cut"
                                     : passage->reply->code;
  /* those beyond a limit have a line of their own, once a second */
  GLogLevelFlags level = status >= 500               ? G_LOG_LEVEL_WARNING
                         : quiet || passage->limited ? G_LOG_LEVEL_DEBUG
                                                     : G_LOG_LEVEL_INFO;
  LogContext context = {
    .plugin = route && route->plugin ? route->plugin->name : "host",
    .request_id = request->id,
    .user = request->user ? request->user->subject : NULL,
    .method = account_methods[account_method (request->method)],
    .route = route ? route->label : "(none)",
  };
  DaeField fields[8] = {
    DAE_I ("status", status),
    { .key = "duration_ms", .type = DAE_VALUE_REAL, .real = seconds * 1000 },
    DAE_I ("bytes_in", passage->bytes_in),
    DAE_I ("bytes_out", passage->bytes_out),
    DAE_S ("step", passage->ended_at ? passage->ended_at : "handle"),
    DAE_S ("client", request->client),
  };
  guint n = 6;

  if (trace_id)
    fields[n++] = (DaeField)DAE_S ("trace_id", trace_id);
  if (error)
    fields[n++] = (DaeField)DAE_S ("error", error);
  if (log_has_level (level))
    log_fields (level, &context, "request", fields, n);
}

gboolean
account_step (Passage *passage)
{
  Exchange *exchange = passage->exchange;
  Request *request = passage->request;
  Route *route = request->route ? (Route *)request->route : &exchange->unmatched;
  guint method = account_method (request->method);
  guint status = passage->reply->status;
  double seconds = (double)(g_get_monotonic_time () - passage->began) / G_USEC_PER_SEC;
  const char *trace = dae_request_traceparent (&request->base);
  char trace_id[33] = "";

  if (trace)
    g_strlcpy (trace_id, trace + 3, sizeof trace_id);
  metrics_add (account_series (exchange, route, method, status), 1);
  if (!(route->row.flags & DAE_ROUTE_STREAMS))
    metrics_observe_request (account_series (exchange, route, method, 0), seconds, request->id,
                             trace ? trace_id : NULL);
  account_log (passage, status, seconds, trace ? trace_id : NULL);
  return TRUE;
}
