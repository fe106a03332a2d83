/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory-put: an object is written beside the others and moved to its place when all of it
 * is on the disk. One call of dae_block at a time writes what has gathered meanwhile.
 */
#include "store-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <object-key.h>

#define STORE_PUT_HIGH  (1024 * 1024)
#define STORE_PUT_LOW   (512 * 1024)
#define STORE_PUT_FLUSH (8 * 1024 * 1024)
#define STORE_PUT_TRIES 64

struct DaeStorePut {
  DaePlugin *self;
  const DaeStorePutHooks *hooks;
  gpointer data;
  char *key;
  gint64 length;

  GQueue waiting;  /* GBytes, owned */
  gsize n_waiting; /* bytes of these and of what is being written */
  gboolean busy;   /* a call runs, or a hook */
  gboolean finishing, cancelled, wants_room;

  GQueue taken; /* the call's own, as all below */
  gsize n_taken;
  gboolean last;
  int folder, fd; /* of the unfinished ones, and in it */
  char name[37];
  gint64 written, flushed;
  StoreOutcome outcome;
};

/* ---- on a thread ---- */

/* Nothing of it remains. */
static void
store_put_drop (DaeStorePut *put)
{
  if (put->fd >= 0) {
    unlinkat (put->folder, put->name, 0);
    close (put->fd);
  }
  if (put->folder >= 0)
    close (put->folder);
  put->fd = put->folder = -1;
}

