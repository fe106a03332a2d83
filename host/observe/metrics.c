/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: families and series: this process's picture of the dictionary, and its growth.
 */
#include "metrics.h"

#include <unistd.h>

#include "log.h"
#include "metrics-private.h"

#define METRICS_DEFAULT_SERIES 200
#define METRICS_FIXED_MAX      1000 /* series that exist from the first scrape on */

static void
metrics_series_free (gpointer data)
{
  MetricsSeries *series = data;

  g_free (series->key);
  g_free (series->labels);
  g_free (series->alone);
  g_free (series);
}

static void
metrics_family_free (gpointer data)
{
  MetricsFamily *family = data;

  g_hash_table_unref (family->by_values);
  g_ptr_array_unref (family->series);
  for (guint i = 0; i < family->n_labels; i++) {
    g_free (family->label_names[i]);
    g_strfreev (family->label_values[i]);
  }
  g_free (family->buckets);
  g_free (family->name);
  g_free (family->help);
  g_free (family->owner);
  g_free (family);
}

guint
metrics_family_cells (const MetricsFamily *family)
{
  if (family->type == DAE_HISTOGRAM)
    return family->n_buckets + 2; /* one for +Inf, one for the sum */
  return family->type == DAE_GAUGE && family->combine == DAE_LAST ? 2 : 1;
}

guint
metrics_family_room (const MetricsFamily *family)
{
  return metrics_family_cells (family) +
         (family->has_exemplars ? (family->n_buckets + 1) * METRICS_EXEMPLAR_CELLS : 0);
}

static const char *
metrics_next_string (const char **at)
{
  const char *text = *at;

  *at += strlen (text) + 1;
  return text;
}

static void
metrics_append_label (GString *text, const char *name, const char *value)
{
  if (text->len > 0)
    g_string_append_c (text, ',');
  g_string_append_printf (text, "%s=\"", name);
  for (const char *at = value; *at != '\0'; at++) {
    if (*at == '\n')
      g_string_append (text, "\\n");
    else if (*at == '"' || *at == '\\')
      g_string_append_printf (text, "\\%c", *at);
    else
      g_string_append_c (text, *at);
  }
  g_string_append_c (text, '"');
}

static MetricsSeries *
metrics_series_new (MetricsFamily *family, const char *const *values)
{
  MetricsSeries *series = g_new0 (MetricsSeries, 1);
  GString *key = g_string_new (NULL), *labels = g_string_new (NULL);

  for (guint i = 0; i < family->n_labels; i++) {
    g_string_append_printf (key, "%s%s", i > 0 ? METRICS_JOIN : "", values[i]);
    metrics_append_label (labels, family->label_names[i], values[i]);
  }
  series->family = family;
  series->key = g_string_free (key, FALSE);
  series->labels = g_string_free (labels, FALSE);
  g_ptr_array_add (family->series, series);
  g_hash_table_replace (family->by_values, series->key, series);
  return series;
}

static void
metrics_take_family (Metrics *metrics, MetricsEntry *entry)
{
  MetricsFamily *family = g_new0 (MetricsFamily, 1), *before;
  const char *at = (const char *)(entry + 1) + entry->n_buckets * sizeof (double);

  family->metrics = metrics;
  family->number = metrics->families->len;
  family->type = entry->type;
  family->combine = entry->combine;
  family->max_series = entry->max_series;
  family->has_exemplars = entry->has_exemplars != 0;
  family->n_buckets = entry->n_buckets;
  family->buckets = g_memdup2 (entry + 1, entry->n_buckets * sizeof (double));
  family->name = g_strdup (metrics_next_string (&at));
  family->help = g_strdup (metrics_next_string (&at));
  family->n_labels = entry->n_labels;
  family->is_fixed = TRUE;
  for (guint i = 0; i < family->n_labels; i++) {
    const char *values;

    family->label_names[i] = g_strdup (metrics_next_string (&at));
    values = metrics_next_string (&at);
    family->label_values[i] = *values != '\0' ? g_strsplit (values, "|", -1) : NULL;
    family->is_fixed = family->is_fixed && *values != '\0';
  }
  family->series = g_ptr_array_new_with_free_func (metrics_series_free);
  family->by_values = g_hash_table_new (g_str_hash, g_str_equal);
  before = g_hash_table_lookup (metrics->by_name, family->name);
  if (before != NULL)
    before->is_superseded = TRUE;
  g_hash_table_replace (metrics->by_name, family->name, family);
  g_ptr_array_add (metrics->families, family);
}

