/* SPDX-License-Identifier: Apache-2.0 */
/* sha256: SHA-256 of bytes as they come. libcrypto's is several times as fast as GLib's where the
 * processor has instructions for it, and large files pass here. */
#pragma once

#include <glib.h>

#define SHA256_HEX_SIZE 65

typedef struct Sha256 Sha256;

Sha256 *sha256_new (void);
void sha256_add (Sha256 *sum, const void *bytes, gsize length);
/* The sum in hexadecimal; then it begins anew. */
void sha256_finish (Sha256 *sum, char ret_hex[SHA256_HEX_SIZE]);
void sha256_free (Sha256 *sum);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sha256, sha256_free)
