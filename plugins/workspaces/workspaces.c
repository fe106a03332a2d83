/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces: where people and agents work together, and who may what there. */
#include "workspaces.h"

#define DELETED_FOR (10 * G_TIME_SPAN_MINUTE)

/* The answer with what `version` covers. */
static DaeReply *
workspace_reply (DaeTx *tx, DaeRequest *req, guint status, const char *id)
{
  const DaeValue values[] = { DAE_UUID (id), DAE_TEXT (dae_request_user (req)->subject) };
  DaeQuery queries[] = {
    { .sql = "SELECT w.name, w.description, w.instructions, w.default_agent, w.archived_at, m.role,"
             " w.version, w.created_at FROM workspace w"
             " JOIN workspace_member m ON m.workspace_id = w.id AND m.subject = $2"
             " WHERE w.id = $1 AND w.deleted_at IS NULL",
      .values = values,
      .n_values = 2 },
    { .sql = "SELECT agent FROM workspace_agent WHERE workspace_id = $1 ORDER BY agent",
      .values = values,
      .n_values = 1 },
  };
  DaeRows *row;
  DaeJson *json;

  dae_query_many (tx, queries, G_N_ELEMENTS (queries));
  row = queries[0].rows;
  if (!dae_rows_next (row))
    return dae_reply_not_found (req);

  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", id);
  dae_json_text (json, "name", dae_row_text (row, 0));
  dae_json_text (json, "description", dae_row_text (row, 1));
  dae_json_text (json, "instructions", dae_row_text (row, 2));
  dae_json_text (json, "default_agent", dae_row_text (row, 3));
  if (dae_row_is_null (row, 4))
    dae_json_null (json, "archived_at");
  else
    dae_json_time (json, "archived_at", dae_row_int (row, 4));
  dae_json_text (json, "role", dae_row_text (row, 5));
  dae_json_begin_array (json, "agents");
  while (dae_rows_next (queries[1].rows))
    dae_json_text (json, NULL, dae_row_text (queries[1].rows, 0));
  dae_json_end (json);
  dae_json_int (json, "version", dae_row_int (row, 6));
  dae_json_time (json, "created_at", dae_row_int (row, 7));
  dae_json_end (json);
  return dae_reply_versioned (req, status, json, dae_row_int (row, 6));
}

static DaeReply *
workspaces_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  g_autofree char *id = g_ascii_strdown (dae_request_param (req, "workspace_id"), -1);

  return workspace_reply (tx, req, 200, id);
}

static DaeReply *
workspaces_create (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *description = dae_body_text (req, "description");
  const char *instructions = dae_body_text (req, "instructions");
  const char *agent = dae_body_text (req, "default_agent");
  const char *subject = dae_request_user (req)->subject;
  DaeReply *reply = agents_refuse_unknown (req, self, agent, "/default_agent");
  g_autofree char *location = NULL;
  gint64 now = dae_tx_now (tx);
  char id[37];

  if (reply)
    return reply;
  dae_uuid7 (self, id);
  dae_exec_later (
      tx,
      "INSERT INTO workspace (id, name, description, instructions, default_agent, created_by,"
      " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      DAE_UUID (id), DAE_TEXT (dae_body_text (req, "name")),
      DAE_TEXT (description ? description : ""), DAE_TEXT (instructions ? instructions : ""),
      DAE_TEXT (agent), DAE_TEXT (subject), DAE_TIME (now));
  dae_exec_later (tx,
                  "INSERT INTO workspace_member (workspace_id, subject, role, created_at)"
                  " VALUES ($1, $2, 'owner', $3)",
                  DAE_UUID (id), DAE_TEXT (subject), DAE_TIME (now));
  access_changed (tx, id, subject);
  location = g_strconcat ("/api/workspaces/", id, NULL);
  reply = workspace_reply (tx, req, 201, id);
  return dae_reply_header (reply, "Location", location);
}

static void
workspaces_archive (DaeTx *tx, const char *id, gboolean archived)
{
  if (archived)
    dae_exec_later (tx,
                    "UPDATE workspace SET archived_at = coalesce (archived_at, $2) WHERE id = $1",
                    DAE_UUID (id), DAE_TIME (dae_tx_now (tx)));
  else
    dae_exec_later (tx, "UPDATE workspace SET archived_at = NULL WHERE id = $1", DAE_UUID (id));
}

