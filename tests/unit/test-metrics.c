/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "observe/log.h"

static const double test_buckets[] = { 0.1, 1, 10 };

static const DaeMetric turns = { .name = "test_turns_total",
                                 .type = DAE_COUNTER,
                                 .help = "Turns",
                                 .labels = "agent outcome=done|failed" };
static const DaeMetric plain = { .name = "test_plain_total",
                                 .type = DAE_COUNTER,
                                 .help = "Plain \\ \"counter\"" };
static const DaeMetric wait_seconds = { .name = "test_wait_seconds",
                                        .type = DAE_HISTOGRAM,
                                        .help = "Waiting",
                                        .labels = "agent",
                                        .buckets = test_buckets,
                                        .n_buckets = 3 };
static const DaeMetric total = { .name = "test_active", .type = DAE_GAUGE, .help = "Active" };
static const DaeMetric highest = { .name = "test_highest",
                                   .type = DAE_GAUGE,
                                   .combine = DAE_MAX,
                                   .help = "Highest",
                                   .labels = "agent" };
static const DaeMetric lowest = {
  .name = "test_lowest", .type = DAE_GAUGE, .combine = DAE_MIN, .help = "Lowest", .labels = "agent"
};
static const DaeMetric latest = {
  .name = "test_latest", .type = DAE_GAUGE, .combine = DAE_LAST, .help = "Latest", .labels = "agent"
};
static const DaeMetric fixed = {
  .name = "test_fixed_total", .type = DAE_COUNTER, .help = "Fixed", .labels = "a=x|y b=1|2"
};

static MetricsFamily *
add (Metrics *metrics, const DaeMetric *row)
{
  GError *error = NULL;
  MetricsFamily *family = metrics_add_family (metrics, "test", row, &error);

  g_assert_no_error (error);
  return family;
}

static MetricsSeries *
series (MetricsFamily *family, const char *a, const char *b)
{
  const char *values[] = { a, b };

  return metrics_series (family, values, a == NULL ? 0 : b == NULL ? 1 : 2);
}

static char *
render (Metrics *metrics, const char *accept)
{
  const char *type;
  g_autoptr (GBytes) bytes = metrics_render (metrics, accept, &type);
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);

  return g_strndup (text, length);
}

static void
assert_has (Metrics *metrics, const char *line)
{
  g_autofree char *text = render (metrics, NULL);
  g_autofree char *whole = g_strconcat (line, "\n", NULL);

  if (strstr (text, whole) == NULL)
    g_error ("no \"%s\" in:\n%s", line, text);
}

static void
assert_has_not (Metrics *metrics, const char *part)
{
  g_autofree char *text = render (metrics, NULL);

  if (strstr (text, part) != NULL)
    g_error ("\"%s\" in:\n%s", part, text);
}

