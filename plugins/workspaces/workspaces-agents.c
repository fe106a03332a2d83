/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-agents: the agents that a workspace's conversations may use. */
#include "workspaces.h"

DaeReply *
agents_refuse_unknown (DaeRequest *req, DaePlugin *self, const char *slug, const char *pointer)
{
  const WorkspacesData *data = dae_data (self);
  DaeReply *reply;

  if (!slug || !data->agents || data->agents->known (data->agents_provider, slug))
    return NULL;
  reply = dae_reply_problem (req, 422, "unknown_agent", "no agent of this name is registered");
  return dae_reply_pointer (reply, pointer, "no agent of this name is registered");
}

static gboolean
agents_is_slug (const char *text)
{
  return g_regex_match_simple ("^[a-z0-9][a-z0-9._-]{0,99}$", text, G_REGEX_DOLLAR_ENDONLY, 0);
}

static DaeReply *
agents_reply (DaeTx *tx, DaeRequest *req, const char *workspace_id, gint64 version)
{
  DaeRows *rows =
      dae_query (tx, "SELECT agent FROM workspace_agent WHERE workspace_id = $1 ORDER BY agent",
                 DAE_UUID (workspace_id));
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  while (dae_rows_next (rows))
    dae_json_text (json, NULL, dae_row_text (rows, 0));
  dae_json_end (json);
  dae_json_int (json, "version", version);
  dae_json_end (json);
  return dae_reply_versioned (req, 200, json, version);
}

DaeReply *
agents_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  DaeRows *row;

  if (access_role (tx, dae_request_user (req)->subject, id) == ROLE_NONE)
    return dae_reply_not_found (req);
  row = dae_query_one (tx, "SELECT version FROM workspace WHERE id = $1", DAE_UUID (id));
  return agents_reply (tx, req, id, row ? dae_row_int (row, 0) : 0);
}

static DaeReply *
agents_check (DaeRequest *req, DaePlugin *self, const char *const *items)
{
  for (guint i = 0; items[i]; i++) {
    g_autofree char *pointer = g_strdup_printf ("/items/%u", i);
    DaeReply *refusal;

    if (!agents_is_slug (items[i])) {
      refusal = dae_reply_problem (req, 422, "invalid_body", "an item is no agent's name");
      return dae_reply_pointer (refusal, pointer, "is no agent's name");
    }
    for (guint k = 0; k < i; k++) {
      if (g_strcmp0 (items[k], items[i]) == 0) {
        refusal = dae_reply_problem (req, 422, "invalid_body", "an agent is named twice");
        return dae_reply_pointer (refusal, pointer, "is named twice");
      }
    }
    refusal = agents_refuse_unknown (req, self, items[i], pointer);
    if (refusal)
      return refusal;
  }
  return NULL;
}

DaeReply *
agents_set (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *id = dae_request_param (req, "workspace_id");
  const char *const *items = dae_body_list (req, "items");
  gint64 version;
  Role role = access_lock (tx, dae_request_user (req)->subject, id, &version);
  DaeReply *refusal = access_refuse (req, role, ROLE_EDITOR);

  if (!refusal)
    refusal = access_refuse_version (req, version);
  if (!refusal)
    refusal = agents_check (req, self, items);
  if (refusal)
    return refusal;
  dae_exec_later (tx, "DELETE FROM workspace_agent WHERE workspace_id = $1", DAE_UUID (id));
  for (; *items && !dae_tx_failed (tx); items++)
    dae_exec_later (tx, "INSERT INTO workspace_agent (workspace_id, agent) VALUES ($1, $2)",
                    DAE_UUID (id), DAE_TEXT (*items));
  return agents_reply (tx, req, id, version + 1);
}
