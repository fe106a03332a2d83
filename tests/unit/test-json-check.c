/* SPDX-License-Identifier: Apache-2.0 */
/* The strict scanner: what it takes, what it refuses and where. */
#include "http/json-check.h"

#include <string.h>

static void
test_json_check_takes_what_is_strict (void)
{
  static const char *const texts[] = {
    "{\"a\":1}",
    "[1,2,3]",
    "5",
    "\"x\"",
    "null",
    " \t\r\n{\"a\" : [ 1 , 2 ] }\n",
    "{\"\":1}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\xe4\xb8\xad\xf0\x9f\x98\x80\xef\xbf\xbf\x7f\"",
    "[9223372036854775807,-9223372036854775808]",
    "[0.1,1e5,1E-5,-0.0,1.5e+3]",
    "-0",
    "1.7976931348623157e308",
    "1.79769313486231580793e308",
    "-1e308",
    "0e99999999999999999999",
    "0.00000e400",
    "1e-99999999999999999999",
    "1000000000000000000000000000000e-20",
    "0.0000000001e317",
    "[{},[],\"\",{\"a\":{}}]",
    "{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
    "[{\"a\":1},{\"a\":1}]",
    "{\"a\":1,\"A\":2}",
    "{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":1,\"\\t\\r\\n\\f\\b\\/\\\\\\\"\":2}",
    "{\"a key of 17 signs\":1,\"a key of 17 signz\":2}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    const char *why = NULL;

    g_test_message ("%s", texts[i]);
    json_check (texts[i], strlen (texts[i]), JSON_LIMITS_DEFAULT, NULL, &why);
    g_assert_cmpstr (why, ==, NULL);
  }
}

