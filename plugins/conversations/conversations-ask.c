/* SPDX-License-Identifier: Apache-2.0 */
/* ask: a new message.
 *
 * The question, the row of its answer and the turn between them are stored in
 * one transaction under the lock of the conversation's log, so that of two
 * people who ask at once one follows the other.
 */
#include "conversations.h"

#include <string.h>

#define ASK_TITLE_LENGTH     60
#define ASK_UPDATED_SIBLINGS 10

typedef struct {
  char question[37], answer[37], turn[37];
  const char *content;
  const char *agent;        /* NULL: nobody is asked */
  const char *parent;       /* NULL: a first message */
  const char *const *files; /* NULL-ended ids; NULL: none */
  char *title;              /* that the conversation gets if it has none; owned */
} Ask;

/* The first characters in one line: owned. */
static char *
ask_dup_title (const char *content)
{
  GString *title = g_string_new (NULL);
  glong length = 0;

  for (const char *at = content; *at && length < ASK_TITLE_LENGTH; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (!g_unichar_isspace (c))
      g_string_append_unichar (title, c);
    else if (title->len == 0 || title->str[title->len - 1] == ' ')
      continue;
    else
      g_string_append_c (title, ' ');
    length++;
  }
  return g_strchomp (g_string_free (title, FALSE));
}

/* The agent of a workspace that may use only one: owned, or NULL. */
static char *
ask_dup_only_agent (DaeTx *tx, const Conversations *own, const char *workspace_id)
{
  g_auto (GStrv) slugs = own->agents->slugs (own->agents_plugin);
  const char *only = NULL;

  for (char **slug = slugs; *slug; slug++) {
    if (!own->workspaces->has_agent (own->workspaces_plugin, tx, workspace_id, *slug))
      continue;
    if (only)
      return NULL;
    only = *slug;
  }
  return g_strdup (only);
}

/* Owned; NULL with *RET_REFUSAL NULL: nobody is to be asked. */
static char *
ask_dup_agent (DaeTx *tx, DaeRequest *req, const Conversation *conversation, DaeReply **ret_refusal)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  const char *instructions = NULL, *fallback = NULL;
  g_autofree char *agent = NULL;

  *ret_refusal = NULL;
  if (dae_body_is_null (req, "agent"))
    return NULL;
  agent = g_strdup (dae_body_text (req, "agent"));
  if (!agent)
    agent = g_strdup (conversation->agent);
  if (!agent) {
    own->workspaces->settings (own->workspaces_plugin, tx, conversation->workspace_id,
                               &instructions, &fallback);
    agent =
        fallback ? g_strdup (fallback) : ask_dup_only_agent (tx, own, conversation->workspace_id);
  }
  *ret_refusal = conversation_check_agent (tx, req, conversation->workspace_id, agent);
  return g_steal_pointer (&agent);
}

/* The message that the new one follows. FALSE: it is not of this conversation. */
static gboolean
ask_find_parent (DaeTx *tx,
                 DaeRequest *req,
                 const Conversation *conversation,
                 const char **ret_parent)
{
  DaeRows *row;

  if (!dae_body_has (req, "parent_id")) {
    *ret_parent = conversation->current_message_id;
    return TRUE;
  }
  *ret_parent = NULL;
  if (dae_body_is_null (req, "parent_id"))
    return TRUE;
  row = dae_query_one (tx, "SELECT id FROM message WHERE id = $1 AND conversation_id = $2",
                       DAE_UUID (dae_body_text (req, "parent_id")), DAE_UUID (conversation->id));
  *ret_parent = row ? dae_row_text (row, 0) : NULL;
  return row != NULL;
}

static void
ask_insert_message (
    DaeTx *tx, DaeRequest *req, const Ask *ask, const char *conversation_id, gboolean is_answer)
{
  const DaeUser *user = dae_request_user (req);

  dae_exec_later (
      tx,
      "INSERT INTO message (id, conversation_id, parent_id, role, author, author_name, "
      "agent, content, state,"
      " turn_id, request_id, created_at, n_files) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
      " $11, $12, $13)",
      DAE_UUID (is_answer ? ask->answer : ask->question), DAE_UUID (conversation_id),
      DAE_UUID (is_answer ? ask->question : ask->parent),
      DAE_TEXT (is_answer ? "assistant" : "user"), DAE_TEXT (is_answer ? NULL : user->subject),
      DAE_TEXT (is_answer ? NULL : user->name), DAE_TEXT (ask->agent),
      DAE_TEXT (is_answer ? "" : ask->content), DAE_TEXT (is_answer ? "queued" : "complete"),
      DAE_UUID (ask->agent ? ask->turn : NULL), DAE_TEXT (dae_request_id (req)),
      DAE_TIME (dae_tx_now (tx)),
      DAE_INT (is_answer || !ask->files ? 0 : g_strv_length ((char **)ask->files)));
}

static void
ask_update_conversation (DaeTx *tx, const Ask *ask, const char *conversation_id)
{
  dae_exec_later (
      tx,
      "UPDATE conversation SET current_message_id = $2, last_activity_at = $3, events_at = $3,"
      " version = version + CASE WHEN title = '' AND $4 <> '' THEN 1 ELSE 0 END,"
      " title = CASE WHEN title = '' THEN $4 ELSE title END WHERE id = $1",
      DAE_UUID (conversation_id), DAE_UUID (ask->agent ? ask->answer : ask->question),
      DAE_TIME (dae_tx_now (tx)), DAE_TEXT (ask->title));
}

