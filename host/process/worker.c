/* SPDX-License-Identifier: Apache-2.0 */
/* worker: one serving process: born from a generation's brief, dies by draining.
 *
 * The order of birth is the order of worker_main; the order of death its reverse.
 */
#include "worker.h"

#include "../config/config.h"
#include "../data/database.h"
#include "../data/idempotency.h"
#include "../http/exchange.h"
#include "../http/limit.h"
#include "../http/router.h"
#include "../http/upstream.h"
#include "../observe/health.h"
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "../paths.h"
#include "../plugin/plugin.h"
#include "brief.h"
#include "bus.h"
#include "fault.h"
#include "heartbeat.h"
#include "job.h"
#include "quarantine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAMP_EVERY_MS    250
#define LOOK_EVERY_MS     20
#define STREAM_STAGGER_MS 2000 /* at least */
#define STREAMS_PER_MS    2 /* at most: they come again at another worker, which has other work */
#define REFRESH_EVERY_S   5
#define LAST_WORDS_MS     500

typedef struct {
  Host host;
  GVariant *brief;
  GMainLoop *loop;
  MetricsSeries *loop_lag, *connections;
  gint64 last_stamp;
  gint64 drain_deadline; /* monotonic; 0: not draining */
  guint drain_limit_ms;
  gboolean quiet_looks; /* nothing was in flight at the last look */
} Worker;

static Worker worker;

static const char *
brief_text (const char *key)
{
  const char *text = "";

  g_variant_lookup (worker.brief, key, "&s", &text);
  return text;
}

static guint32
brief_number (const char *key)
{
  guint32 number = 0;

  g_variant_lookup (worker.brief, key, "u", &number);
  return number;
}

static void
announce (const char *key, const char *text)
{
  g_autofree char *message = text != NULL ? g_strconcat (key, "\n", text, NULL) : g_strdup (key);

  bus_send_control (worker.host.bus, 'A', message);
}

static gboolean
stamp (gpointer data)
{
  gint64 now = g_get_monotonic_time ();
  double lag = (double)(now - worker.last_stamp) / 1e6 - STAMP_EVERY_MS / 1e3;

  heartbeat_stamp (worker.host.heartbeat, HEARTBEAT_LOOP);
  metrics_set (worker.loop_lag, MAX (lag, 0));
  metrics_set (worker.connections, server_connections (worker.host.server));
  worker.last_stamp = now;
  return G_SOURCE_CONTINUE;
}

static gboolean
refresh (gpointer data)
{
  metrics_refresh_process (worker.host.metrics);
  return G_SOURCE_CONTINUE;
}

/* Ends the loop once nothing is in flight for two looks in a row, or the limit has passed. */
static gboolean
look_whether_drained (gpointer data)
{
  Host *host = &worker.host;
  gboolean busy = server_calls (host->server) > 0 || upstream_in_flight (host->upstream) > 0 ||
                  database_in_flight (host->database) > 0 || plugin_set_blocks (host->plugins) > 0;

  if (g_get_monotonic_time () < worker.drain_deadline && (busy || !worker.quiet_looks)) {
    worker.quiet_looks = !busy;
    return G_SOURCE_CONTINUE;
  }
  g_main_loop_quit (worker.loop);
  return G_SOURCE_REMOVE;
}

static void
drain (guint limit_ms)
{
  Host *host = &worker.host;
  gint64 deadline = g_get_monotonic_time () + (gint64)limit_ms * 1000;
  guint stagger_ms = MAX (STREAM_STAGGER_MS, exchange_streams (host->exchange) / STREAMS_PER_MS);

  if (worker.drain_deadline != 0) { /* told again: only sooner */
    worker.drain_deadline = MIN (worker.drain_deadline, deadline);
    return;
  }
  worker.drain_deadline = deadline;
  server_drain (host->server);
  exchange_drain (host->exchange, MIN (stagger_ms, limit_ms));
  jobs_drain (host->jobs);
  plugin_set_drain (host->plugins);
  database_drain (host->database);
  g_timeout_add (LOOK_EVERY_MS, look_whether_drained, NULL);
}

static gboolean
drain_after_delay (gpointer data)
{
  drain (worker.drain_limit_ms);
  return G_SOURCE_REMOVE;
}