static gboolean
store_put_open (DaeStorePut *put)
{
  const StoreData *store = dae_data (put->self);

  put->folder = store_path_open_root (store->path, "unfinished", TRUE);
  if (put->folder < 0)
    return store_path_fail (&put->outcome, errno, "cannot open the folder of unfinished objects");
  dae_uuid7 (put->self, put->name);
  put->fd = openat (put->folder, put->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (put->fd < 0)
    return store_path_fail (&put->outcome, errno, "cannot make a file");
  flock (put->fd, LOCK_EX | LOCK_NB); /* tells whoever tidies that it lives */
  return TRUE;
}

static gboolean
store_put_write_all (DaeStorePut *put, GBytes *bytes)
{
  gsize left;
  const char *at = g_bytes_get_data (bytes, &left);

  while (left > 0) {
    gssize n = write (put->fd, at, left);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return store_path_fail (&put->outcome, n < 0 ? errno : ENOSPC, "cannot write");
    at += n;
    left -= (gsize)n;
    put->written += n;
  }
  /* begun early, so that the last sync is short */
  if (put->written - put->flushed >= STORE_PUT_FLUSH) {
    sync_file_range (put->fd, put->flushed, put->written - put->flushed, SYNC_FILE_RANGE_WRITE);
    put->flushed = put->written;
  }
  return TRUE;
}

static gboolean
store_put_move (DaeStorePut *put, int root)
{
  for (guint i = 0;; i++) {
    const char *name;
    int folder = store_path_open_folder (root, put->key, TRUE, &name), error;

    if (folder < 0)
      return store_path_fail (&put->outcome, errno, "cannot make the object's folder");
    if (renameat (put->folder, put->name, folder, name) == 0) {
      gboolean synced = store_path_sync (folder);

      error = errno;
      close (put->fd);
      put->fd = -1; /* it has another name now */
      close (folder);
      return synced || store_path_fail (&put->outcome, error, "cannot sync the object's folder");
    }
    error = errno;
    close (folder);
    /* the folder was removed while it was still empty */
    if (error != ENOENT || i == STORE_PUT_TRIES)
      return store_path_fail (&put->outcome, error, "cannot move the object to its place");
  }
}

static gboolean
store_put_commit (DaeStorePut *put)
{
  const StoreData *store = dae_data (put->self);
  gboolean ok;
  int root;

  if (put->length >= 0 && put->written != put->length) {
    put->outcome.result = DAE_STORE_CUT;
    put->outcome.why = g_strdup_printf (
        "%" G_GINT64_FORMAT " bytes were written of %" G_GINT64_FORMAT, put->written, put->length);
    return FALSE;
  }
  if (fsync (put->fd) != 0)
    return store_path_fail (&put->outcome, errno, "cannot sync the object");
  root = store_path_open_root (store->path, "objects", TRUE);
  if (root < 0)
    return store_path_fail (&put->outcome, errno, "cannot open the folder of objects");
  ok = store_put_move (put, root);
  close (root);
  return ok;
}

static void
store_put_work (DaePlugin *self, gpointer data)
{
  DaeStorePut *put = data;
  gboolean ok = put->outcome.result == DAE_STORE_OK && (put->fd >= 0 || store_put_open (put));

  for (GList *link = put->taken.head; ok && link != NULL; link = link->next)
    ok = store_put_write_all (put, link->data);
  if (ok && put->last)
    ok = store_put_commit (put);
  if (!ok || put->last)
    store_put_drop (put);
}

static void
store_put_drop_work (DaePlugin *self, gpointer data)
{
  store_put_drop (data);
}

/* ---- on the loop ---- */

static void
store_put_free (DaeStorePut *put)
{
  g_queue_clear_full (&put->waiting, (GDestroyNotify)g_bytes_unref);
  g_queue_clear_full (&put->taken, (GDestroyNotify)g_bytes_unref);
  g_free (put->outcome.why);
  g_free (put->key);
  g_free (put);
}

static void
store_put_dropped (DaePlugin *self, gpointer data)
{
  store_put_free (data);
}

static void
store_put_discard (DaeStorePut *put)
{
  if (put->folder < 0)
    store_put_free (put);
  else
    dae_block (put->self, store_put_drop_work, store_put_dropped, put);
}

static void store_put_done (DaePlugin *self, gpointer data);

static void
store_put_step (DaeStorePut *put)
{
  if (put->busy ||
      (put->waiting.length == 0 && !put->finishing && put->outcome.result == DAE_STORE_OK))
    return;
  put->busy = TRUE;
  put->last = put->finishing;
  put->taken = put->waiting;
  put->n_taken = put->n_waiting;
  g_queue_init (&put->waiting);
  dae_block (put->self, store_put_work, store_put_done, put);
}

static void
store_put_done (DaePlugin *self, gpointer data)
{
  DaeStorePut *put = data;
  StoreData *store = dae_data (self);

  g_queue_clear_full (&put->taken, (GDestroyNotify)g_bytes_unref);
  put->n_waiting -= put->n_taken;
  if (put->outcome.result != DAE_STORE_OK || put->last) {
    if (!put->cancelled) {
      store_told (self, STORE_PUT, &put->outcome);
      if (put->outcome.result == DAE_STORE_OK)
        dae_series_add (store->bytes_in, (double)put->written);
      put->hooks->done (put, put->outcome.result, put->outcome.why, put->data);
    }
    store_put_free (put);
    return;
  }
  /* still busy, so that nothing frees it under the hook */
  if (put->wants_room && !put->cancelled && put->n_waiting < STORE_PUT_LOW) {
    put->wants_room = FALSE;
    put->hooks->drained (put, put->data);
  }
  put->busy = FALSE;
  if (put->cancelled)
    store_put_discard (put);
  else
    store_put_step (put);
}

DaeStorePut *
store_put (DaePlugin *self,
           const char *key,
           const char *type,
           gint64 length,
           const DaeStorePutHooks *hooks,
           gpointer data)
{
  DaeStorePut *put = g_new0 (DaeStorePut, 1);

  put->self = self;
  put->hooks = hooks;
  put->data = data;
  put->key = g_strdup (key);
  put->length = length;
  put->folder = put->fd = -1;
  if (!object_key_is_valid (key)) {
    put->outcome = (StoreOutcome){ DAE_STORE_REFUSED, g_strdup ("the key is not a path of names") };
    store_put_step (put);
  }
  return put;
}

gboolean
store_put_write (DaeStorePut *put, GBytes *bytes)
{
  g_queue_push_tail (&put->waiting, g_bytes_ref (bytes));
  put->n_waiting += g_bytes_get_size (bytes);
  put->wants_room = put->n_waiting >= STORE_PUT_HIGH;
  store_put_step (put);
  return !put->wants_room;
}

void
store_put_finish (DaeStorePut *put)
{
  put->finishing = TRUE;
  store_put_step (put);
}

void
store_put_cancel (DaeStorePut *put)
{
  put->cancelled = TRUE;
  if (!put->busy)
    store_put_discard (put);
}
