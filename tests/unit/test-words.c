/* SPDX-License-Identifier: Apache-2.0 */
/* What people look for, as queries. */
#include "words.h"

#include <string.h>

static void
test_words_become_queries (void)
{
  static const struct {
    const char *text, *all_sqlite, *any_sqlite, *all_postgres, *any_postgres;
  } rows[] = {
    { "", "", "", "", "" },
    { " .,;:!", "", "", "", "" },
    { "plan", "\"plan\" *", "\"plan\" *", "'plan':*", "'plan':*" },
    { "a Plan", "\"a\" \"plan\" *", "\"a\" OR \"plan\" *", "'a' & 'plan':*", "'a' | 'plan':*" },
    { "x' OR 1=1; --", "\"x\" \"or\" \"1\" \"1\"", "\"x\" OR \"or\" OR \"1\" OR \"1\"",
      "'x' & 'or' & '1' & '1'", "'x' | 'or' | '1' | '1'" },
    { "\"a\\b\":*", "\"a\" \"b\"", "\"a\" OR \"b\"", "'a' & 'b'", "'a' | 'b'" },
    { "GRÜẞE 漢字", "\"grüße\" * \"漢字\"", "\"grüße\" * OR \"漢字\"", "'grüße':* & '漢字'",
      "'grüße':* | '漢字'" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GPtrArray) words = words_split (rows[i].text);
    g_autofree char *all_sqlite = words_query (words, TRUE, FALSE);
    g_autofree char *any_sqlite = words_query (words, TRUE, TRUE);
    g_autofree char *all_postgres = words_query (words, FALSE, FALSE);
    g_autofree char *any_postgres = words_query (words, FALSE, TRUE);

    g_assert_cmpstr (all_sqlite, ==, rows[i].all_sqlite);
    g_assert_cmpstr (any_sqlite, ==, rows[i].any_sqlite);
    g_assert_cmpstr (all_postgres, ==, rows[i].all_postgres);
    g_assert_cmpstr (any_postgres, ==, rows[i].any_postgres);
  }
}

static void
test_words_are_few_and_short (void)
{
  g_autofree char *long_one = g_strnfill (5000, 'x');
  g_autoptr (GString) many = g_string_new (NULL);
  g_autoptr (GPtrArray) one = words_split (long_one);
  g_autoptr (GPtrArray) first = NULL;

  g_assert_cmpuint (one->len, ==, 1);
  g_assert_cmpuint (strlen (one->pdata[0]), <=, 64);
  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (many, "w%u ", i);
  first = words_split (many->str);
  g_assert_cmpuint (first->len, ==, 16);
  g_assert_cmpstr (first->pdata[15], ==, "w15");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/words/become-queries", test_words_become_queries);
  g_test_add_func ("/words/are-few-and-short", test_words_are_few_and_short);
  return g_test_run ();
}
