/* SPDX-License-Identifier: Apache-2.0 */
/* test-database-sqlite: what only a file can do to us: other processes, damage, open permissions.
 */
#include "data/database.h"

#include "test-database.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#define ROWS 150

static void
assert_private (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  struct stat info;

  g_assert_cmpint (stat (path, &info), ==, 0);
  if ((info.st_mode & 0777) != 0600)
    g_error ("%s has mode %o", name, info.st_mode & 0777);
}

static void
test_files_are_private (void)
{
  Store store;

  umask (0);
  g_assert_true (store_open (&store, STORE_SQLITE));
  store_script (&store, "CREATE TABLE t (id INTEGER) STRICT");
  database_start (store.database);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, 0);
  assert_private (store.dir, "daedalus.db");
  assert_private (store.dir, "daedalus.db-wal");
  assert_private (store.dir, "daedalus.db-shm");
  assert_private (store.dir, "daedalus.db-writer");
  assert_private (store.dir, "daedalus.db-open");
  store_close (&store);
}

static gpointer
pragmas_run (DaeTx *tx, gpointer data)
{
  static const struct {
    const char *sql, *value;
  } rows[] = {
    { "SELECT CAST (journal_mode AS TEXT) FROM pragma_journal_mode", "wal" },
    { "SELECT CAST (synchronous AS TEXT) FROM pragma_synchronous", "2" },
    { "SELECT CAST (foreign_keys AS TEXT) FROM pragma_foreign_keys", "1" },
    { "SELECT CAST (cell_size_check AS TEXT) FROM pragma_cell_size_check", "1" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    DaeRows *row = dae_query_one (tx, rows[i].sql);

    g_assert_false (dae_tx_failed (tx));
    g_assert_cmpstr (dae_row_text (row, 0), ==, rows[i].value);
  }
  return NULL;
}

/* defensive: the tables behind the schema and behind FTS5 are not to be written */
static gpointer
forge_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "UPDATE sqlite_master SET sql = '' WHERE 1");
  return NULL;
}

static void
test_is_durable (void)
{
  Store store;

  g_assert_true (store_open (&store, STORE_SQLITE));
  database_start (store.database);
  g_assert_cmpint (store_run (&store, 0, pragmas_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, forge_run), ==, DATABASE_FAILED);
  store_close (&store);
}

/* ---- two processes ----------------------------------------------------- */

static gpointer
write_run (DaeTx *tx, gpointer data)
{
  dae_query_one (tx, "SELECT max (n) FROM t");
  dae_exec (tx, "UPDATE counter SET n = n + 1");
  dae_exec (tx, "INSERT INTO t (n) SELECT n FROM counter");
  return NULL;
}

typedef struct {
  guint n_left;
  guint n_failed;
  gint64 worst, began[ROWS];
} Writers;

typedef struct {
  Writers *writers;
  guint index;
} WriteCall;

static void
write_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  WriteCall *call = data;
  Writers *writers = call->writers;

  writers->worst = MAX (writers->worst, g_get_monotonic_time () - writers->began[call->index]);
  writers->n_failed += verdict != DATABASE_DONE;
  writers->n_left--;
  g_free (call);
}

/* As fast as it goes, three at a time. Returns how many failed. */
static guint
write_rows (Store *store)
{
  Writers writers = { .n_left = ROWS };

  for (guint i = 0; i < ROWS; i++) {
    WriteCall *call = g_new (WriteCall, 1);
    DatabaseWork work = {
      .what = "write", .flags = DAE_WORK_WRITES, .run = write_run, .done = write_done
    };

    *call = (WriteCall){ &writers, i };
    work.data = call;
    writers.began[i] = g_get_monotonic_time ();
    database_submit (store->database, &work);
    while (database_in_flight (store->database) >= 3)
      g_main_context_iteration (NULL, TRUE);
  }
  while (writers.n_left > 0)
    g_main_context_iteration (NULL, TRUE);
  g_test_message ("worst wait %d ms", (int)(writers.worst / 1000));
  return writers.n_failed + (writers.worst > 2 * G_USEC_PER_SEC);
}

/* "--writer DIR": the other process. */
static int
writer_main (const char *dir)
{
  Store store = { 0 };
  guint n_failed;

  store.dir = g_strdup (dir);
  store_configure (&store, (const char *[]){ "database.url=sqlite:", NULL });
  database_start (store.database);
  n_failed = write_rows (&store);
  /* the directory is the other's */
  g_clear_pointer (&store.dir, g_free);
  store_close (&store);
  return n_failed != 0;
}

static GPid
writer_spawn (const char *dir)
{
  const char *argv[] = { "/proc/self/exe", "--writer", dir, NULL };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  GPid pid;

  argv[0] = self;
  g_assert_true (
      g_spawn_async (NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL));
  return pid;
}

