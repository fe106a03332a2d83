/* SPDX-License-Identifier: Apache-2.0 */
/* role: the processes that a supervisor starts: check, worker, and the fork server that starts them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* TRUE if ARGV[1] names a role. */
gboolean role_is_named (int argc, char **argv);
/* Plays it; the exit status. */
int role_play (int argc, char **argv);

G_END_DECLS
