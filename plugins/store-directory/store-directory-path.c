/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory-path: from a key to a folder, one name at a time and never through a link, so
 * that no key and nothing that lies in the tree leads out of it.
 */
#include "store-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_PATH_TRIES 64

#define STORE_PATH_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static DaeStoreResult
store_path_result (int error)
{
  switch (error) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return DAE_STORE_FULL;
  case EACCES:
  case EPERM:
  case EROFS:
  case ELOOP:
  case EXDEV:
  case EISDIR:
  case ENOTDIR:
  case ENOTEMPTY:
  case ENAMETOOLONG:
    return DAE_STORE_REFUSED;
  default:
    return DAE_STORE_UNAVAILABLE;
  }
}

gboolean
store_path_fail (StoreOutcome *outcome, int error, const char *what)
{
  if (outcome->result == DAE_STORE_OK) {
    outcome->result = store_path_result (error);
    outcome->why = g_strdup_printf ("%s: %s", what, g_strerror (error));
  }
  return FALSE;
}

gboolean
store_path_sync (int folder)
{
  /* some file systems have nothing to write down for a folder */
  return fsync (folder) == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* NAME in FOLDER, which is closed; errno is of what failed. */
static int
store_path_enter (int folder, const char *name, gboolean make)
{
  int fd = -1, error;

  if (!make || mkdirat (folder, name, 0700) == 0 || errno == EEXIST) {
    fd = openat (folder, name, STORE_PATH_FOLDER | O_NOFOLLOW);
    if (fd >= 0 && make && !store_path_sync (folder)) {
      error = errno;
      close (fd);
      errno = error;
      fd = -1;
    }
  }
  error = errno;
  close (folder);
  errno = error;
  return fd;
}

int
store_path_open_root (const char *path, const char *sub, gboolean make)
{
  int fd = open (path, STORE_PATH_FOLDER);

  if (fd < 0 && errno == ENOENT && make) {
    g_autofree char *above = g_path_get_dirname (path);

    if (g_mkdir_with_parents (path, 0700) != 0)
      return -1;
    fd = open (above, STORE_PATH_FOLDER);
    if (fd >= 0) {
      store_path_sync (fd);
      close (fd);
    }
    fd = open (path, STORE_PATH_FOLDER);
  }
  return fd < 0 ? -1 : store_path_enter (fd, sub, make);
}

static int
store_path_walk (int root, const char *key, gboolean make, const char **ret_name)
{
  int fd = fcntl (root, F_DUPFD_CLOEXEC, 0);

  for (const char *slash; fd >= 0 && (slash = strchr (key, '/')) != NULL; key = slash + 1) {
    g_autofree char *name = g_strndup (key, (gsize)(slash - key));

    fd = store_path_enter (fd, name, make);
  }
  *ret_name = key;
  return fd;
}

int
store_path_open_folder (int root, const char *key, gboolean make, const char **ret_name)
{
  int fd = store_path_walk (root, key, make, ret_name);

  /* whoever removes an object at this moment takes the empty folders along */
  for (guint i = 0; fd < 0 && errno == ENOENT && make && i < STORE_PATH_TRIES; i++)
    fd = store_path_walk (root, key, TRUE, ret_name);
  return fd;
}

void
store_path_prune (int root, const char *key)
{
  g_autofree char *folder = g_strdup (key);
  char *slash;

  while ((slash = strrchr (folder, '/')) != NULL) {
    const char *name;
    int above, failed;

    *slash = '\0';
    above = store_path_walk (root, folder, FALSE, &name);
    if (above < 0)
      return;
    failed = unlinkat (above, name, AT_REMOVEDIR);
    close (above);
    if (failed)
      return;
  }
}