/* Older siblings count one more now. */
static void
ask_log_siblings (EventLog *log, const Ask *ask)
{
  DaeRows *rows = dae_query (
      log->tx,
      "SELECT id FROM message WHERE coalesce (parent_id, conversation_id) = $1 AND id <> $2"
      " ORDER BY id DESC LIMIT $3",
      DAE_UUID (ask->parent ? ask->parent : log->conversation_id), DAE_UUID (ask->question),
      DAE_INT (ASK_UPDATED_SIBLINGS));

  while (dae_rows_next (rows))
    event_log_add (log, "message.updated", NULL, dae_row_text (rows, 0), "{}");
}

/* The answer is stored as it is at its creation, since its row will change. */
static char *
ask_format_created (DaeTx *tx, DaeRows *rows)
{
  DaeJson *json = dae_json_new (tx);

  dae_json_begin_object (json, NULL);
  message_write (tx, json, "message", rows, 0);
  return dae_json_finish (json);
}

/* Writes the events and the answer to the request. */
static DaeReply *
ask_reply (DaeTx *tx, DaeRequest *req, EventLog *log, const Ask *ask)
{
  DaeRows *rows = dae_query (tx,
                             "SELECT " MESSAGE_COLUMNS " FROM message m " MESSAGE_TURN
                             " WHERE m.id IN ($1, $2) ORDER BY m.role DESC",
                             DAE_UUID (ask->question), DAE_UUID (ask->answer));
  DaeJson *json = dae_json_new (req);

  event_log_add (log, "message.created", NULL, ask->question, "{}");
  dae_json_begin_object (json, NULL);
  if (dae_rows_next (rows))
    message_write (tx, json, "message", rows, 0);
  if (!ask->agent) {
    dae_json_null (json, "turn");
    return dae_reply_json (req, 202, json);
  }
  if (dae_rows_next (rows)) {
    g_autofree char *created = ask_format_created (tx, rows);

    event_log_add (log, "message.created", NULL, NULL, created);
  }
  turn_insert (log, ask->turn, ask->question, ask->answer, ask->agent, req);
  turn_write (tx, json, "turn", ask->turn);
  dae_after_commit (tx, engine_claim, g_strdup (ask->turn), g_free);
  return dae_reply_json (req, 202, json);
}

/* Who asks has seen what was there. */
static void
ask_mark_read (EventLog *log, const char *subject)
{
  dae_exec_later (
      log->tx,
      "INSERT INTO read_mark (conversation_id, subject, seq, updated_at) VALUES ($1, $2, $3, $4)"
      " ON CONFLICT (conversation_id, subject) DO UPDATE SET seq = excluded.seq, updated_at = "
      "excluded.updated_at",
      DAE_UUID (log->conversation_id), DAE_TEXT (subject), DAE_INT (log->last),
      DAE_TIME (dae_tx_now (log->tx)));
}

/* The conversation is locked: BEFORE is how it stands. */
static DaeReply *
ask_store (EventLog *log, DaeRequest *req, Ask *ask, const Conversation *before)
{
  DaeTx *tx = log->tx;
  gboolean is_branch = g_strcmp0 (ask->parent, before->current_message_id) != 0;
  Conversation after;
  DaeReply *reply;

  ask_insert_message (tx, req, ask, before->id, FALSE);
  if (ask->agent)
    ask_insert_message (tx, req, ask, before->id, TRUE);
  ask_update_conversation (tx, ask, before->id);
  reply = ask_reply (tx, req, log, ask);
  if (is_branch)
    ask_log_siblings (log, ask);
  if ((is_branch || !*before->title) && conversation_load (tx, before->id, &after))
    conversation_log_updated (log, &after);
  ask_mark_read (log, dae_request_user (req)->subject);
  event_log_close (log);
  conversation_publish (tx, before->workspace_id, before->id, ask->agent ? ask->turn : NULL, NULL);
  return reply;
}

/* NULL: they are attached; they are of the conversation's workspace, whose members may read them.
 */
static DaeReply *
ask_attach (DaeTx *tx, DaeRequest *req, const Ask *ask, const Conversation *conversation)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  guint wrong = 0;
  char pointer[32];

  if (!ask->files || !*ask->files ||
      (own->files && own->files->attach (own->files_plugin, tx, conversation->workspace_id,
                                         ask->question, ask->files, &wrong)))
    return NULL;
  g_snprintf (pointer, sizeof pointer, "/file_ids/%u", wrong);
  return conversation_unprocessable (req, pointer, "is not a file of this workspace");
}

DaeReply *
ask_post (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_WRITE, &conversation);
  g_autofree char *agent = NULL, *title = NULL;
  EventLog log;
  Ask ask = { 0 };

  if (refusal)
    return refusal;
  agent = ask_dup_agent (tx, req, &conversation, &refusal);
  if (refusal)
    return refusal;
  /* locked now: read again what others may have changed meanwhile */
  if (!conversation_lock (tx, &log, agent ? 3 : 1, &conversation))
    return dae_reply_not_found (req);
  if (!ask_find_parent (tx, req, &conversation, &ask.parent))
    return conversation_unprocessable (req, "/parent_id", "is not a message of this conversation");
  if (agent && turn_count_open (tx, conversation.id) > TURN_QUEUE_MAX)
    return dae_reply_problem (req, 409, "turn_queue_full",
                              "5 questions wait already: wait for an answer or cancel one");
  dae_uuid7 (self, ask.question);
  dae_uuid7 (self, ask.answer);
  dae_uuid7 (self, ask.turn);
  ask.content = dae_body_text (req, "content");
  ask.agent = agent;
  ask.files = dae_body_list (req, "file_ids");
  refusal = ask_attach (tx, req, &ask, &conversation);
  if (refusal)
    return refusal;
  ask.title = title = ask_dup_title (ask.content);
  return ask_store (&log, req, &ask, &conversation);
}
