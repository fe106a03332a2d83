/* SPDX-License-Identifier: Apache-2.0 */
/* What conditional requests come to (RFC 9110, 13). */
#include "http/condition.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"
#define SECOND 784111777 /* THEN */

static void
test_condition_compares_tags (void)
{
  static const struct {
    const char *list, *etag;
    gboolean weakly, strongly;
  } rows[] = {
    { "\"a\"", "\"a\"", TRUE, TRUE },
    { "\"a\"", "\"b\"", FALSE, FALSE },
    { "\"a\"", "\"ab\"", FALSE, FALSE },
    { "\"ab\"", "\"a\"", FALSE, FALSE },
    { "\"A\"", "\"a\"", FALSE, FALSE },
    { "W/\"a\"", "\"a\"", TRUE, FALSE },
    { "\"a\"", "W/\"a\"", TRUE, FALSE },
    { "W/\"a\"", "W/\"a\"", TRUE, FALSE },
    { "w/\"a\"", "\"a\"", FALSE, FALSE },
    { "\"x\", \"a\"", "\"a\"", TRUE, TRUE },
    { "\"x\",\"a\",\"y\"", "\"a\"", TRUE, TRUE },
    { " ,, \"x\" ,\t\"a\" , ", "\"a\"", TRUE, TRUE },
    { "W/\"x\", W/\"a\"", "\"a\"", TRUE, FALSE },
    { "\"x,\", \"a\"", "\"a\"", TRUE, TRUE },
    { "\"x, a\", \"a\"", "\"a\"", FALSE,
      FALSE }, /* no blank within a tag: nothing is sure behind */
    { "\"\"", "\"\"", TRUE, TRUE },
    { "*", "\"a\"", TRUE, TRUE },
    { "* ", "\"a\"", TRUE, TRUE },
    { "*", NULL, TRUE, TRUE },
    { "\"a\"", NULL, FALSE, FALSE },
    { "*, \"a\"", "\"a\"", FALSE, FALSE },
    { "\"x\", *", "\"a\"", FALSE, FALSE },
    { "", "\"a\"", FALSE, FALSE },
    { "a", "\"a\"", FALSE, FALSE },
    { "\"a", "\"a\"", FALSE, FALSE },
    { "\"x\" \"a\"", "\"a\"", FALSE, FALSE },
    { "\"x\"a\"", "\"a\"", FALSE, FALSE },
    { "W/", "\"a\"", FALSE, FALSE },
    { "W", "\"a\"", FALSE, FALSE },
    { "\"\xc3\xa9\"", "\"\xc3\xa9\"", TRUE, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_test_message ("%s of %s", rows[i].etag ? rows[i].etag : "none", rows[i].list);
    g_assert_cmpint (condition_lists (rows[i].list, rows[i].etag, FALSE), ==, rows[i].weakly);
    g_assert_cmpint (condition_lists (rows[i].list, rows[i].etag, TRUE), ==, rows[i].strongly);
  }
}

static void
test_condition_judges (void)
{
  static const struct {
    Condition condition;
    ConditionResult expected; /* of "a", changed THEN */
  } rows[] = {
    { { NULL }, CONDITION_GO },
    { { .if_none_match = "\"a\"" }, CONDITION_SAME },
    { { .if_none_match = "W/\"a\"" }, CONDITION_SAME },
    { { .if_none_match = "\"b\"" }, CONDITION_GO },
    { { .if_none_match = "*" }, CONDITION_SAME },
    { { .if_modified_since = THEN }, CONDITION_SAME },
    { { .if_modified_since = AFTER }, CONDITION_SAME },
    { { .if_modified_since = BEFORE }, CONDITION_GO },
    { { .if_modified_since = "yesterday" }, CONDITION_GO },
    /* a tag says more than a date */
    { { .if_none_match = "\"b\"", .if_modified_since = AFTER }, CONDITION_GO },
    { { .if_none_match = "\"a\"", .if_modified_since = BEFORE }, CONDITION_SAME },
    { { .if_match = "\"a\"" }, CONDITION_GO },
    { { .if_match = "\"b\", \"a\"" }, CONDITION_GO },
    { { .if_match = "\"b\"" }, CONDITION_CHANGED },
    { { .if_match = "W/\"a\"" }, CONDITION_CHANGED },
    { { .if_match = "*" }, CONDITION_GO },
    { { .if_unmodified_since = THEN }, CONDITION_GO },
    { { .if_unmodified_since = BEFORE }, CONDITION_CHANGED },
    { { .if_unmodified_since = "yesterday" }, CONDITION_GO },
    { { .if_match = "\"a\"", .if_unmodified_since = BEFORE }, CONDITION_GO },
    { { .if_match = "\"b\"", .if_none_match = "\"a\"" }, CONDITION_CHANGED },
    { { .if_match = "\"a\"", .if_none_match = "\"a\"" }, CONDITION_SAME },
  };
  const ConditionState state = { "\"a\"", SECOND }, dateless = { "\"a\"", -1 };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const Condition *condition = &rows[i].condition;

    g_test_message ("%u", i);
    g_assert_cmpint (condition_judge (condition, &state), ==, rows[i].expected);
    /* dates count for nothing where none is known */
    if (!condition->if_match && !condition->if_none_match)
      g_assert_cmpint (condition_judge (condition, &dateless), ==, CONDITION_GO);
  }
}

static void
test_condition_takes_ranges (void)
{
  static const struct {
    const char *if_range, *etag;
    gint64 last_modified, now;
    gboolean taken;
  } rows[] = {
    { NULL, "\"a\"", -1, SECOND, TRUE },
    { "\"a\"", "\"a\"", -1, SECOND, TRUE },
    { "\"b\"", "\"a\"", -1, SECOND, FALSE },
    { "W/\"a\"", "\"a\"", -1, SECOND, FALSE },
    { "W/\"a\"", "W/\"a\"", -1, SECOND, FALSE },
    { "\"a\"", "W/\"a\"", -1, SECOND, FALSE },
    { "\"a\", \"b\"", "\"a\"", -1, SECOND, FALSE },
    { "\"a\"", NULL, SECOND, SECOND + 9, FALSE },
    { "*", "\"a\"", -1, SECOND, FALSE },
    { "", "\"a\"", SECOND, SECOND + 9, FALSE },
    { THEN, "\"a\"", SECOND, SECOND + 1, TRUE },
    { THEN, "\"a\"", SECOND, SECOND, FALSE }, /* within the same second */
    { AFTER, "\"a\"", SECOND, SECOND + 9, FALSE },
    { BEFORE, "\"a\"", SECOND, SECOND + 9, FALSE },
    { THEN, "\"a\"", -1, SECOND + 9, FALSE },
    { "yesterday", "\"a\"", SECOND, SECOND + 9, FALSE },
    { "yesterday", "\"a\"", -1, SECOND + 9, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const Condition condition = { .if_range = rows[i].if_range };
    const ConditionState state = { rows[i].etag, rows[i].last_modified };

    g_test_message ("%u", i);
    g_assert_cmpint (condition_takes_range (&condition, &state, rows[i].now), ==, rows[i].taken);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/condition/compares-tags", test_condition_compares_tags);
  g_test_add_func ("/condition/judges", test_condition_judges);
  g_test_add_func ("/condition/takes-ranges", test_condition_takes_ranges);
  return g_test_run ();
}
