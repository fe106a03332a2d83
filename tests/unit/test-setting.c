/* SPDX-License-Identifier: Apache-2.0 */
#include "config/setting.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  const char *name;
  guint32 type;
  const char *text;
  gint64 number;   /* G_MININT64: refused */
  const char *why; /* of a refusal */
  const char *remedy;
} NumberCase;

#define REFUSED     G_MININT64
#define SIZE_REMEDY "Write a number with K, M, G or T, for example 10G."
#define TIME_REMEDY "Write a number with ms, s, min, h or d, for example 30s."

static const NumberCase number_cases[] = {
  { "integer", DAE_SETTING_INT, "42", 42 },
  { "negative", DAE_SETTING_INT, "-42", -42 },
  { "spaces around", DAE_SETTING_INT, "  7 ", 7 },
  { "largest", DAE_SETTING_INT, "9223372036854775807", G_MAXINT64 },
  { "too large", DAE_SETTING_INT, "9223372036854775808", REFUSED,
    "\"9223372036854775808\" is not a whole number", "Write digits only, for example 4." },
  { "fraction", DAE_SETTING_INT, "1.5", REFUSED, "\"1.5\" is not a whole number",
    "Write digits only, for example 4." },
  { "hex", DAE_SETTING_INT, "0x10", REFUSED, "\"0x10\" is not a whole number",
    "Write digits only, for example 4." },
  { "plus", DAE_SETTING_INT, "+1", REFUSED, "\"+1\" is not a whole number",
    "Write digits only, for example 4." },
  { "true", DAE_SETTING_BOOL, "true", 1 },
  { "off", DAE_SETTING_BOOL, "off", 0 },
  { "maybe", DAE_SETTING_BOOL, "maybe", REFUSED, "\"maybe\" is not true or false",
    "Write true or false." },
  { "plain size", DAE_SETTING_SIZE, "1000", 1000 },
  { "K", DAE_SETTING_SIZE, "10K", 10240 },
  { "M with space", DAE_SETTING_SIZE, "2 M", 2 << 20 },
  { "GiB", DAE_SETTING_SIZE, "3GiB", 3LL << 30 },
  { "T", DAE_SETTING_SIZE, "1T", 1LL << 40 },
  { "words", DAE_SETTING_SIZE, "10 gigs", REFUSED, "\"10 gigs\" is not a size", SIZE_REMEDY },
  { "size overflow", DAE_SETTING_SIZE, "90000000T", REFUSED, "\"90000000T\" is not a size",
    SIZE_REMEDY },
  { "negative size", DAE_SETTING_SIZE, "-1K", REFUSED, "\"-1K\" is not a size", SIZE_REMEDY },
  { "ms", DAE_SETTING_DURATION, "250ms", 250 },
  { "s", DAE_SETTING_DURATION, "30s", 30000 },
  { "min", DAE_SETTING_DURATION, "5 min", 300000 },
  { "h", DAE_SETTING_DURATION, "2h", 7200000 },
  { "d", DAE_SETTING_DURATION, "1d", 86400000 },
  { "zero", DAE_SETTING_DURATION, "0", 0 },
  { "no unit", DAE_SETTING_DURATION, "30", REFUSED, "\"30\" is not a duration", TIME_REMEDY },
  { "unit alone", DAE_SETTING_DURATION, "s", REFUSED, "\"s\" is not a duration", TIME_REMEDY },
};

static void
test_setting_numbers_have_units_and_refusals_a_remedy (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (number_cases); i++) {
    const NumberCase *c = &number_cases[i];
    DaeSetting row = { .key = "k", .type = c->type, .help = "h" };
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;
    Setting setting;
    gboolean ok = setting_parse (&row, c->text, &setting, &why, &remedy);

    g_test_message ("%s", c->name);
    g_assert_cmpint (ok, ==, c->number != REFUSED);
    g_assert_cmpstr (why, ==, c->why);
    g_assert_cmpstr (remedy, ==, c->remedy);
    if (ok)
      g_assert_cmpint (setting.number, ==, c->number);
    if (ok)
      setting_clear (&setting);
  }
}

static void
test_setting_range_is_inclusive_and_named (void)
{
  DaeSetting row = { .key = "k", .type = DAE_SETTING_DURATION, .min = 1000, .max = 2000 };
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  Setting setting;

  g_assert_true (setting_parse (&row, "1s", &setting, &why, &remedy));
  setting_clear (&setting);
  g_assert_true (setting_parse (&row, "2s", &setting, &why, &remedy));
  setting_clear (&setting);
  g_assert_false (setting_parse (&row, "2001ms", &setting, &why, &remedy));
  g_assert_cmpstr (why, ==, "\"2001ms\" is out of range");
  g_assert_cmpstr (remedy, ==, "Write a value from 1000 to 2000 ms.");
}

