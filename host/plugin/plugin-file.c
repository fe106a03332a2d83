/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-file: dlopen, the one symbol, its version, and a copy of its tables in
 * this host's row sizes. The rules for what the rows say are in plugin-check.c.
 */
#include "plugin-file.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

/* As they were in minor 0: nothing shorter has ever been released. */
#define PLUGIN_FILE_LEAST_INFO (G_STRUCT_OFFSET (DaePluginInfo, collect) + sizeof (gpointer))
#define PLUGIN_FILE_MAX_ROWS   4096

static void
plugin_file_complain (const PluginSource *source,
                      Complaints *complaints,
                      char *why,
                      const char *remedy)
{
  complaints_add (complaints, source->name, source->path, 0, NULL, NULL, why, remedy);
  g_free (why);
}

/* "libgone.so.4" of "libgone.so.4: cannot open shared object file: ..."; NULL if the message is
 * about FILE itself. */
static char *
plugin_file_missing_library (const char *message, const char *file)
{
  const char *end = strstr (message, ": cannot open shared object file");

  if (end == NULL || g_str_has_prefix (message, file))
    return NULL;
  return g_strndup (message, (gsize)(end - message));
}

static void
plugin_file_complain_dlopen (const PluginSource *source,
                             const char *file,
                             const char *error,
                             Complaints *complaints)
{
  g_autofree char *library = plugin_file_missing_library (error, file);
  g_autofree char *own = g_strconcat (file, ": ", NULL);
  const char *message = g_str_has_prefix (error, own) ? error + strlen (own) : error;
  g_autofree char *remedy = NULL;

  if (library != NULL) {
    remedy = g_strdup_printf ("Install the package that ships %s.", library);
    plugin_file_complain (source, complaints, g_strdup_printf ("cannot be loaded: %s", error),
                          remedy);
    return;
  }
  if (strstr (message, "undefined symbol") != NULL)
    remedy = g_strdup (
        "This build of the plugin is incomplete; ask its packager to link with --no-undefined.");
  else if (strstr (message, "not found (required by") != NULL)
    remedy = g_strdup ("Install the build of this plugin for this release of the system.");
  else
    remedy = g_strdup ("Install the plugin again, or remove the file from the plugin directory.");
  if (message != error && strstr (message, "undefined symbol") == NULL)
    plugin_file_complain (source, complaints,
                          g_strdup_printf ("cannot be loaded: %s: %s", source->path, message),
                          remedy);
  else
    plugin_file_complain (source, complaints, g_strdup_printf ("cannot be loaded: %s", message),
                          remedy);
}

/* The loader takes a name that it has seen for the file that it knows by it. A descriptor's number
 * may come again for another file, so each further time its name gets one slash more. */
static char *
plugin_file_descriptor_name (int fd)
{
  static GHashTable *times;
  g_autofree char *slashes = NULL;
  guint before;

  if (times == NULL)
    times = g_hash_table_new (g_direct_hash, g_direct_equal);
  before = GPOINTER_TO_UINT (g_hash_table_lookup (times, GINT_TO_POINTER (fd)));
  g_hash_table_insert (times, GINT_TO_POINTER (fd), GUINT_TO_POINTER (before + 1));
  slashes = g_strnfill (before + 1, '/');
  return g_strdup_printf ("/proc/self/fd%s%d", slashes, fd);
}

