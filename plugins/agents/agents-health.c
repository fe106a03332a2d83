/* SPDX-License-Identifier: Apache-2.0 */
/* agents-health: looks at agents, keeps what it found in agent_state, shows it as gauges.
 *
 * One process of the installation looks each 30 s; all others read the table when they hear that
 * it changed, and each 30 s in case they did not hear. An agent is believed reachable if it
 * answered the last look, whatever it said of itself.
 */
#include "agents.h"

#include <string.h>

#define CHECK_LIMIT_MS  10000
#define CHECK_MAX_TOOLS 200

typedef struct {
  AgentChecked done;
  gpointer data;
} CheckWaiter;

typedef struct {
  DaePlugin *self;
  const Agent *agent;
  AgentLink link;
  AgentOpening *opening;
  AgentRequest *request;
  GArray *waiters; /* (element-type CheckWaiter) */
  guint timer;
  gint64 asked;      /* monotonic: the request whose answer gives the latency */
  gint64 latency_us; /* -1: not measured */
  AgentRow *row;     /* once it is over: being stored */
} AgentCheck;

void
agent_row_free (gpointer data)
{
  AgentRow *row = data;

  g_free (row->slug);
  g_free (row->health);
  g_free (row->reason);
  g_free (row->tools);
  g_free (row);
}

static void
check_disconnect (AgentCheck *check)
{
  if (check->timer != 0)
    dae_timer_cancel (check->self, check->timer);
  if (check->opening != NULL)
    agent_open_cancel (check->opening);
  if (check->request != NULL)
    agent_request_cancel (check->request);
  check->timer = 0;
  check->opening = NULL;
  check->request = NULL;
}

/* ROW may be NULL. */
static void
check_tell (AgentCheck *check, const AgentRow *row)
{
  for (guint i = 0; i < check->waiters->len; i++) {
    CheckWaiter *waiter = &g_array_index (check->waiters, CheckWaiter, i);

    waiter->done (row, waiter->data);
  }
  g_array_set_size (check->waiters, 0);
}

void
agent_check_free (gpointer data)
{
  AgentCheck *check = data;

  check_disconnect (check);
  check_tell (check, NULL);
  agent_link_clear (&check->link);
  g_array_unref (check->waiters);
  g_clear_pointer (&check->row, agent_row_free);
  g_free (check);
}

/* ---- the table ---- */

GHashTable *
agents_rows (DaeTx *tx)
{
  GHashTable *all = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, agent_row_free);
  DaeRows *rows = dae_query (
      tx, "SELECT slug, health, reason, latency_us, last_seen, checked_at, tools FROM agent_state");

  while (dae_rows_next (rows)) {
    AgentRow *row = g_new0 (AgentRow, 1);

    row->slug = g_strdup (dae_row_text (rows, 0));
    row->health = g_strdup (dae_row_text (rows, 1));
    row->reason = g_strdup (dae_row_text (rows, 2));
    row->latency_us = dae_row_is_null (rows, 3) ? -1 : dae_row_int (rows, 3);
    row->last_seen = dae_row_int (rows, 4);
    row->checked_at = dae_row_int (rows, 5);
    row->tools = g_strdup (dae_row_text (rows, 6));
    g_hash_table_replace (all, row->slug, row);
  }
  return all;
}

/* Stores a row; those who show it hear of it where it says something new. */
static gpointer
check_store (DaeTx *tx, gconstpointer input)
{
  const AgentRow *row = input;
  const DaeValue none = DAE_NULL;
  const DaeValue latency = DAE_INT (row->latency_us);
  const DaeValue seen = DAE_TIME (row->last_seen);
  DaeRows *old = dae_query_one (
      tx, "SELECT health, reason, last_seen = checked_at FROM agent_state WHERE slug = $1",
      DAE_TEXT (row->slug));
  gboolean reached = row->last_seen == row->checked_at;
  gboolean news = old == NULL || g_strcmp0 (dae_row_text (old, 0), row->health) != 0 ||
                  g_strcmp0 (dae_row_text (old, 1), row->reason) != 0 ||
                  (dae_row_int (old, 2) != 0) != reached;

  dae_exec (
      tx,
      "INSERT INTO agent_state (slug, health, reason, latency_us, last_seen, checked_at, tools)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7)"
      " ON CONFLICT (slug) DO UPDATE SET health = excluded.health, reason = excluded.reason,"
      " latency_us = excluded.latency_us, checked_at = excluded.checked_at,"
      " last_seen = coalesce (excluded.last_seen, agent_state.last_seen),"
      " tools = coalesce (excluded.tools, agent_state.tools)",
      DAE_TEXT (row->slug), DAE_TEXT (row->health), DAE_TEXT (row->reason),
      row->latency_us >= 0 ? latency : none, row->last_seen > 0 ? seen : none,
      DAE_TIME (row->checked_at), DAE_JSON (row->tools));
  if (news)
    dae_publish (tx, AGENTS_TOPIC, row->slug);
  return NULL;
}

