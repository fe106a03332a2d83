/* SPDX-License-Identifier: Apache-2.0 */
/* main: which of its roles this process plays.
 *
 *   daedalus run        process/supervisor.c, which starts itself (process/role.c) as
 *     (fork-server)     process/fork-server-child.c: starts the others
 *     (check)           process/check-child.c: loads plugins, says what is wrong
 *     (worker)          process/worker.c: serves
 *   daedalus COMMAND    commands.c, or a plugin: commands-plugin.c
 */
#include "commands.h"
#include "options.h"
#include "paths.h"
#include "process/role.h"
#include "process/supervisor.h"
#include "process/title.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
  const char *name;
  int (*run) (Options *options);
} commands[] = {
  { "run", supervisor_run },      { "check", command_check },     { "plugins", command_plugins },
  { "config", command_config },   { "migrate", command_migrate }, { "reload", command_reload },
  { "version", command_version },
};

static int
run_own (Options *options, int (*run) (Options *options))
{
  if (options->words[0] == NULL)
    return run (options);
  fprintf (stderr,
           "daedalus: \"%s\" is one word too many\n    Run \"daedalus --help\" for what can be "
           "written.\n",
           options->words[0]);
  return EXIT_USAGE;
}

static int
run_command (Options *options)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (options->command, commands[i].name) == 0)
      return run_own (options, commands[i].run);
  return command_of_plugin (options);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Options options = { 0 };
  int status;

  setlocale (LC_ALL, "C.UTF-8");
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); /* a file over its limit is an error of write () */
  prctl (PR_SET_NAME,
         "daedalus"); /* one that was started by a descriptor is called by its number */
  title_init (argc, argv);
  if (role_is_named (argc, argv))
    return role_play (argc, argv);
  if (argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "help") == 0)) {
    g_autofree char *help = options_help ();

    fputs (help, stdout);
    return 0;
  }
  if (!options_parse (&options, argc, argv, &error)) {
    fprintf (stderr, "daedalus: %s\n    Run \"daedalus --help\" for what can be written.\n",
             error->message);
    return EXIT_USAGE;
  }
  status = run_command (&options);
  options_clear (&options);
  return status;
}
