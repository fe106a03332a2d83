/* SPDX-License-Identifier: Apache-2.0 */
/* files-name: which names files may have, and what kind of file it is.
 *
 * A name is one part of a path on every system and reads as what it is: no
 * separators, nothing that does not show, nothing that turns the reading round.
 */
#include "files.h"

#include <string.h>

#define NAME_MAX_BYTES 255

static const char *
file_name_fault (gunichar c)
{
  if (c == '/' || c == '\\')
    return "has a slash in it";
  if (g_unichar_iscntrl (c) || c == 0x2028 || c == 0x2029)
    return "has a control character in it";
  if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
      (c >= 0x2066 && c <= 0x2069))
    return "has a character in it that changes the direction of the text";
  if (c == 0xfffe || c == 0xffff)
    return "has a character in it that XML cannot hold";
  return NULL;
}

static gboolean
file_name_has_no_width (gunichar c)
{
  return (c >= 0x200b && c <= 0x200d) || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff;
}

/* Nothing but blanks and dots: it does not show, or names a folder. */
static gboolean
file_name_is_bare (const char *name)
{
  for (; *name != '\0'; name = g_utf8_next_char (name)) {
    gunichar c = g_utf8_get_char (name);

    if (c != '.' && !g_unichar_isspace (c) && !file_name_has_no_width (c))
      return FALSE;
  }
  return TRUE;
}

char *
file_name_take (const char *text, const char **ret_why)
{
  g_autofree char *name = /* which alone lets surrogates pass */
      g_utf8_validate (text, -1, NULL) ? g_utf8_normalize (text, -1, G_NORMALIZE_NFC) : NULL;

  *ret_why = NULL;
  if (!name)
    *ret_why = "is no UTF-8";
  else if (file_name_is_bare (g_strstrip (name)))
    *ret_why = "is nothing but blanks and dots";
  else if (strlen (name) > NAME_MAX_BYTES)
    *ret_why = "has more than 255 bytes";
  for (const char *at = name; !*ret_why && *at != '\0'; at = g_utf8_next_char (at))
    *ret_why = file_name_fault (g_utf8_get_char (at));
  return *ret_why ? NULL : g_steal_pointer (&name);
}

typedef struct {
  const char *type;
  guint8 at, length;
  const char *bytes;
} Magic;

static const Magic magics[] = {
  { "image/png", 0, 8, "\x89PNG\r\n\x1a\n" },
  { "image/jpeg", 0, 3, "\xff\xd8\xff" },
  { "image/gif", 0, 6, "GIF87a" },
  { "image/gif", 0, 6, "GIF89a" },
  { "image/webp", 8, 4, "WEBP" },
  { "image/avif", 4, 8, "ftypavif" },
  { "application/pdf", 0, 5, "%PDF-" },
  { "application/gzip", 0, 3, "\x1f\x8b\x08" },
  { "application/zip", 0, 4, "PK\x03\x04" },
};

/* What is a zip inside goes by its name. */
static const struct {
  const char *end, *type;
  gboolean is_text;
} kinds[] = {
  { ".csv", "text/csv", TRUE },
  { ".css", "text/css", TRUE },
  { ".html", "text/html", TRUE },
  { ".htm", "text/html", TRUE },
  { ".js", "text/javascript", TRUE },
  { ".json", "application/json", TRUE },
  { ".md", "text/markdown", TRUE },
  { ".svg", "image/svg+xml", TRUE },
  { ".xml", "application/xml", TRUE },
  { ".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", FALSE },
  { ".odt", "application/vnd.oasis.opendocument.text", FALSE },
  { ".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", FALSE },
  { ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", FALSE },
};

static const char *
file_type_of_name (const char *name, gboolean is_text)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (kinds[i].is_text == is_text && g_str_has_suffix (lower, kinds[i].end))
      return kinds[i].type;
  }
  return NULL;
}

/* UTF-8 without control characters; the last character may be cut. */
static gboolean
file_type_is_text (const guint8 *head, gsize length, gboolean is_whole)
{
  const char *end;

  for (gsize i = 0; i < length; i++) {
    if (head[i] < 0x20 && !strchr ("\t\n\r\f\x1b", head[i]))
      return FALSE;
    if (head[i] == 0)
      return FALSE;
  }
  return g_utf8_validate ((const char *)head, (gssize)length, &end) ||
         (!is_whole && (const char *)head + length - end < 4);
}

const char *
file_type_guess (const char *name, const guint8 *head, gsize length, gboolean is_whole)
{
  const char *type = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (magics) && !type; i++) {
    if (length >= (gsize)magics[i].at + magics[i].length &&
        memcmp (head + magics[i].at, magics[i].bytes, magics[i].length) == 0)
      type = magics[i].type;
  }
  if (g_strcmp0 (type, "application/zip") == 0) {
    const char *inside = file_type_of_name (name, FALSE);

    return inside ? inside : type;
  }
  if (type)
    return type;
  if (!file_type_is_text (head, length, is_whole))
    return "application/octet-stream";
  type = file_type_of_name (name, TRUE);
  return type ? type : "text/plain";
}

gboolean
file_type_is_safe (const char *type)
{
  static const char *const safe[] = { "image/png",  "image/jpeg", "image/gif",
                                      "image/webp", "image/avif", "text/plain" };

  for (guint i = 0; i < G_N_ELEMENTS (safe); i++) {
    if (g_str_equal (type, safe[i]))
      return TRUE;
  }
  return FALSE;
}
