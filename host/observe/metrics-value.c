/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-value: changing a series in this process's own cells, reading it over
 * all processes. No locks: a count is one atomic exchange.
 */
#include "metrics-private.h"

static void
metrics_cell_add (guint64 *cell, double by)
{
  guint64 before = metrics_cell_load (cell), after;

  do
    after = metrics_cell_bits (metrics_cell_value (before) + by);
  while (!__atomic_compare_exchange_n (cell, &before, after, TRUE, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED));
}

static void
metrics_series_use (MetricsSeries *series)
{
  if (__atomic_load_n (series->is_hidden, __ATOMIC_RELAXED) != 0)
    __atomic_store_n (series->is_hidden, 0, __ATOMIC_RELAXED);
  if (series->family->type == DAE_GAUGE && series->family->combine == DAE_LAST)
    __atomic_store_n (&series->own[1], (guint64)g_get_monotonic_time (), __ATOMIC_RELAXED);
}

void
metrics_series_hide (MetricsSeries *series)
{
  if (series->family->type == DAE_GAUGE)
    __atomic_store_n (&series->own[0], 0, __ATOMIC_RELAXED);
  __atomic_store_n (series->is_hidden, 1, __ATOMIC_RELAXED);
}

void
metrics_add (MetricsSeries *series, double by)
{
  /* a counter that falls would look like a restart; NaN would stay for ever */
  if (by - by != 0 || (series->family->type == DAE_COUNTER && by < 0) ||
      series->family->type == DAE_HISTOGRAM)
    return;
  metrics_cell_add (&series->own[0], by);
  metrics_series_use (series);
}

void
metrics_set (MetricsSeries *series, double to)
{
  if (series->family->type != DAE_GAUGE)
    return;
  if (to != to) {
    metrics_series_hide (series);
    return;
  }
  __atomic_store_n (&series->own[0], metrics_cell_bits (to), __ATOMIC_RELAXED);
  metrics_series_use (series);
}

guint
metrics_bucket (const MetricsFamily *family, double value)
{
  guint bucket = 0;

  while (bucket < family->n_buckets && value > family->buckets[bucket])
    bucket++;
  return bucket;
}

void
metrics_observe (MetricsSeries *series, double value)
{
  const MetricsFamily *family = series->family;

  if (family->type != DAE_HISTOGRAM || value - value != 0)
    return;
  metrics_cell_add (&series->own[metrics_bucket (family, value)], 1);
  metrics_cell_add (&series->own[family->n_buckets + 1], value);
  metrics_series_use (series);
}

void
metrics_reading_begin (Metrics *metrics, MetricsReading *reading)
{
  MetricsHeader *header = metrics->memory.header;

  reading->sequence = __atomic_load_n (&header->fold_sequence, __ATOMIC_ACQUIRE);
  reading->count = 0;
  for (guint i = 0; i < METRICS_SLOTS; i++) {
    if (__atomic_load_n (&header->pids[i], __ATOMIC_RELAXED) != 0)
      reading->slots[reading->count++] = i;
  }
}

gboolean
metrics_reading_is_sound (Metrics *metrics, const MetricsReading *reading)
{
  __atomic_thread_fence (__ATOMIC_ACQUIRE);
  return (reading->sequence & 1) == 0 && __atomic_load_n (&metrics->memory.header->fold_sequence,
                                                          __ATOMIC_RELAXED) == reading->sequence;
}

double
metrics_read_sum (const MetricsSeries *series, const MetricsReading *reading, guint index)
{
  MetricsMemory *memory = &series->family->metrics->memory;
  gsize cell = series->cell + index;
  double sum;

  if (series->alone != NULL)
    return metrics_cell_value (metrics_cell_load (&series->alone[index]));
  sum = metrics_cell_value (metrics_cell_load (&memory->base[cell]));
  for (guint i = 0; i < reading->count; i++)
    sum += metrics_cell_value (
        metrics_cell_load (metrics_memory_slot (memory, reading->slots[i]) + cell));
  return sum;
}

gboolean
metrics_read_gauge (const MetricsSeries *series, const MetricsReading *reading, double *ret)
{
  MetricsMemory *memory = &series->family->metrics->memory;
  guint32 combine = series->family->combine;
  gboolean is_set = FALSE;
  guint64 latest = 0;
  double result = 0;

  for (guint i = 0; i < reading->count; i++) {
    const guint64 *cells = metrics_memory_slot (memory, reading->slots[i]) + series->cell;
    guint64 bits = metrics_cell_load (&cells[0]);
    guint64 time = combine == DAE_LAST ? metrics_cell_load (&cells[1]) : 0;
    double value = metrics_cell_value (bits);

    if (bits == 0)
      continue;
    if (combine == DAE_SUM)
      result += value;
    else if (!is_set || (combine == DAE_MAX && value > result) ||
             (combine == DAE_MIN && value < result) || (combine == DAE_LAST && time > latest))
      result = value;
    latest = MAX (latest, time);
    is_set = TRUE;
  }
  *ret = result;
  return is_set;
}

double
metrics_value (MetricsSeries *series)
{
  Metrics *metrics = series->family->metrics;
  guint cells = series->family->type == DAE_HISTOGRAM ? series->family->n_buckets + 1 : 1;
  MetricsReading reading;
  double value;
  guint tries = 0;

  do {
    metrics_reading_begin (metrics, &reading);
    value = 0;
    if (series->family->type == DAE_GAUGE)
      metrics_read_gauge (series, &reading, &value);
    for (guint i = 0; series->family->type != DAE_GAUGE && i < cells; i++)
      value += metrics_read_sum (series, &reading, i);
  } while (!metrics_reading_is_sound (metrics, &reading) && ++tries < 1000);
  return value;
}

/* The values move to the base under an odd sequence, so that a scrape sees them once. */
void
metrics_fold (Metrics *metrics, guint slot)
{
  MetricsHeader *header = metrics->memory.header;
  guint64 *cells = metrics_memory_slot (&metrics->memory, slot);

  g_assert (slot < METRICS_SLOTS);
  g_mutex_lock (&metrics->mutex);
  metrics_sync (metrics);
  __atomic_fetch_add (&header->fold_sequence, 1, __ATOMIC_SEQ_CST);
  for (guint i = 0; i < metrics->families->len; i++) {
    MetricsFamily *family = g_ptr_array_index (metrics->families, i);
    guint n = family->type == DAE_GAUGE ? 0 : metrics_family_cells (family);

    for (guint k = 0; k < family->series->len; k++) {
      MetricsSeries *series = g_ptr_array_index (family->series, k);

      for (guint c = series->cell; c < series->cell + n; c++)
        metrics_cell_add (&metrics->memory.base[c],
                          metrics_cell_value (metrics_cell_load (&cells[c])));
    }
  }
  memset (cells, 0, header->cells_used * sizeof *cells);
  __atomic_store_n (&header->pids[slot], 0, __ATOMIC_RELAXED);
  __atomic_fetch_add (&header->fold_sequence, 1, __ATOMIC_SEQ_CST);
  g_mutex_unlock (&metrics->mutex);
}
