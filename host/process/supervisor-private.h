/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: its state, shared by its files. */
#pragma once

#include "control.h"
#include "crew.h"
#include "handover.h"

#define KILL_GRACE_MS 3000 /* beyond a drain's own limit */

typedef struct {
  Options *options;
  char *exe;
  ForkServer *forks; /* of this process, until the first check takes it */
  int exit_status;
  Instance instance;
  char instance_id[17];
  Control *control;
  CrewGround crew_ground;
  GenerationGround generation_ground;
  GPtrArray *passed;    /* (element-type ListenSocket) of the service manager, kept as they are */
  GPtrArray *sockets;   /* of the newest generation, shared with it; NULL before the first */
  guint generations;    /* made so far */
  Crew *current, *next; /* next: the one that a reload, or the start, makes ready */
  GPtrArray *old;       /* (element-type Crew) draining, or killed */
  Handover *handover;   /* workers of the supervisor before this one, or NULL */
  Complaints *refusals; /* what forbids the start, told together with what the check finds */
  GPtrArray *askers;    /* (element-type ControlCall) wait for the outcome of this reload */
  GPtrArray *later;     /* came while it ran, wait for that of the next */
  gboolean reloading;   /* a check or a crew is under way */
  gboolean reload_again, stopping, over;
  guint reload_limit;
  GHashTable *announced; /* key -> text; NULL: taken back */
} Supervisor;

/* TRUE if somebody answers requests. */
gboolean supervisor_serves (Supervisor *supervisor);
/* Ends the process's loop if it is to end and nobody is left. */
void supervisor_end_if_alone (Supervisor *supervisor);
/* This process and all workers log what the configuration says, or debug lines. */
void supervisor_set_level (Supervisor *supervisor);

/* Sends MESSAGE to the workers of all crews but the one in FROM_SLOT. */
void supervisor_relay (Supervisor *supervisor, guint from_slot, const char *message, gsize length);
/* Takes a worker's message, and the news of its end. */
void supervisor_on_message (guint slot, const char *message, gsize length, gpointer data);
void supervisor_on_worker_ended (guint index, gpointer data);
/* Checks what is on disk and, if it is good, replaces the workers. */
void supervisor_reload (Supervisor *supervisor);
/* The reload, or the start, has not come to anything: STATUS and TEXT are for who asked. */
void supervisor_refuse (Supervisor *supervisor, int status, const char *text);
void supervisor_on_command (ControlCall *call, const char *line, gpointer data);

/* RESULT is of a program of another layout: it takes this process over. Returns only on failure. */
void supervisor_hand_over (Supervisor *supervisor, const CheckResult *result);
/* Goes on with what another program has left behind descriptor FD. */
gboolean supervisor_take_over (Supervisor *supervisor, int fd, Complaints *complaints);
