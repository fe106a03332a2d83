/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-sign: the canonical request, its hash, and a key that is made for one day and region. */
#include "store-s3-sign.h"

#include <string.h>

#define S3_SIGN_DAY 8 /* characters of a stamp */

char *
s3_sign_encode (const char *text, gboolean path)
{
  GString *out = g_string_new (NULL);

  for (; *text != '\0'; text++) {
    guint8 c = (guint8)*text;

    if (g_ascii_isalnum (c) || strchr ("-_.~", c) != NULL || (path && c == '/'))
      g_string_append_c (out, (char)c);
    else
      g_string_append_printf (out, "%%%02X", c);
  }
  return g_string_free (out, FALSE);
}

char *
s3_sign_stamp (gint64 time)
{
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC);

  return g_date_time_format (when, "%Y%m%dT%H%M%SZ");
}

static char *
s3_sign_names (const S3Signed *headers, guint n_headers)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < n_headers; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ";" : "", headers[i].name);
  return g_string_free (names, FALSE);
}

static char *
s3_sign_canonical (const char *method,
                   const char *path,
                   const char *query,
                   const S3Signed *headers,
                   guint n_headers,
                   const char *names,
                   const char *payload)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%s\n%s\n%s\n", method, path, query);
  for (guint i = 0; i < n_headers; i++)
    g_string_append_printf (text, "%s:%s\n", headers[i].name, headers[i].value);
  g_string_append_printf (text, "\n%s\n%s", names, payload);
  return g_string_free (text, FALSE);
}

static void
s3_sign_hmac (guint8 key[32], const char *text)
{
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA256, key, 32);
  gsize length = 32;

  g_hmac_update (hmac, (const guchar *)text, (gssize)strlen (text));
  g_hmac_get_digest (hmac, key, &length);
  g_hmac_unref (hmac);
}

static void
s3_sign_day_key (const S3Account *account, const char *day, guint8 ret_key[32])
{
  g_autofree char *secret = g_strconcat ("AWS4", account->secret_key, NULL);
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA256, (const guchar *)secret, strlen (secret));
  gsize length = 32;

  g_hmac_update (hmac, (const guchar *)day, (gssize)strlen (day));
  g_hmac_get_digest (hmac, ret_key, &length);
  g_hmac_unref (hmac);
  explicit_bzero (secret, strlen (secret));
  s3_sign_hmac (ret_key, account->region);
  s3_sign_hmac (ret_key, "s3");
  s3_sign_hmac (ret_key, "aws4_request");
}

char *
s3_sign (const S3Account *account,
         const char *method,
         const char *path,
         const char *query,
         const S3Signed *headers,
         guint n_headers,
         const char *payload,
         const char *stamp)
{
  g_autofree char *day = g_strndup (stamp, S3_SIGN_DAY);
  g_autofree char *scope = g_strdup_printf ("%s/%s/s3/aws4_request", day, account->region);
  g_autofree char *names = s3_sign_names (headers, n_headers);
  g_autofree char *canonical =
      s3_sign_canonical (method, path, query, headers, n_headers, names, payload);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, canonical, -1);
  g_autofree char *text = g_strdup_printf ("AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hash);
  g_autofree char *signature = NULL;
  guint8 key[32];

  s3_sign_day_key (account, day, key);
  signature = g_compute_hmac_for_string (G_CHECKSUM_SHA256, key, sizeof key, text, -1);
  explicit_bzero (key, sizeof key);
  return g_strdup_printf ("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                          account->access_key, scope, names, signature);
}
