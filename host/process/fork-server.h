/* SPDX-License-Identifier: Apache-2.0 */
/* fork-server: starts processes of this program that need not be loaded and linked again.
 *
 * It is a process that has neither threads nor a main loop and does nothing but fork. What it
 * starts begins within a millisecond, shares the pages that the linker wrote, and is a child of
 * the process that asked (prctl(2), PR_SET_CHILD_SUBREAPER), whose death ends it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct ForkServer ForkServer;

/* Plays the role that ARGV names; its value is the exit status. */
typedef int (*ForkRole) (int argc, char **argv);

/* One that is forked off this process now, which must be without threads, without a main context and
 * without anything that its children must not have but descriptors. NULL with errno. */
ForkServer *fork_server_fork (ForkRole role);
/* One that is executed from EXE_FD (copied) when it is needed first. NULL with errno. */
ForkServer *fork_server_new (int exe_fd);
/* TRUE if SERVER runs the file that EXE_FD is. */
gboolean fork_server_runs (ForkServer *server, int exe_fd);
/* Starts a process with ARGV, to which of all descriptors only those of KEEP (ended by -1) are open,
 * under their numbers, besides standard output and error; its standard input is empty. Where the server
 * has died it is executed anew. Its pid, and in RET_PIDFD one that is the caller's; -1 with errno. */
GPid fork_server_spawn (ForkServer *server, char **argv, const int *keep, int *ret_pidfd);
/* Ends the server's process, not what it has started; the next spawn executes it anew. */
void fork_server_rest (ForkServer *server);
void fork_server_free (ForkServer *server);

/* "daedalus (fork-server) SOCKET-FD": the process itself. */
int fork_server_main (int argc, char **argv, ForkRole role);

G_END_DECLS
