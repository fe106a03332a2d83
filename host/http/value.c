/* SPDX-License-Identifier: Apache-2.0 */
/* value: checks of single values; none of them allocates. */
#include "value.h"

#include <string.h>

gboolean
value_is_uuid (const char *text, gsize length)
{
  if (length != 36)
    return FALSE;
  for (gsize i = 0; i < length; i++) {
    gboolean dash = i == 8 || i == 13 || i == 18 || i == 23;

    if (dash ? text[i] != '-' : !g_ascii_isxdigit (text[i]))
      return FALSE;
  }
  return TRUE;
}

gboolean
value_is_int (const char *text, gsize length, gint64 *ret)
{
  gboolean negative = length > 0 && text[0] == '-';
  const char *digits = text + (negative ? 1 : 0);
  gsize n = length - (negative ? 1 : 0);
  guint64 value = 0;

  if (n == 0 || n > 19 || (digits[0] == '0' && n > 1))
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    if (!g_ascii_isdigit (digits[i]))
      return FALSE;
    value = value * 10 + (guint64)(digits[i] - '0');
  }
  if (value > (guint64)G_MAXINT64 + (negative ? 1 : 0))
    return FALSE;
  if (ret)
    *ret = negative ? (gint64)(0 - value) : (gint64)value;
  return TRUE;
}

gboolean
value_is_slug (const char *text, gsize length)
{
  if (length < 1 || length > 100 || !strchr ("abcdefghijklmnopqrstuvwxyz0123456789", text[0]))
    return FALSE;
  for (gsize i = 0; i < length; i++) {
    if (!g_ascii_islower (text[i]) && !g_ascii_isdigit (text[i]) && text[i] != '.' &&
        text[i] != '_' && text[i] != '-')
      return FALSE;
  }
  return TRUE;
}

gboolean
value_is_choice (const char *text, gsize length, const char *choices)
{
  while (choices) {
    const char *bar = strchr (choices, '|');
    gsize n = bar ? (gsize)(bar - choices) : strlen (choices);

    if (n == length && memcmp (text, choices, n) == 0)
      return TRUE;
    choices = bar ? bar + 1 : NULL;
  }
  return FALSE;
}

const char *
value_check_characters (const char *text, gsize length, gboolean multiline)
{
  for (const char *p = text; p < text + length; p = g_utf8_next_char (p)) {
    gunichar c = (guchar)*p < 0x80 ? (gunichar)*p : g_utf8_get_char (p);

    if (c >= 0x20 && c != 0x7f && (c < 0x80 || c > 0x9f))
      continue;
    if (c == '\n' || c == '\r' || c == '\t') {
      if (multiline)
        continue;
      return c == '\t' ? "must not hold tabs" : "must not hold line breaks";
    }
    return "must not hold control characters";
  }
  return NULL;
}

gboolean
value_is_blank (const char *text, gsize length)
{
  for (const char *p = text; p < text + length; p = g_utf8_next_char (p)) {
    if (!g_unichar_isspace (g_utf8_get_char (p)))
      return FALSE;
  }
  return TRUE;
}

gboolean
value_decode (const char *text, gsize length, gboolean plus, GString *out)
{
  g_string_set_size (out, 0);
  for (gsize i = 0; i < length; i++) {
    char c = text[i];

    if (c == '%') {
      if (length - i < 3 || !g_ascii_isxdigit (text[i + 1]) || !g_ascii_isxdigit (text[i + 2]))
        return FALSE;
      c = (char)(g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2]));
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    if (c == '\0')
      return FALSE;
    g_string_append_c (out, c);
  }
  return g_utf8_validate (out->str, (gssize)out->len, NULL);
}
