/* SPDX-License-Identifier: Apache-2.0 */
/* json-check: one pass over the text, a bit per open level, no recursion. */
#include "json-check.h"

#include <math.h>
#include <string.h>

#include "json-key.h"

#define JSON_CHECK_MAX_DEPTH  1024
#define JSON_CHECK_MAX_LENGTH (1u << 30)
/* the point half-way between the largest double and infinity has 309 digits */
#define JSON_CHECK_DIGITS 400

typedef struct {
  const guint8 *text, *at, *end;
  JsonLimits limits;
  const char *why;
  guint depth;
  guint nodes;
  guint8 is_object[JSON_CHECK_MAX_DEPTH / 8];
  guint32 object_of[JSON_CHECK_MAX_DEPTH]; /* number of the object open at each level */
  guint32 n_objects;
  JsonKeys keys;
} JsonCheck;

static gboolean
json_check_refuse (JsonCheck *check, const char *why)
{
  check->why = why;
  return FALSE;
}

/* Steps over one character of two bytes or more. */
static gboolean
json_check_utf8 (JsonCheck *check)
{
  const guint8 *p = check->at;
  gsize left = (gsize)(check->end - p);
  guint length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
  guint8 low = 0x80, high = 0xbf;

  if (p[0] < 0xc2 || p[0] > 0xf4 || left < length)
    return json_check_refuse (check, "text is not UTF-8");
  if (p[0] == 0xe0)
    low = 0xa0;
  else if (p[0] == 0xed)
    high = 0x9f; /* surrogates */
  else if (p[0] == 0xf0)
    low = 0x90;
  else if (p[0] == 0xf4)
    high = 0x8f;
  if (p[1] < low || p[1] > high)
    return json_check_refuse (check, "text is not UTF-8");
  for (guint i = 2; i < length; i++) {
    if (p[i] < 0x80 || p[i] > 0xbf)
      return json_check_refuse (check, "text is not UTF-8");
  }
  check->at += length;
  return TRUE;
}

