/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-owner: workspaces that lost their owner, and who gets them: administrators' work.
 *
 * Lost is one none of whose owners has been seen for a while (the setting
 * owner-absent). An administrator learns its name and sees nothing in it, and
 * cannot take it themselves unless they share it: whoever gets it decides that.
 */
#include "workspaces.h"

#include <string.h>

#define LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"

#define OWNER_IS_LOST                                                                              \
  " w.deleted_at IS NULL AND w.created_at < $2 AND NOT EXISTS"                                     \
  " (SELECT 1 FROM workspace_member o JOIN person p ON p.subject = o.subject"                      \
  "  WHERE o.workspace_id = w.id AND o.role = 'owner' AND p.last_seen >= $2)"

static gint64
owner_since (DaeTx *tx, DaePlugin *self)
{
  return dae_tx_now (tx) - dae_setting_int (self, "owner-absent") * G_TIME_SPAN_MILLISECOND;
}

static void
owner_write (DaeJson *json, DaeRows *row)
{
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", dae_row_text (row, 0));
  dae_json_text (json, "name", dae_row_text (row, 1));
  dae_json_time (json, "created_at", dae_row_int (row, 2));
  dae_json_int (json, "members", dae_row_int (row, 3));
  if (dae_row_is_null (row, 4))
    dae_json_null (json, "owner_last_seen_at");
  else
    dae_json_time (json, "owner_last_seen_at", dae_row_int (row, 4));
  dae_json_end (json);
}

DaeReply *
owner_list_lost (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gint64 limit = dae_request_query_int (req, "limit", 50);
  const char *given = dae_request_query (req, "cursor");
  g_autofree char *cursor = given ? cursor_decode (given) : g_strdup (LAST_ID);
  g_autofree char *last = NULL;
  gboolean more;
  DaeRows *rows;
  DaeJson *json;

  if (!cursor || !cursor_is_id (cursor))
    return cursor_refuse (req);
  rows = dae_query (
      tx,
      "SELECT w.id, w.name, w.created_at,"
      " (SELECT count(*) FROM workspace_member m WHERE m.workspace_id = w.id),"
      " (SELECT max (p.last_seen) FROM workspace_member m JOIN person p ON p.subject = m.subject"
      "  WHERE m.workspace_id = w.id AND m.role = 'owner')"
      " FROM workspace w WHERE w.id < $1 AND" OWNER_IS_LOST " ORDER BY w.id DESC LIMIT $3",
      DAE_UUID (cursor), DAE_TIME (owner_since (tx, self)), DAE_INT (limit + 1));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  more = dae_rows_next (rows);
  for (gint64 i = 0; more && i < limit; i++) {
    owner_write (json, rows);
    g_free (last);
    last = g_strdup (dae_row_text (rows, 0));
    more = dae_rows_next (rows);
  }
  dae_json_end (json);
  cursor_write (json, more ? last : NULL);
  return dae_reply_json (req, 200, json);
}

/* Makes whoever has the address EMAIL an owner: their subject, or that of their invitation; owned.
 */
static char *
owner_put (DaeTx *tx, const char *workspace_id, const char *email, const char *caller)
{
  const char *person = members_find_person (tx, email);
  char id[37];
  DaeRows *row;

  if (person) {
    g_autofree char *subject = g_strdup (person);

    dae_exec (tx,
              "INSERT INTO workspace_member (workspace_id, subject, role, created_at)"
              " VALUES ($1, $2, 'owner', $3)"
              " ON CONFLICT (workspace_id, subject) DO UPDATE SET role = 'owner'",
              DAE_UUID (workspace_id), DAE_TEXT (subject), DAE_TIME (dae_tx_now (tx)));
    return g_steal_pointer (&subject);
  }
  dae_uuid7 (dae_tx_plugin (tx), id);
  row = dae_query_one (
      tx,
      "INSERT INTO invitation (id, workspace_id, email, role, invited_by, created_at)"
      " VALUES ($1, $2, $3, 'owner', $4, $5)"
      " ON CONFLICT (workspace_id, email) DO UPDATE SET role = 'owner' RETURNING id",
      DAE_UUID (id), DAE_UUID (workspace_id), DAE_TEXT (email), DAE_TEXT (caller),
      DAE_TIME (dae_tx_now (tx)));
  return g_strconcat (INVITATION, row ? dae_row_text (row, 0) : id, NULL);
}

DaeReply *
owner_set (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  const char *caller = dae_request_user (req)->subject;
  g_autofree char *email = g_ascii_strdown (dae_body_text (req, "email"), -1);
  g_autofree char *subject = NULL;
  gint64 version;
  Role role = access_lock (tx, caller, id, &version);
  DaeReply *refusal = members_refuse_email (req, email);

  if (version == 0)
    return dae_reply_not_found (req);
  if (refusal)
    return refusal;
  if (!dae_query_one (tx, "SELECT 1 FROM workspace w WHERE w.id = $1 AND" OWNER_IS_LOST,
                      DAE_UUID (id), DAE_TIME (owner_since (tx, self))))
    return dae_reply_problem (req, 409, "has_owner",
                              "an owner of this workspace has been seen lately");
  if (role == ROLE_NONE && g_strcmp0 (members_find_person (tx, email), caller) == 0)
    return dae_reply_problem (req, 409, "not_yourself",
                              "nobody gets a workspace that they do not share by their own word");
  subject = owner_put (tx, id, email, caller);
  dae_log (req, G_LOG_LEVEL_MESSAGE, "a workspace got another owner", DAE_S ("workspace", id),
           DAE_S ("owner", subject), DAE_S ("administrator", caller));
  access_changed (tx, id, subject);
  return member_reply (tx, req, 200, id, subject);
}
