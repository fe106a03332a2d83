/* SPDX-License-Identifier: Apache-2.0 */
/* beat: what running turns have to say goes into the log.
 *
 * One transaction a beat holds the new events of all turns of this process, in
 * the order of conversations, renews their leases and reads whether they are to
 * be cancelled. If it fails each turn is tried by itself; what was written after
 * all, where the answer to a COMMIT was lost, is not written again. A turn that
 * is no longer ours is dropped. An end is a transaction of its own on the pool.
 */
#include "conversations-engine.h"

#include <string.h>

#define BEAT_RENEW_US     (G_USEC_PER_SEC)
#define BEAT_REST_US      (250 * 1000)
#define BEAT_MAX_FAILURES 20

enum { BEAT_OURS = 0, BEAT_LOST = 1, BEAT_CANCEL = 2 };

/* What one turn gives to a beat. */
typedef struct {
  char *turn_id, *conversation_id;
  GQueue events;     /* (element-type RunEvent) */
  char *activities;  /* JSON, NULL: unchanged */
  RunResult *result; /* it ends: owned, or NULL */
  gboolean in_doubt; /* some events may have been written */
} BeatItem;

typedef struct {
  const char *worker;
  GPtrArray *items; /* (element-type BeatItem) by conversation */
} Beat;

static void
beat_item_free (gpointer data)
{
  BeatItem *item = data;

  g_queue_clear_full (&item->events, run_event_free);
  if (item->result)
    run_result_free (item->result);
  g_free (item->turn_id);
  g_free (item->conversation_id);
  g_free (item->activities);
  g_free (item);
}

static Beat *
beat_new (DaePlugin *self)
{
  const Conversations *own = dae_data (self);
  Beat *beat = g_new0 (Beat, 1);

  beat->worker = own->worker;
  beat->items = g_ptr_array_new_with_free_func (beat_item_free);
  return beat;
}

static void
beat_free (gpointer data)
{
  Beat *beat = data;

  g_ptr_array_unref (beat->items);
  g_free (beat);
}

static gint
beat_compare (gconstpointer a, gconstpointer b)
{
  const BeatItem *const *left = a, *const *right = b;

  return strcmp ((*left)->conversation_id, (*right)->conversation_id);
}

/* Moves what RUN has into BEAT. */
static void
beat_take (Beat *beat, Run *run)
{
  BeatItem *item = g_new0 (BeatItem, 1);

  run_cut (run);
  item->turn_id = g_strdup (run->turn_id);
  item->conversation_id = g_strdup (run->conversation_id);
  item->events = run->events;
  g_queue_init (&run->events);
  if (run->activities_changed || run->result)
    item->activities = run_dup_activities (run);
  run->activities_changed = FALSE;
  item->result = g_steal_pointer (&run->result);
  item->in_doubt = run->failures > 0;
  run->busy = TRUE;
  g_ptr_array_add (beat->items, item);
}

/* Gives back what was not written. */
static void
beat_restore (BeatItem *item, Run *run)
{
  RunEvent *event;

  while ((event = g_queue_pop_tail (&item->events)))
    g_queue_push_head (&run->events, event);
  if (item->activities)
    run->activities_changed = TRUE;
  if (item->result)
    run->result = g_steal_pointer (&item->result);
}

/* ---- in the transaction ----------------------------------------------------- */

/* The ordinal of the last event that was written. */
static gint64
beat_read_written (DaeTx *tx, const BeatItem *item)
{
  DaeRows *row = item->in_doubt ? dae_query_one (tx, "SELECT written FROM turn WHERE id = $1",
                                                 DAE_UUID (item->turn_id))
                                : NULL;

  return row ? dae_row_int (row, 0) : 0;
}

/* Fence and events of one turn: BEAT_LOST, BEAT_CANCEL or BEAT_OURS. */
static guint8
beat_write_item (DaeTx *tx, const BeatItem *item, const char *worker)
{
  gboolean has_events = item->events.length > 0;
  const RunEvent *last = g_queue_peek_tail ((GQueue *)&item->events);
  gint64 written;
  EventLog log;
  DaeRows *row;

  if (has_events && !event_log_open (&log, tx, item->conversation_id, item->events.length))
    return BEAT_LOST;
  written = beat_read_written (tx, item);
  row = dae_query_one (
      tx,
      "UPDATE turn SET lease_until = $3, activities = coalesce ($4, activities),"
      " written = CASE WHEN $5 > written THEN $5 ELSE written END"
      " WHERE id = $1 AND worker = $2 AND state = 'running' RETURNING cancel_requested",
      DAE_UUID (item->turn_id), DAE_TEXT (worker), DAE_TIME (dae_tx_now (tx) + TURN_LEASE_US),
      DAE_JSON (item->activities), DAE_INT (last ? last->ordinal : 0));
  for (const GList *link = row ? item->events.head : NULL; link; link = link->next) {
    const RunEvent *event = link->data;

    if (event->ordinal > written)
      event_log_add (&log, event->kind, item->turn_id, NULL, event->data);
  }
  if (has_events)
    event_log_close (&log);
  if (!row)
    return BEAT_LOST;
  return dae_row_int (row, 0) ? BEAT_CANCEL : BEAT_OURS;
}

/* A GBytes of one byte for each item. */
static gpointer
beat_write (DaeTx *tx, gconstpointer input)
{
  const Beat *beat = input;
  GByteArray *verdicts = g_byte_array_new ();

  for (guint i = 0; i < beat->items->len && !dae_tx_failed (tx); i++) {
    guint8 verdict = beat_write_item (tx, beat->items->pdata[i], beat->worker);

    g_byte_array_append (verdicts, &verdict, 1);
  }
  return g_byte_array_free_to_bytes (verdicts);
}

