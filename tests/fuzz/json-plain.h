/* SPDX-License-Identifier: Apache-2.0 */
/* json-plain: JSON once more, in the plainest way there is, to hold the scanner against. */
#pragma once

#include <glib.h>

/* TRUE if TEXT, which has a NUL behind its LENGTH bytes, is JSON as json-check.h promises it. */
gboolean json_plain_is_good (const char *text, gsize length, guint max_depth, guint max_nodes);
