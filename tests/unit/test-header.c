/* SPDX-License-Identifier: Apache-2.0 */
/* What may be written as a header: no byte that could end it, dates, names of files. */
#include "http/header.h"

#include <string.h>

static void
test_header_lets_no_control_byte_out (void)
{
  g_autoptr (GString) head = g_string_new ("before\r\n");
  char value[] = "a?b", name[] = "X?Y";

  for (guint c = 1; c < 256; c++) {
    gboolean is_text = c >= 0x20 && c != 0x7f;
    gboolean is_token = g_ascii_isalnum (c) || (c < 0x80 && strchr ("!#$%&'*+-.^_`|~", (int)c));

    g_string_truncate (head, 8);
    value[1] = name[1] = (char)c;
    g_assert_cmpint (header_is_sound ("X", value), ==, is_text);
    g_assert_cmpint (header_write (head, "X", value), ==, is_text);
    g_assert_cmpuint (head->len, ==, is_text ? 16 : 8);
    g_string_truncate (head, 8);
    g_assert_cmpint (header_is_sound (name, "v"), ==, is_token);
    g_assert_cmpint (header_write (head, name, "v"), ==, is_token);
    g_assert_cmpuint (head->len, ==, is_token ? 16 : 8);
  }
  g_assert_false (header_is_sound ("", "v"));
  g_assert_false (header_is_sound ("X", NULL));
  g_assert_false (header_write (head, "X", NULL));
  g_string_truncate (head, 8);
  g_assert_true (header_write (head, "X-Empty", ""));
  g_assert_cmpstr (head->str, ==, "before\r\nX-Empty: \r\n");
}

static void
test_header_writes_dates (void)
{
  static const struct {
    gint64 seconds;
    const char *text;
  } rows[] = {
    { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
    { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
    { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
    { 4102444800, "Fri, 01 Jan 2100 00:00:00 GMT" },
    { 1795478399, "Mon, 23 Nov 2026 23:59:59 GMT" },
    { 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
  };
  char text[HEADER_DATE_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    header_date (rows[i].seconds, text);
    g_assert_cmpstr (text, ==, rows[i].text);
    g_assert_cmpint (header_parse_date (text), ==, rows[i].seconds);
  }
  header_date (-1, text);
  g_assert_cmpstr (text, ==, "Thu, 01 Jan 1970 00:00:00 GMT");
  header_date (G_MAXINT64, text);
  g_assert_cmpstr (text, ==, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void
test_header_refuses_other_dates (void)
{
  static const char *const rows[] = {
    "",
    "Sun, 06 Nov 1994 08:49:37",
    "Mon, 06 Nov 1994 08:49:37 GMT", /* it was a Sunday */
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Thu, 30 Feb 1995 00:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Sun, -6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 0094 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Sun, 06 Nov 19\xc3\xa9 08:49:37 GMT",
    "784111777",
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_test_message ("%s", rows[i]);
    g_assert_cmpint (header_parse_date (rows[i]), ==, -1);
  }
}

#define EXTENDED "; filename*=UTF-8''"

/* Names that came from a peer: what a browser would make a path, a header or a wrong type of. */
static void
test_header_names_files (void)
{
  static const struct {
    const char *name, *expected; /* behind "attachment; filename=" */
  } rows[] = {
    { "plan.pdf", "\"plan.pdf\"" },
    { "a b.txt", "\"a b.txt\"" },
    { NULL, "\"file\"" },
    { "", "\"file\"" },
    { ".", "\"file\"" },
    { "..", "\"file\"" },
    { " . . ", "\"file\"" },
    { ".bashrc", "\"bashrc\"" },
    { "plan.pdf. ", "\"plan.pdf\"" },
    { "a\"b", "\"a_b\"" EXTENDED "a%22b" },
    { "a\\\"b", "\"a__b\"" EXTENDED "a_%22b" },
    { "a\";filename=x.exe", "\"a_;filename=x.exe\"" EXTENDED "a%22%3Bfilename%3Dx.exe" },
    { "a;b=c,d", "\"a;b=c,d\"" },
    { "a'b*c", "\"a'b*c\"" },
    { "100%", "\"100_\"" EXTENDED "100%25" },
    { "%2e%2e%2f.txt", "\"_2e_2e_2f.txt\"" EXTENDED "%252e%252e%252f.txt" },
    { "a\r\nX: 1", "\"a__X: 1\"" },
    { "a\nb\tc\x7f\x01", "\"a_b_c__\"" },
    { "../../etc/passwd", "\"_.._etc_passwd\"" },
    { "..\\..\\win.ini", "\"_.._win.ini\"" },
    { "/etc/passwd", "\"_etc_passwd\"" },
    { "C:\\x", "\"C:_x\"" },
    { "\xc3\xa9t\xc3\xa9.txt", "\"_t_.txt\"" EXTENDED "%C3%A9t%C3%A9.txt" },
    { "\xf0\x9f\x98\x80.png", "\"_.png\"" EXTENDED "%F0%9F%98%80.png" },
    { "gpj.\xe2\x80\xae"
      "exe",
      "\"gpj._exe\"" }, /* right-to-left override */
    { "a\xe2\x80\xa8"
      "b\xe2\x80\xa9",
      "\"a_b_\"" }, /* line and paragraph separator */
    { "a\xc2\x85"
      "b\xe2\x80\x8b",
      "\"a_b_\"" }, /* C1, zero width space */
    { "\xff\xfe.txt", "\"__.txt\"" EXTENDED "%EF%BF%BD%EF%BF%BD.txt" },
    { "a\xc3", "\"a_\"" EXTENDED "a%EF%BF%BD" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *said = header_disposition (FALSE, rows[i].name);
    g_autofree char *expected = g_strconcat ("attachment; filename=", rows[i].expected, NULL);

    g_assert_cmpstr (said, ==, expected);
    g_assert_true (header_is_sound ("Content-Disposition", said));
    for (const char *p = said; *p; p++)
      g_assert_cmpint ((guchar)*p, <, 0x7f);
  }
}

static void
test_header_shortens_names (void)
{
  for (guint n = 250; n < 260; n++) {
    g_autofree char *name = g_strnfill (n + 1, 'a'), *said = NULL;
    char *end;

    memcpy (name + n - 1, "\xc3\xa9", 2);
    said = header_disposition (TRUE, name);
    g_assert_true (g_str_has_prefix (said, "inline; filename=\"aaa"));
    end = strchr (said + strlen ("inline; filename=\""), '"');
    /* a character that would be cut is left out: n bytes of which the last two are one */
    g_assert_cmpuint ((gsize)(end - said) - strlen ("inline; filename=\""), ==,
                      n < 255    ? n
                      : n == 255 ? 254
                                 : 255);
    g_assert_null (strstr (said, "%EF%BF%BD"));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/header/lets-no-control-byte-out", test_header_lets_no_control_byte_out);
  g_test_add_func ("/header/writes-dates", test_header_writes_dates);
  g_test_add_func ("/header/refuses-other-dates", test_header_refuses_other_dates);
  g_test_add_func ("/header/names-files", test_header_names_files);
  g_test_add_func ("/header/shortens-names", test_header_shortens_names);
  return g_test_run ();
}
