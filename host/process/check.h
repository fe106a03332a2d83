/* SPDX-License-Identifier: Apache-2.0 */
/* check: loads all plugins and the configuration in a child, so that nothing that a plugin does can
 * harm the supervisor.
 *
 * The child names each plugin before it loads or configures it. If the child
 * dies, or hangs for 2 s, that plugin is the fault: it becomes a complaint, and
 * the check runs again without it, so that all complaints come together.
 */
#pragma once

#include "../options.h"
#include "brief.h"
#include "fork-server.h"
#include "instance.h"

typedef struct {
  gboolean ok;            /* may be served */
  Complaints *complaints; /* all of them, also those that are tolerated */
  GVariant *facts;        /* "a{sv}": config, plugins, routes, config-text, reference, ...; NULL if the
                             child gave none */
  GPtrArray *sources;     /* (element-type PluginSource), descriptors open */
  int exe_fd;             /* the program that was asked */
  ForkServer *forks;      /* owned: starts processes of that program; NULL: it could not be opened */
} CheckResult;

void check_result_free (CheckResult *result);

/* Starts a check with the program EXE; DONE gets the result (given) on the default main context, perhaps
 * before this returns. With options->prepare the child also makes the data directory and brings the
 * database up to date. RUNNING (may be NULL): the instance that is to go on, whose directories cannot
 * change. FORKS (given, may be NULL) is used if it runs EXE. */
void check_start (const Options *options, const char *exe, const Instance *running, ForkServer *forks,
                  void (*done) (CheckResult *result, gpointer data), gpointer data);
/* The same, waiting in a loop of its own. */
CheckResult *check_run (const Options *options, const char *exe);

/* The child: "daedalus (check) BRIEF-FD RESULT-FD OPTION...". Returns the exit status. */
int check_child_main (int argc, char **argv);

/* The path of the running program, also after its file was replaced: owned. */
char *check_own_exe (void);