static void
test_json_check_refuses_and_says_where (void)
{
  static const struct {
    const char *text;
    gssize length; /* -1: as long as it is */
    gsize offset;
    const char *why;
  } rows[] = {
    { "", -1, 0, "the text is empty" },
    { "  ", -1, 2, "the text is empty" },
    { "{\"a\":1} {", -1, 8, "something follows the value" },
    { "[1,2,]", -1, 5, "a value is expected" },
    { "{\"a\":1,}", -1, 7, "a key is expected" },
    { "[1 2]", -1, 3, "a comma is expected" },
    { "{\"a\" 1}", -1, 5, "a colon is expected" },
    { "{a:1}", -1, 1, "a key is expected" },
    { "[1", -1, 2, "an array is not closed" },
    { "{\"a\":1", -1, 6, "an object is not closed" },
    { "[1}", -1, 2, "a comma is expected" },
    { "]", -1, 0, "a value is expected" },
    { "[True]", -1, 1, "a value is expected" },
    { "[tru]", -1, 1, "a value is expected" },
    { "[01]", -1, 3, "a number begins with 0" },
    { "[+1]", -1, 1, "a value is expected" },
    { "[1.]", -1, 3, "a number has no digits after its point" },
    { "[1e]", -1, 3, "a number has no digits in its exponent" },
    { "[-]", -1, 2, "a number has no digits" },
    { "9223372036854775808", -1, 19, "an integer does not fit into 64 bits" },
    { "-9223372036854775809", -1, 20, "an integer does not fit into 64 bits" },
    { "10000000000000000000", -1, 20, "an integer does not fit into 64 bits" },
    { "1e309", -1, 5, "a number is too large" },
    { "1.7976931348623159e308", -1, 22, "a number is too large" },
    { "17976931348623159e292", -1, 21, "a number is too large" },
    { "1e99999999999999999999", -1, 22, "a number is too large" },
    { "\"\\q\"", -1, 1, "a string has an unknown escape" },
    { "\"\\u12\"", -1, 1, "\\u needs four hexadecimal digits" },
    { "\"x\\ud800y\"", -1, 2, "a string holds half a surrogate pair" },
    { "\"\\udc00\"", -1, 1, "a string holds half a surrogate pair" },
    { "\"\\ud800\\ud800\"", -1, 1, "a string holds half a surrogate pair" },
    { "\"\\u0000\"", -1, 1, "a string holds NUL" },
    { "\"x\x01\"", -1, 2, "a string holds a control character" },
    { "\"x\0y\"", 5, 2, "a string holds a control character" },
    { "{}\0", 3, 2, "something follows the value" },
    { "\"x", -1, 2, "a string is not closed" },
    { "\"\\", -1, 1, "a string is not closed" },
    { "\xef\xbb\xbf{}", -1, 0, "a value is expected" },
    { "\"\xc0\xaf\"", -1, 1, "text is not UTF-8" },
    { "\"\xed\xa0\x80\"", -1, 1, "text is not UTF-8" },
    { "\"\xf4\x90\x80\x80\"", -1, 1, "text is not UTF-8" },
    { "\"\xe4\xb8", -1, 1, "text is not UTF-8" },
    { "{\"a\":1,\"a\":2}", -1, 7, "a key appears twice in one object" },
    { "{\"a\":1,\"\\u0061\":2}", -1, 7, "a key appears twice in one object" },
    { "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", -1, 18,
      "a key appears twice in one object" },
    { "{\"a long key \\\"\\n\":1,\"a\\u0020long key \\u0022\\u000a\":2}", -1, 21,
      "a key appears twice in one object" },
    { "{\"b\":{\"a\":3,\"c\":{},\"a\":4}}", -1, 19, "a key appears twice in one object" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    gsize length = rows[i].length < 0 ? strlen (rows[i].text) : (gsize)rows[i].length;
    /* a copy of exactly this size, so that a sanitizer sees one byte too far */
    g_autofree char *text = length > 0 ? g_memdup2 (rows[i].text, length) : NULL;
    const char *why = NULL;
    gsize offset = 0;

    g_test_message ("row %u", i);
    g_assert_false (json_check (text, length, JSON_LIMITS_DEFAULT, &offset, &why));
    g_assert_cmpstr (why, ==, rows[i].why);
    g_assert_cmpuint (offset, ==, rows[i].offset);
  }
}

/* Each beginning of a document is none, and is refused without a look behind its end. */
static void
test_json_check_refuses_each_beginning (void)
{
  static const char whole[] = "{\"a\":[1,-2.5e+3,true,false,null,"
                              "\"\\u00e9\\ud83d\\ude00\xe4\xb8\xad\"],\"b\":{\"c\":\"d\"}}";

  for (gsize length = 0; length < sizeof whole - 1; length++) {
    g_autofree char *text = length > 0 ? g_memdup2 (whole, length) : NULL;

    g_assert_false (json_check (text, length, JSON_LIMITS_DEFAULT, NULL, NULL));
  }
  g_assert_true (json_check (whole, sizeof whole - 1, JSON_LIMITS_DEFAULT, NULL, NULL));
}

static char *
nested (guint depth)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append_c (text, '[');
  for (guint i = 0; i < depth; i++)
    g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static void
test_json_check_holds_its_limits (void)
{
  g_autofree char *deep = nested (64);
  g_autofree char *deeper = nested (65);
  g_autofree char *open = g_strnfill (1000000, '[');
  g_autoptr (GString) keys = g_string_new ("{");
  const char *why;
  gint64 began;

  g_assert_true (json_check (deep, 128, JSON_LIMITS_DEFAULT, NULL, NULL));
  g_assert_false (json_check (deeper, 130, JSON_LIMITS_DEFAULT, NULL, &why));
  g_assert_cmpstr (why, ==, "nested too deeply");
  g_assert_true (json_check ("[1,2]", 5, (JsonLimits){ 1, 3 }, NULL, NULL));
  g_assert_false (json_check ("[1,2]", 5, (JsonLimits){ 1, 2 }, NULL, &why));
  g_assert_cmpstr (why, ==, "too many values");
  g_assert_false (json_check ("{\"a\":1}", 7, (JsonLimits){ 1, 2 }, NULL, NULL));

  began = g_get_monotonic_time ();
  g_assert_false (json_check (open, 1000000, JSON_LIMITS_DEFAULT, NULL, NULL));
  g_assert_cmpint (g_get_monotonic_time () - began, <, 2000);

  /* more keys than the stack holds, then one of them again */
  for (guint i = 0; i < 9000; i++)
    g_string_append_printf (keys, "%s\"k%u\":1", i > 0 ? "," : "", i);
  g_string_append (keys, "}");
  g_assert_true (json_check (keys->str, keys->len, JSON_LIMITS_DEFAULT, NULL, NULL));
  g_string_truncate (keys, keys->len - 1);
  g_string_append (keys, ",\"k\\u0034321\":1}");
  g_assert_false (json_check (keys->str, keys->len, JSON_LIMITS_DEFAULT, NULL, &why));
  g_assert_cmpstr (why, ==, "a key appears twice in one object");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-check/takes-what-is-strict", test_json_check_takes_what_is_strict);
  g_test_add_func ("/json-check/refuses-and-says-where", test_json_check_refuses_and_says_where);
  g_test_add_func ("/json-check/refuses-each-beginning", test_json_check_refuses_each_beginning);
  g_test_add_func ("/json-check/holds-its-limits", test_json_check_holds_its_limits);
  return g_test_run ();
}
