/* SPDX-License-Identifier: Apache-2.0 */
/* files-text: of each file its name, and of text its beginning, for those who search. */
#include "files.h"

#include <string.h>

gboolean
file_text_is_wanted (const char *type)
{
  return g_str_has_prefix (type, "text/") || g_str_equal (type, "application/json") ||
         g_str_equal (type, "application/xml");
}

/* Up to the first byte that is no text, or the character that was cut: owned. */
static char *
file_text_take (const GByteArray *bytes)
{
  const char *text = (const char *)bytes->data, *end;

  if (bytes->len == 0)
    return g_strdup ("");
  g_utf8_validate_len (text, bytes->len, &end); /* which NUL ends too */
  return g_strndup (text, (gsize)(end - text));
}

void
file_text_insert (DaeTx *tx, const FileRow *row, const GByteArray *bytes)
{
  g_autofree char *content = file_text_take (bytes);

  dae_exec_later (tx, "INSERT INTO file_text (file_id, name, content) VALUES ($1, $2, $3)",
                  DAE_UUID (row->id), DAE_TEXT (row->name), DAE_TEXT (content));
}
