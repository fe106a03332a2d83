/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-members: who shares a workspace, and who is invited.
 *
 * Somebody who has never signed in is an invitation, named "invitation:ID".
 * Whoever changes members has locked the workspace, so that two owners cannot
 * leave at once.
 */
#include "workspaces.h"

#include <string.h>

#define MEMBERS_BATCH 100

/* Spelt as the index of people by address is, and compared with an expression: SQLite would not use
 * it for a column. */
#define PERSON_OF_INVITATION "lower (p.email) = lower (i.email) AND p.email IS NOT NULL"

#define MEMBER_ROWS                                                                                \
  "SELECT subject, name, email, role, state, created_at FROM ("                                    \
  " SELECT m.subject AS subject, p.name AS name, p.email AS email, m.role AS role,"                \
  "  'active' AS state, m.created_at AS created_at"                                                \
  "  FROM workspace_member m LEFT JOIN person p ON p.subject = m.subject"                          \
  "  WHERE m.workspace_id = $1"                                                                    \
  " UNION ALL SELECT 'invitation:' || CAST (i.id AS text), i.email, i.email, i.role, 'invited',"   \
  "  i.created_at FROM invitation i WHERE i.workspace_id = $1) x"

static void
member_write (DaeJson *json, const char *key, DaeRows *row)
{
  const char *name = dae_row_text (row, 1);

  dae_json_begin_object (json, key);
  dae_json_text (json, "subject", dae_row_text (row, 0));
  dae_json_text (json, "name", name && *name ? name : dae_row_text (row, 0));
  dae_json_text (json, "email", dae_row_text (row, 2));
  dae_json_text (json, "role", dae_row_text (row, 3));
  dae_json_text (json, "state", dae_row_text (row, 4));
  dae_json_time (json, "created_at", dae_row_int (row, 5));
  dae_json_end (json);
}

/* A cursor is "TIME:SUBJECT". */
static gboolean
members_position (DaeRequest *req, gint64 *ret_time, char **ret_subject)
{
  const char *given = dae_request_query (req, "cursor");
  g_autofree char *cursor = given ? cursor_decode (given) : g_strdup ("0:");
  char *colon = cursor ? strchr (cursor, ':') : NULL;

  if (!colon)
    return FALSE;
  *colon = 0;
  *ret_subject = g_strdup (colon + 1);
  return g_ascii_string_to_signed (cursor, 10, 0, 4000000000000000, ret_time, NULL);
}

DaeReply *
members_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  gint64 limit = dae_request_query_int (req, "limit", 50), after;
  g_autofree char *subject = NULL;
  g_autofree char *last = NULL;
  gboolean more;
  DaeRows *rows;
  DaeJson *json;

  if (access_role (tx, dae_request_user (req)->subject, id) == ROLE_NONE)
    return dae_reply_not_found (req);
  if (!members_position (req, &after, &subject))
    return cursor_refuse (req);
  rows = dae_query (tx,
                    MEMBER_ROWS " WHERE (created_at, subject) > ($2, $3)"
                                " ORDER BY created_at, subject LIMIT $4",
                    DAE_UUID (id), DAE_TIME (after), DAE_TEXT (subject), DAE_INT (limit + 1));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  more = dae_rows_next (rows);
  for (gint64 i = 0; more && i < limit; i++) {
    member_write (json, NULL, rows);
    g_free (last);
    last =
        g_strdup_printf ("%" G_GINT64_FORMAT ":%s", dae_row_int (rows, 5), dae_row_text (rows, 0));
    more = dae_rows_next (rows);
  }
  dae_json_end (json);
  cursor_write (json, more ? last : NULL);
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}

DaeReply *
member_reply (
    DaeTx *tx, DaeRequest *req, guint status, const char *workspace_id, const char *subject)
{
  DaeRows *row = dae_query_one (tx, MEMBER_ROWS " WHERE subject = $2", DAE_UUID (workspace_id),
                                DAE_TEXT (subject));
  DaeJson *json;

  if (!row)
    return dae_reply_not_found (req);
  json = dae_json_new (req);
  member_write (json, NULL, row);
  return dae_reply_json (req, status, json);
}

static gboolean
members_is_email (const char *text)
{
  return g_regex_match_simple ("^[!-?A-~]+@[!-?A-~]+$", text, G_REGEX_DOLLAR_ENDONLY, 0);
}

DaeReply *
members_refuse_email (DaeRequest *req, const char *email)
{
  if (members_is_email (email))
    return NULL;
  return dae_reply_pointer (
      dae_reply_problem (req, 422, "invalid_body", "the address is no e-mail address"), "/email",
      "is no e-mail address");
}

const char *
members_find_person (DaeTx *tx, const char *email)
{
  DaeRows *row = dae_query_one (tx,
                                "SELECT subject FROM person WHERE lower (email) = lower ($1)"
                                " AND email IS NOT NULL"
                                " ORDER BY last_seen DESC LIMIT 1",
                                DAE_TEXT (email));

  return row ? dae_row_text (row, 0) : NULL;
}

