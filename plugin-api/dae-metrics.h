/* SPDX-License-Identifier: Apache-2.0 */
/* dae-metrics: families are rows of the descriptor; a series is one set of label values.
 *
 * Resolve a series once where its labels are known beforehand (configure) and
 * keep the handle: then a count is one atomic addition in memory shared by all
 * workers. Label values come from fixed lists or registered names, never from
 * a client. Any thread; inside a transaction the change is held until commit.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* The series of METRIC (the row's name) with these label values, in the row's order:
 * dae_series (self, "agent_turns_total", agent, "done"). Never NULL; owned by the host. */
#define dae_series(self, metric, ...)                                                              \
  ((self)->api->series ((self),                                                                    \
                        (metric),                                                                  \
                        (const char *const[]){ NULL, ##__VA_ARGS__ } + 1,                          \
                        G_N_ELEMENTS (((const char *const[]){ NULL, ##__VA_ARGS__ })) - 1))

/* Adds BY (not negative for a counter). */
static inline void
dae_series_add (DaeSeries *series, double by)
{
  series->api->series_add (series, by);
}

/* Sets a gauge. */
static inline void
dae_series_set (DaeSeries *series, double to)
{
  series->api->series_set (series, to);
}

/* Counts VALUE in a histogram, in the family's unit (seconds, bytes). */
static inline void
dae_series_observe (DaeSeries *series, double value)
{
  series->api->series_observe (series, value);
}

/* The exposition of all families of all workers, and its media type (borrowed), in the format that
 * ACCEPT asks for: Prometheus text 0.0.4 or OpenMetrics 1.0. Owned. Loop. */
static inline GBytes *
dae_metrics_text (DaePlugin *self, const char *accept, const char **ret_type)
{
  return self->api->metrics_text (self, accept, ret_type);
}

G_END_DECLS
