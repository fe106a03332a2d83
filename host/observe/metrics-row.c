/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-row: the rules of a family's declaration, which are Prometheus' and
 * those of docs/metrics.md.
 */
#include <math.h>

#include "metrics-private.h"

#define METRICS_NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static const char *const metrics_type_names[] = { "counter", "gauge", "histogram" };

static gboolean
metrics_is_name (const char *name)
{
  return name != NULL && g_ascii_islower (name[0]) && strlen (name) <= 100 &&
         strspn (name, METRICS_NAME_LETTERS) == strlen (name);
}

void
metrics_labels_clear (MetricsLabels *labels)
{
  for (guint i = 0; i < labels->count; i++) {
    g_free (labels->names[i]);
    g_free (labels->values[i]);
  }
  labels->count = 0;
}

static gboolean
metrics_labels_add (MetricsLabels *labels, const char *word)
{
  const char *equals = strchr (word, '=');
  char *name = equals != NULL ? g_strndup (word, (gsize)(equals - word)) : g_strdup (word);
  const char *values = equals != NULL ? equals + 1 : "";

  labels->names[labels->count] = name;
  labels->values[labels->count] = g_strdup (values);
  for (guint i = 0; i < labels->count; i++) {
    if (strcmp (labels->names[i], name) == 0)
      name = NULL;
    if (name == NULL)
      break;
  }
  labels->count++;
  if (!metrics_is_name (name) || strcmp (name, "le") == 0)
    return FALSE;
  return equals == NULL || (*values != '\0' && *values != '|' && !g_str_has_suffix (values, "|") &&
                            strstr (values, "||") == NULL);
}

/* "agent outcome=done|failed" */
gboolean
metrics_labels_parse (const char *text, MetricsLabels *ret)
{
  g_auto (GStrv) words = g_strsplit (text != NULL ? text : "", " ", -1);

  *ret = (MetricsLabels){ .count = 0 };
  for (char **word = words; *word != NULL; word++) {
    if (**word == '\0')
      continue;
    if (ret->count == METRICS_MAX_LABELS || !metrics_labels_add (ret, *word)) {
      metrics_labels_clear (ret);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
metrics_refuse (const DaeMetric *row, GError **error, const char *why)
{
  const char *type =
      row->type < G_N_ELEMENTS (metrics_type_names) ? metrics_type_names[row->type] : "metric";

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s \"%s\", %s", type,
               row->name != NULL ? row->name : "", why);
  return FALSE;
}

static gboolean
metrics_check_name (const DaeMetric *row, GError **error)
{
  static const char *const endings[] = { "_total", "_count", "_sum", "_bucket", "_created" };

  if (!metrics_is_name (row->name))
    return metrics_refuse (row, error, "whose name must be made of a-z, 0-9 and '_'");
  if (row->type == DAE_COUNTER)
    return g_str_has_suffix (row->name, "_total") ||
           metrics_refuse (row, error, "whose name must end in _total");
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++) {
    g_autofree char *why = NULL;

    if (!g_str_has_suffix (row->name, endings[i]))
      continue;
    why = g_strdup_printf ("whose name must not end in %s", endings[i]);
    return metrics_refuse (row, error, why);
  }
  return TRUE;
}

static gboolean
metrics_check_buckets (const DaeMetric *row, GError **error)
{
  if (row->type != DAE_HISTOGRAM)
    return row->n_buckets == 0 ||
           metrics_refuse (row, error, "which has buckets but is no histogram");
  if (row->n_buckets == 0 || row->n_buckets > 100 || row->buckets == NULL)
    return metrics_refuse (row, error, "which needs from 1 to 100 buckets");
  for (guint i = 0; i < row->n_buckets; i++) {
    if (!isfinite (row->buckets[i]) || (i > 0 && row->buckets[i] <= row->buckets[i - 1]))
      return metrics_refuse (row, error, "whose buckets must rise");
  }
  return TRUE;
}

gboolean
metrics_check_row (const DaeMetric *row, GError **error)
{
  MetricsLabels labels;

  if (row->type > DAE_HISTOGRAM || row->combine > DAE_LAST)
    return metrics_refuse (row, error, "of a kind that this daedalus does not know");
  if (!metrics_check_name (row, error))
    return FALSE;
  if (row->type != DAE_GAUGE && row->combine != DAE_SUM)
    return metrics_refuse (row, error, "which can only be summed");
  if (row->help == NULL || *row->help == '\0' || strchr (row->help, '\n') != NULL)
    return metrics_refuse (row, error, "which needs a help text of one line");
  if (g_str_has_suffix (row->help, "."))
    return metrics_refuse (row, error, "whose help text must not end in a full stop");
  if (!metrics_labels_parse (row->labels, &labels))
    return metrics_refuse (row, error,
                           "whose labels must look like \"name other=this|that\", at most 8");
  metrics_labels_clear (&labels);
  return metrics_check_buckets (row, error);
}
