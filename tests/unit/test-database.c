/* SPDX-License-Identifier: Apache-2.0 */
/* test-database: what plugin code meets, alike on SQLite and PostgreSQL. What only one of them can
 * do to us is in test-database-sqlite.c and test-database-postgres.c. */
#include "data/database.h"

#include "test-database.h"

#define TABLES                                                                                     \
  "CREATE TABLE parent (id integer PRIMARY KEY, name text NOT NULL UNIQUE CHECK (name <> 'bad'));" \
  "CREATE TABLE child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES parent (id))"

/* ---- values ------------------------------------------------------------ */

#define UUID      "0192aa00-1111-7abc-8def-0123456789ab"
#define UUID_LOUD "0192AA00-1111-7ABC-8DEF-0123456789AB"

static void
round_trip_tables (Store *store)
{
  store_script (
      store, database_is_sqlite (store->database)
                 ? "CREATE TABLE v (n INTEGER, t TEXT, u TEXT, j TEXT, b INTEGER, at INTEGER, r "
                   "REAL, x BLOB) STRICT"
                 : "CREATE TABLE v (n bigint, t text, u uuid, j jsonb, b boolean, at timestamptz, "
                   "r double precision, x bytea)");
}

static gpointer
round_trip_run (DaeTx *tx, gpointer data)
{
  DaeRows *rows;
  gint64 changed;

  changed = dae_exec (
      tx, "INSERT INTO v (n, t, u, j, b, at, r, x) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      DAE_INT (G_MININT64), DAE_TEXT ("gr\xc3\xbc\xc3\x9f Gott, \xf0\x9f\x8c\x8d"),
      DAE_UUID (UUID_LOUD), DAE_JSON ("{\"a\": [1, 2]}"), DAE_BOOL (7),
      DAE_TIME (G_GINT64_CONSTANT (1700000000123456)), DAE_REAL (0.1), DAE_BYTES ("\0\xff\x10", 3));
  g_assert_cmpint (changed, ==, 1);
  changed = dae_exec (
      tx, "INSERT INTO v (n, t, u, j, b, at, r, x) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      DAE_NULL, DAE_TEXT (NULL), DAE_UUID (NULL), DAE_JSON (NULL), DAE_NULL, DAE_NULL, DAE_NULL,
      DAE_BYTES (NULL, 0));
  g_assert_cmpint (changed, ==, 1);

  rows = dae_query (tx, "SELECT n, t, u, j, b, at, r, x FROM v WHERE u = $1", DAE_UUID (UUID));
  g_assert_true (dae_rows_next (rows));
  g_assert_cmpint (dae_row_int (rows, 0), ==, G_MININT64);
  g_assert_cmpstr (dae_row_text (rows, 1), ==, "gr\xc3\xbc\xc3\x9f Gott, \xf0\x9f\x8c\x8d");
  g_assert_cmpstr (dae_row_text (rows, 2), ==, UUID);
  g_assert_cmpstr (dae_row_text (rows, 3), ==, "{\"a\": [1, 2]}");
  g_assert_cmpint (dae_row_int (rows, 4), ==, 1);
  g_assert_cmpint (dae_row_int (rows, 5), ==, G_GINT64_CONSTANT (1700000000123456));
  g_assert_cmpfloat (dae_row_real (rows, 6), ==, 0.1);
  g_assert_cmpstr (dae_row_text (rows, 7), ==, "00ff10");
  g_assert_false (dae_rows_next (rows));
  g_assert_false (dae_rows_next (rows));

  rows = dae_query_one (tx, "SELECT n, t, u, j, b, at, r, x FROM v WHERE u IS NULL");
  g_assert_nonnull (rows);
  for (guint i = 0; i < 8; i++)
    g_assert_true (dae_row_is_null (rows, i));
  g_assert_null (dae_row_text (rows, 1));
  g_assert_cmpint (dae_row_int (rows, 0), ==, 0);
  g_assert_null (dae_query_one (tx, "SELECT n FROM v WHERE n = $1", DAE_INT (3)));
  g_assert_false (dae_tx_failed (tx));
  return NULL;
}

