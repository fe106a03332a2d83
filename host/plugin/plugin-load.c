/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-load: which files there are, which of them the admin wants, their
 * descriptors, and their settings as written.
 */
#include <string.h>

#include "plugin-private.h"

static const DaeSetting plugin_load_enabled = {
  .key = "enabled",
  .type = DAE_SETTING_BOOL,
  .fallback = "true",
  .help = "false: the plugin takes no part; true, written out: it is an error if it cannot",
};

static void
plugin_source_free (gpointer data)
{
  PluginSource *source = data;

  g_free (source->name);
  g_free (source->path);
  g_free (source);
}

static PluginSource *
plugin_source_new (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  PluginSource *source = g_new0 (PluginSource, 1);

  source->name =
      g_str_has_suffix (base, ".so") ? g_strndup (base, strlen (base) - 3) : g_strdup (base);
  source->path = g_strdup (path);
  source->fd = -1;
  return source;
}

static int
plugin_source_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(PluginSource *const *)a)->name, (*(PluginSource *const *)b)->name);
}

static gboolean
plugin_sources_have (GPtrArray *sources, const char *name)
{
  for (guint i = 0; i < sources->len; i++) {
    if (strcmp (((PluginSource *)g_ptr_array_index (sources, i))->name, name) == 0)
      return TRUE;
  }
  return FALSE;
}

GPtrArray *
plugin_sources (const char *directory, const char *const *extra)
{
  GPtrArray *sources = g_ptr_array_new_with_free_func (plugin_source_free);
  g_autoptr (GDir) dir = directory != NULL ? g_dir_open (directory, 0, NULL) : NULL;
  const char *name;

  for (; extra != NULL && *extra != NULL; extra++)
    g_ptr_array_add (sources, plugin_source_new (*extra));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (directory, name, NULL);
    PluginSource *source = NULL;

    if (name[0] == '.' || !g_str_has_suffix (name, ".so"))
      continue;
    source = plugin_source_new (path);
    /* a file named on the command line stands in for the installed one of the same name */
    if (plugin_sources_have (sources, source->name))
      plugin_source_free (source);
    else
      g_ptr_array_add (sources, source);
  }
  g_ptr_array_sort (sources, plugin_source_compare);
  return sources;
}

static Plugin *
plugin_load_new (PluginSet *set, const PluginSource *source)
{
  Plugin *plugin = g_new0 (Plugin, 1);
  PluginPrivate *private = g_new0 (PluginPrivate, 1);

  plugin->base.api = plugin_api ();
  plugin->host = set->host;
  plugin->name = g_strdup (source->name);
  plugin->source = (PluginSource){ g_strdup (source->name), g_strdup (source->path), source->fd };
  plugin->priv = private;
  private->set = set;
  private->group = g_strconcat ("plugin ", source->name, NULL);
  private->metrics = g_hash_table_new (g_str_hash, g_str_equal);
  g_ptr_array_add (set->all, plugin);
  return plugin;
}

/* Declares "enabled" and tells what is written. */
static gboolean
plugin_load_is_enabled (Plugin *plugin, Complaints *complaints)
{
  PluginPrivate *private = plugin_private (plugin);
  Config *config = plugin->host->config;
  gboolean enabled;

  config_declare (config, private->group, plugin->name, &plugin_load_enabled, 1, plugin->name,
                  complaints, NULL);
  enabled = config_int (config, private->group, "enabled") != 0;
  private->is_demanded = enabled && config_is_set (config, private->group, "enabled");
  return enabled;
}

static void
plugin_load_file (Plugin *plugin, Complaints *complaints)
{
  PluginPrivate *private = plugin_private (plugin);

  if (private->set->naming != NULL)
  private->set->naming (plugin->source.path);
  private->file = plugin_file_load (&plugin->source, complaints);
  if (private->file == NULL)
    return;
  plugin->info = private->file->info;
  g_free (plugin->version);
  plugin->version = g_strdup (plugin->info.version);
}

void
plugin_leave_out (Plugin *plugin, Complaints *complaints, const char *why, const char *remedy)
{
  if (plugin_private (plugin)->is_demanded) {
    plugin_fail (plugin, complaints, why, remedy);
    return;
  }
  g_free (plugin->why);
  g_free (plugin->remedy);
  plugin->why = g_strdup (why);
  plugin->remedy = g_strdup (remedy);
  plugin_move (plugin, PLUGIN_NOT_CONFIGURED);
}

