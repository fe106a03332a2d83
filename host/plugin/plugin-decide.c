/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-decide: who takes part. One provider for each service, by choice where
 * there are several; nobody without what it needs; then the order.
 *
 * Who falls out may take others along, so the last two are repeated until they
 * change nothing.
 */
#include <string.h>

#include "plugin-order.h"
#include "plugin-private.h"

static gboolean
plugin_decide_provides (const Plugin *plugin, const char *service)
{
  for (guint i = 0; i < plugin->info.provides.n_rows; i++) {
    if (strcmp (plugin->info.provides.rows[i].name, service) == 0)
      return TRUE;
  }
  return FALSE;
}

static const char *
plugin_decide_base (const char *service)
{
  g_autofree char *base = g_strndup (service, strcspn (service, "/"));

  return g_intern_string (base);
}

/* Plugins that could still take part and provide SERVICE: (element-type Plugin). */
static GPtrArray *
plugin_decide_candidates (PluginSet *set, const char *service)
{
  GPtrArray *candidates = g_ptr_array_new ();

  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    if (plugin->state == PLUGIN_LOADED && plugin_decide_provides (plugin, service))
      g_ptr_array_add (candidates, plugin);
  }
  return candidates;
}

/* All services that any opened plugin provides, sorted: (element-type char *). */
static GPtrArray *
plugin_decide_services (PluginSet *set)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *sorted = g_ptr_array_new ();

  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    for (guint k = 0; k < plugin->info.provides.n_rows; k++) {
      const char *name = plugin->info.provides.rows[k].name;

      if (g_hash_table_add (names, (gpointer)name))
        g_ptr_array_add (sorted, (gpointer)name);
    }
  }
  g_ptr_array_sort_with_data (sorted, (GCompareDataFunc)(void (*) (void))g_strcmp0, NULL);
  return sorted;
}

/* A row of [services] for each service that is there. */
static void
plugin_decide_declare (PluginSet *set, GPtrArray *services, Complaints *complaints)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_direct_hash, g_direct_equal);

  for (guint i = 0; i < services->len; i++) {
    DaeSetting row = { .key = plugin_decide_base (g_ptr_array_index (services, i)),
                       .type = DAE_SETTING_TEXT,
                       .help = "The plugin that provides this service, where there are several" };

    if (g_hash_table_add (seen, (gpointer)row.key))
      config_declare (set->host->config, "services", "SERVICES", &row, 1, NULL, complaints, NULL);
  }
}

static void
plugin_decide_complain (
    PluginSet *set, const char *base, const char *why, const char *remedy, Complaints *complaints)
{
  const ConfigEntry *origin = config_origin (set->host->config, "services", base);

  complaints_add (complaints, NULL, origin != NULL ? origin->file : NULL,
                  origin != NULL ? origin->line : 0, "services", base, why, remedy);
}

static void
plugin_decide_complain_several (PluginSet *set,
                                const char *service,
                                GPtrArray *candidates,
                                Complaints *complaints)
{
  const char *base = plugin_decide_base (service);
  Plugin *first = g_ptr_array_index (candidates, 0), *second = g_ptr_array_index (candidates, 1);
  g_autofree char *why =
      g_strdup_printf ("\"%s\" and \"%s\" both provide %s", first->name, second->name, service);
  g_autofree char *remedy =
      g_strdup_printf ("Write %s = %s (or %s) in [services].", base, first->name, second->name);

  plugin_decide_complain (set, base, why, remedy, complaints);
}

/* Why the plugin that was chosen cannot provide. */
static void
plugin_decide_complain_chosen (PluginSet *set,
                               const char *service,
                               const char *chosen,
                               Complaints *complaints)
{
  const char *base = plugin_decide_base (service);
  Plugin *plugin = plugin_set_find (set, chosen);
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  if (plugin == NULL) {
    why = g_strdup_printf ("there is no plugin \"%s\"", chosen);
    remedy = g_strdup_printf ("Write the name of a plugin that provides %s.", service);
  } else if (plugin->state == PLUGIN_FAILED) {
    return; /* complained of already */
  } else if (plugin->state == PLUGIN_DISABLED) {
    why = g_strdup_printf ("plugin \"%s\" is disabled", chosen);
    remedy = g_strdup_printf ("Set enabled = true in [plugin %s].", chosen);
  } else if (plugin->state == PLUGIN_NOT_CONFIGURED) {
    why = g_strdup_printf ("plugin \"%s\" is not configured: it %s", chosen, plugin->why);
    remedy = g_strdup (plugin->remedy);
  } else {
    why = g_strdup_printf ("plugin \"%s\" does not provide %s", chosen, service);
    remedy = g_strdup_printf ("Write the name of a plugin that provides %s.", service);
  }
  plugin_decide_complain (set, base, why, remedy, complaints);
}

