/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-access: who may what in a workspace. */
#include "workspaces.h"

#include <string.h>

Role
role_from_text (const char *text)
{
  if (g_strcmp0 (text, "owner") == 0)
    return ROLE_OWNER;
  if (g_strcmp0 (text, "editor") == 0)
    return ROLE_EDITOR;
  return g_strcmp0 (text, "viewer") == 0 ? ROLE_VIEWER : ROLE_NONE;
}

Role
access_role (DaeTx *tx, const char *subject, const char *workspace_id)
{
  DaeRows *row = dae_query_one (tx,
                                "SELECT m.role FROM workspace_member m"
                                " JOIN workspace w ON w.id = m.workspace_id"
                                " WHERE m.workspace_id = $1 AND m.subject = $2"
                                " AND w.deleted_at IS NULL",
                                DAE_UUID (workspace_id), DAE_TEXT (subject));

  return row ? role_from_text (dae_row_text (row, 0)) : ROLE_NONE;
}

Role
access_lock (DaeTx *tx, const char *subject, const char *workspace_id, gint64 *ret_version)
{
  DaeRows *row = dae_query_one (tx,
                                "UPDATE workspace SET version = version + 1"
                                " WHERE id = $1 AND deleted_at IS NULL RETURNING version",
                                DAE_UUID (workspace_id));

  *ret_version = row ? dae_row_int (row, 0) - 1 : 0;
  return row ? access_role (tx, subject, workspace_id) : ROLE_NONE;
}

DaeReply *
access_refuse (DaeRequest *req, Role role, Role needed)
{
  if (role == ROLE_NONE)
    return dae_reply_not_found (req);
  if (role >= needed)
    return NULL;
  return dae_reply_problem (req, 403, "role_required",
                            needed == ROLE_OWNER ? "only owners of the workspace may do this"
                                                 : "viewers of the workspace may not change it");
}

DaeReply *
access_refuse_version (DaeRequest *req, gint64 version)
{
  if (dae_request_matches (req, version))
    return NULL;
  return dae_reply_problem (req, 412, "precondition_failed",
                            "the workspace has changed since it was read");
}

/* TABLE exists; what has been seen once stays: migrations only expand. */
static gboolean
access_has_table (DaeTx *tx, const char *table, gint *seen)
{
  DaeRows *row;

  if (g_atomic_int_get (seen))
    return TRUE;
  if (dae_tx_is_sqlite (tx))
    row = dae_query_one (tx, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
                         DAE_TEXT (table));
  else
    row = dae_query_one (
        tx, "SELECT 1 FROM pg_tables WHERE schemaname = current_schema () AND tablename = $1",
        DAE_TEXT (table));
  if (row)
    g_atomic_int_set (seen, TRUE);
  return row != NULL;
}

gboolean
access_has_conversations (DaeTx *tx, DaePlugin *self)
{
  WorkspacesData *data = dae_data (self);

  /* one migration makes both tables */
  return access_has_table (tx, "turn", &data->conversations_seen);
}

gboolean
access_has_files (DaeTx *tx, DaePlugin *self)
{
  WorkspacesData *data = dae_data (self);

  return access_has_table (tx, "file", &data->files_seen);
}

void
access_changed (DaeTx *tx, const char *workspace_id, const char *subject)
{
  g_autofree char *topic = g_strconcat ("access:", workspace_id, NULL);

  dae_publish (tx, topic, subject);
}

static gboolean
service_may (
    DaePlugin *provider, DaeTx *tx, const char *subject, const char *workspace_id, DaeMay what)
{
  static const Role needed[] = {
    [DAE_MAY_READ] = ROLE_VIEWER, [DAE_MAY_WRITE] = ROLE_EDITOR, [DAE_MAY_OWN] = ROLE_OWNER
  };

  if (!subject || !workspace_id || (guint)what >= G_N_ELEMENTS (needed))
    return FALSE;
  return access_role (tx, subject, workspace_id) >= needed[what];
}

static void
service_settings (DaePlugin *provider,
                  DaeTx *tx,
                  const char *workspace_id,
                  const char **ret_instructions,
                  const char **ret_default_agent)
{
  DaeRows *row =
      dae_query_one (tx, "SELECT instructions, default_agent FROM workspace WHERE id = $1",
                     DAE_UUID (workspace_id));
  const char *instructions = row ? dae_row_text (row, 0) : NULL;

  *ret_instructions = instructions && *instructions ? instructions : NULL;
  *ret_default_agent = row ? dae_row_text (row, 1) : NULL;
}

static gboolean
service_has_agent (DaePlugin *provider, DaeTx *tx, const char *workspace_id, const char *agent)
{
  DaeRows *row = dae_query_one (
      tx,
      "SELECT NOT EXISTS (SELECT 1 FROM workspace_agent WHERE workspace_id = $1)"
      " OR EXISTS (SELECT 1 FROM workspace_agent WHERE workspace_id = $1 AND agent = $2)",
      DAE_UUID (workspace_id), DAE_TEXT (agent));

  return row && dae_row_int (row, 0) != 0;
}

const DaeWorkspaces1 workspaces_service = {
  .struct_size = sizeof (DaeWorkspaces1),
  .may = service_may,
  .settings = service_settings,
  .has_agent = service_has_agent,
};