static void
metrics_take_series (Metrics *metrics, MetricsEntry *entry)
{
  MetricsFamily *family = g_ptr_array_index (metrics->families, entry->family);
  const char *values[METRICS_MAX_LABELS];
  const char *at = (const char *)(entry + 1);
  MetricsSeries *series;

  for (guint i = 0; i < family->n_labels; i++)
    values[i] = metrics_next_string (&at);
  series = metrics_series_new (family, values);
  series->cell = entry->cell;
  series->is_hidden = &entry->is_hidden;
  series->own = metrics_memory_slot (&metrics->memory, metrics->slot) + entry->cell;
}

/* Takes what other processes have added into the picture. */
void
metrics_sync (Metrics *metrics)
{
  guint32 used = __atomic_load_n (&metrics->memory.header->dictionary_used, __ATOMIC_ACQUIRE);

  while (metrics->seen < used) {
    MetricsEntry *entry = (MetricsEntry *)(gpointer)(metrics->memory.dictionary + metrics->seen);

    if (entry->kind == METRICS_ENTRY_FAMILY)
      metrics_take_family (metrics, entry);
    else
      metrics_take_series (metrics, entry);
    metrics->seen += entry->size;
  }
}

Metrics *
metrics_new (int fd, guint slot)
{
  Metrics *metrics = g_new0 (Metrics, 1);

  g_assert (slot < METRICS_SLOTS);
  if (!metrics_memory_map (&metrics->memory, fd))
    g_error ("the memory for metrics is not of this daedalus");
  g_mutex_init (&metrics->mutex);
  metrics->slot = slot;
  metrics->families = g_ptr_array_new_with_free_func (metrics_family_free);
  metrics->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  __atomic_store_n (&metrics->memory.header->pids[slot], (guint32)getpid (), __ATOMIC_RELAXED);
  return metrics;
}

void
metrics_free (Metrics *metrics)
{
  if (metrics == NULL)
    return;
  g_hash_table_unref (metrics->by_name);
  g_ptr_array_unref (metrics->families);
  metrics_memory_unmap (&metrics->memory);
  g_mutex_clear (&metrics->mutex);
  g_free (metrics);
}

static void
metrics_entry_put (char **at, const char *text)
{
  gsize size = strlen (text) + 1;

  memcpy (*at, text, size);
  *at += size;
}

/* With both locks held. FALSE if the memory is full. */
static gboolean
metrics_write_family (Metrics *metrics,
                      const char *name,
                      const DaeMetric *row,
                      gboolean is_traced,
                      const MetricsLabels *labels)
{
  gsize buckets = row->n_buckets * sizeof (double);
  gsize size = sizeof (MetricsEntry) + buckets + strlen (name) + strlen (row->help) + 2;
  MetricsEntry *entry;
  char *at;

  for (guint i = 0; i < labels->count; i++)
    size += strlen (labels->names[i]) + strlen (labels->values[i]) + 2;
  entry = metrics_memory_begin (&metrics->memory, size);
  if (entry == NULL)
    return FALSE;
  entry->kind = METRICS_ENTRY_FAMILY;
  entry->type = row->type;
  entry->combine = row->combine;
  entry->max_series = row->max_series != 0 ? row->max_series : METRICS_DEFAULT_SERIES;
  entry->n_buckets = row->n_buckets;
  entry->n_labels = labels->count;
  entry->has_exemplars = is_traced;
  if (buckets > 0)
    memcpy (entry + 1, row->buckets, buckets);
  at = (char *)(entry + 1) + buckets;
  metrics_entry_put (&at, name);
  metrics_entry_put (&at, row->help);
  for (guint i = 0; i < labels->count; i++) {
    metrics_entry_put (&at, labels->names[i]);
    metrics_entry_put (&at, labels->values[i]);
  }
  metrics_memory_publish (&metrics->memory, entry, 0);
  return TRUE;
}

static gboolean
metrics_is_same (const MetricsFamily *family,
                 const DaeMetric *row,
                 gboolean is_traced,
                 const MetricsLabels *labels)
{
  if (family->has_exemplars != is_traced || family->type != row->type ||
      family->combine != row->combine || family->n_buckets != row->n_buckets ||
      family->n_labels != labels->count || strcmp (family->help, row->help) != 0 ||
      family->max_series != (row->max_series != 0 ? row->max_series : METRICS_DEFAULT_SERIES))
    return FALSE;
  for (guint i = 0; i < labels->count; i++) {
    g_autofree char *values =
        family->label_values[i] != NULL ? g_strjoinv ("|", family->label_values[i]) : g_strdup ("");

    if (strcmp (family->label_names[i], labels->names[i]) != 0 ||
        strcmp (values, labels->values[i]) != 0)
      return FALSE;
  }
  return row->n_buckets == 0 ||
         memcmp (family->buckets, row->buckets, row->n_buckets * sizeof (double)) == 0;
}

