/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: families, series, and the exposition over all processes.
 *
 * One memfd holds an append-only dictionary (family and label values -> index,
 * never reused; a robust mutex guards its growth) and an array of values for
 * each process slot, so a count is one atomic addition and a scrape at any
 * worker sees all. The supervisor creates it and folds a dead process's
 * counters into the base; gauges of the dead are dropped.
 */
#pragma once

#include "dae-types.h"

typedef struct Metrics Metrics;
typedef struct MetricsFamily MetricsFamily;
typedef struct MetricsSeries MetricsSeries;

/* Creates the memory for all processes: a memfd, close-on-exec. */
int metrics_create_memory (void);
/* Maps FD. SLOT is this process's own (0 is the supervisor's; a worker gets a free one from it). */
Metrics *metrics_new (int fd, guint slot);
void metrics_free (Metrics *metrics);
/* Supervisor: the process of SLOT has ended: its counters go into the base, the slot is free. */
void metrics_fold (Metrics *metrics, guint slot);

/* Brings this process's own process_* series up to date. */
void metrics_refresh_process (Metrics *metrics);

/* TRUE if ROW keeps the rules; else ERROR names it: "counter \"x\", whose name must end in _total". */
gboolean metrics_check_row (const DaeMetric *row, GError **error);
/* Registers a family "daedalus_" + row->name (row is copied). OWNER is the plugin's name or NULL
 * for the host. NULL with ERROR if another owner has it, a name or help breaks the rules, or the
 * type differs from what the dictionary says. The same owner again gives the same family. */
MetricsFamily *metrics_add_family (Metrics *metrics, const char *owner, const DaeMetric *row, GError **error);
/* The same for a histogram of the host's, whose buckets keep an exemplar each (metrics_observe_request). */
MetricsFamily *metrics_add_traced (Metrics *metrics, const DaeMetric *row, GError **error);
MetricsFamily *metrics_find_family (Metrics *metrics, const char *name);
/* A series by label values in the row's order; beyond the cap, the one whose values are "other", as
 * is a value that is not among the label's known ones. Never NULL. Any thread. It begins with a
 * DaeSeries. A gauge is in the exposition while a living process has set it. */
MetricsSeries *metrics_series (MetricsFamily *family, const char *const *values, guint n_values);
/* Takes a series out of the exposition (an agent that was unregistered) until it is used again. */
void metrics_series_hide (MetricsSeries *series);
void metrics_add (MetricsSeries *series, double by);
/* Sets a gauge; NaN hides the series as metrics_series_hide does. */
void metrics_set (MetricsSeries *series, double to);
void metrics_observe (MetricsSeries *series, double value);
/* The same; the value's bucket remembers the request (a UUID) and its trace (32 hexadecimal digits, or
 * NULL), where the family keeps exemplars. */
void metrics_observe_request (MetricsSeries *series, double value, const char *request_id, const char *trace_id);
/* The value over all processes (of a histogram: its count). */
double metrics_value (MetricsSeries *series);

/* The exposition: Prometheus text 0.0.4, or OpenMetrics 1.0 if ACCEPT prefers it. Owned. */
GBytes *metrics_render (Metrics *metrics, const char *accept, const char **ret_type);
