/* SPDX-License-Identifier: Apache-2.0 */
/* brief: what a child process is told: a GVariant "a{sv}" in a sealed memfd, and how it is started.
 *
 * Descriptors keep their numbers across fork and exec; the brief names them.
 */
#pragma once

#include <gio/gio.h>

#include "../plugin/plugin.h"

/* A sealed, close-on-exec memfd that holds VARIANT (consumed if floating). -1 with errno. */
int brief_write (GVariant *variant);
/* The variant in FD: full reference, NULL if it is not one. */
GVariant *brief_read (int fd);

/* Forks and runs the program behind EXE_FD with ARGV; only the descriptors KEEP (ended by -1), standard
 * output and error reach it; standard input is /dev/null. The child dies with us. Returns its pid and
 * a pidfd, or -1 with errno. */
GPid brief_spawn (int exe_fd, char **argv, const int *keep, int *ret_pidfd);
/* PID, a child of this process, with a pidfd; where none can be had it is killed: -1 with errno. */
GPid brief_watch (GPid pid, int *ret_pidfd);

GVariant *brief_sources_to_variant (GPtrArray *sources);
GPtrArray *brief_sources_from_variant (GVariant *variant);