static void
test_round_trip (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  round_trip_tables (&store);
  database_start (store.database);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, round_trip_run), ==, DATABASE_DONE);
  store_close (&store);
}

static void
test_round_trip_unprepared (gconstpointer kind)
{
  Store store;

  if (!store_open_with (&store, kind, "database.prepare=false"))
    return;
  round_trip_tables (&store);
  database_start (store.database);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, round_trip_run), ==, DATABASE_DONE);
  store_close (&store);
}

typedef struct {
  const char *name;
  DatabaseVerdict verdict;
  const char *sql;
  DaeValue value;
  gboolean has_value;
} VerdictCase;

#define VALUE(...) __VA_ARGS__, TRUE
static const VerdictCase verdict_cases[] = {
  { "fine", DATABASE_DONE, "INSERT INTO parent (id, name) VALUES (2, 'b')" },
  { "unique", DATABASE_CONFLICT, "INSERT INTO parent (id, name) VALUES (2, 'a')" },
  { "check", DATABASE_CONFLICT, "INSERT INTO parent (id, name) VALUES (2, 'bad')" },
  { "not null", DATABASE_CONFLICT, "INSERT INTO parent (id, name) VALUES (2, NULL)" },
  { "foreign key", DATABASE_CONFLICT, "INSERT INTO child (id, parent) VALUES (1, 99)" },
  { "on conflict", DATABASE_DONE,
    "INSERT INTO parent (id, name) VALUES (1, 'c') ON CONFLICT DO NOTHING" },
  { "no uuid", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_UUID ("nonsense")) },
  { "uuid with braces", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_UUID ("{" UUID "}")) },
  { "bad utf-8", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_TEXT ("\xff")) },
  { "json with nul", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_JSON ("\"\\u0000\"")) },
  { "json with escaped nul", DATABASE_DONE, "SELECT $1 AS a", VALUE (DAE_JSON ("\"\\\\u0000\"")) },
  { "not a number", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_REAL (0.0 / 0.0)) },
  { "time out of range", DATABASE_INVALID, "SELECT $1 AS a", VALUE (DAE_TIME (G_MAXINT64)) },
  { "no such table", DATABASE_FAILED, "SELECT 1 FROM nowhere" },
  { "syntax", DATABASE_FAILED, "SELEKT 1" },
  { "empty", DATABASE_FAILED, "" },
  { "two statements", DATABASE_FAILED, "SELECT 1; SELECT 2" },
  { "too few values", DATABASE_FAILED, "SELECT $1 AS a, $2 AS b", VALUE (DAE_INT (1)) },
  { "own commit", DATABASE_FAILED, "COMMIT" },
  { "own rollback behind a comment", DATABASE_FAILED, "/* x */ -- y\n rollback" },
  { "setting", DATABASE_FAILED, "SET search_path = public" },
  { "word that only begins alike", DATABASE_FAILED, "SETTLE" },
};

typedef struct {
  Store *store;
  const VerdictCase *row;
} VerdictCall;

static gpointer
verdict_run (DaeTx *tx, gpointer data)
{
  const VerdictCase *row = ((VerdictCall *)data)->row;

  tx->api->exec (tx, row->sql, &row->value, row->has_value);
  g_assert_cmpint (dae_tx_failed (tx), ==, row->verdict != DATABASE_DONE);
  /* sticky: nothing runs any more, and rows are empty */
  if (dae_tx_failed (tx)) {
    g_assert_cmpint (dae_exec (tx, "INSERT INTO parent (id, name) VALUES (50, 'sticky')"), ==, 0);
    g_assert_false (dae_rows_next (dae_query (tx, "SELECT 1")));
    g_assert_null (dae_query_one (tx, "SELECT 1"));
  }
  return NULL;
}

static void
test_verdicts (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES "; INSERT INTO parent (id, name) VALUES (1, 'a')");
  database_start (store.database);
  for (gsize i = 0; i < G_N_ELEMENTS (verdict_cases); i++) {
    VerdictCall call = { &store, &verdict_cases[i] };
    DatabaseWork work = { .flags = DAE_WORK_WRITES, .run = verdict_run, .data = &call };
    DatabaseVerdict verdict = store_run_work (&store, work);

    if (verdict != verdict_cases[i].verdict)
      g_error ("%s: verdict %d", verdict_cases[i].name, verdict);
  }
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent WHERE id = 50"), ==, 0);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent"), ==, 2);
  store_close (&store);
}

