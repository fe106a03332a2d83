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

/* ---- the queue --------------------------------------------------------- */

typedef struct {
  Store *store;
  GMutex lock;
  GCond cond;
  gboolean is_open;
  guint n_inside, n_most;
  guint n_done, n_busy, n_ok;
} Gate;

static gpointer
gate_run (DaeTx *tx, gpointer data)
{
  Gate *gate = data;

  g_mutex_lock (&gate->lock);
  gate->n_inside++;
  gate->n_most = MAX (gate->n_most, gate->n_inside);
  while (!gate->is_open)
    g_cond_wait (&gate->cond, &gate->lock);
  gate->n_inside--;
  g_mutex_unlock (&gate->lock);
  return NULL;
}

static void
gate_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  Gate *gate = data;

  gate->n_done++;
  gate->n_busy += verdict == DATABASE_BUSY;
  gate->n_ok += verdict == DATABASE_DONE;
}

static void
gate_open (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->is_open = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->lock);
}

static guint
gate_inside (Gate *gate)
{
  guint ret;

  g_mutex_lock (&gate->lock);
  ret = gate->n_inside;
  g_mutex_unlock (&gate->lock);
  return ret;
}

static void
test_queue_is_bounded (gconstpointer kind)
{
  Store store;
  Gate gate = { .store = &store };
  DatabaseWork work = { .what = "test", .run = gate_run, .done = gate_done, .data = &gate };
  gint64 began;

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  began = g_get_monotonic_time ();
  for (guint i = 0; i < 3; i++)
    database_submit (store.database, &work);
  while (gate_inside (&gate) < 3)
    g_usleep (1000);
  for (guint i = 0; i < 300; i++)
    database_submit (store.database, &work);
  g_assert_cmpuint (database_in_flight (store.database), ==, 303);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (gate.n_busy, ==, 300 - 256);
  /* the others wait two seconds and no more */
  while (gate.n_done < 300)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (gate.n_busy, ==, 300);
  g_assert_cmpint (g_get_monotonic_time () - began, >, 19 * G_USEC_PER_SEC / 10);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 4 * G_USEC_PER_SEC);
  gate_open (&gate);
  while (gate.n_done < 303)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (gate.n_ok, ==, 3);
  g_assert_cmpuint (gate.n_most, ==, 3);
  g_assert_cmpuint (database_in_flight (store.database), ==, 0);
  store_close (&store);
}

static void
test_slow_has_one_thread (gconstpointer kind)
{
  Store store;
  Gate gate = { .store = &store };
  DatabaseWork slow = {
    .what = "slow", .flags = DAE_WORK_SLOW, .run = gate_run, .done = gate_done, .data = &gate
  };

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  for (guint i = 0; i < 5; i++)
    database_submit (store.database, &slow);
  while (gate_inside (&gate) < 1)
    g_usleep (1000);
  /* others are served meanwhile */
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  g_assert_cmpuint (gate_inside (&gate), ==, 1);
  gate_open (&gate);
  while (gate.n_done < 5)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (gate.n_ok, ==, 5);
  g_assert_cmpuint (gate.n_most, ==, 1);
  store_close (&store);
}

static void
test_free_ends_all (gconstpointer kind)
{
  Store store;
  Gate gate = { .store = &store, .is_open = TRUE };
  DatabaseWork work = { .what = "test", .run = gate_run, .done = gate_done, .data = &gate };

  if (!store_open (&store, kind))
    return;
  /* never started: each hears that there is no database */
  for (guint i = 0; i < 5; i++)
    database_submit (store.database, &work);
  store_close (&store);
  g_assert_cmpuint (gate.n_done, ==, 5);
  g_assert_cmpuint (gate.n_ok, ==, 0);
  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  for (guint i = 0; i < 20; i++)
    database_submit (store.database, &work);
  store_close (&store);
  g_assert_cmpuint (gate.n_done, ==, 25);
  g_assert_cmpuint (gate.n_ok, ==, 20);
}