static void
check_on_stored (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  AgentsState *state = dae_state (self);
  const Agent *agent = data;
  AgentCheck *check = g_hash_table_lookup (state->checks, agent);

  if (problem != NULL)
    dae_log (self, G_LOG_LEVEL_WARNING, "cannot store an agent's health",
             DAE_S ("agent", agent->slug), DAE_S ("error", problem));
  if (check == NULL)
    return;
  g_hash_table_steal (state->checks, agent);
  check_tell (check, check->row);
  agent_check_free (check);
}

static AgentRow *
row_copy (const AgentRow *row)
{
  AgentRow *copy = g_memdup2 (row, sizeof *row);

  copy->slug = g_strdup (row->slug);
  copy->health = g_strdup (row->health);
  copy->reason = g_strdup (row->reason);
  copy->tools = g_strdup (row->tools);
  return copy;
}

/* ---- a check ---- */

static void
check_add_text (JsonObject *object, const char *name, const char *text)
{
  g_autofree char *kept =
      text != NULL ? g_utf8_make_valid (text, (gssize)MIN (strlen (text), 2000)) : NULL;

  if (kept != NULL)
    json_object_set_string_member (object, name, kept);
  else
    json_object_set_null_member (object, name);
}

/* The tools as the API shows them: JSON, owned; NULL where they are not known. */
static char *
check_tools (JsonArray *tools)
{
  g_autoptr (JsonArray) shown = json_array_new ();

  if (tools == NULL)
    return NULL;
  for (guint i = 0; i < MIN (json_array_get_length (tools), CHECK_MAX_TOOLS); i++) {
    JsonObject *tool = jsonrpc_list_object (tools, i);
    JsonObject *object;

    if (jsonrpc_text (tool, "name") == NULL)
      continue;
    object = json_object_new ();
    check_add_text (object, "name", jsonrpc_text (tool, "name"));
    check_add_text (object, "title", jsonrpc_text (tool, "title"));
    check_add_text (object, "description", jsonrpc_text (tool, "description"));
    json_array_add_object_element (shown, object);
  }
  return jsonrpc_list_text (shown);
}

/* The check is over: stores its result, then tells who waits. REASON is given. */
static void
check_end (AgentCheck *check, const char *health, char *reason, gboolean reached)
{
  gint64 now = dae_now (check->self);
  AgentRow *row = g_new0 (AgentRow, 1);

  agent_leave (&check->link);
  check_disconnect (check);
  row->slug = g_strdup (check->agent->slug);
  row->health = g_strdup (health);
  row->reason = reason;
  row->latency_us = reached ? check->latency_us : -1;
  row->last_seen = reached ? now : 0;
  row->checked_at = now;
  row->tools = reached ? check_tools (check->link.peer->tools) : NULL;
  check->row = row;
  agents_set_gauges (check->self, check->agent, row);
  dae_work (check->self, NULL, DAE_WORK_WRITES | DAE_WORK_KEEPER, check_store, row_copy (row),
            agent_row_free, NULL, check_on_stored, (gpointer)check->agent);
}

static void
check_end_fault (AgentCheck *check, const AgentReply *fault)
{
  gboolean reached = fault->kind == AGENT_REPLY_ERROR;
  gboolean nobody = fault->kind == AGENT_REPLY_UNREACHABLE || fault->kind == AGENT_REPLY_CUT;
  g_autofree char *words = NULL;
  char *reason;

  if (nobody) {
    /* the person who looks at the list cannot act on more; the log has the rest */
    dae_log (check->self, G_LOG_LEVEL_INFO, "agent cannot be reached",
             DAE_S ("agent", check->agent->slug),
             DAE_S ("error", fault->message != NULL ? fault->message : "refused"));
    reason = g_strdup ("it cannot be reached");
  } else if (fault->kind == AGENT_REPLY_STATUS && (fault->status == 401 || fault->status == 403)) {
    reason = g_strdup ("it does not accept this host's token");
  } else if (fault->kind == AGENT_REPLY_STATUS && fault->status < 400) {
    reason =
        g_strdup_printf ("it redirects (HTTP %u) to where requests do not follow", fault->status);
  } else if (fault->kind == AGENT_REPLY_STATUS) {
    reason = g_strdup_printf ("it answers HTTP %u", fault->status);
  } else {
    words =
        mcp_one_line (fault->message != NULL ? fault->message : "it answers with an error", 300);
    reason = g_steal_pointer (&words);
  }
  check_end (check, "error", reason, reached);
}

