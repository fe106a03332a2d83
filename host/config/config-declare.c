/* SPDX-License-Identifier: Apache-2.0 */
/* config-declare: brings rows and what is written together: which origin wins,
 * secrets from files, types and ranges, instance groups.
 */
#include <string.h>

#include "config-private.h"

typedef struct {
  Config *config;
  ConfigGroup *group;
  const char *env_prefix;
  const char *plugin;
  Complaints *complaints;
} ConfigDeclare;

static void
config_complain (ConfigDeclare *declare,
                 const ConfigEntry *entry,
                 const char *key,
                 const char *why,
                 const char *remedy)
{
  g_autofree char *longer = NULL;

  if (entry->variable != NULL)
    longer = g_strdup_printf ("%s (from %s)", why, entry->variable);
  complaints_add (declare->complaints, declare->plugin, entry->file, entry->line,
                  declare->group->name, key, longer != NULL ? longer : why, remedy);
}

static char *
config_variable_name (const char *prefix, const char *key, const char *suffix)
{
  g_autofree char *name = g_strconcat ("DAEDALUS_", prefix, "_", key, suffix, NULL);
  char *upper = g_ascii_strup (name, -1);

  return g_strdelimit (upper, "-", '_');
}

/* Marks NAME as known; fills *RET if it is set. Two names that differ are a complaint. */
static void
config_look_up_variable (ConfigDeclare *declare,
                         const char *name,
                         const char *key,
                         ConfigWritten *ret)
{
  Config *config = declare->config;
  const char *kept = config_keep (config, name);
  const char *value = g_hash_table_lookup (config->variables, name);
  g_autofree char *why = NULL;

  g_hash_table_add (config->known_variables, (gpointer)kept);
  if (value == NULL)
    return;
  if (ret->entry.value != NULL && strcmp (ret->entry.value, value) != 0) {
    why = g_strdup_printf ("%s and %s say different things", ret->entry.variable, kept);
    complaints_add (declare->complaints, declare->plugin, "environment", 0, declare->group->name,
                    key, why, "Set one of the two variables only.");
  }
  *ret = (ConfigWritten){
    .entry = { declare->group->name, key, value, "environment", 0, kept },
    .rank = CONFIG_RANK_ENVIRONMENT,
  };
}

/* What is written for ROW's key and SUFFIX ("" or "-file") with the greatest force. FALSE: nothing.
 */
static gboolean
config_find_written (ConfigDeclare *declare,
                     const DaeSetting *row,
                     const char *suffix,
                     ConfigWritten *ret)
{
  g_autofree char *key = g_strconcat (row->key, suffix, NULL);
  const char *env_suffix = *suffix != '\0' ? "_FILE" : "";
  ConfigWritten *in_file = g_hash_table_lookup (declare->group->written, key);
  ConfigWritten variable = { 0 };

  if (declare->env_prefix != NULL) {
    g_autofree char *name = config_variable_name (declare->env_prefix, row->key, env_suffix);

    config_look_up_variable (declare, name, row->key, &variable);
  }
  if (row->environment != NULL) {
    g_autofree char *name = g_strconcat (row->environment, env_suffix, NULL);

    config_look_up_variable (declare, name, row->key, &variable);
  }
  if (in_file == NULL && variable.entry.value == NULL)
    return FALSE;
  *ret = variable.entry.value == NULL || (in_file != NULL && in_file->rank > variable.rank)
             ? *in_file
             : variable;
  return TRUE;
}

static gboolean
config_read_secret (ConfigDeclare *declare, const DaeSetting *row, ConfigWritten *written)
{
  g_autofree char *key = g_strconcat (row->key, "-file", NULL);
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  g_autofree char *secret = setting_read_secret (written->entry.value, &why, &remedy);

  if (secret == NULL) {
    config_complain (declare, &written->entry, key, why, remedy);
    return FALSE;
  }
  written->entry.value = config_keep (declare->config, secret);
  return TRUE;
}

/* Resolves KEY and, for secrets, KEY-file into *RET; FALSE if there is nothing to parse. *RET_FAULT
 * is set if a complaint was made. */
static gboolean
config_resolve (ConfigDeclare *declare,
                const DaeSetting *row,
                ConfigWritten *ret,
                gboolean *ret_fault)
{
  ConfigWritten file = { 0 };
  gboolean has_value = config_find_written (declare, row, "", ret);
  gboolean has_file =
      row->type == DAE_SETTING_SECRET && config_find_written (declare, row, "-file", &file);

  if (has_file && *file.entry.value == '\0')
    has_file = FALSE;
  if (has_value && has_file && file.rank == ret->rank) {
    g_autofree char *why = g_strdup_printf ("is set beside %s-file", row->key);

    config_complain (declare, &ret->entry, row->key, why, "Delete one of the two.");
    *ret_fault = TRUE;
    return FALSE;
  }
  if (!has_file || (has_value && ret->rank > file.rank))
    return has_value;
  *ret = file;
  ret->entry.key = row->key;
  if (config_read_secret (declare, row, ret))
    return TRUE;
  *ret_fault = TRUE;
  return FALSE;
}

/* An empty value takes back what a weaker origin has set; only a list may be empty. */
static gboolean
config_is_empty (const DaeSetting *row, const char *value)
{
  if (row->type == DAE_SETTING_LIST || row->type == DAE_SETTING_NETWORKS)
    return FALSE;
  return value[strspn (value, " \t")] == '\0';
}

