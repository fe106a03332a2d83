/* SPDX-License-Identifier: Apache-2.0 */
/* object-store/1: bytes under keys. Loop only.
 *
 * A key is a path of names joined by "/", at most 1024 bytes of UTF-8, without
 * empty names, "." and ".."; stores refuse others. An object appears whole or
 * not at all, and an object that was said to be stored outlives a crash. A store may refuse names
 * of more than 255 bytes, and a key that is another object's with "/..." after it or before it.
 */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

typedef enum {
  DAE_STORE_OK = 0,
  DAE_STORE_NOT_FOUND = 1,   /* there is no such object */
  DAE_STORE_FULL = 2,        /* no space is left: 507 */
  DAE_STORE_UNAVAILABLE = 3, /* tried again for a while and given up: 503; what was put may be there all the same */
  DAE_STORE_REFUSED = 4,     /* keys, bucket, clock or rights are wrong: the store has logged the remedy */
  DAE_STORE_CUT = 5,         /* the object ended before its length */
} DaeStoreResult;

typedef struct DaeStorePut DaeStorePut; /* one object being written; the provider's own */
typedef struct DaeStoreGet DaeStoreGet; /* one object being read; the provider's own */

/* Never called from inside one of the functions below. A put that fails is `done` at once, also before
 * put_finish; one whose stated length is not what was written is DAE_STORE_CUT. WHY is for the log,
 * borrowed, NULL if OK; the handle is dead when `done` or `end` returns. */
typedef struct {
  guint32 struct_size;
  void (*drained) (DaeStorePut *put, gpointer data); /* after put_write gave FALSE: there is room again */
  void (*done) (DaeStorePut *put, DaeStoreResult result, const char *why, gpointer data); /* once */
} DaeStorePutHooks;

typedef struct {
  guint32 struct_size;
  void (*head) (DaeStoreGet *get, gint64 length, gpointer data); /* bytes that will come */
  void (*body) (DaeStoreGet *get, const char *bytes, gsize length, gpointer data); /* borrowed */
  void (*end) (DaeStoreGet *get, DaeStoreResult result, const char *why, gpointer data); /* once */
} DaeStoreGetHooks;

typedef void (*DaeStoreDone) (DaeStoreResult result, const char *why, gpointer data);
/* One object of a list. KEY is borrowed. */
typedef void (*DaeStoreItem) (const char *key, gint64 size, gint64 modified_at, gpointer data);

typedef struct {
  guint32 struct_size;
  /* Begins to write LENGTH bytes (-1: not known) of media type TYPE. An object of that key is
   * replaced when the new one is whole. HOOKS are borrowed until `done` has returned. */
  DaeStorePut *(*put) (DaePlugin *provider, const char *key, const char *type, gint64 length,
                       const DaeStorePutHooks *hooks, gpointer data);
  /* Takes BYTES (shared). FALSE: enough is waiting; write no more until `drained`. */
  gboolean (*put_write) (DaeStorePut *put, GBytes *bytes);
  /* All has been written: `done` follows. */
  void (*put_finish) (DaeStorePut *put);
  /* Nothing of it remains; no hook is called any more and the handle is dead. */
  void (*put_cancel) (DaeStorePut *put);
  /* Reads LENGTH bytes (-1: to the end) from OFFSET, at most what is there. HOOKS are borrowed until `end` has returned. */
  DaeStoreGet *(*get) (DaePlugin *provider, const char *key, gint64 offset, gint64 length,
                       const DaeStoreGetHooks *hooks, gpointer data);
  /* Stops or goes on giving bytes. */
  void (*get_pause) (DaeStoreGet *get, gboolean paused);
  /* No hook is called any more and the handle is dead. */
  void (*get_cancel) (DaeStoreGet *get);
  /* Removes an object; one that is not there is OK. */
  void (*remove) (DaePlugin *provider, const char *key, DaeStoreDone done, gpointer data);
  /* Calls ITEM for at most MAX objects whose keys begin with PREFIX and come after AFTER (or NULL)
   * in order of bytes, then DONE. Unfinished writes are not among them. */
  void (*list) (DaePlugin *provider, const char *prefix, const char *after, guint max, DaeStoreItem item,
                DaeStoreDone done, gpointer data);
  /* Removes what writes that never ended have left behind before BEFORE (microseconds). */
  void (*tidy) (DaePlugin *provider, gint64 before, DaeStoreDone done, gpointer data);
} DaeObjectStore1;

G_END_DECLS
