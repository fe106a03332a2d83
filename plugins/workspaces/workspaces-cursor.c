/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-cursor: what stands between two pages, opaque to clients. */
#include "workspaces.h"

#include <string.h>

#define CURSOR_MAX 500

char *
cursor_decode (const char *text)
{
  gsize length = strlen (text), size = 0;
  g_autofree guchar *bytes = NULL;

  if (length == 0 || length > CURSOR_MAX || length % 4 != 0 ||
      strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != length)
    return NULL;
  bytes = g_base64_decode (text, &size);
  if (size == 0 || !g_utf8_validate ((const char *)bytes, (gssize)size, NULL))
    return NULL;
  return g_strndup ((const char *)bytes, size);
}

gboolean
cursor_is_id (const char *text)
{
  gsize length = 0;

  for (; text[length]; length++) {
    gboolean is_dash = length == 8 || length == 13 || length == 18 || length == 23;

    if (is_dash ? text[length] != '-' : !strchr ("0123456789abcdef", text[length]))
      return FALSE;
  }
  return length == 36;
}

void
cursor_write (DaeJson *json, const char *position)
{
  g_autofree char *text =
      position ? g_base64_encode ((const guchar *)position, strlen (position)) : NULL;

  dae_json_text (json, "next", text);
}

DaeReply *
cursor_refuse (DaeRequest *req)
{
  DaeReply *reply =
      dae_reply_problem (req, 422, "cursor_invalid", "the cursor is not one of this list");

  return dae_reply_pointer (reply, "?cursor", "is not one of this list");
}
