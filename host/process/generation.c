/* SPDX-License-Identifier: Apache-2.0 */
/* generation: what a good check returned, pinned. */
#include "generation.h"

#include "../observe/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *
generation_listen_url (GPtrArray *sockets)
{
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    if (!socket->internal && !g_str_has_prefix (socket->address, "unix:")) {
      g_autofree char *address = listen_actual (socket);

      if (g_str_has_prefix (address, "0.0.0.0:"))
        return g_strconcat ("http://127.0.0.1", address + strlen ("0.0.0.0"), NULL);
      return g_strconcat ("http://", address, NULL);
    }
  }
  return g_strdup ("http://localhost");
}

char *
generation_base_url (Config *config, GPtrArray *sockets)
{
  const char *set = config_text (config, "http", "base-url");

  return set != NULL && *set != '\0' ? g_strdup (set) : generation_listen_url (sockets);
}

static GVariant *
sockets_to_variant (GPtrArray *sockets)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ib)"));
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    g_variant_builder_add (&builder, "(ib)", socket->fd, socket->internal);
  }
  return g_variant_builder_end (&builder);
}

/* Where people reach it, as names of the host: what the service manager opened by its address. */
static GVariant *
addresses_to_variant (GPtrArray *sockets)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    if (!socket->internal)
      g_variant_builder_add (&builder, "s", socket->address);
  }
  return g_variant_builder_end (&builder);
}

static guint
worker_count (Config *config, GVariant *facts)
{
  gint64 set = config_int (config, "host", "workers");
  gboolean sqlite = TRUE;

  g_variant_lookup (facts, "sqlite", "b", &sqlite);
  if (set > 0)
    return (guint)set;
  return sqlite ? 1 : MIN (g_get_num_processors (), 32);
}

static const char *
log_format (Config *config)
{
  const char *set = config_text (config, "log", "format");
  const char *environment = config_text (config, "host", "environment");

  if (g_strcmp0 (set, "json") == 0 || g_strcmp0 (set, "text") == 0)
    return set;
  return isatty (STDOUT_FILENO) && g_strcmp0 (environment, "production") != 0 ? "text" : "json";
}

static int
write_brief (Generation *generation, const GenerationGround *ground)
{
  const Instance *instance = ground->instance;
  g_autoptr (GVariant) config = g_variant_lookup_value (generation->check->facts, "config", NULL);
  g_autofree char *base_url = generation_base_url (generation->config, generation->sockets);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "config", config);
  g_variant_dict_insert_value (&dict, "sources",
                               brief_sources_to_variant (generation->check->sources));
  g_variant_dict_insert_value (&dict, "sockets", sockets_to_variant (generation->sockets));
  g_variant_dict_insert_value (&dict, "listen", addresses_to_variant (generation->sockets));
  g_variant_dict_insert_value (&dict, "secret",
                               g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, instance->secret,
                                                          sizeof instance->secret, 1));
  g_variant_dict_insert (&dict, "data-dir", "s", instance->data_dir);
  g_variant_dict_insert (&dict, "runtime-dir", "s", instance->runtime_dir);
  g_variant_dict_insert (&dict, "internal-socket", "s", instance->internal_socket);
  g_variant_dict_insert (&dict, "instance", "s", ground->instance_id);
  g_variant_dict_insert (&dict, "base-url", "s", base_url);
  g_variant_dict_insert (&dict, "log-format", "s", log_format (generation->config));
  g_variant_dict_insert (&dict, "log-level", "s", config_text (generation->config, "log", "level"));
  g_variant_dict_insert (&dict, "metrics-fd", "u", (guint32)ground->metrics_fd);
  g_variant_dict_insert (&dict, "heartbeat-fd", "u", (guint32)ground->heartbeat_fd);
  g_variant_dict_insert (&dict, "limits-fd", "u", (guint32)ground->limits_fd);
  g_variant_dict_insert (&dict, "workers", "u", generation->n_workers);
  return brief_write (g_variant_dict_end (&dict));
}

