/* SPDX-License-Identifier: Apache-2.0 */
/* worker: whether the process that ran a turn still lives.
 *
 * A process is named by the boot of its machine, its PID namespace, its PID and
 * the moment it started, so that one that was killed is known to be gone at
 * once, by any process beside it. Of processes elsewhere nothing is known but
 * that their leases lapse.
 */
#include "conversations.h"

#include <string.h>
#include <unistd.h>

/* The moment the process started (the 22nd field of /proc/PID/stat), "" if it is dead: owned. NULL
 * if that cannot be read now. */
static char *
worker_read_start (const char *pid)
{
  g_autofree char *path = g_strconcat ("/proc/", pid, "/stat", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) fields = NULL;
  const char *tail;

  /* a process that ends between open and read gives ESRCH, which GLib calls "failed" */
  if (!g_file_get_contents (path, &text, NULL, &error))
    return g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? g_strdup ("") : NULL;
  /* the second field is the program's name in parentheses and may hold anything */
  tail = strrchr (text, ')');
  if (!tail || tail[1] != ' ')
    return NULL;
  fields = g_strsplit (tail + 2, " ", 21);
  if (g_strv_length (fields) < 20)
    return NULL;
  if (fields[0][0] == 'Z' || fields[0][0] == 'X')
    return g_strdup ("");
  return g_strdup (fields[19]);
}

/* Where this process runs: owned; NULL if /proc does not say. */
static char *
worker_place (void)
{
  g_autofree char *boot = NULL;
  g_autofree char *space = g_file_read_link ("/proc/self/ns/pid", NULL);

  if (!space || !g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL))
    return NULL;
  return g_strconcat (g_strstrip (boot), "/", space, NULL);
}

char *
worker_name_new (void)
{
  g_autofree char *place = worker_place ();
  g_autofree char *start = worker_read_start ("self");

  if (!place || !start)
    return g_strdup_printf ("elsewhere/%08x%08x", g_random_int (), g_random_int ());
  return g_strdup_printf ("%s/%d/%s/%08x", place, (int)getpid (), start, g_random_int ());
}

gboolean
worker_is_gone (const char *name)
{
  g_autofree char *place = worker_place ();
  g_auto (GStrv) parts = NULL;
  g_autofree char *start = NULL;

  if (!place || !g_str_has_prefix (name, place) || name[strlen (place)] != '/')
    return FALSE;
  parts = g_strsplit (name + strlen (place) + 1, "/", 3);
  if (g_strv_length (parts) != 3)
    return FALSE;
  start = worker_read_start (parts[0]);
  return start && !g_str_equal (start, parts[1]);
}
