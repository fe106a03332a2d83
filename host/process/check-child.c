/* SPDX-License-Identifier: Apache-2.0 */
/* check: the child's side. It loads, reads descriptors, orders, configures, and sends what it
 * found as one variant; with --prepare it also brings the database up to date. */
#include "check.h"

#include "../data/database.h"
#include "../data/migrate.h"
#include "../http/router.h"
#include "../http/upstream.h"
#include "../observe/health.h"
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "../paths.h"
#include "instance.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int result_fd;

static void
send_all (const void *bytes, gsize length)
{
  const char *at = bytes;

  while (length > 0) {
    ssize_t written = write (result_fd, at, length);

    if (written < 0 && errno != EINTR)
      _exit (1);
    at += MAX (written, 0);
    length -= (gsize)MAX (written, 0);
  }
}

/* PATH "" says that loading is over. */
static void
send_naming (const char *path)
{
  send_all ("N", 1);
  send_all (path, strlen (path) + 1);
}

static GVariant *
plugins_to_variant (PluginSet *set)
{
  static const char *const states[] = { "found",  "loaded",         "active",
                                        "active", "draining",       "stopped",
                                        "failed", "not configured", "disabled" };
  GPtrArray *plugins = plugin_set_list (set);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssssssu)"));
  for (guint i = 0; i < plugins->len; i++) {
    Plugin *plugin = plugins->pdata[i];

    g_variant_builder_add (&builder, "(ssssssu)", plugin->name, plugin->source.path,
                           plugin->version != NULL ? plugin->version : "", states[plugin->state],
                           plugin->why != NULL ? plugin->why : "",
                           plugin->remedy != NULL ? plugin->remedy : "", plugin->info.abi_minor);
  }
  return g_variant_builder_end (&builder);
}

/* The plugins that others of those that take part cannot do without. */
static GVariant *
needed_to_variant (PluginSet *set)
{
  GPtrArray *plugins = plugin_set_list (set);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < plugins->len; i++) {
    Plugin *plugin = plugins->pdata[i], *provider = NULL;
    const char *const *need = plugin->state == PLUGIN_CONFIGURED ? plugin->info.needs : NULL;

    for (; need != NULL && *need != NULL; need++)
      if (plugin_set_service (set, *need, &provider) != NULL)
        g_variant_builder_add (&builder, "s", provider->name);
  }
  return g_variant_builder_end (&builder);
}

static GVariant *
routes_to_variant (Router *router)
{
  static const char *const auths[] = { "user", "none", "admin", "any" };
  GPtrArray *routes = router_routes (router);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssssu)"));
  for (guint i = 0; i < routes->len; i++) {
    Route *route = routes->pdata[i];

    g_variant_builder_add (&builder, "(ssssu)",
                           route->plugin != NULL ? route->plugin->name : "host", route->row.method,
                           route->row.pattern, auths[MIN (route->row.auth, DAE_AUTH_ANY)],
                           route->row.flags);
  }
  return g_variant_builder_end (&builder);
}

/* What an admin reads is written twice over: the host's own groups first. */
typedef struct {
  GString *out;
  PluginSet *plugins;
  gboolean of_host;
} Manual;

static gboolean
manual_wants (const Manual *manual, const char *group)
{
  return (strchr (group, ' ') == NULL) == manual->of_host;
}

static void
write_config_line (const ConfigEntry *entry, const DaeSetting *row, gpointer data)
{
  const Manual *manual = data;

  if (!manual_wants (manual, entry->group))
    return;
  g_string_append_printf (manual->out, "[%s] %s = %s\n", entry->group, entry->key,
                          entry->value != NULL ? entry->value : "");
  if (entry->variable != NULL)
    g_string_append_printf (manual->out, "    from %s\n", entry->variable);
  else if (entry->line > 0)
    g_string_append_printf (manual->out, "    from %s:%u\n", entry->file, entry->line);
  else
    g_string_append_printf (manual->out, "    from %s\n", entry->file);
}

static void
write_row (GString *out, const char *group, const DaeSetting *row)
{
  static const char *const types[] = { "text", "number", "true or false", "size",   "duration",
                                       "list", "secret", "URL",           "choice", "networks" };
  gsize length = strlen (row->help);

  if (g_str_has_suffix (row->help, "."))
    length--;
  g_string_append_printf (out, "[%s] %s (%s)\n    %.*s.", group, row->key, types[row->type],
                          (int)length, row->help);
  if (row->choices != NULL)
    g_string_append_printf (out, " One of %s.", row->choices);
  if (row->fallback != NULL && *row->fallback != '\0')
    g_string_append_printf (out, " Default: %s.", row->fallback);
  if (row->environment != NULL)
    g_string_append_printf (out, " Also %s.", row->environment);
  if (row->flags & DAE_SETTING_REQUIRED)
    g_string_append (out, " Required.");
  g_string_append_c (out, '\n');
}

/* TRUE if GROUP is one of those of which any number may be written: the manual tells of all at
 * once. */