static gpointer
misread_text_run (DaeTx *tx, gpointer data)
{
  DaeRows *row = dae_query_one (tx, "SELECT 1 AS a");

  g_assert_null (dae_row_text (row, 0));
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static gpointer
misread_column_run (DaeTx *tx, gpointer data)
{
  DaeRows *row = dae_query_one (tx, "SELECT 1 AS a");

  g_assert_cmpint (dae_row_int (row, 1), ==, 0);
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static gpointer
misread_before_next_run (DaeTx *tx, gpointer data)
{
  dae_row_int (dae_query (tx, "SELECT 1 AS a"), 0);
  return NULL;
}

static void
test_misreading (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  g_assert_cmpint (store_run (&store, 0, misread_text_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_run (&store, 0, misread_column_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_run (&store, 0, misread_before_next_run), ==, DATABASE_FAILED);
  store_close (&store);
}

/* ---- transactions ------------------------------------------------------ */

static gpointer
insert_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "INSERT INTO parent (id, name) VALUES (1, 'a')");
  return GINT_TO_POINTER (17);
}

static gboolean
keep_no (gpointer result, gpointer data)
{
  g_assert_cmpint (GPOINTER_TO_INT (result), ==, 17);
  return FALSE;
}

static void
test_read_cannot_write (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES);
  database_start (store.database);
  g_assert_cmpint (store_run (&store, 0, insert_run), ==, DATABASE_FAILED);
  g_assert_null (store.result);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent"), ==, 0);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, insert_run), ==, DATABASE_DONE);
  g_assert_cmpint (GPOINTER_TO_INT (store.result), ==, 17);
  store_close (&store);
}

static void
test_keep_no (gconstpointer kind)
{
  Store store, *self = &store;
  DatabaseWork work = {
    .flags = DAE_WORK_WRITES, .run = insert_run, .keep = keep_no, .data = &self
  };

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES);
  database_start (store.database);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_ROLLED_BACK);
    g_assert_cmpint (GPOINTER_TO_INT (store.result), ==, 17);
    g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent"), ==, 0);
  }
  store_close (&store);
}

static gpointer
count_changes_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "INSERT INTO parent (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  g_assert_cmpint (dae_exec (tx, "SELECT id FROM parent"), ==, 0);
  g_assert_cmpint (dae_exec (tx, "UPDATE parent SET name = name WHERE id > $1", DAE_INT (1)), ==,
                   2);
  g_assert_cmpint (
      dae_exec (tx, "INSERT INTO parent (id, name) VALUES (1, 'z') ON CONFLICT (id) DO NOTHING"),
      ==, 0);
  g_assert_nonnull (dae_query_one (tx, "DELETE FROM parent WHERE id = 3 RETURNING name"));
  g_assert_cmpint (dae_exec (tx, "DELETE FROM parent WHERE id = 77"), ==, 0);
  return NULL;
}

static void
test_changes (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES);
  database_start (store.database);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, count_changes_run), ==, DATABASE_DONE);
  store_close (&store);
}

