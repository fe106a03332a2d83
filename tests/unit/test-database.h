/* SPDX-License-Identifier: Apache-2.0 */
/* test-database: a Database for tests, on SQLite and on a private PostgreSQL cluster.
 *
 * The cluster is made once a program, at first use, and ends with it, however it ends.
 */
#pragma once

#include "config/config.h"
#include "data/database.h"
#include "plugin/plugin.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE_SQLITE GINT_TO_POINTER (0)
#define STORE_POSTGRES GINT_TO_POINTER (1)

typedef struct {
  Host host;
  Plugin plugin;
  char *dir; /* owned */
  Complaints *complaints;
  Database *database;
  DatabaseVerdict verdict; /* of the last store_run */
  gpointer result;
  gboolean done;
} Store;

typedef struct {
  char *dir, *url;
  GPid keeper;
  int pipe;
  gboolean tried;
} Cluster;

static Cluster cluster;

G_GNUC_UNUSED static char *
store_script_path (void)
{
  const char *source = g_getenv ("TEST_SOURCE");
  char *path = g_build_filename (source != NULL ? source : ".", "tests", "system", "postgres.sh", NULL);

  /* without it the tests of PostgreSQL would be skipped in silence */
  if (!g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    g_error ("%s is not there: set TEST_SOURCE to the source tree", path);
  return path;
}

/* Runs "postgres.sh COMMAND DIR": what it prints, or NULL. */
G_GNUC_UNUSED static char *
store_cluster_do (const char *command)
{
  g_autofree char *script = store_script_path ();
  const char *argv[] = { script, command, cluster.dir, NULL };
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int status;

  /* its server outlives the script and must not hold our pipe open */
  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, &error)
      || !g_spawn_check_wait_status (status, NULL))
    g_clear_pointer (&output, g_free);
  return output != NULL ? g_strchomp (output) : NULL;
}

/* Ends the cluster when our end of the pipe closes, also by a crash. */
static void
store_cluster_watch (void)
{
  g_autofree char *script = store_script_path ();
  const char *argv[] = { "sh", "-c", "trap '' TERM INT HUP; cat >/dev/null; \"$0\" stop \"$1\"; rm -rf \"$1\"", script, cluster.dir, NULL };

  g_assert_true (g_spawn_async_with_pipes (NULL,
                                           (char **) argv,
                                           NULL,
                                           G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL,
                                           NULL,
                                           &cluster.keeper,
                                           &cluster.pipe,
                                           NULL,
                                           NULL,
                                           NULL));
}

/* The URL of the cluster, or NULL with the test skipped. */
G_GNUC_UNUSED static const char *
store_cluster_url (void)
{
  if (!cluster.tried) {
    g_autofree char *there = NULL;

    cluster.tried = TRUE;
    cluster.dir = g_dir_make_tmp ("dae-pg-XXXXXX", NULL);
    there = store_cluster_do ("available");
    if (there != NULL) {
      store_cluster_watch ();
      cluster.url = store_cluster_do ("start");
      g_assert_nonnull (cluster.url);
    }
  }
  if (cluster.url == NULL)
    g_test_skip ("PostgreSQL is not installed");
  return cluster.url;
}

G_GNUC_UNUSED static int
store_run_tests (void)
{
  int ret = g_test_run ();

  if (cluster.keeper != 0) {
    close (cluster.pipe);
    waitpid (cluster.keeper, NULL, 0);
  } else if (cluster.dir != NULL) {
    g_rmdir (cluster.dir);
  }
  g_free (cluster.dir);
  g_free (cluster.url);
  return ret;
}

/* A database of the keys SETS ("database.url=..."), not started; NULL with complaints. */
static void
store_configure (Store *store, const char *const *sets)
{
  ConfigSources sources = { .files = (const char *[]){ NULL }, .environ = (const char *[]){ NULL }, .sets = sets };

  store->complaints = complaints_new ();
  store->host.config = config_new (&sources, store->complaints);
  config_declare_host (store->host.config, store->complaints);
  store->host.info.data_dir = store->dir;
  if (store->host.info.environment == NULL)
    store->host.info.environment = "development";
  store->plugin = (Plugin){ .base.api = plugin_api (), .host = &store->host, .name = (char *) "tester" };
  store->database = database_new (&store->host, store->complaints);
  store->host.database = store->database;
}

