/* SPDX-License-Identifier: Apache-2.0 */
/* migrate: brings the schema up to what the host and its plugins want.
 *
 * Files and rows are joined to one list; what is only a file is pending, what
 * is only a row was applied by a newer release, which is well: migrations only
 * expand.
 */
#include "migrate.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_US (60 * G_USEC_PER_SEC)

typedef struct {
  Migration *migration; /* owned */
  char *path, *text;    /* of its file; NULL: none */
  guint order;          /* of its owner */
} MigrateFile;

void
migration_free (Migration *migration)
{
  g_free (migration->owner);
  g_free (migration->name);
  g_free (migration->sha256);
  g_free (migration);
}

static void
migrate_file_free (gpointer data)
{
  MigrateFile *file = data;

  g_clear_pointer (&file->migration, migration_free);
  g_free (file->path);
  g_free (file->text);
  g_free (file);
}

static int
migrate_compare (gconstpointer a, gconstpointer b)
{
  const MigrateFile *left = *(const MigrateFile *const *)a;
  const MigrateFile *right = *(const MigrateFile *const *)b;

  if (left->order != right->order)
    return left->order < right->order ? -1 : 1;
  return left->migration->number < right->migration->number   ? -1
         : left->migration->number > right->migration->number ? 1
                                                              : 0;
}

/* A file's path names its owner better than a plugin's name would the file. */
static void
migrate_complain (Complaints *complaints,
                  const char *owner,
                  const char *file,
                  const char *why,
                  const char *remedy)
{
  const char *plugin = file == NULL && strcmp (owner, "host") != 0 ? owner : NULL;

  complaints_add (complaints, plugin, file, 0, NULL, NULL, why, remedy);
}

/* ---- files ------------------------------------------------------------- */

/* "0001-what.sqlite.sql" -> number and "what"; FALSE: another database's, or no migration. */
static gboolean
migrate_parse_name (const char *name, const char *suffix, guint *ret_number, char **ret_what)
{
  gsize length = strlen (name);

  if (!g_str_has_suffix (name, suffix) || strspn (name, "0123456789") != 4 || name[4] != '-' ||
      length <= 5 + strlen (suffix))
    return FALSE;
  *ret_number = (guint)strtoul (name, NULL, 10);
  *ret_what = g_strndup (name + 5, length - 5 - strlen (suffix));
  return TRUE;
}

static MigrateFile *
migrate_find (GPtrArray *files, const char *owner, guint number)
{
  for (guint i = 0; i < files->len; i++) {
    MigrateFile *file = g_ptr_array_index (files, i);

    if (file->migration->number == number && strcmp (file->migration->owner, owner) == 0)
      return file;
  }
  return NULL;
}

static gboolean
migrate_add_file (GPtrArray *files,
                  const char *owner,
                  guint order,
                  guint number,
                  const char *what,
                  const char *path,
                  Complaints *complaints)
{
  g_autoptr (GError) error = NULL;
  MigrateFile *other = migrate_find (files, owner, number);
  MigrateFile *file;
  char *text;

  if (other != NULL) {
    g_autofree char *why = g_strdup_printf ("has the same number as %s", other->path);

    migrate_complain (complaints, owner, path, why, "Give one of the two the next free number.");
    return FALSE;
  }
  if (!g_file_get_contents (path, &text, NULL, &error)) {
    migrate_complain (complaints, owner, path, error->message,
                      "Install the files of schema again.");
    return FALSE;
  }
  file = g_new0 (MigrateFile, 1);
  file->path = g_strdup (path);
  file->text = text;
  file->order = order;
  file->migration = g_new0 (Migration, 1);
  file->migration->owner = g_strdup (owner);
  file->migration->number = number;
  file->migration->name = g_strdup (what);
  file->migration->sha256 = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  g_ptr_array_add (files, file);
  return TRUE;
}

/* Adds the files of OWNER; one without a directory has none. */
static gboolean
migrate_read_owner (GPtrArray *files,
                    const char *schema_dir,
                    const char *owner,
                    guint order,
                    const char *suffix,
                    Complaints *complaints)
{
  g_autofree char *path = g_build_filename (schema_dir, owner, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &error);
  const char *name;
  gboolean ret = TRUE;

  if (dir == NULL) {
    if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) && strcmp (owner, "host") != 0)
      return TRUE;
    migrate_complain (complaints, owner, path, error->message,
                      "Install the files of schema again.");
    return FALSE;
  }
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *what = NULL;
    g_autofree char *file = g_build_filename (path, name, NULL);
    guint number;

    if (migrate_parse_name (name, suffix, &number, &what))
      ret = migrate_add_file (files, owner, order, number, what, file, complaints) && ret;
  }
  return ret;
}

