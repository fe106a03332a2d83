/* SPDX-License-Identifier: Apache-2.0 */
/* conversation: who may see which, and their own routes.
 *
 * The version (and so the ETag) covers title, agent, pin and archive; what moves
 * by itself is in lists and streams only.
 */
#include "conversations.h"

#include <string.h>

/* After any real time and id: where a list begins. */
#define CONVERSATION_LAST_TIME G_GINT64_CONSTANT (253370764800000000)
#define CONVERSATION_LAST_ID   "ffffffff-ffff-ffff-ffff-ffffffffffff"

/* ---- access ----------------------------------------------------------------- */

static const char conversation_sql[] =
    "SELECT c.id, c.workspace_id, c.title, c.agent, c.current_message_id, c.pinned,"
    " c.archived_at, c.version, c.created_at"
    " FROM conversation c WHERE c.id = $1 AND c.deleted_at IS NULL";

static gboolean
conversation_take (DaeRows *row, Conversation *ret)
{
  if (!dae_rows_next (row))
    return FALSE;
  ret->id = dae_row_text (row, 0);
  ret->workspace_id = dae_row_text (row, 1);
  ret->title = dae_row_text (row, 2);
  ret->agent = dae_row_text (row, 3);
  ret->current_message_id = dae_row_text (row, 4);
  ret->pinned = dae_row_int (row, 5) != 0;
  ret->archived_at = dae_row_int (row, 6);
  ret->version = dae_row_int (row, 7);
  ret->created_at = dae_row_int (row, 8);
  return TRUE;
}

gboolean
conversation_load (DaeTx *tx, const char *id, Conversation *ret)
{
  return conversation_take (dae_query (tx, conversation_sql, DAE_UUID (id)), ret);
}

gboolean
conversation_lock (DaeTx *tx, EventLog *log, guint expected, Conversation *conversation)
{
  const DaeValue values[] = { DAE_UUID (conversation->id) };
  DaeQuery query = { conversation_sql, values, G_N_ELEMENTS (values), NULL };

  return event_log_open_with (log, tx, conversation->id, expected, &query) &&
         conversation_take (query.rows, conversation);
}

/* What may not be seen is not there; what may be seen but not done says so. */
static DaeReply *
conversation_refuse (DaeTx *tx, DaeRequest *req, const char *workspace_id, DaeMay what)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  const char *subject = dae_request_user (req)->subject;

  if (own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, what))
    return NULL;
  if (what == DAE_MAY_READ ||
      !own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, DAE_MAY_READ))
    return dae_reply_not_found (req);
  return dae_reply_problem (req, 403, "role_required",
                            "only owners and editors of the workspace may do this");
}

DaeReply *
conversation_open (DaeTx *tx, DaeRequest *req, const char *id, DaeMay what, Conversation *ret)
{
  if (!conversation_load (tx, id, ret))
    return dae_reply_not_found (req);
  return conversation_refuse (tx, req, ret->workspace_id, what);
}

DaeReply *
conversation_unprocessable (DaeRequest *req, const char *pointer, const char *detail)
{
  return dae_reply_pointer (
      dae_reply_problem (req, 422, "unprocessable", "the request does not fit"), pointer, detail);
}

DaeReply *
conversation_check_agent (DaeTx *tx, DaeRequest *req, const char *workspace_id, const char *agent)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  DaeReply *reply;

  if (agent && own->agents->known (own->agents_plugin, agent) &&
      own->workspaces->has_agent (own->workspaces_plugin, tx, workspace_id, agent))
    return NULL;
  reply =
      dae_reply_problem (req, 422, "unknown_agent", "choose an agent that this workspace may use");
  return dae_reply_pointer (reply, "/agent",
                            agent ? "is not an agent of this workspace" : "is needed here");
}

gboolean
conversation_parse_id (const char *text, gsize length)
{
  if (length != 36)
    return FALSE;
  for (gsize i = 0; i < length; i++) {
    gboolean is_dash = i == 8 || i == 13 || i == 18 || i == 23;

    if (is_dash ? text[i] != '-' : !g_ascii_isxdigit (text[i]) || g_ascii_isupper (text[i]))
      return FALSE;
  }
  return TRUE;
}

void
conversation_publish (DaeTx *tx,
                      const char *workspace_id,
                      const char *conversation_id,
                      const char *turn_id,
                      const char *subject)
{
  g_autofree char *topic = g_strconcat ("activity:", workspace_id, NULL);
  g_autofree char *text = NULL;

  text = g_strconcat (conversation_id, " ", turn_id ? turn_id : "-", subject ? " " : NULL, subject,
                      NULL);
  dae_publish (tx, topic, text);
}

/* ---- as JSON ---------------------------------------------------------------- */

