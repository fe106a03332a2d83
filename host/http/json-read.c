/* SPDX-License-Identifier: Apache-2.0 */
/* json-read: since the text is good, nothing here looks for its end but by its brackets. */
#include "json-read.h"

#include <string.h>

#include "json-key.h"

static void
json_read_blanks (JsonRead *read)
{
  while (*read->at == ' ' || *read->at == '\n' || *read->at == '\r' || *read->at == '\t')
    read->at++;
}

void
json_read_init (JsonRead *read, const char *text)
{
  read->at = text;
  json_read_blanks (read);
}

JsonKind
json_read_kind (JsonRead *read)
{
  switch (*read->at) {
  case 'n':
    return JSON_NULL;
  case 'f':
    return JSON_FALSE;
  case 't':
    return JSON_TRUE;
  case '"':
    return JSON_STRING;
  case '[':
    return JSON_ARRAY;
  case '{':
    return JSON_OBJECT;
  default:
    return JSON_NUMBER;
  }
}

void
json_read_open (JsonRead *read)
{
  read->at++;
}

/* Steps over a comma or the bracket that ends the level: then FALSE. */
static gboolean
json_read_next (JsonRead *read)
{
  json_read_blanks (read);
  if (*read->at == ']' || *read->at == '}') {
    read->at++;
    return FALSE;
  }
  if (*read->at == ',')
    read->at++;
  json_read_blanks (read);
  return TRUE;
}

gboolean
json_read_item (JsonRead *read)
{
  return json_read_next (read);
}

gboolean
json_read_key (JsonRead *read, Arena *arena, const char **ret_key)
{
  if (!json_read_next (read))
    return FALSE;
  *ret_key = json_read_string (read, arena, NULL);
  json_read_blanks (read);
  read->at++; /* the colon */
  json_read_blanks (read);
  return TRUE;
}

static void
json_read_skip_string (JsonRead *read)
{
  for (read->at++; *read->at != '"'; read->at++) {
    if (*read->at == '\\')
      read->at++;
  }
  read->at++;
}

const char *
json_read_skip (JsonRead *read, gsize *ret_length)
{
  const char *start = read->at;
  guint depth = 0;

  do {
    char c = *read->at;

    if (c == '"') {
      json_read_skip_string (read);
    } else if (c == '[' || c == '{') {
      depth++;
      read->at++;
    } else if (c == ']' || c == '}') {
      depth--;
      read->at++;
    } else if (depth > 0) {
      read->at++;
    } else {
      while (g_ascii_isalnum (*read->at) || *read->at == '-' || *read->at == '+' ||
             *read->at == '.')
        read->at++;
    }
  } while (depth > 0);
  if (ret_length)
    *ret_length = (gsize)(read->at - start);
  return start;
}

/* Writes the character of the escape at FROM to TO; returns how many bytes each has. */
static gsize
json_read_escape (const char *from, char *to, gsize *ret_written)
{
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  gsize length = 6;
  gunichar c;

  if (from[1] != 'u') {
    *to = meanings[strchr (escapes, from[1]) - escapes];
    *ret_written = 1;
    return 2;
  }
  c = json_key_hex ((const guint8 *)from + 2);
  if (c >= 0xd800 && c <= 0xdbff) {
    c = 0x10000 + ((c - 0xd800) << 10) + (json_key_hex ((const guint8 *)from + 8) - 0xdc00);
    length = 12;
  }
  *ret_written = (gsize)g_unichar_to_utf8 (c, to);
  return length;
}

const char *
json_read_string (JsonRead *read, Arena *arena, gsize *ret_length)
{
  const char *from = read->at + 1;
  char *text, *to;

  json_read_skip_string (read);
  /* an escape is never shorter than what it stands for */
  text = to = arena_alloc (arena, (gsize)(read->at - from));
  while (from < read->at - 1) {
    gsize written = 1;

    if (*from == '\\') {
      from += json_read_escape (from, to, &written);
    } else {
      *to = *from++;
    }
    to += written;
  }
  *to = '\0';
  if (ret_length)
    *ret_length = (gsize)(to - text);
  return text;
}
