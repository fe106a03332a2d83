/* SPDX-License-Identifier: Apache-2.0 */
/* condition: what a conditional request comes to (RFC 9110, 13). Pure. */
#pragma once

#include <glib.h>

typedef enum {
  CONDITION_GO = 0,  /* answer as if nothing had been asked */
  CONDITION_SAME,    /* 304 */
  CONDITION_CHANGED, /* 412 */
} ConditionResult;

/* The fields of a request; each may be NULL. */
typedef struct {
  const char *if_match, *if_none_match;
  const char *if_modified_since, *if_unmodified_since;
  const char *if_range;
} Condition;

/* The representation that would be sent. */
typedef struct {
  const char *etag;     /* or NULL */
  gint64 last_modified; /* seconds, or -1 */
} ConditionState;

/* TRUE if LIST names ETAG. STRONG: a weak one is like no other, not even itself; else "W/" is
 * looked past. A "*" names all. */
gboolean condition_lists (const char *list, const char *etag, gboolean strong);
/* For GET and HEAD whose answer would be 200, in the order of 13.2.2. */
ConditionResult condition_judge (const Condition *condition, const ConditionState *state);
/* TRUE if a Range counts: there is no If-Range, or it names what would be sent. NOW in seconds. */
gboolean condition_takes_range (const Condition *condition, const ConditionState *state,
                                gint64 now);
