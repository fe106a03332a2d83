/* SPDX-License-Identifier: Apache-2.0 */
/* watch: one worker process as its supervisor sees it: whether it stalls, and what it died of. */
#pragma once

#include "../observe/metrics.h"
#include "heartbeat.h"

typedef struct {
  Heartbeat *heartbeat; /* borrowed; NULL: of a format that cannot be read */
  Metrics *metrics;     /* borrowed: where faults are counted */
  GPid pid;             /* 0: not running */
  guint index, slot;
  gboolean ready; /* it serves */
  gboolean stalled, warned;
  guint stalled_thread;
  guint kill_source;
} Watch;

/* Looks at the signs of life. One whose loop is 10 s late, or whose pool thread is 10 s past its
 * deadline, is ended with SIGABRT, then SIGKILL 2 s later. */
void watch_look (Watch *watch);
/* Logs what the dead process was at, and counts it against the plugin. PAUSE_MS: until it is replaced;
 * -1: it is not. RET_PLUGIN (may be NULL) is whose fault it was, owned, or NULL. Returns it in words: owned. */
char *watch_tell_death (Watch *watch, int status, gint64 pause_ms, char **ret_plugin);
/* It has ended. */
void watch_clear (Watch *watch);
