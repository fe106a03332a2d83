/* SPDX-License-Identifier: Apache-2.0 */
/* handover: a supervisor of one layout makes way for one of another, in the same process, with its
 * listening sockets, its lock, its workers and the commands that wait. The old workers serve until new
 * ones are ready, then drain. Counters start anew: the memory of another layout cannot be read.
 *
 * What both must agree on, whatever their layouts: the brief below, and the messages H, L, A, D and T
 * of worker.h.
 *
 *   lock control   i       descriptors
 *   data-dir runtime-dir s
 *   instance       s       its word, so that old and new workers know each other
 *   sockets        a(sib)  address, descriptor, internal
 *   passed         a(ssi)  name, address, descriptor: the service manager's
 *   workers        a(iii)  pid, pidfd, control
 *   heartbeats     a(iuub) for each of them: its heartbeat's memory (-1: none), slot, index, whether it serves
 *   heartbeat-format u     of that memory: HEARTBEAT_FORMAT
 *   askers callers ai      connections of commands that wait for an answer, or have said nothing yet
 *   announced      a{ss}   what stands in run/
 */
#pragma once

#include "../options.h"
#include "crew.h"

typedef struct Handover Handover;

typedef struct {
  const Options *options;
  int exe_fd; /* the new program */
  const Instance *instance;
  int control; /* the listening socket of commands */
  const char *instance_id;
  GPtrArray *sockets;    /* (element-type ListenSocket) */
  GPtrArray *passed;     /* (element-type ListenSocket) */
  GArray *workers;       /* (element-type CrewMember) */
  GArray *askers, *callers; /* (element-type int) */
  GHashTable *announced; /* key -> text */
} HandoverLoad;

/* Replaces this process by the new program. Returns only on failure, with ERROR. */
void handover_give (const HandoverLoad *load, GError **error);

typedef struct {
  void (*message) (guint slot, const char *message, gsize length, gpointer data);
  void (*worker_ended) (guint index, gpointer data);
  void (*ended) (gpointer data); /* the last one has gone */
} HandoverHooks;

/* What was handed over, by the descriptor of --handover. NULL: it is none. */
Handover *handover_take (int fd, const HandoverHooks *hooks, gpointer data);
/* Looks at the signs of life, and counts faults in METRICS; call it each 250 ms. */
void handover_watch (Handover *handover, Metrics *metrics);
gboolean handover_instance (Handover *handover, Instance *instance, Complaints *complaints);
int handover_control (Handover *handover);
const char *handover_instance_id (Handover *handover);
GPtrArray *handover_sockets (Handover *handover); /* (element-type ListenSocket): full */
GPtrArray *handover_passed (Handover *handover);  /* (element-type ListenSocket): full */
GArray *handover_askers (Handover *handover);     /* (element-type int): full */
GArray *handover_callers (Handover *handover);
void handover_announced (Handover *handover, GHashTable *announced);
/* For the next handover. */
void handover_add_members (Handover *handover, GArray *members);
/* A message for all old workers but the one in EXCEPT_SLOT. */
void handover_send (Handover *handover, guint except_slot, const char *message, gsize length);
/* The old ones drain by WORD and are killed after LIMIT_MS. */
void handover_drain (Handover *handover, const char *word, guint limit_ms);
void handover_kill (Handover *handover);
gboolean handover_is_empty (Handover *handover);
void handover_free (Handover *handover);