static void
store_remove_dir (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    if (g_file_test (child, G_FILE_TEST_IS_DIR))
      store_remove_dir (child);
    else
      g_unlink (child);
  }
  g_rmdir (path);
}

G_GNUC_UNUSED static void
store_script (Store *store, const char *sql)
{
  g_autoptr (GError) error = NULL;
  DatabaseSession *session = database_session_open (store->database, &error);

  g_assert_no_error (error);
  database_session_script (session, sql, &error);
  g_assert_no_error (error);
  database_session_close (session);
}

G_GNUC_UNUSED static void
store_close (Store *store)
{
  database_free (store->database);
  if (store->host.config != NULL)
    config_free (store->host.config);
  complaints_free (store->complaints);
  if (store->dir != NULL)
    store_remove_dir (store->dir);
  g_free (store->dir);
  memset (store, 0, sizeof *store);
}

/* FALSE: skipped. KIND is STORE_SQLITE or STORE_POSTGRES; EXTRA: a further setting, or NULL. */
G_GNUC_UNUSED static gboolean
store_open_with (Store *store, gconstpointer kind, const char *extra)
{
  g_autofree char *set = NULL;
  const char *sets[] = { NULL, extra, NULL };

  memset (store, 0, sizeof *store);
  if (kind == STORE_POSTGRES) {
    if (store_cluster_url () == NULL)
      return FALSE;
    set = g_strconcat ("database.url=", cluster.url, NULL);
  } else {
    set = g_strdup ("database.url=sqlite:");
  }
  sets[0] = set;
  store->dir = g_dir_make_tmp ("dae-data-XXXXXX", NULL);
  store_configure (store, sets);
  g_assert_cmpuint (complaints_count (store->complaints), ==, 0);
  if (kind == STORE_POSTGRES)
    store_script (store, "DROP SCHEMA IF EXISTS daedalus CASCADE; CREATE SCHEMA daedalus");
  return TRUE;
}

G_GNUC_UNUSED static gboolean
store_open (Store *store, gconstpointer kind)
{
  return store_open_with (store, kind, NULL);
}

static void
store_on_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  Store *store = *(Store **) data;

  store->verdict = verdict;
  store->result = result;
  store->done = TRUE;
}

/* Runs RUN on the pool (or keeper) and waits; its result is in store->result. */
G_GNUC_UNUSED static DatabaseVerdict
store_run_work (Store *store, DatabaseWork work)
{
  struct {
    Store *store; /* first: what store_on_done looks at */
  } *call = work.data;

  g_assert_true (call->store == store);
  work.plugin = &store->plugin;
  work.what = "test";
  work.done = store_on_done;
  store->done = FALSE;
  database_submit (store->database, &work);
  while (!store->done)
    g_main_context_iteration (NULL, TRUE);
  return store->verdict;
}

G_GNUC_UNUSED static DatabaseVerdict
store_run (Store *store, guint32 flags, gpointer (*run) (DaeTx *tx, gpointer data))
{
  Store *self = store;
  DatabaseWork work = { .flags = flags, .run = run, .data = &self };

  return store_run_work (store, work);
}

/* The one integer of QUERY, in a read transaction of its own. */
typedef struct {
  Store *store;
  const char *sql;
} StoreQuery;

static gpointer
store_query_run (DaeTx *tx, gpointer data)
{
  StoreQuery *query = data;
  DaeRows *row = dae_query_one (tx, query->sql);

  return GINT_TO_POINTER (row != NULL ? (int) dae_row_int (row, 0) : -1);
}

G_GNUC_UNUSED static int
store_number (Store *store, const char *sql)
{
  StoreQuery query = { store, sql };
  DatabaseWork work = { .run = store_query_run, .data = &query };

  g_assert_cmpint (store_run_work (store, work), ==, DATABASE_DONE);
  return GPOINTER_TO_INT (store->result);
}

/* Adds "/NOUN/sqlite/PATH" and "/NOUN/postgres/PATH". */
G_GNUC_UNUSED static void
store_add_test (const char *noun, const char *path, void (*func) (gconstpointer kind))
{
  g_autofree char *sqlite = g_strdup_printf ("/%s/sqlite/%s", noun, path);
  g_autofree char *postgres = g_strdup_printf ("/%s/postgres/%s", noun, path);

  g_test_add_data_func (sqlite, STORE_SQLITE, func);
  g_test_add_data_func (postgres, STORE_POSTGRES, func);
}
