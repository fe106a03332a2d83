/* SPDX-License-Identifier: Apache-2.0 */
/* agents-answer: what an agent says becomes text, activities and iterations.
 *
 * The text that is kept is exactly what the text hook was given, in order. What an agent below says
 * (via_agent) is no part of it: it shows as an activity under the tool call that started it.
 */
#include "agents.h"

#include <string.h>

#define ANSWER_MAX_ITERATIONS (4 * 1024 * 1024)
#define ANSWER_MAX_ACTIVITIES 1000
#define ANSWER_MAX_TOOL_TEXT  (16 * 1024)
#define ANSWER_MAX_SUMMARY    200

typedef struct {
  char *id;
  char *parent; /* or NULL */
  char *name;
  char *agent;   /* who does it */
  char *summary; /* as last shown; NULL: none yet */
  gboolean is_agent;
  gboolean running;
} Activity;

struct AgentAnswer {
  DaeAgentCall *call;
  char *slug;
  const DaeAgentHooks *hooks;
  gpointer data;
  GString *text;
  gsize last_part;       /* where the last paragraph that the agent sent as one begins */
  gboolean breaks;       /* a tool ran: what comes next is a new paragraph */
  GPtrArray *activities; /* (element-type Activity) in order of their start */
  JsonArray *iterations;
  gsize iterations_size;
  GString *run; /* own text since the last iteration */
  gboolean muted;
};

static void
activity_free (gpointer data)
{
  Activity *activity = data;

  g_free (activity->id);
  g_free (activity->parent);
  g_free (activity->name);
  g_free (activity->agent);
  g_free (activity->summary);
  g_free (activity);
}

AgentAnswer *
agent_answer_new (DaeAgentCall *call, const char *slug, const DaeAgentHooks *hooks, gpointer data)
{
  AgentAnswer *answer = g_new0 (AgentAnswer, 1);

  answer->call = call;
  answer->slug = g_strdup (slug);
  answer->hooks = hooks;
  answer->data = data;
  answer->text = g_string_new (NULL);
  answer->activities = g_ptr_array_new_with_free_func (activity_free);
  answer->iterations = json_array_new ();
  answer->run = g_string_new (NULL);
  return answer;
}

void
agent_answer_free (AgentAnswer *answer)
{
  g_free (answer->slug);
  g_string_free (answer->text, TRUE);
  g_ptr_array_unref (answer->activities);
  json_array_unref (answer->iterations);
  g_string_free (answer->run, TRUE);
  g_free (answer);
}

void
agent_answer_mute (AgentAnswer *answer)
{
  answer->muted = TRUE;
}

const char *
agent_answer_text (AgentAnswer *answer)
{
  return answer->text->str;
}

/* ---- iterations ---- */

/* Adds what KIND says; texts that are NULL are left out. Beyond the limit nothing is added: the
 * answer's text holds it all anyway. */
static void
answer_note (AgentAnswer *answer,
             const char *kind,
             const char *text,
             const Activity *activity,
             const char *state)
{
  JsonObject *object;
  gsize size = strlen (text) + 200;

  if (answer->iterations_size + size > ANSWER_MAX_ITERATIONS)
    return;
  answer->iterations_size += size;
  object = json_object_new ();
  json_object_set_string_member (object, "kind", kind);
  json_object_set_string_member (object, "text", text);
  if (activity != NULL) {
    json_object_set_string_member (object, "id", activity->id);
    json_object_set_string_member (object, "name", activity->name);
    json_object_set_string_member (object, "agent", activity->agent);
    if (activity->parent != NULL)
      json_object_set_string_member (object, "parent_id", activity->parent);
  }
  if (state != NULL)
    json_object_set_string_member (object, "state", state);
  json_array_add_object_element (answer->iterations, object);
}

static void
answer_end_run (AgentAnswer *answer)
{
  const char *text = answer->run->str + strspn (answer->run->str, "\n");

  if (*text != '\0')
    answer_note (answer, "text", text, NULL, NULL);
  g_string_truncate (answer->run, 0);
}

char *
agent_answer_iterations (AgentAnswer *answer)
{
  answer_end_run (answer);
  if (json_array_get_length (answer->iterations) == 0)
    return NULL;
  if (json_array_get_length (answer->iterations) == 1 &&
      json_object_get_size (jsonrpc_list_object (answer->iterations, 0)) == 2)
    return NULL;
  return jsonrpc_list_text (answer->iterations);
}

/* ---- text ---- */