/* Finds or writes the family; with the mutex held. */
static MetricsFamily *
metrics_ensure_family (Metrics *metrics,
                       const char *name,
                       const DaeMetric *row,
                       gboolean is_traced,
                       const MetricsLabels *labels,
                       GError **error)
{
  MetricsFamily *family;
  gboolean ok = TRUE;

  metrics_memory_lock (&metrics->memory);
  metrics_sync (metrics);
  family = g_hash_table_lookup (metrics->by_name, name);
  if (family != NULL && family->type != row->type)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "metric \"%s\", which was of another type when this daedalus started", row->name);
  else if (family == NULL || !metrics_is_same (family, row, is_traced, labels))
    ok = metrics_write_family (metrics, name, row, is_traced, labels);
  metrics_sync (metrics);
  metrics_memory_unlock (&metrics->memory);
  if (!ok)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                 "metric \"%s\", for which there is no room", row->name);
  if (!ok || (family != NULL && family->type != row->type))
    return NULL;
  return g_hash_table_lookup (metrics->by_name, name);
}

/* All combinations of listed values, if there are not too many. */
static void
metrics_make_fixed (MetricsFamily *family)
{
  const char *values[METRICS_MAX_LABELS];
  guint combinations = 1;

  for (guint i = 0; i < family->n_labels && combinations <= METRICS_FIXED_MAX; i++)
    combinations *= g_strv_length (family->label_values[i]);
  for (guint c = 0; c < combinations && combinations <= METRICS_FIXED_MAX; c++) {
    guint rest = c;

    for (guint i = 0; i < family->n_labels; i++) {
      guint n = g_strv_length (family->label_values[i]);

      values[i] = family->label_values[i][rest % n];
      rest /= n;
    }
    metrics_series (family, values, family->n_labels);
  }
}

static MetricsFamily *
metrics_register (Metrics *metrics,
                  const char *owner,
                  const char *name,
                  const DaeMetric *row,
                  gboolean is_traced,
                  GError **error)
{
  MetricsFamily *family;
  MetricsLabels labels;

  if (!metrics_labels_parse (row->labels, &labels))
    g_assert_not_reached (); /* the row has been checked */
  g_mutex_lock (&metrics->mutex);
  family = g_hash_table_lookup (metrics->by_name, name);
  if (family != NULL && family->is_registered && g_strcmp0 (family->owner, owner) != 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "metric \"%s\", which \"%s\" declares already", row->name,
                 family->owner != NULL ? family->owner : "host");
    family = NULL;
  } else {
    family = metrics_ensure_family (metrics, name, row, is_traced, &labels, error);
  }
  if (family != NULL && !family->is_registered) {
    family->is_registered = TRUE;
    family->owner = g_strdup (owner);
  }
  g_mutex_unlock (&metrics->mutex);
  metrics_labels_clear (&labels);
  if (family != NULL && family->is_fixed)
    metrics_make_fixed (family);
  return family;
}

MetricsFamily *
metrics_add_named (
    Metrics *metrics, const char *owner, const char *name, const DaeMetric *row, GError **error)
{
  return metrics_register (metrics, owner, name, row, FALSE, error);
}

MetricsFamily *
metrics_add_traced (Metrics *metrics, const DaeMetric *row, GError **error)
{
  g_autofree char *name = NULL;

  if (!metrics_check_row (row, error))
    return NULL;
  name = g_strconcat ("daedalus_", row->name, NULL);
  return metrics_register (metrics, NULL, name, row, row->type == DAE_HISTOGRAM, error);
}

MetricsFamily *
metrics_add_family (Metrics *metrics, const char *owner, const DaeMetric *row, GError **error)
{
  g_autofree char *name = NULL;

  if (!metrics_check_row (row, error))
    return NULL;
  name = g_strconcat ("daedalus_", row->name, NULL);
  return metrics_add_named (metrics, owner, name, row, error);
}

MetricsFamily *
metrics_find_family (Metrics *metrics, const char *name)
{
  g_autofree char *whole = g_strconcat ("daedalus_", name, NULL);
  MetricsFamily *family;

  g_mutex_lock (&metrics->mutex);
  metrics_sync (metrics);
  family = g_hash_table_lookup (metrics->by_name, whole);
  g_mutex_unlock (&metrics->mutex);
  return family;
}

