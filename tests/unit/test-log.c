/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/log.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard output goes into a file while a test writes lines. */
static int saved_output, captured;

static void
capture_begin (void)
{
  g_autofree char *path = g_strdup ("/tmp/test-log-XXXXXX");

  fflush (stdout);
  saved_output = dup (STDOUT_FILENO);
  captured = g_mkstemp (path);
  unlink (path);
  dup2 (captured, STDOUT_FILENO);
}

static char *
capture_end (void)
{
  off_t length = lseek (captured, 0, SEEK_END);
  char *text = g_malloc0 ((gsize)length + 1);

  g_assert_cmpint (pread (captured, text, (gsize)length, 0), ==, length);
  dup2 (saved_output, STDOUT_FILENO);
  close (saved_output);
  close (captured);
  return text;
}

static JsonObject *
parse_line (const char *line, JsonParser *parser)
{
  GError *error = NULL;

  json_parser_load_from_data (parser, line, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

static void
test_log_line_is_one_json_object (void)
{
  const LogContext context = {
    .plugin = "files", .request_id = "r-1", .user = "ann", .method = "GET", .route = "/a/{b}"
  };
  const DaeField fields[] = { DAE_I ("duration_ms", 12), DAE_S ("error", "say \"no\"\\"),
                              DAE_S ("none", NULL) };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *text = NULL;
  JsonObject *object;

  log_open (LOG_JSON, "info", "worker");
  capture_begin ();
  log_fields (G_LOG_LEVEL_INFO, &context, "request", fields, 3);
  text = capture_end ();
  g_assert_true (g_str_has_suffix (text, "}\n"));
  g_assert_true (strchr (text, '\n') == text + strlen (text) - 1);
  object = parse_line (text, parser);
  g_assert_cmpstr (json_object_get_string_member (object, "level"), ==, "info");
  g_assert_cmpstr (json_object_get_string_member (object, "logger"), ==, "worker");
  g_assert_cmpstr (json_object_get_string_member (object, "message"), ==, "request");
  g_assert_cmpstr (json_object_get_string_member (object, "plugin"), ==, "files");
  g_assert_cmpstr (json_object_get_string_member (object, "route"), ==, "/a/{b}");
  g_assert_cmpstr (json_object_get_string_member (object, "user"), ==, "ann");
  g_assert_cmpint (json_object_get_int_member (object, "duration_ms"), ==, 12);
  g_assert_cmpstr (json_object_get_string_member (object, "error"), ==, "say \"no\"\\");
  g_assert_false (json_object_has_member (object, "none"));
  g_assert_cmpuint (strlen (json_object_get_string_member (object, "time")), ==,
                    strlen ("2026-01-01T00:00:00.000Z"));
}

static void
test_log_peers_text_stays_one_valid_line (void)
{
  static const struct {
    const char *sent, *written;
  } cases[] = {
    { "a\nb", "a\\nb" },
    { "a\rb\033[31m", "a\\u000db\\u001b[31m" },
    { "a\177b\302\205c", "a\\u007fb\\u0085c" },
    { "a\342\200\250b\342\200\251c", "a\\u2028b\\u2029c" },
    { "a\xff\xfe", "a\357\277\275\357\277\275" },
    { "cut\xe2\x80", "cut\357\277\275\357\277\275" },
    { "\303\244\360\237\230\200", "\303\244\360\237\230\200" },
  };

  log_open (LOG_JSON, "info", "worker");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *expected = g_strdup_printf ("\"x\":\"%s\"}\n", cases[i].written);
    g_autofree char *text = NULL;

    capture_begin ();
    log_line (G_LOG_LEVEL_INFO, "m", DAE_S ("x", cases[i].sent));
    text = capture_end ();
    g_assert_true (g_str_has_suffix (text, expected));
    g_assert_true (g_utf8_validate (text, -1, NULL));
  }
}

static void
test_log_long_field_is_cut_at_a_character (void)
{
  log_open (LOG_JSON, "info", "worker");
  for (guint shift = 0; shift < 3; shift++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    g_autoptr (GString) value = g_string_new (NULL);
    g_autofree char *text = NULL;
    const char *written;

    for (guint i = 0; i < shift; i++)
      g_string_append_c (value, 'a');
    while (value->len < 5000)
      g_string_append (value, "\342\202\254");
    capture_begin ();
    log_line (G_LOG_LEVEL_INFO, "m", DAE_S ("x", value->str));
    text = capture_end ();
    written = json_object_get_string_member (parse_line (text, parser), "x");
    g_assert_cmpuint (strlen (written), <=, 1024 + 3);
    g_assert_cmpuint (strlen (written), >=, 1020);
    g_assert_true (g_str_has_suffix (written, "\342\202\254\342\200\246"));
  }
}

static void
test_log_level_is_a_threshold (void)
{
  g_autofree char *text = NULL;

  log_open (LOG_JSON, "warning", "worker");
  g_assert_false (log_has_level (G_LOG_LEVEL_INFO));
  g_assert_true (log_has_level (G_LOG_LEVEL_CRITICAL));
  capture_begin ();
  log_line (G_LOG_LEVEL_INFO, "left out");
  log_line (G_LOG_LEVEL_WARNING, "kept");
  log_set_level ("debug");
  log_line (G_LOG_LEVEL_DEBUG, "kept too");
  log_set_level ("nonsense");
  log_line (G_LOG_LEVEL_DEBUG, "unchanged");
  text = capture_end ();
  g_assert_null (strstr (text, "left out"));
  g_assert_nonnull (strstr (text, "\"level\":\"warning\""));
  g_assert_nonnull (strstr (text, "kept too"));
  g_assert_nonnull (strstr (text, "unchanged"));
}

static void
test_log_text_is_for_people (void)
{
  g_autofree char *text = NULL;
  const LogContext context = { .plugin = "files" };
  const DaeField fields[] = { DAE_S ("key", "two words"), DAE_I ("n", 3), DAE_S ("plain", "x\ny") };

  log_open (LOG_TEXT, "info", "worker");
  capture_begin ();
  log_fields (G_LOG_LEVEL_MESSAGE, &context, "object stored", fields, 3);
  text = capture_end ();
  g_assert_true (g_str_has_suffix (
      text,
      " notice   worker: object stored plugin=files key=\"two words\" n=3 plain=x\\u000ay\n"));
}

static void
test_log_prefix_only_where_output_is_the_journal (void)
{
  struct stat status;
  g_autofree char *stream = NULL;
  g_autofree char *journal = NULL;
  g_autofree char *other = NULL;

  capture_begin ();
  g_assert_cmpint (fstat (STDOUT_FILENO, &status), ==, 0);
  stream = g_strdup_printf ("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
  g_setenv ("JOURNAL_STREAM", stream, TRUE);
  log_open (LOG_JSON, "info", "worker");
  log_line (G_LOG_LEVEL_WARNING, "m");
  journal = capture_end ();
  g_assert_true (g_str_has_prefix (journal, "<4>{"));

  capture_begin ();
  g_setenv ("JOURNAL_STREAM", "8:1", TRUE);
  log_open (LOG_JSON, "info", "worker");
  log_line (G_LOG_LEVEL_WARNING, "m");
  other = capture_end ();
  g_unsetenv ("JOURNAL_STREAM");
  g_assert_true (g_str_has_prefix (other, "{"));
}

static guint
count_lines (const char *text, const char *with)
{
  guint count = 0;

  for (const char *at = text; (at = strstr (at, with)) != NULL; at++)
    count++;
  return count;
}

static void
test_log_messages_of_libraries_are_lines_with_a_limit (void)
{
  g_autofree char *text = NULL;

  log_open (LOG_JSON, "info", "worker");
  capture_begin ();
  for (guint i = 0; i < 20; i++)
    g_log ("Lib", G_LOG_LEVEL_MESSAGE, "the same text");
  g_log ("Lib", G_LOG_LEVEL_MESSAGE, "another");
  text = capture_end ();
  g_assert_cmpuint (count_lines (text, "\"error\":\"the same text\""), ==, 5);
  g_assert_cmpuint (count_lines (text, "\"error\":\"another\""), ==, 1);
  g_assert_cmpuint (count_lines (text, "\"library\":\"Lib\""), ==, 6);
}

static void
test_log_numbers_that_are_none_are_null (void)
{
  g_autofree char *text = NULL;
  const DaeField fields[] = { { .key = "a", .type = DAE_VALUE_REAL, .real = 0.25 },
                              { .key = "b", .type = DAE_VALUE_REAL, .real = 1.0 / 0.0 } };

  log_open (LOG_JSON, "info", "worker");
  capture_begin ();
  log_fields (G_LOG_LEVEL_INFO, NULL, "m", fields, 2);
  text = capture_end ();
  g_assert_nonnull (strstr (text, "\"a\":0.25,\"b\":null}"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log/line-is-one-json-object", test_log_line_is_one_json_object);
  g_test_add_func ("/log/peers-text-stays-one-valid-line",
                   test_log_peers_text_stays_one_valid_line);
  g_test_add_func ("/log/long-field-is-cut-at-a-character",
                   test_log_long_field_is_cut_at_a_character);
  g_test_add_func ("/log/level-is-a-threshold", test_log_level_is_a_threshold);
  g_test_add_func ("/log/text-is-for-people", test_log_text_is_for_people);
  g_test_add_func ("/log/prefix-only-where-output-is-the-journal",
                   test_log_prefix_only_where_output_is_the_journal);
  g_test_add_func ("/log/messages-of-libraries-are-lines-with-a-limit",
                   test_log_messages_of_libraries_are_lines_with_a_limit);
  g_test_add_func ("/log/numbers-that-are-none-are-null", test_log_numbers_that_are_none_are_null);
  return g_test_run ();
}
