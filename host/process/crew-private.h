/* SPDX-License-Identifier: Apache-2.0 */
/* crew: its state, shared by its files. */
#pragma once

#include "crew.h"

typedef struct {
  Crew *crew;
  guint index, slot;
  GPid pid; /* 0: not running */
  int pidfd, control;
  gboolean ready, ordered, killed, stalled, warned;
  guint stalled_thread;
  gboolean owes_loss; /* a hint was lost: 'L' is to be sent */
  char *owed_word;    /* an order that the full socket did not take, or NULL */
  gint64 started_at;
  guint backoff_ms; /* before the next replacement */
  guint pid_source, control_source, respawn_source, kill_source, retry_source;
} CrewWorker;

struct Crew {
  Generation *generation;
  CrewGround *ground;
  const CrewHooks *hooks;
  gpointer data;
  CrewWorker *workers; /* as many as the generation says */
  gboolean ready, draining, failed;
  guint failures; /* before ready */
  guint limit_source, empty_source;
};

/* Logs what the dead WORKER was at, counts it against the plugin, and returns it in words. PAUSE_MS: until it
 * is replaced; -1: it is not. Owned. */
char *crew_tell_death (CrewWorker *worker, int status, gint64 pause_ms);