static gboolean
answer_append (AgentAnswer *answer, const char *text)
{
  if (answer->muted || *text == '\0')
    return TRUE;
  if (answer->text->len + strlen (text) > AGENTS_MAX_RESULT)
    return FALSE;
  g_string_append (answer->text, text);
  g_string_append (answer->run, text);
  answer->hooks->text (answer->call, text, answer->data);
  return TRUE;
}

static gboolean
answer_say (AgentAnswer *answer, const char *text, gboolean paragraph)
{
  gsize length = answer->text->len;
  const char *gap = "";
  g_autofree char *joined = NULL;

  if (*text == '\0')
    return TRUE;
  if (paragraph)
    answer_end_run (answer);
  if ((paragraph || answer->breaks) && length > 0 &&
      !g_str_has_suffix (answer->text->str, "\n\n") && *text != '\n')
    gap = answer->text->str[length - 1] == '\n' ? "\n" : "\n\n";
  if (paragraph || answer->breaks)
    answer->last_part = length + strlen (gap);
  answer->breaks = FALSE;
  joined = g_strconcat (gap, text, NULL);
  return answer_append (answer, joined);
}

gboolean
agent_answer_finish (AgentAnswer *answer, const char *final)
{
  g_autofree char *rest = mcp_final_rest (answer->text->str, answer->last_part, final);

  return answer_append (answer, rest);
}

/* ---- activities ---- */

static Activity *
answer_find (AgentAnswer *answer, const char *id)
{
  for (guint i = 0; id != NULL && i < answer->activities->len; i++) {
    Activity *activity = answer->activities->pdata[i];

    if (strcmp (activity->id, id) == 0)
      return activity;
  }
  return NULL;
}

/* Shows ACTIVITY; without a SUMMARY the one before stands. */
static void
answer_show (AgentAnswer *answer, Activity *activity, const char *state, const char *summary)
{
  DaeAgentActivity shown = {
    .struct_size = sizeof shown,
    .id = activity->id,
    .parent_id = activity->parent,
    .kind = activity->is_agent ? "agent" : "tool",
    .name = activity->name,
    .agent = activity->agent,
    .state = state,
  };

  if (summary != NULL && *summary != '\0') {
    g_free (activity->summary);
    activity->summary = g_strdup (summary);
  }
  shown.summary = activity->summary;
  if (!answer->muted)
    answer->hooks->activity (answer->call, &shown, answer->data);
}

/* A new activity, which is shown as running; NULL if there are too many. */
static Activity *
answer_begin (AgentAnswer *answer,
              const char *id,
              const char *parent,
              const char *name,
              const char *agent,
              gboolean is_agent,
              const char *summary)
{
  Activity *activity;

  if (answer->activities->len >= ANSWER_MAX_ACTIVITIES)
    return NULL;
  activity = g_new0 (Activity, 1);
  activity->id =
      id != NULL ? g_strdup (id) : g_strdup_printf ("tool-%u", answer->activities->len + 1);
  activity->parent = answer_find (answer, parent) != NULL ? g_strdup (parent) : NULL;
  activity->name = g_strdup (name != NULL ? name : is_agent ? "agent" : "tool");
  activity->agent = g_strdup (agent);
  activity->is_agent = is_agent;
  activity->running = TRUE;
  g_ptr_array_add (answer->activities, activity);
  answer_show (answer, activity, "running", summary);
  return activity;
}

static void
answer_end_activity (AgentAnswer *answer, Activity *activity, gboolean failed, const char *text)
{
  g_autofree char *summary = mcp_one_line (text, ANSWER_MAX_SUMMARY);
  g_autofree char *kept = NULL;
  const char *state = failed ? "failed" : "done";

  activity->running = FALSE;
  answer_show (answer, activity, state, summary);
  answer_end_run (answer);
  kept = strlen (text) > ANSWER_MAX_TOOL_TEXT ? g_utf8_make_valid (text, ANSWER_MAX_TOOL_TEXT)
                                              : g_strdup (text);
  answer_note (answer, activity->is_agent ? "agent" : "tool", kept, activity, state);
  /* an agent that was called by this tool has ended with it */
  for (guint i = 0; i < answer->activities->len; i++) {
    Activity *below = answer->activities->pdata[i];

    if (below->running && g_strcmp0 (below->parent, activity->id) == 0)
      answer_end_activity (answer, below, failed, "");
  }
}

