/* SPDX-License-Identifier: Apache-2.0 */
/* agents-reason: failures in words that a person can act on. They never hold an agent's address:
 * what exactly went wrong is in the log.
 */
#include "agents.h"

static const char *
reason_of_status (guint status, const char **ret_words)
{
  if (status >= 502 && status <= 504) {
    *ret_words =
        "The agent cannot be reached. Try again in a while; if it stays so, tell an administrator.";
    return "agent_unreachable";
  }
  if (status == 401 || status == 403) {
    *ret_words = "The agent does not accept this host's token. Tell an administrator.";
    return "agent_error";
  }
  if (status == 429) {
    *ret_words = "The agent is too busy. Try again in a while.";
    return "agent_error";
  }
  if (status >= 500) {
    *ret_words =
        "The agent met an error of its own. Try again; if it stays so, tell an administrator.";
    return "agent_error";
  }
  *ret_words = "The agent's address does not answer as an agent does. Tell an administrator.";
  return "agent_protocol";
}

char *
agent_reason_said (const char *text)
{
  g_autofree char *line = mcp_one_line (text, 500);

  if (*line == '\0')
    return g_strdup ("The agent met an error and does not say which. Try again.");
  return g_strdup_printf ("The agent says: %s", line);
}

const char *
agent_reason (const AgentReply *reply, gboolean opening, char **ret_reason)
{
  const char *words =
      "The agent sent something that cannot be understood. Try again; if it stays so, "
      "tell an administrator.";
  const char *code = "agent_protocol";

  if (reply->kind == AGENT_REPLY_ERROR) {
    *ret_reason = agent_reason_said (reply->message);
    return "agent_error";
  }
  if (reply->kind == AGENT_REPLY_STATUS) {
    code = reason_of_status (reply->status, &words);
  } else if (reply->kind == AGENT_REPLY_UNREACHABLE ||
             (reply->kind == AGENT_REPLY_CUT && opening)) {
    /* an agent that hangs up in the handshake is not there */
    code = reason_of_status (503, &words);
  } else if (reply->kind == AGENT_REPLY_CUT) {
    code = "agent_cut";
    words = "The connection to the agent was lost before its answer was complete. Try again.";
  } else if (reply->kind == AGENT_REPLY_TOO_LARGE) {
    words = opening ? "What the agent says of itself is too large. Tell an administrator."
                    : "The agent's answer is too large. Ask for less at a time.";
  }
  *ret_reason = g_strdup (words);
  return code;
}
