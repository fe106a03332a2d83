/* SPDX-License-Identifier: Apache-2.0 */
/* database-sqlite-open: the file, who else has it open, and a connection's settings. */
#include "database-sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_STEPS 20000 /* some milliseconds of work between looks at the clock */

static int
sqlite_on_busy (void *data, int n_tries)
{
  SqliteConnection *sqlite = data;
  gint64 now = g_get_monotonic_time ();

  if (sqlite->busy_since == 0)
    sqlite->busy_since = now;
  if (now >= MIN (sqlite->base.deadline, sqlite->busy_since + SQLITE_BUSY_US))
    return 0;
  g_usleep (n_tries < 10 ? 500 : 5000);
  return 1;
}

static int
sqlite_on_progress (void *data)
{
  SqliteConnection *sqlite = data;

  return g_get_monotonic_time () >= sqlite->base.deadline;
}

void
database_sqlite_close (DatabaseConnection *base)
{
  SqliteConnection *sqlite = (SqliteConnection *)base;

  database_sqlite_rollback (base);
  g_hash_table_unref (sqlite->statements);
  sqlite3_close (sqlite->handle);
  if (sqlite->has_migrations)
    database_lane_unlock_migrations (sqlite->shared->lane);
  database_fault_clear (&base->fault);
  g_free (sqlite);
}

static void
sqlite_configure (sqlite3 *handle)
{
  static const struct {
    int option, value;
  } options[] = {
    { SQLITE_DBCONFIG_DEFENSIVE, 1 },
    { SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
    { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
    /* "text" is a column, as in PostgreSQL, and never quietly a string */
    { SQLITE_DBCONFIG_DQS_DML, 0 },
    { SQLITE_DBCONFIG_DQS_DDL, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    sqlite3_db_config (handle, options[i].option, options[i].value, NULL);
  sqlite3_limit (handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_extended_result_codes (handle, 1);
}

/* Makes the file, so that it is nobody else's to read from the first moment. */
static gboolean
sqlite_create_file (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd >= 0) {
    close (fd);
  } else if (errno != EEXIST) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot create %s: %s", path,
                 g_strerror (errno));
    return FALSE;
  }
  return TRUE;
}

static gboolean
sqlite_quick_check (SqliteConnection *sqlite)
{
  sqlite3_stmt *stmt = NULL;
  gboolean ok;

  if (sqlite3_prepare_v2 (sqlite->handle, "PRAGMA quick_check (1)", -1, &stmt, NULL) != SQLITE_OK) {
    database_sqlite_fail (sqlite, NULL);
    return FALSE;
  }
  ok = sqlite3_step (stmt) == SQLITE_ROW &&
       g_strcmp0 ((const char *)sqlite3_column_text (stmt, 0), "ok") == 0;
  if (!ok) {
    g_autofree char *found = g_strdup ((const char *)sqlite3_column_text (stmt, 0));
    g_autofree char *text =
        g_strdup_printf ("the database file is damaged: %s. Restore a backup",
                         found != NULL ? found : sqlite3_errmsg (sqlite->handle));

    database_fault_set (&sqlite->base.fault, DATABASE_FAULT_STORAGE, NULL, text, NULL);
  }
  sqlite3_finalize (stmt);
  return ok;
}

/* The first connection of this process: of all processes, if nobody else is there; and then a
 * marker that is still there tells of a stop that was not clean. */
static gboolean
sqlite_first_open (SqliteConnection *sqlite, gboolean alone)
{
  DatabaseSqlite *shared = sqlite->shared;
  gboolean was_unclean = alone && access (shared->marker, F_OK) == 0;
  int fd;

  sqlite->base.deadline = G_MAXINT64;
  if (!database_sqlite_exec (sqlite, "PRAGMA journal_mode = WAL"))
    return FALSE;
  if (was_unclean && !sqlite_quick_check (sqlite))
    return FALSE;
  fd = open (shared->marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0)
    close (fd);
  return TRUE;
}

static gboolean
sqlite_set_up (SqliteConnection *sqlite, gint64 deadline)
{
  DatabaseSqlite *shared = sqlite->shared;
  gboolean alone = FALSE;
  gboolean ret;

  if (!shared->is_ready) {
    if (!database_lane_join (shared->lane, deadline, &alone)) {
      database_fault_set (&sqlite->base.fault, DATABASE_FAULT_BUSY, NULL,
                          "another process checks the database file", NULL);
      return FALSE;
    }
    ret = sqlite_first_open (sqlite, alone);
    database_lane_settle (shared->lane);
    if (!ret)
      return FALSE;
    shared->is_ready = TRUE;
  }
  /* trusted_schema stays on: FTS5 counts as unsafe in triggers without it, and the schema in this
   * private file is ours */
  return database_sqlite_exec (sqlite, "PRAGMA synchronous = FULL;"
                                       "PRAGMA foreign_keys = ON;"
                                       "PRAGMA cell_size_check = ON;"
                                       "PRAGMA journal_size_limit = 67108864");
}

static SqliteConnection *
sqlite_open_file (DatabaseSqlite *shared, GError **error)
{
  sqlite3 *handle = NULL;
  SqliteConnection *sqlite;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;

  if (!sqlite_create_file (shared->path, error))
    return NULL;
  if (shared->lane == NULL) {
    g_autofree char *lane = g_strconcat (shared->path, "-writer", NULL);

    shared->lane = database_lane_new (lane, error);
    if (shared->lane == NULL)
      return NULL;
  }
  if (sqlite3_open_v2 (shared->path, &handle, flags, NULL) != SQLITE_OK) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot open %s: %s", shared->path,
                 handle != NULL ? sqlite3_errmsg (handle) : "out of memory");
    sqlite3_close (handle);
    return NULL;
  }
  sqlite_configure (handle);
  sqlite = g_new0 (SqliteConnection, 1);
  sqlite->base.driver = &database_sqlite_driver;
  sqlite->shared = shared;
  sqlite->handle = handle;
  sqlite->statements =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, database_sqlite_statement_free);
  sqlite3_busy_handler (handle, sqlite_on_busy, sqlite);
  sqlite3_progress_handler (handle, PROGRESS_STEPS, sqlite_on_progress, sqlite);
  return sqlite;
}

