/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory: what the files of this plugin share.
 *
 * Below [plugin store-directory] path: objects/KEY, and unfinished/ID while something is written.
 * What touches the disk runs by dae_block; the loop only hands work over.
 */
#pragma once

#include <daedalus-plugin.h>
#include <services/object-store.h>

typedef enum { STORE_PUT, STORE_GET, STORE_REMOVE, STORE_LIST, STORE_TIDY, STORE_N_WHAT } StoreWhat;

typedef struct {
  char *path;
  gboolean is_required;
  DaeSeries *ok[STORE_N_WHAT], *failed[STORE_N_WHAT];
  DaeSeries *bytes_in, *bytes_out;
} StoreData;

typedef struct {
  gboolean probing;
  char *why; /* what is wrong; owned; NULL: nothing */
} StoreState;

/* What became of something; begins as zeros. */
typedef struct {
  DaeStoreResult result;
  char *why; /* owned; NULL if OK */
} StoreOutcome;

/* store-directory-path.c: any thread */
/* OUTCOME by errno, unless it is bad already; FALSE always. */
gboolean store_path_fail (StoreOutcome *outcome, int error, const char *what);
/* The folder PATH/SUB, made if there is none and MAKE; -1 with errno. */
int store_path_open_root (const char *path, const char *sub, gboolean make);
/* The folder in which KEY's object is, below ROOT; RET_NAME is the object's name in it. With MAKE it
 * and those above are there after a crash too. -1 with errno. */
int store_path_open_folder (int root, const char *key, gboolean make, const char **ret_name);
gboolean store_path_sync (int folder);
/* Removes the folders of KEY that are empty. */
void store_path_prune (int root, const char *key);

/* store-directory.c: loop */
/* Counts and logs what became of WHAT. */
void store_told (DaePlugin *self, StoreWhat what, const StoreOutcome *outcome);

/* store-directory-put.c */
DaeStorePut *store_put (DaePlugin *self, const char *key, const char *type, gint64 length,
                        const DaeStorePutHooks *hooks, gpointer data);
gboolean store_put_write (DaeStorePut *put, GBytes *bytes);
void store_put_finish (DaeStorePut *put);
void store_put_cancel (DaeStorePut *put);

/* store-directory-get.c */
DaeStoreGet *store_get (DaePlugin *self, const char *key, gint64 offset, gint64 length,
                        const DaeStoreGetHooks *hooks, gpointer data);
void store_get_pause (DaeStoreGet *get, gboolean paused);
void store_get_cancel (DaeStoreGet *get);

/* store-directory-list.c */
void store_list (DaePlugin *self, const char *prefix, const char *after, guint max, DaeStoreItem item,
                 DaeStoreDone done, gpointer data);

/* store-directory-remove.c */
void store_remove (DaePlugin *self, const char *key, DaeStoreDone done, gpointer data);
void store_tidy (DaePlugin *self, gint64 before, DaeStoreDone done, gpointer data);