static void
conversation_write_members (DaeJson *json, const Conversation *conversation)
{
  dae_json_text (json, "id", conversation->id);
  dae_json_text (json, "workspace_id", conversation->workspace_id);
  dae_json_text (json, "title", conversation->title);
  dae_json_text (json, "agent", conversation->agent);
  dae_json_bool (json, "pinned", conversation->pinned);
  if (conversation->archived_at)
    dae_json_time (json, "archived_at", conversation->archived_at);
  else
    dae_json_null (json, "archived_at");
  dae_json_int (json, "version", conversation->version);
  dae_json_time (json, "created_at", conversation->created_at);
}

void
conversation_write (DaeJson *json, const char *key, const Conversation *conversation)
{
  dae_json_begin_object (json, key);
  conversation_write_members (json, conversation);
  dae_json_end (json);
}

void
conversation_log_updated (EventLog *log, const Conversation *conversation)
{
  DaeJson *json = dae_json_new (log->tx);
  g_autofree char *data = NULL;

  dae_json_begin_object (json, NULL);
  conversation_write (json, "conversation", conversation);
  dae_json_text (json, "current_message_id", conversation->current_message_id);
  data = dae_json_finish (json);
  event_log_add (log, "conversation.updated", NULL, NULL, data);
}

static DaeReply *
conversation_reply (DaeRequest *req, guint status, const Conversation *conversation)
{
  DaeJson *json = dae_json_new (req);

  conversation_write (json, NULL, conversation);
  return dae_reply_versioned (req, status, json, conversation->version);
}

/* ---- list ------------------------------------------------------------------- */

static gboolean
conversation_parse_cursor (const char *cursor, gint64 *ret_time, const char **ret_id)
{
  const char *dot = cursor ? strchr (cursor, '.') : NULL;
  g_autofree char *number = dot ? g_strndup (cursor, (gsize)(dot - cursor)) : NULL;

  *ret_time = CONVERSATION_LAST_TIME;
  *ret_id = CONVERSATION_LAST_ID;
  if (!cursor)
    return TRUE;
  if (!dot || !conversation_parse_id (dot + 1, strlen (dot + 1)) ||
      !g_ascii_string_to_signed (number, 10, 0, CONVERSATION_LAST_TIME, ret_time, NULL))
    return FALSE;
  *ret_id = dot + 1;
  return TRUE;
}

static void
conversation_write_item (DaeJson *json, DaeRows *rows)
{
  Conversation conversation = {
    .id = dae_row_text (rows, 0),
    .workspace_id = dae_row_text (rows, 1),
    .title = dae_row_text (rows, 2),
    .agent = dae_row_text (rows, 3),
    .pinned = dae_row_int (rows, 4) != 0,
    .archived_at = dae_row_int (rows, 5),
    .version = dae_row_int (rows, 6),
    .created_at = dae_row_int (rows, 7),
  };

  dae_json_begin_object (json, NULL);
  conversation_write_members (json, &conversation);
  dae_json_time (json, "last_activity_at", dae_row_int (rows, 8));
  dae_json_text (json, "current_message_id", dae_row_text (rows, 9));
  dae_json_text (json, "running_turn", dae_row_text (rows, 10));
  dae_json_int (json, "last_seq", dae_row_int (rows, 11));
  dae_json_int (json, "read_seq", dae_row_int (rows, 12));
  dae_json_end (json);
}

DaeReply *
conversation_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *workspace_id = dae_request_param (req, "workspace_id");
  gint64 limit = dae_request_query_int (req, "limit", 50);
  DaeReply *refusal = conversation_refuse (tx, req, workspace_id, DAE_MAY_READ);
  g_autofree char *next = NULL;
  const char *id;
  gint64 time;
  DaeRows *rows;
  DaeJson *json;

  if (refusal)
    return refusal;
  if (!conversation_parse_cursor (dae_request_query (req, "cursor"), &time, &id))
    return conversation_unprocessable (req, "?cursor", "is not a cursor of this list");
  rows = dae_query (
      tx,
      "SELECT c.id, c.workspace_id, c.title, c.agent, c.pinned, c.archived_at, c.version, "
      "c.created_at,"
      " c.last_activity_at, c.current_message_id,"
      " (SELECT t.id FROM turn t WHERE t.conversation_id = c.id AND t.finished_at IS NULL"
      "  ORDER BY t.position LIMIT 1), l.last_seq, coalesce (r.seq, 0)"
      " FROM conversation c JOIN conversation_log l ON l.conversation_id = c.id"
      " LEFT JOIN read_mark r ON r.conversation_id = c.id AND r.subject = $2"
      " WHERE c.workspace_id = $1 AND c.deleted_at IS NULL AND (c.archived_at IS NOT NULL) = $3"
      " AND (c.last_activity_at, c.id) < ($4, $5)"
      " ORDER BY c.last_activity_at DESC, c.id DESC LIMIT $6",
      DAE_UUID (workspace_id), DAE_TEXT (dae_request_user (req)->subject),
      DAE_BOOL (dae_request_query_int (req, "archived", 0) != 0), DAE_TIME (time), DAE_UUID (id),
      DAE_INT (limit + 1));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  for (gint64 n = 0; n < limit && dae_rows_next (rows); n++) {
    conversation_write_item (json, rows);
    time = dae_row_int (rows, 8);
    id = dae_row_text (rows, 0);
  }
  dae_json_end (json);
  if (dae_rows_next (rows))
    next = g_strdup_printf ("%" G_GINT64_FORMAT ".%s", time, id);
  dae_json_text (json, "next", next);
  return dae_reply_json (req, 200, json);
}

