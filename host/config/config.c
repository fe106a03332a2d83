/* SPDX-License-Identifier: Apache-2.0 */
/* config: gathers what is written in keyfiles, environment and command line,
 * answers for the declared keys, and carries all of it from the check to the
 * workers. What the keys mean is config-declare.c's, what is left over
 * config-finish.c's.
 */
#include "config.h"

#include <string.h>

#include "config-file.h"
#include "config-private.h"

#define CONFIG_VARIANT "a(sssusms)" /* group, key, value, line, file, variable */

typedef struct {
  Config *config;
  Complaints *complaints;
  const char *path; /* in the chunk */
  guint rank;
} ConfigReader;

static void
config_key_free (gpointer data)
{
  ConfigKey *key = data;

  setting_clear (&key->value);
  g_free (key);
}

static void
config_group_free (gpointer data)
{
  ConfigGroup *group = data;

  g_hash_table_unref (group->written);
  g_hash_table_unref (group->keys);
  g_ptr_array_unref (group->order);
  g_free (group);
}

const char *
config_keep (Config *config, const char *text)
{
  return text != NULL ? g_string_chunk_insert_const (config->chunk, text) : NULL;
}

ConfigGroup *
config_group_find (Config *config, const char *name)
{
  return g_hash_table_lookup (config->groups, name);
}

ConfigGroup *
config_group_ensure (Config *config, const char *name)
{
  ConfigGroup *group = config_group_find (config, name);

  if (group != NULL)
    return group;
  group = g_new0 (ConfigGroup, 1);
  group->name = config_keep (config, name);
  group->written = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  group->keys = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, config_key_free);
  group->order = g_ptr_array_new ();
  g_hash_table_insert (config->groups, (gpointer)group->name, group);
  g_ptr_array_add (config->order, group);
  return group;
}

static void
config_write (Config *config, const ConfigEntry *entry, guint rank)
{
  ConfigGroup *group = config_group_ensure (config, entry->group);
  ConfigWritten *written = g_new0 (ConfigWritten, 1);

  written->entry.group = group->name;
  written->entry.key = config_keep (config, entry->key);
  written->entry.value = config_keep (config, entry->value);
  written->entry.file = config_keep (config, entry->file);
  written->entry.line = entry->line;
  written->entry.variable = config_keep (config, entry->variable);
  written->rank = rank;
  g_hash_table_replace (group->written, (gpointer)written->entry.key, written);
}

static void
config_read_line (
    const char *group_name, const char *key, const char *value, guint line, gpointer data)
{
  ConfigReader *reader = data;
  ConfigGroup *group = config_group_ensure (reader->config, group_name);
  ConfigEntry entry = { group_name, key, value, reader->path, line, NULL };
  ConfigWritten *before = key != NULL ? g_hash_table_lookup (group->written, key) : NULL;

  if (group->file == NULL) {
    group->file = reader->path;
    group->line = line;
  }
  if (before != NULL && before->rank == reader->rank) {
    g_autofree char *why = g_strdup_printf ("is set already in line %u", before->entry.line);

    complaints_add (reader->complaints, NULL, reader->path, line, group_name, key, why,
                    "Delete one of the two lines.");
  }
  if (key != NULL)
    config_write (reader->config, &entry, reader->rank);
}

static void
config_read_file (ConfigReader *reader, const char *path)
{
  reader->rank++;
  reader->path = config_keep (reader->config, path);
  config_file_read (path, config_read_line, reader, reader->complaints);
}

static int
config_compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
config_read_directory (ConfigReader *reader, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (directory == NULL) {
    g_autofree char *why = g_strdup_printf ("cannot be read: %s", error->message);

    complaints_add (reader->complaints, NULL, path, 0, NULL, NULL, why,
                    "Make the directory readable for the user that runs daedalus.");
    return;
  }
  while ((name = g_dir_read_name (directory)) != NULL) {
    if (g_str_has_suffix (name, ".conf") && name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, config_compare_names);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *file = g_build_filename (path, g_ptr_array_index (names, i), NULL);

    config_read_file (reader, file);
  }
}

static void
config_read_path (ConfigReader *reader, const char *path)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    config_read_directory (reader, path);
    return;
  }
  if (!g_file_test (path, G_FILE_TEST_EXISTS) &&
      (g_str_has_suffix (path, ".d") || g_str_has_suffix (path, "/")))
    return;
  config_read_file (reader, path);
}