static DaeReply *
workspaces_update (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  g_autofree char *id = g_ascii_strdown (dae_request_param (req, "workspace_id"), -1);
  const char *agent = dae_body_text (req, "default_agent");
  gboolean archives = dae_body_has (req, "archived");
  gint64 version;
  Role role = access_lock (tx, dae_request_user (req)->subject, id, &version);
  DaeReply *refusal = access_refuse (req, role, archives ? ROLE_OWNER : ROLE_EDITOR);

  if (!refusal)
    refusal = access_refuse_version (req, version);
  if (!refusal)
    refusal = agents_refuse_unknown (req, self, agent, "/default_agent");
  if (refusal)
    return refusal;
  dae_exec_later (
      tx,
      "UPDATE workspace SET name = coalesce ($2, name),"
      " description = coalesce ($3, description), instructions = coalesce ($4, instructions),"
      " default_agent = CASE WHEN $5 THEN $6 ELSE default_agent END WHERE id = $1",
      DAE_UUID (id), DAE_TEXT (dae_body_text (req, "name")),
      DAE_TEXT (dae_body_text (req, "description")), DAE_TEXT (dae_body_text (req, "instructions")),
      DAE_BOOL (dae_body_has (req, "default_agent")), DAE_TEXT (agent));
  if (archives)
    workspaces_archive (tx, id, dae_body_int (req, "archived", 0) != 0);
  return workspace_reply (tx, req, 200, id);
}

static gint64
workspaces_count (DaeTx *tx, const char *sql, const char *id)
{
  DaeRows *row = dae_query_one (tx, sql, DAE_UUID (id));

  return row ? dae_row_int (row, 0) : 0;
}

/* It is gone for everybody at once; others delete what belongs to it in batches when they hear it,
 * and the row itself goes last (workspaces_sweep). */
static DaeReply *
workspaces_delete (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  g_autofree char *id = g_ascii_strdown (dae_request_param (req, "workspace_id"), -1);
  gint64 version, conversations = 0, files = 0;
  Role role = access_lock (tx, dae_request_user (req)->subject, id, &version);
  DaeReply *refusal = access_refuse (req, role, ROLE_OWNER);
  DaeJson *json;

  if (!refusal)
    refusal = access_refuse_version (req, version);
  if (refusal)
    return refusal;
  if (access_has_conversations (tx, self))
    conversations = workspaces_count (
        tx, "SELECT count(*) FROM conversation WHERE workspace_id = $1 AND deleted_at IS NULL", id);
  if (access_has_files (tx, self))
    files = workspaces_count (
        tx, "SELECT count(*) FROM file WHERE workspace_id = $1 AND state = 'ready'", id);
  dae_exec_later (tx, "UPDATE workspace SET deleted_at = $2 WHERE id = $1", DAE_UUID (id),
                  DAE_TIME (dae_tx_now (tx)));
  dae_publish (tx, "workspace:deleted", id);
  access_changed (tx, id, "*");
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_int (json, "conversations", conversations);
  dae_json_int (json, "files", files);
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}

#define SWEEP_BEGIN                                                                                \
  "DELETE FROM workspace WHERE id IN (SELECT w.id FROM workspace w WHERE w.deleted_at < $1"
#define SWEEP_NO_CONVERSATION                                                                      \
  " AND NOT EXISTS (SELECT 1 FROM conversation c WHERE c.workspace_id = w.id)"
#define SWEEP_NO_FILE " AND NOT EXISTS (SELECT 1 FROM file f WHERE f.workspace_id = w.id)"
#define SWEEP_END     " LIMIT 50)"

/* Deletes the rows of workspaces that were deleted a while ago and have nothing left: so nothing
 * large cascades, and what is found by them has been found. */
static gboolean
workspaces_sweep (DaeTx *tx, DaePlugin *self)
{
  static const char *const by_tables[2][2] = {
    { SWEEP_BEGIN SWEEP_END, SWEEP_BEGIN SWEEP_NO_FILE SWEEP_END },
    { SWEEP_BEGIN SWEEP_NO_CONVERSATION SWEEP_END,
      SWEEP_BEGIN SWEEP_NO_CONVERSATION SWEEP_NO_FILE SWEEP_END },
  };
  gboolean has_conversations = access_has_conversations (tx, self);
  gboolean has_files = access_has_files (tx, self);

  return dae_exec (tx, by_tables[has_conversations ? 1 : 0][has_files ? 1 : 0],
                   DAE_TIME (dae_tx_now (tx) - DELETED_FOR)) == 50;
}

static gboolean
workspaces_configure (DaePlugin *self, GError **error)
{
  dae_set_data (self, g_new0 (WorkspacesData, 1), g_free);
  return TRUE;
}

/* Somebody has come for the first time. */
static void
workspaces_on_person (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  dae_job_wake (self, "invitations");
}

static gboolean
workspaces_start (DaePlugin *self, GError **error)
{
  WorkspacesData *data = dae_data (self);

  data->agents = dae_service (self, "agents/1", &data->agents_provider);
  dae_subscribe (self, "auth:person", workspaces_on_person, NULL);
  return TRUE;
}

static const char *const needs[] = { "identity/1", NULL };
static const char *const wants[] = { "agents/1", NULL };

static const DaeService services[] = {
  { .name = "workspaces/1", .vtable = &workspaces_service },
};

static const DaeSetting settings[] = {
  { .key = "owner-absent",
    .type = DAE_SETTING_DURATION,
    .fallback = "90d",
    .help = "After how long without any of its owners an administrator may give a workspace "
            "another one.",
    .min = 1000,
    .max = G_GINT64_CONSTANT (315360000000) },
};

