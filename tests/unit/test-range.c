/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a representation a Range header asks for (RFC 9110, 14). */
#include "http/range.h"

typedef struct {
  const char *value;
  gint64 total;
  const char *expected; /* Content-Range, "whole" or "none" */
} Row;

static void
check (const Row *row)
{
  Range range = { -1, -1 };
  RangeKind kind = range_parse (row->value, row->total, &range);
  char text[RANGE_TEXT_SIZE] = "whole";

  if (kind == RANGE_PART) {
    g_assert_cmpint (range.first, >=, 0);
    g_assert_cmpint (range.length, >, 0);
    g_assert_cmpint (range.length, <=, row->total - range.first);
    range_text (&range, row->total, text);
  } else if (kind == RANGE_NONE) {
    g_strlcpy (text, "none", sizeof text);
  }
  g_test_message ("%s of %" G_GINT64_FORMAT, row->value ? row->value : "(null)", row->total);
  g_assert_cmpstr (text, ==, row->expected);
}

#define HUGE_NUMBER "99999999999999999999999999"

static void
test_range_takes_one (void)
{
  static const Row rows[] = {
    { "bytes=0-499", 1000, "bytes 0-499/1000" },
    { "bytes=500-999", 1000, "bytes 500-999/1000" },
    { "bytes=500-", 1000, "bytes 500-999/1000" },
    { "bytes=0-", 1000, "bytes 0-999/1000" },
    { "bytes=0-0", 1000, "bytes 0-0/1000" },
    { "bytes=999-", 1000, "bytes 999-999/1000" },
    { "bytes=-1", 1000, "bytes 999-999/1000" },
    { "bytes=-1000", 1000, "bytes 0-999/1000" },
    { "Bytes=1-2", 1000, "bytes 1-2/1000" },
    { "bytes=007-008", 1000, "bytes 7-8/1000" },
    { "bytes= ,\t, 1-2 , ", 1000, "bytes 1-2/1000" },
    { "bytes=1-2,", 1000, "bytes 1-2/1000" },
    /* behind the end counts as the end (14.1.2) */
    { "bytes=900-1000", 1000, "bytes 900-999/1000" },
    { "bytes=900-" HUGE_NUMBER, 1000, "bytes 900-999/1000" },
    { "bytes=-1001", 1000, "bytes 0-999/1000" },
    { "bytes=-" HUGE_NUMBER, 1000, "bytes 0-999/1000" },
    { "bytes=0-", G_MAXINT64, "bytes 0-9223372036854775806/9223372036854775807" },
    { "bytes=9223372036854775806-", G_MAXINT64,
      "bytes 9223372036854775806-9223372036854775806/9223372036854775807" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i]);
}

static void
test_range_finds_none (void)
{
  static const Row rows[] = {
    { "bytes=1000-", 1000, "none" },
    { "bytes=1000-1001", 1000, "none" },
    { "bytes=" HUGE_NUMBER "-", 1000, "none" },
    { "bytes=" HUGE_NUMBER "-" HUGE_NUMBER, G_MAXINT64, "none" },
    { "bytes=-0", 1000, "none" },
    { "bytes=0-", 0, "none" },
    { "bytes=0-0", 0, "none" },
    { "bytes=-0", 0, "none" },
  };
  char text[RANGE_TEXT_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i]);
  range_text (NULL, 1000, text);
  g_assert_cmpstr (text, ==, "bytes */1000");
}

static void
test_range_ignores_the_rest (void)
{
  static const Row rows[] = {
    { NULL, 1000, "whole" },
    { "", 1000, "whole" },
    { "bytes", 1000, "whole" },
    { "bytes=", 1000, "whole" },
    { "bytes=-", 1000, "whole" },
    { "bytes=,", 1000, "whole" },
    { "bytes=5", 1000, "whole" },
    { "bytes=5-4", 1000, "whole" },
    { "bytes=-5", 0, "whole" },
    { "bytes=0-1,5-6", 1000, "whole" },
    { "bytes=0-,", 1000, "bytes 0-999/1000" },
    { "bytes=0-,0-,0-", 1000, "whole" },
    { "bytes=a-5", 1000, "whole" },
    { "bytes=1-b", 1000, "whole" },
    { "bytes=1-2x", 1000, "whole" },
    { "bytes=+1-2", 1000, "whole" },
    { "bytes=--1", 1000, "whole" },
    { "bytes=1--2", 1000, "whole" },
    { "bytes=1 - 2", 1000, "whole" },
    { "bytes =1-2", 1000, "whole" },
    { " bytes=1-2", 1000, "whole" },
    { "bytes:1-2", 1000, "whole" },
    { "lines=1-2", 1000, "whole" },
    { "bytes=0x1-2", 1000, "whole" },
    { "bytes=1.0-2", 1000, "whole" },
    { "bytes=\xc2\xb2-3", 1000, "whole" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i]);
}

/* Against what each number says by itself, for all small ones. */
static void
test_range_agrees_with_a_model (void)
{
  for (gint64 total = 0; total <= 4; total++) {
    for (gint64 first = -1; first <= 5; first++) {
      for (gint64 last = -1; last <= 5; last++) {
        g_autofree char *from = first < 0 ? g_strdup ("") : g_strdup_printf ("%d", (int)first);
        g_autofree char *to = last < 0 ? g_strdup ("") : g_strdup_printf ("%d", (int)last);
        g_autofree char *value = g_strdup_printf ("bytes=%s-%s", from, to);
        gint64 n = 0, lowest = -1;
        gboolean valid = first < 0 ? last >= 0 : last < 0 || last >= first;
        Range range;
        RangeKind kind = range_parse (value, total, &range);

        for (gint64 at = 0; at < total; at++) {
          gboolean in = first < 0 ? at >= total - last : at >= first && (last < 0 || at <= last);

          if (in && lowest < 0)
            lowest = at;
          n += in;
        }
        g_test_message ("%s of %d", value, (int)total);
        if (!valid || (first < 0 && last > 0 && total == 0)) {
          g_assert_cmpint (kind, ==, RANGE_WHOLE);
        } else if (n == 0) {
          g_assert_cmpint (kind, ==, RANGE_NONE);
        } else {
          g_assert_cmpint (kind, ==, RANGE_PART);
          g_assert_cmpint (range.first, ==, lowest);
          g_assert_cmpint (range.length, ==, n);
        }
      }
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/range/takes-one", test_range_takes_one);
  g_test_add_func ("/range/finds-none", test_range_finds_none);
  g_test_add_func ("/range/ignores-the-rest", test_range_ignores_the_rest);
  g_test_add_func ("/range/agrees-with-a-model", test_range_agrees_with_a_model);
  return g_test_run ();
}
