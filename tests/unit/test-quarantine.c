/* SPDX-License-Identifier: Apache-2.0 */
/* test-quarantine: who is taken out of service, when, and for how long. */
#include "process/quarantine.h"

#define S ((gint64)G_USEC_PER_SEC)

static void
test_quarantine_takes_three_faults_within_a_minute (void)
{
  static const struct {
    gint64 at[4]; /* seconds */
    gboolean is_taken;
  } rows[] = {
    { { 1, 2 }, FALSE },
    { { 1, 2, 3 }, TRUE },
    { { 1, 30, 61 }, TRUE },
    { { 1, 30, 62 }, FALSE },
    { { 1, 40, 70, 95 }, TRUE },
    { { 1, 40, 70, 101 }, FALSE },
    { { 1, 62, 123, 184 }, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Quarantine *quarantine = quarantine_new (NULL);
    gint64 until = 0;

    for (guint k = 0; k < 4 && rows[i].at[k] != 0; k++) {
      g_assert_cmpint (until, ==, 0); /* the last fault alone decides */
      until = quarantine_note (quarantine, "faulty", rows[i].at[k] * S);
    }
    g_test_message ("row %u", i);
    g_assert_cmpint (until != 0, ==, rows[i].is_taken);
    quarantine_free (quarantine);
  }
}

static void
test_quarantine_lasts_five_minutes_and_twice_as_long_each_time (void)
{
  Quarantine *quarantine = quarantine_new (NULL);
  gint64 now = S, lasts = 300 * S;

  for (guint time = 0; time < 12; time++) {
    gint64 until = 0;

    for (guint fault = 0; fault < 3; fault++, now += S)
      until = quarantine_note (quarantine, "faulty", now);
    g_assert_cmpint (until - (now - S), ==, MIN (lasts, 24 * 3600 * S));
    /* workers that had it in hand may still die of it */
    for (guint fault = 0; fault < 3; fault++)
      g_assert_cmpint (quarantine_note (quarantine, "faulty", now), ==, 0);
    now = until + 61 * S;
    lasts *= 2;
  }
  quarantine_free (quarantine);
}

static void
test_quarantine_is_of_one_plugin_and_not_of_a_needed_one (void)
{
  static const char *const needed[] = { "identity", "store", NULL };
  Quarantine *quarantine = quarantine_new (needed);

  for (guint i = 1; i <= 9; i++)
    g_assert_cmpint (quarantine_note (quarantine, "store", i * S), ==, 0);
  for (guint i = 1; i <= 2; i++) {
    g_assert_cmpint (quarantine_note (quarantine, "one", i * S), ==, 0);
    g_assert_cmpint (quarantine_note (quarantine, "other", i * S), ==, 0);
  }
  g_assert_cmpint (quarantine_note (quarantine, "one", 3 * S), ==, 303 * S);
  quarantine_free (quarantine);
}

static void
add_name (const char *plugin, gint64 until, gpointer data)
{
  g_string_append_printf (data, "(%s %" G_GINT64_FORMAT ")", plugin, until);
}

static void
test_quarantine_tells_workers_who_is_out_of_service (void)
{
  Quarantine *quarantine = quarantine_new (NULL);
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autofree char *none = quarantine_to_text (quarantine, S), *text = NULL, *later = NULL;

  g_assert_cmpstr (none, ==, "");
  for (guint i = 1; i <= 3; i++)
    quarantine_note (quarantine, "faulty", i * S);
  text = quarantine_to_text (quarantine, 4 * S);
  quarantine_each (text, add_name, seen);
  g_assert_cmpstr (seen->str, ==, "(faulty 303000000)");
  later = quarantine_to_text (quarantine, 303 * S);
  g_assert_cmpstr (later, ==, "");
  g_string_truncate (seen, 0);
  quarantine_each ("a=1;nonsense;b=2", add_name, seen);
  quarantine_each ("", add_name, seen);
  g_assert_cmpstr (seen->str, ==, "(a 1)(b 2)");
  quarantine_free (quarantine);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quarantine/takes-three-faults-within-a-minute",
                   test_quarantine_takes_three_faults_within_a_minute);
  g_test_add_func ("/quarantine/lasts-five-minutes-and-twice-as-long-each-time",
                   test_quarantine_lasts_five_minutes_and_twice_as_long_each_time);
  g_test_add_func ("/quarantine/is-of-one-plugin-and-not-of-a-needed-one",
                   test_quarantine_is_of_one_plugin_and_not_of_a_needed_one);
  g_test_add_func ("/quarantine/tells-workers-who-is-out-of-service",
                   test_quarantine_tells_workers_who_is_out_of_service);
  return g_test_run ();
}