static gboolean
is_instance (PluginSet *set, const char *group)
{
  GPtrArray *plugins = plugin_set_list (set);

  for (guint i = 0; i < plugins->len; i++) {
    const Plugin *plugin = plugins->pdata[i];

    for (guint k = 0; k < plugin->info.groups.n_rows; k++) {
      const char *prefix = plugin->info.groups.rows[k].prefix;

      if (g_str_has_prefix (group, prefix) && group[strlen (prefix)] == ' ')
        return TRUE;
    }
  }
  return FALSE;
}

static void
write_reference_line (const ConfigEntry *entry, const DaeSetting *row, gpointer data)
{
  const Manual *manual = data;

  if (manual_wants (manual, entry->group) && !is_instance (manual->plugins, entry->group))
    write_row (manual->out, entry->group, row);
}

static void
write_instance_groups (GString *out, PluginSet *set)
{
  GPtrArray *plugins = plugin_set_list (set);

  for (guint i = 0; i < plugins->len; i++) {
    const Plugin *plugin = plugins->pdata[i];

    for (guint k = 0; k < plugin->info.groups.n_rows; k++) {
      const DaeGroup *group = &plugin->info.groups.rows[k];
      g_autofree char *name = g_strconcat (group->prefix, " NAME", NULL);

      for (guint n = 0; n < group->settings.n_rows; n++)
        write_row (out, name, &group->settings.rows[n]);
    }
  }
}

static char *
write_manual (Host *host, ConfigVisit visit)
{
  Manual manual = { g_string_new (NULL), host->plugins, TRUE };

  config_each (host->config, visit, &manual);
  manual.of_host = FALSE;
  config_each (host->config, visit, &manual);
  if (visit == write_reference_line)
    write_instance_groups (manual.out, host->plugins);
  return g_string_free (manual.out, FALSE);
}

/* Owners in the order of their migrations: the host, then the plugins that take part. */
static char **
migration_owners (PluginSet *set)
{
  GPtrArray *owners = g_ptr_array_new ();
  GPtrArray *plugins = plugin_set_list (set);

  g_ptr_array_add (owners, g_strdup ("host"));
  for (guint i = 0; i < plugins->len; i++) {
    Plugin *plugin = plugins->pdata[i];

    if (plugin->state == PLUGIN_CONFIGURED)
      g_ptr_array_add (owners, g_strdup (plugin->name));
  }
  g_ptr_array_add (owners, NULL);
  return (char **)g_ptr_array_free (owners, FALSE);
}

static void
complain_of_pending (GPtrArray *migrations, Complaints *complaints)
{
  guint pending = 0;
  const Migration *first = NULL;

  for (guint i = 0; migrations != NULL && i < migrations->len; i++) {
    const Migration *migration = migrations->pdata[i];

    if (migration->applied_at == 0 && pending++ == 0)
      first = migration;
  }
  if (pending > 0) {
    g_autofree char *why =
        g_strdup_printf ("the database lacks %u migration%s, the first is %s/%04u-%s", pending,
                         pending == 1 ? "" : "s", first->owner, first->number, first->name);

    complaints_add (complaints, NULL, NULL, 0, "database", "migrate", why,
                    "Run \"daedalus migrate\", or set migrate = auto in [database].");
  }
}

static void
prepare (Host *host, Complaints *complaints)
{
  const char *mode = config_text (host->config, "database", "migrate");
  g_auto (GStrv) owners = migration_owners (host->plugins);
  gboolean is_set = mode != NULL && *mode != '\0';
  gboolean by_itself = g_strcmp0 (mode, "auto") == 0 ||
                       (!is_set && (database_is_sqlite (host->database) ||
                                    strcmp (host->info.environment, "production") != 0));
  Instance instance = { 0 };

  send_all ("P", 1);
  if (!instance_open (&instance, host->config, complaints))
    return;
  if (by_itself)
    migrate_run (host->database, host->info.schema_dir, (const char *const *)owners, NULL, NULL,
                 complaints);
  else {
    g_autoptr (GPtrArray) migrations = migrate_status (host->database, host->info.schema_dir,
                                                       (const char *const *)owners, complaints);

    complain_of_pending (migrations, complaints);
  }
}

static gboolean
is_tolerant (Host *host)
{
  return g_strcmp0 (config_text (host->config, "host", "on-plugin-failure"), "continue") == 0;
}

/* With on-plugin-failure = continue complaints of a plugin leave that plugin out. */
static gboolean
is_ok (Host *host, Complaints *complaints)
{
  for (guint i = 0; i < complaints_count (complaints); i++)
    if (!is_tolerant (host) || complaints_get (complaints, i)->plugin == NULL)
      return FALSE;
  return TRUE;
}

