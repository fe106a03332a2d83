/* SPDX-License-Identifier: Apache-2.0 */
/* job-holder: names the holder of a lease so that others can see it die.
 *
 * "RANDOM/BOOT/NAMESPACE/PID/START": a process is told from all others that
 * ever were by its machine's boot, its pid namespace, its pid and its start.
 * Without any of these the random part stands alone, and only time ends the lease.
 */
#include "job.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static char *
job_holder_boot (void)
{
  char *text = NULL;

  if (!g_file_get_contents ("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
    return NULL;
  return g_strstrip (text);
}

static char *
job_holder_namespace (void)
{
  g_autofree char *link = g_file_read_link ("/proc/self/ns/pid", NULL);
  const char *number = link != NULL ? strchr (link, '[') : NULL;

  return number != NULL ? g_strndup (number + 1, strspn (number + 1, "0123456789")) : NULL;
}

/* When PID started, in ticks since boot; NULL: it is not there, or cannot be seen. */
static char *
job_holder_start (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;
  const char *rest;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  /* the second field is the program's name and may hold anything; the start is the 22nd */
  rest = strrchr (text, ')');
  if (rest == NULL || rest[1] != ' ')
    return NULL;
  fields = g_strsplit (rest + 2, " ", 22);
  return g_strv_length (fields) > 19 ? g_strdup (fields[19]) : NULL;
}

char *
job_holder_new (void)
{
  g_autofree char *random = g_uuid_string_random ();
  g_autofree char *boot = job_holder_boot ();
  g_autofree char *namespace = job_holder_namespace ();
  g_autofree char *start = job_holder_start (getpid ());

  if (boot == NULL || namespace == NULL || start == NULL)
    return g_steal_pointer (&random);
  return g_strdup_printf ("%s/%s/%s/%d/%s", random, boot, namespace, (int)getpid (), start);
}

gboolean
job_holder_is_dead (const char *holder)
{
  g_auto (GStrv) parts = g_strsplit (holder, "/", 6);
  g_autofree char *boot = job_holder_boot ();
  g_autofree char *namespace = job_holder_namespace ();
  g_autofree char *start = NULL;
  pid_t pid;

  if (g_strv_length (parts) != 5 || boot == NULL || namespace == NULL)
    return FALSE;
  if (strcmp (parts[1], boot) != 0 || strcmp (parts[2], namespace) != 0)
    return FALSE;
  pid = (pid_t)g_ascii_strtoll (parts[3], NULL, 10);
  if (pid <= 0)
    return FALSE;
  if (kill (pid, 0) != 0 && errno == ESRCH)
    return TRUE;
  start = job_holder_start (pid);
  return start != NULL && strcmp (start, parts[4]) != 0;
}