/* An empty variable is one that is not set: compose files write NAME=${NAME:-}. */
static void
config_read_variable (Config *config, const char *variable, Complaints *complaints)
{
  const char *equals = strchr (variable, '=');
  g_autofree char *name = NULL;

  if (equals == NULL || !g_str_has_prefix (variable, "DAEDALUS_") || equals[1] == '\0')
    return;
  name = g_strndup (variable, (gsize)(equals - variable));
  if (!g_utf8_validate (variable, -1, NULL)) {
    g_autofree char *shown = g_utf8_make_valid (name, -1);

    complaints_add (complaints, NULL, "environment", 0, NULL, shown, "is not UTF-8 text",
                    "Set it to UTF-8 text.");
    return;
  }
  g_hash_table_insert (config->variables, (gpointer)config_keep (config, name),
                       (gpointer)config_keep (config, equals + 1));
}

static void
config_read_set (Config *config, const char *set, Complaints *complaints)
{
  const char *equals = strchr (set, '=');
  g_autofree char *group = g_strndup (set, equals != NULL ? (gsize)(equals - set) : strlen (set));
  char *dot = strrchr (group, '.');
  ConfigEntry entry = { .group = group, .file = "command line" };

  if (equals == NULL || dot == NULL || dot == group || dot[1] == '\0' ||
      !g_utf8_validate (set, -1, NULL)) {
    g_autofree char *shown = g_utf8_make_valid (set, -1);
    g_autofree char *why = g_strdup_printf ("\"%s\" is not GROUP.KEY=VALUE", shown);

    complaints_add (complaints, NULL, "command line", 0, NULL, NULL, why,
                    "Write for example --set http.listen=127.0.0.1:9000.");
    return;
  }
  *dot = '\0';
  entry.key = dot + 1;
  entry.value = equals + 1;
  config_write (config, &entry, CONFIG_RANK_COMMAND_LINE);
}

static Config *
config_new_empty (void)
{
  Config *config = g_new0 (Config, 1);

  config->chunk = g_string_chunk_new (4096);
  config->groups = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, config_group_free);
  config->order = g_ptr_array_new ();
  config->variables = g_hash_table_new (g_str_hash, g_str_equal);
  config->known_variables = g_hash_table_new (g_str_hash, g_str_equal);
  config->ignored = g_ptr_array_new ();
  config->instances =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
  return config;
}

Config *
config_new (const ConfigSources *sources, Complaints *complaints)
{
  Config *config = config_new_empty ();
  ConfigReader reader = { .config = config, .complaints = complaints };

  for (guint i = 0; sources->files != NULL && sources->files[i] != NULL; i++)
    config_read_path (&reader, sources->files[i]);
  for (guint i = 0; sources->environ != NULL && sources->environ[i] != NULL; i++)
    config_read_variable (config, sources->environ[i], complaints);
  for (guint i = 0; sources->sets != NULL && sources->sets[i] != NULL; i++)
    config_read_set (config, sources->sets[i], complaints);
  return config;
}

void
config_free (Config *config)
{
  if (config == NULL)
    return;
  g_hash_table_unref (config->instances);
  g_ptr_array_unref (config->ignored);
  g_hash_table_unref (config->known_variables);
  g_hash_table_unref (config->variables);
  g_ptr_array_unref (config->order);
  g_hash_table_unref (config->groups);
  g_string_chunk_free (config->chunk);
  g_free (config);
}

static const ConfigKey *
config_key (Config *config, const char *group_name, const char *name)
{
  ConfigGroup *group = config_group_find (config, group_name);
  ConfigKey *key = group != NULL ? g_hash_table_lookup (group->keys, name) : NULL;

  if (key == NULL)
    g_error ("setting [%s] %s is read, but nobody has declared it", group_name, name);
  return key;
}

gboolean
config_is_set (Config *config, const char *group, const char *key)
{
  return config_key (config, group, key)->is_set;
}

const char *
config_text (Config *config, const char *group, const char *key)
{
  return config_key (config, group, key)->value.text;
}

gint64
config_int (Config *config, const char *group, const char *key)
{
  return config_key (config, group, key)->value.number;
}

