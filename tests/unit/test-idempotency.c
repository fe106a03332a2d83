/* SPDX-License-Identifier: Apache-2.0 */
/* test-idempotency: the second request with a key gets what the first got, and only its own. */
#include "data/idempotency.h"

#include "data/migrate.h"
#include "test-database.h"

static gboolean
open_migrated (Store *store, gconstpointer kind)
{
  g_autofree char *schema = g_build_filename (g_getenv ("TEST_SOURCE"), "schema", NULL);
  static const char *const none[] = { NULL };

  if (!store_open (store, kind))
    return FALSE;
  g_assert_true (migrate_run (store->database, schema, none, NULL, NULL, store->complaints));
  database_start (store->database);
  return TRUE;
}

typedef struct {
  Store *store;
  const char *subject, *key, *hash;
  IdempotencyState expected;
  /* kept if new */
  const char *headers, *body;
  gboolean status_only;
} Call;

static gpointer
call_run (DaeTx *tx, gpointer data)
{
  Call *call = data;
  IdempotencyAnswer answer = { 0 };
  IdempotencyState state = idempotency_begin (tx, call->subject, call->key, call->hash, &answer);

  g_assert_false (dae_tx_failed (tx));
  g_assert_cmpint (state, ==, call->expected);
  if (state == IDEMPOTENCY_NEW) {
    idempotency_keep (tx, call->subject, call->key, call->hash, 201, call->headers, call->body,
                      call->status_only);
    g_assert_false (dae_tx_failed (tx));
  }
  if (state == IDEMPOTENCY_REPEAT) {
    g_assert_cmpuint (answer.status, ==, 201);
    g_assert_cmpstr (answer.headers, ==, call->headers);
    g_assert_cmpstr (answer.body, ==, call->body);
  }
  return NULL;
}

static void
check (Store *store, Call call)
{
  DatabaseWork work = { .flags = DAE_WORK_WRITES, .run = call_run, .data = &call };

  call.store = store;
  g_assert_cmpint (store_run_work (store, work), ==, DATABASE_DONE);
}

static gboolean
keep_no (gpointer result, gpointer data)
{
  return FALSE;
}

static void
test_states (gconstpointer kind)
{
  static const char headers[] = "[[\"etag\",\"\\\"1\\\"\"],[\"a\",  \"b\"]]";
  static const char body[] = "{\"b\": 1,  \"a\": 2}";
  g_autofree char *large = g_strnfill (64 * 1024 + 1, 'x');
  Store store;
  Call call = { NULL, "ann", "k1", "h1", IDEMPOTENCY_NEW, headers, body, FALSE };
  DatabaseWork rolled_back = {
    .flags = DAE_WORK_WRITES, .run = call_run, .keep = keep_no, .data = &call
  };

  if (!open_migrated (&store, kind))
    return;
  call.store = &store;
  g_assert_cmpint (store_run_work (&store, rolled_back), ==, DATABASE_ROLLED_BACK);
  check (&store, call);
  call.expected = IDEMPOTENCY_REPEAT;
  check (&store, call);
  check (&store, call);
  call.hash = "h2";
  call.expected = IDEMPOTENCY_OTHER;
  check (&store, call);
  /* another person's key of the same name is another key */
  call.subject = "ben";
  call.expected = IDEMPOTENCY_NEW;
  check (&store, call);
  /* no body at all */
  check (&store, (Call){ NULL, "ann", "k2", "h", IDEMPOTENCY_NEW, "[]", NULL, FALSE });
  check (&store, (Call){ NULL, "ann", "k2", "h", IDEMPOTENCY_REPEAT, "[]", NULL, FALSE });
  /* secret; too large; not text */
  check (&store, (Call){ NULL, "ann", "k3", "h", IDEMPOTENCY_NEW, "[]", "{}", TRUE });
  check (&store, (Call){ NULL, "ann", "k3", "h", IDEMPOTENCY_STATUS_ONLY });
  check (&store, (Call){ NULL, "ann", "k4", "h", IDEMPOTENCY_NEW, "[]", large, FALSE });
  check (&store, (Call){ NULL, "ann", "k4", "h", IDEMPOTENCY_STATUS_ONLY });
  check (&store, (Call){ NULL, "ann", "k5", "h", IDEMPOTENCY_NEW, "[]", "\xff", FALSE });
  check (&store, (Call){ NULL, "ann", "k5", "h", IDEMPOTENCY_STATUS_ONLY });
  large[64 * 1024] = '\0';
  check (&store, (Call){ NULL, "ann", "k6", "h", IDEMPOTENCY_NEW, "[]", large, FALSE });
  check (&store, (Call){ NULL, "ann", "k6", "h", IDEMPOTENCY_REPEAT, "[]", large, FALSE });
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM idempotency WHERE body IS NULL"), ==,
                   4);
  store_close (&store);
}

