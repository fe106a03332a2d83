/* SPDX-License-Identifier: Apache-2.0 */
/* job: work that one process of the installation does at a time, under a lease row in the database.
 *
 * One beat each 15 s renews and takes the leases of all jobs in one transaction
 * of the keeper. What the loop believes of a lease ends 10 s before the row
 * does, so a process that cannot reach the database stops in time by itself.
 */
#include "job.h"

#include <string.h>

#include "../data/database.h"
#include "../observe/log.h"
#include "../plugin/plugin.h"
#include "bus.h"

#define LEASE_US         (60 * G_USEC_PER_SEC)
#define LEASE_MARGIN_US  (10 * G_USEC_PER_SEC)
#define BEAT_MS          15000
#define BEAT_RETRY_MS    2000
#define BEAT_MIN_MS      500 /* between beats that were asked for */
#define BEAT_DEADLINE_US (5 * G_USEC_PER_SEC)
#define EVERY_MIN_MS     50
#define RETRY_MS         2000

#define TOPIC_WAKE "job:"
#define TOPIC_FREE "lease"

typedef struct {
  Jobs *jobs;
  Plugin *plugin; /* NULL: the host's */
  char *name;     /* of the lease: "PLUGIN:JOB" */
  DaeJob row;
  GCancellable *lease; /* NULL: not ours */
  gint64 held_until;   /* monotonic: what we rely on */
  guint timer;
  gboolean runs;
  gboolean is_woken; /* while it ran */
} Job;

struct Jobs {
  Host *host;
  char *holder;
  GPtrArray *list; /* (element-type Job) sorted by name, so that processes lock rows in one order */
  gint refs;       /* one of the owner's, one for each work on its way */
  gint64 last_beat; /* monotonic */
  guint beat_timer, subscriptions[2];
  gboolean is_started, is_beating, beats_again, is_draining, is_dead;
};

/* What goes to the keeper and back. */
typedef struct {
  Jobs *jobs;
  Job *job;     /* of a step */
  char **names; /* of a beat: copies, since the list is the loop's */
  char *holder;
  gint64 sent;
} JobWork;

static void jobs_beat (Jobs *jobs);
static void job_run (Job *job);

static void
job_free (gpointer data)
{
  Job *job = data;

  g_clear_object (&job->lease);
  g_free (job->name);
  g_free (job);
}

static void
jobs_unref (Jobs *jobs)
{
  if (--jobs->refs > 0)
    return;
  g_ptr_array_unref (jobs->list);
  g_free (jobs->holder);
  g_free (jobs);
}

static JobWork *
job_work_new (Jobs *jobs, Job *job)
{
  JobWork *work = g_new0 (JobWork, 1);

  work->jobs = jobs;
  work->job = job;
  work->holder = g_strdup (jobs->holder);
  work->sent = g_get_monotonic_time ();
  jobs->refs++;
  return work;
}

static void
job_work_free (JobWork *work)
{
  jobs_unref (work->jobs);
  g_strfreev (work->names);
  g_free (work->holder);
  g_free (work);
}

static void
job_clear_timer (guint *timer)
{
  if (*timer != 0)
    g_source_remove (*timer);
  *timer = 0;
}

/* ---- leases, on the keeper --------------------------------------------- */

/* Takes a lease that the first statement did not give: a row that is not there yet, or whose holder
 * has died on this machine. */
static gboolean
job_take_lease (DaeTx *tx, const char *name, const char *holder, gint64 now)
{
  DaeRows *row = dae_query_one (tx, "SELECT holder FROM lease WHERE name = $1", DAE_TEXT (name));
  const char *other = row != NULL ? dae_row_text (row, 0) : NULL;

  if (row == NULL)
    return dae_exec (tx,
                     "INSERT INTO lease (name, holder, expires_at) VALUES ($1, $2, $3) "
                     "ON CONFLICT (name) DO NOTHING",
                     DAE_TEXT (name), DAE_TEXT (holder), DAE_TIME (now + LEASE_US)) == 1;
  if (other == NULL || !job_holder_is_dead (other))
    return FALSE;
  return dae_exec (
             tx, "UPDATE lease SET holder = $2, expires_at = $3 WHERE name = $1 AND holder = $4",
             DAE_TEXT (name), DAE_TEXT (holder), DAE_TIME (now + LEASE_US), DAE_TEXT (other)) == 1;
}

