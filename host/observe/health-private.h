/* SPDX-License-Identifier: Apache-2.0 */
/* health-private: what was last known of each component, for health.c and its routes. */
#pragma once

#include "../plugin/plugin.h"
#include "health.h"
#include "metrics.h"

typedef struct {
  char *name;
  DaeHealth health;
  gboolean is_required; /* without it this process is not ready */
  double latency_ms;    /* < 0: none */
  char *detail;         /* or NULL */
} HealthComponent;

struct Health {
  Host *host;
  GPtrArray *components; /* (element-type HealthComponent) owned */
  gint64 looked_at;      /* monotonic; 0: never */
  guint timer;
  void (*on_first) (gpointer data); /* until the first probe has ended */
  gpointer on_first_data;
  MetricsSeries *up;
  MetricsFamily *plugin_up;
};

/* Takes up what database and plugins know of themselves, at most twice a second. */
void health_look (Health *health);
/* The worst of all components; what is not required is at most degraded. */
DaeHealth health_whole (Health *health);
const HealthComponent *health_find (Health *health, const char *name);
