/* SPDX-License-Identifier: Apache-2.0 */
/* test-database-postgres: what only a server can do to us: conflicts that mean "again", lost
 * connections, a COMMIT whose answer never comes, stopped and killed servers. */
#include "data/database.h"

#include "test-database.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static void
start_with_table (Store *store)
{
  store_script (store, "CREATE TABLE t (id bigint PRIMARY KEY, name text);"
                       "CREATE FUNCTION fail (code text) RETURNS text LANGUAGE plpgsql AS "
                       "$$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = code; END $$");
  database_start (store->database);
}

static void
cluster_must (const char *command)
{
  g_autofree char *output = store_cluster_do (command);

  g_assert_nonnull (output);
}

/* ---- run again --------------------------------------------------------- */

typedef struct {
  Store *store;
  const char *code; /* raised in the first N_FAIL runs; NULL: the connection is ended */
  guint n_fail;
  guint n_runs, n_freed, n_held;
} AgainCall;

static void
again_held (gpointer data)
{
  ((AgainCall *)data)->n_held++;
}

static AgainCall *again_call;

static void
again_free (gpointer result)
{
  again_call->n_freed++;
}

static gpointer
again_run (DaeTx *tx, gpointer data)
{
  AgainCall *call = data;

  call->n_runs++;
  database_after_commit (tx, again_held, call, NULL);
  dae_exec (tx, "INSERT INTO t (id, name) VALUES ($1, 'x')", DAE_INT (call->n_runs));
  if (call->n_runs <= call->n_fail && call->code != NULL)
    dae_query_one (tx, "SELECT fail ($1)", DAE_TEXT (call->code));
  else if (call->n_runs <= call->n_fail)
    dae_query_one (tx, "SELECT pg_terminate_backend (pg_backend_pid ())");
  return call;
}

static const struct {
  const char *name, *code;
  guint n_fail;
  DatabaseVerdict verdict;
  guint n_runs;
} again_rows[] = {
  { "serialization", "40001", 2, DATABASE_DONE, 3 },
  { "deadlock", "40P01", 3, DATABASE_DONE, 4 },
  { "serialization without end", "40001", 99, DATABASE_BUSY, 4 },
  { "lost before COMMIT", NULL, 2, DATABASE_DONE, 3 },
  { "lost without end", NULL, 99, DATABASE_UNAVAILABLE, 4 },
  { "leader changed", "25006", 1, DATABASE_DONE, 2 },
  { "lock not to be had", "55P03", 1, DATABASE_BUSY, 1 },
  { "too many connections", "53300", 1, DATABASE_BUSY, 1 },
  { "disk full", "53100", 1, DATABASE_FULL, 1 },
  { "conflict", "23505", 1, DATABASE_CONFLICT, 1 },
  { "no number", "22P02", 1, DATABASE_INVALID, 1 },
  { "too long", "22001", 1, DATABASE_INVALID, 1 },
  { "out of range", "22003", 1, DATABASE_INVALID, 1 },
  { "cancelled", "57014", 1, DATABASE_DEADLINE, 1 },
  { "division by zero", "22012", 1, DATABASE_FAILED, 1 },
  { "unsupported", "0A000", 1, DATABASE_FAILED, 1 },
};

static void
test_again (void)
{
  Store store;

  if (!store_open (&store, STORE_POSTGRES))
    return;
  start_with_table (&store);
  for (gsize i = 0; i < G_N_ELEMENTS (again_rows); i++) {
    AgainCall call = { &store, again_rows[i].code, again_rows[i].n_fail };
    DatabaseWork work = {
      .flags = DAE_WORK_WRITES, .run = again_run, .free_result = again_free, .data = &call
    };
    gboolean done = again_rows[i].verdict == DATABASE_DONE;

    again_call = &call;
    store_script (&store, "DELETE FROM t");
    g_test_message ("%s", again_rows[i].name);
    g_assert_cmpint (store_run_work (&store, work), ==, again_rows[i].verdict);
    g_assert_cmpuint (call.n_runs, ==, again_rows[i].n_runs);
    g_assert_cmpuint (call.n_freed, ==, call.n_runs - done);
    g_assert_cmpuint (call.n_held, ==, done);
    g_assert_true ((store.result != NULL) == done);
    g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t"), ==, done);
  }
  store_close (&store);
}

static gpointer
star_run (DaeTx *tx, gpointer data)
{
  dae_query (tx, "SELECT * FROM t");
  return NULL;
}

static void
test_stale_plan (void)
{
  Store store;

  if (!store_open (&store, STORE_POSTGRES))
    return;
  start_with_table (&store);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (store_run (&store, 0, star_run), ==, DATABASE_DONE);
  store_script (&store, "ALTER TABLE t ADD COLUMN more text");
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (store_run (&store, 0, star_run), ==, DATABASE_DONE);
  store_close (&store);
}