static gboolean
json_check_unicode_digits (JsonCheck *check, const guint8 *at)
{
  if (check->end - at < 6 || at[0] != '\\' || at[1] != 'u')
    return FALSE;
  for (guint i = 2; i < 6; i++) {
    if (!g_ascii_isxdigit ((char)at[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
json_check_escape (JsonCheck *check)
{
  guint unit;

  if (check->end - check->at < 2)
    return json_check_refuse (check, "a string is not closed");
  if (check->at[1] != 'u') {
    if (!check->at[1] || !strchr ("\"\\/bfnrt", check->at[1]))
      return json_check_refuse (check, "a string has an unknown escape");
    check->at += 2;
    return TRUE;
  }
  if (!json_check_unicode_digits (check, check->at))
    return json_check_refuse (check, "\\u needs four hexadecimal digits");
  unit = json_key_hex (check->at + 2);
  if (unit == 0)
    return json_check_refuse (check, "a string holds NUL");
  if (unit >= 0xdc00 && unit <= 0xdfff)
    return json_check_refuse (check, "a string holds half a surrogate pair");
  if (unit >= 0xd800 && unit <= 0xdbff) {
    guint next =
        json_check_unicode_digits (check, check->at + 6) ? json_key_hex (check->at + 8) : 0;

    if (next < 0xdc00 || next > 0xdfff)
      return json_check_refuse (check, "a string holds half a surrogate pair");
    check->at += 6;
  }
  check->at += 6;
  return TRUE;
}

static gboolean
json_check_string (JsonCheck *check)
{
  check->at++;
  while (check->at < check->end) {
    guint8 c = *check->at;

    if (c == '"') {
      check->at++;
      return TRUE;
    }
    if (c < 0x20)
      return json_check_refuse (check, "a string holds a control character");
    if (c == '\\') {
      if (!json_check_escape (check))
        return FALSE;
    } else if (c >= 0x80) {
      if (!json_check_utf8 (check))
        return FALSE;
    } else {
      check->at++;
    }
  }
  return json_check_refuse (check, "a string is not closed");
}

static gsize
json_check_digits (JsonCheck *check)
{
  const guint8 *start = check->at;

  while (check->at < check->end && g_ascii_isdigit ((char)*check->at))
    check->at++;
  return (gsize)(check->at - start);
}

static gboolean
json_check_integer (JsonCheck *check, const guint8 *digits, gsize n_digits, gboolean negative)
{
  guint64 value = 0;

  for (gsize i = 0; i < n_digits && n_digits <= 19; i++)
    value = value * 10 + (guint64)(digits[i] - '0');
  if (n_digits > 19 || value > (guint64)G_MAXINT64 + (negative ? 1 : 0))
    return json_check_refuse (check, "an integer does not fit into 64 bits");
  return TRUE;
}

/* TRUE if the real from FROM (its digits, perhaps a dot) times 10^EXPONENT is finite. Only near
 * the border are its digits looked at, all that can matter. */
static gboolean
json_check_is_finite (const guint8 *from, const guint8 *to, gint64 exponent)
{
  char digits[JSON_CHECK_DIGITS + 32];
  gint64 magnitude = -1; /* of the first digit that is not 0: 10^magnitude */
  gint64 place = 0;
  guint n = 0;
  gboolean more = FALSE, seen_dot = FALSE;

  for (const guint8 *p = from; p < to; p++) {
    if (*p == '.') {
      seen_dot = TRUE;
      continue;
    }
    if (!seen_dot && (n > 0 || *p != '0'))
      magnitude++;
    if (seen_dot && n == 0)
      place--;
    if (n == 0 && *p == '0')
      continue;
    if (n < JSON_CHECK_DIGITS)
      digits[n++] = (char)*p;
    else
      more = more || *p != '0';
  }
  if (n == 0)
    return TRUE;
  exponent += magnitude >= 0 ? magnitude : place;
  if (exponent != 308)
    return exponent < 308;
  if (more)
    digits[n++] = '1';
  g_snprintf (digits + n, 32, "e%d", 308 - (int)(n - 1));
  return isfinite (g_ascii_strtod (digits, NULL));
}

static gboolean
json_check_number (JsonCheck *check)
{
  gboolean negative = *check->at == '-', is_real = FALSE;
  const guint8 *digits, *mantissa_end;
  gint64 exponent = 0;
  gsize n_digits;

  if (negative)
    check->at++;
  digits = check->at;
  n_digits = json_check_digits (check);
  if (n_digits == 0)
    return json_check_refuse (check, "a number has no digits");
  if (digits[0] == '0' && n_digits > 1)
    return json_check_refuse (check, "a number begins with 0");
  if (check->at < check->end && *check->at == '.') {
    is_real = TRUE;
    check->at++;
    if (json_check_digits (check) == 0)
      return json_check_refuse (check, "a number has no digits after its point");
  }
  mantissa_end = check->at;
  if (check->at < check->end && (*check->at == 'e' || *check->at == 'E')) {
    gboolean down = FALSE;
    const guint8 *power;

    is_real = TRUE;
    check->at++;
    if (check->at < check->end && (*check->at == '+' || *check->at == '-'))
      down = *check->at++ == '-';
    power = check->at;
    if (json_check_digits (check) == 0)
      return json_check_refuse (check, "a number has no digits in its exponent");
    for (; power < check->at && exponent < G_GINT64_CONSTANT (1) << 40; power++)
      exponent = exponent * 10 + (*power - '0');
    if (down)
      exponent = -exponent;
  }
  if (!is_real)
    return json_check_integer (check, digits, n_digits, negative);
  if (!json_check_is_finite (digits, mantissa_end, exponent))
    return json_check_refuse (check, "a number is too large");
  return TRUE;
}

static gboolean
json_check_word (JsonCheck *check, const char *word)
{
  gsize length = strlen (word);

  if ((gsize)(check->end - check->at) < length || memcmp (check->at, word, length) != 0)
    return json_check_refuse (check, "a value is expected");
  check->at += length;
  return TRUE;
}

static void
json_check_blanks (JsonCheck *check)
{
  while (check->at < check->end &&
         (*check->at == ' ' || *check->at == '\n' || *check->at == '\r' || *check->at == '\t'))
    check->at++;
}

static gboolean
json_check_count (JsonCheck *check)
{
  if (check->nodes >= check->limits.max_nodes)
    return json_check_refuse (check, "too many values");
  check->nodes++;
  return TRUE;
}

static gboolean
json_check_is_object (const JsonCheck *check)
{
  guint level = check->depth - 1;

  return (check->is_object[level / 8] >> (level % 8)) & 1;
}

static gboolean
json_check_open (JsonCheck *check, gboolean is_object)
{
  guint level = check->depth;

  if (level >= check->limits.max_depth)
    return json_check_refuse (check, "nested too deeply");
  check->is_object[level / 8] &= (guint8) ~(1u << (level % 8));
  if (is_object) {
    check->is_object[level / 8] |= (guint8)(1u << (level % 8));
    check->object_of[level] = ++check->n_objects;
  }
  check->depth++;
  check->at++;
  return TRUE;
}

/* A key and its colon; the value is next. */
static gboolean
json_check_key (JsonCheck *check)
{
  const guint8 *key = check->at;
  const char *why;

  if (check->at >= check->end || *key != '"')
    return json_check_refuse (check, "a key is expected");
  if (!json_check_count (check) || !json_check_string (check))
    return FALSE;
  why = json_keys_add (&check->keys, check->text, (gsize)(key + 1 - check->text),
                       check->object_of[check->depth - 1]);
  if (why) {
    check->at = key;
    return json_check_refuse (check, why);
  }
  json_check_blanks (check);
  if (check->at >= check->end || *check->at != ':')
    return json_check_refuse (check, "a colon is expected");
  check->at++;
  json_check_blanks (check);
  return TRUE;
}

/* One value that is no container, or the opening of one: then *RET_OPENED. */
static gboolean
json_check_value (JsonCheck *check, gboolean *ret_opened)
{
  *ret_opened = FALSE;
  if (check->at >= check->end)
    return json_check_refuse (check, "a value is expected");
  if (!json_check_count (check))
    return FALSE;
  switch (*check->at) {
  case '{':
  case '[':
    *ret_opened = TRUE;
    return json_check_open (check, *check->at == '{');
  case '"':
    return json_check_string (check);
  case 't':
    return json_check_word (check, "true");
  case 'f':
    return json_check_word (check, "false");
  case 'n':
    return json_check_word (check, "null");
  default:
    if (*check->at != '-' && !g_ascii_isdigit ((char)*check->at))
      return json_check_refuse (check, "a value is expected");
    return json_check_number (check);
  }
}

/* After a value: closes levels, or steps over a comma up to where the next value begins. */
static gboolean
json_check_after_value (JsonCheck *check, gboolean just_opened)
{
  for (;;) {
    gboolean is_object;

    json_check_blanks (check);
    if (check->depth == 0)
      return TRUE;
    is_object = json_check_is_object (check);
    if (check->at >= check->end)
      return json_check_refuse (check,
                                is_object ? "an object is not closed" : "an array is not closed");
    if (*check->at == (is_object ? '}' : ']')) {
      check->at++;
      check->depth--;
      just_opened = FALSE;
      continue;
    }
    if (!just_opened) {
      if (*check->at != ',')
        return json_check_refuse (check, "a comma is expected");
      check->at++;
      json_check_blanks (check);
    }
    return is_object ? json_check_key (check) : TRUE;
  }
}

static gboolean
json_check_document (JsonCheck *check)
{
  gboolean opened;

  json_check_blanks (check);
  if (check->at >= check->end)
    return json_check_refuse (check, "the text is empty");
  do {
    if (!json_check_value (check, &opened) || !json_check_after_value (check, opened))
      return FALSE;
  } while (check->depth > 0);
  if (check->at < check->end)
    return json_check_refuse (check, "something follows the value");
  return TRUE;
}

gboolean
json_check (
    const char *text, gsize length, JsonLimits limits, gsize *ret_offset, const char **ret_why)
{
  JsonCheck check;
  gboolean good;

  check.text = check.at = (const guint8 *)text;
  check.end = check.text + length;
  check.limits = limits;
  check.limits.max_depth = MIN (limits.max_depth, JSON_CHECK_MAX_DEPTH);
  check.why = NULL;
  check.depth = check.nodes = check.n_objects = 0;
  json_keys_init (&check.keys);
  if (length > JSON_CHECK_MAX_LENGTH)
    good = json_check_refuse (&check, "the text is too long");
  else
    good = json_check_document (&check);
  json_keys_clear (&check.keys);
  if (!good && ret_offset)
    *ret_offset = (gsize)(check.at - check.text);
  if (!good && ret_why)
    *ret_why = check.why;
  return good;
}
