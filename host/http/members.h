/* SPDX-License-Identifier: Apache-2.0 */
/* members: holds a JSON body or a query against a route's rows, and keeps the typed values. */
#pragma once

#include "arena.h"
#include "dae-types.h"

typedef enum { MEMBER_ABSENT = 0, MEMBER_IS_NULL, MEMBER_PRESENT } MemberState;

typedef struct {
  MemberState state;
  const char *text;        /* text, UUID (in lower case), slug, choice, raw JSON */
  gint64 number;           /* integer; 0 or 1 of a boolean */
  const char *const *list; /* NULL-ended */
} MemberValue;

/* TEXT has passed json_check; VALUES has room for N_ROWS. Faults are added to
 * FAULTS, at most 50: pointer, detail, pointer, ..., all in ARENA. */
void members_check_body (Arena *arena,
                         const char *text,
                         const DaeMember *rows,
                         guint n_rows,
                         MemberValue *values,
                         GPtrArray *faults);
/* QUERY is raw, without '?', or NULL. */
void members_check_query (Arena *arena,
                          const char *query,
                          const DaeMember *rows,
                          guint n_rows,
                          MemberValue *values,
                          GPtrArray *faults);
/* The value of NAME, or NULL if no row declares it. */
const MemberValue *
members_find (const DaeMember *rows, guint n_rows, const MemberValue *values, const char *name);
