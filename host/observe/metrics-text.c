/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-text: the exposition: Prometheus text 0.0.4 and OpenMetrics 1.0.
 */
#include <math.h>
#include <stdlib.h>

#include "metrics-private.h"

typedef struct {
  GString *out;
  gboolean is_openmetrics;
  MetricsReading reading;
} MetricsText;

static const char *const text_types[] = { "counter", "gauge", "histogram" };

static void
text_number (GString *out, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (value)) {
    g_string_append (out, "NaN");
  } else if (isinf (value)) {
    g_string_append (out, value > 0 ? "+Inf" : "-Inf");
  } else if (value == floor (value) && fabs (value) < 1e15) {
    g_string_append_printf (out, "%" G_GINT64_FORMAT, (gint64)value);
  } else {
    g_ascii_formatd (buffer, sizeof buffer, "%.15g", value);
    if (g_ascii_strtod (buffer, NULL) != value)
      g_ascii_formatd (buffer, sizeof buffer, "%.17g", value);
    g_string_append (out, buffer);
  }
}

/* OpenMetrics wants "1.0" for a bucket where the older format says "1". */
static void
text_bound (MetricsText *text, double bound)
{
  text_number (text->out, bound);
  if (text->is_openmetrics && bound == floor (bound) && fabs (bound) < 1e15)
    g_string_append (text->out, ".0");
}

/* Of a counter without its _total, as OpenMetrics names families. */
static void
text_family_name (MetricsText *text, const MetricsFamily *family)
{
  gsize length = strlen (family->name);

  if (text->is_openmetrics && family->type == DAE_COUNTER)
    length -= strlen ("_total");
  g_string_append_len (text->out, family->name, (gssize)length);
}

static void
text_help (MetricsText *text, const char *help)
{
  for (; *help != '\0'; help++) {
    if (*help == '\\' || (*help == '"' && text->is_openmetrics))
      g_string_append_c (text->out, '\\');
    g_string_append_c (text->out, *help);
  }
}

static void
text_sample (MetricsText *text, const MetricsSeries *series, const char *suffix, double value)
{
  g_string_append (text->out, series->family->name);
  g_string_append (text->out, suffix);
  if (*series->labels != '\0') {
    g_string_append_c (text->out, '{');
    g_string_append (text->out, series->labels);
    g_string_append_c (text->out, '}');
  }
  g_string_append_c (text->out, ' ');
  text_number (text->out, value);
  g_string_append_c (text->out, '\n');
}

/* " # {trace_id="..."} VALUE TIME", where there is one; the older format has none. */
static void
text_exemplar (MetricsText *text, const MetricsSeries *series, guint bucket)
{
  MetricsExemplar exemplar;

  if (!text->is_openmetrics || !series->family->has_exemplars ||
      !metrics_read_exemplar (series, &text->reading, bucket, &exemplar))
    return;
  g_string_append_printf (text->out, " # {%s} ", exemplar.labels);
  text_number (text->out, exemplar.value);
  g_string_append_printf (text->out, " %" G_GINT64_FORMAT ".%06d", exemplar.time / G_USEC_PER_SEC,
                          (int)(exemplar.time % G_USEC_PER_SEC));
}

static void
text_histogram (MetricsText *text, const MetricsSeries *series)
{
  const MetricsFamily *family = series->family;
  double count = 0;

  for (guint i = 0; i <= family->n_buckets; i++) {
    count += metrics_read_sum (series, &text->reading, i);
    g_string_append_printf (text->out, "%s_bucket{%s%sle=\"", family->name, series->labels,
                            *series->labels != '\0' ? "," : "");
    if (i < family->n_buckets)
      text_bound (text, family->buckets[i]);
    else
      g_string_append (text->out, "+Inf");
    g_string_append (text->out, "\"} ");
    text_number (text->out, count);
    text_exemplar (text, series, i);
    g_string_append_c (text->out, '\n');
  }
  text_sample (text, series, "_sum",
               metrics_read_sum (series, &text->reading, family->n_buckets + 1));
  text_sample (text, series, "_count", count);
}

static void
text_series (MetricsText *text, const MetricsSeries *series)
{
  const MetricsFamily *family = series->family;
  double value;

  if (__atomic_load_n (series->is_hidden, __ATOMIC_RELAXED) != 0)
    return;
  if (family->type == DAE_HISTOGRAM)
    text_histogram (text, series);
  else if (family->type == DAE_COUNTER)
    text_sample (text, series, "", metrics_read_sum (series, &text->reading, 0));
  else if (metrics_read_gauge (series, &text->reading, &value) || family->is_fixed)
    text_sample (text, series, "", value);
}

static void
text_family (MetricsText *text, const MetricsFamily *family)
{
  g_string_append (text->out, "# HELP ");
  text_family_name (text, family);
  g_string_append_c (text->out, ' ');
  text_help (text, family->help);
  g_string_append (text->out, "\n# TYPE ");
  text_family_name (text, family);
  g_string_append_printf (text->out, " %s\n", text_types[family->type]);
  for (guint i = 0; i < family->series->len; i++)
    text_series (text, g_ptr_array_index (family->series, i));
}

static int
text_compare_families (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const MetricsFamily *const *)a)->name,
                 (*(const MetricsFamily *const *)b)->name);
}

/* The quality that ACCEPT gives to TYPE by name; -1: does not name it. */
static double
text_quality (const char *accept, const char *type)
{
  g_auto (GStrv) ranges = g_strsplit (accept != NULL ? accept : "", ",", 64);

  for (char **range = ranges; *range != NULL; range++) {
    g_auto (GStrv) parts = g_strsplit (*range, ";", 16);
    double quality = 1;

    if (parts[0] == NULL || g_ascii_strcasecmp (g_strstrip (parts[0]), type) != 0)
      continue;
    for (char **part = parts + 1; *part != NULL; part++) {
      if (g_ascii_strncasecmp (g_strstrip (*part), "q=", 2) == 0)
        quality = g_ascii_strtod (*part + 2, NULL);
    }
    return quality;
  }
  return -1;
}

static gboolean
text_prefers_openmetrics (const char *accept)
{
  double open = text_quality (accept, "application/openmetrics-text");

  return open > 0 && open >= text_quality (accept, "text/plain");
}

GBytes *
metrics_render (Metrics *metrics, const char *accept, const char **ret_type)
{
  MetricsText text = { .is_openmetrics = text_prefers_openmetrics (accept) };
  g_autoptr (GPtrArray) families = NULL;
  guint tries = 0;

  g_mutex_lock (&metrics->mutex);
  metrics_sync (metrics);
  families = g_ptr_array_copy (metrics->families, NULL, NULL);
  g_ptr_array_set_free_func (families, NULL);
  g_ptr_array_sort (families, text_compare_families);
  text.out = g_string_sized_new (64 * 1024);
  do {
    g_string_truncate (text.out, 0);
    metrics_reading_begin (metrics, &text.reading);
    for (guint i = 0; i < families->len; i++) {
      const MetricsFamily *family = g_ptr_array_index (families, i);

      if (!family->is_superseded)
        text_family (&text, family);
    }
  } while (!metrics_reading_is_sound (metrics, &text.reading) && ++tries < 10);
  g_mutex_unlock (&metrics->mutex);
  if (text.is_openmetrics)
    g_string_append (text.out, "# EOF\n");
  *ret_type = text.is_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                  : "text/plain; version=0.0.4; charset=utf-8";
  return g_string_free_to_bytes (text.out);
}
