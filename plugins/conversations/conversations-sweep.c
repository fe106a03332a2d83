/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: turns that nobody takes care of.
 *
 * Every process looks twice a second: for turns whose process has gone (at once
 * where it ran beside us, else when its lease has lapsed), and for queued turns
 * that wait too long. All act alike and the rows decide who was first.
 */
#include "conversations-engine.h"

#include <string.h>

#define SWEEP_TICK_MS 500
/* a turn that waits longer is claimed by whoever sees it */
#define SWEEP_STALE_US (5 * G_USEC_PER_SEC)
/* after a database outage all leases have lapsed: who lives gets this long to renew them */
#define SWEEP_GRACE_US (3 * G_USEC_PER_SEC)

/* Workers that have gone or whose leases lapsed, and turns that wait too long, or (where it is
 * crowded) at all. */
typedef struct {
  gboolean is_crowded;
  GPtrArray *gone, *lapsed, *waiting; /* (element-type char *) */
} Sweep;

static void
sweep_free (gpointer data)
{
  Sweep *sweep = data;

  g_ptr_array_unref (sweep->gone);
  g_ptr_array_unref (sweep->lapsed);
  g_ptr_array_unref (sweep->waiting);
  g_free (sweep);
}

static gpointer
sweep_work (DaeTx *tx, gconstpointer input)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  gboolean is_crowded = GPOINTER_TO_INT (input);
  Sweep *sweep = g_new0 (Sweep, 1);
  DaeRows *rows = dae_query (
      tx, "SELECT worker, min (lease_until) FROM turn WHERE state = 'running' GROUP BY worker");

  sweep->is_crowded = is_crowded;
  sweep->gone = g_ptr_array_new_with_free_func (g_free);
  sweep->lapsed = g_ptr_array_new_with_free_func (g_free);
  sweep->waiting = g_ptr_array_new_with_free_func (g_free);
  while (dae_rows_next (rows)) {
    const char *worker = dae_row_text (rows, 0);

    if (!g_str_equal (worker, own->worker) && worker_is_gone (worker))
      g_ptr_array_add (sweep->gone, g_strdup (worker));
    else if (dae_row_int (rows, 1) < dae_tx_now (tx))
      g_ptr_array_add (sweep->lapsed, g_strdup (worker));
  }
  rows =
      dae_query (tx,
                 "SELECT t.id FROM turn t WHERE t.finished_at IS NULL AND t.state = 'queued' AND "
                 "t.created_at < $1"
                 " AND NOT EXISTS (SELECT 1 FROM turn o WHERE o.conversation_id = t.conversation_id"
                 "  AND o.finished_at IS NULL AND o.position < t.position)"
                 " ORDER BY t.created_at, t.id LIMIT 20",
                 DAE_TIME (dae_tx_now (tx) - (is_crowded ? 0 : SWEEP_STALE_US)));
  while (dae_rows_next (rows))
    g_ptr_array_add (sweep->waiting, g_strdup (dae_row_text (rows, 0)));
  return sweep;
}

typedef struct {
  char *worker;
  gboolean is_gone;
} Interrupt;

static void
interrupt_free (gpointer data)
{
  Interrupt *interrupt = data;

  g_free (interrupt->worker);
  g_free (interrupt);
}

/* Ends the turns of a process that has gone: the text so far stays. */
static gpointer
sweep_interrupt_work (DaeTx *tx, gconstpointer input)
{
  const Interrupt *interrupt = input;
  DaeRows *rows = dae_query (
      tx,
      "SELECT id, cancel_requested FROM turn WHERE state = 'running' AND worker = $1"
      " AND ($2 OR lease_until < $3) ORDER BY conversation_id LIMIT 20",
      DAE_TEXT (interrupt->worker), DAE_BOOL (interrupt->is_gone), DAE_TIME (dae_tx_now (tx)));

  while (dae_rows_next (rows)) {
    gboolean is_cancelled = dae_row_int (rows, 1) != 0;
    TurnEnd end = {
      .turn_id = dae_row_text (rows, 0),
      .worker = interrupt->worker,
      .outcome = is_cancelled ? "cancelled" : "interrupted",
      .code = is_cancelled ? NULL : "interrupted",
      .reason = is_cancelled ? NULL : "the process that ran this answer has ended: ask again",
    };

    turn_finish (tx, &end);
  }
  return NULL;
}

static void
sweep_interrupt_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  if (problem)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot end the turns of a lost process",
             DAE_S ("error", problem));
}

static void
sweep_interrupt (Engine *engine, const char *worker, gboolean is_gone)
{
  Interrupt *interrupt = g_new0 (Interrupt, 1);

  interrupt->worker = g_strdup (worker);
  interrupt->is_gone = is_gone;
  dae_work (engine->self, NULL, DAE_WORK_WRITES, sweep_interrupt_work, interrupt, interrupt_free,
            NULL, sweep_interrupt_done, NULL);
}

/* Interrupts workers whose leases have been seen lapsed for the time of grace. */
static void
sweep_judge_lapsed (Engine *engine, const Sweep *sweep)
{
  GHashTable *lapsed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < sweep->lapsed->len; i++) {
    const char *worker = sweep->lapsed->pdata[i];
    const gint64 *known = g_hash_table_lookup (engine->lapsed, worker);
    gint64 since = known ? *known : now;

    g_hash_table_insert (lapsed, g_strdup (worker), g_memdup2 (&since, sizeof since));
    if (now - since >= SWEEP_GRACE_US)
      sweep_interrupt (engine, worker, FALSE);
  }
  g_hash_table_unref (engine->lapsed);
  engine->lapsed = lapsed;
}

static void
sweep_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  Engine *engine = state->engine;
  const Sweep *sweep = result;

  engine->sweeping = FALSE;
  if (!sweep)
    return;
  for (guint i = 0; i < sweep->gone->len; i++)
    sweep_interrupt (engine, sweep->gone->pdata[i], TRUE);
  sweep_judge_lapsed (engine, sweep);
  if (sweep->is_crowded && sweep->waiting->len == 0 &&
      engine->turned_away == engine->turned_away_before)
    engine->crowded = FALSE;
  for (guint i = 0; !engine->draining && i < sweep->waiting->len; i++)
    engine_claim (self, sweep->waiting->pdata[i]);
}

void
sweep_now (Engine *engine)
{
  if (engine->sweeping)
    return;
  engine->sweeping = TRUE;
  engine->turned_away_before = engine->turned_away;
  dae_work (engine->self, NULL, DAE_WORK_KEEPER, sweep_work, GINT_TO_POINTER (engine->crowded),
            NULL, sweep_free, sweep_done, NULL);
}

static gboolean
sweep_on_tick (DaePlugin *self, gpointer data)
{
  sweep_now (data);
  return TRUE;
}

static void
sweep_on_worker_ended (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  sweep_on_tick (self, data);
}

void
sweep_start (Engine *engine)
{
  dae_timer (engine->self, SWEEP_TICK_MS, sweep_on_tick, engine);
  dae_subscribe (engine->self, "worker:ended", sweep_on_worker_ended, engine);
}