static gboolean
plugin_decide_gives_way (const Plugin *plugin, const char *service)
{
  for (guint i = 0; i < plugin->info.provides.n_rows; i++) {
    const DaeService *row = &plugin->info.provides.rows[i];

    if (strcmp (row->name, service) == 0)
      return (row->flags & DAE_SERVICE_GIVES_WAY) != 0;
  }
  return FALSE;
}

/* Nobody is chosen: those that give way do so where others are, and in production anyhow. */
static void
plugin_decide_give_way (PluginSet *set,
                        const char *service,
                        GPtrArray *candidates,
                        Complaints *complaints)
{
  gboolean production =
      g_strcmp0 (config_text (set->host->config, "host", "environment"), "production") == 0;
  Plugin *other = NULL;

  for (guint i = 0; i < candidates->len && other == NULL; i++) {
    if (!plugin_decide_gives_way (g_ptr_array_index (candidates, i), service))
      other = g_ptr_array_index (candidates, i);
  }
  for (guint i = candidates->len; i > 0; i--) {
    Plugin *plugin = g_ptr_array_index (candidates, i - 1);
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;

    if (!plugin_decide_gives_way (plugin, service) || (other == NULL && !production))
      continue;
    why = other != NULL
              ? g_strdup_printf ("gives way to \"%s\", which provides %s too", other->name, service)
              : g_strdup_printf ("provides %s in production only where it is chosen", service);
    remedy = g_strdup_printf ("Write %s = %s in [services]%s.", plugin_decide_base (service),
                              plugin->name,
                              other != NULL ? " to use it" : ", or configure another provider");
    plugin_leave_out (plugin, complaints, why, remedy);
    g_ptr_array_remove_index (candidates, i - 1);
  }
}

/* Leaves out all providers of SERVICE but the chosen one. */
static void
plugin_decide_choose (PluginSet *set, const char *service, Complaints *complaints)
{
  g_autoptr (GPtrArray) candidates = plugin_decide_candidates (set, service);
  const char *base = plugin_decide_base (service);
  const char *chosen = config_text (set->host->config, "services", base);
  Plugin *plugin = chosen != NULL ? plugin_set_find (set, chosen) : NULL;
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  if (chosen == NULL)
    plugin_decide_give_way (set, service, candidates, complaints);
  if (chosen == NULL && candidates->len > 1)
    plugin_decide_complain_several (set, service, candidates, complaints);
  if (chosen == NULL)
    return;
  if (plugin == NULL || plugin->state != PLUGIN_LOADED ||
      !plugin_decide_provides (plugin, service)) {
    plugin_decide_complain_chosen (set, service, chosen, complaints);
    return;
  }
  why = g_strdup_printf ("provides %s, for which [services] chooses \"%s\"", service, chosen);
  for (guint i = 0; i < candidates->len; i++) {
    Plugin *other = g_ptr_array_index (candidates, i);

    if (other == plugin)
      continue;
    g_free (remedy);
    remedy = g_strdup_printf ("Write %s = %s in [services] to use it.", base, other->name);
    plugin_leave_out (other, complaints, why, remedy);
  }
}

/* Someone installed who would provide SERVICE if the admin let them; NULL if nobody. */
static Plugin *
plugin_decide_could_provide (PluginSet *set, const char *service)
{
  if (set->naming != NULL)
    plugin_load_disabled (set);
  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    if (plugin->state >= PLUGIN_FAILED && plugin_decide_provides (plugin, service))
      return plugin;
  }
  return NULL;
}

static void
plugin_decide_fail_need (PluginSet *set,
                         Plugin *plugin,
                         const char *service,
                         Complaints *complaints)
{
  Plugin *other = plugin_decide_could_provide (set, service);
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  if (other == NULL) {
    why = g_strdup_printf ("needs service \"%s\", which no enabled plugin provides", service);
    plugin_fail (plugin, complaints, why, "Install and enable a plugin that provides it.");
  } else if (other->state == PLUGIN_DISABLED) {
    why = g_strdup_printf ("needs service \"%s\", which no enabled plugin provides", service);
    remedy = g_strdup_printf ("Set enabled = true in [plugin %s].", other->name);
    plugin_fail (plugin, complaints, why, remedy);
  } else if (other->state == PLUGIN_NOT_CONFIGURED) {
    why = g_strdup_printf ("needs service \"%s\" of plugin \"%s\", which %s", service, other->name,
                           other->why);
    plugin_fail (plugin, complaints, why, other->remedy);
  } else {
    why = g_strdup_printf ("needs service \"%s\" of plugin \"%s\", which has failed", service,
                           other->name);
    plugin_fail_quietly (plugin, why, other->remedy);
  }
}

