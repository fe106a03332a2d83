/* SPDX-License-Identifier: Apache-2.0 */
/* The writer and the reader of JSON: what is written is good, and reads back as it was. */
#include "http/json-check.h"
#include "http/json-read.h"
#include "http/json-write.h"

#include <math.h>
#include <string.h>

static DaeApi api;

static void
assert_finish (JsonWriter *json, const char *expected)
{
  gsize length;
  g_autofree char *text = json_writer_finish (json, &length);

  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (length, ==, strlen (text));
  g_assert_true (json_check (text, length, (JsonLimits){ 64, 20000 }, NULL, NULL));
}

static void
test_json_write_puts_commas (void)
{
  JsonWriter *json = json_writer_new (&api);

  json_write_begin_object (json, NULL);
  json_write_text (json, "a", "x");
  json_write_begin_array (json, "b");
  json_write_int (json, NULL, 1);
  json_write_begin_object (json, NULL);
  json_write_end (json);
  json_write_begin_array (json, NULL);
  json_write_end (json);
  json_write_text (json, NULL, NULL);
  json_write_end (json);
  json_write_bool (json, "c", TRUE);
  json_write_raw (json, "d", "{\"e\":1}");
  json_write_raw (json, "f", NULL);
  assert_finish (json, "{\"a\":\"x\",\"b\":[1,{},[],null],\"c\":true,\"d\":{\"e\":1},\"f\":null}");
}

static void
test_json_write_ends_what_is_open (void)
{
  JsonWriter *json = json_writer_new (&api);

  json_write_begin_object (json, NULL);
  json_write_begin_array (json, "a");
  json_write_begin_object (json, NULL);
  assert_finish (json, "{\"a\":[{}]}");
  assert_finish (json_writer_new (&api), "null");
}

static void
test_json_write_is_good_whatever_the_calls (void)
{
  JsonWriter *json = json_writer_new (&api);

  json_write_int (json, "a key at the top", 1);
  json_write_int (json, NULL, 2);
  json_write_end (json);
  assert_finish (json, "1");

  json = json_writer_new (&api);
  json_write_begin_object (json, NULL);
  json_write_int (json, NULL, 1);
  json_write_end (json);
  json_write_end (json);
  assert_finish (json, "{\"\":1}");
}

static void
test_json_write_stops_at_depth_64 (void)
{
  JsonWriter *json = json_writer_new (&api);
  g_autofree char *text = NULL;
  gsize length;

  for (guint i = 0; i < 70; i++)
    json_write_begin_array (json, NULL);
  json_write_int (json, NULL, 1);
  for (guint i = 0; i < 6; i++)
    json_write_end (json);
  json_write_int (json, NULL, 2);
  text = json_writer_finish (json, &length);
  g_assert_true (json_check (text, length, JSON_LIMITS_DEFAULT, NULL, NULL));
  g_assert_nonnull (strstr (text, "[null,2]"));
}

static void
test_json_write_escapes (void)
{
  static const struct {
    const char *text;
    gssize length;
    const char *expected;
  } rows[] = {
    { "", -1, "\"\"" },
    { "plain \xc3\xa9 \xf0\x9f\x98\x80", -1, "\"plain \xc3\xa9 \xf0\x9f\x98\x80\"" },
    { "\"\\/", -1, "\"\\\"\\\\/\"" },
    { "\n\r\t\b\x1f", -1, "\"\\n\\r\\t\\u0008\\u001f\"" },
    { "a\0b", 3, "\"a\\u0000b\"" },
    { "a\xff"
      "b",
      -1,
      "\"a\xef\xbf\xbd"
      "b\"" },
    { "\xed\xa0\x80", -1, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "\xe4\xb8", -1, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) out = g_string_new (NULL);

    json_write_string (out, rows[i].text,
                       rows[i].length < 0 ? strlen (rows[i].text) : (gsize)rows[i].length);
    g_assert_cmpstr (out->str, ==, rows[i].expected);
  }
}

