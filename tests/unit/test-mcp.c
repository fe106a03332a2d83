/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/common/mcp.h"
#include "stub-plugin.h"

#include <string.h>

/* The value of JSON text, which lives as long as the test. */
static JsonNode *
value (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_test_queue_destroy ((GDestroyNotify)json_node_unref, node);
  return node;
}

#define OBJECT(text) json_node_get_object (value (text))
#define LIST(text)   json_node_get_array (value (text))

#define TOOL(name, properties, required)                                                           \
  "{\"name\":\"" name "\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties        \
  "},\"required\":[" required "]}}"
#define STRING(name) "\"" name "\":{\"type\":\"string\"}"

static void
test_mcp_chat_tool_is_found (void)
{
  static const struct {
    const char *name, *tools, *wanted, *argument;
    const char *found; /* NAME(ARGUMENT)+history+conversation */
  } rows[] = {
    { "send_message is preferred",
      "[" TOOL ("harper", STRING ("message"), "\"message\"") "," TOOL (
          "send_message", STRING ("message") ",\"history\":{\"type\":\"array\"}",
          "\"message\"") "]",
      NULL, NULL, "send_message(message)+history" },
    { "the agent's own name",
      "[" TOOL ("get_health", "", "") "," TOOL (
          "reload_agent_cards", STRING ("message"),
          "\"message\"") "," TOOL ("research", STRING ("message") "," STRING ("response_mode"),
                                   "\"message\"") "]",
      NULL, NULL, "research(message)" },
    { "conversation",
      "[" TOOL ("send", STRING ("message") "," STRING ("conversation_id"), "\"message\"") "]", NULL,
      NULL, "send(message)+conversation" },
    { "no tool demands a message",
      "[" TOOL ("add", "\"a\":{\"type\":\"number\"}", "\"a\"") "," TOOL ("say", STRING ("message"),
                                                                         "") "]",
      NULL, NULL, NULL },
    { "a message that is no string",
      "[" TOOL ("x", "\"message\":{\"type\":\"object\"}", "\"message\"") "]", NULL, NULL, NULL },
    { "echo by setting", "[" TOOL ("echo", STRING ("message"), "\"message\"") "]", "echo", NULL,
      "echo(message)" },
    { "the only string by setting", "[" TOOL ("ask", STRING ("question"), "\"question\"") "]",
      "ask", NULL, "ask(question)" },
    { "two strings need a setting",
      "[" TOOL ("ask", STRING ("a") "," STRING ("b"), "\"a\",\"b\"") "]", "ask", NULL, NULL },
    { "argument by setting", "[" TOOL ("ask", STRING ("a") "," STRING ("b"), "\"a\",\"b\"") "]",
      "ask", "b", "ask(b)" },
    { "argument that is not there", "[" TOOL ("ask", STRING ("a"), "\"a\"") "]", "ask", "b", NULL },
    { "tool that is not there", "[" TOOL ("send_message", STRING ("message"), "\"message\"") "]",
      "ask", NULL, NULL },
    { "junk beside it",
      "[1,null,{\"name\":3},{}," TOOL ("a", STRING ("message"), "\"message\"") "]", NULL, NULL,
      "a(message)" },
    { "nothing", "[]", NULL, NULL, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    const char *why = NULL;
    g_autoptr (McpChatTool) tool =
        mcp_chat_tool (LIST (rows[i].tools), rows[i].wanted, rows[i].argument, &why);
    g_autofree char *found = tool == NULL
                                 ? NULL
                                 : g_strdup_printf ("%s(%s)%s%s", tool->name, tool->argument,
                                                    tool->has_history ? "+history" : "",
                                                    tool->has_conversation ? "+conversation" : "");

    if (g_strcmp0 (found, rows[i].found) != 0)
      g_test_message ("case \"%s\"", rows[i].name);
    g_assert_cmpstr (found, ==, rows[i].found);
    g_assert_true ((tool == NULL) == (why != NULL));
  }
}

static void
test_mcp_content_becomes_text (void)
{
  static const struct {
    const char *content, *text;
  } rows[] = {
    { "[]", "" },
    { "[{\"type\":\"text\",\"text\":\"a\"}]", "a" },
    { "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]", "a\n\nb" },
    { "[{\"type\":\"text\",\"text\":\"a\\n\"},{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\","
      "\"text\":\"b\"}]",
      "a\nb" },
    { "[{\"type\":\"image\",\"data\":\"x\",\"mimeType\":\"image/png\"}]", "[image: image/png]" },
    { "[{\"type\":\"image\"},{\"type\":\"audio\",\"mimeType\":\"audio/ogg\"}]",
      "[image]\n\n[audio: audio/ogg]" },
    { "[{\"type\":\"resource_link\",\"uri\":\"file:///a.csv\",\"name\":\"a.csv\"}]",
      "[file: a.csv]" },
    { "[{\"type\":\"resource_link\",\"uri\":\"file:///a.csv\"}]", "[file: file:///a.csv]" },
    { "[{\"type\":\"resource\",\"resource\":{\"uri\":\"file:///b\",\"text\":\"long\"}}]",
      "[file: file:///b]" },
    { "[{\"type\":\"resource\"},{\"type\":\"video\"},{},1,null]", "" },
    { "[{\"type\":\"resource_link\",\"name\":\"a\\nb\",\"uri\":\"x\"}]", "[file: a b]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = mcp_content_text (LIST (rows[i].content));

    g_assert_cmpstr (text, ==, rows[i].text);
  }
}

static void
test_mcp_final_text_adds_only_what_is_missing (void)
{
  static const struct {
    const char *name, *streamed;
    gsize last_part;
    const char *final, *rest;
  } rows[] = {
    { "nothing streamed", "", 0, "All of it.", "All of it." },
    { "nothing final", "abc", 0, "", "" },
    { "the same", "abc", 0, "abc", "" },
    { "the same but for blanks", "abc\n\n", 0, " abc\n", "" },
    { "the last sentence", "One. Two.", 0, "Two.", "" },
    { "in the last part", "Look.\n\nOne. Two. Three.", 7, "Two.", "" },
    { "in an earlier part only", "Two.\n\nOne.", 6, "Two.", "\n\nTwo." },
    { "the rest was not streamed", "Hello wor", 0, "Hello world", "ld" },
    { "something else", "One.", 0, "Done.", "\n\nDone." },
    { "after a line", "One.\n", 0, "Done.", "\nDone." },
    { "after a paragraph", "One.\n\n", 0, "Done.", "Done." },
    { "blanks only", "\n", 0, "Done.", "Done." },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *rest = mcp_final_rest (rows[i].streamed, rows[i].last_part, rows[i].final);

    if (strcmp (rest, rows[i].rest) != 0)
      g_test_message ("case \"%s\"", rows[i].name);
    g_assert_cmpstr (rest, ==, rows[i].rest);
  }
}

static char *
describe (GPtrArray *said)
{
  static const char *const kinds[] = { "text", "paragraph", "started", "ended" };
  GString *out = g_string_new (NULL);

  for (guint i = 0; said != NULL && i < said->len; i++) {
    const McpSaid *one = said->pdata[i];

    g_string_append_printf (out, "%s[%s|%s|%s|%s|%s]%s;", kinds[one->kind], one->text,
                            one->id != NULL ? one->id : "-", one->name != NULL ? one->name : "-",
                            one->parent != NULL ? one->parent : "-",
                            one->via != NULL ? one->via : "-", one->failed ? "!" : "");
  }
  return g_string_free (out, FALSE);
}

static void
test_mcp_what_agents_say_is_understood (void)
{
  static const struct {
    const char *data, *said; /* NULL: an ordinary log message */
  } rows[] = {
    { "{\"kind\":\"assistant_chunk\",\"text\":\"a \"}", "text[a |-|-|-|-];" },
    { "{\"type\":\"assistant_chunk\",\"delta\":\"a\"}", "text[a|-|-|-|-];" },
    { "{\"kind\":\"assistant_chunk\",\"schema_version\":9,\"content\":[{\"type\":\"text\",\"text\":"
      "\"a\"}]}",
      "paragraph[a|-|-|-|-];" },
    { "{\"kind\":\"assistant_chunk\",\"delta\":true,\"content\":[{\"type\":\"text\",\"text\":\"a\"}"
      "]}",
      "text[a|-|-|-|-];" },
    { "{\"kind\":\"assistant_chunk\",\"via_agent\":[\"research\",\"search\"],\"parent_call_id\":"
      "\"toolu_42\","
      "\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}",
      "paragraph[a|-|-|toolu_42|research/search];" },
    { "{\"kind\":\"assistant_chunk\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
      "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"grep\",\"input\":{}}]}",
      "paragraph[a|-|-|-|-];started[|t1|grep|-|-];" },
    { "{\"kind\":\"assistant_chunk\",\"text\":\"\",\"tool_calls\":[{\"id\":\"t1\",\"function\":{"
      "\"name\":\"grep\"}}]}",
      "started[|t1|grep|-|-];" },
    { "{\"kind\":\"assistant_chunk\"}", "" },
    { "{\"kind\":\"tool_call\",\"tool_call_id\":\"c\",\"tool_name\":\"grep\"}",
      "started[|c|grep|-|-];" },
    { "{\"kind\":\"tool_result\",\"tool_call_id\":\"c\",\"is_error\":true,\"content\":[{\"type\":"
      "\"text\",\"text\":\"no\"}]}",
      "ended[no|c|-|-|-]!;" },
    { "{\"kind\":\"tool_results\",\"results\":[{\"tool_use_id\":\"a\",\"text\":\"1\"},{\"id\":"
      "\"b\",\"content\":\"2\"},7]}",
      "ended[1|a|-|-|-];ended[2|b|-|-|-];" },
    { "{\"kind\":\"other\",\"text\":\"a\"}", NULL },
    { "{\"text\":\"a\"}", NULL },
    { "{\"kind\":7}", NULL },
    { "\"plain words\"", NULL },
    { "[1]", NULL },
    { "null", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *params = g_strdup_printf ("{\"level\":\"info\",\"data\":%s}", rows[i].data);
    g_autoptr (GPtrArray) said = mcp_said (OBJECT (params));
    g_autofree char *described = said != NULL ? describe (said) : NULL;

    if (g_strcmp0 (described, rows[i].said) != 0)
      g_test_message ("data %s", rows[i].data);
    g_assert_cmpstr (described, ==, rows[i].said);
  }
}

static void
test_mcp_log_lines_are_worth_a_word_or_not (void)
{
  static const struct {
    const char *params, *line;
  } rows[] = {
    { "{\"level\":\"info\",\"data\":\"reading\\nfile\"}", "reading file" },
    { "{\"level\":\"debug\",\"data\":\"x\"}", NULL },
    { "{\"level\":\"warning\",\"data\":{\"message\":\"slow\"}}", "slow" },
    { "{\"level\":\"info\",\"data\":{\"a\":1}}", NULL },
    { "{}", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *line = mcp_log_line (OBJECT (rows[i].params));

    g_assert_cmpstr (line, ==, rows[i].line);
  }
  g_assert_null (mcp_said (NULL));
  g_assert_null (mcp_log_line (NULL));
}

static void
test_mcp_health_is_read_in_any_dress (void)
{
  static const struct {
    const char *result, *health, *reason;
  } rows[] = {
    { "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"status\\\":\\\"ok\\\",\\\"reason\\\":"
      "\\\"x\\\"}\"}]}",
      "ok", NULL },
    { "{\"content\":[],\"structuredContent\":{\"state\":\"Degraded\",\"reason\":\"slow model\"}}",
      "degraded", "slow model" },
    { "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"health\\\":\\\"error\\\",\\\"message\\\":"
      "\\\"no key\\\"}\"}]}",
      "error", "no key" },
    { "{\"content\":[{\"type\":\"text\",\"text\":\"healthy\"}]}", "ok", NULL },
    { "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"status\\\":\\\"sleepy\\\"}\"}]}", "error",
      "{\"status\":\"sleepy\"}" },
    { "{\"content\":[{\"type\":\"text\",\"text\":\"who knows\"}]}", "error", "who knows" },
    { "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"boom\"}]}", "error", "boom" },
    { "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"ok\"}]}", "error", "ok" },
    { "{}", "error", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *reason = NULL;

    if (g_strcmp0 (mcp_health (OBJECT (rows[i].result), stub_plugin (), &reason), rows[i].health) !=
        0)
      g_test_message ("result %s", rows[i].result);
    g_clear_pointer (&reason, g_free);
    g_assert_cmpstr (mcp_health (OBJECT (rows[i].result), stub_plugin (), &reason), ==,
                     rows[i].health);
    g_assert_cmpstr (reason, ==, rows[i].reason);
  }
}

static void
test_mcp_lines_are_cut_at_characters (void)
{
  g_autofree char *cut = mcp_one_line ("a\xc3\xbc\xf0\x9f\x99\x82", 5);
  g_autofree char *whole = mcp_one_line (" a\tb\r\nc ", 100);

  g_assert_cmpstr (cut, ==, "a\xc3\xbc");
  g_assert_cmpstr (whole, ==, "a b  c");
}

static void
test_mcp_headers_and_versions_are_judged (void)
{
  g_autofree char *large = g_strnfill (513, 'a');

  g_assert_true (mcp_is_session_id ("809a126a-930a"));
  g_assert_false (mcp_is_session_id (""));
  g_assert_false (mcp_is_session_id (NULL));
  g_assert_false (mcp_is_session_id ("a b"));
  g_assert_false (mcp_is_session_id ("a\r\nX: y"));
  g_assert_false (mcp_is_session_id ("\xc3\xbc"));
  g_assert_false (mcp_is_session_id (large));
  g_assert_true (mcp_is_known_version ("2025-11-25"));
  g_assert_true (mcp_is_known_version ("2025-03-26"));
  g_assert_false (mcp_is_known_version ("2026-07-28"));
  g_assert_false (mcp_is_known_version (NULL));
  g_assert_true (
      mcp_is_model_error ("I hit an internal error while calling the model: status=529."));
  g_assert_false (mcp_is_model_error ("You said: I hit an internal error while calling the model"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mcp/chat-tool-is-found", test_mcp_chat_tool_is_found);
  g_test_add_func ("/mcp/content-becomes-text", test_mcp_content_becomes_text);
  g_test_add_func ("/mcp/final-text-adds-only-what-is-missing",
                   test_mcp_final_text_adds_only_what_is_missing);
  g_test_add_func ("/mcp/what-agents-say-is-understood", test_mcp_what_agents_say_is_understood);
  g_test_add_func ("/mcp/log-lines-are-worth-a-word-or-not",
                   test_mcp_log_lines_are_worth_a_word_or_not);
  g_test_add_func ("/mcp/health-is-read-in-any-dress", test_mcp_health_is_read_in_any_dress);
  g_test_add_func ("/mcp/lines-are-cut-at-characters", test_mcp_lines_are_cut_at_characters);
  g_test_add_func ("/mcp/headers-and-versions-are-judged",
                   test_mcp_headers_and_versions_are_judged);
  return g_test_run ();
}