static void
test_metrics_families_are_there_from_the_first_scrape (void)
{
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);

  add (metrics, &turns);
  add (metrics, &plain);
  add (metrics, &total);
  add (metrics, &fixed);
  add (metrics, &wait_seconds);
  assert_has (metrics, "# TYPE daedalus_test_turns_total counter");
  assert_has (metrics, "# HELP daedalus_test_plain_total Plain \\\\ \"counter\"");
  assert_has (metrics, "daedalus_test_plain_total 0");
  assert_has (metrics, "daedalus_test_active 0");
  assert_has (metrics, "daedalus_test_fixed_total{a=\"x\",b=\"1\"} 0");
  assert_has (metrics, "daedalus_test_fixed_total{a=\"y\",b=\"2\"} 0");
  assert_has (metrics, "# TYPE daedalus_test_wait_seconds histogram");
  assert_has_not (metrics, "daedalus_test_turns_total{");
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_values_add_up (void)
{
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  MetricsSeries *counter = series (add (metrics, &turns), "a\"\\\nb", "done");
  MetricsSeries *waits = series (add (metrics, &wait_seconds), "a", NULL);

  metrics_add (counter, 1);
  metrics_add (counter, 0.5);
  metrics_add (counter, -1);
  metrics_add (counter, NAN);
  metrics_set (counter, 99);
  assert_has (metrics, "daedalus_test_turns_total{agent=\"a\\\"\\\\\\nb\",outcome=\"done\"} 1.5");
  g_assert_true (series (metrics_find_family (metrics, "test_turns_total"), "a\"\\\nb", "done") ==
                 counter);
  metrics_observe (waits, 0.1);
  metrics_observe (waits, 0.5);
  metrics_observe (waits, 100);
  metrics_observe (waits, INFINITY);
  assert_has (metrics, "daedalus_test_wait_seconds_bucket{agent=\"a\",le=\"0.1\"} 1");
  assert_has (metrics, "daedalus_test_wait_seconds_bucket{agent=\"a\",le=\"1\"} 2");
  assert_has (metrics, "daedalus_test_wait_seconds_bucket{agent=\"a\",le=\"10\"} 2");
  assert_has (metrics, "daedalus_test_wait_seconds_bucket{agent=\"a\",le=\"+Inf\"} 3");
  assert_has (metrics, "daedalus_test_wait_seconds_sum{agent=\"a\"} 100.6");
  assert_has (metrics, "daedalus_test_wait_seconds_count{agent=\"a\"} 3");
  g_assert_cmpfloat (metrics_value (waits), ==, 3);
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_processes_are_combined_as_the_family_says (void)
{
  int fd = metrics_create_memory ();
  Metrics *one = metrics_new (fd, 1), *two = metrics_new (fd, 2), *three = metrics_new (fd, 3);
  const DaeMetric *rows[] = { &total, &highest, &lowest, &latest, &plain };
  const double first[] = { 5, 5, 5, 5, 5 }, second[] = { 0, -3, 7, 4, 2 };
  const char *lines[] = { "daedalus_test_active 5", "daedalus_test_highest{agent=\"a\"} 5",
                          "daedalus_test_lowest{agent=\"a\"} 5",
                          "daedalus_test_latest{agent=\"a\"} 4", "daedalus_test_plain_total 7" };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const char *agent = rows[i]->labels != NULL ? "a" : NULL;
    MetricsSeries *a = series (add (one, rows[i]), agent, NULL),
                  *b = series (add (two, rows[i]), agent, NULL);

    metrics_set (a, first[i]);
    g_usleep (20);
    metrics_set (b, second[i]);
    if (rows[i]->type == DAE_COUNTER)
      metrics_add (a, first[i]);
    if (rows[i]->type == DAE_COUNTER)
      metrics_add (b, second[i]);
    assert_has (one, lines[i]);
    assert_has (three, lines[i]);
  }
  metrics_free (one);
  metrics_free (two);
  metrics_free (three);
  close (fd);
}

