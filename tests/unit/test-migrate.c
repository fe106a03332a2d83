/* SPDX-License-Identifier: Apache-2.0 */
/* test-migrate: files become tables once, whole or not at all. */
#include "data/migrate.h"

#include "test-database.h"

typedef struct {
  Store store;
  char *schema; /* owned */
  GString *applied;
} Fixture;

static const char *const owners[] = { "one", "two", NULL };

static void
write_file (Fixture *fixture, const char *owner, const char *name, const char *text)
{
  const char *suffix = database_is_sqlite (fixture->store.database) ? "sqlite" : "postgres";
  g_autofree char *dir = g_build_filename (fixture->schema, owner, NULL);
  g_autofree char *file = g_strdup_printf ("%s/%s.%s.sql", dir, name, suffix);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  if (text != NULL)
    g_assert_true (g_file_set_contents (file, text, -1, NULL));
  else
    g_assert_cmpint (g_unlink (file), ==, 0);
}

/* The host's own files as they are shipped. */
static void
copy_host_files (Fixture *fixture)
{
  gboolean is_sqlite = database_is_sqlite (fixture->store.database);
  g_autofree char *from =
      g_build_filename (g_getenv ("TEST_SOURCE"), "schema", "host",
                        is_sqlite ? "0001-host.sqlite.sql" : "0001-host.postgres.sql", NULL);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (from, &text, NULL, NULL));
  write_file (fixture, "host", "0001-host", text);
}

static gboolean
open_fixture (Fixture *fixture, gconstpointer kind)
{
  memset (fixture, 0, sizeof *fixture);
  if (!store_open (&fixture->store, kind))
    return FALSE;
  fixture->schema = g_build_filename (fixture->store.dir, "schema", NULL);
  fixture->applied = g_string_new (NULL);
  copy_host_files (fixture);
  write_file (fixture, "one", "0001-first", "CREATE TABLE a (id integer PRIMARY KEY);");
  write_file (fixture, "one", "0002-second", "CREATE TABLE b (id integer REFERENCES a (id));");
  write_file (fixture, "two", "0001-first", "CREATE TABLE c (id integer REFERENCES b (id));");
  if (kind == STORE_POSTGRES)
    write_file (fixture, "two", "0001-first", "CREATE TABLE c (id integer REFERENCES a (id));");
  return TRUE;
}

static void
close_fixture (Fixture *fixture)
{
  g_free (fixture->schema);
  g_string_free (fixture->applied, TRUE);
  store_close (&fixture->store);
}

static void
on_applied (const Migration *migration, gpointer data)
{
  Fixture *fixture = data;

  g_assert_cmpint (migration->applied_at, >, 0);
  g_string_append_printf (fixture->applied, "%s/%u-%s;", migration->owner, migration->number,
                          migration->name);
}

/* Returns what was applied; *RET_COMPLAINT gets the text of what went wrong. */
static const char *
run (Fixture *fixture, char **ret_complaint)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  gboolean ok;

  g_string_truncate (fixture->applied, 0);
  ok = migrate_run (fixture->store.database, fixture->schema, owners, on_applied, fixture,
                    complaints);
  g_assert_cmpint (ok, ==, complaints_count (complaints) == 0);
  if (ret_complaint != NULL)
    *ret_complaint = complaints_to_text (complaints);
  else if (!ok)
    g_error ("%s", complaints_to_text (complaints));
  return fixture->applied->str;
}

static GPtrArray *
status (Fixture *fixture)
{
  g_autoptr (Complaints) complaints = complaints_new ();

  return migrate_status (fixture->store.database, fixture->schema, owners, complaints);
}

static guint
count_pending (Fixture *fixture)
{
  g_autoptr (GPtrArray) all = status (fixture);
  guint ret = 0;

  for (guint i = 0; i < all->len; i++)
    ret += ((Migration *)g_ptr_array_index (all, i))->applied_at == 0;
  return ret;
}

static void
test_order_and_once (gconstpointer kind)
{
  Fixture fixture;

  if (!open_fixture (&fixture, kind))
    return;
  g_assert_cmpuint (count_pending (&fixture), ==, 4);
  g_assert_cmpuint (count_pending (&fixture), ==, 4);
  g_assert_cmpstr (run (&fixture, NULL), ==, "host/1-host;one/1-first;one/2-second;two/1-first;");
  g_assert_cmpuint (count_pending (&fixture), ==, 0);
  g_assert_cmpstr (run (&fixture, NULL), ==, "");
  write_file (&fixture, "one", "0003-third", "ALTER TABLE a ADD COLUMN name text;");
  g_assert_cmpuint (count_pending (&fixture), ==, 1);
  g_assert_cmpstr (run (&fixture, NULL), ==, "one/3-third;");
  close_fixture (&fixture);
}

static void
test_half_way (gconstpointer kind)
{
  Fixture fixture;
  g_autofree char *complaint = NULL;

  if (!open_fixture (&fixture, kind))
    return;
  write_file (&fixture, "one", "0002-second",
              "CREATE TABLE b (id integer); INSERT INTO a (id) VALUES (1); INSERT INTO nowhere "
              "VALUES (1);");
  g_assert_cmpstr (run (&fixture, &complaint), ==, "host/1-host;one/1-first;");
  g_assert_nonnull (strstr (complaint, "0002-second"));
  g_assert_nonnull (strstr (complaint, "nowhere"));
  g_assert_nonnull (strstr (complaint, "Nothing of this file was stored."));
  database_start (fixture.store.database);
  g_assert_cmpint (store_number (&fixture.store, "SELECT count(*) FROM a"), ==, 0);
  g_assert_cmpuint (count_pending (&fixture), ==, 2);
  /* corrected, it goes on from there */
  write_file (&fixture, "one", "0002-second", "CREATE TABLE b (id integer PRIMARY KEY);");
  g_assert_cmpstr (run (&fixture, NULL), ==, "one/2-second;two/1-first;");
  close_fixture (&fixture);
}