/* With both locks held. FALSE if the memory is full. */
static gboolean
metrics_write_series (Metrics *metrics, MetricsFamily *family, const char *const *values)
{
  guint cells = metrics_family_room (family);
  gsize size = sizeof (MetricsEntry);
  MetricsEntry *entry;
  char *at;

  for (guint i = 0; i < family->n_labels; i++)
    size += strlen (values[i]) + 1;
  if (metrics->memory.header->cells_used + cells > METRICS_CELLS)
    return FALSE;
  entry = metrics_memory_begin (&metrics->memory, size);
  if (entry == NULL)
    return FALSE;
  entry->kind = METRICS_ENTRY_SERIES;
  entry->family = family->number;
  at = (char *)(entry + 1);
  for (guint i = 0; i < family->n_labels; i++)
    metrics_entry_put (&at, values[i]);
  metrics_memory_publish (&metrics->memory, entry, cells);
  return TRUE;
}

static void
metrics_tell_full (MetricsFamily *family)
{
  if (!family->told_full)
    log_line (G_LOG_LEVEL_WARNING, "metric family is full, further series count as \"other\"",
              DAE_S ("family", family->name), DAE_I ("series", family->series->len));
  family->told_full = TRUE;
}

static MetricsSeries *
metrics_ensure_series (MetricsFamily *family, const char *const *values, gboolean is_other)
{
  static const char *const other[METRICS_MAX_LABELS] = { "other", "other", "other", "other",
                                                         "other", "other", "other", "other" };
  Metrics *metrics = family->metrics;
  g_autofree char *key = NULL;
  g_auto (GStrv) parts = g_new0 (char *, family->n_labels + 1);
  MetricsSeries *series;
  gboolean full;

  for (guint i = 0; i < family->n_labels; i++)
    parts[i] = g_strdup (values[i]);
  key = g_strjoinv (METRICS_JOIN, parts);
  series = g_hash_table_lookup (family->by_values, key);
  if (series != NULL)
    return series;
  metrics_memory_lock (&metrics->memory);
  metrics_sync (metrics);
  series = g_hash_table_lookup (family->by_values, key);
  full = !is_other && family->series->len >= family->max_series;
  if (series == NULL && !full && metrics_write_series (metrics, family, values))
    metrics_sync (metrics);
  metrics_memory_unlock (&metrics->memory);
  if (series == NULL)
    series = g_hash_table_lookup (family->by_values, key);
  if (series != NULL)
    return series;
  if (!is_other) {
    metrics_tell_full (family);
    return metrics_ensure_series (family, other, TRUE);
  }
  /* even "other" has no room: count where nobody will see it */
  series = metrics_series_new (family, values);
  series->alone = g_new0 (guint64, metrics_family_room (family) + 1);
  series->own = series->alone;
  series->is_hidden = (guint32 *)(gpointer)&series->alone[metrics_family_room (family)];
  *series->is_hidden = 1;
  return series;
}

/* What may stand for VALUE of label INDEX: valid, short, and one of the known ones. */
static char *
metrics_label_value (const MetricsFamily *family, guint index, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value != NULL ? value : "", -1);
  const char *end;

  g_strdelimit (valid, METRICS_JOIN, ' ');
  if (family->label_values[index] != NULL &&
      !g_strv_contains ((const char *const *)family->label_values[index], valid))
    return g_strdup ("other");
  if (strlen (valid) <= METRICS_MAX_VALUE)
    return g_steal_pointer (&valid);
  end = g_utf8_find_prev_char (valid, valid + METRICS_MAX_VALUE + 1);
  return g_strndup (valid, (gsize)(end - valid));
}

MetricsSeries *
metrics_series (MetricsFamily *family, const char *const *values, guint n_values)
{
  char *clean[METRICS_MAX_LABELS + 1] = { NULL };
  guint64 unset = 0;
  MetricsSeries *series;

  if (n_values != family->n_labels)
    g_critical ("metric %s has %u labels, but %u values are given", family->name, family->n_labels,
                n_values);
  for (guint i = 0; i < family->n_labels; i++)
    clean[i] = metrics_label_value (family, i, i < n_values ? values[i] : NULL);
  g_mutex_lock (&family->metrics->mutex);
  series = metrics_ensure_series (family, (const char *const *)clean, FALSE);
  g_mutex_unlock (&family->metrics->mutex);
  for (guint i = 0; i < family->n_labels; i++)
    g_free (clean[i]);
  /* a sum without anything to add is zero; a maximum of nothing is not there */
  if (family->type == DAE_GAUGE && family->combine == DAE_SUM)
    __atomic_compare_exchange_n (&series->own[0], &unset, metrics_cell_bits (0), FALSE,
                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return series;
}
