/* SPDX-License-Identifier: Apache-2.0 */
/* header: values of header fields as they are written. */
#include "header.h"

#include <string.h>
#include <time.h>

#include "http-head.h"

#define HEADER_MAX_FILE_NAME 255 /* bytes: what a file system takes */

static const char header_days[] = "SunMonTueWedThuFriSat";
static const char header_months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* A tab, which a peer's value may have, has no use in ours. */
gboolean
header_is_sound (const char *name, const char *value)
{
  gsize length = value ? strlen (value) : 0;

  return value && http_head_is_token (name, strlen (name)) && http_head_is_value (value, length) &&
         memchr (value, '\t', length) == NULL;
}

gboolean
header_write (GString *head, const char *name, const char *value)
{
  if (!header_is_sound (name, value))
    return FALSE;
  g_string_append (head, name);
  g_string_append_len (head, ": ", 2);
  g_string_append (head, value);
  g_string_append_len (head, "\r\n", 2);
  return TRUE;
}

void
header_date (gint64 seconds, char text[HEADER_DATE_SIZE])
{
  time_t time = (time_t)CLAMP (seconds, 0, G_GINT64_CONSTANT (253402300799)); /* to 9999 */
  struct tm tm;

  gmtime_r (&time, &tm);
  g_snprintf (text, HEADER_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
              header_days + 3 * tm.tm_wday, tm.tm_mday, header_months + 3 * tm.tm_mon,
              tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* N digits at TEXT, or -1. */
static int
header_digits (const char *text, guint n)
{
  int value = 0;

  for (guint i = 0; i < n; i++) {
    if (!g_ascii_isdigit (text[i]))
      return -1;
    value = 10 * value + (text[i] - '0');
  }
  return value;
}

gint64
header_parse_date (const char *text)
{
  struct tm tm = { 0 };
  char again[HEADER_DATE_SIZE];
  gint64 seconds;

  if (strlen (text) != HEADER_DATE_SIZE - 1)
    return -1;
  tm.tm_mday = header_digits (text + 5, 2);
  tm.tm_year = header_digits (text + 12, 4) - 1900;
  tm.tm_hour = header_digits (text + 17, 2);
  tm.tm_min = header_digits (text + 20, 2);
  tm.tm_sec = header_digits (text + 23, 2);
  while (tm.tm_mon < 12 && strncmp (header_months + 3 * tm.tm_mon, text + 8, 3) != 0)
    tm.tm_mon++;
  if (tm.tm_year < 70 || tm.tm_mon == 12)
    return -1;
  seconds = (gint64)timegm (&tm);
  /* one test for all the rest: days of months and of the week, separators, ranges */
  header_date (seconds, again);
  return strcmp (again, text) == 0 ? seconds : -1;
}

/* Characters that would do harm in a name shown to a person, or lead into a directory. */
static gboolean
header_is_bad_in_name (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return c == '/' || c == '\\' || type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT ||
         type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

static void
header_append_encoded (GString *value, const char *at, const char *end)
{
  for (; at < end; at++) {
    if (g_ascii_isalnum (*at) || strchr ("!#$&+-.^_`|~", *at))
      g_string_append_c (value, *at);
    else
      g_string_append_printf (value, "%%%02X", (guchar)*at);
  }
}

/* No hidden file, no step to a parent, no blanks around it, no name without end. */
static char *
header_file_name (const char *file_name)
{
  g_autofree char *name = g_utf8_make_valid (file_name ? file_name : "", -1);
  gsize at = strspn (name, " ."), length;

  length = strlen (name + at);
  while (length > 0 && strchr (" .", name[at + length - 1]))
    length--;
  if (length > HEADER_MAX_FILE_NAME)
    length = (gsize)(g_utf8_find_prev_char (name + at, name + at + HEADER_MAX_FILE_NAME + 1) -
                     (name + at));
  return length > 0 ? g_strndup (name + at, length) : g_strdup ("file");
}

char *
header_disposition (gboolean is_inline, const char *file_name)
{
  g_autoptr (GString) ascii = g_string_new (NULL);
  g_autoptr (GString) encoded = g_string_new (NULL);
  g_autofree char *name = header_file_name (file_name);
  gboolean plain = TRUE;

  for (const char *p = name; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    gboolean is_bad = header_is_bad_in_name (c);

    /* '"' would need an escape, which half of all clients read otherwise; '%' some would decode */
    if (is_bad || c > 0x7e || c == '"' || c == '%') {
      g_string_append_c (ascii, '_');
      plain = plain && is_bad;
    } else {
      g_string_append_c (ascii, (char)c);
    }
    if (is_bad)
      g_string_append_c (encoded, '_');
    else
      header_append_encoded (encoded, p, g_utf8_next_char (p));
  }
  return g_strdup_printf ("%s; filename=\"%s\"%s%s", is_inline ? "inline" : "attachment",
                          ascii->str, plain ? "" : "; filename*=UTF-8''",
                          plain ? "" : encoded->str);
}
