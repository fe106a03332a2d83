/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-list: the caller's workspaces, newest first, in one round trip.
 *
 * What conversations know of a workspace is read from their tables, where they
 * are there: tables are read across plugins and written by their owner only.
 */
#include "workspaces.h"

#include <string.h>

#define LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"

#define LIST_COLUMNS                                                                               \
  "SELECT w.id, w.name, w.description, w.instructions, w.default_agent, w.archived_at, m.role,"    \
  " w.version, w.created_at"
#define LIST_FROM                                                                                  \
  " FROM workspace_member m JOIN workspace w ON w.id = m.workspace_id"                             \
  " WHERE m.subject = $1 AND m.workspace_id < $2 AND (w.archived_at IS NOT NULL) = $3"             \
  " AND w.deleted_at IS NULL ORDER BY m.workspace_id DESC LIMIT $4"

static const char list_sql[] = LIST_COLUMNS ", w.created_at, 0" LIST_FROM;
/* CROSS JOIN has SQLite begin with the few turns that are open, not with all conversations. */
static const char list_with_conversations_sql[] = LIST_COLUMNS
    ", coalesce ((SELECT max (c.last_activity_at) FROM conversation c"
    " WHERE c.workspace_id = w.id AND c.deleted_at IS NULL), w.created_at),"
    " (SELECT count(*) FROM turn t CROSS JOIN conversation c WHERE t.finished_at IS NULL"
    " AND c.id = t.conversation_id AND c.workspace_id = w.id AND c.deleted_at IS NULL)" LIST_FROM;
static const char list_agents_sql[] =
    "SELECT a.workspace_id, a.agent FROM workspace_agent a WHERE a.workspace_id IN"
    " (SELECT m.workspace_id FROM workspace_member m JOIN workspace w ON w.id = m.workspace_id"
    " WHERE m.subject = $1 AND m.workspace_id < $2 AND (w.archived_at IS NOT NULL) = $3"
    " AND w.deleted_at IS NULL ORDER BY m.workspace_id DESC LIMIT $4)"
    " ORDER BY a.workspace_id DESC, a.agent";

static void
list_write_time (DaeJson *json, const char *key, DaeRows *row, guint column)
{
  if (dae_row_is_null (row, column))
    dae_json_null (json, key);
  else
    dae_json_time (json, key, dae_row_int (row, column));
}

/* AGENTS stands on the first agent that has not been written, while *MORE. */
static void
list_write (DaeJson *json, DaeRows *row, DaeRows *agents, gboolean *more)
{
  const char *id = dae_row_text (row, 0);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", id);
  dae_json_text (json, "name", dae_row_text (row, 1));
  dae_json_text (json, "description", dae_row_text (row, 2));
  dae_json_text (json, "instructions", dae_row_text (row, 3));
  dae_json_text (json, "default_agent", dae_row_text (row, 4));
  list_write_time (json, "archived_at", row, 5);
  dae_json_text (json, "role", dae_row_text (row, 6));
  dae_json_begin_array (json, "agents");
  while (*more && g_strcmp0 (dae_row_text (agents, 0), id) == 0) {
    dae_json_text (json, NULL, dae_row_text (agents, 1));
    *more = dae_rows_next (agents);
  }
  dae_json_end (json);
  dae_json_int (json, "version", dae_row_int (row, 7));
  dae_json_time (json, "created_at", dae_row_int (row, 8));
  dae_json_time (json, "last_activity_at", dae_row_int (row, 9));
  dae_json_int (json, "running_turns", dae_row_int (row, 10));
  dae_json_end (json);
}

DaeReply *
workspaces_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gint64 limit = dae_request_query_int (req, "limit", 50);
  const char *given = dae_request_query (req, "cursor");
  g_autofree char *cursor = given ? cursor_decode (given) : g_strdup (LAST_ID);
  const DaeValue values[] = { DAE_TEXT (dae_request_user (req)->subject), DAE_UUID (cursor),
                              DAE_BOOL (dae_request_query_int (req, "archived", 0)),
                              DAE_INT (limit + 1) };
  DaeQuery queries[] = { { .values = values, .n_values = G_N_ELEMENTS (values) },
                         { .values = values, .n_values = G_N_ELEMENTS (values) } };
  g_autofree char *last = NULL;
  gboolean more, more_agents;
  DaeJson *json;

  if (!cursor || !cursor_is_id (cursor))
    return cursor_refuse (req);
  queries[0].sql = access_has_conversations (tx, self) ? list_with_conversations_sql : list_sql;
  queries[1].sql = list_agents_sql;
  dae_query_many (tx, queries, G_N_ELEMENTS (queries));

  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  more_agents = dae_rows_next (queries[1].rows);
  more = dae_rows_next (queries[0].rows);
  for (gint64 i = 0; more && i < limit; i++) {
    list_write (json, queries[0].rows, queries[1].rows, &more_agents);
    g_free (last);
    last = g_strdup (dae_row_text (queries[0].rows, 0));
    more = dae_rows_next (queries[0].rows);
  }
  dae_json_end (json);
  cursor_write (json, more ? last : NULL);
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}
