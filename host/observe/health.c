/* SPDX-License-Identifier: Apache-2.0 */
/* health: gathers what database and plugins know of themselves. A plugin that
 * says DOWN says that the service cannot do without it; one that can is DEGRADED at worst.
 */
#include "health.h"

#include <string.h>

#include "../data/database.h"
#include "../paths.h"
#include "health-private.h"

#define HEALTH_PROBE_MS 5000
#define HEALTH_FRESH_US (500 * 1000)

static const DaeMetric health_up_row = {
  .name = "up",
  .type = DAE_GAUGE,
  .combine = DAE_MAX,
  .help = "1 while requests are accepted and every required component is up, else 0",
};

static const DaeMetric health_build_row = {
  .name = "build_info",
  .type = DAE_GAUGE,
  .combine = DAE_MAX,
  .help = "Which build this is, always 1",
  .labels = "version revision abi",
};

static const DaeMetric health_plugin_row = {
  .name = "plugin_up",
  .type = DAE_GAUGE,
  .combine = DAE_MIN,
  .help = "1 while the plugin is up, 0.5 degraded, 0 down",
  .labels = "plugin",
};

static void
health_component_free (gpointer data)
{
  HealthComponent *component = data;

  g_free (component->name);
  g_free (component->detail);
  g_free (component);
}

static HealthComponent *
health_add (Health *health, const char *name, DaeHealth state, const char *detail)
{
  HealthComponent *component = g_new0 (HealthComponent, 1);

  component->name = g_strdup (name);
  component->health = state;
  component->is_required = state == DAE_HEALTH_DOWN;
  component->latency_ms = -1;
  component->detail = detail != NULL && *detail != '\0' ? g_utf8_make_valid (detail, -1) : NULL;
  g_ptr_array_add (health->components, component);
  return component;
}

static void
health_look_at_database (Health *health)
{
  HealthComponent *component;
  const char *why = NULL;
  gint64 latency = -1;
  gboolean is_up;

  if (health->host->database == NULL)
    return;
  is_up = database_is_up (health->host->database, &latency, &why);
  component =
      health_add (health, "database", is_up ? DAE_HEALTH_UP : DAE_HEALTH_DOWN, is_up ? NULL : why);
  component->is_required = TRUE;
  component->latency_ms = is_up && latency >= 0 ? (double)latency / 1000 : -1;
}

/* Whoever provides a service and nothing else is known by it, whichever plugin it is. */
static char *
health_name (const Plugin *plugin)
{
  const char *service;

  if (plugin->info.provides.n_rows != 1)
    return g_strdup (plugin->name);
  service = plugin->info.provides.rows[0].name;
  return g_strndup (service, strcspn (service, "/"));
}

static void
health_look_at_plugin (Health *health, Plugin *plugin)
{
  g_autofree char *name = health_name (plugin);
  const char *const labels[] = { plugin->name };
  static const double values[] = { 1, 0.5, 0 };
  g_autoptr (GString) why = g_string_new (NULL);
  DaeHealth state = DAE_HEALTH_UP;
  gint64 quarantine = plugin_quarantine (plugin);

  if (quarantine > 0) {
    g_string_printf (why, "out of service for %" G_GINT64_FORMAT " s after repeated crashes",
                     quarantine);
    metrics_set (metrics_series (health->plugin_up, labels, 1), 0);
    health_add (health, name, DAE_HEALTH_DOWN, why->str)->is_required = FALSE;
    return;
  }
  if (plugin->state == PLUGIN_FAILED)
    state = DAE_HEALTH_DOWN;
  else if (plugin->state != PLUGIN_STARTED && plugin->state != PLUGIN_DRAINING)
    return;
  else if (plugin->info.health != NULL) {
    plugin_enter (plugin, "health");
    state = plugin->info.health (&plugin->base, why);
    plugin_leave (plugin);
  }
  if (state > DAE_HEALTH_DOWN)
    state = DAE_HEALTH_DOWN;
  metrics_set (metrics_series (health->plugin_up, labels, 1), values[state]);
  if (plugin->state != PLUGIN_FAILED && plugin->info.health != NULL)
    health_add (health, name, state, why->str);
}