static void
test_metrics_dead_processes_leave_counters_and_no_gauges (void)
{
  int fd = metrics_create_memory ();
  Metrics *supervisor = metrics_new (fd, 0);
  pid_t child = fork ();
  int status;

  if (child == 0) {
    Metrics *worker = metrics_new (fd, 1);
    MetricsSeries *counter = series (add (worker, &turns), "late", "done");

    metrics_add (counter, 3);
    metrics_observe (series (add (worker, &wait_seconds), "late", NULL), 0.5);
    metrics_set (series (add (worker, &highest), "late", NULL), 9);
    metrics_set (series (add (worker, &total), NULL, NULL), 4);
    raise (SIGKILL);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  assert_has (supervisor, "daedalus_test_turns_total{agent=\"late\",outcome=\"done\"} 3");
  assert_has (supervisor, "daedalus_test_highest{agent=\"late\"} 9");
  metrics_fold (supervisor, 1);
  assert_has (supervisor, "daedalus_test_turns_total{agent=\"late\",outcome=\"done\"} 3");
  assert_has (supervisor, "daedalus_test_wait_seconds_count{agent=\"late\"} 1");
  assert_has (supervisor, "daedalus_test_wait_seconds_sum{agent=\"late\"} 0.5");
  assert_has_not (supervisor, "daedalus_test_highest{");
  assert_has (supervisor, "daedalus_test_active 0");
  for (guint i = 0; i < 3; i++) {
    Metrics *next = metrics_new (fd, 1);

    metrics_add (series (add (next, &turns), "late", "done"), 1);
    metrics_free (next);
    metrics_fold (supervisor, 1);
  }
  assert_has (supervisor, "daedalus_test_turns_total{agent=\"late\",outcome=\"done\"} 6");
  metrics_free (supervisor);
  close (fd);
}

static void
test_metrics_exemplars_name_the_latest_request_of_a_bucket (void)
{
  static const char id[] = "0190a8b2-5c3d-7e4f-8a91-0123456789ab";
  static const char trace[] = "0af7651916cd43dd8448eb211c80319c";
  int fd = metrics_create_memory ();
  Metrics *one = metrics_new (fd, 1), *two = metrics_new (fd, 2);
  MetricsSeries *waits = series (metrics_add_traced (one, &wait_seconds, NULL), "a", NULL);
  MetricsSeries *other = series (metrics_add_traced (two, &wait_seconds, NULL), "a", NULL);
  g_autofree char *open = NULL, *later = NULL;

  metrics_observe_request (waits, 0.5, id, trace);
  metrics_observe_request (waits, 7, "not a UUID", trace);
  metrics_observe_request (waits, 100, id, "nonsense");
  metrics_observe (waits, 0.01);
  open = render (one, "application/openmetrics-text");
  g_assert_true (g_regex_match_simple (
      "le=\"0.1\"\\} 1\n"
      "[^\n]*le=\"1.0\"\\} 2 # \\{trace_id=\"0af7651916cd43dd8448eb211c80319c\",request_id="
      "\"0190a8b2-5c3d-7e4f-8a91-0123456789ab\"\\} 0.5 [0-9]{10}\\.[0-9]{6}\n"
      "[^\n]*le=\"10.0\"\\} 3\n"
      "[^\n]*le=\"\\+Inf\"\\} 4 # \\{request_id=\"0190a8b2-[0-9a-f-]*\"\\} 100 [0-9.]*\n",
      open, 0, 0));
  assert_has (one, "daedalus_test_wait_seconds_bucket{agent=\"a\",le=\"1\"} 2");
  assert_has (one, "daedalus_test_wait_seconds_count{agent=\"a\"} 4");
  assert_has_not (one, "trace_id");
  metrics_observe_request (other, 0.75, id, NULL);
  metrics_fold (one, 1); /* the dead one's counts stay, its exemplars do not */
  later = render (two, "application/openmetrics-text");
  g_assert_nonnull (strstr (later, "le=\"1.0\"} 3 # {request_id=\"0190a8b2-5c3d-7e4f-8a91-"
                                   "0123456789ab\"} 0.75 "));
  g_assert_nonnull (strstr (later, "le=\"+Inf\"} 5\n"));
  metrics_free (one);
  metrics_free (two);
  close (fd);
}

static void
test_metrics_lock_of_a_dead_process_is_taken_over (void)
{
  int fd = metrics_create_memory ();
  Metrics *survivor = metrics_new (fd, 0);

  /* children that grow the dictionary without pause are killed somewhere inside */
  for (guint round = 0; round < 10; round++) {
    pid_t child = fork ();
    int status;

    if (child == 0) {
      static const DaeMetric wide = { .name = "test_wide_total",
                                      .type = DAE_COUNTER,
                                      .help = "Wide",
                                      .labels = "n",
                                      .max_series = 100000 };
      Metrics *worker = metrics_new (fd, 1);
      MetricsFamily *family = add (worker, &wide);

      for (guint i = 0;; i++) {
        g_autofree char *name = g_strdup_printf ("%u-%u", round, i);

        series (family, name, NULL);
      }
    }
    g_usleep (3000 + 700 * round);
    kill (child, SIGKILL);
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    metrics_fold (survivor, 1);
    metrics_add (series (add (survivor, &turns), "x", "done"), 1);
  }
  assert_has (survivor, "daedalus_test_turns_total{agent=\"x\",outcome=\"done\"} 10");
  metrics_free (survivor);
  close (fd);
}

static void
test_metrics_sets_beyond_the_cap_count_as_other (void)
{
  static const DaeMetric capped = { .name = "test_capped_total",
                                    .type = DAE_COUNTER,
                                    .help = "Capped",
                                    .labels = "agent kind=a|b",
                                    .max_series = 3 };
  int fd = metrics_create_memory ();
  Metrics *one = metrics_new (fd, 1), *two = metrics_new (fd, 2);

  for (guint i = 0; i < 10; i++) {
    g_autofree char *name = g_strdup_printf ("agent-%u", i);

    metrics_add (series (add (i % 2 ? one : two, &capped), name, "a"), 1);
  }
  assert_has (one, "daedalus_test_capped_total{agent=\"agent-2\",kind=\"a\"} 1");
  assert_has (one, "daedalus_test_capped_total{agent=\"other\",kind=\"other\"} 7");
  assert_has_not (one, "agent-3");
  metrics_free (one);
  metrics_free (two);
  close (fd);
}

static void
test_metrics_values_that_are_not_listed_count_as_other (void)
{
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  g_autofree char *endless = g_strnfill (5000, 'x');
  MetricsFamily *family = add (metrics, &turns);
  g_autofree char *text = NULL;

  metrics_add (series (family, "a", "exploded"), 1);
  metrics_add (series (family, "\xff", "done"), 1);
  metrics_add (series (family, endless, "done"), 1);
  assert_has (metrics, "daedalus_test_turns_total{agent=\"a\",outcome=\"other\"} 1");
  assert_has (metrics, "daedalus_test_turns_total{agent=\"\357\277\275\",outcome=\"done\"} 1");
  text = render (metrics, NULL);
  g_assert_cmpuint (strlen (text), <, 2000);
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_hidden_series_come_back_when_used (void)
{
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  MetricsSeries *gauge = series (add (metrics, &highest), "a", NULL);
  MetricsSeries *counter = series (add (metrics, &turns), "a", "done");

  metrics_set (gauge, 1);
  metrics_add (counter, 2);
  assert_has (metrics, "daedalus_test_highest{agent=\"a\"} 1");
  metrics_set (gauge, NAN);
  metrics_series_hide (counter);
  assert_has_not (metrics, "daedalus_test_highest{");
  assert_has_not (metrics, "daedalus_test_turns_total{");
  metrics_set (gauge, 0);
  metrics_add (counter, 1);
  assert_has (metrics, "daedalus_test_highest{agent=\"a\"} 0");
  assert_has (metrics, "daedalus_test_turns_total{agent=\"a\",outcome=\"done\"} 3");
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_full_memory_loses_no_caller (void)
{
  static const DaeMetric endless = { .name = "test_endless_total",
                                     .type = DAE_COUNTER,
                                     .help = "Endless",
                                     .labels = "n",
                                     .max_series = G_MAXUINT32 };
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  MetricsFamily *family = add (metrics, &endless);

  for (guint i = 0; i < 70000; i++) {
    char name[16];

    g_snprintf (name, sizeof name, "%u", i);
    metrics_add (series (family, name, NULL), 1);
  }
  assert_has (metrics, "daedalus_test_endless_total{n=\"65000\"} 1");
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_declarations_keep_the_rules (void)
{
  static const double falling[] = { 2, 1 };
  static const struct {
    DaeMetric row;
    const char *why;
  } cases[] = {
    { { .name = "requests", .type = DAE_COUNTER, .help = "h" },
      "counter \"requests\", whose name must end in _total" },
    { { .name = "x_total", .type = DAE_GAUGE, .help = "h" },
      "gauge \"x_total\", whose name must not end in _total" },
    { { .name = "Bad", .type = DAE_GAUGE, .help = "h" },
      "gauge \"Bad\", whose name must be made of a-z, 0-9 and '_'" },
    { { .type = DAE_GAUGE, .help = "h" },
      "gauge \"\", whose name must be made of a-z, 0-9 and '_'" },
    { { .name = "x", .type = DAE_GAUGE }, "gauge \"x\", which needs a help text of one line" },
    { { .name = "x", .type = DAE_GAUGE, .help = "Stop." },
      "gauge \"x\", whose help text must not end in a full stop" },
    { { .name = "x", .type = 9, .help = "h" },
      "metric \"x\", of a kind that this daedalus does not know" },
    { { .name = "x_total", .type = DAE_COUNTER, .combine = DAE_MAX, .help = "h" },
      "counter \"x_total\", which can only be summed" },
    { { .name = "x", .type = DAE_HISTOGRAM, .help = "h" },
      "histogram \"x\", which needs from 1 to 100 buckets" },
    { { .name = "x", .type = DAE_HISTOGRAM, .help = "h", .buckets = falling, .n_buckets = 2 },
      "histogram \"x\", whose buckets must rise" },
    { { .name = "x", .type = DAE_GAUGE, .help = "h", .labels = "a a" },
      "gauge \"x\", whose labels must look like \"name other=this|that\", at most 8" },
    { { .name = "x", .type = DAE_GAUGE, .help = "h", .labels = "le" },
      "gauge \"x\", whose labels must look like \"name other=this|that\", at most 8" },
    { { .name = "x", .type = DAE_GAUGE, .help = "h", .labels = "a=b||c" },
      "gauge \"x\", whose labels must look like \"name other=this|that\", at most 8" },
    { { .name = "x", .type = DAE_GAUGE, .help = "h", .labels = "a b c d e f g h i" },
      "gauge \"x\", whose labels must look like \"name other=this|that\", at most 8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (metrics_check_row (&cases[i].row, &error));
    g_assert_cmpstr (error->message, ==, cases[i].why);
  }
}

static void
test_metrics_family_has_one_owner_and_one_type (void)
{
  DaeMetric other_type = plain, wider = turns;
  int fd = metrics_create_memory ();
  Metrics *one = metrics_new (fd, 1), *two = metrics_new (fd, 2);
  g_autoptr (GError) clash = NULL;
  g_autoptr (GError) type = NULL;

  g_assert_true (add (one, &plain) == add (one, &plain));
  g_assert_null (metrics_add_family (one, "another", &plain, &clash));
  g_assert_cmpstr (clash->message, ==,
                   "metric \"test_plain_total\", which \"test\" declares already");
  g_assert_true (g_error_matches (clash, G_IO_ERROR, G_IO_ERROR_EXISTS));
  other_type.type = DAE_GAUGE;
  other_type.name = "test_plain";
  add (one, &other_type);
  other_type.type = DAE_HISTOGRAM;
  other_type.buckets = test_buckets;
  other_type.n_buckets = 3;
  g_assert_null (metrics_add_family (two, "test", &other_type, &type));
  g_assert_cmpstr (type->message, ==,
                   "metric \"test_plain\", which was of another type when this daedalus started");
  /* a new generation may declare other labels: its family takes the old one's place */
  metrics_add (series (add (one, &turns), "a", "done"), 1);
  wider.labels = "agent";
  metrics_add (series (add (two, &wider), "b", NULL), 1);
  assert_has (one, "daedalus_test_turns_total{agent=\"b\"} 1");
  assert_has_not (one, "outcome");
  metrics_free (one);
  metrics_free (two);
  close (fd);
}

static gpointer
count_a_lot (gpointer data)
{
  for (guint i = 0; i < 20000; i++)
    metrics_add (data, 1);
  return NULL;
}

static void
test_metrics_threads_lose_no_count (void)
{
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  MetricsSeries *counter = series (add (metrics, &plain), NULL, NULL);
  GThread *threads[4];

  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("count", count_a_lot, counter);
  for (guint i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_assert_cmpfloat (metrics_value (counter), ==, 80000);
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_accept_chooses_the_format (void)
{
  static const struct {
    const char *accept;
    gboolean open;
  } cases[] = {
    { NULL, FALSE },
    { "*/*", FALSE },
    { "text/plain", FALSE },
    { "application/openmetrics-text", TRUE },
    { "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
      TRUE },
    { "application/openmetrics-text;q=0.1, text/plain;q=0.9", FALSE },
    { "application/openmetrics-text;q=0", FALSE },
    { ";;;,,,=", FALSE },
  };
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);

  add (metrics, &plain);
  series (add (metrics, &wait_seconds), "a", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = render (metrics, cases[i].accept);

    g_assert_cmpint (g_str_has_suffix (text, "# EOF\n"), ==, cases[i].open);
    g_assert_cmpint (strstr (text, "# TYPE daedalus_test_plain counter\n") != NULL, ==,
                     cases[i].open);
    g_assert_cmpint (strstr (text, "le=\"1.0\"") != NULL, ==, cases[i].open);
    g_assert_nonnull (strstr (text, "\ndaedalus_test_plain_total 0\n"));
  }
  metrics_free (metrics);
  close (fd);
}

static void
test_metrics_promtool_accepts_the_text (void)
{
  g_autofree char *promtool = g_find_program_in_path ("promtool");
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autofree char *said = NULL;
  int fd = metrics_create_memory ();
  Metrics *metrics = metrics_new (fd, 1);
  const DaeMetric *rows[] = { &turns, &plain, &wait_seconds, &total, &highest, &latest, &fixed };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    add (metrics, rows[i]);
  metrics_observe (series (add (metrics, &wait_seconds), "a", NULL), 0.2);
  metrics_add (series (add (metrics, &turns), "a\n\"", "done"), 1);
  metrics_set (series (add (metrics, &latest), "a", NULL), -1.5e-9);
  metrics_refresh_process (metrics);
  assert_has (metrics, "# TYPE process_cpu_seconds_total counter");
  assert_has_not (metrics, "process_open_fds 0\n");
  text = render (metrics, NULL);
  metrics_free (metrics);
  close (fd);
  if (promtool == NULL) {
    g_test_skip ("promtool is not installed");
    return;
  }
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                  G_SUBPROCESS_FLAGS_STDERR_MERGE,
                              &error, promtool, "check", "metrics", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, text, NULL, &said, NULL, &error));
  g_assert_cmpstr (said, ==, "");
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_set_level ("error"); /* standard output belongs to the test protocol */
#define ADD(path, name) g_test_add_func ("/metrics/" path, test_metrics_##name)
  ADD ("exemplars-name-the-latest-request-of-a-bucket",
       exemplars_name_the_latest_request_of_a_bucket);
  ADD ("families-are-there-from-the-first-scrape", families_are_there_from_the_first_scrape);
  ADD ("values-add-up", values_add_up);
  ADD ("processes-are-combined-as-the-family-says", processes_are_combined_as_the_family_says);
  ADD ("dead-processes-leave-counters-and-no-gauges", dead_processes_leave_counters_and_no_gauges);
  ADD ("lock-of-a-dead-process-is-taken-over", lock_of_a_dead_process_is_taken_over);
  ADD ("sets-beyond-the-cap-count-as-other", sets_beyond_the_cap_count_as_other);
  ADD ("values-that-are-not-listed-count-as-other", values_that_are_not_listed_count_as_other);
  ADD ("hidden-series-come-back-when-used", hidden_series_come_back_when_used);
  ADD ("full-memory-loses-no-caller", full_memory_loses_no_caller);
  ADD ("declarations-keep-the-rules", declarations_keep_the_rules);
  ADD ("family-has-one-owner-and-one-type", family_has_one_owner_and_one_type);
  ADD ("threads-lose-no-count", threads_lose_no_count);
  ADD ("accept-chooses-the-format", accept_chooses_the_format);
  ADD ("promtool-accepts-the-text", promtool_accepts_the_text);
  return g_test_run ();
}
