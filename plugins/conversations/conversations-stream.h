/* SPDX-License-Identifier: Apache-2.0 */
/* stream: what the two halves of open event streams share: what they read (conversations-stream.c)
 * and who may read it for how long (conversations-outlet.c). Loop only. */
#pragma once

#include "conversations.h"

G_BEGIN_DECLS

typedef struct {
  char *conversation_id;
  GPtrArray *readers; /* (element-type Reader), borrowed */
  gint64 position;    /* what it has read */
  gint64 heard;       /* what hints say there is */
  gboolean reading, again;
} Cursor;

typedef struct {
  Outlet *outlet;
  Cursor *cursor;
  char *workspace_id;
  gint64 position;  /* of what was queued or written */
  GQueue pending;   /* (element-type GBytes) */
  gboolean more;    /* its last page was full */
  gboolean is_last; /* the conversation ends with what is pending */
  gboolean reading, live;
} Reader;

struct Streams {
  DaePlugin *self;
  GHashTable *outlets; /* id -> Outlet */
  GHashTable *cursors; /* conversation id -> Cursor */
  guint64 last_id;
  guint ticks;
  guint64 doubts;    /* hints that somebody may have lost access */
  GPtrArray *checks; /* (element-type Check) of those who are known to be who they were; NULL: none
                        waits */
  GBytes *greeting;
};

void cursor_free (gpointer cursor);
/* The stream has ended already. */
void outlet_free (Streams *streams, Outlet *outlet);
void outlet_end (Streams *streams, Outlet *outlet);
/* DaeStreamFunc: goes on with what readers have pending. */
void stream_on_drain (DaeStream *stream, gpointer outlet);
/* DaeTopicFunc of "conversation:<id>" "<seq>". */
void streams_on_moved (DaePlugin *self, const char *topic, const char *text, gpointer streams);
/* Reads that failed are made again; every 30 s all conversations are looked at. */
void streams_poke_due (Streams *streams);

G_END_DECLS
