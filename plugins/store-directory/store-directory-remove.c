/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory-remove: takes away objects with the folders that they leave empty, and what
 * writes that never ended have left.
 */
#include "store-directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <object-key.h>

typedef struct {
  StoreWhat what;
  char *key;     /* STORE_REMOVE */
  gint64 before; /* STORE_TIDY */
  DaeStoreDone done;
  gpointer data;
  StoreOutcome outcome;
} StoreRemoval;

/* ---- on a thread ---- */

static gboolean
store_remove_object (StoreRemoval *removal, int root)
{
  const char *name;
  int folder = store_path_open_folder (root, removal->key, FALSE, &name), error = 0;

  if (folder < 0)
    return errno == ENOENT || errno == ENOTDIR ||
           store_path_fail (&removal->outcome, errno, "cannot open the object's folder");
  if (unlinkat (folder, name, 0) != 0)
    error = errno;
  else if (!store_path_sync (folder))
    error = errno;
  close (folder);
  if (error != 0 && error != ENOENT && error != EISDIR)
    return store_path_fail (&removal->outcome, error, "cannot remove the object");
  if (error == 0)
    store_path_prune (root, removal->key);
  return TRUE;
}

static void
store_remove_work (DaePlugin *self, gpointer data)
{
  StoreRemoval *removal = data;
  const StoreData *store = dae_data (self);
  int root;

  if (!object_key_is_valid (removal->key)) {
    removal->outcome =
        (StoreOutcome){ DAE_STORE_REFUSED, g_strdup ("the key is not a path of names") };
    return;
  }
  root = store_path_open_root (store->path, "objects", FALSE);
  if (root >= 0) {
    store_remove_object (removal, root);
    close (root);
  } else if (errno != ENOENT || !g_file_test (store->path, G_FILE_TEST_IS_DIR)) {
    store_path_fail (&removal->outcome, errno, "cannot open the folder of objects");
  }
}

/* Whoever still writes holds a lock. */
static void
store_tidy_one (StoreRemoval *removal, int folder, const char *name)
{
  int fd = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat info;

  if (fd < 0)
    return;
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) &&
      (gint64)info.st_mtim.tv_sec * G_USEC_PER_SEC < removal->before &&
      flock (fd, LOCK_EX | LOCK_NB) == 0 && unlinkat (folder, name, 0) != 0 && errno != ENOENT)
    store_path_fail (&removal->outcome, errno, "cannot remove an unfinished object");
  close (fd);
}

static void
store_tidy_work (DaePlugin *self, gpointer data)
{
  StoreRemoval *removal = data;
  const StoreData *store = dae_data (self);
  int folder = store_path_open_root (store->path, "unfinished", FALSE);
  DIR *directory = folder >= 0 ? fdopendir (folder) : NULL;
  const struct dirent *entry;

  if (directory == NULL) {
    if (folder >= 0 || errno != ENOENT)
      store_path_fail (&removal->outcome, errno, "cannot list unfinished objects");
    if (folder >= 0)
      close (folder);
    return;
  }
  while ((entry = readdir (directory)) != NULL) {
    if (entry->d_name[0] != '.')
      store_tidy_one (removal, folder, entry->d_name);
  }
  closedir (directory);
}

/* ---- on the loop ---- */

static void
store_removal_done (DaePlugin *self, gpointer data)
{
  StoreRemoval *removal = data;

  store_told (self, removal->what, &removal->outcome);
  removal->done (removal->outcome.result, removal->outcome.why, removal->data);
  g_free (removal->outcome.why);
  g_free (removal->key);
  g_free (removal);
}

void
store_remove (DaePlugin *self, const char *key, DaeStoreDone done, gpointer data)
{
  StoreRemoval *removal = g_new0 (StoreRemoval, 1);

  *removal = (StoreRemoval){ STORE_REMOVE, g_strdup (key), 0, done, data, { 0 } };
  dae_block (self, store_remove_work, store_removal_done, removal);
}

void
store_tidy (DaePlugin *self, gint64 before, DaeStoreDone done, gpointer data)
{
  StoreRemoval *removal = g_new0 (StoreRemoval, 1);

  *removal = (StoreRemoval){ STORE_TIDY, NULL, before, done, data, { 0 } };
  dae_block (self, store_tidy_work, store_removal_done, removal);
}
