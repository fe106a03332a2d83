/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory-get: an object is read block by block, and no block before the last one is
 * wanted. A thread reads; what is in memory by then the loop reads by itself, some blocks in a row.
 */
#include "store-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <object-key.h>

#define STORE_GET_BLOCK  (256 * 1024)
#define STORE_GET_IN_ROW 8 /* blocks, before others get their turn */

struct DaeStoreGet {
  DaePlugin *self;
  const DaeStoreGetHooks *hooks;
  gpointer data;
  char *key;
  gboolean busy, paused, cancelled, told; /* loop */

  /* of the call that runs, else the loop's */
  gint64 at, left; /* left: -1 to the end, as long as it is not open */
  int fd;
  char *block;
  gsize got; /* in block, not given yet */
  StoreOutcome outcome;
};

static gboolean
store_get_not_found (DaeStoreGet *get)
{
  get->outcome = (StoreOutcome){ DAE_STORE_NOT_FOUND, g_strdup ("there is no such object") };
  return FALSE;
}

static gboolean
store_get_open_file (DaeStoreGet *get, int root)
{
  const char *name;
  int folder = store_path_open_folder (root, get->key, FALSE, &name), error;

  if (folder < 0)
    return errno == ENOENT || errno == ENOTDIR
               ? store_get_not_found (get)
               : store_path_fail (&get->outcome, errno, "cannot open the object's folder");
  get->fd = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  error = errno;
  close (folder);
  if (get->fd < 0)
    return error == ENOENT ? store_get_not_found (get)
                           : store_path_fail (&get->outcome, error, "cannot open the object");
  return TRUE;
}

static gboolean
store_get_open (DaeStoreGet *get)
{
  const StoreData *store = dae_data (get->self);
  int root = store_path_open_root (store->path, "objects", FALSE);
  struct stat info;
  gboolean ok;

  if (root < 0)
    return errno == ENOENT && g_file_test (store->path, G_FILE_TEST_IS_DIR)
               ? store_get_not_found (get)
               : store_path_fail (&get->outcome, errno, "cannot open the folder of objects");
  ok = store_get_open_file (get, root);
  close (root);
  if (!ok)
    return FALSE;
  if (fstat (get->fd, &info) != 0)
    return store_path_fail (&get->outcome, errno, "cannot look at the object");
  if (!S_ISREG (info.st_mode))
    return store_get_not_found (get);
  get->at = MIN (get->at, info.st_size);
  get->left = get->left < 0 ? info.st_size - get->at : MIN (get->left, info.st_size - get->at);
  get->block = g_malloc (STORE_GET_BLOCK);
  return TRUE;
}

/* FALSE: none of it is in memory, nothing was read. */
static gboolean
store_get_read_cached (DaeStoreGet *get)
{
  struct iovec room = { get->block, (gsize)MIN (get->left, STORE_GET_BLOCK) };
  gssize n = preadv2 (get->fd, &room, 1, get->at, RWF_NOWAIT);

  if (n <= 0) /* nor where the file system cannot tell */
    return FALSE;
  get->got = (gsize)n;
  get->at += n;
  return TRUE;
}

static void
store_get_read (DaeStoreGet *get)
{
  gssize n;

  do
    n = pread (get->fd, get->block, (gsize)MIN (get->left, STORE_GET_BLOCK), get->at);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    store_path_fail (&get->outcome, errno, "cannot read");
  } else if (n == 0) {
    get->outcome = (StoreOutcome){ DAE_STORE_CUT, g_strdup ("it became shorter meanwhile") };
  } else {
    get->got = (gsize)n;
    get->at += n;
  }
}

/* On a thread. */
static void
store_get_work (DaePlugin *self, gpointer data)
{
  DaeStoreGet *get = data;

  if (get->got > 0 || get->outcome.result != DAE_STORE_OK)
    return; /* a pause has kept it */
  if (get->fd < 0 && !store_get_open (get))
    return;
  if (get->left > 0)
    store_get_read (get);
}

static void
store_get_free (DaeStoreGet *get)
{
  if (get->fd >= 0)
    close (get->fd);
  g_free (get->block);
  g_free (get->outcome.why);
  g_free (get->key);
  g_free (get);
}

static void store_get_done (DaePlugin *self, gpointer data);

static void
store_get_step (DaeStoreGet *get)
{
  if (get->busy || get->paused)
    return;
  get->busy = TRUE;
  dae_block (get->self, store_get_work, store_get_done, get);
}

static gboolean
store_get_is_open (const DaeStoreGet *get)
{
  return get->block != NULL;
}

/* Calls what hooks there are to call; TRUE if that was the end. */
static gboolean
store_get_tell (DaeStoreGet *get)
{
  StoreData *store = dae_data (get->self);

  if (store_get_is_open (get) && !get->told) {
    get->told = TRUE;
    get->hooks->head (get, get->left, get->data);
  }
  if (!get->cancelled && get->got > 0 && !get->paused) {
    gsize got = get->got;

    get->got = 0;
    get->left -= (gint64)got;
    dae_series_add (store->bytes_out, (double)got);
    get->hooks->body (get, get->block, got, get->data);
  }
  if (get->cancelled)
    return TRUE;
  if (get->outcome.result == DAE_STORE_OK && get->left != 0)
    return FALSE;
  store_told (get->self, STORE_GET, &get->outcome);
  get->hooks->end (get, get->outcome.result, get->outcome.why, get->data);
  return TRUE;
}

static void
store_get_done (DaePlugin *self, gpointer data)
{
  DaeStoreGet *get = data;

  /* busy, so that nothing frees it under a hook */
  for (guint i = 1;; i++) {
    if (get->cancelled || store_get_tell (get)) {
      store_get_free (get);
      return;
    }
    if (get->paused || i == STORE_GET_IN_ROW || !store_get_read_cached (get))
      break;
  }
  get->busy = FALSE;
  store_get_step (get);
}

DaeStoreGet *
store_get (DaePlugin *self,
           const char *key,
           gint64 offset,
           gint64 length,
           const DaeStoreGetHooks *hooks,
           gpointer data)
{
  DaeStoreGet *get = g_new0 (DaeStoreGet, 1);

  get->self = self;
  get->hooks = hooks;
  get->data = data;
  get->key = g_strdup (key);
  get->at = MAX (offset, 0);
  get->left = length;
  get->fd = -1;
  if (!object_key_is_valid (key))
    get->outcome = (StoreOutcome){ DAE_STORE_REFUSED, g_strdup ("the key is not a path of names") };
  get->busy = TRUE;
  dae_block (self, store_get_work, store_get_done, get);
  return get;
}

void
store_get_pause (DaeStoreGet *get, gboolean paused)
{
  get->paused = paused;
  store_get_step (get);
}

void
store_get_cancel (DaeStoreGet *get)
{
  get->cancelled = TRUE;
  if (!get->busy)
    store_get_free (get);
}