/* Fails each plugin that lacks a service; TRUE if any did. */
static gboolean
plugin_decide_needs (PluginSet *set, Complaints *complaints)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);
    const char *const *need = plugin->info.needs;

    for (; plugin->state == PLUGIN_LOADED && need != NULL && *need != NULL; need++) {
      g_autoptr (GPtrArray) candidates = plugin_decide_candidates (set, *need);

      if (candidates->len > 0)
        continue;
      plugin_decide_fail_need (set, plugin, *need, complaints);
      changed = TRUE;
    }
  }
  return changed;
}

static const char *const *
plugin_decide_provided_names (const Plugin *plugin)
{
  const char **names = g_new0 (const char *, plugin->info.provides.n_rows + 1);

  for (guint i = 0; i < plugin->info.provides.n_rows; i++)
    names[i] = plugin->info.provides.rows[i].name;
  return names;
}

static void
plugin_decide_fail_cycle (PluginSet *set, const char *cycle, char **members, Complaints *complaints)
{
  g_autofree char *why = g_strdup_printf ("plugins need each other in a circle: %s", cycle);
  const char *remedy = "Disable one of them, or install versions that do not need each other.";

  for (char **name = members; *name != NULL; name++)
    plugin_fail (plugin_set_find (set, *name), complaints, why, remedy);
}

/* Fills set->order; FALSE if a cycle took plugins out. */
static gboolean
plugin_decide_order (PluginSet *set, Complaints *complaints)
{
  g_autoptr (GPtrArray) taking = g_ptr_array_new ();
  g_autofree PluginNode *nodes = g_new0 (PluginNode, set->all->len + 1);
  g_autofree guint *order = g_new0 (guint, set->all->len + 1);
  g_autofree char *cycle = NULL;
  g_auto (GStrv) members = NULL;
  gboolean ok;

  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    if (plugin->state != PLUGIN_LOADED)
      continue;
    nodes[taking->len] = (PluginNode){ plugin->name, plugin->info.needs, plugin->info.wants,
                                       plugin_decide_provided_names (plugin) };
    g_ptr_array_add (taking, plugin);
  }
  ok = plugin_order (nodes, taking->len, order, &cycle, &members);
  if (!ok)
    plugin_decide_fail_cycle (set, cycle, members, complaints);
  g_ptr_array_set_size (set->order, 0);
  for (guint i = 0; ok && i < taking->len; i++)
    g_ptr_array_add (set->order, g_ptr_array_index (taking, order[i]));
  for (guint i = 0; i < taking->len; i++)
    g_free ((gpointer)nodes[i].provides);
  return ok;
}

static void
plugin_decide_register (PluginSet *set)
{
  for (guint i = 0; i < set->order->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->order, i);

    for (guint k = 0; k < plugin->info.provides.n_rows; k++) {
      PluginProvided *provided = g_new0 (PluginProvided, 1);

      provided->name = g_strdup (plugin->info.provides.rows[k].name);
      provided->provider = plugin;
      provided->vtable = plugin->info.provides.rows[k].vtable;
      g_hash_table_replace (set->provided, provided->name, provided);
    }
  }
}

static int
plugin_decide_compare (gconstpointer a, gconstpointer b, gpointer data)
{
  PluginSet *set = data;
  Plugin *first = *(Plugin *const *)a, *second = *(Plugin *const *)b;
  guint first_place = G_MAXUINT, second_place = G_MAXUINT;

  g_ptr_array_find (set->order, first, &first_place);
  g_ptr_array_find (set->order, second, &second_place);
  if (first_place != second_place)
    return first_place < second_place ? -1 : 1;
  return strcmp (first->name, second->name);
}

/* A group of a plugin whose file is not there is left over, and config_finish names the nearest. */
void
plugin_decide (PluginSet *set, Complaints *complaints)
{
  g_autoptr (GPtrArray) services = plugin_decide_services (set);

  plugin_decide_declare (set, services, complaints);
  for (guint i = 0; i < services->len; i++)
    plugin_decide_choose (set, g_ptr_array_index (services, i), complaints);
  do {
    while (plugin_decide_needs (set, complaints))
      ;
  } while (!plugin_decide_order (set, complaints));
  plugin_decide_register (set);
  g_ptr_array_sort_with_data (set->all, plugin_decide_compare, set);
}
