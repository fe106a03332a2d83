/* SPDX-License-Identifier: Apache-2.0 */
/* agents-route: the agents as /api/agents and the page's state show them. */
#include "agents.h"

#include <string.h>

static const char *
shown_health (const Agent *agent, const AgentRow *row)
{
  return row != NULL ? row->health : agent->internal ? "ok" : "unknown";
}

static const char *
shown_reason (const Agent *agent, const AgentRow *row)
{
  if (row != NULL)
    return row->reason;
  return agent->internal ? NULL : "it has not been looked at yet";
}

/* ROW may be NULL. */
static void
write_agent (DaeJson *json, const char *key, const Agent *agent, const AgentRow *row)
{
  dae_json_begin_object (json, key);
  dae_json_text (json, "slug", agent->slug);
  dae_json_text (json, "title", agent->title);
  dae_json_text (json, "description", agent->description);
  dae_json_text (json, "health", shown_health (agent, row));
  dae_json_text (json, "reason", shown_reason (agent, row));
  if (row != NULL && row->last_seen > 0)
    dae_json_time (json, "last_seen", row->last_seen);
  else
    dae_json_null (json, "last_seen");
  if (row != NULL && row->latency_us >= 0)
    dae_json_real (json, "latency_ms", (double)row->latency_us / 1000);
  else
    dae_json_null (json, "latency_ms");
  dae_json_raw (json, "tools", row != NULL && row->tools != NULL ? row->tools : "[]");
  dae_json_begin_object (json, "capabilities");
  dae_json_null (json, "vision");
  if (agent->context_window > 0)
    dae_json_int (json, "context_window", agent->context_window);
  else
    dae_json_null (json, "context_window");
  dae_json_null (json, "max_output_tokens");
  dae_json_end (json);
  dae_json_begin_array (json, "example_messages");
  for (char **example = agent->example_messages; example != NULL && *example != NULL; example++)
    dae_json_text (json, NULL, *example);
  dae_json_end (json);
  dae_json_bool (json, "internal", agent->internal);
  dae_json_end (json);
}

DaeReply *
agents_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  AgentsData *data = dae_data (self);
  g_autoptr (GHashTable) rows = agents_rows (tx);
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  for (guint i = 0; i < data->agents->len; i++) {
    const Agent *agent = data->agents->pdata[i];

    write_agent (json, NULL, agent, g_hash_table_lookup (rows, agent->slug));
  }
  dae_json_end (json);
  dae_json_null (json, "next");
  dae_json_end (json);
  return dae_reply_json (req, 200, json);
}

DaeReply *
agents_show (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const Agent *agent = agents_find (self, dae_request_param (req, "agent"));
  g_autoptr (GHashTable) rows = NULL;
  DaeJson *json;

  if (agent == NULL)
    return dae_reply_not_found (req);
  rows = agents_rows (tx);
  json = dae_json_new (req);
  write_agent (json, NULL, agent, g_hash_table_lookup (rows, agent->slug));
  return dae_reply_json (req, 200, json);
}

typedef struct {
  DaePlugin *self;
  DaeRequest *req;
} CheckRequest;

static void
check_now_on_checked (const AgentRow *row, gpointer data)
{
  CheckRequest *waiting = data;
  DaeRequest *req = waiting->req;
  DaeJson *json;

  if (row != NULL) {
    json = dae_json_new (req);
    write_agent (json, NULL, agents_find (waiting->self, row->slug), row);
    dae_send (req, dae_reply_json (req, 200, json));
  } else {
    dae_send (req, dae_reply_problem (req, 503, "draining", "this server stops; try again"));
  }
  dae_request_unref (req);
  g_free (waiting);
}

DaeOutcome
agents_check_now (DaeRequest *req, DaePlugin *self)
{
  const Agent *agent = agents_find (self, dae_request_param (req, "agent"));
  CheckRequest *waiting;

  if (agent == NULL)
    return dae_send (req, dae_reply_not_found (req));
  waiting = g_new0 (CheckRequest, 1);
  waiting->self = self;
  waiting->req = dae_request_ref (req);
  agents_check (self, agent, check_now_on_checked, waiting);
  return DAE_LATER;
}

void
agents_write_states (DaePlugin *self, DaeTx *tx, DaeJson *json, const char *key)
{
  AgentsData *data = dae_data (self);
  g_autoptr (GHashTable) rows = agents_rows (tx);

  dae_json_begin_array (json, key);
  for (guint i = 0; i < data->agents->len; i++) {
    const Agent *agent = data->agents->pdata[i];
    const AgentRow *row = g_hash_table_lookup (rows, agent->slug);

    dae_json_begin_object (json, NULL);
    dae_json_text (json, "slug", agent->slug);
    dae_json_text (json, "title", agent->title);
    dae_json_text (json, "health", shown_health (agent, row));
    dae_json_text (json, "reason", shown_reason (agent, row));
    dae_json_end (json);
  }
  dae_json_end (json);
}