static void
check_on_health (const AgentReply *reply, gpointer data)
{
  AgentCheck *check = data;
  const char *health;
  char *reason = NULL;

  check->request = NULL;
  if (reply->kind != AGENT_REPLY_RESULT) {
    check_end_fault (check, reply);
    return;
  }
  check->latency_us = g_get_monotonic_time () - check->asked;
  health = mcp_health (reply->result, check->self, &reason);
  check_end (check, health, reason, TRUE);
}

static void
check_on_opened (const AgentReply *fault, gpointer data)
{
  static const AgentRequestHooks hooks = { .end = check_on_health };
  AgentCheck *check = data;
  Peer *peer = check->link.peer;
  JsonObject *params;

  check->opening = NULL;
  if (fault != NULL) {
    check_end_fault (check, fault);
    return;
  }
  check->latency_us = (g_get_monotonic_time () - check->asked) / 3;
  if (peer->chat == NULL) {
    check_end (check, "error", g_strdup (peer->no_chat), TRUE);
    return;
  }
  if (!mcp_has_tool (peer->tools, "get_health")) {
    check_end (check, "ok", NULL, TRUE);
    return;
  }
  params = json_object_new ();
  json_object_set_string_member (params, "name", "get_health");
  json_object_set_object_member (params, "arguments", json_object_new ());
  check->asked = g_get_monotonic_time ();
  check->request = agent_request (&check->link, "tools/call", params, 0, &hooks, check);
}

static gboolean
check_on_limit (DaePlugin *self, gpointer data)
{
  AgentCheck *check = data;

  check->timer = 0;
  check_end (check, "error", g_strdup ("it does not answer in time"), FALSE);
  return FALSE;
}

void
agents_check (DaePlugin *self, const Agent *agent, AgentChecked done, gpointer data)
{
  AgentsState *state = dae_state (self);
  AgentCheck *check = g_hash_table_lookup (state->checks, agent);
  CheckWaiter waiter = { done, data };
  gboolean is_new = check == NULL;

  if (is_new) {
    check = g_new0 (AgentCheck, 1);
    check->self = self;
    check->agent = agent;
    check->latency_us = -1;
    check->waiters = g_array_new (FALSE, FALSE, sizeof (CheckWaiter));
    agent_link_init (&check->link, self, agent);
    g_hash_table_insert (state->checks, (gpointer)agent, check);
  }
  if (done != NULL)
    g_array_append_val (check->waiters, waiter);
  if (!is_new)
    return;
  check->asked = g_get_monotonic_time ();
  check->timer = dae_timer (self, CHECK_LIMIT_MS, check_on_limit, check);
  check->opening = agent_open (&check->link, AGENT_OPEN_ANEW, check_on_opened, check);
}

void
agents_check_all (DaePlugin *self, GCancellable *lease)
{
  AgentsData *data = dae_data (self);

  for (guint i = 0; i < data->agents->len; i++)
    agents_check (self, data->agents->pdata[i], NULL, NULL);
}

/* ---- gauges ---- */

void
agents_set_gauges (DaePlugin *self, const Agent *agent, const AgentRow *row)
{
  static const char *const states[] = { "ok", "degraded", "error", "unknown" };
  const char *health = row != NULL ? row->health : agent->internal ? "ok" : "unknown";
  gboolean reached =
      row != NULL ? row->last_seen > 0 && row->last_seen == row->checked_at : agent->internal;

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    dae_series_set (dae_series (self, "agent_health", agent->slug, states[i]),
                    strcmp (health, states[i]) == 0);
  if (agents_counts (self, agent))
    dae_series_set (dae_series (self, "mcp_connections_active", agent->slug), reached);
}

static gpointer
states_read (DaeTx *tx, gconstpointer input)
{
  return agents_rows (tx);
}

static void
states_on_read (DaePlugin *self, gpointer result, const char *problem, gpointer user_data)
{
  AgentsState *state = dae_state (self);
  AgentsData *data = dae_data (self);

  state->reading = FALSE;
  for (guint i = 0; result != NULL && i < data->agents->len; i++) {
    const Agent *agent = data->agents->pdata[i];

    agents_set_gauges (self, agent, g_hash_table_lookup (result, agent->slug));
  }
  if (result != NULL) {
    g_clear_pointer (&state->seen, g_hash_table_unref);
    state->seen = g_hash_table_ref (result);
  }
  if (state->read_again)
    agents_read_states (self);
}

void
agents_read_states (DaePlugin *self)
{
  AgentsState *state = dae_state (self);

  state->read_again = state->reading;
  if (state->reading)
    return;
  state->reading = TRUE;
  dae_work (self, NULL, DAE_WORK_KEEPER, states_read, NULL, NULL,
            (GDestroyNotify)g_hash_table_unref, states_on_read, NULL);
}
