/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/librarian/librarian-answer.c"

static void
test_librarian_wishes_are_understood (void)
{
  static const struct {
    const char *message;
    LibrarianWish wish;
    const char *words;
    guint number;
  } rows[] = {
    { "What did we say about the harbour?", LIBRARIAN_SEARCH, "harbour", 1 },
    { "Granite walls, 1842", LIBRARIAN_SEARCH, "granite walls 1842", 1 },
    { "\xc3\x9c"
      "bung",
      LIBRARIAN_SEARCH,
      "\xc3\xbc"
      "bung",
      1 },
    { "what was it", LIBRARIAN_SEARCH, "what was it", 1 },
    { "How many conversations are there?", LIBRARIAN_COUNTS, "many conversations", 1 },
    { "how many harbours", LIBRARIAN_SEARCH, "many harbours", 1 },
    { "help", LIBRARIAN_HELP, "help", 1 },
    { "What can you do?", LIBRARIAN_HELP, "what can you do", 1 },
    { "Help the harbour to find its wall", LIBRARIAN_SEARCH, "help harbour wall", 1 },
    { "Hello", LIBRARIAN_GREETING, "hello", 1 },
    { "...", LIBRARIAN_GREETING, "", 1 },
    { "", LIBRARIAN_GREETING, "", 1 },
    { "hello harbour of the granite walls", LIBRARIAN_SEARCH, "hello harbour granite walls", 1 },
    { "Thank you!", LIBRARIAN_THANKS, "thank", 1 },
    { "count to 100", LIBRARIAN_COUNT_TO, "count 100", 100 },
    { "Count to 5000.", LIBRARIAN_COUNT_TO, "count 5000", 1000 },
    { "count to 0", LIBRARIAN_COUNT_TO, "count 0", 1 },
    { "count to ten", LIBRARIAN_SEARCH, "count ten", 1 },
    { "count to 99999999999", LIBRARIAN_SEARCH, "count 99999999999", 1 },
    { "a\xff"
      "b harbour",
      LIBRARIAN_SEARCH, "b harbour", 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    LibrarianQuestion question;

    librarian_read (rows[i].message, &question);
    if (question.wish != rows[i].wish || strcmp (question.words, rows[i].words) != 0)
      g_test_message ("message \"%s\"", rows[i].message);
    g_assert_cmpint (question.wish, ==, rows[i].wish);
    g_assert_cmpstr (question.words, ==, rows[i].words);
    g_assert_cmpuint (question.number, ==, rows[i].number);
    librarian_question_clear (&question);
  }
}

static LibrarianFind *
new_find (const char *title, const char *role, const char *excerpt)
{
  LibrarianFind *find = g_new0 (LibrarianFind, 1);

  find->message_id = g_strdup ("m1");
  find->conversation_id = g_strdup ("c1");
  find->title = g_strdup (title);
  find->role = g_strdup (role);
  find->excerpt = g_strdup (excerpt);
  find->created_at = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC;
  return find;
}

static char *
ask (const char *message, GPtrArray *finds, gboolean may_read)
{
  LibrarianQuestion question;
  char *answer;

  librarian_read (message, &question);
  answer = librarian_answer (&question, finds, NULL, may_read, 3, 12);
  librarian_question_clear (&question);
  return answer;
}

static void
test_librarian_cites_with_links (void)
{
  g_autoptr (GPtrArray) finds = g_ptr_array_new_with_free_func (librarian_find_free);
  g_autofree char *answer = NULL;

  g_ptr_array_add (finds, new_find ("The *harbour*", "user", "built\nof [granite](x)"));
  answer = ask ("harbour?", finds, TRUE);
  g_assert_nonnull (strstr (answer, "[The \\*harbour\\*](/c/c1#m-m1)"));
  g_assert_nonnull (strstr (answer, "> built of \\[granite\\](x)"));
  g_assert_nonnull (strstr (answer, "2023-11-14"));
}

/* What was written stands there as it was: no list, no entity. */
static void
test_librarian_cites_as_written (void)
{
  static const struct {
    const char *excerpt, *cited;
  } rows[] = {
    { "- a harbour", "> \\- a harbour\n" },
    { "+ a harbour", "> \\+ a harbour\n" },
    { "12. the harbour", "> 12\\. the harbour\n" },
    { "3) the harbour", "> 3\\) the harbour\n" },
    { "a 3. harbour", "> a 3. harbour\n" },
    { "&lt;harbour&#62;", "> \\&lt;harbour\\&\\#62;\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GPtrArray) finds = g_ptr_array_new_with_free_func (librarian_find_free);
    g_autofree char *answer = NULL;

    g_ptr_array_add (finds, new_find ("Title", "user", rows[i].excerpt));
    answer = ask ("harbour?", finds, TRUE);
    if (!strstr (answer, rows[i].cited))
      g_error ("\"%s\" is cited as %s", rows[i].excerpt, answer);
  }
}

static void
test_librarian_tells_nothing_to_who_may_not_read (void)
{
  g_autoptr (GPtrArray) finds = g_ptr_array_new_with_free_func (librarian_find_free);
  g_autofree char *found = NULL;
  g_autofree char *counted = NULL;

  g_ptr_array_add (finds, new_find ("Secret", "user", "granite"));
  found = ask ("granite", finds, FALSE);
  counted = ask ("how many messages", finds, FALSE);
  g_assert_null (strstr (found, "granite"));
  g_assert_null (strstr (found, "Secret"));
  g_assert_null (strstr (counted, "12"));
}

static void
test_librarian_says_when_there_is_nothing (void)
{
  g_autoptr (GPtrArray) finds = g_ptr_array_new ();
  g_autofree char *answer = ask ("the harbour", finds, TRUE);
  g_autofree char *counts = ask ("how many messages are there", finds, TRUE);

  g_assert_nonnull (strstr (answer, "I found nothing about **harbour**"));
  g_assert_nonnull (strstr (counts, "**3 conversations** with **12 messages**"));
}

static void
test_librarian_does_not_find_its_own_echo (void)
{
  LibrarianFind *find = new_find ("t", "user", "…say about the Harbour?");

  g_assert_true (librarian_is_echo (find, "What did we say about the harbour?"));
  g_assert_false (librarian_is_echo (find, "What did we say about the granite?"));
  g_free (find->role);
  find->role = g_strdup ("assistant");
  g_assert_false (librarian_is_echo (find, "What did we say about the harbour?"));
  g_free (find->excerpt);
  find->excerpt = g_strdup ("I found nothing about **harbour** in this workspace.");
  g_assert_true (librarian_is_echo (find, "What did we say about the harbour?"));
  librarian_find_free (find);
}

static void
test_librarian_pieces_are_the_text (void)
{
  static const char *const messages[] = { "help", "hello", "count to 100", "the harbour" };

  for (gsize i = 0; i < G_N_ELEMENTS (messages); i++) {
    g_autoptr (GPtrArray) finds = g_ptr_array_new ();
    LibrarianQuestion question;
    g_autofree char *answer = ask (messages[i], finds, TRUE);
    g_autofree char *joined = NULL;
    g_auto (GStrv) pieces = NULL;

    librarian_read (messages[i], &question);
    pieces = librarian_pieces (&question, answer);
    joined = g_strjoinv ("", pieces);
    g_assert_cmpstr (joined, ==, answer);
    g_assert_cmpuint (g_strv_length (pieces), >=, 10);
    if (question.wish == LIBRARIAN_COUNT_TO)
      g_assert_cmpuint (g_strv_length (pieces), ==, 100);
    else
      g_assert_cmpuint (g_strv_length (pieces), <=, 40);
    for (char **piece = pieces; *piece != NULL; piece++)
      g_assert_true (g_utf8_validate (*piece, -1, NULL));
    librarian_question_clear (&question);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/librarian/wishes-are-understood", test_librarian_wishes_are_understood);
  g_test_add_func ("/librarian/cites-with-links", test_librarian_cites_with_links);
  g_test_add_func ("/librarian/cites-what-was-written-as-it-was", test_librarian_cites_as_written);
  g_test_add_func ("/librarian/tells-nothing-to-who-may-not-read",
                   test_librarian_tells_nothing_to_who_may_not_read);
  g_test_add_func ("/librarian/says-when-there-is-nothing",
                   test_librarian_says_when_there_is_nothing);
  g_test_add_func ("/librarian/does-not-find-its-own-echo",
                   test_librarian_does_not_find_its_own_echo);
  g_test_add_func ("/librarian/pieces-are-the-text", test_librarian_pieces_are_the_text);
  return g_test_run ();
}
