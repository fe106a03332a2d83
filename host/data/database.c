/* SPDX-License-Identifier: Apache-2.0 */
/* database: the pool of threads, the queue before it, and the way back to the loop.
 *
 * Work waits in one of two queues (pool, keeper), runs on a thread that owns a
 * connection, and comes back in batches: one wake-up of the loop for all that
 * has ended meanwhile, by one source that lives as long as the database.
 */
#include "database.h"

#include <string.h>

#include "../plugin/plugin.h"
#include "database-tx.h"

#define POOL_THREADS  3
#define THREADS       (POOL_THREADS + 1)
#define KEEPER        POOL_THREADS
#define QUEUE_MAX     256
#define QUEUE_WAIT_US (2 * G_USEC_PER_SEC)
#define CONNECT_US    (3 * G_USEC_PER_SEC)
#define PAYLOADS_MAX  4096
#define DEADLINE_US   (30 * G_USEC_PER_SEC)
#define IDLE_US       (1 * G_USEC_PER_SEC) /* a connection of a draining process */

typedef struct {
  DatabaseWork work; /* request_id is owned */
  gint64 submitted;
  DatabaseVerdict verdict;
  gpointer result;
  GArray *held; /* (element-type DatabaseHeld) */
} WorkItem;

typedef struct {
  Database *database;
  GThread *thread;
  DatabaseRunner runner;
  DatabaseThreadState state;
} DatabaseThread;

typedef struct {
  GSource base;
  Database *database;
} HandBack;

struct Database {
  Host *host;
  const DatabaseDriver *driver;
  gpointer shared; /* owned by the driver */
  DatabaseState *state;
  GMainContext *context;
  HandBack *hand_back;
  GPtrArray *listeners; /* owned by the driver */
  guint in_flight;      /* loop only */

  GMutex lock; /* all below */
  GCond pool_cond, keeper_cond;
  guint pool_waits;    /* threads at pool_cond: a signal to nobody is a system call, too */
  GQueue pool, keeper; /* (element-type WorkItem) waiting */
  GQueue ended;        /* (element-type WorkItem) for the loop */
  GPtrArray *payloads; /* for NOTIFY */
  guint32 alone;       /* flags of work of which the pool runs one at a time: constant */
  guint32 running;     /* those of them that run now */
  gboolean stopping, draining;
  DatabaseThread threads[THREADS];
};

static void
database_thread_set_state (DatabaseThread *thread, DatabaseThreadState state)
{
  database_state_thread (thread->database->state, thread->state, state);
  thread->state = state;
}

DatabaseState *
database_get_state (Database *database)
{
  return database->state;
}

gboolean
database_is_stopping (Database *database)
{
  gboolean ret;

  g_mutex_lock (&database->lock);
  ret = database->stopping;
  g_mutex_unlock (&database->lock);
  return ret;
}

gboolean
database_is_draining (Database *database)
{
  return g_atomic_int_get (&database->draining);
}

gboolean
database_is_up (Database *database, gint64 *ret_latency_us, const char **ret_why)
{
  return database_state_get (database->state, ret_latency_us, ret_why);
}

gboolean
database_is_sqlite (Database *database)
{
  return database->driver->is_sqlite;
}

guint
database_in_flight (Database *database)
{
  return database->in_flight;
}

/* ---- the way back ------------------------------------------------------ */

/* with the lock held */
static void
database_end_item (Database *database, WorkItem *item)
{
  gboolean is_first = g_queue_is_empty (&database->ended);

  g_queue_push_tail (&database->ended, item);
  if (is_first)
    g_main_context_wakeup (database->context);
}

/* On the loop. */
static void
database_finish_item (Database *database, WorkItem *item)
{
  database->in_flight--;
  database_held_end (item->held, TRUE);
  if (item->work.done != NULL)
    item->work.done (item->verdict, item->result, item->work.data);
  g_free ((char *)item->work.request_id);
  g_free (item);
}

