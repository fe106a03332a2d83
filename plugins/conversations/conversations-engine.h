/* SPDX-License-Identifier: Apache-2.0 */
/* engine: the turns that this process runs, shared by its parts: the agents' words
 * (conversations-engine.c), the way into the database (conversations-beat.c) and what nobody takes
 * care of (conversations-sweep.c). Loop only. */
#pragma once

#include "conversations.h"

G_BEGIN_DECLS

/* An event that is not yet in the log. */
typedef struct {
  const char *kind;
  char *data;     /* owned */
  gsize bytes;    /* of text */
  gint64 ordinal; /* in the turn, from 1 */
} RunEvent;

typedef struct {
  char *id, *parent_id, *kind, *name, *agent, *state, *summary;
  gint64 started_at, finished_at;
} RunActivity;

/* Owned copies of a DaeAgentResult. */
typedef struct {
  char *outcome, *text, *iterations, *notes, *code, *reason, *session;
  gboolean session_lost;
} RunResult;

typedef struct Attach Attach;

typedef struct {
  Engine *engine;     /* NULL: it has gone, only the call's end is waited for */
  DaeAgentCall *call; /* NULL: it has ended, or not begun */
  Attach *attach;     /* NULL: nothing is read before it begins */
  char *turn_id, *answer_id, *conversation_id, *agent;
  GString *text;         /* not yet an event */
  gint64 offset;         /* bytes of text that are events */
  GQueue events;         /* (element-type RunEvent), oldest first */
  gint64 ordinal;        /* of the last event */
  gsize unwritten;       /* bytes of text in events and in flight */
  char *progress;        /* owned: JSON of the last turn.progress, or NULL */
  GPtrArray *activities; /* (element-type RunActivity) */
  gboolean activities_changed;
  gint64 began, renewed; /* monotonic */
  gboolean has_text;
  gboolean busy; /* a transaction of it is on its way */
  gboolean paused, cancelled;
  guint failures;    /* in a row; after one it is in doubt what was written */
  RunResult *result; /* NULL: the agent still speaks */
} Run;

struct Engine {
  DaePlugin *self;
  GHashTable *runs; /* turn id -> Run */
  guint timer;      /* of beats; 0: nothing runs */
  gboolean beating;
  gint64 rest_until; /* monotonic: no beats before, after a failure */
  gboolean draining;
  gboolean sweeping;
  gboolean crowded; /* turns wait because as many run as may: who ends one looks for the next */
  guint turned_away; /* how often somebody had to wait, and how often when the sweep under way began */
  guint turned_away_before;
  GHashTable
      *lapsed; /* worker -> gint64 *: monotonic time when its lease was first seen to have lapsed */
};

void run_event_free (gpointer event);
void run_result_free (RunResult *result);
/* Makes text and progress of RUN into events. */
void run_cut (Run *run);
/* JSON array: owned. */
char *run_dup_activities (Run *run);
/* The run is no more: its call is told, nothing of it is written. */
void engine_drop (Engine *engine, Run *run);
/* Asks the agent. FILES are shared. */
void engine_speak (Run *run, const TurnClaim *claim, const DaeAgentFile *files, guint n_files);
/* Reads what is attached to the question, then asks. */
void attach_begin (Run *run, TurnClaim *claim);
/* The run is no more. */
void attach_drop (Attach *attach);
/* Tells the agent to stop. */
void engine_cancel (Engine *engine, Run *run);
/* Pauses or resumes the agent by what is unwritten. */
void run_balance (Run *run);
/* Writes what is due. */
void engine_beat (Engine *engine);
void sweep_start (Engine *engine);
/* Looks now for what waits. */
void sweep_now (Engine *engine);

G_END_DECLS