/* Returns an array of gboolean: which of the names are ours. */
static gpointer
job_beat_run (DaeTx *tx, gpointer data)
{
  JobWork *work = data;
  guint n = g_strv_length (work->names);
  gboolean *held = g_new0 (gboolean, n);
  gint64 now = dae_tx_now (tx);

  for (guint i = 0; i < n; i++) {
    held[i] = dae_exec (tx,
                        "UPDATE lease SET holder = $2, expires_at = $3 WHERE name = $1 "
                        "AND (holder = $2 OR expires_at <= $4)",
                        DAE_TEXT (work->names[i]), DAE_TEXT (work->holder),
                        DAE_TIME (now + LEASE_US), DAE_TIME (now)) == 1 ||
              job_take_lease (tx, work->names[i], work->holder, now);
  }
  return held;
}

typedef enum { STEP_LOST = 1, STEP_ENDED, STEP_MORE } StepResult;

static gpointer
job_step_run (DaeTx *tx, gpointer data)
{
  JobWork *work = data;
  gint64 now = dae_tx_now (tx);
  gint64 n = dae_exec (
      tx, "UPDATE lease SET expires_at = $3 WHERE name = $1 AND holder = $2 AND expires_at > $4",
      DAE_TEXT (work->job->name), DAE_TEXT (work->holder), DAE_TIME (now + LEASE_US),
      DAE_TIME (now));

  if (n != 1)
    return GINT_TO_POINTER (STEP_LOST);
  return GINT_TO_POINTER (work->job->row.step (tx, (DaePlugin *)work->job->plugin) ? STEP_MORE
                                                                                   : STEP_ENDED);
}

static gpointer
job_release_run (DaeTx *tx, gpointer data)
{
  JobWork *work = data;

  dae_exec (tx, "UPDATE lease SET holder = '', expires_at = $2 WHERE holder = $1",
            DAE_TEXT (work->holder), DAE_TIME (dae_tx_now (tx)));
  return NULL;
}

/* ---- on the loop ------------------------------------------------------- */

static gboolean
job_on_timer (gpointer data)
{
  Job *job = data;

  job->timer = 0;
  job_run (job);
  return G_SOURCE_REMOVE;
}

static void
job_schedule (Job *job, guint ms)
{
  job_clear_timer (&job->timer);
  job->timer = g_timeout_add (ms, job_on_timer, job);
}

static void
job_lose (Job *job)
{
  g_autoptr (GCancellable) lease = g_steal_pointer (&job->lease);

  job_clear_timer (&job->timer);
  if (lease != NULL)
    g_cancellable_cancel (lease);
}

static void
job_hold (Job *job, gint64 until)
{
  job->held_until = until;
  if (job->lease != NULL)
    return;
  job->lease = g_cancellable_new ();
  if (!job->runs)
    job_schedule (job, 0);
}

/* After a run that ended, or did not come about. */
static void
job_go_on (Job *job, guint ms)
{
  job->runs = FALSE;
  if (job->lease == NULL || job->jobs->is_draining)
    return;
  if (job->is_woken)
    ms = 0;
  job->is_woken = FALSE;
  job_schedule (job, ms);
}

static void
job_step_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  JobWork *work = data;
  Job *job = work->job;

  if (work->jobs->is_dead) {
    job_work_free (work);
    return;
  }
  if (verdict != DATABASE_DONE) {
    job_go_on (job, MAX (MIN (job->row.every_ms, RETRY_MS), EVERY_MIN_MS));
  } else if (GPOINTER_TO_INT (result) == STEP_LOST) {
    job->runs = FALSE;
    job_lose (job);
    jobs_beat (work->jobs);
  } else {
    job_go_on (job,
               GPOINTER_TO_INT (result) == STEP_MORE ? 0 : MAX (job->row.every_ms, EVERY_MIN_MS));
  }
  job_work_free (work);
}