static gint64
database_item_limit (const WorkItem *item)
{
  return MIN (item->submitted + QUEUE_WAIT_US, item->work.deadline);
}

/* Ends what has waited too long, with the lock held; returns when the next will have, or
 * G_MAXINT64. Whoever came later may have less time. */
static gint64
database_expire (Database *database, GQueue *queue, gint64 now)
{
  gint64 next = G_MAXINT64;

  for (GList *at = queue->head, *after; at != NULL; at = after) {
    WorkItem *item = at->data;
    gint64 limit = database_item_limit (item);

    after = at->next;
    if (limit > now) {
      next = MIN (next, limit);
      continue;
    }
    g_queue_delete_link (queue, at);
    if (now >= item->work.deadline)
      item->verdict = DATABASE_DEADLINE;
    else
      item->verdict =
          database_state_get (database->state, NULL, NULL) ? DATABASE_BUSY : DATABASE_UNAVAILABLE;
    g_queue_push_tail (&database->ended, item);
  }
  return next;
}

static gboolean
database_hand_back_prepare (GSource *source, int *ret_timeout)
{
  Database *database = ((HandBack *)source)->database;
  gint64 now = g_get_monotonic_time ();
  gint64 next;
  gboolean ready;

  g_mutex_lock (&database->lock);
  next = MIN (database_expire (database, &database->pool, now),
              database_expire (database, &database->keeper, now));
  ready = !g_queue_is_empty (&database->ended);
  g_mutex_unlock (&database->lock);
  *ret_timeout = next == G_MAXINT64 ? -1 : (int)((next - now) / 1000 + 1);
  return ready;
}

static gboolean
database_hand_back_check (GSource *source)
{
  int timeout;

  return database_hand_back_prepare (source, &timeout);
}

static gboolean
database_hand_back_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  Database *database = ((HandBack *)source)->database;
  GQueue batch;
  WorkItem *item;

  g_mutex_lock (&database->lock);
  batch = database->ended;
  g_queue_init (&database->ended);
  g_mutex_unlock (&database->lock);
  while ((item = g_queue_pop_head (&batch)) != NULL)
    database_finish_item (database, item);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs hand_back_funcs = {
  .prepare = database_hand_back_prepare,
  .check = database_hand_back_check,
  .dispatch = database_hand_back_dispatch,
};

void
database_submit (Database *database, const DatabaseWork *work)
{
  WorkItem *item = g_new0 (WorkItem, 1);
  GCond *wake = NULL;
  GQueue *queue;

  item->work = *work;
  item->work.request_id = g_strdup (work->request_id);
  item->submitted = g_get_monotonic_time ();
  if (item->work.deadline == 0)
    item->work.deadline = item->submitted + DEADLINE_US;
  database->in_flight++;

  g_mutex_lock (&database->lock);
  queue = (work->flags & DAE_WORK_KEEPER) != 0 ? &database->keeper : &database->pool;
  if (database->stopping || g_queue_get_length (queue) >= QUEUE_MAX) {
    item->verdict = database->stopping ? DATABASE_UNAVAILABLE : DATABASE_BUSY;
    database_end_item (database, item);
  } else {
    g_queue_push_tail (queue, item);
    if (queue == &database->keeper)
      wake = &database->keeper_cond;
    else if (database->pool_waits > 0)
      wake = &database->pool_cond;
  }
  g_mutex_unlock (&database->lock);
  /* not before: who wakes up wants the lock at once */
  if (wake != NULL)
    g_cond_signal (wake);
}

/* ---- threads ----------------------------------------------------------- */

/* The first item that may run now, with the lock held; or NULL. */
static GList *
database_find_item (Database *database, GQueue *queue)
{
  for (GList *at = queue->head; at != NULL; at = at->next) {
    if (queue == &database->keeper || (((WorkItem *)at->data)->work.flags & database->running) == 0)
      return at;
  }
  return NULL;
}

