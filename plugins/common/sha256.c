/* SPDX-License-Identifier: Apache-2.0 */
/* sha256: over libcrypto, which alone is included here. */
#include "sha256.h"

#include <openssl/evp.h>

struct Sha256 {
  EVP_MD_CTX *context;
};

static void
sha256_begin (Sha256 *sum)
{
  if (EVP_DigestInit_ex (sum->context, EVP_sha256 (), NULL) != 1)
    g_error ("libcrypto offers no SHA-256");
}

Sha256 *
sha256_new (void)
{
  Sha256 *sum = g_new0 (Sha256, 1);

  sum->context = EVP_MD_CTX_new ();
  sha256_begin (sum);
  return sum;
}

void
sha256_add (Sha256 *sum, const void *bytes, gsize length)
{
  EVP_DigestUpdate (sum->context, bytes, length);
}

void
sha256_finish (Sha256 *sum, char ret_hex[SHA256_HEX_SIZE])
{
  guint8 digest[EVP_MAX_MD_SIZE];
  guint length = 0;

  EVP_DigestFinal_ex (sum->context, digest, &length);
  for (guint i = 0; i < length; i++) {
    ret_hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    ret_hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  ret_hex[2 * length] = '\0';
  sha256_begin (sum);
}

void
sha256_free (Sha256 *sum)
{
  if (sum == NULL)
    return;
  EVP_MD_CTX_free (sum->context);
  g_free (sum);
}