static gpointer
beat_write_end (DaeTx *tx, gconstpointer input)
{
  const Beat *beat = input;
  const BeatItem *item = beat->items->pdata[0];
  const RunResult *result = item->result;
  guint8 verdict = beat_write_item (tx, item, beat->worker);
  TurnEnd end = {
    .turn_id = item->turn_id,
    .worker = beat->worker,
    .outcome = result->outcome,
    .text = result->text,
    .iterations = result->iterations,
    .activities = item->activities,
    .notes = result->notes,
    .code = result->code,
    .reason = result->reason,
    .session = result->session,
    .session_lost = result->session_lost,
  };

  if (verdict == BEAT_LOST || !turn_finish (tx, &end))
    verdict = BEAT_LOST;
  return g_bytes_new (&verdict, 1);
}

/* ---- on the loop ------------------------------------------------------------ */

static void beat_done (DaePlugin *self, gpointer result, const char *problem, gpointer data);

static void
beat_submit (DaePlugin *self, Beat *beat)
{
  BeatItem *first = beat->items->pdata[0];

  if (first->result)
    dae_work (self, NULL, DAE_WORK_WRITES, beat_write_end, beat, beat_free,
              (GDestroyNotify)g_bytes_unref, beat_done, beat);
  else
    dae_work (self, NULL, DAE_WORK_WRITES | DAE_WORK_KEEPER, beat_write, beat, beat_free,
              (GDestroyNotify)g_bytes_unref, beat_done, beat);
}

/* A turn whose writes are refused again and again cannot go on: its lease lapses and it is
 * interrupted. */
static void
beat_failed (Engine *engine, BeatItem *item, Run *run, const char *problem)
{
  gboolean is_refused = g_str_equal (problem, "failed") || g_str_equal (problem, "invalid");

  engine->rest_until = g_get_monotonic_time () + BEAT_REST_US;
  run->busy = FALSE;
  run->failures++;
  beat_restore (item, run);
  if (!is_refused || run->failures < BEAT_MAX_FAILURES)
    return;
  dae_log (engine->self, G_LOG_LEVEL_WARNING, "turn cannot be written", DAE_S ("error", problem),
           DAE_S ("agent", run->agent));
  engine_drop (engine, run);
}

static void
beat_written (Engine *engine, BeatItem *item, Run *run, guint8 verdict)
{
  run->busy = FALSE;
  run->failures = 0;
  run->renewed = g_get_monotonic_time ();
  for (const GList *link = item->events.head; link; link = link->next)
    run->unwritten -= ((const RunEvent *)link->data)->bytes;
  if (verdict == BEAT_LOST || item->result) {
    engine_drop (engine, run);
    return;
  }
  run_balance (run);
  if (verdict == BEAT_CANCEL)
    engine_cancel (engine, run);
}

/* Each turn by itself. */
static void
beat_split (DaePlugin *self, Beat *beat)
{
  while (beat->items->len > 0) {
    Beat *single = beat_new (self);

    g_ptr_array_add (single->items, g_ptr_array_steal_index (beat->items, 0));
    beat_submit (self, single);
  }
}

/* Without a pause after the last beat: a process that drains ends when nothing is on its way. */
static void
engine_beat_ends (Engine *engine)
{
  GHashTableIter iter;
  gpointer run;

  if (g_get_monotonic_time () < engine->rest_until)
    return;
  g_hash_table_iter_init (&iter, engine->runs);
  while (g_hash_table_iter_next (&iter, NULL, &run)) {
    Beat *beat;

    if (((Run *)run)->busy || !((Run *)run)->result)
      continue;
    beat = beat_new (engine->self);
    beat_take (beat, run);
    beat_submit (engine->self, beat);
  }
}

static void
beat_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  Engine *engine = state->engine;
  Beat *beat = data;
  BeatItem *first = beat->items->pdata[0];
  const guint8 *verdicts = problem ? NULL : g_bytes_get_data (result, NULL);

  if (!first->result)
    engine->beating = FALSE;
  if (problem && beat->items->len > 1) {
    beat_split (self, beat);
    return;
  }
  for (guint i = 0; i < beat->items->len; i++) {
    BeatItem *item = beat->items->pdata[i];
    Run *run = g_hash_table_lookup (engine->runs, item->turn_id);

    if (run && problem)
      beat_failed (engine, item, run, problem);
    else if (run)
      beat_written (engine, item, run, verdicts[i]);
  }
  engine_beat_ends (engine);
}

static gboolean
beat_is_due (const Run *run, gint64 now)
{
  return !run->busy && !run->result &&
         (run->text->len > 0 || run->events.length > 0 || run->progress ||
          now - run->renewed >= BEAT_RENEW_US);
}

void
engine_beat (Engine *engine)
{
  gint64 now = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer run;
  Beat *beat;

  if (now < engine->rest_until)
    return;
  engine_beat_ends (engine);
  if (engine->beating)
    return;
  beat = beat_new (engine->self);
  g_hash_table_iter_init (&iter, engine->runs);
  while (g_hash_table_iter_next (&iter, NULL, &run))
    if (beat_is_due (run, now))
      beat_take (beat, run);
  if (beat->items->len == 0) {
    beat_free (beat);
    return;
  }
  g_ptr_array_sort (beat->items, beat_compare);
  engine->beating = TRUE;
  beat_submit (engine->self, beat);
}