/* ---- deadlines --------------------------------------------------------- */

static gpointer
long_run (DaeTx *tx, gpointer data)
{
  dae_query_one (tx, dae_tx_is_sqlite (tx) ? "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n "
                                             "+ 1 FROM c) SELECT count(*) FROM c"
                                           : "SELECT pg_sleep (60)");
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static gpointer
late_run (DaeTx *tx, gpointer data)
{
  insert_run (tx, data);
  g_usleep (150 * 1000);
  return NULL;
}

static void
test_deadline (gconstpointer kind)
{
  Store store, *self = &store;
  DatabaseWork work = { .run = long_run, .data = &self };
  gint64 began;

  if (!store_open (&store, kind))
    return;
  store_script (&store, TABLES);
  database_start (store.database);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  began = g_get_monotonic_time ();
  work.deadline = began + G_USEC_PER_SEC / 5;
  g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_DEADLINE);
  g_assert_cmpint (g_get_monotonic_time () - began, <, G_USEC_PER_SEC);
  /* passed just before COMMIT: nothing is stored */
  work.run = late_run;
  work.flags = DAE_WORK_WRITES;
  work.deadline = g_get_monotonic_time () + G_USEC_PER_SEC / 10;
  g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_DEADLINE);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM parent"), ==, 0);
  store_close (&store);
}

/* ---- sessions, probe --------------------------------------------------- */

static void
session_insert (DaeTx *tx, gpointer data)
{
  insert_run (tx, NULL);
}

