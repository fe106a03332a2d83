/* SPDX-License-Identifier: Apache-2.0 */
/* Which names files may have, and what kind of file it is. */
#include "../../plugins/files/files-name.c"

static void
test_files_name_takes_or_refuses (void)
{
  static const struct {
    const char *given, *taken, *why;
  } rows[] = {
    { "a", "a", NULL },
    { "Größe 2.pdf", "Größe 2.pdf", NULL },
    { "漢字😀.txt", "漢字😀.txt", NULL },
    { "cafe\u0301", "caf\u00e9", NULL },
    { " \t a b \n", "a b", NULL },
    { ".htaccess", ".htaccess", NULL },
    { "..a", "..a", NULL },
    { "CON", "CON", NULL },
    { "a\"b'c;d%2f", "a\"b'c;d%2f", NULL },
    { "\u200d\u0915", "\u200d\u0915", NULL }, /* joins letters: no direction */
    { "", NULL, "is nothing but blanks and dots" },
    { " ", NULL, "is nothing but blanks and dots" },
    { ".", NULL, "is nothing but blanks and dots" },
    { "..", NULL, "is nothing but blanks and dots" },
    { "\u00a0\u3000", NULL, "is nothing but blanks and dots" },
    { "\ufeff.", NULL, "is nothing but blanks and dots" },
    { "\u200b", NULL, "is nothing but blanks and dots" },
    { "\u2060\u200d.", NULL, "is nothing but blanks and dots" },
    { "a/b", NULL, "has a slash in it" },
    { "../a", NULL, "has a slash in it" },
    { "a\\b", NULL, "has a slash in it" },
    { "a\nb", NULL, "has a control character in it" },
    { "a\x7f", NULL, "has a control character in it" },
    { "a\xc2\x85", NULL, "has a control character in it" },
    { "a\u2028", NULL, "has a control character in it" },
    { "gpj\u202e.exe", NULL, "has a character in it that changes the direction of the text" },
    { "\u2066a", NULL, "has a character in it that changes the direction of the text" },
    { "a\u061c", NULL, "has a character in it that changes the direction of the text" },
    { "a\uffff", NULL, "has a character in it that XML cannot hold" },
    { "\ufffeb", NULL, "has a character in it that XML cannot hold" },
    { "\ufffd", "\ufffd", NULL },
    { "a\xff", NULL, "is no UTF-8" },
    { "\xed\xa0\x80", NULL, "is no UTF-8" },
    { "\xc0\xaf", NULL, "is no UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    const char *why;
    g_autofree char *name = file_name_take (rows[i].given, &why);

    g_test_message ("row %" G_GSIZE_FORMAT, i);
    g_assert_cmpstr (name, ==, rows[i].taken);
    g_assert_cmpstr (why, ==, rows[i].why);
  }
}

static void
test_files_name_counts_bytes (void)
{
  static const struct {
    const char *unit;
    guint n;
    gboolean is_taken;
  } rows[] = {
    { "x", 255, TRUE },
    { "x", 256, FALSE },
    { "x", 300, FALSE },
    { "é", 127, TRUE },
    { "é", 128, FALSE },
    { "漢", 85, TRUE },
    { "漢", 86, FALSE },
    { "😀", 63, TRUE },
    { "😀", 64, FALSE },
    /* one letter in the form that is kept */
    { "e\u0301", 127, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) given = g_string_new (NULL);
    g_autofree char *name = NULL;
    const char *why;

    for (guint n = 0; n < rows[i].n; n++)
      g_string_append (given, rows[i].unit);
    name = file_name_take (given->str, &why);
    g_assert_cmpint (name != NULL, ==, rows[i].is_taken);
    g_assert_cmpstr (why, ==, name ? NULL : "has more than 255 bytes");
  }
}

/* Whatever bytes come, what is taken is taken again as it is and keeps to the rule. */
static void
test_files_name_of_any_bytes (void)
{
  static const char *const pieces[] = { "a",      "é",      "e\u0301", "漢", "😀",           ".",
                                        " ",      "/",      "\\",      "\n", "\xff",        "\xc3",
                                        "\u202e", "\u00a0", "%",       "\"", "\u1100\u1161" };
  guint n_taken = 0;

  for (guint i = 0; i < 20000; i++) {
    g_autoptr (GString) given = g_string_new (NULL);
    g_autofree char *name = NULL, *again = NULL;
    const char *why;

    for (gint n = g_test_rand_int_range (0, 6); n > 0; n--)
      g_string_append (given, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
    name = file_name_take (given->str, &why);
    g_assert_true ((name == NULL) == (why != NULL));
    if (!name)
      continue;
    n_taken++;
    again = file_name_take (name, &why);
    g_assert_cmpstr (again, ==, name);
    g_assert_true (g_utf8_validate (name, -1, NULL));
    g_assert_null (strpbrk (name, "/\\\n"));
    g_assert_false (g_str_equal (name, "..") || g_str_equal (name, "."));
    g_assert_cmpuint (strlen (name), <=, 255);
  }
  g_assert_cmpuint (n_taken, >, 1000);
}

static void
test_files_name_tells_types (void)
{
  static const struct {
    const char *name, *head;
    gssize length;
    gboolean is_whole;
    const char *type;
  } rows[] = {
    { "a.png", "\x89PNG\r\n\x1a\n", 8, TRUE, "image/png" },
    { "a.html", "\x89PNG\r\n\x1a\n", 8, TRUE, "image/png" },
    { "a", "\xff\xd8\xff\xe0", 4, TRUE, "image/jpeg" },
    { "a", "GIF89a", 6, TRUE, "image/gif" },
    { "a", "GIF88a", 6, TRUE, "text/plain" },
    { "a", "RIFF\x01\x02\x03\x04WEBP", 12, TRUE, "image/webp" },
    { "a",
      "\0\0\0\x1c"
      "ftypavif",
      12, TRUE, "image/avif" },
    { "a.txt", "%PDF-1.7", 8, TRUE, "application/pdf" },
    { "a.docx", "PK\x03\x04", 4, TRUE,
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
    { "a.zip", "PK\x03\x04", 4, TRUE, "application/zip" },
    { "a.png", "PK\x03\x04", 4, TRUE, "application/zip" },
    { "a.png", "\x89PN", 3, TRUE, "application/octet-stream" },
    { "a.png", "<script>", 8, TRUE, "text/plain" },
    { "a.html", "<script>", 8, TRUE, "text/html" },
    { "A.HTM", "x", 1, TRUE, "text/html" },
    { "a.svg", "<svg", 4, TRUE, "image/svg+xml" },
    { "a.md", "# a", 3, TRUE, "text/markdown" },
    { "a.json", "{}", 2, TRUE, "application/json" },
    { "a.docx", "x", 1, TRUE, "text/plain" },
    { "a", "", 0, TRUE, "text/plain" },
    { "a.txt", "a\0b", 3, TRUE, "application/octet-stream" },
    { "a.txt", "a\x01", 2, TRUE, "application/octet-stream" },
    { "a.txt", "a\xff", 2, TRUE, "application/octet-stream" },
    /* cut within a character: more of it will come */
    { "a.txt", "a\xf0\x9f\x98", 4, FALSE, "text/plain" },
    { "a.txt", "a\xf0\x9f\x98", 4, TRUE, "application/octet-stream" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree guint8 *head = g_memdup2 (rows[i].head, (gsize)rows[i].length);

    g_test_message ("%" G_GSIZE_FORMAT ": %s", i, rows[i].name);
    g_assert_cmpstr (file_type_guess (rows[i].name, head, (gsize)rows[i].length, rows[i].is_whole),
                     ==, rows[i].type);
  }
}

static void
test_files_name_shows_only_what_cannot_run (void)
{
  static const struct {
    const char *type;
    gboolean is_safe;
  } rows[] = {
    { "image/png", TRUE },      { "image/jpeg", TRUE },       { "text/plain", TRUE },
    { "text/html", FALSE },     { "image/svg+xml", FALSE },   { "application/pdf", FALSE },
    { "text/markdown", FALSE }, { "application/xml", FALSE }, { "application/octet-stream", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (file_type_is_safe (rows[i].type), ==, rows[i].is_safe);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/files-name/takes-or-refuses", test_files_name_takes_or_refuses);
  g_test_add_func ("/files-name/counts-bytes", test_files_name_counts_bytes);
  g_test_add_func ("/files-name/of-any-bytes", test_files_name_of_any_bytes);
  g_test_add_func ("/files-name/tells-types", test_files_name_tells_types);
  g_test_add_func ("/files-name/shows-only-what-cannot-run",
                   test_files_name_shows_only_what_cannot_run);
  return g_test_run ();
}
