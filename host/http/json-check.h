/* SPDX-License-Identifier: Apache-2.0 */
/* json-check: a strict scanner for JSON (RFC 8259), without recursion; it allocates only for
 * documents of many keys, as far as the limits let them be.
 *
 * It refuses what parsers disagree on: duplicate keys, lone surrogates, NUL, numbers that
 * no int64 or double holds (integers of more than 19 digits, reals from 1e309, -0 is accepted),
 * a byte order mark, anything after the value, invalid UTF-8.
 */
#pragma once

#include <glib.h>

typedef struct {
  guint max_depth; /* levels of arrays and objects */
  guint max_nodes; /* values and keys */
} JsonLimits;

#define JSON_LIMITS_DEFAULT ((JsonLimits){ 64, 20000 })

/* TRUE if TEXT is one document within LIMITS. On FALSE *RET_OFFSET (may be NULL) is the byte and
 * the static text says why. */
gboolean json_check (const char *text, gsize length, JsonLimits limits, gsize *ret_offset, const char **ret_why);
