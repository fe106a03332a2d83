/* SPDX-License-Identifier: Apache-2.0 */
/* handover: a supervisor of one layout makes way for one of another, in the same process, with its
 * listening sockets, its lock and its workers. The old workers serve until new ones are ready, then
 * drain. Counters start anew: the memory of another layout cannot be read. */
#pragma once

#include "../options.h"
#include "crew.h"

typedef struct Handover Handover;

/* Replaces this process by the program behind EXE_FD. Returns only on failure, with ERROR. PIDS of CREWS
 * go on; ASKERS (descriptors) are commands that wait for an answer. */
gboolean handover_give (const Options *options, int exe_fd, const Instance *instance, GPtrArray *sockets, GPtrArray *crews,
                        GArray *askers, GError **error);

/* What was handed over, by the descriptor of --handover. HINT gets each message of an old worker. */
Handover *handover_take (int fd, void (*hint) (const char *message, gsize length, gpointer data), gpointer data);
int handover_lock (Handover *handover);
GPtrArray *handover_sockets (Handover *handover); /* (element-type ListenSocket): full */
/* The new workers are ready: the old ones drain within LIMIT_MS, askers get STATUS and TEXT. */
void handover_complete (Handover *handover, guint limit_ms, int status, const char *text);
/* A hint for the old workers. */
void handover_send (Handover *handover, const char *message, gsize length);
gboolean handover_is_empty (Handover *handover);
void handover_kill (Handover *handover);
void handover_free (Handover *handover);