/* The activity of the agent that relayed SAID; NULL: the agent itself speaks. */
static Activity *
answer_relay (AgentAnswer *answer, const McpSaid *said)
{
  g_autofree char *id = NULL;
  const char *slash;
  Activity *activity;

  if (said->via == NULL)
    return NULL;
  id = g_strdup_printf ("agent:%s:%s", said->via, said->parent != NULL ? said->parent : "");
  activity = answer_find (answer, id);
  slash = strrchr (said->via, '/');
  if (activity == NULL)
    activity = answer_begin (answer, id, said->parent, slash != NULL ? slash + 1 : said->via,
                             slash != NULL ? slash + 1 : said->via, TRUE, NULL);
  return activity;
}

static void
answer_hear_relayed (AgentAnswer *answer, const McpSaid *said, Activity *relay)
{
  g_autofree char *summary = mcp_one_line (said->text, ANSWER_MAX_SUMMARY);

  relay->running = TRUE;
  answer_show (answer, relay, "running", summary);
  answer_end_run (answer);
  answer_note (answer, "text", said->text, relay, NULL);
}

static void
answer_tool_started (AgentAnswer *answer, const McpSaid *said, Activity *relay)
{
  Activity *activity = answer_find (answer, said->id);

  if (relay == NULL)
    answer->breaks = TRUE;
  if (activity == NULL)
    answer_begin (answer, said->id, relay != NULL ? relay->id : said->parent, said->name,
                  relay != NULL ? relay->agent : answer->slug, FALSE, NULL);
}

static void
answer_tool_ended (AgentAnswer *answer, const McpSaid *said, Activity *relay)
{
  Activity *activity = answer_find (answer, said->id);

  if (relay == NULL)
    answer->breaks = TRUE;
  /* without an id it is the last one of that name that still runs */
  for (guint i = answer->activities->len; activity == NULL && said->id == NULL && i > 0; i--) {
    Activity *one = answer->activities->pdata[i - 1];

    if (one->running && !one->is_agent &&
        (said->name == NULL || strcmp (one->name, said->name) == 0))
      activity = one;
  }
  if (activity == NULL)
    activity = answer_begin (answer, said->id, relay != NULL ? relay->id : said->parent, said->name,
                             relay != NULL ? relay->agent : answer->slug, FALSE, NULL);
  if (activity != NULL)
    answer_end_activity (answer, activity, said->failed, said->text);
}

void
agent_answer_close (AgentAnswer *answer, gboolean failed)
{
  for (guint i = 0; i < answer->activities->len; i++) {
    Activity *activity = answer->activities->pdata[i];

    if (activity->running)
      answer_end_activity (answer, activity, failed, "");
  }
}

/* ---- notifications ---- */

static gboolean
answer_hear (AgentAnswer *answer, const McpSaid *said)
{
  Activity *relay = answer_relay (answer, said);

  switch (said->kind) {
  case MCP_SAID_TEXT:
  case MCP_SAID_PARAGRAPH:
    if (said->via == NULL)
      return answer_say (answer, said->text, said->kind == MCP_SAID_PARAGRAPH);
    if (relay != NULL)
      answer_hear_relayed (answer, said, relay);
    break;
  case MCP_SAID_TOOL_STARTED:
    answer_tool_started (answer, said, relay);
    break;
  case MCP_SAID_TOOL_ENDED:
    answer_tool_ended (answer, said, relay);
    break;
  }
  return TRUE;
}

static void
answer_progress (AgentAnswer *answer, JsonObject *params)
{
  const char *message = jsonrpc_text (params, "message");
  g_autofree char *line = mcp_one_line (message != NULL ? message : "", 300);
  double progress = jsonrpc_number (params, "progress", 0);

  if (!answer->muted)
    answer->hooks->progress (answer->call, line, progress, jsonrpc_number (params, "total", -1),
                             answer->data);
}

gboolean
agent_answer_take (AgentAnswer *answer, JsonrpcMessage *message)
{
  g_autoptr (GPtrArray) said = NULL;
  g_autofree char *line = NULL;

  if (answer->muted)
    return TRUE;
  if (strcmp (message->method, "notifications/progress") == 0) {
    answer_progress (answer, message->params);
    return TRUE;
  }
  if (strcmp (message->method, "notifications/message") != 0)
    return TRUE;
  said = mcp_said (message->params);
  for (guint i = 0; said != NULL && i < said->len && !answer->muted; i++)
    if (!answer_hear (answer, said->pdata[i]))
      return FALSE;
  if (said == NULL && (line = mcp_log_line (message->params)) != NULL)
    answer->hooks->progress (answer->call, line, 0, -1, answer->data);
  return TRUE;
}