static gpointer
numeric_run (DaeTx *tx, gpointer data)
{
  dae_query (tx, "SELECT id, 1.5::numeric AS price FROM t");
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static gpointer
copy_run (DaeTx *tx, gpointer data)
{
  dae_query (tx, "COPY t TO STDOUT");
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static void
test_unknown_types (void)
{
  Store store;

  if (!store_open (&store, STORE_POSTGRES))
    return;
  start_with_table (&store);
  g_assert_cmpint (store_run (&store, 0, numeric_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_run (&store, 0, copy_run), ==, DATABASE_FAILED);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  store_close (&store);
}

/* ---- stopped and killed servers ---------------------------------------- */

static gpointer
stopped_run (DaeTx *tx, gpointer data)
{
  struct {
    Store *store;
    pid_t pid;
  } *call = data;
  DaeRows *row = dae_query_one (tx, "SELECT pg_backend_pid ()");

  if (call->pid != 0)
    return NULL;
  call->pid = (pid_t)dae_row_int (row, 0);
  kill (call->pid, SIGSTOP);
  dae_query_one (tx, "SELECT 1");
  g_assert_true (dae_tx_failed (tx));
  return NULL;
}

static void
test_stopped_backend (void)
{
  Store store;
  struct {
    Store *store;
    pid_t pid;
  } call = { &store, 0 };
  DatabaseWork work = { .run = stopped_run, .data = &call };
  gint64 began;

  if (!store_open (&store, STORE_POSTGRES))
    return;
  start_with_table (&store);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  began = g_get_monotonic_time ();
  work.deadline = began + 3 * G_USEC_PER_SEC / 10;
  g_assert_cmpint (store_run_work (&store, work), ==, DATABASE_DEADLINE);
  g_assert_cmpint (g_get_monotonic_time () - began, <, G_USEC_PER_SEC);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  kill (call.pid, SIGCONT);
  store_close (&store);
}

static void
test_killed_server (void)
{
  Store store;
  gint64 began;

  if (!store_open (&store, STORE_POSTGRES))
    return;
  start_with_table (&store);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  cluster_must ("kill");
  began = g_get_monotonic_time ();
  g_assert_cmpint (store_run (&store, 0, star_run), ==, DATABASE_UNAVAILABLE);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 3 * G_USEC_PER_SEC);
  g_assert_false (database_is_up (store.database, NULL, NULL));
  cluster_must ("restart");
  /* whoever comes while it is away waits for it */
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  g_assert_true (database_is_up (store.database, NULL, NULL));
  store_close (&store);
}

/* ---- a COMMIT in doubt ------------------------------------------------- */

typedef enum {
  PROXY_PASS = 0,
  PROXY_LOSE_ANSWER = 1 << 0, /* COMMIT arrives, its answer does not */
  PROXY_LOSE_COMMIT = 1 << 1, /* COMMIT does not arrive */
  PROXY_CRASH = 1 << 2,       /* and then the server crashes and comes back */
  PROXY_FOR_GOOD = 1 << 3,    /* and then no connection can be made any more */
} ProxyMode;

typedef struct {
  char *dir, *path;
  int listener;
  GThread *thread;
  gint mode; /* atomic: of the next COMMIT */
  gint ends; /* atomic */
} Proxy;

typedef struct {
  int client, server;
} ProxyPair;

static void
proxy_open (Proxy *proxy, GArray *pairs)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  ProxyPair pair = { accept4 (proxy->listener, NULL, NULL, SOCK_CLOEXEC),
                     socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", cluster.dir);
  g_assert_cmpint (connect (pair.server, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_array_append_val (pairs, pair);
}

static gboolean
proxy_send (int fd, const char *bytes, gssize length)
{
  return send (fd, bytes, (gsize)length, MSG_NOSIGNAL) == length;
}

/* FALSE: this pair has ended. */
static gboolean
proxy_move (Proxy *proxy, ProxyPair *pair, gboolean from_client)
{
  char buffer[65536], scratch[4096];
  int from = from_client ? pair->client : pair->server;
  int to = from_client ? pair->server : pair->client;
  gssize n = recv (from, buffer, sizeof buffer, 0);
  int mode = g_atomic_int_get (&proxy->mode);

  if (n <= 0)
    return FALSE;
  if (!from_client || mode == PROXY_PASS || memmem (buffer, (gsize)n, "COMMIT", 7) == NULL ||
      memmem (buffer, (gsize)n, "BEGIN", 5) != NULL)
    return proxy_send (to, buffer, n);
  g_atomic_int_set (&proxy->mode, PROXY_PASS);
  if (mode & PROXY_FOR_GOOD) {
    unlink (proxy->path);
    close (proxy->listener);
    proxy->listener = -1;
  }
  if (mode & PROXY_LOSE_ANSWER) {
    g_assert_true (proxy_send (to, buffer, n));
    /* until it has answered, so that it has committed */
    g_assert_cmpint (recv (pair->server, scratch, sizeof scratch, 0), >, 0);
  }
  if (mode & PROXY_CRASH) {
    cluster_must ("kill");
    cluster_must ("restart");
  }
  return FALSE;
}

static gpointer
proxy_main (gpointer data)
{
  Proxy *proxy = data;
  g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (ProxyPair));

  while (!g_atomic_int_get (&proxy->ends)) {
    struct pollfd fds[64] = { { .fd = proxy->listener, .events = POLLIN } };
    guint n = pairs->len;

    for (guint i = 0; i < n; i++) {
      fds[1 + 2 * i] =
          (struct pollfd){ .fd = g_array_index (pairs, ProxyPair, i).client, .events = POLLIN };
      fds[2 + 2 * i] =
          (struct pollfd){ .fd = g_array_index (pairs, ProxyPair, i).server, .events = POLLIN };
    }
    if (poll (fds, 1 + 2 * n, 50) <= 0)
      continue;
    for (guint i = n; i-- > 0;) {
      ProxyPair *pair = &g_array_index (pairs, ProxyPair, i);

      if ((fds[1 + 2 * i].revents != 0 && !proxy_move (proxy, pair, TRUE)) ||
          (fds[2 + 2 * i].revents != 0 && !proxy_move (proxy, pair, FALSE))) {
        close (pair->client);
        close (pair->server);
        g_array_remove_index (pairs, i);
      }
    }
    if (fds[0].revents != 0 && proxy->listener >= 0)
      proxy_open (proxy, pairs);
  }
  for (guint i = 0; i < pairs->len; i++) {
    close (g_array_index (pairs, ProxyPair, i).client);
    close (g_array_index (pairs, ProxyPair, i).server);
  }
  return NULL;
}

static void
proxy_start (Proxy *proxy)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  proxy->dir = g_dir_make_tmp ("dae-proxy-XXXXXX", NULL);
  proxy->path = g_build_filename (proxy->dir, ".s.PGSQL.5432", NULL);
  g_strlcpy (address.sun_path, proxy->path, sizeof address.sun_path);
  proxy->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (proxy->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (proxy->listener, 16), ==, 0);
  proxy->thread = g_thread_new ("proxy", proxy_main, proxy);
}

static void
proxy_stop (Proxy *proxy)
{
  g_atomic_int_set (&proxy->ends, 1);
  g_thread_join (proxy->thread);
  if (proxy->listener >= 0)
    close (proxy->listener);
  store_remove_dir (proxy->dir);
  g_free (proxy->dir);
  g_free (proxy->path);
}

static gpointer
doubt_run (DaeTx *tx, gpointer data)
{
  AgainCall *call = data;

  call->n_runs++;
  database_after_commit (tx, again_held, call, NULL);
  dae_exec (tx, "INSERT INTO t (id, name) VALUES ($1, 'x')", DAE_INT (call->n_runs));
  /* leaves together with COMMIT */
  dae_exec_later (tx, "UPDATE t SET name = 'y'");
  return call;
}

static void
test_in_doubt (gconstpointer prepare)
{
  static const struct {
    const char *name;
    ProxyMode mode;
    DatabaseVerdict verdict;
    guint n_runs, n_held;
  } rows[] = {
    { "it was stored", PROXY_LOSE_ANSWER, DATABASE_DONE, 1, 1 },
    { "it never arrived", PROXY_LOSE_COMMIT, DATABASE_DONE, 2, 1 },
    /* its number may have been given out again */
    { "stored before a crash", PROXY_LOSE_ANSWER | PROXY_CRASH, DATABASE_UNKNOWN, 1, 0 },
    { "not stored before a crash", PROXY_LOSE_COMMIT | PROXY_CRASH, DATABASE_DONE, 2, 1 },
    { "nobody can tell", PROXY_LOSE_ANSWER | PROXY_FOR_GOOD, DATABASE_UNKNOWN, 1, 0 },
  };
  Store store = { 0 };
  Proxy proxy = { 0 };
  g_autofree char *set = NULL;

  if (store_cluster_url () == NULL)
    return;
  g_assert_true (store_open (&store, STORE_POSTGRES));
  store_script (&store, "CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  store_close (&store);
  proxy_start (&proxy);
  set = g_strconcat ("database.url=postgresql://daedalus@/daedalus?host=", proxy.dir, NULL);
  store.dir = g_dir_make_tmp ("dae-data-XXXXXX", NULL);
  store_configure (&store, (const char *[]){ set, prepare, NULL });
  database_start (store.database);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    AgainCall call = { .store = &store };
    DatabaseWork work = { .flags = DAE_WORK_WRITES, .run = doubt_run, .data = &call };

    g_test_message ("%s", rows[i].name);
    store_script (&store, "DELETE FROM t");
    g_atomic_int_set (&proxy.mode, rows[i].mode);
    work.deadline = g_get_monotonic_time () + 3 * G_USEC_PER_SEC;
    g_assert_cmpint (store_run_work (&store, work), ==, rows[i].verdict);
    /* one more where the thread's connection was one of before the last crash */
    g_assert_cmpuint (call.n_runs, >=, rows[i].n_runs);
    g_assert_cmpuint (call.n_runs, <=, rows[i].n_runs + 1);
    g_assert_cmpuint (call.n_held, ==, rows[i].n_held);
    if (rows[i].verdict == DATABASE_DONE)
      g_assert_cmpint (store_number (&store, "SELECT count(*) FROM t WHERE name = 'y'"), ==, 1);
  }
  store_close (&store);
  proxy_stop (&proxy);
}

/* ---- hints ------------------------------------------------------------- */

typedef struct {
  GString *heard;
  guint n_lost;
} Ear;

static void
hear (const char *payload, gpointer data)
{
  Ear *ear = data;

  if (payload == NULL)
    ear->n_lost++;
  else
    g_string_append_printf (ear->heard, "%s;", payload);
}

static void
say (Store *store, const char *payload)
{
  GPtrArray *payloads = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (payloads, g_strdup (payload));
  database_notify (store->database, payloads);
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_hints (void)
{
  Store store;
  Ear ear = { g_string_new (NULL), 0 };
  guint tick;

  if (store_open (&store, STORE_POSTGRES)) {
    tick = g_timeout_add (20, on_tick, NULL);
    database_listen (store.database, hear, &ear);
    database_start (store.database);
    /* until the listener is there */
    while (strstr (ear.heard->str, "first") == NULL) {
      say (&store, "first");
      g_main_context_iteration (NULL, TRUE);
    }
    say (&store, "one 'quoted' \\ thing");
    say (&store, "two");
    while (strstr (ear.heard->str, "two;") == NULL)
      g_main_context_iteration (NULL, TRUE);
    g_assert_nonnull (strstr (ear.heard->str, "one 'quoted' \\ thing;two;"));
    g_assert_cmpuint (ear.n_lost, ==, 0);
    g_assert_cmpint (store_number (&store, "SELECT count (pg_terminate_backend (pid)) FROM "
                                           "pg_stat_activity WHERE query LIKE 'LISTEN%'"),
                     ==, 1);
    while (ear.n_lost == 0)
      g_main_context_iteration (NULL, TRUE);
    say (&store, "three");
    while (strstr (ear.heard->str, "three;") == NULL)
      g_main_context_iteration (NULL, TRUE);
    g_assert_cmpuint (ear.n_lost, ==, 1);
    g_source_remove (tick);
    store_close (&store);
  }
  g_string_free (ear.heard, TRUE);
}

static void
test_first_host_is_dead (void)
{
  Store store = { 0 };
  g_autofree char *set = NULL;

  if (store_cluster_url () == NULL)
    return;
  store.dir = g_dir_make_tmp ("dae-data-XXXXXX", NULL);
  set = g_strdup_printf (
      "database.url=postgresql+asyncpg://daedalus:p%%40ss@/daedalus?ssl=disable&command_timeout=3&"
      "host=/nowhere,%s&port=5432,5432",
      cluster.dir);
  store_configure (&store, (const char *[]){ set, NULL });
  g_assert_nonnull (store.database);
  database_start (store.database);
  g_assert_cmpint (store_number (&store, "SELECT 5 AS a"), ==, 5);
  store_close (&store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/database-postgres/faults-run-again-or-have-their-verdict", test_again);
  g_test_add_func ("/database-postgres/stale-plan-is-prepared-anew", test_stale_plan);
  g_test_add_func ("/database-postgres/unknown-type-is-the-plugins-fault", test_unknown_types);
  g_test_add_func ("/database-postgres/stopped-backend-ends-by-our-deadline", test_stopped_backend);
  g_test_add_data_func ("/database-postgres/commit-in-doubt-is-found-out", NULL, test_in_doubt);
  g_test_add_data_func ("/database-postgres/commit-in-doubt-behind-a-pooler",
                        "database.prepare=false", test_in_doubt);
  g_test_add_func ("/database-postgres/hints-arrive-and-losses-are-told", test_hints);
  g_test_add_func ("/database-postgres/first-host-is-dead", test_first_host_is_dead);
  g_test_add_func ("/database-postgres/killed-server-comes-back", test_killed_server);
  return store_run_tests ();
}
