/* SPDX-License-Identifier: Apache-2.0 */
/* state: what the two halves of callers' streams share: the snapshot (conversations-state.c) and
 * its changes (conversations-pulse.c). */
#pragma once

#include "conversations.h"

G_BEGIN_DECLS

struct Caller {
  GHashTable *workspaces; /* those that they may read -> ACCESS_... */
};

struct States {
  DaePlugin *self;
  GHashTable *marked;     /* conversation id -> Pulse */
  gboolean waiting;       /* for the next pulse */
  GHashTable *heard;      /* workspace id -> guint64 *: number of the last hint of it */
  guint64 heard_last;     /* of all hints */
  guint64 heard_from;     /* what was heard before has been forgotten */
  GHashTable *agents;     /* slug -> JSON as last told; NULL: never read */
  GHashTable *agent_news; /* set of slugs: to be told when they are read next */
  gboolean reading_agents;
};

/* An object of a turn as callers see it. */
void state_write_turn (DaeJson *json,
                       const char *turn_id,
                       const char *conversation_id,
                       const char *workspace_id,
                       const char *agent,
                       const char *turn_state);
/* TRUE if something may have moved for CALLER after hint number SINCE: their snapshot, read
 * meanwhile, may not know it, and nobody was there yet to be told. Loop. */
gboolean states_has_heard (States *states, const Caller *caller, guint64 since);
/* Hints were lost: every caller gets a new snapshot. Loop. */
void states_tell_all (States *states);

G_END_DECLS
