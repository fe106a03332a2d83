/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-exemplar: of each bucket the latest request, so that a slow one can be found in the log.
 *
 * One process writes its own cells, whoever scrapes reads them: a sequence that is odd while they
 * change tells a torn reading. The cells: sequence, value, time, trace (2), request (2), whether
 * there is a trace. The exemplars of a dead process go with it.
 */
#include "metrics-private.h"

typedef union {
  guint64 cells[METRICS_EXEMPLAR_CELLS - 1];
  struct {
    double value;
    gint64 time;
    guint8 trace[16], request[16];
    guint64 has_trace;
  };
} ExemplarBody;

G_STATIC_ASSERT (sizeof (ExemplarBody) == sizeof (guint64) * (METRICS_EXEMPLAR_CELLS - 1));

/* 16 bytes out of hexadecimal digits, hyphens left out; FALSE if TEXT is anything else. */
static gboolean
exemplar_parse (const char *text, guint8 *ret)
{
  guint n = 0;

  for (; *text != '\0'; text++) {
    int digit = g_ascii_xdigit_value (*text);

    if (*text == '-')
      continue;
    if (digit < 0 || n == 32)
      return FALSE;
    ret[n / 2] = (guint8)(n % 2 == 0 ? digit << 4 : ret[n / 2] | digit);
    n++;
  }
  return n == 32;
}

static void
exemplar_append (GString *out, const char *name, const guint8 *bytes, gboolean is_uuid)
{
  g_string_append_printf (out, "%s%s=\"", out->len > 0 ? "," : "", name);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (
        out, "%s%02x", is_uuid && (i == 4 || i == 6 || i == 8 || i == 10) ? "-" : "", bytes[i]);
  g_string_append_c (out, '"');
}

void
metrics_keep_exemplar (
    MetricsSeries *series, guint bucket, double value, const char *request_id, const char *trace_id)
{
  guint64 *cells =
      series->own + metrics_family_cells (series->family) + (gsize)bucket * METRICS_EXEMPLAR_CELLS;
  guint64 before = __atomic_load_n (&cells[0], __ATOMIC_RELAXED);
  ExemplarBody body = { .value = value, .time = g_get_real_time () };

  if (!exemplar_parse (request_id, body.request))
    return;
  body.has_trace = trace_id != NULL && exemplar_parse (trace_id, body.trace);
  /* another thread writes one this moment: that will do */
  if ((before & 1) != 0 || !__atomic_compare_exchange_n (&cells[0], &before, before + 1, FALSE,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return;
  for (guint i = 1; i < METRICS_EXEMPLAR_CELLS; i++)
    __atomic_store_n (&cells[i], body.cells[i - 1], __ATOMIC_RELEASE);
  __atomic_store_n (&cells[0], before + 2, __ATOMIC_RELEASE);
}

static gboolean
exemplar_load (const guint64 *cells, ExemplarBody *ret)
{
  for (guint tries = 0; tries < 8; tries++) {
    guint64 before = __atomic_load_n (&cells[0], __ATOMIC_ACQUIRE);

    if (before == 0)
      return FALSE;
    for (guint i = 1; i < METRICS_EXEMPLAR_CELLS; i++)
      ret->cells[i - 1] = __atomic_load_n (&cells[i], __ATOMIC_ACQUIRE);
    if ((before & 1) == 0 && __atomic_load_n (&cells[0], __ATOMIC_RELAXED) == before)
      return TRUE;
  }
  return FALSE;
}

gboolean
metrics_read_exemplar (const MetricsSeries *series,
                       const MetricsReading *reading,
                       guint bucket,
                       MetricsExemplar *ret)
{
  MetricsMemory *memory = &series->family->metrics->memory;
  gsize at = metrics_family_cells (series->family) + (gsize)bucket * METRICS_EXEMPLAR_CELLS;
  ExemplarBody latest = { .time = 0 }, body;
  g_autoptr (GString) labels = NULL;

  for (guint i = 0; i < reading->count && series->alone == NULL; i++)
    if (exemplar_load (metrics_memory_slot (memory, reading->slots[i]) + series->cell + at,
                       &body) &&
        body.time > latest.time)
      latest = body;
  if (latest.time == 0)
    return FALSE;
  labels = g_string_new (NULL);
  if (latest.has_trace)
    exemplar_append (labels, "trace_id", latest.trace, FALSE);
  exemplar_append (labels, "request_id", latest.request, TRUE);
  ret->value = latest.value;
  ret->time = latest.time;
  g_strlcpy (ret->labels, labels->str, sizeof ret->labels);
  return TRUE;
}

void
metrics_observe_request (MetricsSeries *series,
                         double value,
                         const char *request_id,
                         const char *trace_id)
{
  metrics_observe (series, value);
  if (series->family->has_exemplars && value - value == 0)
    metrics_keep_exemplar (series, metrics_bucket (series->family, value), value, request_id,
                           trace_id);
}
