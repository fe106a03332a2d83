/* SPDX-License-Identifier: Apache-2.0 */
/* heartbeat: signs of life of each thread and what it is at, in memory shared with the supervisor.
 *
 * Writers are the threads themselves, one entry each; the supervisor reads
 * without a lock and may see a line half written, which is harmless in a log.
 */
#pragma once

#include <glib.h>

typedef struct Heartbeat Heartbeat;

enum {
  HEARTBEAT_LOOP = 0,
  HEARTBEAT_KEEPER = 1,
  HEARTBEAT_POOL = 2, /* pool threads: 2, 3, 4 */
};
#define HEARTBEAT_THREADS 5
/* Processes: 64 workers in each of five generations, and the supervisor at 0. As many as metrics
 * have. */
#define HEARTBEAT_SLOTS 321
/* Raised when this memory is laid out otherwise: who is handed over it reads only what it knows. */
#define HEARTBEAT_FORMAT 1

/* What a thread is at. */
typedef struct {
  gint64 stamp;    /* last sign of life, g_get_monotonic_time (); 0: not started */
  gint64 deadline; /* when the present handler should have ended; 0: none */
  guint32 active;  /* inside a handler */
  guint32 faulted; /* and the process died of what this thread did there */
  gint32 tid;      /* as the kernel calls the thread; 0: not known */
  char plugin[32];
  char route[96];
  char request_id[64];
} HeartbeatView;

/* A memfd for all processes of this supervisor, close-on-exec; -1 with errno. */
int heartbeat_create_memory (void);
/* Maps FD; SLOT is this process's own. Never NULL. */
Heartbeat *heartbeat_new (int fd, guint slot);
void heartbeat_free (Heartbeat *heartbeat);

/* This thread begins to run code of PLUGIN for ROUTE; DEADLINE is g_get_monotonic_time () at which
 * it should have ended (0: none). Strings are copied, cut to fit. Any thread, its own index.
 * Within another one it hides that until heartbeat_leave. */
void heartbeat_enter (Heartbeat *heartbeat, guint thread, const char *plugin, const char *route, const char *request_id,
                      gint64 deadline);
/* The thread is alive (each host call of a handler). */
void heartbeat_stamp (Heartbeat *heartbeat, guint thread);
void heartbeat_leave (Heartbeat *heartbeat, guint thread);
/* This thread ends the process: marks what it is at, if it is inside a handler, and returns it, else
 * NULL. Safe in a signal handler. */
const HeartbeatView *heartbeat_fault (Heartbeat *heartbeat);
/* The code that ends the process is PLUGIN's, whatever its thread is at. Safe in a signal handler. */
void heartbeat_blame (Heartbeat *heartbeat, const char *plugin);

/* Supervisor: a copy of what THREAD of SLOT is at, and a fresh slot for a new process. */
void heartbeat_look (Heartbeat *heartbeat, guint slot, guint thread, HeartbeatView *ret);
/* Whose code the process of SLOT died in; "" where nobody knows. Owned. */
char *heartbeat_blamed (Heartbeat *heartbeat, guint slot);
void heartbeat_clear (Heartbeat *heartbeat, guint slot);