static void
test_session (gconstpointer kind)
{
  Store store;
  DatabaseSession *session;
  g_autoptr (GError) error = NULL;
  int n_done = 0;

  if (!store_open (&store, kind))
    return;
  session = database_session_open (store.database, &error);
  g_assert_no_error (error);
  g_assert_true (database_session_script (session, TABLES, &error));
  /* the script and what follows it are one */
  g_assert_false (database_session_apply (
      session, "CREATE TABLE extra (id integer); INSERT INTO parent (id, name) VALUES (1, 'b')",
      session_insert, NULL, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_true (database_session_apply (session, "CREATE TABLE extra (id integer)", session_insert,
                                         NULL, &error));
  g_assert_no_error (error);
  g_assert_false (database_session_run (session, session_insert, NULL, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (
      database_session_script (session, "CREATE TABLE more (id integer); COMMIT", &error));
  g_assert_nonnull (strstr (error->message, "ends the transaction"));
  g_clear_error (&error);
  g_assert_true (database_session_script (
      session,
      "-- no transaction\nCREATE TABLE alone (id integer);\nCREATE INDEX i ON alone (id);\n",
      &error));
  g_assert_no_error (error);
  database_session_close (session);
  database_start (store.database);
  n_done = store_number (&store, "SELECT count(*) FROM parent");
  g_assert_cmpint (n_done, ==, 1);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM alone"), ==, 0);
  store_close (&store);
}

static void
count_call (gpointer data)
{
  (*(guint *)data)++;
}

static void
test_probe (gconstpointer kind)
{
  Store store;
  guint n_ended = 0, n_at_once = 0;
  const char *why;
  gint64 latency = -1;

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  database_probe (store.database, count_call, &n_ended);
  database_probe (store.database, count_call, &n_at_once);
  database_probe (store.database, NULL, NULL);
  g_assert_cmpuint (database_in_flight (store.database), ==, 1);
  g_assert_cmpuint (n_ended, ==, 0);
  g_assert_cmpuint (n_at_once, ==, 1);
  while (database_in_flight (store.database) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_ended, ==, 1);
  g_assert_true (database_is_up (store.database, &latency, &why));
  g_assert_cmpint (latency, >, 0);
  g_assert_null (why);
  store_close (&store);
}

/* ---- the end ------------------------------------------------------------ */

typedef struct {
  Store *store;
  guint n_ended;
  DatabaseVerdict verdict;
  gboolean asks_again;
} Ending;

static void ending_submit (Ending *ending);

static gpointer
ending_run (DaeTx *tx, gpointer data)
{
  dae_query_one (tx, "SELECT 1");
  return NULL;
}

static void
ending_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  Ending *ending = data;

  ending->n_ended++;
  ending->verdict = verdict;
  if (ending->asks_again) {
    ending->asks_again = FALSE;
    ending_submit (ending);
  }
}

static void
ending_submit (Ending *ending)
{
  DatabaseWork work = { .what = "end", .run = ending_run, .done = ending_done, .data = ending };

  database_submit (ending->store->database, &work);
}

/* Whoever asked is told while what they need is still there. */
static void
test_stop (gconstpointer kind)
{
  Store store;
  Ending ending = { .store = &store, .asks_again = TRUE };

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  ending_submit (&ending);
  database_stop (store.database);
  g_assert_cmpuint (ending.n_ended, ==, 2);
  g_assert_cmpint (ending.verdict, ==, DATABASE_UNAVAILABLE);
  g_assert_cmpuint (database_in_flight (store.database), ==, 0);
  ending_submit (&ending);
  g_assert_cmpuint (ending.n_ended, ==, 2);
  store_close (&store);
  g_assert_cmpuint (ending.n_ended, ==, 3);
}

/* ---- the URL ----------------------------------------------------------- */

static void
test_url (void)
{
  static const struct {
    const char *url, *environment;
    const char *why; /* NULL: taken */
  } rows[] = {
    { NULL, "development", NULL },
    { NULL, "production", "no database is named" },
    { "sqlite:", "production", NULL },
    { "sqlite:other.db", "development", NULL },
    { "sqlite:///tmp/x%20y.db", "development", NULL },
    { "sqlite:///:memory:", "development", "does not name a file" },
    { "sqlite://relative.db", "development", "does not name a file" },
    { "postgresql://u:p%40ss@h/d", "production", NULL },
    { "postgres://u@h1:1,h2:2/d?sslmode=require", "production", NULL },
    { "postgresql+asyncpg://u:p%40ss%3A@h:5433/d?ssl=require&command_timeout=5", "production",
      NULL },
    { "postgresql://u@h/d?nonsense=1", "production", "is not a URL that" },
    { "mysql://u@h/d", "production", "is not the URL of a database" },
    { "nonsense", "production", "is not the URL of a database" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    Store store = { .host.info.environment = rows[i].environment };
    g_autofree char *set =
        rows[i].url != NULL ? g_strconcat ("database.url=", rows[i].url, NULL) : NULL;

    store.dir = g_dir_make_tmp ("dae-data-XXXXXX", NULL);
    store_configure (&store, (const char *[]){ set, NULL });
    g_test_message ("%s", rows[i].url != NULL ? rows[i].url : "none");
    g_assert_cmpint (store.database != NULL, ==, rows[i].why == NULL);
    if (rows[i].why != NULL) {
      const Complaint *complaint = complaints_get (store.complaints, 0);

      g_assert_nonnull (strstr (complaint->why, rows[i].why));
      g_assert_nonnull (strstr (complaint->remedy, "Write "));
      g_assert_cmpstr (complaint->key, ==, "url");
      /* never a password */
      g_assert_null (strstr (complaint->why, "p%40"));
    }
    store_close (&store);
  }
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
  store_add_test ("database", "queue-is-bounded-in-length-and-time", test_queue_is_bounded);
  store_add_test ("database", "slow-work-has-one-thread", test_slow_has_one_thread);
  store_add_test ("database", "free-ends-what-waits", test_free_ends_all);
  store_add_test ("database", "deadline-ends-statement-and-commit", test_deadline);
  store_add_test ("database", "session-is-all-or-nothing", test_session);
  store_add_test ("database", "probe-says-up", test_probe);
  store_add_test ("database", "stop-tells-everybody-first", test_stop);
  g_test_add_func ("/database/url-is-taken-or-refused-with-remedy", test_url);
  return store_run_tests ();
}
