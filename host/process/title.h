/* SPDX-License-Identifier: Apache-2.0 */
/* title: what ps calls a process that was forked and not executed. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Before anything else: ARGV is main's. The environment moves. */
void title_init (int argc, char **argv);
/* WORDS (ended by NULL) become the command line, as far as there is room. Without title_init nothing happens. */
void title_set (const char *const *words);

G_END_DECLS
