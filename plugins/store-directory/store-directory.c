/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory: object-store/1 in a directory of this machine: the embedded default, and for
 * several hosts where they share a file system.
 */
#include "store-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STORE_PROBE_MS 15000

typedef struct {
  char *why; /* owned; NULL: all is well */
} StoreProbe;

static const char *const store_names[STORE_N_WHAT] = { "put", "get", "remove", "list", "tidy" };

void
store_told (DaePlugin *self, StoreWhat what, const StoreOutcome *outcome)
{
  StoreData *store = dae_data (self);
  gboolean ok = outcome->result == DAE_STORE_OK || outcome->result == DAE_STORE_NOT_FOUND ||
                outcome->result == DAE_STORE_CUT;

  dae_series_add (ok ? store->ok[what] : store->failed[what], 1);
  if (ok)
    return;
  dae_log (
      self, G_LOG_LEVEL_WARNING, "the file store cannot do what is asked",
      DAE_S ("operation", store_names[what]), DAE_S ("path", store->path),
      DAE_S ("error", outcome->why),
      DAE_S ("remedy", outcome->result == DAE_STORE_FULL
                           ? "Make room on that file system."
                           : "See to it that daedalus can read and write all below that path."));
}

/* ---- health ---- */

static void
store_probe_work (DaePlugin *self, gpointer data)
{
  StoreProbe *probe = data;
  const StoreData *store = dae_data (self);
  int folder = store_path_open_root (store->path, "unfinished", TRUE);
  struct statvfs space;

  if (folder < 0 || faccessat (folder, ".", W_OK | X_OK, AT_EACCESS) != 0 ||
      fstatvfs (folder, &space) != 0)
    probe->why = g_strdup_printf ("%s cannot be used: %s", store->path, g_strerror (errno));
  else if (space.f_bavail == 0 && space.f_blocks > 0)
    probe->why = g_strdup_printf ("no space is left in %s", store->path);
  if (folder >= 0)
    close (folder);
}

static void
store_probe_done (DaePlugin *self, gpointer data)
{
  StoreProbe *probe = data;
  StoreState *state = dae_state (self);

  state->probing = FALSE;
  if (probe->why != NULL && state->why == NULL)
    dae_log (self, G_LOG_LEVEL_WARNING, "the file store is in trouble",
             DAE_S ("error", probe->why));
  g_free (state->why);
  state->why = probe->why;
  g_free (probe);
}

static gboolean
store_probe (DaePlugin *self, gpointer data)
{
  StoreState *state = dae_state (self);

  if (!state->probing) {
    state->probing = TRUE;
    dae_block (self, store_probe_work, store_probe_done, g_new0 (StoreProbe, 1));
  }
  return TRUE;
}

static DaeHealth
store_health (DaePlugin *self, GString *why)
{
  const StoreData *store = dae_data (self);
  const StoreState *state = dae_state (self);

  if (state->why == NULL)
    return DAE_HEALTH_UP;
  g_string_append (why, state->why);
  return store->is_required ? DAE_HEALTH_DOWN : DAE_HEALTH_DEGRADED;
}

/* ---- life ---- */

static void
store_data_free (gpointer data)
{
  StoreData *store = data;

  g_free (store->path);
  g_free (store);
}

static void
store_state_free (gpointer data)
{
  StoreState *state = data;

  g_free (state->why);
  g_free (state);
}

static gboolean
store_configure (DaePlugin *self, GError **error)
{
  const char *path = dae_setting_text (self, "path");
  StoreData *store;

  if (path != NULL && !g_path_is_absolute (path)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "path \"%s\" depends on where daedalus is started: write one that begins with "
                 "\"/\"",
                 path);
    return FALSE;
  }
  store = g_new0 (StoreData, 1);
  store->path = path != NULL ? g_canonicalize_filename (path, "/")
                             : g_build_filename (dae_host_info (self)->data_dir, "files", NULL);
  store->is_required = dae_setting_int (self, "required") != 0;
  for (guint i = 0; i < STORE_N_WHAT; i++) {
    store->ok[i] = dae_series (self, "store_directory_requests_total", store_names[i], "ok");
    store->failed[i] = dae_series (self, "store_directory_requests_total", store_names[i], "error");
  }
  store->bytes_in = dae_series (self, "store_directory_bytes_total", "in");
  store->bytes_out = dae_series (self, "store_directory_bytes_total", "out");
  dae_set_data (self, store, store_data_free);
  return TRUE;
}

static gboolean
store_start (DaePlugin *self, GError **error)
{
  dae_set_state (self, g_new0 (StoreState, 1), store_state_free);
  dae_timer (self, STORE_PROBE_MS, store_probe, NULL);
  store_probe (self, NULL);
  return TRUE;
}

static const DaeSetting store_settings[] = {
  { .key = "path",
    .type = DAE_SETTING_TEXT,
    .help = "Where the bytes of files are; \"files\" in the data directory where none is set" },
  { .key = "required",
    .type = DAE_SETTING_BOOL,
    .fallback = "false",
    .help = "Whether this server is out of service while the directory cannot be used; otherwise "
            "it goes on without files" },
};

static const DaeMetric store_metrics[] = {
  { .name = "store_directory_requests_total",
    .type = DAE_COUNTER,
    .labels = "operation=put|get|remove|list|tidy outcome=ok|error",
    .help = "What was asked of the directory that keeps files" },
  { .name = "store_directory_bytes_total",
    .type = DAE_COUNTER,
    .labels = "direction=in|out",
    .help = "Bytes of objects written to the directory that keeps files, and read from it" },
};

static const DaeObjectStore1 store_vtable = {
  .struct_size = sizeof store_vtable,
  .put = store_put,
  .put_write = store_put_write,
  .put_finish = store_put_finish,
  .put_cancel = store_put_cancel,
  .get = store_get,
  .get_pause = store_get_pause,
  .get_cancel = store_get_cancel,
  .remove = store_remove,
  .list = store_list,
  .tidy = store_tidy,
};

static const DaeService store_provides[] = {
  { "object-store/1", &store_vtable, DAE_SERVICE_GIVES_WAY },
};

DAE_PLUGIN_DEFINE (.name = "store-directory",
                   .version = "0.1.0",
                   .summary = "keeps the bytes of files in a directory",
                   .provides = DAE_TABLE (store_provides),
                   .settings = DAE_TABLE (store_settings),
                   .metrics = DAE_TABLE (store_metrics),
                   .configure = store_configure,
                   .start = store_start,
                   .health = store_health);