static const DaeMember people_query[] = {
  { .name = "q", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 100 },
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 50 },
};

static const DaeMember owner_members[] = {
  { .name = "email", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 3, .max = 254 },
};

static const DaeMember page_query[] = {
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "cursor", .type = DAE_MEMBER_TEXT, .min = 1, .max = 500 },
};

static const DaeMember list_query[] = {
  { .name = "limit", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "cursor", .type = DAE_MEMBER_TEXT, .min = 1, .max = 500 },
  { .name = "archived", .type = DAE_MEMBER_BOOL },
};

static const DaeMember create_members[] = {
  { .name = "name", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 200 },
  { .name = "description", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_MULTILINE, .max = 2000 },
  { .name = "instructions", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_MULTILINE, .max = 20000 },
  { .name = "default_agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
};

static const DaeMember update_members[] = {
  { .name = "name", .type = DAE_MEMBER_TEXT, .min = 1, .max = 200 },
  { .name = "description", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_MULTILINE, .max = 2000 },
  { .name = "instructions", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_MULTILINE, .max = 20000 },
  { .name = "default_agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
  { .name = "archived", .type = DAE_MEMBER_BOOL },
};

#define ROLE_MEMBER                                                                                \
  {                                                                                                \
    .name = "role", .type = DAE_MEMBER_CHOICE, .flags = DAE_MEMBER_REQUIRED,                       \
    .choices = "owner|editor|viewer"                                                               \
  }

static const DaeMember member_members[] = {
  { .name = "email", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 3, .max = 254 },
  ROLE_MEMBER,
};

static const DaeMember role_members[] = { ROLE_MEMBER };

static const DaeMember agents_members[] = {
  { .name = "items", .type = DAE_MEMBER_TEXT_LIST, .flags = DAE_MEMBER_REQUIRED, .max = 100 },
};

static const DaeRoute routes[] = {
  { .method = "GET",
    .pattern = "/api/workspaces",
    .answer = workspaces_list,
    .query = DAE_TABLE (list_query) },
  { .method = "POST",
    .pattern = "/api/workspaces",
    .answer = workspaces_create,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_IDEMPOTENT,
    .members = DAE_TABLE (create_members) },
  { .method = "GET", .pattern = "/api/workspaces/{workspace_id:uuid}", .answer = workspaces_show },
  { .method = "PATCH",
    .pattern = "/api/workspaces/{workspace_id:uuid}",
    .answer = workspaces_update,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (update_members) },
  { .method = "DELETE",
    .pattern = "/api/workspaces/{workspace_id:uuid}",
    .answer = workspaces_delete },
  { .method = "GET",
    .pattern = "/api/workspaces/{workspace_id:uuid}/members",
    .answer = members_list,
    .query = DAE_TABLE (page_query) },
  { .method = "POST",
    .pattern = "/api/workspaces/{workspace_id:uuid}/members",
    .answer = members_add,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_IDEMPOTENT,
    .members = DAE_TABLE (member_members) },
  { .method = "PATCH",
    .pattern = "/api/workspaces/{workspace_id:uuid}/members/{subject}",
    .answer = members_update,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (role_members) },
  { .method = "DELETE",
    .pattern = "/api/workspaces/{workspace_id:uuid}/members/{subject}",
    .answer = members_remove },
  { .method = "GET",
    .pattern = "/api/workspaces/{workspace_id:uuid}/agents",
    .answer = agents_show },
  { .method = "PUT",
    .pattern = "/api/workspaces/{workspace_id:uuid}/agents",
    .answer = agents_set,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (agents_members) },
  { .method = "GET",
    .pattern = "/api/people",
    .answer = people_find,
    .query = DAE_TABLE (people_query) },
  { .method = "GET",
    .pattern = "/api/admin/workspaces",
    .answer = owner_list_lost,
    .auth = DAE_AUTH_ADMIN,
    .flags = DAE_ROUTE_SLOW,
    .query = DAE_TABLE (page_query) },
  { .method = "PUT",
    .pattern = "/api/admin/workspaces/{workspace_id:uuid}/owner",
    .answer = owner_set,
    .auth = DAE_AUTH_ADMIN,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (owner_members) },
};

static const DaeJob jobs[] = {
  { .name = "invitations", .every_ms = 60 * 1000, .step = members_bind },
  { .name = "deleted", .every_ms = 60 * 1000, .step = workspaces_sweep },
};

DAE_PLUGIN_DEFINE (.name = "workspaces",
                   .version = "0.1.0",
                   .summary = "Workspaces and who may use them",
                   .needs = needs,
                   .wants = wants,
                   .provides = DAE_TABLE (services),
                   .settings = DAE_TABLE (settings),
                   .routes = DAE_TABLE (routes),
                   .jobs = DAE_TABLE (jobs),
                   .configure = workspaces_configure,
                   .start = workspaces_start,
                   .merge_people = people_merge);
