/* SPDX-License-Identifier: Apache-2.0 */
/* agents-capability: base64url (fields) "." base64url (HMAC-SHA256 of what stands before the
 * point).
 *
 * The fields are separated by line feeds; the subject, which alone may hold any character but
 * that, is the last. A subject with a line feed gets no token.
 */
#include "agents-capability.h"

#include <string.h>

#define CAPABILITY_MAX 2048
#define CAPABILITY_MAC 32

static char *
capability_encode (const guint8 *bytes, gsize length)
{
  char *text = g_base64_encode (bytes, length);

  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

/* Ends with a NUL that is not counted; NULL if TEXT is not base64url. */
static guint8 *
capability_decode (const char *text, gsize length, gsize *ret_length)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  static const char *const padding[] = { "", "", "==", "=" };
  g_autofree char *plain = g_strndup (text, length);
  g_autofree char *padded = NULL;
  guint8 *bytes;

  if (strspn (plain, letters) != length || length % 4 == 1)
    return NULL;
  g_strdelimit (plain, "-", '+');
  g_strdelimit (plain, "_", '/');
  padded = g_strconcat (plain, padding[length % 4], NULL);
  bytes = g_base64_decode (padded, ret_length);
  bytes = g_realloc (bytes, *ret_length + 1);
  bytes[*ret_length] = '\0';
  return bytes;
}

static void
capability_sign (const guint8 key[32],
                 const char *text,
                 gsize length,
                 guint8 ret_mac[CAPABILITY_MAC])
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key, 32);
  gsize size = CAPABILITY_MAC;

  g_hmac_update (hmac, (const guchar *)text, (gssize)length);
  g_hmac_get_digest (hmac, ret_mac, &size);
}

char *
capability_make (const guint8 key[32],
                 const char *agent,
                 const char *subject,
                 const char *workspace_id,
                 const char *conversation_id,
                 gint64 expires_at)
{
  g_autofree char *fields = g_strdup_printf (
      "1\n%s\n%s\n%s\n%" G_GINT64_FORMAT "\n%s", agent, workspace_id != NULL ? workspace_id : "",
      conversation_id != NULL ? conversation_id : "", expires_at, subject != NULL ? subject : "");
  g_autofree char *head = capability_encode ((const guint8 *)fields, strlen (fields));
  g_autofree char *tail = NULL;
  guint8 mac[CAPABILITY_MAC];

  capability_sign (key, head, strlen (head), mac);
  tail = capability_encode (mac, sizeof mac);
  return g_strconcat (head, ".", tail, NULL);
}

static gboolean
capability_same (const guint8 *a, const guint8 *b)
{
  guint8 differs = 0;

  for (gsize i = 0; i < CAPABILITY_MAC; i++)
    differs |= a[i] ^ b[i];
  return differs == 0;
}

static gboolean
capability_read (char *fields, const char *agent, gint64 now, DaeCapability *ret)
{
  g_auto (GStrv) parts = g_strsplit (fields, "\n", -1);
  DaeCapability read = { 0 };

  if (g_strv_length (parts) != 6 || strcmp (parts[0], "1") != 0 || strcmp (parts[1], agent) != 0)
    return FALSE;
  read.expires_at = g_ascii_strtoll (parts[4], NULL, 10);
  if (read.expires_at <= now ||
      g_strlcpy (read.workspace_id, parts[2], sizeof read.workspace_id) >=
          sizeof read.workspace_id ||
      g_strlcpy (read.conversation_id, parts[3], sizeof read.conversation_id) >=
          sizeof read.conversation_id ||
      g_strlcpy (read.subject, parts[5], sizeof read.subject) >= sizeof read.subject)
    return FALSE;
  *ret = read;
  return TRUE;
}

gboolean
capability_check (
    const guint8 key[32], const char *agent, const char *token, gint64 now, DaeCapability *ret)
{
  const char *point = token != NULL ? strchr (token, '.') : NULL;
  g_autofree guint8 *fields = NULL;
  g_autofree guint8 *given = NULL;
  guint8 mac[CAPABILITY_MAC];
  gsize length, fields_length;

  if (point == NULL || strlen (token) > CAPABILITY_MAX)
    return FALSE;
  given = capability_decode (point + 1, strlen (point + 1), &length);
  if (given == NULL || length != CAPABILITY_MAC)
    return FALSE;
  capability_sign (key, token, (gsize)(point - token), mac);
  if (!capability_same (mac, given))
    return FALSE;
  fields = capability_decode (token, (gsize)(point - token), &fields_length);
  if (fields == NULL || memchr (fields, '\0', fields_length) != NULL)
    return FALSE;
  return capability_read ((char *)fields, agent, now, ret);
}
