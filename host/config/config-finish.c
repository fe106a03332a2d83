/* SPDX-License-Identifier: Apache-2.0 */
/* config-finish: what nobody has declared is a mistake: it is named together
 * with the nearest name that somebody did declare.
 */
#include <string.h>

#include "config-private.h"

/* Levenshtein's distance; names are short, so one row of numbers does. */
static guint
config_distance (const char *a, const char *b)
{
  gsize columns = strlen (b);
  g_autofree guint *row = g_new (guint, columns + 1);

  for (gsize j = 0; j <= columns; j++)
    row[j] = (guint)j;
  for (gsize i = 0; a[i] != '\0'; i++) {
    guint corner = row[0];

    row[0] = (guint)i + 1;
    for (gsize j = 1; j <= columns; j++) {
      guint above = row[j];

      row[j] = MIN (MIN (above, row[j - 1]) + 1, corner + (a[i] == b[j - 1] ? 0 : 1));
      corner = above;
    }
  }
  return row[columns];
}

const char *
config_nearest (const char *const *names, const char *wanted)
{
  gsize length = strlen (wanted);
  guint best = (guint)MAX (2, length / 3) + 1;
  const char *nearest = NULL;

  /* what a stranger wrote may be of any length */
  if (length > 200)
    return NULL;
  for (; *names != NULL; names++) {
    guint distance = config_distance (wanted, *names);

    if (distance < best && distance < length) {
      best = distance;
      nearest = *names;
    }
  }
  return nearest;
}

static int
config_compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The keys of TABLE, sorted, NULL-ended: the array is owned, the names are borrowed. */
static const char **
config_sorted (GHashTable *table)
{
  guint length;
  const char **names = (const char **)g_hash_table_get_keys_as_array (table, &length);

  qsort (names, length, sizeof *names, config_compare_names);
  return names;
}

static char *
config_suggest (const char *nearest,
                const char *quote,
                const char *unquote,
                const char *const *known)
{
  g_autofree char *listed =
      known != NULL && known[0] != NULL ? g_strjoinv (", ", (char **)known) : NULL;
  g_autofree char *meant =
      nearest != NULL ? g_strdup_printf ("Did you mean %s%s%s?", quote, nearest, unquote) : NULL;

  if (meant != NULL && listed != NULL)
    return g_strdup_printf ("%s Known: %s.", meant, listed);
  if (listed != NULL)
    return g_strdup_printf ("Known: %s.", listed);
  return meant != NULL ? g_steal_pointer (&meant) : g_strdup ("Delete it.");
}

static void
config_complain_key (ConfigGroup *group, const ConfigEntry *entry, Complaints *complaints)
{
  g_autofree const char **known = config_sorted (group->keys);
  const char *nearest = config_nearest (known, entry->key);
  g_autofree char *remedy = config_suggest (nearest, "\"", "\"", known);

  complaints_add (complaints, NULL, entry->file, entry->line, group->name, entry->key,
                  "unknown setting", remedy);
}

static gboolean
config_is_secret_file (ConfigGroup *group, const char *name)
{
  g_autofree char *stem =
      g_str_has_suffix (name, "-file") ? g_strndup (name, strlen (name) - 5) : NULL;
  ConfigKey *key = stem != NULL ? g_hash_table_lookup (group->keys, stem) : NULL;

  return key != NULL && key->row.type == DAE_SETTING_SECRET;
}

static void
config_finish_group (ConfigGroup *group, Complaints *complaints)
{
  g_autofree const char **names = config_sorted (group->written);

  for (const char **name = names; *name != NULL; name++) {
    ConfigWritten *written = g_hash_table_lookup (group->written, *name);

    if (!g_hash_table_contains (group->keys, *name) && !config_is_secret_file (group, *name))
      config_complain_key (group, &written->entry, complaints);
  }
}