static gpointer
many_run (DaeTx *tx, gpointer data)
{
  const DaeValue name[] = { DAE_TEXT ("x") };
  DaeQuery queries[] = {
    { "INSERT INTO parent (id, name) VALUES (1, $1)", name, 1, NULL },
    { "SELECT name FROM parent", NULL, 0, NULL },
    { "SELECT count(*) FROM parent", NULL, 0, NULL },
  };

  dae_query_many (tx, queries, 3);
  g_assert_true (dae_rows_next (queries[1].rows));
  g_assert_cmpstr (dae_row_text (queries[1].rows, 0), ==, "x");
  g_assert_true (dae_rows_next (queries[2].rows));
  g_assert_cmpint (dae_row_int (queries[2].rows, 0), ==, 1);
  /* the second of these fails: all are empty */
  queries[0].sql = "SELECT name FROM parent WHERE name = $1";
  queries[1].sql = "SELECT name FROM nowhere";
  dae_query_many (tx, queries, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_false (dae_rows_next (queries[i].rows));
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static void
test_many (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES);
  database_start (store.database);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, many_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent"), ==, 0);
  store_close (&store);
}

static gpointer
now_run (DaeTx *tx, gpointer data)
{
  gint64 now = dae_tx_now (tx);

  g_assert_cmpint (ABS (now - g_get_real_time ()), <, 5 * G_USEC_PER_SEC);
  dae_query_one (tx, "SELECT 1");
  g_assert_cmpint (dae_tx_now (tx), ==, now);
  g_assert_false (dae_tx_failed (tx));
  return NULL;
}

static gpointer
nothing_run (DaeTx *tx, gpointer data)
{
  return NULL;
}

static void
test_now (gconstpointer kind)
{
  Store store;

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  g_assert_cmpint (store_run (&store, 0, now_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, now_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES | DAE_WORK_KEEPER, now_run), ==,
                   DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, nothing_run), ==, DATABASE_DONE);
  store_close (&store);
}

/* ---- what is held ------------------------------------------------------ */

typedef struct {
  Store *store;
  GString *heard;
  guint n_freed;
  gboolean fails;
} HeldCall;

typedef struct {
  HeldCall *call;
  char letter;
} HeldThing;

static void
held_say (DaePlugin *self, gpointer data)
{
  HeldThing *thing = data;

  g_assert_false (thing->call->store->done);
  g_string_append_c (thing->call->heard, thing->letter);
}

static void
held_say_host (gpointer data)
{
  held_say (NULL, data);
}

static void
held_free (gpointer data)
{
  HeldThing *thing = data;

  thing->call->n_freed++;
  g_free (thing);
}

static HeldThing *
held_new (HeldCall *call, char letter)
{
  HeldThing *thing = g_new (HeldThing, 1);

  *thing = (HeldThing){ call, letter };
  return thing;
}

static gpointer
held_run (DaeTx *tx, gpointer data)
{
  HeldCall *call = data;

  g_assert_true (database_current_tx () == tx);
  dae_after_commit (tx, held_say, held_new (call, 'a'), held_free);
  database_after_commit (tx, held_say_host, held_new (call, 'b'), held_free);
  dae_after_commit (tx, held_say, held_new (call, 'c'), held_free);
  dae_query_one (tx, call->fails ? "SELECT 1 FROM nowhere" : "SELECT 1");
  return NULL;
}

static void
test_held (gconstpointer kind)
{
  Store store;
  HeldCall call = { &store, g_string_new (NULL), 0, FALSE };
  DatabaseWork work = { .run = held_run, .data = &call };

  g_assert_null (database_current_tx ());
  if (store_open (&store, kind)) {
    database_start (store.database);
    g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_DONE);
    g_assert_cmpstr (call.heard->str, ==, "abc");
    g_assert_cmpuint (call.n_freed, ==, 3);
    call.fails = TRUE;
    g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_FAILED);
    g_assert_cmpstr (call.heard->str, ==, "abc");
    g_assert_cmpuint (call.n_freed, ==, 6);
    g_assert_null (database_current_tx ());
    store_close (&store);
  }
  g_string_free (call.heard, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_add_test ("database", "values-come-back-as-they-went", test_round_trip);
  store_add_test ("database", "unprepared-is-the-same", test_round_trip_unprepared);
  store_add_test ("database", "each-fault-has-its-verdict-and-sticks", test_verdicts);
  store_add_test ("database", "misread-columns-are-the-plugins-fault", test_misreading);
  store_add_test ("database", "read-transactions-cannot-write", test_read_cannot_write);
  store_add_test ("database", "keep-says-no", test_keep_no);
  store_add_test ("database", "changed-rows-are-counted-alike", test_changes);
  store_add_test ("database", "many-statements-at-once", test_many);
  store_add_test ("database", "now-is-the-transactions", test_now);
  store_add_test ("database", "held-things-run-in-order-before-done-or-never", test_held);
  return store_run_tests ();
}
