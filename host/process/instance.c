/* SPDX-License-Identifier: Apache-2.0 */
/* instance: the data directory of one installation on this machine. */
#include "instance.h"

#include "../observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define SOCKET_PATH_MAX 100 /* sun_path holds 107 bytes */
#define LOCK_TRIES      40  /* 2 s */
#define LOCK_WAIT_US    50000

char *
instance_data_dir (Config *config)
{
  const char *set = config_text (config, "host", "data-dir");
  const char *state = g_getenv ("STATE_DIRECTORY");

  if (set != NULL && *set != '\0')
    return g_canonicalize_filename (set, NULL);
  if (state != NULL && *state != '\0') {
    g_auto (GStrv) directories = g_strsplit (state, ":", 2);

    return g_strdup (directories[0]);
  }
  if (g_getenv ("INVOCATION_ID") != NULL && g_getenv ("HOME") == NULL)
    return g_strdup ("/var/lib/daedalus");
  return g_build_filename (g_get_user_data_dir (), "daedalus", NULL);
}

static char *
runtime_dir (Config *config, const char *data_dir)
{
  const char *set = config_text (config, "host", "runtime-dir");
  const char *given = g_getenv ("RUNTIME_DIRECTORY");
  g_autofree char *under_data = g_build_filename (data_dir, "run", NULL);
  g_autofree char *hash = NULL;

  if (set != NULL && *set != '\0')
    return g_canonicalize_filename (set, NULL);
  if (given != NULL && *given != '\0') {
    g_auto (GStrv) directories = g_strsplit (given, ":", 2);

    return g_strdup (directories[0]);
  }
  if (strlen (under_data) + strlen ("/internal.sock") <= SOCKET_PATH_MAX)
    return g_steal_pointer (&under_data);
  /* too deep for a socket's path: a private directory elsewhere, the same one each time */
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, data_dir, -1);
  hash[16] = '\0';
  return g_strdup_printf ("%s/daedalus-%u-%s", g_get_tmp_dir (), (guint)getuid (), hash);
}

static gboolean
make_private_dir (const char *path, Complaints *complaints)
{
  g_autofree char *why = NULL;
  struct stat status;

  if (g_mkdir_with_parents (path, 0700) == 0 && g_stat (path, &status) == 0 &&
      S_ISDIR (status.st_mode)) {
    if (status.st_uid == geteuid () && (status.st_mode & 077) == 0)
      return TRUE;
    if (status.st_uid == geteuid () && g_chmod (path, 0700) == 0)
      return TRUE;
    errno = EPERM;
  }
  why = g_strdup_printf ("cannot use directory \"%s\": %s", path, g_strerror (errno));
  complaints_add (
      complaints, NULL, NULL, 0, "host", "data-dir", why,
      "Make it a directory that belongs to the user who runs daedalus, or set data-dir in [host].");
  return FALSE;
}

/* 32 random bytes, made once and kept: what is signed today is known tomorrow. */
static gboolean
open_secret (Instance *instance, Complaints *complaints)
{
  g_autofree char *path = g_build_filename (instance->data_dir, "secret.key", NULL);
  g_autofree char *fresh = g_strdup_printf ("%s.%d", path, (int)getpid ());
  g_autofree char *why = NULL;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 && errno == ENOENT) {
    guint8 bytes[32];
    int made = open (fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (made >= 0 && getrandom (bytes, sizeof bytes, 0) == sizeof bytes &&
        write (made, bytes, sizeof bytes) == sizeof bytes && fsync (made) == 0)
      (void)!link (fresh, path); /* whoever comes second uses the first one's */
    if (made >= 0)
      close (made);
    unlink (fresh);
    fd = open (path, O_RDONLY | O_CLOEXEC);
  }
  if (fd >= 0 && read (fd, instance->secret, sizeof instance->secret) == sizeof instance->secret) {
    close (fd);
    return TRUE;
  }
  why = g_strdup_printf ("cannot read \"%s\": %s", path,
                         fd < 0 ? g_strerror (errno) : "it is not 32 bytes long");
  complaints_add (complaints, NULL, path, 0, NULL, NULL, why,
                  "Give the file to the user who runs daedalus, or remove it: a new one is made "
                  "and people sign in anew.");
  if (fd >= 0)
    close (fd);
  return FALSE;
}

static void
fill_in (Instance *instance, char *data_dir, char *runtime)
{
  instance->lock = -1;
  instance->data_dir = data_dir;
  instance->runtime_dir = runtime;
  instance->internal_socket = g_build_filename (runtime, "internal.sock", NULL);
  instance->control_socket = g_build_filename (runtime, "control.sock", NULL);
}

void
instance_locate (Instance *instance, Config *config)
{
  char *data_dir = instance_data_dir (config);

  fill_in (instance, data_dir, runtime_dir (config, data_dir));
}

gboolean
instance_take (
    Instance *instance, const char *data_dir, const char *runtime, int lock, Complaints *complaints)
{
  fill_in (instance, g_strdup (data_dir), g_strdup (runtime));
  instance->lock = lock;
  return open_secret (instance, complaints);
}

gboolean
instance_open (Instance *instance, Config *config, Complaints *complaints)
{
  instance_locate (instance, config);
  return make_private_dir (instance->data_dir, complaints) &&
         make_private_dir (instance->runtime_dir, complaints) && open_secret (instance, complaints);
}

/* One that was killed holds its lock until the kernel has taken its memory: whoever starts it again
 * at once waits for that. */
static gboolean
lock_when_free (int fd)
{
  for (guint tries = 0; flock (fd, LOCK_EX | LOCK_NB) != 0; tries++) {
    if (errno != EWOULDBLOCK || tries == LOCK_TRIES)
      return FALSE;
    g_usleep (LOCK_WAIT_US);
  }
  return TRUE;
}

gboolean
instance_lock (Instance *instance, Complaints *complaints)
{
  g_autofree char *path = g_build_filename (instance->data_dir, "lock", NULL);
  g_autofree char *why = NULL;

  instance->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (instance->lock >= 0 && lock_when_free (instance->lock))
    return TRUE;
  if (errno == EWOULDBLOCK)
    why = g_strdup_printf ("another daedalus runs on \"%s\"", instance->data_dir);
  else
    why = g_strdup_printf ("cannot lock \"%s\": %s", path, g_strerror (errno));
  complaints_add (complaints, NULL, path, 0, "host", "data-dir", why,
                  "Stop the other one, or give this one a data-dir of its own in [host].");
  if (instance->lock >= 0)
    close (instance->lock);
  instance->lock = -1;
  return FALSE;
}

void
instance_announce (Instance *instance, const char *key, const char *text)
{
  g_autofree char *path = g_build_filename (instance->runtime_dir, key, NULL);
  g_autoptr (GError) error = NULL;

  if (text == NULL)
    unlink (path);
  else if (!g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    log_line (G_LOG_LEVEL_WARNING, "cannot write announcement", DAE_S ("file", path),
              DAE_S ("error", error->message));
}

void
instance_clear (Instance *instance)
{
  if (instance->lock >= 0) {
    unlink (instance->internal_socket);
    unlink (instance->control_socket);
    close (instance->lock);
    instance->lock = -1;
  }
  g_clear_pointer (&instance->data_dir, g_free);
  g_clear_pointer (&instance->runtime_dir, g_free);
  g_clear_pointer (&instance->internal_socket, g_free);
  g_clear_pointer (&instance->control_socket, g_free);
}
