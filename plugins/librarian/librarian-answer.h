/* SPDX-License-Identifier: Apache-2.0 */
/* librarian-answer: the words of the librarian. Pure: the same input gives the same answer. */
#pragma once

#include <glib.h>

typedef enum {
  LIBRARIAN_SEARCH,   /* look for `words` */
  LIBRARIAN_COUNTS,   /* how much there is */
  LIBRARIAN_GREETING,
  LIBRARIAN_HELP,
  LIBRARIAN_COUNT_TO, /* count to `number` */
  LIBRARIAN_THANKS,
} LibrarianWish;

typedef struct {
  LibrarianWish wish;
  char *words; /* what to look for, separated by blanks; owned */
  guint number;
} LibrarianQuestion;

typedef struct {
  char *message_id, *conversation_id, *title, *role, *excerpt; /* owned */
  gint64 created_at;
} LibrarianFind;

typedef struct {
  char *id, *name, *path, *excerpt; /* owned */
} LibrarianFile;

/* What MESSAGE asks for. */
void librarian_read (const char *message, LibrarianQuestion *ret);
void librarian_question_clear (LibrarianQuestion *question);
void librarian_find_free (gpointer find);
void librarian_file_free (gpointer file);
/* TRUE if FIND is the question itself (its excerpt is a piece of MESSAGE) or an answer of the
 * librarian's own. */
gboolean librarian_is_echo (const LibrarianFind *find, const char *message);
/* The answer in Markdown, owned. FINDS (element-type LibrarianFind) and FILES (LibrarianFile, may be NULL) best first; MAY_READ: the person
 * may read the workspace. */
char *librarian_answer (const LibrarianQuestion *question, GPtrArray *finds, GPtrArray *files, gboolean may_read,
                        gint64 conversations, gint64 messages);
/* TEXT in pieces of whole words, none longer than needed for about 30 of them: NULL-ended, owned. */
char **librarian_pieces (const LibrarianQuestion *question, const char *text);
