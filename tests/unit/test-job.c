/* SPDX-License-Identifier: Apache-2.0 */
/* test-job: one process at a time, the next at once when it gives up or dies. */
#include "process/job.h"

#include "data/migrate.h"
#include "test-database.h"

#include <signal.h>

/* An installation: one database, several processes' worth of jobs in this one. */
static void
open_migrated (Store *store)
{
  g_autofree char *schema = g_build_filename (g_getenv ("TEST_SOURCE"), "schema", NULL);
  static const char *const none[] = { NULL };

  g_assert_true (migrate_run (store->database, schema, none, NULL, NULL, store->complaints));
  database_start (store->database);
}

static gint n_steps, n_more; /* atomic */
static gint n_loops;
static GCancellable *last_lease; /* owned */

static gboolean
step (DaeTx *tx, DaePlugin *self)
{
  g_atomic_int_inc (&n_steps);
  dae_query_one (tx, "SELECT 1 AS a");
  return g_atomic_int_add (&n_more, -1) > 0;
}

static void
loop (DaePlugin *self, GCancellable *lease)
{
  n_loops++;
  g_set_object (&last_lease, lease);
  g_assert_false (g_cancellable_is_cancelled (lease));
}

static const DaeJob step_job = { .name = "step", .every_ms = 100, .step = step };
static const DaeJob loop_job = { .name = "loop", .every_ms = 100, .loop = loop };

static void
reset (void)
{
  g_atomic_int_set (&n_steps, 0);
  g_atomic_int_set (&n_more, 0);
  n_loops = 0;
  g_clear_object (&last_lease);
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
spin (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * 1000;
  guint tick = g_timeout_add (10, on_tick, NULL);

  while (g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
}

/* FALSE: not within 5 s. */
static gboolean
spin_until (gint *counter, gint n)
{
  gint64 end = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;

  while (g_atomic_int_get (counter) < n && g_get_monotonic_time () < end)
    spin (5);
  return g_atomic_int_get (counter) >= n;
}

static void
drain (Store *store, Jobs *jobs)
{
  jobs_drain (jobs);
  while (database_in_flight (store->database) > 0)
    g_main_context_iteration (NULL, TRUE);
  jobs_free (jobs);
}

static Jobs *
begin (Store *store, const DaeJob *job)
{
  Jobs *jobs = jobs_new (&store->host);

  jobs_add (jobs, &store->plugin, job);
  jobs_start (jobs);
  return jobs;
}

static void
test_steps (gconstpointer kind)
{
  Store store;
  Jobs *jobs;
  gint64 began;

  reset ();
  if (!store_open (&store, kind))
    return;
  open_migrated (&store);
  jobs = begin (&store, &step_job);
  began = g_get_monotonic_time ();
  g_assert_true (spin_until (&n_steps, 3));
  g_assert_cmpint (g_get_monotonic_time () - began, >, 190 * 1000);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM lease WHERE name = 'tester:step'"),
                   ==, 1);
  /* more waits: again at once */
  g_atomic_int_set (&n_more, 20);
  began = g_get_monotonic_time ();
  g_assert_true (spin_until (&n_steps, 24));
  g_assert_cmpint (g_get_monotonic_time () - began, <, 1200 * 1000);
  drain (&store, jobs);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM lease WHERE holder = ''"), ==, 1);
  n_steps = 0;
  spin (300);
  g_assert_cmpint (n_steps, ==, 0);
  store_close (&store);
}

static void
test_wake (gconstpointer kind)
{
  static const DaeJob rare = { .name = "step", .every_ms = 60000, .step = step };
  Store store;
  Jobs *jobs;

  reset ();
  if (!store_open (&store, kind))
    return;
  open_migrated (&store);
  jobs = begin (&store, &rare);
  g_assert_true (spin_until (&n_steps, 1));
  spin (150);
  g_assert_cmpint (g_atomic_int_get (&n_steps), ==, 1);
  jobs_wake (jobs, &store.plugin, "step");
  g_assert_true (spin_until (&n_steps, 2));
  jobs_wake (jobs, &store.plugin, "nonsense");
  jobs_wake (jobs, NULL, "step");
  spin (150);
  g_assert_cmpint (g_atomic_int_get (&n_steps), ==, 2);
  /* woken while it is on its way: once more after it */
  jobs_wake (jobs, &store.plugin, "step");
  jobs_wake (jobs, NULL, NULL);
  jobs_wake (jobs, &store.plugin, "step");
  g_assert_true (spin_until (&n_steps, 4));
  spin (150);
  g_assert_cmpint (g_atomic_int_get (&n_steps), ==, 4);
  drain (&store, jobs);
  store_close (&store);
}

static gpointer
steal_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "UPDATE lease SET holder = 'somebody else'");
  return NULL;
}

static gpointer
expire_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "UPDATE lease SET expires_at = $1", DAE_TIME (dae_tx_now (tx) - 1));
  return NULL;
}