static void
quarantine (const char *name, gint64 until, gpointer data)
{
  Plugin *plugin = plugin_set_find (worker.host.plugins, name);

  if (plugin != NULL)
    plugin->quarantined_until = until;
}

static void
on_control (char letter, const char *text, gpointer data)
{
  switch (letter) {
  case 'D':
    drain ((guint)strtoul (text, NULL, 10));
    break;
  case 'T': {
    char *end;
    guint delay = (guint)strtoul (text, &end, 10);

    worker.host.draining = TRUE;
    worker.drain_limit_ms = (guint)strtoul (end, NULL, 10);
    g_timeout_add (delay, drain_after_delay, NULL);
    break;
  }
  case 'V':
    log_set_level (text);
    break;
  case 'N':
    quarantine_each (text, quarantine, NULL);
    break;
  case 'Q':
    _exit (1);
  default:
    break;
  }
}

/* A terminal's Ctrl-C and a service manager's TERM come to all processes; the supervisor alone
 * acts. */
static void
ignore_signals (void)
{
  static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR2 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    signal (numbers[i], SIG_IGN);
}

/* Plugins may have begun things that nobody would wait for. */
static void
fail (Complaints *complaints)
{
  g_autofree char *text = complaints_to_text (complaints);

  bus_send_control (worker.host.bus, 'F', text);
  _exit (EXIT_CONFIG);
}

static void
listen_on_all (Host *host)
{
  g_autoptr (GVariant) sockets = g_variant_lookup_value (worker.brief, "sockets", NULL);
  GVariantIter iter;
  gboolean internal;
  int fd;

  g_variant_iter_init (&iter, sockets);
  while (g_variant_iter_next (&iter, "(ib)", &fd, &internal))
    server_listen (host->server, fd, internal);
}

static void
read_brief (Host *host, guint index, Complaints *complaints)
{
  g_autoptr (GVariant) config = g_variant_lookup_value (worker.brief, "config", NULL);
  g_autoptr (GVariant) secret = g_variant_lookup_value (worker.brief, "secret", NULL);
  gconstpointer bytes;
  gsize size;

  host->config = config_from_variant (config);
  config_declare_host (host->config, complaints);
  host_describe (host, brief_text ("data-dir"), brief_text ("runtime-dir"),
                 brief_text ("base-url"));
  host->info.workers = brief_number ("workers");
  host->info.worker = index;
  g_variant_lookup (worker.brief, "listen", "^as", &host->listen);
  host->internal_socket = g_strdup (brief_text ("internal-socket"));
  bytes = g_variant_get_fixed_array (secret, &size, 1);
  memcpy (host->secret, bytes, MIN (size, sizeof host->secret));
}

/* The rooms, each from those before it. */
static void
build (Host *host, int control_fd, guint slot, Complaints *complaints)
{
  static const DaeMetric lag = { .name = "worker_loop_lag_seconds",
                                 .type = DAE_GAUGE,
                                 .combine = DAE_MAX,
                                 .help = "How late the busiest worker's loop is" };
  static const DaeMetric connections = { .name = "http_connections",
                                         .type = DAE_GAUGE,
                                         .help = "Open connections of clients" };
  g_autoptr (GVariant) listed = g_variant_lookup_value (worker.brief, "sources", NULL);
  g_autoptr (GPtrArray) sources = brief_sources_from_variant (listed);
  ServerLimits limits = SERVER_LIMITS_DEFAULT;

  host->heartbeat = heartbeat_new ((int)brief_number ("heartbeat-fd"), slot);
  host->limits = limits_new ((int)brief_number ("limits-fd"), slot);
  limits_configure (host->limits, host->config);
  host->metrics = metrics_new ((int)brief_number ("metrics-fd"), slot);
  worker.loop_lag = metrics_series (metrics_add_family (host->metrics, NULL, &lag, NULL), NULL, 0);
  worker.connections =
      metrics_series (metrics_add_family (host->metrics, NULL, &connections, NULL), NULL, 0);
  host->router = router_new ();
  host->health = health_new (host);
  health_add_routes (host->health);
  host->exchange = exchange_new (host);
  host->database = database_new (host, complaints);
  host->bus = bus_new (host, control_fd, brief_text ("instance"));
  bus_on_control (host->bus, on_control, NULL);
  host->announce = announce;
  host->jobs = jobs_new (host);
  host->upstream = upstream_new (host);
  upstream_configure (host->upstream, complaints);
  host->plugins = plugin_set_new (host, sources, NULL, complaints);
  plugin_set_configure (host->plugins, complaints);
  host->server = server_new (host, exchange_hooks (), host->exchange);
  limits.idle_ms = (guint)config_int (host->config, "http", "keep-alive");
  server_set_limits (host->server, limits);
}

