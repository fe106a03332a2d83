/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/agents/agents-history.c"

static const DaeAgentMessage past[] = {
  { "user", "first question" },
  { "assistant", "first answer\n\nwith two paragraphs" },
  { "user", "second question" },
  { "assistant", "second answer" },
};

static void
test_history_oldest_go_first_and_no_answer_begins (void)
{
  gsize size[5] = { 0 };

  for (guint i = 4; i > 0; i--)
    size[i - 1] = size[i < 4 ? i : 4] * (i < 4) + strlen (past[i - 1].content) + HISTORY_OVERHEAD;
  g_assert_cmpuint (history_first (past, 4, size[0]), ==, 0);
  g_assert_cmpuint (history_first (past, 4, size[0] - 1), ==, 2);
  g_assert_cmpuint (history_first (past, 4, size[1]), ==, 2);
  g_assert_cmpuint (history_first (past, 4, size[2]), ==, 2);
  g_assert_cmpuint (history_first (past, 4, size[2] - 1), ==, 4);
  g_assert_cmpuint (history_first (past, 4, 0), ==, 4);
  g_assert_cmpuint (history_first (NULL, 0, 100), ==, 0);
}

static void
test_history_transcript_quotes_the_past (void)
{
  g_autofree char *all = history_transcript (past, 0, 2, "Be brief.", "And now?");
  g_autofree char *none = history_transcript (past, 4, 4, NULL, "And now?");

  g_assert_cmpstr (all, ==,
                   "Instructions for this conversation:\n\n> Be brief.\n\n"
                   "The conversation so far:\n\n"
                   "user:\n> first question\n\n"
                   "assistant:\n> first answer\n>\n> with two paragraphs\n\n"
                   "Now answer this:\n\nAnd now?");
  g_assert_cmpstr (none, ==, "And now?");
}

static void
test_history_argument_is_a_list_of_messages (void)
{
  g_autoptr (JsonArray) list = history_argument (past, 2, 4, "Be brief.");

  g_assert_cmpuint (json_array_get_length (list), ==, 3);
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (list, 0), "role"),
                   ==, "user");
  g_assert_cmpstr (
      json_object_get_string_member (json_array_get_object_element (list, 1), "content"), ==,
      "second question");
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (list, 2), "role"),
                   ==, "assistant");
}

static void
test_history_modes_have_names (void)
{
  g_assert_cmpint (history_mode ("auto"), ==, HISTORY_AUTO);
  g_assert_cmpint (history_mode ("argument"), ==, HISTORY_ARGUMENT);
  g_assert_cmpint (history_mode ("session"), ==, HISTORY_SESSION);
  g_assert_cmpint (history_mode ("transcript"), ==, HISTORY_TRANSCRIPT);
  g_assert_cmpint (history_mode ("none"), ==, HISTORY_NONE);
  g_assert_cmpint (history_mode (NULL), ==, HISTORY_AUTO);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/history/oldest-go-first-and-no-answer-begins",
                   test_history_oldest_go_first_and_no_answer_begins);
  g_test_add_func ("/history/transcript-quotes-the-past", test_history_transcript_quotes_the_past);
  g_test_add_func ("/history/argument-is-a-list-of-messages",
                   test_history_argument_is_a_list_of_messages);
  g_test_add_func ("/history/modes-have-names", test_history_modes_have_names);
  return g_test_run ();
}
