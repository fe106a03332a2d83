/* SPDX-License-Identifier: Apache-2.0 */
/* crew: the workers of one generation: started, watched, replaced, drained.
 *
 * Any exit that was not ordered is a crash, whatever its status. A worker whose
 * loop is 10 s late, or whose pool thread is 10 s past its deadline, is ended
 * with SIGABRT, then SIGKILL 2 s later.
 */
#pragma once

#include "../http/limit.h"
#include "../observe/metrics.h"
#include "generation.h"
#include "heartbeat.h"

typedef struct Crew Crew;

typedef struct {
  void (*ready) (Crew *crew, gpointer data); /* all workers serve, for the first time */
  /* could not become ready: STATUS 78 where a worker refused, 1 where it died */
  void (*failed) (Crew *crew, int status, const char *text, gpointer data);
  void (*ended) (Crew *crew, gpointer data); /* the last worker has gone, as ordered */
  void (*message) (guint slot, const char *message, gsize length, gpointer data); /* hints, announcements */
  void (*worker_ended) (guint index, gpointer data);
} CrewHooks;

/* What all crews of a supervisor share. */
typedef struct {
  Heartbeat *heartbeat;
  Limits *limits;
  Metrics *metrics;
  MetricsFamily *restarts;         /* daedalus_worker_restarts_total{reason} */
  gboolean slots[HEARTBEAT_SLOTS]; /* taken; 0 is the supervisor's */
  gboolean debug;                  /* workers log debug lines, whatever their configuration says */
} CrewGround;

/* GENERATION is given. No hook is called before the main loop runs. */
Crew *crew_new (Generation *generation, CrewGround *ground, const CrewHooks *hooks, gpointer data);
void crew_free (Crew *crew);
Generation *crew_generation (Crew *crew);
/* Sends MESSAGE to all workers but the one in EXCEPT_SLOT (0: all). A full socket is a loss that the
 * worker is told of. */
void crew_send (Crew *crew, guint except_slot, const char *message, gsize length);
/* Tells all workers the level that they log from now on. */
void crew_set_level (Crew *crew);
/* Ends all workers in order; WORD is "D MS" or "T DELAY MS". After LIMIT_MS what is left is killed. */
void crew_drain (Crew *crew, const char *word, guint limit_ms);
void crew_kill (Crew *crew);
/* Looks at the signs of life; call it each 250 ms. */
void crew_watch (Crew *crew);

/* A worker as another supervisor needs it to go on with it. */
typedef struct {
  GPid pid;
  int pidfd, control;
  int heartbeat; /* its memory; -1: not known */
  guint slot, index;
  gboolean serves;
} CrewMember;

/* Adds the workers that run to MEMBERS (element-type CrewMember). */
void crew_add_members (Crew *crew, GArray *members);
