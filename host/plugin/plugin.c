/* SPDX-License-Identifier: Apache-2.0 */
/* plugin: one plugin's life, and the walks over all of them. Each stage is
 * walked for all plugins before the next begins.
 */
#include "plugin.h"

#include <string.h>

#include "../http/router.h"
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "../process/heartbeat.h"
#include "../process/job.h"
#include "plugin-private.h"

/* From each state, the states that may follow. */
static const guint plugin_edges[] = {
  [PLUGIN_FOUND] = 1u << PLUGIN_LOADED | 1u << PLUGIN_DISABLED | 1u << PLUGIN_FAILED,
  [PLUGIN_LOADED] = 1u << PLUGIN_CONFIGURED | 1u << PLUGIN_NOT_CONFIGURED | 1u << PLUGIN_FAILED,
  [PLUGIN_CONFIGURED] = 1u << PLUGIN_STARTED | 1u << PLUGIN_STOPPED | 1u << PLUGIN_FAILED,
  [PLUGIN_STARTED] = 1u << PLUGIN_DRAINING,
  [PLUGIN_DRAINING] = 1u << PLUGIN_STOPPED,
  [PLUGIN_DISABLED] = 0,
  [PLUGIN_NOT_CONFIGURED] = 0,
  [PLUGIN_FAILED] = 0,
  [PLUGIN_STOPPED] = 0,
};

#define PLUGIN_FAULTS "no_reply|second_reply|late|leak|crash|stall|database|header"

static const DaeMetric plugin_faults = {
  .name = "plugin_faults_total",
  .type = DAE_COUNTER,
  .help = "Faults of plugins that the host has caught",
  .labels = "plugin kind=" PLUGIN_FAULTS,
  .max_series = 4000,
};

void
plugin_move (Plugin *plugin, PluginState state)
{
  if ((plugin_edges[plugin->state] & 1u << state) == 0)
    g_error ("plugin %s: there is no way from state %d to %d", plugin->name, plugin->state, state);
  plugin->state = state;
}

void
plugin_fail_quietly (Plugin *plugin, const char *why, const char *remedy)
{
  char *why_copy = g_strdup (why), *remedy_copy = g_strdup (remedy);

  g_free (plugin->why);
  g_free (plugin->remedy);
  plugin->why = why_copy;
  plugin->remedy = remedy_copy;
  plugin_move (plugin, PLUGIN_FAILED);
}

void
plugin_fail (Plugin *plugin, Complaints *complaints, const char *why, const char *remedy)
{
  complaints_add (complaints, plugin->name, plugin->source.path, 0, NULL, NULL, why, remedy);
  plugin_fail_quietly (plugin, why, remedy);
}

gboolean
plugin_is_working (const Plugin *plugin)
{
  return plugin->state >= PLUGIN_CONFIGURED && plugin->state <= PLUGIN_DRAINING;
}

gint64
plugin_quarantine (const Plugin *plugin)
{
  gint64 left = plugin->quarantined_until;

  if (left != 0)
    left -= g_get_monotonic_time ();
  return left > 0 ? left / G_USEC_PER_SEC + 1 : 0;
}

void
plugin_enter (Plugin *plugin, const char *what)
{
  if (plugin != NULL && plugin->host->heartbeat != NULL)
    heartbeat_enter (plugin->host->heartbeat, HEARTBEAT_LOOP, plugin->name, what, NULL, 0);
}

void
plugin_leave (Plugin *plugin)
{
  if (plugin != NULL && plugin->host->heartbeat != NULL)
    heartbeat_leave (plugin->host->heartbeat, HEARTBEAT_LOOP);
}

static void
plugin_provided_free (gpointer data)
{
  PluginProvided *provided = data;

  g_free (provided->name);
  g_free (provided);
}

static void
plugin_free_owned (Plugin *plugin)
{
  if (plugin->loop_state != NULL && plugin->free_state != NULL)
    plugin->free_state (plugin->loop_state);
  if (plugin->data != NULL && plugin->free_data != NULL)
    plugin->free_data (plugin->data);
  plugin->loop_state = plugin->data = NULL;
  plugin->free_state = plugin->free_data = NULL;
}