static GPtrArray *
migrate_read_files (Database *database,
                    const char *schema_dir,
                    const char *const *owners,
                    Complaints *complaints)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (migrate_file_free);
  const char *suffix = database_is_sqlite (database) ? ".sqlite.sql" : ".postgres.sql";
  gboolean ok = migrate_read_owner (files, schema_dir, "host", 0, suffix, complaints);

  for (guint i = 0; owners[i] != NULL; i++) {
    if (strcmp (owners[i], "host") != 0)
      ok = migrate_read_owner (files, schema_dir, owners[i], i + 1, suffix, complaints) && ok;
  }
  g_ptr_array_sort (files, migrate_compare);
  return ok ? g_steal_pointer (&files) : NULL;
}

/* ---- rows -------------------------------------------------------------- */

typedef struct {
  GPtrArray *rows; /* (element-type Migration) */
} MigrateRows;

static void
migrate_select (DaeTx *tx, gpointer data)
{
  MigrateRows *applied = data;
  DaeRows *rows;

  g_ptr_array_set_size (applied->rows, 0);
  rows = dae_tx_is_sqlite (tx)
             ? dae_query_one (
                   tx, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'")
             : dae_query_one (tx, "SELECT 1 WHERE to_regclass ('daedalus.migration') IS NOT NULL");
  if (rows == NULL)
    return;
  rows = dae_query (
      tx, "SELECT plugin, number, name, sha256, applied_at FROM migration ORDER BY plugin, number");
  while (dae_rows_next (rows)) {
    Migration *migration = g_new0 (Migration, 1);

    migration->owner = g_strdup (dae_row_text (rows, 0));
    migration->number = (guint)dae_row_int (rows, 1);
    migration->name = g_strdup (dae_row_text (rows, 2));
    migration->sha256 = g_strdup (dae_row_text (rows, 3));
    migration->applied_at = dae_row_int (rows, 4);
    g_ptr_array_add (applied->rows, migration);
  }
}

/* -1: not one of OWNERS: a plugin that is not enabled now. */
static int
migrate_owner_order (const char *const *owners, const char *owner)
{
  if (strcmp (owner, "host") == 0)
    return 0;
  for (guint i = 0; owners[i] != NULL; i++) {
    if (strcmp (owners[i], owner) == 0)
      return (int)i + 1;
  }
  return -1;
}

/* Fills in what was applied; FALSE: a file has changed since. */
static gboolean
migrate_join (GPtrArray *files,
              GPtrArray *applied,
              const char *const *owners,
              Complaints *complaints)
{
  gboolean ret = TRUE;

  while (applied->len > 0) {
    Migration *row = g_ptr_array_steal_index (applied, 0);
    MigrateFile *file = migrate_find (files, row->owner, row->number);
    int order = migrate_owner_order (owners, row->owner);

    if (file == NULL && order >= 0) {
      row->is_unknown = TRUE;
      file = g_new0 (MigrateFile, 1);
      file->migration = row;
      file->order = (guint)order;
      g_ptr_array_add (files, file);
      continue;
    }
    if (file != NULL) {
      file->migration->applied_at = row->applied_at;
      if (strcmp (file->migration->sha256, row->sha256) != 0) {
        migrate_complain (
            complaints, row->owner, file->path, "was applied and has changed since",
            "Put the file back as it was, and write what is new into a file with the next number.");
        ret = FALSE;
      }
    }
    migration_free (row);
  }
  g_ptr_array_sort (files, migrate_compare);
  return ret;
}

static void
migrate_free_rows (gpointer data)
{
  migration_free (data);
}

static gboolean
migrate_load (DatabaseSession *session,
              GPtrArray *files,
              const char *const *owners,
              Complaints *complaints)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (migrate_free_rows);
  g_autoptr (GError) error = NULL;
  MigrateRows applied = { rows };

  if (!database_session_run (session, migrate_select, &applied, &error)) {
    migrate_complain (complaints, "host", NULL, error->message, "Look at the database's own log.");
    return FALSE;
  }
  return migrate_join (files, rows, owners, complaints);
}

