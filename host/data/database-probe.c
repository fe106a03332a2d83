/* SPDX-License-Identifier: Apache-2.0 */
/* database-probe: asks the database whether it is there, on the keeper, which no long statement
 * holds up. */
#include "database-tx.h"

#define PROBE_US (5 * G_USEC_PER_SEC)

typedef struct {
  DatabaseState *state;
  void (*func) (gpointer data); /* or NULL */
  gpointer data;
} Probe;

static gpointer
database_probe_run (DaeTx *tx, gpointer data)
{
  gint64 *ret = g_new (gint64, 1);
  gint64 began = g_get_monotonic_time ();

  dae_query_one (tx, "SELECT 1");
  *ret = g_get_monotonic_time () - began;
  return ret;
}

static void
database_probe_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  g_autofree Probe *probe = data;

  database_state_end_probe (probe->state);
  if (verdict == DATABASE_DONE) {
    database_state_latency (probe->state, *(gint64 *)result);
    database_state_up (probe->state);
  } else if (verdict == DATABASE_DEADLINE) {
    database_state_down (probe->state, "the database does not answer",
                         "no answer to a probe within 5 s");
  }
  g_free (result);
  if (probe->func != NULL)
    probe->func (probe->data);
}

void
database_probe (Database *database, void (*func) (gpointer data), gpointer data)
{
  DatabaseWork work = {
    .what = "probe",
    .flags = DAE_WORK_KEEPER,
    .deadline = g_get_monotonic_time () + PROBE_US,
    .run = database_probe_run,
    .free_result = g_free,
    .done = database_probe_done,
  };
  Probe probe = { database_get_state (database), func, data };

  /* a draining process opens no connection only to look */
  if (database_is_draining (database) || !database_state_begin_probe (probe.state)) {
    if (func != NULL)
      func (data);
    return;
  }
  work.data = g_memdup2 (&probe, sizeof probe);
  database_submit (database, &work);
}
