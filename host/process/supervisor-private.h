/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: its state, shared by its two files. */
#pragma once

#include "control.h"
#include "crew.h"
#include "handover.h"

#define KILL_GRACE_MS 3000 /* beyond a drain's own limit */

typedef struct {
  Options *options;
  char *exe;
  GMainLoop *loop;
  int exit_status;
  Instance instance;
  char instance_id[17];
  Control *control;
  CrewGround crew_ground;
  GenerationGround generation_ground;
  GPtrArray *sockets;   /* of the newest generation, shared with it */
  guint generations;    /* made so far */
  Crew *current, *next; /* next: the one that a reload starts */
  GPtrArray *old;       /* draining crews */
  Handover *handover;   /* workers of the supervisor before this one, or NULL */
  GPtrArray *askers;    /* ControlCalls that wait for the reload's outcome */
  gboolean reloading, reload_again, stopping, served;
  guint reload_limit;
  GHashTable *announced; /* key -> text */
  gboolean debug;
} Supervisor;


void supervisor_print_complaints (Complaints *complaints);
/* Sends MESSAGE to the workers of all crews but the one in FROM_SLOT. */
void supervisor_relay (Supervisor *supervisor, guint from_slot, const char *message, gsize length);
/* Checks what is on disk and, if it is good, replaces the workers. */
void supervisor_reload (Supervisor *supervisor);
/* Result of a check: the first one begins the service. */
void supervisor_checked (CheckResult *result, gpointer data);
void supervisor_on_command (ControlCall *call, const char *line, gpointer data);