static void
test_json_write_numbers (void)
{
  static const struct {
    double value;
    const char *expected;
  } reals[] = {
    { 0, "0" },
    { 0.1, "0.1" },
    { 1e20, "1e+20" },
    { -2.5, "-2.5" },
    { NAN, "null" },
    { INFINITY, "null" },
    { -INFINITY, "null" },
    { 1.0 / 3, "0.33333333333333331" },
    { 3, "3" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" },
  };
  JsonWriter *json = json_writer_new (&api);

  json_write_fill_api (&api);
  json_write_begin_array (json, NULL);
  json_write_int (json, NULL, G_MAXINT64);
  json_write_int (json, NULL, G_MININT64);
  json_write_int (json, NULL, 0);
  assert_finish (json, "[9223372036854775807,-9223372036854775808,0]");
  for (guint i = 0; i < G_N_ELEMENTS (reals); i++) {
    json = json_writer_new (&api);
    api.json_real (&json->base, NULL, reals[i].value);
    assert_finish (json, reals[i].expected);
  }
}

static void
test_json_write_times (void)
{
  static const struct {
    gint64 time;
    const char *expected;
  } rows[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { 1, "1970-01-01T00:00:00.000Z" },
    { -1, "1969-12-31T23:59:59.999Z" },
    { G_GINT64_CONSTANT (951782400000000), "2000-02-29T00:00:00.000Z" },
    { G_GINT64_CONSTANT (1735689599999999), "2024-12-31T23:59:59.999Z" },
    { G_GINT64_CONSTANT (4107542400000000), "2100-03-01T00:00:00.000Z" },
    { G_GINT64_CONSTANT (-62135596800000000), "0001-01-01T00:00:00.000Z" },
    { G_MAXINT64, "9999-12-31T23:59:59.999Z" },
    { G_MININT64, "0000-01-01T00:00:00.000Z" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    char text[25];

    json_format_time (rows[i].time, text);
    g_assert_cmpstr (text, ==, rows[i].expected);
  }
  /* every day of 500 years against GLib's calendar */
  for (gint64 day = -100 * 365; day < 400 * 365; day++) {
    g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (day * 86400 + 45296);
    g_autofree char *expected = g_date_time_format (date, "%Y-%m-%dT%H:%M:%S.000Z");
    char text[25];

    json_format_time ((day * 86400 + 45296) * G_USEC_PER_SEC, text);
    g_assert_cmpstr (text, ==, expected);
  }
}

static void
test_json_read_gives_back_what_was_written (void)
{
  static const char text[] = " { \"a\\u0041\\n\" : \"\\ud83d\\ude00\\\"x\" , \"n\":-1.5e3,\"l\":[ "
                             "1 , [\"]\",{}] ,\"\\\\\" ],\"z\":null } ";
  const char *key, *value, *raw;
  guint8 first[8];
  JsonRead read;
  Arena arena;
  gsize length;

  arena_init (&arena, first, sizeof first);
  json_read_init (&read, text);
  g_assert_cmpint (json_read_kind (&read), ==, JSON_OBJECT);
  json_read_open (&read);
  g_assert_true (json_read_key (&read, &arena, &key));
  g_assert_cmpstr (key, ==, "aA\n");
  value = json_read_string (&read, &arena, &length);
  g_assert_cmpstr (value, ==, "\xf0\x9f\x98\x80\"x");
  g_assert_cmpuint (length, ==, 6);
  g_assert_true (json_read_key (&read, &arena, &key));
  raw = json_read_skip (&read, &length);
  g_assert_cmpmem (raw, length, "-1.5e3", 6);
  g_assert_true (json_read_key (&read, &arena, &key));
  json_read_open (&read);
  g_assert_true (json_read_item (&read));
  json_read_skip (&read, NULL);
  g_assert_true (json_read_item (&read));
  raw = json_read_skip (&read, &length);
  g_assert_cmpmem (raw, length, "[\"]\",{}]", 8);
  g_assert_true (json_read_item (&read));
  g_assert_cmpstr (json_read_string (&read, &arena, NULL), ==, "\\");
  g_assert_false (json_read_item (&read));
  g_assert_true (json_read_key (&read, &arena, &key));
  g_assert_cmpstr (key, ==, "z");
  g_assert_cmpint (json_read_kind (&read), ==, JSON_NULL);
  json_read_skip (&read, NULL);
  g_assert_false (json_read_key (&read, &arena, &key));
  arena_clear (&arena);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-write/puts-commas", test_json_write_puts_commas);
  g_test_add_func ("/json-write/ends-what-is-open", test_json_write_ends_what_is_open);
  g_test_add_func ("/json-write/is-good-whatever-the-calls",
                   test_json_write_is_good_whatever_the_calls);
  g_test_add_func ("/json-write/stops-at-depth-64", test_json_write_stops_at_depth_64);
  g_test_add_func ("/json-write/escapes", test_json_write_escapes);
  g_test_add_func ("/json-write/numbers", test_json_write_numbers);
  g_test_add_func ("/json-write/times", test_json_write_times);
  g_test_add_func ("/json-read/gives-back-what-was-written",
                   test_json_read_gives_back_what_was_written);
  return g_test_run ();
}
