/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-url: the addresses that outgoing requests may have. */
#pragma once

#include <gio/gio.h>

typedef struct {
  char *origin;      /* "http://host:80", "https://host:443" or "unix:/path": the key of a pool */
  char *authority;   /* as Host has it */
  char *host;        /* without brackets; NULL for a Unix socket */
  guint16 port;
  char *socket_path; /* NULL for TCP */
  gboolean tls;
  char *target;      /* path and query */
} UpstreamUrl;

/* NULL with G_IO_ERROR_INVALID_ARGUMENT if TEXT is not http://, https:// or
 * http+unix://PERCENT-ENCODED-SOCKET/path, has a user or a fragment, or a byte that must be
 * encoded. */
UpstreamUrl *upstream_url_parse (const char *text, GError **error);
void upstream_url_free (UpstreamUrl *url);