static gboolean
sweep_idempotency (DaeTx *tx, DaePlugin *self)
{
  return idempotency_sweep (tx);
}

/* The leases of a worker that died are free: whoever is first goes on with its jobs. */
static void
on_worker_ended (const char *topic, const char *text, gpointer data)
{
  Host *host = data;

  jobs_wake (host->jobs, NULL, NULL);
}

static gboolean
start (Host *host, Complaints *complaints)
{
  exchange_prepare (host->exchange);
  database_start (host->database);
  jobs_add_host (host->jobs, "idempotency-sweep", 60 * 1000, sweep_idempotency);
  plugin_set_start (host->plugins, complaints);
  jobs_start (host->jobs);
  bus_subscribe (host->bus, "worker:ended", on_worker_ended, host);
  return complaints_count (complaints) == 0 ||
         g_strcmp0 (config_text (host->config, "host", "on-plugin-failure"), "continue") == 0;
}

/* Work of the database comes back to plugins that live, and what they answer still goes out. */
static void
settle (Host *host)
{
  gint64 limit;

  database_stop (host->database);
  limit = g_get_monotonic_time () + LAST_WORDS_MS * 1000;
  while (server_calls (host->server) > 0 && g_get_monotonic_time () < limit)
    g_main_context_iteration (NULL, TRUE); /* the stamp wakes it */
  /* whoever serves the rest hears of its end, and what was asked of the database meanwhile is
   * refused, while plugins live */
  server_cut (host->server);
  database_stop (host->database);
}

static void
end (Host *host)
{
  settle (host);
  plugin_set_stop (host->plugins);
  upstream_free (host->upstream);
  server_free (host->server);
  jobs_free (host->jobs);
  database_free (host->database);
  bus_free (host->bus);
  exchange_free (host->exchange);
  plugin_set_free (host->plugins);
  health_free (host->health);
  router_free (host->router);
  metrics_free (host->metrics);
  limits_free (host->limits);
  heartbeat_free (host->heartbeat);
  config_free (host->config);
  g_strfreev (host->listen);
  g_free (host->internal_socket);
  g_variant_unref (worker.brief);
  g_main_loop_unref (worker.loop);
}

static LogFormat
log_format (void)
{
  return strcmp (brief_text ("log-format"), "text") == 0 ? LOG_TEXT : LOG_JSON;
}

/* Not before the database has been asked: who looks at a worker that says so must not find it down
 * only because it is young. One whose database is away serves too. */
static void
tell_ready (gpointer data)
{
  bus_send_control (worker.host.bus, 'R', "");
}

int
worker_main (int argc, char **argv)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  Host *host = &worker.host;
  guint slot, index;

  ignore_signals ();
  if (argc < 7 || (worker.brief = brief_read (atoi (argv[2]))) == NULL)
    return EXIT_CONFIG;
  slot = (guint)atoi (argv[4]);
  index = (guint)atoi (argv[5]);
  log_open (log_format (), brief_text ("log-level"), "worker");
  worker.loop = g_main_loop_new (NULL, FALSE);
  read_brief (host, index, complaints);
  build (host, atoi (argv[3]), slot, complaints);
  fault_watch (host);
  if (!start (host, complaints))
    fail (complaints);

  worker.last_stamp = g_get_monotonic_time ();
  stamp (NULL);
  g_timeout_add_full (G_PRIORITY_HIGH, STAMP_EVERY_MS, stamp, NULL, NULL);
  g_timeout_add_seconds (REFRESH_EVERY_S, refresh, NULL);
  refresh (NULL);
  quarantine_each (argv[6], quarantine, NULL);
  listen_on_all (host);
  health_start (host->health, tell_ready, NULL);
  g_main_loop_run (worker.loop);
  fault_unwatch ();
  end (host);
  return 0;
}