static WorkItem *
database_take (Database *database, GQueue *queue)
{
  GList *found = database_find_item (database, queue);
  WorkItem *item;

  if (found == NULL)
    return NULL;
  item = found->data;
  g_queue_delete_link (queue, found);
  if (queue == &database->keeper)
    return item;
  database->running |= item->work.flags & database->alone;
  /* what could not run before may do so now, and this thread is taken */
  if (database->pool_waits > 0 && database_find_item (database, queue) != NULL)
    g_cond_signal (&database->pool_cond);
  return item;
}

/* Comes back with the lock held. */
static void
database_thread_run (DatabaseThread *thread, WorkItem *item, gboolean is_pool)
{
  Database *database = thread->database;
  gint64 began = g_get_monotonic_time ();

  if (began >= item->work.deadline)
    item->verdict = DATABASE_DEADLINE;
  else
    item->verdict =
        database_runner_execute (&thread->runner, &item->work, &item->result, &item->held);
  database_state_observe (database->state,
                          item->work.plugin != NULL ? item->work.plugin->name : "host",
                          began - item->submitted, g_get_monotonic_time () - began);

  g_mutex_lock (&database->lock);
  database_thread_set_state (thread, thread->runner.connection != NULL ? DATABASE_THREAD_IDLE
                                                                       : DATABASE_THREAD_DOWN);
  if (is_pool)
    database->running &= ~(item->work.flags & database->alone);
  database_end_item (database, item);
}

/* Waits for a signal: FALSE if UNTIL came first; G_MAXINT64: it does not come. Lock as below. */
static gboolean
database_thread_sleep (DatabaseThread *thread, GCond *cond, gint64 until)
{
  Database *database = thread->database;
  gboolean ret = TRUE;

  database->pool_waits += cond == &database->pool_cond;
  if (until == G_MAXINT64)
    g_cond_wait (cond, &database->lock);
  else
    ret = g_cond_wait_until (cond, &database->lock, until);
  database->pool_waits -= cond == &database->pool_cond;
  return ret;
}

/* Opens the connection; pauses and gives up on failure. With the lock held, as it leaves it. */
static void
database_thread_connect (DatabaseThread *thread, GCond *cond, gint64 *pause)
{
  Database *database = thread->database;
  g_autoptr (GError) error = NULL;

  g_mutex_unlock (&database->lock);
  thread->runner.connection = database->driver->open (database->shared, thread->runner.use,
                                                      g_get_monotonic_time () + CONNECT_US, &error);
  if (thread->runner.connection != NULL)
    database_state_up (database->state);
  else
    database_state_down (database->state, "cannot connect to the database", error->message);
  g_mutex_lock (&database->lock);
  if (thread->runner.connection != NULL) {
    *pause = 0;
    database_thread_set_state (thread, DATABASE_THREAD_IDLE);
    return;
  }
  *pause = CLAMP (*pause * 2, 50 * 1000, G_USEC_PER_SEC);
  if (!database->stopping)
    database_thread_sleep (thread, cond, g_get_monotonic_time () + *pause);
}

/* Sends what database_notify has gathered. With the lock held, as it leaves it. */
static void
database_thread_notify (DatabaseThread *thread)
{
  Database *database = thread->database;
  DatabaseConnection *connection = thread->runner.connection;
  g_autoptr (GPtrArray) payloads = g_steal_pointer (&database->payloads);
  gboolean sent;

  g_mutex_unlock (&database->lock);
  database_fault_clear (&connection->fault);
  sent = database->driver->notify (connection, &thread->runner.arena, payloads,
                                   g_get_monotonic_time () + CONNECT_US);
  database_fault_clear (&connection->fault);
  database_arena_clear (&thread->runner.arena);
  if (!sent)
    database->driver->close (g_steal_pointer (&thread->runner.connection));
  g_mutex_lock (&database->lock);
  if (sent)
    return;
  database_thread_set_state (thread, DATABASE_THREAD_DOWN);
  /* hints: once more on the next connection, together with what has come meanwhile */
  if (database->payloads == NULL)
    database->payloads = g_steal_pointer (&payloads);
}