/* Which plugins are missing, by name and state only: anybody may read it. */
static void
health_look_at_set (Health *health, GPtrArray *plugins)
{
  g_autoptr (GString) detail = g_string_new (NULL);
  gboolean any_failed = FALSE;

  for (guint i = 0; i < plugins->len; i++) {
    const Plugin *plugin = g_ptr_array_index (plugins, i);

    if (plugin->state != PLUGIN_FAILED && plugin->state != PLUGIN_NOT_CONFIGURED)
      continue;
    any_failed = any_failed || plugin->state == PLUGIN_FAILED;
    g_string_append_printf (detail, "%s%s: %s", detail->len > 0 ? ", " : "", plugin->name,
                            plugin->state == PLUGIN_FAILED ? "failed" : "not configured");
  }
  health_add (health, "plugins", any_failed ? DAE_HEALTH_DEGRADED : DAE_HEALTH_UP, detail->str);
}

void
health_look (Health *health)
{
  PluginSet *set = health->host->plugins;
  gint64 now = g_get_monotonic_time ();
  gboolean accepts;

  if (health->looked_at != 0 && now - health->looked_at < HEALTH_FRESH_US)
    return;
  health->looked_at = now;
  g_ptr_array_set_size (health->components, 0);
  health_look_at_database (health);
  if (set != NULL) {
    GPtrArray *plugins = plugin_set_list (set);

    health_look_at_set (health, plugins);
    for (guint i = 0; i < plugins->len; i++)
      health_look_at_plugin (health, g_ptr_array_index (plugins, i));
  }
  accepts = !health->host->draining && health_whole (health) != DAE_HEALTH_DOWN;
  metrics_set (health->up, accepts ? 1 : 0);
}

DaeHealth
health_whole (Health *health)
{
  DaeHealth worst = DAE_HEALTH_UP;

  for (guint i = 0; i < health->components->len; i++) {
    const HealthComponent *component = g_ptr_array_index (health->components, i);
    DaeHealth state = component->health;

    if (state == DAE_HEALTH_DOWN && !component->is_required)
      state = DAE_HEALTH_DEGRADED;
    worst = MAX (worst, state);
  }
  return worst;
}

const HealthComponent *
health_find (Health *health, const char *name)
{
  for (guint i = 0; i < health->components->len; i++) {
    const HealthComponent *component = g_ptr_array_index (health->components, i);

    if (strcmp (component->name, name) == 0)
      return component;
  }
  return NULL;
}

gboolean
health_is_ready (Health *health)
{
  health_look (health);
  return !health->host->draining && health_whole (health) != DAE_HEALTH_DOWN;
}

/* The database has answered, or has not in time. */
static void
health_on_probed (gpointer data)
{
  Health *health = data;
  void (*func) (gpointer data) = health->on_first;

  health->looked_at = 0;
  health_look (health);
  health->on_first = NULL;
  if (func != NULL)
    func (health->on_first_data);
}

static gboolean
health_probe (gpointer data)
{
  Health *health = data;

  if (health->host->database != NULL)
    database_probe (health->host->database, health_on_probed, health);
  else
    health_on_probed (health);
  return G_SOURCE_CONTINUE;
}

static MetricsSeries *
health_add_gauge (Metrics *metrics, const DaeMetric *row, const char *const *labels, guint n_labels)
{
  return metrics_series (metrics_add_family (metrics, NULL, row, NULL), labels, n_labels);
}

Health *
health_new (Host *host)
{
  g_autofree char *abi = g_strdup_printf ("%d.%d", DAE_ABI_MAJOR, DAE_ABI_MINOR);
  const char *const build[] = { DAEDALUS_VERSION, DAEDALUS_REVISION, abi };
  Health *health = g_new0 (Health, 1);

  health->host = host;
  health->components = g_ptr_array_new_with_free_func (health_component_free);
  health->up = health_add_gauge (host->metrics, &health_up_row, NULL, 0);
  health->plugin_up = metrics_add_family (host->metrics, NULL, &health_plugin_row, NULL);
  metrics_set (health_add_gauge (host->metrics, &health_build_row, build, G_N_ELEMENTS (build)), 1);
  return health;
}

void
health_start (Health *health, void (*func) (gpointer data), gpointer data)
{
  health->on_first = func;
  health->on_first_data = data;
  health->timer = g_timeout_add (HEALTH_PROBE_MS, health_probe, health);
  health_probe (health);
}

void
health_free (Health *health)
{
  if (health == NULL)
    return;
  if (health->timer != 0)
    g_source_remove (health->timer);
  g_ptr_array_unref (health->components);
  g_free (health);
}
