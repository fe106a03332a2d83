/* SPDX-License-Identifier: Apache-2.0 */
/* conversations/1: reading conversations on behalf of a person. */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

typedef struct {
  const char *message_id;
  const char *conversation_id;
  const char *conversation_title;
  const char *role;
  const char *excerpt; /* plain text around what was found */
  gint64 created_at;
} DaeFoundMessage;

typedef struct {
  guint32 struct_size;
  /* T: the messages of the workspace that hold WORDS, best first, at most LIMIT; none if SUBJECT may
   * not read it. FUNC is called for each, strings borrowed for the call. EXCEPT_MESSAGE_ID is left out;
   * may be NULL. */
  void (*search) (DaePlugin *provider, DaeTx *tx, const char *subject, const char *workspace_id, const char *words,
                  const char *except_message_id, guint limit, void (*func) (const DaeFoundMessage *, gpointer),
                  gpointer data);
  /* T: counts of conversations and messages in the workspace as SUBJECT sees it; FALSE if they may
   * not read it. */
  gboolean (*count) (DaePlugin *provider, DaeTx *tx, const char *subject, const char *workspace_id,
                     gint64 *ret_conversations, gint64 *ret_messages);
} DaeConversations1;

G_END_DECLS