static void
test_two_processes_write (void)
{
  Store store;
  GPid pid;
  int status;

  g_assert_true (store_open (&store, STORE_SQLITE));
  store_script (&store,
                "CREATE TABLE t (n INTEGER NOT NULL UNIQUE) STRICT;"
                "CREATE TABLE counter (n INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES (0)");
  database_start (store.database);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, 0);
  pid = writer_spawn (store.dir);
  g_assert_cmpuint (write_rows (&store), ==, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, 2 * ROWS);
  store_close (&store);
}

static void
test_killed_writer_frees_the_lane (void)
{
  Store store;
  GPid pid;
  guint n = 0;

  g_assert_true (store_open (&store, STORE_SQLITE));
  store_script (&store,
                "CREATE TABLE t (n INTEGER NOT NULL UNIQUE) STRICT;"
                "CREATE TABLE counter (n INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES (0)");
  database_start (store.database);
  for (guint i = 0; i < 5; i++) {
    pid = writer_spawn (store.dir);
    while (n == (guint)store_number (&store, "SELECT count(*) FROM t"))
      g_usleep (1000);
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
    n = (guint)store_number (&store, "SELECT count(*) FROM t");
    g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, write_run), ==, DATABASE_DONE);
    n++;
    g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, n);
    g_assert_cmpint (store_number (&store, "SELECT n FROM counter"), ==, n);
  }
  store_close (&store);
}

/* ---- damage ------------------------------------------------------------ */

static void
wait_for_outcome (Store *store)
{
  const char *why = "not connected yet";

  for (guint i = 0; i < 500 && !database_is_up (store->database, NULL, &why) &&
                    g_strcmp0 (why, "not connected yet") == 0;
       i++)
    g_usleep (10000);
}

static void
test_damage_is_found (gconstpointer unclean)
{
  Store store;
  g_autofree char *dir = NULL;
  g_autofree char *path = NULL;
  g_autofree char *marker = NULL;
  char page[4096];
  int fd;

  g_assert_true (store_open (&store, STORE_SQLITE));
  store_script (&store,
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT;"
                "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
                "INSERT INTO t SELECT n, hex (randomblob (40)) FROM c");
  dir = g_strdup (store.dir);
  g_clear_pointer (&store.dir, g_free);
  store_close (&store);
  path = g_build_filename (dir, "daedalus.db", NULL);
  marker = g_build_filename (dir, "daedalus.db-open", NULL);
  /* a clean stop takes the marker away */
  g_assert_false (g_file_test (marker, G_FILE_TEST_EXISTS));

  memset (page, 0x5a, sizeof page);
  fd = open (path, O_WRONLY);
  g_assert_cmpint (pwrite (fd, page, sizeof page, 8 * sizeof page), ==, sizeof page);
  close (fd);
  if (unclean != NULL)
    g_assert_true (g_file_set_contents (marker, "", 0, NULL));

  store.dir = g_strdup (dir);
  store_configure (&store, (const char *[]){ "database.url=sqlite:", NULL });
  database_start (store.database);
  wait_for_outcome (&store);
  g_assert_cmpint (database_is_up (store.database, NULL, NULL), ==, unclean == NULL);
  /* whoever meets the damage is not to blame */
  if (unclean == NULL) {
    StoreQuery query = { &store, "SELECT count(*) FROM t WHERE v = 'x'" };
    DatabaseWork work = { .run = store_query_run, .data = &query };

    g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_UNAVAILABLE);
  }
  store_close (&store);
}

static void
test_no_directory (void)
{
  Store store = { 0 };
  const char *why;

  store.dir = g_dir_make_tmp ("dae-data-XXXXXX", NULL);
  store_configure (&store, (const char *[]){ "database.url=sqlite:///nowhere/at/all.db", NULL });
  database_start (store.database);
  wait_for_outcome (&store);
  g_assert_false (database_is_up (store.database, NULL, &why));
  g_assert_nonnull (why);
  store_close (&store);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--writer") == 0)
    return writer_main (argv[2]);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/database-sqlite/files-are-private", test_files_are_private);
  g_test_add_func ("/database-sqlite/is-durable-and-defensive", test_is_durable);
  g_test_add_func ("/database-sqlite/two-processes-write-and-none-fails", test_two_processes_write);
  g_test_add_func ("/database-sqlite/killed-writer-frees-the-lane",
                   test_killed_writer_frees_the_lane);
  g_test_add_data_func ("/database-sqlite/damage-after-unclean-stop-is-found", "unclean",
                        test_damage_is_found);
  g_test_add_data_func ("/database-sqlite/damage-met-later-is-nobodys-fault", NULL,
                        test_damage_is_found);
  g_test_add_func ("/database-sqlite/no-directory-is-down", test_no_directory);
  return store_run_tests ();
}