/* ---- one conversation ------------------------------------------------------- */

DaeReply *
conversation_create (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *workspace_id = dae_request_param (req, "workspace_id");
  const char *agent = dae_body_text (req, "agent");
  DaeReply *refusal = conversation_refuse (tx, req, workspace_id, DAE_MAY_WRITE);
  g_autofree char *location = NULL;
  Conversation conversation;
  char id[37];

  if (!refusal && agent)
    refusal = conversation_check_agent (tx, req, workspace_id, agent);
  if (refusal)
    return refusal;
  dae_uuid7 (self, id);
  dae_exec_later (
      tx,
      "INSERT INTO conversation (id, workspace_id, title, agent, created_by, created_at, "
      "last_activity_at)"
      " VALUES ($1, $2, $3, $4, $5, $6, $6)",
      DAE_UUID (id), DAE_UUID (workspace_id),
      DAE_TEXT (dae_body_has (req, "title") ? dae_body_text (req, "title") : ""), DAE_TEXT (agent),
      DAE_TEXT (dae_request_user (req)->subject), DAE_TIME (dae_tx_now (tx)));
  dae_exec_later (tx, "INSERT INTO conversation_log (conversation_id) VALUES ($1)", DAE_UUID (id));
  if (!conversation_load (tx, id, &conversation))
    return dae_reply_not_found (req);
  conversation_publish (tx, conversation.workspace_id, conversation.id, NULL, NULL);
  location = g_strconcat ("/api/conversations/", id, NULL);
  return dae_reply_header (conversation_reply (req, 201, &conversation), "Location", location);
}

DaeReply *
conversation_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_READ, &conversation);

  return refusal ? refusal : conversation_reply (req, 200, &conversation);
}

/* Whoever had read all until now has read his own change too. */
static void
conversation_keep_read (EventLog *log, const char *subject)
{
  dae_exec_later (
      log->tx,
      "UPDATE read_mark SET seq = $4 WHERE conversation_id = $1 AND subject = $2 AND seq >= $3",
      DAE_UUID (log->conversation_id), DAE_TEXT (subject), DAE_INT (log->first),
      DAE_INT (log->last));
}

/* The version that a write must still find: -1 for any, -2 for none. */
static gint64
conversation_wanted (DaeRequest *req, const Conversation *conversation)
{
  if (dae_request_if_match (req) == -1)
    return -1;
  return dae_request_matches (req, conversation->version) ? conversation->version : -2;
}

static gboolean
conversation_change (DaeTx *tx, DaeRequest *req, const Conversation *conversation)
{
  gboolean is_archived = dae_body_int (req, "archived", 0) != 0;

  return dae_exec (tx,
                   "UPDATE conversation SET title = coalesce ($3, title),"
                   " agent = CASE WHEN $4 THEN $5 ELSE agent END,"
                   " pinned = CASE WHEN $6 THEN $7 ELSE pinned END,"
                   " archived_at = CASE WHEN NOT $8 THEN archived_at WHEN $9 THEN coalesce "
                   "(archived_at, $10) END,"
                   " events_at = $10,"
                   " version = version + 1"
                   " WHERE id = $1 AND deleted_at IS NULL AND ($2 = -1 OR version = $2)",
                   DAE_UUID (conversation->id), DAE_INT (conversation_wanted (req, conversation)),
                   DAE_TEXT (dae_body_text (req, "title")), DAE_BOOL (dae_body_has (req, "agent")),
                   DAE_TEXT (dae_body_text (req, "agent")), DAE_BOOL (dae_body_has (req, "pinned")),
                   DAE_BOOL (dae_body_int (req, "pinned", 0) != 0),
                   DAE_BOOL (dae_body_has (req, "archived")), DAE_BOOL (is_archived),
                   DAE_TIME (dae_tx_now (tx))) == 1;
}

static DaeReply *
conversation_changed_meanwhile (DaeRequest *req)
{
  return dae_reply_problem (req, 412, "precondition_failed",
                            "the conversation has changed since it was read");
}