gboolean
members_bind (DaeTx *tx, DaePlugin *self)
{
  guint n = 0;
  DaeRows *rows = dae_query (
      tx,
      "SELECT i.id, i.workspace_id, i.role, (SELECT p.subject FROM person p"
      "  WHERE " PERSON_OF_INVITATION " ORDER BY p.last_seen DESC, p.subject LIMIT 1)"
      " FROM invitation i WHERE EXISTS (SELECT 1 FROM person p WHERE " PERSON_OF_INVITATION ")"
      " LIMIT $1",
      DAE_INT (MEMBERS_BATCH));

  while (dae_rows_next (rows)) {
    const char *id = dae_row_text (rows, 0), *workspace_id = dae_row_text (rows, 1);
    const char *subject = dae_row_text (rows, 3);

    dae_exec_later (tx, "UPDATE workspace SET version = version + 1 WHERE id = $1",
                    DAE_UUID (workspace_id));
    dae_exec_later (tx,
                    "INSERT INTO workspace_member (workspace_id, subject, role, created_at)"
                    " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    DAE_UUID (workspace_id), DAE_TEXT (subject), DAE_TEXT (dae_row_text (rows, 2)),
                    DAE_TIME (dae_tx_now (tx)));
    dae_exec_later (tx, "DELETE FROM invitation WHERE id = $1", DAE_UUID (id));
    access_changed (tx, workspace_id, subject);
    n++;
  }
  return n == MEMBERS_BATCH;
}

DaeReply *
members_add (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  const char *caller = dae_request_user (req)->subject;
  const char *role = dae_body_text (req, "role");
  g_autofree char *email = g_ascii_strdown (dae_body_text (req, "email"), -1);
  g_autofree char *subject = NULL;
  gint64 version, now = dae_tx_now (tx);
  DaeReply *refusal = access_refuse (req, access_lock (tx, caller, id, &version), ROLE_OWNER);
  const char *person;
  char invitation[37];
  gint64 n;

  if (!refusal)
    refusal = members_refuse_email (req, email);
  if (refusal)
    return refusal;
  person = members_find_person (tx, email);
  if (person) {
    subject = g_strdup (person);
    n = dae_exec (tx,
                  "INSERT INTO workspace_member (workspace_id, subject, role, created_at)"
                  " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                  DAE_UUID (id), DAE_TEXT (subject), DAE_TEXT (role), DAE_TIME (now));
  } else {
    dae_uuid7 (self, invitation);
    subject = g_strconcat (INVITATION, invitation, NULL);
    n = dae_exec (tx,
                  "INSERT INTO invitation (id, workspace_id, email, role, invited_by, created_at)"
                  " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                  DAE_UUID (invitation), DAE_UUID (id), DAE_TEXT (email), DAE_TEXT (role),
                  DAE_TEXT (caller), DAE_TIME (now));
  }
  if (n == 0)
    return dae_reply_problem (req, 409, "already_member",
                              "this person is a member or has been invited");
  access_changed (tx, id, subject);
  return member_reply (tx, req, 201, id, subject);
}

static gboolean
members_is_last_owner (DaeTx *tx, const char *workspace_id, const char *subject)
{
  DaeRows *row = dae_query_one (tx,
                                "SELECT count(*) FROM workspace_member"
                                " WHERE workspace_id = $1 AND role = 'owner' AND subject <> $2",
                                DAE_UUID (workspace_id), DAE_TEXT (subject));

  return access_role (tx, subject, workspace_id) == ROLE_OWNER && row && dae_row_int (row, 0) == 0;
}

static DaeReply *
members_refuse_last_owner (DaeRequest *req)
{
  return dae_reply_problem (req, 409, "last_owner",
                            "the last owner cannot leave or become less; make somebody else owner, "
                            "or delete the workspace");
}

/* The id of an invitation in SUBJECT, or NULL. */
static const char *
members_invitation (const char *subject)
{
  const char *id = g_str_has_prefix (subject, INVITATION) ? subject + strlen (INVITATION) : NULL;

  return id && g_uuid_string_is_valid (id) ? id : NULL;
}

DaeReply *
members_update (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  const char *subject = dae_request_param (req, "subject");
  const char *invitation = members_invitation (subject);
  const char *role = dae_body_text (req, "role");
  gint64 version, n;
  DaeReply *refusal = access_refuse (
      req, access_lock (tx, dae_request_user (req)->subject, id, &version), ROLE_OWNER);

  if (refusal)
    return refusal;
  if (invitation) {
    n = dae_exec (tx, "UPDATE invitation SET role = $3 WHERE workspace_id = $1 AND id = $2",
                  DAE_UUID (id), DAE_UUID (invitation), DAE_TEXT (role));
  } else {
    if (role_from_text (role) != ROLE_OWNER && members_is_last_owner (tx, id, subject))
      return members_refuse_last_owner (req);
    n = dae_exec (tx,
                  "UPDATE workspace_member SET role = $3 WHERE workspace_id = $1 AND subject = $2",
                  DAE_UUID (id), DAE_TEXT (subject), DAE_TEXT (role));
  }
  if (n == 0)
    return dae_reply_not_found (req);
  access_changed (tx, id, subject);
  return member_reply (tx, req, 200, id, subject);
}

DaeReply *
members_remove (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  const char *subject = dae_request_param (req, "subject");
  const char *caller = dae_request_user (req)->subject;
  const char *invitation = members_invitation (subject);
  gint64 version, n;
  Role role = access_lock (tx, caller, id, &version);
  DaeReply *refusal =
      access_refuse (req, role, strcmp (subject, caller) == 0 ? ROLE_VIEWER : ROLE_OWNER);

  if (refusal)
    return refusal;
  if (invitation) {
    n = dae_exec (tx, "DELETE FROM invitation WHERE workspace_id = $1 AND id = $2", DAE_UUID (id),
                  DAE_UUID (invitation));
  } else {
    if (members_is_last_owner (tx, id, subject))
      return members_refuse_last_owner (req);
    n = dae_exec (tx, "DELETE FROM workspace_member WHERE workspace_id = $1 AND subject = $2",
                  DAE_UUID (id), DAE_TEXT (subject));
  }
  if (n == 0)
    return dae_reply_not_found (req);
  access_changed (tx, id, subject);
  return dae_reply_empty (req, 204);
}