static void
plugin_load_leave_unconfigured (Plugin *plugin, char **missing, Complaints *complaints)
{
  PluginPrivate *private = plugin_private (plugin);
  g_autofree char *listed = g_strjoinv ("\", \"", missing);
  g_autofree char *why = g_strdup_printf ("lacks the required setting%s \"%s\"",
                                          missing[1] != NULL ? "s" : "", listed);
  g_autofree char *lines = g_strjoinv (" = ..., ", missing);
  g_autofree char *remedy = g_strdup_printf ("Write %s = ... in [%s].", lines, private->group);

  plugin_leave_out (plugin, complaints, why, remedy);
}

static void
plugin_load_settings (Plugin *plugin, Complaints *complaints)
{
  PluginPrivate *private = plugin_private (plugin);
  Config *config = plugin->host->config;
  guint before = complaints_count (complaints);
  g_auto (GStrv) missing = NULL;

  config_declare (config, private->group, plugin->name, plugin->info.settings.rows,
                  plugin->info.settings.n_rows, plugin->name, complaints, &missing);
  for (guint i = 0; i < plugin->info.groups.n_rows; i++)
    config_declare_group (config, &plugin->info.groups.rows[i], plugin->name, complaints);
  if (complaints_count (complaints) > before)
    plugin_fail_quietly (plugin, complaints_get (complaints, before)->why,
                         complaints_get (complaints, before)->remedy);
  else if (missing != NULL)
    plugin_load_leave_unconfigured (plugin, missing, complaints);
}

static gboolean
plugin_load_is_double (PluginSet *set, const PluginSource *source, Complaints *complaints)
{
  Plugin *first = plugin_set_find (set, source->name);
  g_autofree char *why = NULL;

  if (first == NULL)
    return FALSE;
  why = g_strdup_printf ("is there twice: \"%s\" and \"%s\"", first->source.path, source->path);
  complaints_add (complaints, source->name, source->path, 0, NULL, NULL, why,
                  "Name only one of the two files.");
  return TRUE;
}

/* Nobody can tell whether the settings of a plugin are right that was not opened. */
static void
plugin_load_ignore_settings (Plugin *plugin)
{
  Config *config = plugin->host->config;
  g_autofree char *variables = g_strconcat ("DAEDALUS_", plugin->name, "_*", NULL);
  g_autofree char *upper = g_ascii_strup (variables, -1);

  config_ignore_group (config, plugin_private (plugin)->group);
  config_ignore_variable (config, g_strdelimit (upper, "-", '_'));
}

static void
plugin_load_disable (Plugin *plugin)
{
  plugin->why = g_strdup_printf ("enabled = false in [plugin %s]", plugin->name);
  plugin_move (plugin, PLUGIN_DISABLED);
  plugin_load_ignore_settings (plugin);
}

void
plugin_load_all (PluginSet *set, GPtrArray *sources, Complaints *complaints)
{
  for (guint i = 0; i < sources->len; i++) {
    const PluginSource *source = g_ptr_array_index (sources, i);
    guint before = complaints_count (complaints);
    Plugin *plugin;

    if (plugin_load_is_double (set, source, complaints))
      continue;
    plugin = plugin_load_new (set, source);
    if (!plugin_load_is_enabled (plugin, complaints)) {
      plugin_load_disable (plugin);
      continue;
    }
    plugin_load_file (plugin, complaints);
    if (plugin_private (plugin)->file == NULL) {
      plugin_load_ignore_settings (plugin);
      plugin_fail_quietly (plugin, complaints_get (complaints, before)->why,
                           complaints_get (complaints, before)->remedy);
      continue;
    }
    plugin_move (plugin, PLUGIN_LOADED);
    plugin_load_settings (plugin, complaints);
  }
}

void
plugin_load_disabled (PluginSet *set)
{
  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);
    /* its faults are no reason to complain: nobody wants it */
    g_autoptr (Complaints) unheard = complaints_new ();

    if (plugin->state == PLUGIN_DISABLED && plugin_private (plugin)->file == NULL)
      plugin_load_file (plugin, unheard);
  }
}

void
plugin_ignore_disabled (PluginSet *set)
{
  Config *config = set->host->config;

  plugin_load_disabled (set);
  for (guint i = 0; i < set->all->len; i++) {
    Plugin *plugin = g_ptr_array_index (set->all, i);

    if (plugin->state != PLUGIN_DISABLED)
      continue;
    for (guint k = 0; k < plugin->info.settings.n_rows; k++) {
      const char *name = plugin->info.settings.rows[k].environment;

      if (name != NULL)
        config_ignore_variable (config, name);
    }
    for (guint k = 0; k < plugin->info.groups.n_rows; k++) {
      g_autofree char *pattern = g_strconcat (plugin->info.groups.rows[k].prefix, " *", NULL);

      config_ignore_group (config, pattern);
    }
  }
}