static gpointer
plugin_file_open (const PluginSource *source, Complaints *complaints)
{
  g_autofree char *file = source->fd >= 0 ? plugin_file_descriptor_name (source->fd)
                                          : g_canonicalize_filename (source->path, NULL);
  gpointer handle = dlopen (file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const char *error = handle == NULL ? dlerror () : NULL;

  if (handle == NULL)
    plugin_file_complain_dlopen (source, file, error != NULL ? error : "no reason was given",
                                 complaints);
  return handle;
}

static void
plugin_file_complain_symbol (const PluginSource *source, gpointer handle, Complaints *complaints)
{
  for (guint major = 0; major < 100; major++) {
    g_autofree char *name = g_strdup_printf ("daedalus_plugin_%u", major);
    g_autofree char *remedy = NULL;

    if (dlsym (handle, name) == NULL)
      continue;
    remedy = g_strdup_printf (
        "Install the build of this plugin for ABI %d, or a daedalus that offers ABI %u.",
        DAE_ABI_MAJOR, major);
    plugin_file_complain (
        source, complaints,
        g_strdup_printf ("is built for plugin ABI %u; this daedalus offers ABI %d", major,
                         DAE_ABI_MAJOR),
        remedy);
    return;
  }
  plugin_file_complain (source, complaints,
                        g_strdup ("is not a daedalus plugin: it exports no daedalus_plugin_1"),
                        "Remove the file from the plugin directory.");
}

/* How many bytes the descriptor has in the file, whatever it says of itself. */
static gsize
plugin_file_symbol_size (gconstpointer symbol)
{
  ElfW (Sym) *entry = NULL;
  Dl_info found;

  if (dladdr1 (symbol, &found, (void **)&entry, RTLD_DL_SYMENT) == 0 || entry == NULL)
    return 0;
  return entry->st_size;
}

/* Copies the descriptor's beginning that both sides know. */
static gboolean
plugin_file_copy_info (const PluginSource *source,
                       gconstpointer symbol,
                       DaePluginInfo *ret,
                       Complaints *complaints)
{
  const DaePluginInfo *theirs = symbol;
  gsize size = plugin_file_symbol_size (symbol);
  guint32 minor;

  if (size >= 2 * sizeof (guint32))
    size = MIN (size, theirs->struct_size);
  if (size < PLUGIN_FILE_LEAST_INFO) {
    plugin_file_complain (source, complaints,
                          g_strdup_printf ("has a descriptor of %" G_GSIZE_FORMAT
                                           " bytes; plugin ABI 1 needs %" G_GSIZE_FORMAT,
                                           size, (gsize)PLUGIN_FILE_LEAST_INFO),
                          "Ask the plugin's author to define it with DAE_PLUGIN_DEFINE.");
    return FALSE;
  }
  minor = theirs->abi_minor;
  if (minor > DAE_ABI_MINOR) {
    plugin_file_complain (source, complaints,
                          g_strdup_printf ("needs plugin API %d.%u; this daedalus offers %d.%d",
                                           DAE_ABI_MAJOR, minor, DAE_ABI_MAJOR, DAE_ABI_MINOR),
                          "Upgrade daedalus, or install an older version of the plugin.");
    return FALSE;
  }
  *ret = (DaePluginInfo){ 0 };
  memcpy (ret, theirs, MIN (size, sizeof *ret));
  return TRUE;
}

/* A table as it lies in memory, whatever its rows are. */
typedef struct {
  gconstpointer rows;
  guint32 n_rows;
  guint32 row_size;
} PluginTable;

typedef DAE_TABLE_OF (DaeRoute) PluginRouteTable;
G_STATIC_ASSERT (sizeof (PluginTable) == sizeof (PluginRouteTable));
G_STATIC_ASSERT (G_STRUCT_OFFSET (PluginTable, row_size) ==
                 G_STRUCT_OFFSET (PluginRouteTable, row_size));

/* Replaces *TABLE by a copy in rows of HOST_SIZE: longer rows are cut, what they say beyond belongs
 * to a minor that the plugin promised not to need. FALSE if the table cannot be one. */
static gboolean
plugin_file_copy_table (PluginFile *file, gpointer table, guint32 host_size)
{
  PluginTable *theirs = table;
  guint8 *copy;

  if (theirs->n_rows == 0) {
    *theirs = (PluginTable){ NULL, 0, host_size };
    return TRUE;
  }
  if (theirs->rows == NULL || theirs->row_size < host_size ||
      theirs->row_size > PLUGIN_FILE_MAX_ROWS || theirs->n_rows > PLUGIN_FILE_MAX_ROWS)
    return FALSE;
  copy = g_malloc0_n (theirs->n_rows, host_size);
  for (guint32 i = 0; i < theirs->n_rows; i++)
    memcpy (copy + (gsize)i * host_size, (const guint8 *)theirs->rows + (gsize)i * theirs->row_size,
            MIN (theirs->row_size, host_size));
  g_ptr_array_add (file->memory, copy);
  *theirs = (PluginTable){ copy, theirs->n_rows, host_size };
  return TRUE;
}

/* The tables inside rows of tables. */
static gboolean
plugin_file_copy_inner (PluginFile *file)
{
  DaePluginInfo *info = &file->info;
  gboolean ok = TRUE;

  for (guint32 i = 0; i < info->groups.n_rows; i++)
    ok = plugin_file_copy_table (file, (gpointer)&info->groups.rows[i].settings,
                                 sizeof (DaeSetting)) &&
         ok;
  for (guint32 i = 0; i < info->routes.n_rows; i++) {
    ok = plugin_file_copy_table (file, (gpointer)&info->routes.rows[i].members,
                                 sizeof (DaeMember)) &&
         ok;
    ok = plugin_file_copy_table (file, (gpointer)&info->routes.rows[i].query, sizeof (DaeMember)) &&
         ok;
  }
  return ok;
}

static gboolean
plugin_file_copy_tables (PluginFile *file, const PluginSource *source, Complaints *complaints)
{
  DaePluginInfo *info = &file->info;
  struct {
    const char *name;
    gpointer table;
    guint32 size;
  } tables[] = {
    { "services", &info->provides, sizeof (DaeService) },
    { "settings", &info->settings, sizeof (DaeSetting) },
    { "groups", &info->groups, sizeof (DaeGroup) },
    { "metrics", &info->metrics, sizeof (DaeMetric) },
    { "routes", &info->routes, sizeof (DaeRoute) },
    { "jobs", &info->jobs, sizeof (DaeJob) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    PluginTable theirs = *(PluginTable *)tables[i].table;

    if (plugin_file_copy_table (file, tables[i].table, tables[i].size))
      continue;
    plugin_file_complain (
        source, complaints,
        g_strdup_printf (
            "has a table of %s with %u rows of %u bytes; plugin ABI 1 needs rows of %u",
            tables[i].name, theirs.n_rows, theirs.row_size, tables[i].size),
        "Ask the plugin's author to write its tables with DAE_TABLE.");
    return FALSE;
  }
  if (plugin_file_copy_inner (file))
    return TRUE;
  plugin_file_complain (
      source, complaints,
      g_strdup ("has a table inside a row whose rows are too short for plugin ABI 1"),
      "Ask the plugin's author to write its tables with DAE_TABLE.");
  return FALSE;
}

PluginFile *
plugin_file_load (const PluginSource *source, Complaints *complaints)
{
  PluginFile *file;
  gpointer handle, symbol;
  guint before = complaints_count (complaints);

  handle = plugin_file_open (source, complaints);
  if (handle == NULL)
    return NULL;
  symbol = dlsym (handle, "daedalus_plugin_1");
  if (symbol == NULL) {
    plugin_file_complain_symbol (source, handle, complaints);
    return NULL;
  }
  file = g_new0 (PluginFile, 1);
  file->memory = g_ptr_array_new_with_free_func (g_free);
  if (plugin_file_copy_info (source, symbol, &file->info, complaints) &&
      plugin_file_copy_tables (file, source, complaints))
    plugin_check (source, &file->info, complaints);
  if (complaints_count (complaints) == before)
    return file;
  plugin_file_free (file);
  return NULL;
}

void
plugin_file_free (PluginFile *file)
{
  if (file == NULL)
    return;
  g_ptr_array_unref (file->memory);
  g_free (file);
}