static void
send_result (Host *host, Complaints *complaints)
{
  g_autofree char *text = write_manual (host, write_config_line);
  g_autofree char *reference = write_manual (host, write_reference_line);
  g_autoptr (GVariant) facts = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "ok", "b", is_ok (host, complaints));
  g_variant_dict_insert (&dict, "layout", "u", DAEDALUS_LAYOUT);
  g_variant_dict_insert (&dict, "program", "s", DAEDALUS_VERSION " (" DAEDALUS_REVISION ")");
  g_variant_dict_insert (&dict, "sqlite", "b",
                         host->database == NULL || database_is_sqlite (host->database));
  g_variant_dict_insert (&dict, "config-text", "s", text);
  g_variant_dict_insert (&dict, "reference", "s", reference);
  g_variant_dict_insert_value (&dict, "complaints", complaints_to_variant (complaints));
  g_variant_dict_insert_value (&dict, "config", config_to_variant (host->config));
  g_variant_dict_insert_value (&dict, "plugins", plugins_to_variant (host->plugins));
  g_variant_dict_insert_value (&dict, "needed", needed_to_variant (host->plugins));
  g_variant_dict_insert_value (&dict, "routes", routes_to_variant (host->router));
  facts = g_variant_ref_sink (g_variant_dict_end (&dict));
  send_all ("R", 1);
  send_all (g_variant_get_data (facts), g_variant_get_size (facts));
}

/* Plugins that ended a check before this one: they are complained of, so what is written for them
 * is not complained of too. */
static void
drop_excluded (Config *config, GPtrArray *sources, const char *const *excluded)
{
  for (guint i = sources->len; i > 0; i--) {
    PluginSource *source = sources->pdata[i - 1];
    g_autofree char *group = NULL;

    if (!g_strv_contains (excluded, source->path))
      continue;
    group = g_strconcat ("plugin ", source->name, NULL);
    config_ignore_group (config, group);
    g_ptr_array_remove_index (sources, i - 1);
  }
}

/* Sockets and the lock lie in directories that a running instance cannot leave. */
static void
complain_of_move (Config *config, GVariant *brief, Complaints *complaints)
{
  static const char *const keys[] = { "data-dir", "runtime-dir" };
  Instance instance = { 0 };

  instance_locate (&instance, config);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    const char *is = i == 0 ? instance.data_dir : instance.runtime_dir, *was;
    const ConfigEntry *origin = config_origin (config, "host", keys[i]);
    g_autofree char *why = NULL;

    if (!g_variant_lookup (brief, keys[i], "&s", &was) || strcmp (was, is) == 0)
      continue;
    why = g_strdup_printf ("cannot change from \"%s\" to \"%s\" while daedalus runs", was, is);
    complaints_add (complaints, NULL, origin != NULL ? origin->file : NULL,
                    origin != NULL ? origin->line : 0, "host", keys[i], why,
                    "Restart daedalus, or write what it was.");
  }
  instance_clear (&instance);
}

/* What the parent says: complaints made so far, and what to leave out. */
static void
heed_brief (GVariant *brief, Config *config, GPtrArray *sources, Complaints *complaints)
{
  g_autoptr (GVariant) earlier = g_variant_lookup_value (brief, "complaints", NULL);
  g_autofree const char **excluded = NULL;

  if (earlier != NULL)
    complaints_add_variant (complaints, earlier);
  if (g_variant_lookup (brief, "excluded", "^a&s", &excluded))
    drop_excluded (config, sources, excluded);
  complain_of_move (config, brief, complaints);
}

static void
look_at_plugins (Host *host, GPtrArray *sources, Complaints *complaints)
{
  host->upstream = upstream_new (host);
  upstream_configure (host->upstream, complaints);
  host->metrics = metrics_new (metrics_create_memory (), 1);
  host->router = router_new ();
  host->health = health_new (host);
  health_add_routes (host->health);
  host->plugins = plugin_set_new (host, sources, send_naming, complaints);
  plugin_set_configure (host->plugins, complaints);
  send_naming ("");
}

int
check_child_main (int argc, char **argv)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (GVariant) brief = NULL, listed = NULL;
  g_autoptr (GPtrArray) sources = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *data_dir = NULL;
  Options options = { 0 };
  Host host = { 0 };

  if (argc < 4)
    return EXIT_CONFIG;
  brief = brief_read (atoi (argv[2]));
  result_fd = atoi (argv[3]);
  argv[3] = argv[0];
  if (brief == NULL || !options_parse (&options, argc - 3, argv + 3, &error))
    return EXIT_CONFIG;
  log_open (LOG_JSON, "warning", "check");
  listed = g_variant_lookup_value (brief, "sources", NULL);
  sources = brief_sources_from_variant (listed);

  host.config = options_read_config (&options, complaints);
  heed_brief (brief, host.config, sources, complaints);
  data_dir = instance_data_dir (host.config);
  host_describe (&host, data_dir, data_dir, "");
  host.internal_socket = data_dir;
  look_at_plugins (&host, sources, complaints);
  config_finish (host.config, complaints);
  host.database = database_new (&host, complaints);
  if (options.prepare && is_ok (&host, complaints))
    prepare (&host, complaints);
  send_result (&host, complaints);
  /* plugins were configured, not started: nothing of theirs is to be undone */
  _exit (0);
}