static void
test_setting_lists_split_at_semicolon_and_comma (void)
{
  DaeSetting row = { .key = "k", .type = DAE_SETTING_LIST };
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  g_autofree char *joined = NULL;
  Setting setting;

  g_assert_true (setting_parse (&row, " a b ;c,, d; ", &setting, &why, &remedy));
  joined = g_strjoinv ("|", setting.list);
  g_assert_cmpstr (joined, ==, "a b|c|d");
  setting_clear (&setting);
  g_assert_true (setting_parse (&row, "", &setting, &why, &remedy));
  g_assert_null (setting.list[0]);
  setting_clear (&setting);
}

static void
test_setting_urls_are_http_without_user (void)
{
  static const struct {
    const char *text, *why;
  } cases[] = {
    { "http://localhost:8000", NULL },
    { "https://name.example/a?b", NULL },
    { "http://[::1]:80/", NULL },
    { "ftp://name.example", "\"ftp://name.example\" is not an http or https URL" },
    { "name.example", "\"name.example\" is not an http or https URL" },
    { "http://", "\"http://\" is not an http or https URL" },
    { "https://me:secret@name.example", "the URL carries user information" },
  };
  DaeSetting row = { .key = "k", .type = DAE_SETTING_URL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;
    Setting setting;
    gboolean ok = setting_parse (&row, cases[i].text, &setting, &why, &remedy);

    g_assert_cmpstr (why, ==, cases[i].why);
    g_assert_cmpint (ok, ==, cases[i].why == NULL);
    if (ok)
      setting_clear (&setting);
    else
      g_assert_nonnull (remedy);
  }
}

static void
test_setting_choice_lists_its_choices (void)
{
  DaeSetting row = { .key = "k", .type = DAE_SETTING_CHOICE, .choices = "local|proxy" };
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  Setting setting;

  g_assert_true (setting_parse (&row, "proxy", &setting, &why, &remedy));
  setting_clear (&setting);
  g_assert_false (setting_parse (&row, "loca", &setting, &why, &remedy));
  g_assert_cmpstr (why, ==, "\"loca\" is not one of the choices");
  g_assert_cmpstr (remedy, ==, "Write one of: local, proxy.");
}

static void
test_setting_networks_hold_addresses (void)
{
  static const struct {
    const char *networks, *address;
    gboolean has;
  } cases[] = {
    { "10.0.0.0/8", "10.200.3.4", TRUE },
    { "10.0.0.0/8", "11.0.0.1", FALSE },
    { "172.16.0.0/12", "172.31.255.1", TRUE },
    { "172.16.0.0/12", "172.32.0.1", FALSE },
    { "127.0.0.1", "127.0.0.1", TRUE },
    { "127.0.0.1", "127.0.0.2", FALSE },
    { "::1", "::1", TRUE },
    { "fd00::/8", "fd12::1", TRUE },
    { "fd00::/8", "fe80::1", FALSE },
    { "10.0.0.0/8", "::ffff:10.1.2.3", TRUE },
    { "0.0.0.0/0", "1.2.3.4", TRUE },
    { "0.0.0.0/0", "::1", FALSE },
    { "unix", "unix", TRUE },
    { "0.0.0.0/0, ::/0", "unix", FALSE },
    { "unix", "127.0.0.1", FALSE },
    { "", "127.0.0.1", FALSE },
    { "10.0.0.0/8", "rubbish", FALSE },
  };
  DaeSetting row = { .key = "k", .type = DAE_SETTING_NETWORKS };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;
    Setting setting;

    g_test_message ("%s in %s", cases[i].address, cases[i].networks);
    g_assert_true (setting_parse (&row, cases[i].networks, &setting, &why, &remedy));
    g_assert_cmpint (setting_has_address (&setting, cases[i].address), ==, cases[i].has);
    setting_clear (&setting);
  }
}

static void
test_setting_networks_refuse_what_is_none (void)
{
  static const char *const cases[] = { "localhost", "10.0.0.0/33", "10.0.0.0/-1",
                                       "10.0.0.0/", "::1/129",     "10.0.0/8" };
  DaeSetting row = { .key = "k", .type = DAE_SETTING_NETWORKS };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;
    g_autofree char *expected = g_strdup_printf ("\"%s\" is not an address or network", cases[i]);
    Setting setting;

    g_assert_false (setting_parse (&row, cases[i], &setting, &why, &remedy));
    g_assert_cmpstr (why, ==, expected);
    g_assert_nonnull (remedy);
  }
}