static DatabaseSession *
migrate_open (Database *database, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;
  DatabaseSession *session = database_session_open (database, &error);

  if (session == NULL)
    complaints_add (complaints, NULL, NULL, 0, "database", "url", error->message,
                    "Start the database, or correct url in [database].");
  return session;
}

GPtrArray *
migrate_status (Database *database,
                const char *schema_dir,
                const char *const *owners,
                Complaints *complaints)
{
  g_autoptr (GPtrArray) files = migrate_read_files (database, schema_dir, owners, complaints);
  DatabaseSession *session = files != NULL ? migrate_open (database, complaints) : NULL;
  GPtrArray *ret = NULL;

  if (session != NULL && migrate_load (session, files, owners, complaints)) {
    ret = g_ptr_array_new_with_free_func (migrate_free_rows);
    for (guint i = 0; i < files->len; i++) {
      MigrateFile *file = g_ptr_array_index (files, i);

      g_ptr_array_add (ret, g_steal_pointer (&file->migration));
    }
  }
  g_clear_pointer (&session, database_session_close);
  return ret;
}

/* ---- applying ---------------------------------------------------------- */

static void
migrate_insert (DaeTx *tx, gpointer data)
{
  Migration *migration = data;

  migration->applied_at = dae_tx_now (tx);
  dae_exec (tx,
            "INSERT INTO migration (plugin, number, name, sha256, applied_at) VALUES ($1, $2, $3, "
            "$4, $5)",
            DAE_TEXT (migration->owner), DAE_INT (migration->number), DAE_TEXT (migration->name),
            DAE_TEXT (migration->sha256), DAE_TIME (migration->applied_at));
}

static void
migrate_find_schema (DaeTx *tx, gpointer data)
{
  gboolean *ret = data;

  *ret = dae_tx_is_sqlite (tx) ||
         dae_query_one (tx, "SELECT 1 WHERE to_regnamespace ('daedalus') IS NOT NULL") != NULL;
}

/* Made only where it is missing: the right to make one may not be there, nor be needed. */
static gboolean
migrate_ensure_schema (DatabaseSession *session, GError **error)
{
  gboolean exists = FALSE;

  if (!database_session_run (session, migrate_find_schema, &exists, error))
    return FALSE;
  return exists || database_session_script (session, "CREATE SCHEMA IF NOT EXISTS daedalus", error);
}

static gboolean
migrate_apply (DatabaseSession *session, MigrateFile *file, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;

  if (database_session_apply (session, file->text, migrate_insert, file->migration, &error))
    return TRUE;
  file->migration->applied_at = 0;
  migrate_complain (
      complaints, file->migration->owner, file->path, error->message,
      g_str_has_prefix (file->text, "-- no transaction")
          ? "Remove the cause and run daedalus migrate again."
          : "Nothing of this file was stored. Remove the cause and run daedalus migrate again.");
  return FALSE;
}

static gboolean
migrate_prepare (DatabaseSession *session, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;

  if (!database_session_lock (session, g_get_monotonic_time () + LOCK_US, &error)) {
    migrate_complain (complaints, "host", NULL, error->message,
                      "Wait until the other has ended, then run daedalus migrate again.");
    return FALSE;
  }
  if (!migrate_ensure_schema (session, &error)) {
    migrate_complain (
        complaints, "host", NULL, error->message,
        "Let an administrator of the database run CREATE SCHEMA daedalus AUTHORIZATION its user.");
    return FALSE;
  }
  return TRUE;
}

gboolean
migrate_run (Database *database,
             const char *schema_dir,
             const char *const *owners,
             void (*report) (const Migration *migration, gpointer data),
             gpointer data,
             Complaints *complaints)
{
  g_autoptr (GPtrArray) files = migrate_read_files (database, schema_dir, owners, complaints);
  DatabaseSession *session = files != NULL ? migrate_open (database, complaints) : NULL;
  /* read after the lock is ours: what another has applied meanwhile is not pending */
  gboolean ret = session != NULL && migrate_prepare (session, complaints) &&
                 migrate_load (session, files, owners, complaints);

  for (guint i = 0; ret && i < files->len; i++) {
    MigrateFile *file = g_ptr_array_index (files, i);

    if (file->migration->applied_at != 0)
      continue;
    ret = migrate_apply (session, file, complaints);
    if (ret && report != NULL)
      report (file->migration, data);
  }
  g_clear_pointer (&session, database_session_close);
  return ret;
}