static void
plugin_free (gpointer data)
{
  Plugin *plugin = data;
  PluginPrivate *private = plugin_private (plugin);

  plugin_timer_clear (plugin);
  plugin_free_owned (plugin);
  plugin_file_free (private->file);
  g_hash_table_unref (private->metrics);
  g_clear_pointer (&private->timers, g_hash_table_unref);
  g_clear_pointer (&private->subscriptions, g_hash_table_unref);
  g_free (private->group);
  g_free (private);
  g_free (plugin->name);
  g_free (plugin->version);
  g_free (plugin->why);
  g_free (plugin->remedy);
  g_free (plugin->source.name);
  g_free (plugin->source.path);
  g_free (plugin);
}

PluginSet *
plugin_set_new (Host *host,
                GPtrArray *sources,
                void (*naming) (const char *path),
                Complaints *complaints)
{
  PluginSet *set = g_new0 (PluginSet, 1);

  set->host = host;
  set->loop = g_thread_self ();
  set->naming = naming;
  set->all = g_ptr_array_new_with_free_func (plugin_free);
  set->order = g_ptr_array_new ();
  set->provided = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, plugin_provided_free);
  plugin_load_all (set, sources, complaints);
  plugin_decide (set, complaints);
  return set;
}

void
plugin_set_free (PluginSet *set)
{
  if (set == NULL)
    return;
  plugin_block_clear (set);
  g_hash_table_unref (set->provided);
  g_ptr_array_unref (set->order);
  g_ptr_array_unref (set->all);
  g_free (set);
}

GPtrArray *
plugin_set_list (PluginSet *set)
{
  return set->all;
}

Plugin *
plugin_set_find (PluginSet *set, const char *name)
{
  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    if (strcmp (plugin->name, name) == 0)
      return plugin;
  }
  return NULL;
}

gconstpointer
plugin_set_service (PluginSet *set, const char *name, Plugin **ret_provider)
{
  PluginProvided *provided = g_hash_table_lookup (set->provided, name);

  if (provided == NULL || !plugin_is_working (provided->provider))
    return NULL;
  if (ret_provider != NULL)
    *ret_provider = provided->provider;
  return provided->vtable;
}

/* A provider that failed after the order was made takes along those who need it. */
static gboolean
plugin_has_needs (PluginSet *set, Plugin *plugin)
{
  for (const char *const *need = plugin->info.needs; need != NULL && *need != NULL; need++) {
    PluginProvided *provided = g_hash_table_lookup (set->provided, *need);
    g_autofree char *why = NULL;

    if (provided == NULL || provided->provider == plugin || plugin_is_working (provided->provider))
      continue;
    why = g_strdup_printf ("needs service \"%s\" of plugin \"%s\", which has failed", *need,
                           provided->provider->name);
    plugin_fail_quietly (plugin, why, provided->provider->remedy);
    return FALSE;
  }
  return TRUE;
}

static gboolean
plugin_add_metrics (Plugin *plugin, Complaints *complaints)
{
  PluginPrivate *private = plugin_private (plugin);

  for (guint i = 0; i < plugin->info.metrics.n_rows; i++) {
    const DaeMetric *row = &plugin->info.metrics.rows[i];
    g_autoptr (GError) error = NULL;
    MetricsFamily *family = metrics_add_family (plugin->host->metrics, plugin->name, row, &error);
    g_autofree char *why = NULL;

    if (family != NULL) {
      g_hash_table_insert (private->metrics, (gpointer)row->name, family);
      continue;
    }
    why = g_strdup_printf ("declares %s", error->message);
    plugin_fail (plugin, complaints, why,
                 g_error_matches (error, G_IO_ERROR, G_IO_ERROR_EXISTS)
                     ? "Disable one of the two plugins."
                     : "Restart daedalus: while it runs, a family keeps its type.");
    return FALSE;
  }
  return TRUE;
}