static void
job_run (Job *job)
{
  DatabaseWork work = {
    .plugin = job->plugin,
    .what = job->row.name,
    .flags = DAE_WORK_KEEPER | DAE_WORK_WRITES,
    .run = job_step_run,
    .done = job_step_done,
  };

  if (job->lease == NULL || job->jobs->is_draining)
    return;
  if (job->runs) {
    job->is_woken = TRUE;
    return;
  }
  job_clear_timer (&job->timer);
  if (job->plugin != NULL && plugin_quarantine (job->plugin) > 0) {
    job_go_on (job, MAX (job->row.every_ms, EVERY_MIN_MS));
    return;
  }
  job->runs = TRUE;
  if (job->row.loop != NULL) {
    g_autoptr (GCancellable) lease = g_object_ref (job->lease);

    plugin_enter (job->plugin, job->row.name);
    job->row.loop ((DaePlugin *)job->plugin, lease);
    plugin_leave (job->plugin);
    job_go_on (job, MAX (job->row.every_ms, EVERY_MIN_MS));
    return;
  }
  work.data = job_work_new (job->jobs, job);
  database_submit (job->jobs->host->database, &work);
}

static gboolean
jobs_on_beat_timer (gpointer data)
{
  Jobs *jobs = data;

  jobs->beat_timer = 0;
  jobs_beat (jobs);
  return G_SOURCE_REMOVE;
}

static void
jobs_schedule_beat (Jobs *jobs, guint ms)
{
  job_clear_timer (&jobs->beat_timer);
  jobs->beat_timer = g_timeout_add (ms, jobs_on_beat_timer, jobs);
}

static void
jobs_beat_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  JobWork *work = data;
  Jobs *jobs = work->jobs;
  gboolean *held = result;
  gint64 now = g_get_monotonic_time ();

  jobs->is_beating = FALSE;
  for (guint i = 0; i < jobs->list->len && !jobs->is_draining; i++) {
    Job *job = g_ptr_array_index (jobs->list, i);

    /* names and list are alike: jobs are only added before the first beat */
    if (verdict == DATABASE_DONE && held[i])
      job_hold (job, work->sent + LEASE_US - LEASE_MARGIN_US);
    else if (verdict == DATABASE_DONE || now >= job->held_until)
      job_lose (job);
  }
  if (!jobs->is_draining) {
    gboolean soon = jobs->beats_again;

    jobs->beats_again = FALSE;
    jobs_schedule_beat (jobs, soon ? 0 : verdict == DATABASE_DONE ? BEAT_MS : BEAT_RETRY_MS);
  }
  g_free (held);
  job_work_free (work);
}

static void
jobs_beat (Jobs *jobs)
{
  DatabaseWork work = {
    .what = "leases",
    .flags = DAE_WORK_KEEPER | DAE_WORK_WRITES,
    .deadline = g_get_monotonic_time () + BEAT_DEADLINE_US,
    .run = job_beat_run,
    .free_result = g_free,
    .done = jobs_beat_done,
  };
  JobWork *job_work;

  if (!jobs->is_started || jobs->is_draining || jobs->list->len == 0)
    return;
  if (jobs->is_beating) {
    jobs->beats_again = TRUE;
    return;
  }
  job_clear_timer (&jobs->beat_timer);
  jobs->is_beating = TRUE;
  jobs->last_beat = g_get_monotonic_time ();
  job_work = job_work_new (jobs, NULL);
  job_work->names = g_new0 (char *, jobs->list->len + 1);
  for (guint i = 0; i < jobs->list->len; i++)
    job_work->names[i] = g_strdup (((Job *)g_ptr_array_index (jobs->list, i))->name);
  work.data = job_work;
  database_submit (jobs->host->database, &work);
}

/* A beat that was asked for: at once, but not again and again. */
static void
jobs_beat_soon (Jobs *jobs)
{
  gint64 since = (g_get_monotonic_time () - jobs->last_beat) / 1000;

  if (jobs->last_beat == 0 || since >= BEAT_MIN_MS)
    jobs_beat (jobs);
  else if (jobs->is_started && !jobs->is_draining && !jobs->is_beating)
    jobs_schedule_beat (jobs, (guint)(BEAT_MIN_MS - since));
}

/* ---- hints ------------------------------------------------------------- */

static void
jobs_on_wake_hint (const char *topic, const char *text, gpointer data)
{
  Jobs *jobs = data;

  for (guint i = 0; i < jobs->list->len; i++) {
    Job *job = g_ptr_array_index (jobs->list, i);

    /* after a loss of hints: any of them may have been woken */
    if (text == NULL || strcmp (topic + strlen (TOPIC_WAKE), job->name) == 0)
      job_run (job);
  }
}

static void
jobs_on_free_hint (const char *topic, const char *text, gpointer data)
{
  jobs_beat_soon (data);
}

