/* SPDX-License-Identifier: Apache-2.0 */
/* json-plain: one function for each rule of RFC 8259, a hash table of keys for each object. */
#include "json-plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *at, *end;
  guint depth, max_depth, nodes, max_nodes;
} JsonPlain;

static gboolean json_plain_value (JsonPlain *plain);

static void
json_plain_blanks (JsonPlain *plain)
{
  plain->at += strspn (plain->at, " \t\r\n");
}

static gboolean
json_plain_take (JsonPlain *plain, char c)
{
  if (*plain->at != c)
    return FALSE;
  plain->at++;
  return TRUE;
}

static gboolean
json_plain_unit (JsonPlain *plain, guint *ret)
{
  char digits[5] = "";

  if (plain->end - plain->at < 6 || plain->at[0] != '\\' || plain->at[1] != 'u')
    return FALSE;
  memcpy (digits, plain->at + 2, 4);
  if (strspn (digits, "0123456789abcdefABCDEF") != 4)
    return FALSE;
  *ret = (guint)strtoul (digits, NULL, 16);
  plain->at += 6;
  return TRUE;
}

static gboolean
json_plain_unicode (JsonPlain *plain, GString *text)
{
  guint unit, low;

  if (!json_plain_unit (plain, &unit) || unit == 0)
    return FALSE;
  if (unit >= 0xdc00 && unit <= 0xdfff)
    return FALSE;
  if (unit >= 0xd800 && unit <= 0xdbff) {
    if (!json_plain_unit (plain, &low) || low < 0xdc00 || low > 0xdfff)
      return FALSE;
    unit = 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
  }
  g_string_append_unichar (text, unit);
  return TRUE;
}

/* The text of a string: owned; NULL: it is none. */
static char *
json_plain_string (JsonPlain *plain)
{
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  g_autoptr (GString) text = g_string_new (NULL);

  if (!json_plain_take (plain, '"'))
    return NULL;
  while (*plain->at != '"') {
    const char *escape;

    if ((guchar)*plain->at < 0x20)
      return NULL;
    if (*plain->at != '\\') {
      g_string_append_c (text, *plain->at++);
    } else if (plain->at[1] == 'u') {
      if (!json_plain_unicode (plain, text))
        return NULL;
    } else {
      escape = plain->at[1] != '\0' ? strchr (escapes, plain->at[1]) : NULL;
      if (escape == NULL)
        return NULL;
      g_string_append_c (text, meanings[escape - escapes]);
      plain->at += 2;
    }
  }
  plain->at++;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
json_plain_digits (JsonPlain *plain)
{
  gsize n = strspn (plain->at, "0123456789");

  plain->at += n;
  return n > 0;
}

static gboolean
json_plain_number (JsonPlain *plain)
{
  const char *from = plain->at;
  gboolean is_real = FALSE;

  json_plain_take (plain, '-');
  if (!json_plain_take (plain, '0') && !json_plain_digits (plain))
    return FALSE;
  if (json_plain_take (plain, '.')) {
    is_real = TRUE;
    if (!json_plain_digits (plain))
      return FALSE;
  }
  if (json_plain_take (plain, 'e') || json_plain_take (plain, 'E')) {
    is_real = TRUE;
    if (!json_plain_take (plain, '+'))
      json_plain_take (plain, '-');
    if (!json_plain_digits (plain))
      return FALSE;
  }
  if (is_real)
    return isfinite (g_ascii_strtod (from, NULL));
  errno = 0;
  g_ascii_strtoll (from, NULL, 10);
  return errno == 0;
}

static gboolean
json_plain_array (JsonPlain *plain)
{
  json_plain_blanks (plain);
  if (json_plain_take (plain, ']'))
    return TRUE;
  do {
    if (!json_plain_value (plain))
      return FALSE;
  } while (json_plain_take (plain, ','));
  return json_plain_take (plain, ']');
}

static gboolean
json_plain_object (JsonPlain *plain)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  json_plain_blanks (plain);
  if (json_plain_take (plain, '}'))
    return TRUE;
  do {
    char *key;

    json_plain_blanks (plain);
    key = json_plain_string (plain);
    if (key == NULL || ++plain->nodes > plain->max_nodes)
      return g_free (key), FALSE;
    if (!g_hash_table_add (keys, key))
      return FALSE;
    json_plain_blanks (plain);
    if (!json_plain_take (plain, ':') || !json_plain_value (plain))
      return FALSE;
  } while (json_plain_take (plain, ','));
  return json_plain_take (plain, '}');
}

static gboolean
json_plain_bare (JsonPlain *plain)
{
  static const char *const words[] = { "true", "false", "null" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    if (strncmp (plain->at, words[i], strlen (words[i])) == 0) {
      plain->at += strlen (words[i]);
      return TRUE;
    }
  }
  if (*plain->at == '"') {
    g_autofree char *text = json_plain_string (plain);

    return text != NULL;
  }
  return json_plain_number (plain);
}

/* With the blanks around it. */
static gboolean
json_plain_value (JsonPlain *plain)
{
  gboolean good;

  json_plain_blanks (plain);
  if (++plain->nodes > plain->max_nodes)
    return FALSE;
  if (*plain->at == '[' || *plain->at == '{') {
    gboolean is_object = *plain->at++ == '{';

    if (++plain->depth > plain->max_depth)
      return FALSE;
    good = is_object ? json_plain_object (plain) : json_plain_array (plain);
    plain->depth--;
  } else {
    good = json_plain_bare (plain);
  }
  json_plain_blanks (plain);
  return good;
}

gboolean
json_plain_is_good (const char *text, gsize length, guint max_depth, guint max_nodes)
{
  JsonPlain plain = { text, text + length, 0, max_depth, 0, max_nodes };

  return g_utf8_validate (text, (gssize)length, NULL) && json_plain_value (&plain) &&
         plain.at == plain.end;
}