/* Whether THREAD needs a connection now, with the lock held. */
static gboolean
database_thread_wants_connection (DatabaseThread *thread, GQueue *queue)
{
  Database *database = thread->database;

  return !database->draining || database_find_item (database, queue) != NULL ||
         (queue == &database->keeper && database->payloads != NULL);
}

/* Waits for work; a draining process gives the connection back meanwhile. Lock as above. */
static void
database_thread_wait (DatabaseThread *thread, GCond *cond, GQueue *queue)
{
  Database *database = thread->database;

  if (!database->draining || thread->runner.connection == NULL) {
    database_thread_sleep (thread, cond, G_MAXINT64);
    return;
  }
  if (database_thread_sleep (thread, cond, g_get_monotonic_time () + IDLE_US) ||
      database->stopping || database_thread_wants_connection (thread, queue))
    return;
  database_thread_set_state (thread, DATABASE_THREAD_GIVEN_BACK);
  g_mutex_unlock (&database->lock);
  database->driver->close (g_steal_pointer (&thread->runner.connection));
  g_mutex_lock (&database->lock);
}

static gpointer
database_thread_main (gpointer data)
{
  DatabaseThread *thread = data;
  Database *database = thread->database;
  gboolean is_pool = thread != &database->threads[KEEPER];
  GQueue *queue = is_pool ? &database->pool : &database->keeper;
  GCond *cond = is_pool ? &database->pool_cond : &database->keeper_cond;
  gint64 pause = 0;

  g_mutex_lock (&database->lock);
  for (;;) {
    WorkItem *item;

    if (thread->runner.connection == NULL && !database->stopping &&
        database_thread_wants_connection (thread, queue)) {
      database_thread_connect (thread, cond, &pause);
      continue;
    }
    if (!is_pool && database->payloads != NULL && thread->runner.connection != NULL) {
      database_thread_notify (thread);
      continue;
    }
    /* what is left at the end is for those who can do it */
    if (is_pool && thread->runner.connection == NULL && database->stopping &&
        database_state_connected (database->state) >
            (database_state_is_connected (database->threads[KEEPER].state) ? 1u : 0u))
      break;
    item = database_take (database, queue);
    if (item != NULL && thread->runner.connection == NULL) {
      item->verdict = DATABASE_UNAVAILABLE;
      database_end_item (database, item);
    } else if (item != NULL) {
      database_thread_set_state (thread, DATABASE_THREAD_BUSY);
      g_mutex_unlock (&database->lock);
      database_thread_run (thread, item, is_pool);
    } else if (database->stopping) {
      break;
    } else {
      database_thread_wait (thread, cond, queue);
    }
  }
  g_mutex_unlock (&database->lock);
  database_runner_clear (&thread->runner);
  return NULL;
}

void
database_runner_init (DatabaseRunner *runner, Database *database, DatabaseUse use)
{
  *runner = (DatabaseRunner){
    .database = database,
    .driver = database->driver,
    .shared = database->shared,
    .use = use,
  };
}

void
database_start (Database *database)
{
  for (guint i = 0; i < THREADS; i++) {
    DatabaseThread *thread = &database->threads[i];
    g_autofree char *name = i == KEEPER ? g_strdup ("keeper") : g_strdup_printf ("pool-%u", i);

    database_runner_init (&thread->runner, database,
                          i == KEEPER ? DATABASE_USE_KEEPER : DATABASE_USE_POOL);
    thread->runner.heartbeat = database->host->heartbeat;
    thread->runner.heartbeat_index = i == KEEPER ? HEARTBEAT_KEEPER : HEARTBEAT_POOL + i;
    thread->thread = g_thread_new (name, database_thread_main, thread);
  }
}

/* ---- hints ------------------------------------------------------------- */