static gboolean
config_is_ignored (Config *config, const char *name)
{
  for (guint i = 0; i < config->ignored->len; i++) {
    const char *pattern = g_ptr_array_index (config->ignored, i);
    gsize length = strlen (pattern);

    if (length > 0 && pattern[length - 1] == '*' ? strncmp (name, pattern, length - 1) == 0
                                                 : strcmp (name, pattern) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
config_is_unknown_group (Config *config, ConfigGroup *group)
{
  return !group->known && config_has_group (config, group->name) &&
         !config_is_ignored (config, group->name);
}

static gboolean
config_is_unknown_variable (Config *config, const char *name)
{
  return !g_hash_table_contains (config->known_variables, name) &&
         !config_is_ignored (config, name);
}

/* Known groups: all of them to compare with, and those without a name of their own to show. */
static void
config_list_groups (Config *config, GPtrArray *all, GPtrArray *shown)
{
  for (guint i = 0; i < config->order->len; i++) {
    ConfigGroup *group = g_ptr_array_index (config->order, i);

    if (!group->known)
      continue;
    g_ptr_array_add (all, (gpointer)group->name);
    if (strchr (group->name, ' ') == NULL)
      g_ptr_array_add (shown, (gpointer)group->name);
  }
  g_ptr_array_sort (all, config_compare_names);
  g_ptr_array_sort (shown, config_compare_names);
  g_ptr_array_add (all, NULL);
  g_ptr_array_add (shown, NULL);
}

static char *
config_suggest_group (Config *config, const char *name)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  g_autoptr (GPtrArray) shown = g_ptr_array_new ();
  const char *nearest;

  config_list_groups (config, all, shown);
  nearest = config_nearest ((const char *const *)all->pdata, name);
  if (nearest != NULL)
    return g_strdup_printf ("Did you mean [%s]?", nearest);
  if (g_str_has_prefix (name, "plugin "))
    return g_strdup_printf ("There is no %s.so: install that plugin, or delete the group.",
                            name + strlen ("plugin "));
  return config_suggest (NULL, "", "", (const char *const *)shown->pdata);
}

static void
config_complain_group (Config *config, ConfigGroup *group, Complaints *complaints)
{
  g_autofree char *remedy = config_suggest_group (config, group->name);
  const char *file = group->file;
  GHashTableIter iter;
  gpointer written;

  g_hash_table_iter_init (&iter, group->written);
  if (file == NULL && g_hash_table_iter_next (&iter, NULL, &written))
    file = ((ConfigWritten *)written)->entry.file;
  complaints_add (complaints, NULL, file, group->line, group->name, NULL, "unknown group", remedy);
}

static void
config_complain_variable (Config *config, const char *name, Complaints *complaints)
{
  g_autofree const char **known = config_sorted (config->known_variables);
  const char *nearest = NULL;
  g_autofree char *remedy = NULL;
  g_autofree const char **tails = NULL;
  guint length = g_hash_table_size (config->known_variables);

  /* the common beginning would make all names look alike */
  tails = g_new0 (const char *, length + 1);
  for (guint i = 0; i < length; i++)
    tails[i] = known[i] + strlen ("DAEDALUS_");
  nearest = config_nearest (tails, name + strlen ("DAEDALUS_"));
  remedy = nearest != NULL
               ? g_strdup_printf ("Did you mean DAEDALUS_%s?", nearest)
               : g_strdup ("Unset it; \"daedalus config --reference\" lists all names.");
  complaints_add (complaints, NULL, "environment", 0, NULL, name, "unknown variable", remedy);
}

void
config_ignore_group (Config *config, const char *group)
{
  ConfigGroup *found = config_group_find (config, group);

  g_ptr_array_add (config->ignored, (gpointer)config_keep (config, group));
  if (found != NULL)
    found->ignored = TRUE;
}

void
config_ignore_variable (Config *config, const char *name)
{
  if (!g_str_has_suffix (name, "*"))
    g_hash_table_add (config->known_variables, (gpointer)config_keep (config, name));
  g_ptr_array_add (config->ignored, (gpointer)config_keep (config, name));
}

gboolean
config_has_unknown (Config *config)
{
  GHashTableIter iter;
  gpointer name;

  for (guint i = 0; i < config->order->len; i++) {
    if (config_is_unknown_group (config, g_ptr_array_index (config->order, i)))
      return TRUE;
  }
  g_hash_table_iter_init (&iter, config->variables);
  while (g_hash_table_iter_next (&iter, &name, NULL)) {
    if (config_is_unknown_variable (config, name))
      return TRUE;
  }
  return FALSE;
}

void
config_finish (Config *config, Complaints *complaints)
{
  g_autofree const char **variables = config_sorted (config->variables);

  for (guint i = 0; i < config->order->len; i++) {
    ConfigGroup *group = g_ptr_array_index (config->order, i);

    if (config_is_unknown_group (config, group))
      config_complain_group (config, group, complaints);
    else if (group->known && !group->ignored)
      config_finish_group (group, complaints);
  }
  for (const char **name = variables; *name != NULL; name++) {
    if (config_is_unknown_variable (config, *name))
      config_complain_variable (config, *name, complaints);
  }
}