static gboolean
plugin_configure_itself (Plugin *plugin, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  gboolean ok;

  if (plugin->info.configure == NULL)
    return TRUE;
  plugin_enter (plugin, "configure");
  ok = plugin->info.configure (&plugin->base, &error);
  plugin_leave (plugin);
  if (ok)
    return TRUE;
  why =
      g_strdup_printf ("refused its configuration: %s",
                       error != NULL ? error->message : "it gave no reason (a bug in the plugin)");
  remedy =
      g_strdup_printf ("Change its settings, or set enabled = false in [plugin %s].", plugin->name);
  plugin_fail (plugin, complaints, why, remedy);
  return FALSE;
}

/* All rows that are in TO's stead already, and PLUGIN's; NULL with a complaint if they clash. */
static Router *
plugin_try_routes (Plugin *plugin, Router *to, Complaints *complaints)
{
  GPtrArray *there = router_routes (to);
  Router *trial = router_new ();

  for (guint i = 0; i < there->len; i++) {
    const Route *route = g_ptr_array_index (there, i);

    router_add (trial, route->plugin, &route->row, NULL);
  }
  for (guint i = 0; i < plugin->info.routes.n_rows; i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *why = NULL;

    if (router_add (trial, plugin, &plugin->info.routes.rows[i], &error) != NULL)
      continue;
    why = g_strdup_printf ("cannot serve its routes: %s", error->message);
    plugin_fail (plugin, complaints, why, "Disable one of the two plugins.");
    router_free (trial);
    return NULL;
  }
  return trial;
}

/* All rows or none: a router gives nothing back. */
static gboolean
plugin_add_routes (Plugin *plugin, Complaints *complaints)
{
  Router *trial;

  if (plugin->info.routes.n_rows == 0)
    return TRUE;
  trial = plugin_try_routes (plugin, plugin->host->router, complaints);
  if (trial == NULL)
    return FALSE;
  router_free (trial);
  for (guint i = 0; i < plugin->info.routes.n_rows; i++)
    router_add (plugin->host->router, plugin, &plugin->info.routes.rows[i], NULL);
  return TRUE;
}

/* So that a first fault is seen as a rise. */
static void
plugin_begin_faults (Plugin *plugin, MetricsFamily *family)
{
  g_auto (GStrv) kinds = g_strsplit (PLUGIN_FAULTS, "|", -1);

  for (char **kind = kinds; *kind != NULL && family != NULL; kind++) {
    const char *const labels[] = { plugin->name, *kind };

    metrics_series (family, labels, G_N_ELEMENTS (labels));
  }
}

static void
plugin_configure (PluginSet *set, Plugin *plugin, Complaints *complaints)
{
  if (!plugin_has_needs (set, plugin) || !plugin_add_metrics (plugin, complaints))
    return;
  if (set->naming != NULL)
    set->naming (plugin->source.path);
  if (plugin_configure_itself (plugin, complaints) && plugin_add_routes (plugin, complaints))
    plugin_move (plugin, PLUGIN_CONFIGURED);
}

void
plugin_set_configure (PluginSet *set, Complaints *complaints)
{
  Host *host = set->host;
  MetricsFamily *faults;

  g_assert (host->config != NULL && host->metrics != NULL && host->router != NULL);
  faults = metrics_add_family (host->metrics, NULL, &plugin_faults, NULL);
  for (guint i = 0; i < set->order->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->order, i);

    plugin_configure (set, plugin, complaints);
    if (plugin->state == PLUGIN_CONFIGURED)
      plugin_begin_faults (plugin, faults);
  }
  if (set->naming != NULL && config_has_unknown (host->config))
    plugin_ignore_disabled (set);
}

static void
plugin_start (PluginSet *set, Plugin *plugin, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  gboolean ok = TRUE;

  if (!plugin_has_needs (set, plugin))
    return;
  if (plugin->info.start != NULL) {
    plugin_enter (plugin, "start");
    ok = plugin->info.start (&plugin->base, &error);
    plugin_leave (plugin);
  }
  if (ok) {
    plugin_move (plugin, PLUGIN_STARTED);
    for (guint i = 0; i < plugin->info.jobs.n_rows && plugin->host->jobs != NULL; i++)
      jobs_add (plugin->host->jobs, plugin, &plugin->info.jobs.rows[i]);
    return;
  }
  why =
      g_strdup_printf ("cannot start: %s",
                       error != NULL ? error->message : "it gave no reason (a bug in the plugin)");
  remedy = g_strdup_printf ("Repair what it names, or set enabled = false in [plugin %s].",
                            plugin->name);
  plugin_timer_clear (plugin);
  plugin_fail (plugin, complaints, why, remedy);
}

