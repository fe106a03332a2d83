/* SPDX-License-Identifier: Apache-2.0 */
/* crew: its state, shared by its files. */
#pragma once

#include "crew.h"
#include "quarantine.h"
#include "watch.h"

typedef struct {
  Watch watch;
  Crew *crew;
  int pidfd, control;
  gboolean ordered, killed;
  gboolean owes_loss;  /* a hint was lost: 'L' is to be sent */
  GQueue owed;         /* (element-type char) owned: orders that the full socket did not take */
  gint64 started_at;
  guint backoff_ms; /* before the next replacement */
  guint pid_source, control_source, respawn_source, retry_source;
} CrewWorker;

struct Crew {
  Generation *generation;
  CrewGround *ground;
  const CrewHooks *hooks;
  gpointer data;
  CrewWorker *workers; /* as many as the generation says */
  gboolean ready, draining, failed;
  guint failures; /* before ready */
  Quarantine *quarantine;
  guint limit_source, empty_source;
};

/* crew-word.c. An order must arrive, and in its order. */
void crew_send_word (CrewWorker *worker, const char *word);
void crew_send_level (CrewWorker *worker);