DaeReply *
conversation_update (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_WRITE, &conversation);
  const char *agent = dae_body_text (req, "agent");
  EventLog log;

  if (!refusal && agent)
    refusal = conversation_check_agent (tx, req, conversation.workspace_id, agent);
  if (refusal)
    return refusal;
  if (!event_log_open (&log, tx, conversation.id, 1))
    return dae_reply_not_found (req);
  if (!conversation_change (tx, req, &conversation))
    return conversation_changed_meanwhile (req);
  if (!conversation_load (tx, conversation.id, &conversation))
    return dae_reply_not_found (req);
  conversation_log_updated (&log, &conversation);
  conversation_keep_read (&log, dae_request_user (req)->subject);
  event_log_close (&log);
  conversation_publish (tx, conversation.workspace_id, conversation.id, NULL, NULL);
  return conversation_reply (req, 200, &conversation);
}

DaeReply *
conversation_delete (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_WRITE, &conversation);
  EventLog log;

  if (refusal)
    return refusal;
  if (!event_log_open (&log, tx, conversation.id, 1))
    return dae_reply_not_found (req);
  if (dae_exec (tx,
                "UPDATE conversation SET deleted_at = $3 WHERE id = $1 AND deleted_at IS NULL"
                " AND ($2 = -1 OR version = $2)",
                DAE_UUID (conversation.id), DAE_INT (conversation_wanted (req, &conversation)),
                DAE_TIME (dae_tx_now (tx))) == 0)
    return conversation_changed_meanwhile (req);
  turn_cancel_all (tx, conversation.id);
  event_log_add (&log, "conversation.deleted", NULL, NULL, "{}");
  event_log_close (&log);
  conversation_publish (tx, conversation.workspace_id, conversation.id, NULL, NULL);
  return dae_reply_empty (req, 204);
}

DaeReply *
conversation_set_current (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_WRITE, &conversation);
  EventLog log;
  DaeJson *json;

  if (refusal)
    return refusal;
  if (!event_log_open (&log, tx, conversation.id, 1))
    return dae_reply_not_found (req);
  if (!dae_query_one (tx, "SELECT id FROM message WHERE id = $1 AND conversation_id = $2",
                      DAE_UUID (dae_body_text (req, "message_id")), DAE_UUID (conversation.id)))
    return conversation_unprocessable (req, "/message_id", "is not a message of this conversation");
  conversation.current_message_id = branch_leaf (tx, dae_body_text (req, "message_id"));
  dae_exec_later (tx,
                  "UPDATE conversation SET current_message_id = $2, events_at = $3 WHERE id = $1",
                  DAE_UUID (conversation.id), DAE_UUID (conversation.current_message_id),
                  DAE_TIME (dae_tx_now (tx)));
  conversation_log_updated (&log, &conversation);
  conversation_keep_read (&log, dae_request_user (req)->subject);
  event_log_close (&log);
  conversation_publish (tx, conversation.workspace_id, conversation.id, NULL, NULL);
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "conversation_id", conversation.id);
  dae_json_text (json, "current_message_id", conversation.current_message_id);
  return dae_reply_json (req, 200, json);
}

DaeReply *
conversation_set_read (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *subject = dae_request_user (req)->subject;
  Conversation conversation;
  DaeReply *refusal = conversation_open (tx, req, dae_request_param (req, "conversation_id"),
                                         DAE_MAY_READ, &conversation);
  DaeRows *row;
  DaeJson *json;
  gint64 last, seq;

  if (refusal)
    return refusal;
  row = dae_query_one (tx, "SELECT last_seq FROM conversation_log WHERE conversation_id = $1",
                       DAE_UUID (conversation.id));
  last = row ? dae_row_int (row, 0) : 0;
  seq = MIN (dae_body_int (req, "seq", 0), last);
  row = dae_query_one (
      tx,
      "INSERT INTO read_mark (conversation_id, subject, seq, updated_at) VALUES ($1, $2, $3, $4)"
      " ON CONFLICT (conversation_id, subject) DO UPDATE SET updated_at = excluded.updated_at,"
      " seq = CASE WHEN excluded.seq > read_mark.seq THEN excluded.seq ELSE read_mark.seq END"
      " RETURNING seq",
      DAE_UUID (conversation.id), DAE_TEXT (subject), DAE_INT (seq), DAE_TIME (dae_tx_now (tx)));
  conversation_publish (tx, conversation.workspace_id, conversation.id, NULL, subject);
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "conversation_id", conversation.id);
  dae_json_int (json, "read_seq", row ? dae_row_int (row, 0) : seq);
  dae_json_int (json, "last_seq", last);
  return dae_reply_json (req, 200, json);
}
