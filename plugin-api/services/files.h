/* SPDX-License-Identifier: Apache-2.0 */
/* files/1: the files of workspaces, for plugins that work on behalf of a person. */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

/* A file that is ready. Strings are borrowed from the transaction. */
typedef struct {
  guint32 struct_size;
  const char *id;
  const char *workspace_id;
  const char *name;
  const char *type;   /* media type, as found in the content */
  gint64 size;        /* bytes */
  const char *sha256; /* of the content, 64 hexadecimal digits */
  const char *path;   /* of its content at this host: "/api/files/ID/content" */
} DaeFile;

/* Exactly once on the loop. CONTENT is borrowed; NULL: it cannot be had, PROBLEM says why. */
typedef void (*DaeFileRead) (GBytes *content, const char *problem, gpointer data);
typedef void (*DaeMessageFile) (const char *message_id, const DaeFile *file, gpointer data);
typedef void (*DaeFoundFile) (const DaeFile *file, const char *excerpt, gpointer data);

typedef struct {
  guint32 struct_size;
  /* T: the file, if SUBJECT may read it. */
  gboolean (*find) (DaePlugin *provider, DaeTx *tx, const char *subject, const char *file_id, DaeFile *ret);
  /* T: attaches files of the message's workspace to a message, in this order. FALSE: the file at
   * RET_WRONG is not a ready one of that workspace, and nothing was attached. */
  gboolean (*attach) (DaePlugin *provider, DaeTx *tx, const char *workspace_id, const char *message_id,
                      const char *const *file_ids, guint *ret_wrong);
  /* T: calls FUNC for each file of these messages (at most 200, NULL-ended), by message and in the
   * order of attaching. One that is gone by now has no size (-1) and no path. */
  void (*of_messages) (DaePlugin *provider, DaeTx *tx, const char *const *message_ids, DaeMessageFile func,
                       gpointer data);
  /* T: files that SUBJECT may read, whose names or texts hold WORDS; best first. */
  void (*search) (DaePlugin *provider, DaeTx *tx, const char *subject, const char *workspace_id, const char *words,
                  guint limit, DaeFoundFile func, gpointer data);
  /* L: the first MAX bytes of a file that was found just before. CANCELLABLE may be NULL. */
  void (*read) (DaePlugin *provider, const char *file_id, gsize max, GCancellable *cancellable, DaeFileRead done,
                gpointer data);
} DaeFiles1;

G_END_DECLS