const char *const *
config_list (Config *config, const char *group, const char *key)
{
  const ConfigKey *found = config_key (config, group, key);

  if (found->value.list == NULL)
    g_error ("setting [%s] %s is read as a list, but is none", group, key);
  return (const char *const *)found->value.list;
}

gboolean
config_has_address (Config *config, const char *group, const char *key, const char *address)
{
  return setting_has_address (&config_key (config, group, key)->value, address);
}

gboolean
config_has_group (Config *config, const char *group)
{
  ConfigGroup *found = config_group_find (config, group);

  return found != NULL && (found->file != NULL || g_hash_table_size (found->written) > 0);
}

const ConfigEntry *
config_origin (Config *config, const char *group, const char *key)
{
  const ConfigKey *found = config_key (config, group, key);

  return found->entry.file != NULL ? &found->entry : NULL;
}

const char *const *
config_instances (Config *config, const char *prefix)
{
  static const char *const none[] = { NULL };
  const char *const *names = g_hash_table_lookup (config->instances, prefix);

  return names != NULL ? names : none;
}

static void
config_entry_to_variant (const ConfigEntry *entry, GVariantBuilder *builder)
{
  g_variant_builder_add (builder, "(sssusms)", entry->group, entry->key, entry->value, entry->line,
                         entry->file, entry->variable);
}

/* KEY-file is left out where it was read: its content travels as KEY. */
static gboolean
config_is_read_secret (ConfigGroup *group, const char *name)
{
  g_autofree char *stem =
      g_str_has_suffix (name, "-file") ? g_strndup (name, strlen (name) - 5) : NULL;
  ConfigKey *key = stem != NULL ? g_hash_table_lookup (group->keys, stem) : NULL;

  return key != NULL && key->row.type == DAE_SETTING_SECRET;
}

static void
config_group_to_variant (ConfigGroup *group, GVariantBuilder *builder)
{
  GHashTableIter iter;
  gpointer name, written;

  /* the head alone: an instance may consist of nothing else */
  g_variant_builder_add (builder, "(sssusms)", group->name, "", "", group->line,
                         group->file != NULL ? group->file : "", NULL);
  for (guint i = 0; i < group->order->len; i++) {
    ConfigKey *key = g_ptr_array_index (group->order, i);

    if (key->is_set)
      config_entry_to_variant (&key->entry, builder);
  }
  g_hash_table_iter_init (&iter, group->written);
  while (g_hash_table_iter_next (&iter, &name, &written)) {
    if (!g_hash_table_contains (group->keys, name) && !config_is_read_secret (group, name))
      config_entry_to_variant (&((ConfigWritten *)written)->entry, builder);
  }
}

GVariant *
config_to_variant (Config *config)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (CONFIG_VARIANT));
  for (guint i = 0; i < config->order->len; i++)
    config_group_to_variant (g_ptr_array_index (config->order, i), &builder);
  return g_variant_builder_end (&builder);
}

Config *
config_from_variant (GVariant *variant)
{
  Config *config = config_new_empty ();
  ConfigEntry entry;
  GVariantIter iter;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (CONFIG_VARIANT)))
    return config;
  g_variant_iter_init (&iter, variant);
  while (g_variant_iter_next (&iter, "(&s&s&su&sm&s)", &entry.group, &entry.key, &entry.value,
                              &entry.line, &entry.file, &entry.variable)) {
    ConfigGroup *group = config_group_ensure (config, entry.group);

    if (*entry.key != '\0') {
      config_write (config, &entry, 1);
    } else if (*entry.file != '\0') {
      group->file = config_keep (config, entry.file);
      group->line = entry.line;
    }
  }
  return config;
}

void
config_each (Config *config, ConfigVisit visit, gpointer data)
{
  for (guint i = 0; i < config->order->len; i++) {
    ConfigGroup *group = g_ptr_array_index (config->order, i);

    for (guint k = 0; k < group->order->len; k++) {
      ConfigKey *key = g_ptr_array_index (group->order, k);
      ConfigEntry entry = key->entry;

      entry.group = group->name;
      entry.key = key->row.key;
      if (!key->is_set) {
        entry.value = key->row.fallback;
        entry.file = "default";
        entry.line = 0;
        entry.variable = NULL;
      }
      if (key->row.type == DAE_SETTING_SECRET && entry.value != NULL)
        entry.value = "(secret)";
      visit (&entry, &key->row, data);
    }
  }
}