DatabaseConnection *
database_sqlite_open (gpointer data, DatabaseUse use, gint64 deadline, GError **error)
{
  DatabaseSqlite *shared = data;
  SqliteConnection *sqlite;
  gboolean ready;

  g_mutex_lock (&shared->lock);
  sqlite = sqlite_open_file (shared, error);
  if (sqlite == NULL) {
    g_mutex_unlock (&shared->lock);
    return NULL;
  }
  sqlite->base.use = use;
  sqlite->base.deadline = deadline;
  ready = sqlite_set_up (sqlite, deadline);
  g_mutex_unlock (&shared->lock);
  if (ready)
    return &sqlite->base;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", shared->path,
               sqlite->base.fault.message);
  database_sqlite_close (&sqlite->base);
  return NULL;
}

void
database_sqlite_free_shared (gpointer data)
{
  DatabaseSqlite *shared = data;

  if (shared->lane != NULL) {
    if (shared->is_ready && database_lane_part (shared->lane))
      unlink (shared->marker);
    database_lane_free (shared->lane);
  }
  g_mutex_clear (&shared->lock);
  g_free (shared->path);
  g_free (shared->marker);
  g_free (shared);
}

/* "sqlite:" is the place in DATA_DIR; "sqlite:NAME" lies there too; "sqlite:///PATH" is absolute.
 */
static char *
sqlite_path (const char *url, const char *data_dir, char **ret_why)
{
  const char *colon = strchr (url, ':');
  g_autofree char *path = NULL;

  if (colon == NULL) {
    *ret_why = g_strdup ("is not the URL of a database that is known here");
    return NULL;
  }
  colon++;
  if (g_str_has_prefix (colon, "//"))
    colon += 2;
  path = g_uri_unescape_string (colon, NULL);
  if (path == NULL || strstr (path, ":memory:") != NULL || strchr (path, '?') != NULL ||
      (*path != '/' && g_str_has_prefix (colon - 2, "//"))) {
    *ret_why = g_strdup ("does not name a file");
    return NULL;
  }
  if (*path == '\0')
    return g_build_filename (data_dir, "daedalus.db", NULL);
  if (*path == '/')
    return g_steal_pointer (&path);
  return g_build_filename (data_dir, path, NULL);
}

gpointer
database_sqlite_new (const char *url, const char *data_dir, char **ret_why)
{
  char *path = sqlite_path (url, data_dir, ret_why);
  DatabaseSqlite *shared;

  if (path == NULL)
    return NULL;
  shared = g_new0 (DatabaseSqlite, 1);
  shared->path = path;
  shared->marker = g_strconcat (path, "-open", NULL);
  g_mutex_init (&shared->lock);
  return shared;
}