/* FALSE if a complaint was made. */
static gboolean
config_parse (ConfigDeclare *declare, ConfigKey *key, const ConfigWritten *written)
{
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  key->entry = written->entry;
  key->entry.key = key->row.key;
  if (setting_parse (&key->row, written->entry.value, &key->value, &why, &remedy)) {
    key->is_set = TRUE;
    return TRUE;
  }
  config_complain (declare, &written->entry, key->row.key, why, remedy);
  return FALSE;
}

static void
config_use_fallback (ConfigKey *key)
{
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  if (key->row.fallback == NULL ||
      !setting_parse (&key->row, key->row.fallback, &key->value, &why, &remedy))
    setting_init_unset (&key->row, &key->value);
}

static ConfigKey *
config_add_key (ConfigGroup *group, const DaeSetting *row)
{
  ConfigKey *before = g_hash_table_lookup (group->keys, row->key);
  ConfigKey *key = g_new0 (ConfigKey, 1);

  key->row = *row;
  key->group = group->name;
  if (before != NULL)
    g_ptr_array_remove (group->order, before);
  g_hash_table_replace (group->keys, (gpointer)key->row.key, key);
  g_ptr_array_add (group->order, key);
  return key;
}

static void
config_complain_missing (ConfigDeclare *declare, const DaeSetting *row)
{
  ConfigEntry place = { .file = declare->group->file, .line = declare->group->line };
  g_autofree char *variable = NULL;
  g_autofree char *remedy = NULL;

  if (declare->env_prefix != NULL)
    variable = config_variable_name (declare->env_prefix, row->key, "");
  remedy = variable != NULL
               ? g_strdup_printf ("Write %s = ... in [%s], or set %s.", row->key,
                                  declare->group->name, variable)
               : g_strdup_printf ("Write %s = ... in [%s].", row->key, declare->group->name);
  config_complain (declare, &place, row->key, "is required", remedy);
}

/* FALSE if a complaint was made; *RET_MISSING says whether a required value is not there. */
static gboolean
config_declare_row (ConfigDeclare *declare, const DaeSetting *row, gboolean *ret_missing)
{
  ConfigKey *key = config_add_key (declare->group, row);
  ConfigWritten written = { 0 };
  gboolean fault = FALSE;

  *ret_missing = FALSE;
  if (config_resolve (declare, row, &written, &fault) &&
      !config_is_empty (row, written.entry.value))
    fault = !config_parse (declare, key, &written);
  if (!key->is_set)
    config_use_fallback (key);
  *ret_missing =
      !fault && !key->is_set && row->fallback == NULL && (row->flags & DAE_SETTING_REQUIRED) != 0;
  return !fault;
}

gboolean
config_declare (Config *config,
                const char *group,
                const char *env_prefix,
                const DaeSetting *rows,
                guint n_rows,
                const char *plugin,
                Complaints *complaints,
                char ***ret_missing)
{
  ConfigDeclare declare = { config, config_group_ensure (config, group), env_prefix, plugin,
                            complaints };
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  guint before = complaints_count (complaints);

  declare.group->known = TRUE;
  for (guint i = 0; i < n_rows; i++) {
    gboolean is_missing;

    config_declare_row (&declare, &rows[i], &is_missing);
    if (is_missing && ret_missing == NULL)
      config_complain_missing (&declare, &rows[i]);
    else if (is_missing)
      g_ptr_array_add (missing, g_strdup (rows[i].key));
  }
  if (ret_missing != NULL)
    *ret_missing = NULL;
  if (missing->len > 0) {
    g_ptr_array_add (missing, NULL);
    *ret_missing = (char **)g_ptr_array_free (g_steal_pointer (&missing), FALSE);
  }
  return complaints_count (complaints) == before;
}

static gboolean
config_is_instance_name (const char *name)
{
  return (g_ascii_islower (name[0]) || g_ascii_isdigit (name[0])) && strlen (name) <= 100 &&
         strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen (name);
}

static int
config_compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

const char *const *
config_declare_group (Config *config,
                      const DaeGroup *group,
                      const char *plugin,
                      Complaints *complaints)
{
  g_autofree char *head = g_strconcat (group->prefix, " ", NULL);
  GPtrArray *names = g_ptr_array_new ();
  char **strv;

  for (guint i = 0; i < config->order->len; i++) {
    ConfigGroup *found = g_ptr_array_index (config->order, i);
    const char *name = g_str_has_prefix (found->name, head) ? found->name + strlen (head) : NULL;

    if (name == NULL || !config_has_group (config, found->name))
      continue;
    found->known = TRUE;
    if (!config_is_instance_name (name)) {
      g_autofree char *why = g_strdup_printf ("\"%s\" is not a name", name);

      found->ignored = TRUE;
      complaints_add (
          complaints, plugin, found->file, found->line, found->name, NULL, why,
          "Write a name of a-z, 0-9, '.', '_' and '-' that begins with a letter or digit.");
      continue;
    }
    config_declare (config, found->name, NULL, group->settings.rows, group->settings.n_rows, plugin,
                    complaints, NULL);
    g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, config_compare_strings);
  g_ptr_array_add (names, NULL);
  strv = (char **)g_ptr_array_free (names, FALSE);
  g_hash_table_replace (config->instances, g_strdup (group->prefix), strv);
  return (const char *const *)strv;
}