static void
test_lost (gconstpointer kind)
{
  Store store;
  Jobs *jobs;
  gint n;

  reset ();
  if (!store_open (&store, kind))
    return;
  open_migrated (&store);
  jobs = begin (&store, &step_job);
  g_assert_true (spin_until (&n_steps, 2));
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, steal_run), ==, DATABASE_DONE);
  spin (20);
  n = g_atomic_int_get (&n_steps);
  spin (500);
  g_assert_cmpint (g_atomic_int_get (&n_steps), <=, n + 1);
  /* the other's lease runs out */
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, expire_run), ==, DATABASE_DONE);
  n = g_atomic_int_get (&n_steps);
  jobs_wake (jobs, &store.plugin, "step");
  g_assert_true (spin_until (&n_steps, n + 2));
  drain (&store, jobs);
  store_close (&store);
}

static void
test_one_at_a_time (gconstpointer kind)
{
  Store store;
  Jobs *first, *second;
  gint n;

  reset ();
  if (!store_open (&store, kind))
    return;
  open_migrated (&store);
  first = begin (&store, &loop_job);
  g_assert_true (spin_until (&n_loops, 1));
  second = begin (&store, &step_job);
  g_assert_true (spin_until (&n_steps, 1));
  jobs_free (second);
  second = begin (&store, &loop_job);
  n = n_loops;
  spin (450);
  /* one pause between runs, not two processes' worth of runs */
  g_assert_cmpint (n_loops - n, <=, 5);
  g_assert_false (g_cancellable_is_cancelled (last_lease));
  jobs_drain (first);
  g_assert_true (g_cancellable_is_cancelled (last_lease));
  while (database_in_flight (store.database) > 0)
    g_main_context_iteration (NULL, TRUE);
  n = n_loops;
  spin (250);
  g_assert_cmpint (n_loops, ==, n);
  /* told that there is something to have */
  jobs_wake (second, &store.plugin, "loop");
  g_assert_true (spin_until (&n_loops, n + 2));
  g_assert_false (g_cancellable_is_cancelled (last_lease));
  jobs_free (first);
  jobs_free (second);
  reset ();
  store_close (&store);
}

static char *dead_holder;

static gpointer
die_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "UPDATE lease SET holder = $1, expires_at = $2", DAE_TEXT (dead_holder),
            DAE_TIME (dae_tx_now (tx) + 60 * G_USEC_PER_SEC));
  return NULL;
}

/* The holder's id of a process that has ended. */
static char *
make_dead_holder (void)
{
  const char *argv[] = { NULL, "--holder", NULL };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  char *output = NULL;

  argv[0] = self;
  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
                               NULL, NULL, NULL));
  return g_strchomp (output);
}

static void
test_death (gconstpointer kind)
{
  Store store;
  Jobs *jobs;
  gint64 began;
  gint n;

  reset ();
  if (!store_open (&store, kind))
    return;
  open_migrated (&store);
  dead_holder = make_dead_holder ();
  jobs = begin (&store, &step_job);
  g_assert_true (spin_until (&n_steps, 1));
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, die_run), ==, DATABASE_DONE);
  spin (300);
  n = g_atomic_int_get (&n_steps);
  began = g_get_monotonic_time ();
  jobs_wake (jobs, NULL, NULL);
  g_assert_true (spin_until (&n_steps, n + 1));
  g_assert_cmpint (g_get_monotonic_time () - began, <, 1500 * 1000);
  drain (&store, jobs);
  g_clear_pointer (&dead_holder, g_free);
  store_close (&store);
}

static void
test_holder (void)
{
  g_autofree char *mine = job_holder_new ();
  g_autofree char *dead = make_dead_holder ();
  g_auto (GStrv) parts = g_strsplit (mine, "/", -1);
  g_autofree char *other_boot = NULL;
  g_autofree char *other_start = NULL;
  g_autofree char *other_namespace = NULL;

  g_assert_cmpuint (g_strv_length (parts), ==, 5);
  g_assert_false (job_holder_is_dead (mine));
  g_assert_true (job_holder_is_dead (dead));
  /* pids come again */
  other_start = g_strjoin ("/", parts[0], parts[1], parts[2], parts[3], "1", NULL);
  g_assert_true (job_holder_is_dead (other_start));
  /* of another machine, or another container, nothing is known */
  g_free (parts[3]);
  parts[3] = g_strdup ("999999");
  other_boot = g_strjoin ("/", parts[0], "elsewhere", parts[2], parts[3], parts[4], NULL);
  g_assert_false (job_holder_is_dead (other_boot));
  other_namespace = g_strjoin ("/", parts[0], parts[1], "1", parts[3], parts[4], NULL);
  g_assert_false (job_holder_is_dead (other_namespace));
  g_assert_false (job_holder_is_dead (""));
  g_assert_false (job_holder_is_dead ("nonsense"));
  g_assert_false (job_holder_is_dead ("a/b/c/-1/5"));
}

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--holder") == 0) {
    g_autofree char *holder = job_holder_new ();

    puts (holder);
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  store_add_test ("job", "steps-run-in-their-pause-or-at-once", test_steps);
  store_add_test ("job", "wake-runs-once-more", test_wake);
  store_add_test ("job", "lost-lease-ends-steps", test_lost);
  store_add_test ("job", "one-process-at-a-time", test_one_at_a_time);
  store_add_test ("job", "lease-of-the-dead-is-taken-at-once", test_death);
  g_test_add_func ("/job/holder-is-dead-only-for-sure", test_holder);
  return store_run_tests ();
}
