/* SPDX-License-Identifier: Apache-2.0 */
/* test-database-later: statements that nobody waits for are as if they had been waited for, however
 * the transaction ends. */
#include "test-database.h"

#define UNIQUE_A "INSERT INTO t (id, name) VALUES (1, 'a')"

typedef struct {
  const char *name;
  DatabaseVerdict verdict;
  const char *later[3];
  const char *query;       /* then; NULL: nothing is waited for but COMMIT */
  const char *last;        /* another that is not waited for */
  gboolean keep_no;        /* it is rolled back */
  gboolean fails_at_query; /* the query shows it */
  gint64 n_rows;           /* of the table afterwards */
} LaterCase;

static const LaterCase later_cases[] = {
  { "with COMMIT",
    DATABASE_DONE,
    { UNIQUE_A, "INSERT INTO t (id, name) VALUES (2, 'b')" },
    .n_rows = 2 },
  { "seen by the query",
    DATABASE_DONE,
    { UNIQUE_A, "UPDATE t SET name = 'x' WHERE id = 1" },
    .query = "SELECT 1 FROM t WHERE name = 'x'",
    .last = "INSERT INTO t (id, name) VALUES (2, 'b')",
    .n_rows = 2 },
  { "fails at COMMIT",
    DATABASE_CONFLICT,
    { UNIQUE_A, UNIQUE_A, "INSERT INTO t (id, name) VALUES (3, 'c')" } },
  { "the only one fails at COMMIT", DATABASE_FAILED, { "INSERT INTO nowhere (id) VALUES (1)" } },
  { "fails at the query",
    DATABASE_CONFLICT,
    { UNIQUE_A, UNIQUE_A },
    .query = "SELECT 1",
    .fails_at_query = TRUE },
  { "fails after the query",
    DATABASE_CONFLICT,
    { UNIQUE_A },
    .query = "SELECT 1 FROM t",
    .last = "INSERT INTO t (id, name) VALUES (1, 'again')" },
  { "rolled back", DATABASE_ROLLED_BACK, { UNIQUE_A }, .keep_no = TRUE },
  { "rolled back after the query",
    DATABASE_ROLLED_BACK,
    { UNIQUE_A },
    .query = "SELECT 1 FROM t",
    .last = "INSERT INTO t (id, name) VALUES (2, 'b')",
    .keep_no = TRUE },
};

typedef struct {
  Store *store;
  const LaterCase *row;
} LaterCall;

static gpointer
later_run (DaeTx *tx, gpointer data)
{
  const LaterCase *row = ((LaterCall *)data)->row;

  /* the first statement of a transaction is waited for */
  dae_exec (tx, "DELETE FROM t");
  for (guint i = 0; i < G_N_ELEMENTS (row->later) && row->later[i] != NULL; i++) {
    g_autofree char *sql = g_strdup (row->later[i]);

    dae_exec_later (tx, sql);
  }
  if (row->query != NULL) {
    g_assert_cmpint (dae_query_one (tx, row->query) == NULL, ==, row->fails_at_query);
    g_assert_cmpint (dae_tx_failed (tx), ==, row->fails_at_query);
  }
  if (row->last != NULL)
    dae_exec_later (tx, row->last);
  return NULL;
}

static gboolean
later_keep (gpointer result, gpointer data)
{
  return !((const LaterCall *)data)->row->keep_no;
}

static void
test_ends (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, "CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  database_start (store.database);
  /* twice: what the first round prepared, or meant to, is used by the second */
  for (gsize i = 0; i < 2 * G_N_ELEMENTS (later_cases); i++) {
    const LaterCase *row = &later_cases[i % G_N_ELEMENTS (later_cases)];
    LaterCall call = { &store, row };
    DatabaseWork work = {
      .flags = DAE_WORK_WRITES, .run = later_run, .keep = later_keep, .data = &call
    };

    store_script (&store, "DELETE FROM t");
    g_test_message ("%s", row->name);
    g_assert_cmpint (store_run_work (&store, work), ==, row->verdict);
    /* on a connection whose transaction has ended, and by all others */
    g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, row->n_rows);
    store_script (&store, "UPDATE t SET name = name");
  }
  store_close (&store);
}

static gpointer
first_run (DaeTx *tx, gpointer data)
{
  dae_exec_later (tx, UNIQUE_A);
  return NULL;
}

static gpointer
read_run (DaeTx *tx, gpointer data)
{
  dae_query_one (tx, "SELECT 1");
  dae_exec_later (tx, "UPDATE t SET name = 'no'");
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static gpointer
invalid_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "DELETE FROM t");
  dae_exec_later (tx, "INSERT INTO t (id, name) VALUES (5, $1)", DAE_TEXT ("\xff"));
  g_assert_true (dae_tx_failed (tx));
  dae_exec_later (tx, "COMMIT");
  return NULL;
}

static gpointer
many_run (DaeTx *tx, gpointer data)
{
  g_autofree char *name = g_strnfill (20000, 'x');

  dae_exec (tx, "DELETE FROM t");
  for (gint64 i = 0; i < 1000; i++)
    dae_exec_later (tx, "INSERT INTO t (id, name) VALUES ($1, $2)", DAE_INT (i), DAE_TEXT (name));
  return NULL;
}

static void
test_kinds (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, "CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  database_start (store.database);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, first_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, first_run), ==, DATABASE_CONFLICT);
  g_assert_cmpint (store_run (&store, 0, read_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, invalid_run), ==, DATABASE_INVALID);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t WHERE name = 'a'"), ==, 1);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, many_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, 1000);
  store_close (&store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_add_test ("database-later", "ends-as-if-waited-for", test_ends);
  store_add_test ("database-later", "first-read-only-wrong-and-many", test_kinds);
  return store_run_tests ();
}
