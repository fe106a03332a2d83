/* SPDX-License-Identifier: Apache-2.0 */
/* role: which one ARGV names. */
#include "role.h"

#include "check.h"
#include "fork-server.h"
#include "worker.h"

#include <string.h>

static int
serve_forks (int argc, char **argv)
{
  return fork_server_main (argc, argv, role_play);
}

static const struct {
  const char *name;
  int (*play) (int argc, char **argv);
} roles[] = {
  { "(worker)", worker_main },
  { "(check)", check_child_main },
  { "(fork-server)", serve_forks },
};

gboolean
role_is_named (int argc, char **argv)
{
  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (roles); i++)
    if (strcmp (argv[1], roles[i].name) == 0)
      return TRUE;
  return FALSE;
}

int
role_play (int argc, char **argv)
{
  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (roles); i++)
    if (strcmp (argv[1], roles[i].name) == 0)
      return roles[i].play (argc, argv);
  return 1;
}