void
database_notify (Database *database, GPtrArray *payloads)
{
  if (database->driver->notify == NULL || payloads->len == 0) {
    g_ptr_array_unref (payloads);
    return;
  }
  g_mutex_lock (&database->lock);
  if (database->payloads == NULL || database->payloads->len + payloads->len > PAYLOADS_MAX) {
    g_clear_pointer (&database->payloads, g_ptr_array_unref);
    database->payloads = payloads;
  } else {
    for (guint i = 0; i < payloads->len; i++)
      g_ptr_array_add (database->payloads, g_strdup (g_ptr_array_index (payloads, i)));
    g_ptr_array_unref (payloads);
  }
  g_cond_signal (&database->keeper_cond);
  g_mutex_unlock (&database->lock);
}

void
database_listen (Database *database,
                 void (*func) (const char *payload, gpointer data),
                 gpointer data)
{
  if (database->driver->listen != NULL)
    g_ptr_array_add (database->listeners, database->driver->listen (database->shared, func, data));
}

/* ---- birth and death --------------------------------------------------- */

Database *
database_new (Host *host, Complaints *complaints)
{
  Database *database = g_new0 (Database, 1);

  database->host = host;
  database->shared = database_choose (host->config, &host->info, complaints, &database->driver);
  if (database->shared == NULL) {
    g_free (database);
    return NULL;
  }
  g_mutex_init (&database->lock);
  g_cond_init (&database->pool_cond);
  g_cond_init (&database->keeper_cond);
  /* SQLite has one writer: two would only keep threads from readers */
  database->alone = DAE_WORK_SLOW | (database->driver->is_sqlite ? DAE_WORK_WRITES : 0);
  database->listeners = g_ptr_array_new_with_free_func (database->driver->unlisten);
  database->state = database_state_new (host->metrics, THREADS);
  for (guint i = 0; i < THREADS; i++)
    database->threads[i].database = database;
  database->context = g_main_context_ref_thread_default ();
  database->hand_back = (HandBack *)g_source_new (&hand_back_funcs, sizeof (HandBack));
  database->hand_back->database = database;
  g_source_set_name (&database->hand_back->base, "database");
  g_source_attach (&database->hand_back->base, database->context);
  return database;
}

void
database_drain (Database *database)
{
  g_mutex_lock (&database->lock);
  g_atomic_int_set (&database->draining, TRUE);
  g_cond_broadcast (&database->pool_cond);
  g_cond_broadcast (&database->keeper_cond);
  g_mutex_unlock (&database->lock);
  g_ptr_array_set_size (database->listeners, 0);
}

void
database_stop (Database *database)
{
  g_mutex_lock (&database->lock);
  database->stopping = TRUE;
  g_cond_broadcast (&database->pool_cond);
  g_cond_broadcast (&database->keeper_cond);
  g_mutex_unlock (&database->lock);
  for (guint i = 0; i < THREADS; i++) {
    if (database->threads[i].thread != NULL)
      g_thread_join (g_steal_pointer (&database->threads[i].thread));
  }
  /* whoever waits for an outcome gets it, also from work that `done` functions submit now */
  for (;;) {
    WorkItem *item;

    g_mutex_lock (&database->lock);
    /* never started: nobody took these */
    while ((item = g_queue_pop_head (&database->pool)) != NULL ||
           (item = g_queue_pop_head (&database->keeper)) != NULL) {
      item->verdict = DATABASE_UNAVAILABLE;
      g_queue_push_tail (&database->ended, item);
    }
    item = g_queue_pop_head (&database->ended);
    g_mutex_unlock (&database->lock);
    if (item == NULL)
      break;
    database_finish_item (database, item);
  }
}

void
database_free (Database *database)
{
  if (database == NULL)
    return;
  database_stop (database);
  g_ptr_array_unref (database->listeners);
  g_source_destroy (&database->hand_back->base);
  g_source_unref (&database->hand_back->base);
  g_main_context_unref (database->context);
  g_clear_pointer (&database->payloads, g_ptr_array_unref);
  database->driver->free_shared (database->shared);
  database_state_free (database->state);
  g_mutex_clear (&database->lock);
  g_cond_clear (&database->pool_cond);
  g_cond_clear (&database->keeper_cond);
  g_free (database);
}
