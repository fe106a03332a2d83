/* SPDX-License-Identifier: Apache-2.0 */
/* range: which part of a representation a Range header asks for (RFC 9110, 14). Pure.
 *
 * One range is enough for resuming and for players. Several at once cost memory
 * and have no user here: like anything that is not understood they give the whole.
 */
#pragma once

#include <glib.h>

typedef enum {
  RANGE_WHOLE = 0, /* 200: no range, or one to be ignored */
  RANGE_PART,      /* 206 */
  RANGE_NONE,      /* 416: it lies behind the end */
} RangeKind;

typedef struct {
  gint64 first, length; /* of a RANGE_PART: within the representation, at least one byte */
} Range;

#define RANGE_TEXT_SIZE 80

/* What VALUE (may be NULL) asks of a representation of TOTAL bytes. */
RangeKind range_parse (const char *value, gint64 total, Range *ret);
/* The Content-Range of RANGE, or of a 416 where it is NULL. */
void range_text (const Range *range, gint64 total, char text[RANGE_TEXT_SIZE]);
