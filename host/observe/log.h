/* SPDX-License-Identifier: Apache-2.0 */
/* log: one JSON object per line on standard output; readable lines where that is a terminal.
 *
 * Any thread. Each line is one write. GLib's own messages (g_warning of a
 * library) come out as lines too, rate-limited by text.
 */
#pragma once

#include "dae-log.h"

typedef enum { LOG_JSON = 0, LOG_TEXT = 1 } LogFormat;

/* LEVEL: "debug", "info", "notice", "warning" or "error". PROCESS is in each line as `logger`:
 * "supervisor", "worker", "check". Installs the GLib log writer. */
void log_open (LogFormat format, const char *level, const char *process);
void log_set_level (const char *level);
gboolean log_has_level (GLogLevelFlags level);

/* What is known of the place; each may be NULL. */
typedef struct {
  const char *plugin, *request_id, *user, *method, *route, *workspace_id, *agent;
} LogContext;

void log_fields (GLogLevelFlags level, const LogContext *context, const char *message, const DaeField *fields,
                 guint n_fields);

/* log_line (G_LOG_LEVEL_INFO, "worker started", DAE_I ("pid", pid)); */
#define log_line(level, message, ...)                                                              \
  log_fields ((level),                                                                             \
              NULL,                                                                                \
              (message),                                                                           \
              (const DaeField[]){ { 0 }, ##__VA_ARGS__ } + 1,                                      \
              G_N_ELEMENTS (((const DaeField[]){ { 0 }, ##__VA_ARGS__ })) - 1)