static gpointer
age_run (DaeTx *tx, gpointer data)
{
  dae_exec (tx, "UPDATE idempotency SET created_at = $1",
            DAE_TIME (dae_tx_now (tx) - 25 * 3600 * (gint64)G_USEC_PER_SEC));
  return NULL;
}

static gpointer
sweep_run (DaeTx *tx, gpointer data)
{
  g_assert_false (idempotency_sweep (tx));
  return NULL;
}

static gpointer
fill_run (DaeTx *tx, gpointer data)
{
  for (guint i = 0; i < 700; i++) {
    g_autofree char *key = g_strdup_printf ("fill-%u", i);

    idempotency_keep (tx, "ann", key, "h", 200, NULL, NULL, TRUE);
  }
  return NULL;
}

static gpointer
sweep_more_run (DaeTx *tx, gpointer data)
{
  g_assert_true (idempotency_sweep (tx));
  return NULL;
}

static void
test_age (gconstpointer kind)
{
  Store store;
  Call call = { NULL, "ann", "k", "h", IDEMPOTENCY_NEW, "[]", "{}", FALSE };

  if (!open_migrated (&store, kind))
    return;
  check (&store, call);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, sweep_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM idempotency"), ==, 1);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, age_run), ==, DATABASE_DONE);
  /* as new after a day, also where nobody has swept */
  check (&store, call);
  call.expected = IDEMPOTENCY_REPEAT;
  check (&store, call);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, fill_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, age_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, sweep_more_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_run (&store, DAE_WORK_WRITES, sweep_run), ==, DATABASE_DONE);
  g_assert_cmpint (store_number (&store, "SELECT count(*) FROM idempotency"), ==, 0);
  store_close (&store);
}

/* ---- two at once ------------------------------------------------------- */

typedef struct {
  Store *store;
  GMutex lock;
  GCond cond;
  gboolean is_inside, may_go;
  guint n_done;
} Meeting;

static gpointer
first_run (DaeTx *tx, gpointer data)
{
  Meeting *meeting = data;
  IdempotencyAnswer answer;

  g_assert_cmpint (idempotency_begin (tx, "ann", "k", "h", &answer), ==, IDEMPOTENCY_NEW);
  g_mutex_lock (&meeting->lock);
  meeting->is_inside = TRUE;
  g_cond_broadcast (&meeting->cond);
  while (!meeting->may_go)
    g_cond_wait (&meeting->cond, &meeting->lock);
  g_mutex_unlock (&meeting->lock);
  idempotency_keep (tx, "ann", "k", "h", 201, "[]", "{}", FALSE);
  return NULL;
}

static void
first_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  g_assert_cmpint (verdict, ==, DATABASE_DONE);
  ((Meeting *)data)->n_done++;
}

static void
meeting_release (Meeting *meeting)
{
  g_mutex_lock (&meeting->lock);
  meeting->may_go = TRUE;
  g_cond_broadcast (&meeting->cond);
  g_mutex_unlock (&meeting->lock);
}

static gpointer
release_later (gpointer data)
{
  g_usleep (100 * 1000);
  meeting_release (data);
  return NULL;
}

static void
test_two_at_once (gconstpointer kind)
{
  Store store;
  Meeting meeting = { .store = &store };
  DatabaseWork first = { .what = "first",
                         .flags = DAE_WORK_WRITES,
                         .run = first_run,
                         .done = first_done,
                         .data = &meeting };
  GThread *thread = NULL;

  if (!open_migrated (&store, kind))
    return;
  database_submit (store.database, &first);
  g_mutex_lock (&meeting.lock);
  while (!meeting.is_inside)
    g_cond_wait (&meeting.cond, &meeting.lock);
  g_mutex_unlock (&meeting.lock);
  if (kind == STORE_POSTGRES) {
    check (&store, (Call){ NULL, "ann", "k", "h", IDEMPOTENCY_IN_FLIGHT });
    check (&store, (Call){ NULL, "ann", "other", "h", IDEMPOTENCY_NEW, "[]", "{}", FALSE });
    meeting_release (&meeting);
    while (meeting.n_done == 0)
      g_main_context_iteration (NULL, TRUE);
  } else {
    /* writers stand in line: the second waits for the first */
    thread = g_thread_new ("release", release_later, &meeting);
  }
  check (&store, (Call){ NULL, "ann", "k", "h", IDEMPOTENCY_REPEAT, "[]", "{}", FALSE });
  if (thread != NULL)
    g_thread_join (thread);
  while (meeting.n_done == 0)
    g_main_context_iteration (NULL, TRUE);
  store_close (&store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_add_test ("idempotency", "each-state", test_states);
  store_add_test ("idempotency", "forgotten-after-a-day", test_age);
  store_add_test ("idempotency", "two-at-once", test_two_at_once);
  return store_run_tests ();
}
