/* SPDX-License-Identifier: Apache-2.0 */
/* agents-history: the oldest messages are cut first, whole ones, and a cut never begins with an
 * answer.
 */
#include "agents-history.h"

#include <string.h>

#define HISTORY_OVERHEAD 40 /* bytes that one message takes besides its text */

HistoryMode
history_mode (const char *name)
{
  static const char *const names[] = { "auto", "argument", "session", "transcript", "none" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_strcmp0 (names[i], name) == 0)
      return (HistoryMode)i;
  return HISTORY_AUTO;
}

guint
history_first (const DaeAgentMessage *messages, guint n, gsize limit)
{
  gsize size = 0;
  guint first = n;

  while (first > 0) {
    size += strlen (messages[first - 1].content) + HISTORY_OVERHEAD;
    if (size > limit)
      break;
    first--;
  }
  /* an answer whose question is gone helps nobody, and some models refuse to begin with one */
  while (first > 0 && first < n && strcmp (messages[first].role, "assistant") == 0)
    first++;
  return first;
}

static void
history_add (JsonArray *list, const char *role, const char *content)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "role", role);
  json_object_set_string_member (object, "content", content);
  json_array_add_object_element (list, object);
}

JsonArray *
history_argument (const DaeAgentMessage *messages, guint first, guint n, const char *instructions)
{
  JsonArray *list = json_array_new ();

  if (instructions != NULL) {
    g_autofree char *text =
        g_strconcat ("Instructions for this conversation:\n\n", instructions, NULL);

    history_add (list, "user", text);
  }
  for (guint i = first; i < n; i++)
    history_add (list, messages[i].role, messages[i].content);
  return list;
}

void
history_quote (GString *out, const char *text)
{
  while (*text != '\0') {
    gsize length = strcspn (text, "\n");

    g_string_append (out, length > 0 ? "> " : ">");
    g_string_append_len (out, text, (gssize)length);
    g_string_append_c (out, '\n');
    text += length + (text[length] == '\n' ? 1 : 0);
  }
}

char *
history_transcript (const DaeAgentMessage *messages,
                    guint first,
                    guint n,
                    const char *instructions,
                    const char *message)
{
  GString *out = g_string_new (NULL);

  if (instructions != NULL) {
    g_string_append (out, "Instructions for this conversation:\n\n");
    history_quote (out, instructions);
    g_string_append_c (out, '\n');
  }
  if (first < n)
    g_string_append (out, "The conversation so far:\n\n");
  for (guint i = first; i < n; i++) {
    g_string_append_printf (out, "%s:\n", messages[i].role);
    history_quote (out, messages[i].content);
    g_string_append_c (out, '\n');
  }
  if (out->len > 0)
    g_string_append (out, "Now answer this:\n\n");
  g_string_append (out, message);
  return g_string_free (out, FALSE);
}
