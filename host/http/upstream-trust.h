/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-trust: whose word is taken on who an https:// upstream is. */
#pragma once

#include <gio/gio.h>

/* The system's authorities and those in FILE (PEM). */
GTlsDatabase *upstream_trust_new (const char *file, GError **error);
/* What is wrong with a peer's certificate, in words. */
const char *upstream_trust_why (GTlsCertificateFlags flags);
