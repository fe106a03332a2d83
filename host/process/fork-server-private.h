/* SPDX-License-Identifier: Apache-2.0 */
/* fork-server: what both ends of its socket know.
 *
 *   'F' NUMBER...       with as many descriptors: they are of the next request
 *   'S' PID ARGV...     PID asks for a process; each word ends with NUL
 *   answer: two ints, the pid (or -1) and errno
 */
#pragma once

#include "fork-server.h"

#define FORK_FDS_AT_ONCE 200 /* the kernel takes 253 in one message */

/* Serves behind SOCKET until its other end closes. */
void fork_server_serve (int socket, ForkRole role) G_GNUC_NORETURN;
