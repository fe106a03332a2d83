/* SPDX-License-Identifier: Apache-2.0 */
/* title: the kernel shows the memory where the arguments and, if they are overwritten to their end,
 * the environment were (proc(5), /proc/pid/cmdline). */
#include "title.h"

#include <string.h>
#include <unistd.h>

static char *room, *room_end;
static char *environment; /* its new place */

static void
move_environment (void)
{
  guint n = g_strv_length (environ);
  gsize length = 0;
  char **moved = g_new0 (char *, n + 1), *at;

  for (guint i = 0; i < n; i++)
    length += strlen (environ[i]) + 1;
  at = environment = g_malloc (length + 1);
  for (guint i = 0; i < n; i++) {
    moved[i] = at;
    at = stpcpy (at, environ[i]) + 1;
  }
  environ = moved;
}

void
title_init (int argc, char **argv)
{
  if (argc < 1)
    return;
  room = argv[0];
  room_end = argv[0] + strlen (argv[0]) + 1;
  for (int i = 1; i < argc; i++)
    if (argv[i] == room_end)
      room_end += strlen (argv[i]) + 1;
  for (char **one = environ; *one != NULL; one++)
    if (*one == room_end)
      room_end += strlen (*one) + 1;
  move_environment ();
}

void
title_set (const char *const *words)
{
  g_autofree char *title = g_strjoinv (" ", (char **)words);

  if (room == NULL)
    return;
  memset (room, 0, (gsize)(room_end - room));
  memcpy (room, title, MIN (strlen (title), (gsize)(room_end - room) - 1));
}