static void
test_changed_file (gconstpointer kind)
{
  Fixture fixture;
  g_autofree char *complaint = NULL;

  if (!open_fixture (&fixture, kind))
    return;
  run (&fixture, NULL);
  write_file (&fixture, "one", "0001-first",
              "CREATE TABLE a (id integer PRIMARY KEY); -- better\n");
  write_file (&fixture, "two", "0002-more", "CREATE TABLE d (id integer);");
  g_assert_cmpstr (run (&fixture, &complaint), ==, "");
  g_assert_nonnull (strstr (complaint, "was applied and has changed since"));
  g_assert_nonnull (strstr (complaint, "Put the file back"));
  g_assert_null (status (&fixture));
  close_fixture (&fixture);
}

static void
test_newer_release (gconstpointer kind)
{
  Fixture fixture;
  g_autoptr (GPtrArray) all = NULL;
  guint n_unknown = 0;

  if (!open_fixture (&fixture, kind))
    return;
  write_file (&fixture, "one", "0003-third", "ALTER TABLE a ADD COLUMN name text;");
  run (&fixture, NULL);
  write_file (&fixture, "one", "0003-third", NULL);
  all = status (&fixture);
  for (guint i = 0; i < all->len; i++) {
    Migration *migration = g_ptr_array_index (all, i);

    n_unknown += migration->is_unknown;
    if (migration->is_unknown)
      g_assert_cmpstr (migration->name, ==, "third");
  }
  g_assert_cmpuint (n_unknown, ==, 1);
  g_assert_cmpstr (run (&fixture, NULL), ==, "");
  close_fixture (&fixture);
}

static void
test_same_number (gconstpointer kind)
{
  Fixture fixture;
  g_autofree char *complaint = NULL;

  if (!open_fixture (&fixture, kind))
    return;
  write_file (&fixture, "one", "0002-other", "CREATE TABLE x (id integer);");
  g_assert_cmpstr (run (&fixture, &complaint), ==, "");
  g_assert_nonnull (strstr (complaint, "has the same number as"));
  close_fixture (&fixture);
}

static void
test_alone (gconstpointer kind)
{
  Fixture fixture;
  g_autofree char *complaint = NULL;
  const char *concurrently = kind == STORE_POSTGRES ? "CONCURRENTLY " : "";
  g_autofree char *index =
      g_strdup_printf ("-- no transaction\nCREATE INDEX %sIF NOT EXISTS i ON a (id);\n"
                       "CREATE INDEX %sIF NOT EXISTS j\n  ON c (id);\n",
                       concurrently, concurrently);

  if (!open_fixture (&fixture, kind))
    return;
  write_file (&fixture, "two", "0002-index", index);
  g_assert_cmpstr (run (&fixture, NULL), ==,
                   "host/1-host;one/1-first;one/2-second;two/1-first;two/2-index;");
  g_assert_cmpuint (count_pending (&fixture), ==, 0);
  write_file (&fixture, "two", "0003-wrong",
              "-- no transaction\nCREATE INDEX k ON nowhere (id);\n");
  g_assert_cmpstr (run (&fixture, &complaint), ==, "");
  g_assert_nonnull (strstr (complaint, "nowhere"));
  g_assert_cmpuint (count_pending (&fixture), ==, 1);
  close_fixture (&fixture);
}

static gpointer
run_in_thread (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (Complaints) complaints = complaints_new ();

  return GINT_TO_POINTER (
      migrate_run (fixture->store.database, fixture->schema, owners, NULL, NULL, complaints));
}

static void
test_many_runners (gconstpointer kind)
{
  Fixture fixture;
  GThread *threads[4];

  if (!open_fixture (&fixture, kind))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("migrate", run_in_thread, &fixture);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[i])));
  g_assert_cmpuint (count_pending (&fixture), ==, 0);
  close_fixture (&fixture);
}

static void
test_schema_is_made (void)
{
  Fixture fixture;

  if (!open_fixture (&fixture, STORE_POSTGRES))
    return;
  store_script (&fixture.store, "DROP SCHEMA daedalus");
  g_assert_cmpuint (count_pending (&fixture), ==, 4);
  run (&fixture, NULL);
  g_assert_cmpuint (count_pending (&fixture), ==, 0);
  close_fixture (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_add_test ("migrate", "in-order-and-once", test_order_and_once);
  store_add_test ("migrate", "half-way-leaves-nothing", test_half_way);
  store_add_test ("migrate", "changed-file-is-refused", test_changed_file);
  store_add_test ("migrate", "newer-release-is-reported-and-well", test_newer_release);
  store_add_test ("migrate", "same-number-is-refused", test_same_number);
  store_add_test ("migrate", "no-transaction-runs-each-alone", test_alone);
  store_add_test ("migrate", "many-runners-one-outcome", test_many_runners);
  g_test_add_func ("/migrate/postgres/schema-is-made", test_schema_is_made);
  return store_run_tests ();
}
