/* SPDX-License-Identifier: Apache-2.0 */
/* test-database-queue: how work waits, when it is too late, and what does not go through the queue:
 * sessions, the URL. */
#include "data/database.h"

#include "test-database.h"

#define TABLES                                                                                     \
  "CREATE TABLE parent (id integer PRIMARY KEY, name text NOT NULL UNIQUE CHECK (name <> 'bad'));" \
  "CREATE TABLE child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES parent (id))"

static gpointer
insert_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "INSERT INTO parent (id, name) VALUES (1, 'a')");
  return GINT_TO_POINTER (17);
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

/* Descriptors of connections: sockets, or the embedded database's file. */
static guint
count_connections (gconstpointer kind)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
    g_autofree char *target = g_file_read_link (path, NULL);

    n += target != NULL && (kind == STORE_POSTGRES ? g_str_has_prefix (target, "socket:")
                                                   : g_str_has_suffix (target, ".db"));
  }
  return n;
}

static gboolean
come_to (gconstpointer kind, guint connections)
{
  gint64 limit = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while (count_connections (kind) != connections && g_get_monotonic_time () < limit) {
    g_main_context_iteration (NULL, FALSE);
    g_usleep (10 * 1000);
  }
  return count_connections (kind) == connections;
}

static gpointer
nothing_run (DaeTx *tx, gpointer data)
{
  dae_query_one (tx, "SELECT 1");
  return NULL;
}

static void
on_payload (const char *payload, gpointer data)
{
}

static void
test_queue_gives_connections_back_while_it_drains (gconstpointer kind)
{
  Store store;
  const guint32 flags[] = { 0, DAE_WORK_KEEPER };
  guint before;

  if (!store_open (&store, kind))
    return;
  before = count_connections (kind);
  database_listen (store.database, on_payload, NULL);
  database_start (store.database);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    g_assert_cmpint (store_run (&store, flags[i], nothing_run), ==, DATABASE_DONE);
  g_usleep (1500 * 1000);
  g_assert_cmpuint (count_connections (kind), >=, before + 2); /* idle ones stay */
  database_drain (store.database);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++) {
    g_assert_true (come_to (kind, before));
    g_assert_cmpint (store_run (&store, flags[i], nothing_run), ==, DATABASE_DONE);
    g_assert_cmpuint (count_connections (kind), >, before);
  }
  g_assert_true (database_is_up (store.database, NULL, NULL));
  g_assert_true (come_to (kind, before));
  store_close (&store);
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

/* Whoever has little time hears it at its end, not when those before it have waited long enough. */
static void
test_queue_tells_a_short_deadline (gconstpointer kind)
{
  Store store;
  Gate gate = { .store = &store }, brief = { .store = &store };
  DatabaseWork work = { .what = "test", .run = gate_run, .done = gate_done, .data = &gate };
  DatabaseWork short_work = { .what = "short", .run = gate_run, .done = gate_done, .data = &brief };
  gint64 began;

  if (!store_open (&store, kind))
    return;
  database_start (store.database);
  for (guint i = 0; i < 3; i++)
    database_submit (store.database, &work);
  while (gate_inside (&gate) < 3)
    g_usleep (1000);
  database_submit (store.database, &work);
  began = g_get_monotonic_time ();
  short_work.deadline = began + G_USEC_PER_SEC / 5;
  database_submit (store.database, &short_work);
  while (brief.n_done == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (g_get_monotonic_time () - began, <, G_USEC_PER_SEC);
  g_assert_cmpuint (brief.n_ok, ==, 0);
  g_assert_cmpuint (gate.n_done, ==, 0);
  gate_open (&gate);
  while (gate.n_done < 4)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (gate.n_ok, ==, 4);
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
  /* one connection is enough, whoever else has none yet */
  for (guint times = 1; times <= 10; times++) {
    if (!store_open (&store, kind))
      return;
    database_start (store.database);
    g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
    for (guint i = 0; i < 20; i++)
      database_submit (store.database, &work);
    store_close (&store);
    g_assert_cmpuint (gate.n_done, ==, 5 + 20 * times);
    g_assert_cmpuint (gate.n_ok, ==, 20 * times);
  }
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
  store_add_test ("database-queue", "connections-are-given-back-while-it-drains",
                  test_queue_gives_connections_back_while_it_drains);
  store_add_test ("database-queue", "queue-is-bounded-in-length-and-time", test_queue_is_bounded);
  store_add_test ("database-queue", "a-short-deadline-is-told-in-time",
                  test_queue_tells_a_short_deadline);
  store_add_test ("database-queue", "slow-work-has-one-thread", test_slow_has_one_thread);
  store_add_test ("database-queue", "free-ends-what-waits", test_free_ends_all);
  store_add_test ("database-queue", "deadline-ends-statement-and-commit", test_deadline);
  store_add_test ("database-queue", "session-is-all-or-nothing", test_session);
  store_add_test ("database-queue", "probe-says-up", test_probe);
  g_test_add_func ("/database-queue/url-is-taken-or-refused-with-remedy", test_url);
  store_add_test ("database-queue", "stop-tells-everybody-first", test_stop);
  return store_run_tests ();
}