void
jobs_wake (Jobs *jobs, Plugin *plugin, const char *name)
{
  gboolean is_missing = FALSE;

  for (guint i = 0; i < jobs->list->len; i++) {
    Job *job = g_ptr_array_index (jobs->list, i);

    if (name != NULL && (job->plugin != plugin || strcmp (job->row.name, name) != 0))
      continue;
    if (job->lease != NULL) {
      job_run (job);
      continue;
    }
    is_missing = TRUE;
    if (name != NULL && jobs->host->bus != NULL && jobs->is_started && !jobs->is_draining) {
      g_autofree char *topic = g_strconcat (TOPIC_WAKE, job->name, NULL);

      bus_publish (jobs->host->bus, topic, "");
    }
  }
  if (is_missing)
    jobs_beat_soon (jobs);
}

/* ---- life -------------------------------------------------------------- */

Jobs *
jobs_new (Host *host)
{
  Jobs *jobs = g_new0 (Jobs, 1);

  jobs->host = host;
  jobs->refs = 1;
  jobs->holder = job_holder_new ();
  jobs->list = g_ptr_array_new_with_free_func (job_free);
  return jobs;
}

static int
job_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const Job *const *)a)->name, (*(const Job *const *)b)->name);
}

void
jobs_add (Jobs *jobs, Plugin *plugin, const DaeJob *row)
{
  Job *job = g_new0 (Job, 1);

  g_assert (!jobs->is_started);
  job->jobs = jobs;
  job->plugin = plugin;
  job->row = *row;
  job->name = g_strconcat (plugin != NULL ? plugin->name : "host", ":", row->name, NULL);
  g_ptr_array_add (jobs->list, job);
  g_ptr_array_sort (jobs->list, job_compare);
}

void
jobs_add_host (Jobs *jobs,
               const char *name,
               guint every_ms,
               gboolean (*step) (DaeTx *tx, DaePlugin *self))
{
  DaeJob row = { .name = name, .every_ms = every_ms, .step = step };

  jobs_add (jobs, NULL, &row);
}

void
jobs_start (Jobs *jobs)
{
  jobs->is_started = TRUE;
  if (jobs->host->bus != NULL) {
    jobs->subscriptions[0] =
        bus_subscribe (jobs->host->bus, TOPIC_WAKE "*", jobs_on_wake_hint, jobs);
    jobs->subscriptions[1] = bus_subscribe (jobs->host->bus, TOPIC_FREE, jobs_on_free_hint, jobs);
  }
  jobs_beat (jobs);
}

static void
job_release_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  JobWork *work = data;

  if (verdict == DATABASE_DONE && !work->jobs->is_dead && work->jobs->host->bus != NULL)
    bus_publish (work->jobs->host->bus, TOPIC_FREE, "");
  else if (verdict != DATABASE_DONE)
    log_line (G_LOG_LEVEL_INFO, "leases were not given back and run out by themselves");
  job_work_free (work);
}

void
jobs_drain (Jobs *jobs)
{
  DatabaseWork work = {
    .what = "leases",
    .flags = DAE_WORK_KEEPER | DAE_WORK_WRITES,
    .deadline = g_get_monotonic_time () + BEAT_DEADLINE_US,
    .run = job_release_run,
    .done = job_release_done,
  };

  if (jobs->is_draining)
    return;
  jobs->is_draining = TRUE;
  job_clear_timer (&jobs->beat_timer);
  for (guint i = 0; i < jobs->list->len; i++)
    job_lose (g_ptr_array_index (jobs->list, i));
  if (!jobs->is_started || jobs->list->len == 0)
    return;
  /* behind a step or beat that is on its way: the keeper takes one after the other */
  work.data = job_work_new (jobs, NULL);
  database_submit (jobs->host->database, &work);
}

void
jobs_free (Jobs *jobs)
{
  if (jobs == NULL)
    return;
  jobs->is_dead = TRUE;
  jobs->is_draining = TRUE;
  job_clear_timer (&jobs->beat_timer);
  for (guint i = 0; i < jobs->list->len; i++)
    job_lose (g_ptr_array_index (jobs->list, i));
  for (guint i = 0; i < G_N_ELEMENTS (jobs->subscriptions); i++) {
    if (jobs->subscriptions[i] != 0)
      bus_unsubscribe (jobs->host->bus, jobs->subscriptions[i]);
  }
  jobs_unref (jobs);
}