static char *
write_secret (const char *content, gssize length, int mode)
{
  char *path = NULL;
  int fd = g_file_open_tmp ("setting-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_assert_true (g_file_set_contents (path, content, length, NULL));
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
  return path;
}

static void
test_setting_secret_files_are_private_text (void)
{
  static const struct {
    const char *content;
    gssize length;
    int mode;
    const char *secret;
  } cases[] = {
    { "s3cret\n", -1, 0600, "s3cret" }, { "s3cret", -1, 0640, "s3cret" },
    { "a\n\n", -1, 0400, "a\n" },       { "s3cret\n", -1, 0644, NULL },
    { "\n", -1, 0600, NULL },           { "a\0b", 3, 0600, NULL },
    { "\xff\xfe", -1, 0600, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = write_secret (cases[i].content, cases[i].length, cases[i].mode);
    g_autofree char *why = NULL;
    g_autofree char *remedy = NULL;
    g_autofree char *secret = setting_read_secret (path, &why, &remedy);

    g_test_message ("%u", i);
    g_assert_cmpstr (secret, ==, cases[i].secret);
    g_assert_cmpint (why == NULL, ==, secret != NULL);
    g_assert_cmpint (remedy == NULL, ==, secret != NULL);
    g_unlink (path);
  }
}

static void
test_setting_secret_file_that_is_missing_is_named (void)
{
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;

  g_assert_null (setting_read_secret ("/nonexistent/secret", &why, &remedy));
  g_assert_cmpstr (why, ==, "cannot read \"/nonexistent/secret\": No such file or directory");
  g_assert_cmpstr (remedy, ==, "Write the path of a file that this user may read.");
  g_clear_pointer (&why, g_free);
  g_clear_pointer (&remedy, g_free);
  g_assert_null (setting_read_secret ("/tmp", &why, &remedy));
  g_assert_cmpstr (why, ==, "cannot read \"/tmp\": it is not a file");
}

static void
test_setting_rows_are_judged (void)
{
  static const struct {
    DaeSetting row;
    const char *why;
  } cases[] = {
    { { .key = "ok", .help = "h" }, NULL },
    { { .key = "Bad", .help = "h" },
      "declares setting \"Bad\", whose key must be made of a-z, 0-9 and '-'" },
    { { .key = NULL }, "declares setting \"\", whose key must be made of a-z, 0-9 and '-'" },
    { { .key = "k", .type = 99, .help = "h" },
      "declares setting \"k\" of a kind that this daedalus does not know" },
    { { .key = "k", .flags = 1u << 30, .help = "h" },
      "declares setting \"k\" of a kind that this daedalus does not know" },
    { { .key = "k" }, "declares setting \"k\" without a help text" },
    { { .key = "k", .type = DAE_SETTING_CHOICE, .help = "h" },
      "declares setting \"k\", a choice without choices" },
    { { .key = "k", .min = 2, .max = 1, .help = "h" },
      "declares setting \"k\", whose smallest value is above its largest" },
    { { .key = "k", .help = "h", .environment = "PATH" },
      "declares setting \"k\" with \"PATH\", which is not a name that begins with DAEDALUS_" },
    { { .key = "k", .type = DAE_SETTING_DURATION, .fallback = "5", .help = "h" },
      "declares setting \"k\", whose fallback does not fit: \"5\" is not a duration" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *why = setting_check_row (&cases[i].row);

    g_assert_cmpstr (why, ==, cases[i].why);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/setting/numbers-have-units-and-refusals-a-remedy",
                   test_setting_numbers_have_units_and_refusals_a_remedy);
  g_test_add_func ("/setting/range-is-inclusive-and-named",
                   test_setting_range_is_inclusive_and_named);
  g_test_add_func ("/setting/lists-split-at-semicolon-and-comma",
                   test_setting_lists_split_at_semicolon_and_comma);
  g_test_add_func ("/setting/urls-are-http-without-user", test_setting_urls_are_http_without_user);
  g_test_add_func ("/setting/choice-lists-its-choices", test_setting_choice_lists_its_choices);
  g_test_add_func ("/setting/networks-hold-addresses", test_setting_networks_hold_addresses);
  g_test_add_func ("/setting/networks-refuse-what-is-none",
                   test_setting_networks_refuse_what_is_none);
  g_test_add_func ("/setting/secret-files-are-private-text",
                   test_setting_secret_files_are_private_text);
  g_test_add_func ("/setting/secret-file-that-is-missing-is-named",
                   test_setting_secret_file_that_is_missing_is_named);
  g_test_add_func ("/setting/rows-are-judged", test_setting_rows_are_judged);
  return g_test_run ();
}