Generation *
generation_new (guint number,
                CheckResult *check,
                Config *config,
                GPtrArray *sockets,
                const GenerationGround *ground)
{
  Generation *generation = g_new0 (Generation, 1);

  generation->number = number;
  generation->check = check;
  generation->config = config;
  generation->sockets = g_ptr_array_ref (sockets);
  generation->n_workers = worker_count (config, check->facts);
  generation->metrics_fd = ground->metrics_fd;
  generation->heartbeat_fd = ground->heartbeat_fd;
  generation->limits_fd = ground->limits_fd;
  generation->brief_fd = write_brief (generation, ground);
  if (generation->brief_fd < 0) {
    int saved = errno;

    generation_free (generation);
    errno = saved;
    return NULL;
  }
  return generation;
}

void
generation_free (Generation *generation)
{
  if (generation->brief_fd >= 0)
    close (generation->brief_fd);
  check_result_free (generation->check);
  config_free (generation->config);
  g_ptr_array_unref (generation->sockets);
  g_free (generation);
}

/* name -> "state version inode" of each plugin */
static GHashTable *
plugins_of (Generation *generation)
{
  GHashTable *plugins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GVariant) listed = g_variant_lookup_value (generation->check->facts, "plugins", NULL);
  const char *name, *path, *version, *state, *why, *remedy;
  GVariantIter iter;
  guint32 minor;

  g_variant_iter_init (&iter, listed);
  while (g_variant_iter_next (&iter, "(&s&s&s&s&s&su)", &name, &path, &version, &state, &why,
                              &remedy, &minor)) {
    struct stat status = { 0 };

    for (guint i = 0; i < generation->check->sources->len; i++) {
      PluginSource *source = generation->check->sources->pdata[i];

      if (strcmp (source->path, path) == 0)
        fstat (source->fd, &status);
    }
    g_hash_table_insert (plugins, g_strdup (name),
                         g_strdup_printf ("%s %s (file %" G_GUINT64_FORMAT ")", state, version,
                                          (guint64)status.st_ino));
  }
  return plugins;
}

static void
list_changes (GString *out, const char *what, GHashTable *before, GHashTable *after)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (after), (GCompareFunc)strcmp);
  g_autoptr (GList) gone = g_list_sort (g_hash_table_get_keys (before), (GCompareFunc)strcmp);

  for (GList *l = names; l != NULL; l = l->next) {
    const char *was = g_hash_table_lookup (before, l->data),
               *is = g_hash_table_lookup (after, l->data);

    if (was == NULL)
      g_string_append_printf (out, "%s %s: new: %s\n", what, (char *)l->data, is);
    else if (strcmp (was, is) != 0)
      g_string_append_printf (out, "%s %s: %s, was: %s\n", what, (char *)l->data, is, was);
  }
  for (GList *l = gone; l != NULL; l = l->next)
    if (!g_hash_table_contains (after, l->data))
      g_string_append_printf (out, "%s %s: gone\n", what, (char *)l->data);
}

/* "[group] key" -> value, secrets hidden, out of the check's own listing */
static GHashTable *
settings_of (Generation *generation)
{
  GHashTable *settings = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const char *text = "";
  g_auto (GStrv) lines = NULL;

  g_variant_lookup (generation->check->facts, "config-text", "&s", &text);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    char *equals = strstr (*line, " = ");

    if (**line == '[' && equals != NULL)
      g_hash_table_insert (settings, g_strndup (*line, (gsize)(equals - *line)),
                           g_strdup (equals + 3));
  }
  return settings;
}

static gboolean
is_same_file (int one, int other)
{
  struct stat first = { 0 }, second = { 0 };

  fstat (one, &first);
  fstat (other, &second);
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static const char *
program_of (Generation *generation)
{
  const char *program = "";

  g_variant_lookup (generation->check->facts, "program", "&s", &program);
  return program;
}

char *
generation_changes (Generation *before, Generation *after)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GHashTable) plugins_before = plugins_of (before), plugins_after = plugins_of (after);
  g_autoptr (GHashTable) settings_before = settings_of (before),
                         settings_after = settings_of (after);

  if (!is_same_file (before->check->exe_fd, after->check->exe_fd))
    g_string_append_printf (out, "program: %s, was: %s\n", program_of (after), program_of (before));
  list_changes (out, "plugin", plugins_before, plugins_after);
  list_changes (out, "setting", settings_before, settings_after);
  return g_string_free (g_steal_pointer (&out), FALSE);
}
