/* SPDX-License-Identifier: Apache-2.0 */
/* limit: what may be had at once, and how often, over all workers of this supervisor.
 *
 * One memfd holds two tables. A count is a word for each key and process, which only that process
 * changes and the supervisor clears when it has died; who takes adds to their own word and then
 * sums up, so a limit is never passed. A rate is one word for each key: the time when it will have
 * been paid for (GCRA). Where a table has no room for a key, that key is not limited: limits must
 * not turn people away who keep them. All functions take Limits NULL: nothing is limited. Loop.
 */
#pragma once

#include "../config/config.h"

typedef struct Limits Limits;

typedef enum {
  LIMIT_TURNS = 0,
  LIMIT_UPLOADS,
  LIMIT_STREAMS,     /* of a person */
  LIMIT_PEERS,       /* connections of an address */
  LIMIT_WRITES,      /* a second, of a person or client */
  LIMIT_CONNECTIONS, /* of a worker */
  LIMIT_N,
} LimitKind;

#define LIMIT_SLOTS 321 /* processes: as many as have a heartbeat */

/* A memfd for all processes of this supervisor, close-on-exec; -1 with errno. */
int limits_create_memory (void);
/* Maps FD; SLOT is this process's own, 0 the supervisor's. Nothing is limited before limits_set. */
Limits *limits_new (int fd, guint slot);
void limits_free (Limits *limits);
/* VALUE 0: no limit. */
void limits_set (Limits *limits, LimitKind kind, guint value);
/* The values of [limits]. */
void limits_configure (Limits *limits, Config *config);
guint limits_value (Limits *limits, LimitKind kind);
/* Supervisor: the process of SLOT has ended and holds nothing any more. */
void limits_clear (Limits *limits, guint slot);

/* Names KEY's part of KIND in the functions below. */
guint64 limits_share (Limits *limits, LimitKind kind, const char *key);
/* Takes one of what KEY may have of KIND at once: its share, never 0, to be given back; 0: it has all
 * already. */
guint64 limits_take (Limits *limits, LimitKind kind, const char *key);
/* SHARE 0: nothing. */
void limits_give (Limits *limits, guint64 share);
/* What KEY has, over all processes. */
guint limits_count (Limits *limits, LimitKind kind, const char *key);
/* Counts a write of KEY at NOW (g_get_monotonic_time ()): 0, or in how many seconds it may be had. */
guint limits_write (Limits *limits, const char *key, gint64 now);
/* What an address counts as: itself, or its network where one customer has all of that (IPv6 /64). */
#define LIMIT_ADDRESS_SIZE 46
void limits_address (const char *address, char *ret);
/* Logs that WHO (may be NULL) has reached a limit: a line a second and kind at most. */
void limits_tell (Limits *limits, LimitKind kind, const char *who);

/* How many connections this process has, and whether it accepts more. */
void limits_set_connections (Limits *limits, guint connections, gboolean accepts);
/* This process has so many more than the others that they should have the next one. */
gboolean limits_should_yield (Limits *limits);