void
plugin_set_start (PluginSet *set, Complaints *complaints)
{
  for (guint i = 0; i < set->order->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->order, i);

    if (plugin->state == PLUGIN_CONFIGURED)
      plugin_start (set, plugin, complaints);
  }
}

static void
plugin_drain (Plugin *plugin)
{
  plugin_move (plugin, PLUGIN_DRAINING);
  if (plugin->info.drain == NULL)
    return;
  plugin_enter (plugin, "drain");
  plugin->info.drain (&plugin->base);
  plugin_leave (plugin);
}

void
plugin_set_drain (PluginSet *set)
{
  for (guint i = set->order->len; i > 0; i--) {
    Plugin *plugin = g_ptr_array_index (set->order, i - 1);

    if (plugin->state == PLUGIN_STARTED)
      plugin_drain (plugin);
  }
}

/* Timers and subscriptions end with the plugin; what it made while it stopped, and what is still in
 * flight, it has left behind. */
static guint
plugin_stop (Plugin *plugin)
{
  guint left, in_flight;

  if (plugin->state == PLUGIN_STARTED)
    plugin_drain (plugin);
  plugin_timer_clear (plugin);
  if (plugin->state == PLUGIN_DRAINING && plugin->info.stop != NULL) {
    plugin_enter (plugin, "stop");
    plugin->info.stop (&plugin->base);
    plugin_leave (plugin);
  }
  left = plugin_timer_clear (plugin);
  in_flight = (guint)MAX (plugin->in_flight, 0);
  if (left > 0)
    plugin_fault (plugin, "leak", "timers or subscriptions were made while it stopped");
  if (in_flight > 0)
    plugin_fault (plugin, "leak", "requests or work were in flight when it stopped");
  if (plugin_private (plugin)->shares > 0)
    plugin_fault (plugin, "leak", "shares of limits were not given back when it stopped");
  plugin_move (plugin, PLUGIN_STOPPED);
  /* who is still in flight may come back to its data: better lost memory than a crash */
  if (in_flight == 0)
    plugin_free_owned (plugin);
  else
    plugin->free_data = plugin->free_state = NULL;
  return left + in_flight;
}

guint
plugin_set_stop (PluginSet *set)
{
  guint left = 0;

  for (guint i = set->order->len; i > 0; i--) {
    Plugin *plugin = g_ptr_array_index (set->order, i - 1);

    if (plugin_is_working (plugin))
      left += plugin_stop (plugin);
  }
  return left;
}

void
plugin_set_collect (PluginSet *set)
{
  for (guint i = 0; i < set->order->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->order, i);

    if (plugin->info.collect == NULL ||
        (plugin->state != PLUGIN_STARTED && plugin->state != PLUGIN_DRAINING))
      continue;
    plugin_enter (plugin, "collect");
    plugin->info.collect (&plugin->base);
    plugin_leave (plugin);
  }
}

void
plugin_fault (Plugin *plugin, const char *kind, const char *detail)
{
  const char *const labels[] = { plugin->name, kind };
  const LogContext context = { .plugin = plugin->name };
  const DaeField fields[] = { DAE_S ("kind", kind), DAE_S ("error", detail) };
  MetricsFamily *family = plugin->host->metrics != NULL
                              ? metrics_find_family (plugin->host->metrics, plugin_faults.name)
                              : NULL;

  if (family != NULL)
    metrics_add (metrics_series (family, labels, G_N_ELEMENTS (labels)), 1);
  log_fields (G_LOG_LEVEL_WARNING, &context, "fault of a plugin", fields, G_N_ELEMENTS (fields));
}
