/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-url: the addresses that outgoing requests may have.
 *
 * Stricter than a URI parser: what would have to be repaired is refused, so
 * that nothing in an address can become part of another line of a request.
 */
#include "upstream-url.h"

#include "http-head.h"

#include <string.h>

static const char *
upstream_url_after (const char *text, const char *scheme)
{
  gsize length = strlen (scheme);

  return g_ascii_strncasecmp (text, scheme, length) == 0 ? text + length : NULL;
}

static gboolean
upstream_url_set_host (UpstreamUrl *url)
{
  const char *colon = strrchr (url->authority, ':'), *bracket = strrchr (url->authority, ']');

  if (!http_head_is_authority (url->authority, strlen (url->authority)))
    return FALSE;
  url->port = url->tls ? 443 : 80;
  if (colon != NULL && (bracket == NULL || colon > bracket))
    url->port = (guint16)g_ascii_strtoull (colon + 1, NULL, 10);
  else
    colon = url->authority + strlen (url->authority);
  if (bracket != NULL)
    url->host = g_strndup (url->authority + 1, (gsize)(bracket - url->authority - 1));
  else
    url->host = g_strndup (url->authority, (gsize)(colon - url->authority));
  url->origin = g_strdup_printf ("%s://%s:%u", url->tls ? "https" : "http", url->host, url->port);
  return TRUE;
}

static gboolean
upstream_url_set_socket (UpstreamUrl *url)
{
  url->socket_path = g_uri_unescape_string (url->authority, NULL);
  if (url->socket_path == NULL || url->socket_path[0] != '/')
    return FALSE;
  g_free (url->authority);
  url->authority = g_strdup ("localhost");
  url->origin = g_strconcat ("unix:", url->socket_path, NULL);
  return TRUE;
}

UpstreamUrl *
upstream_url_parse (const char *text, GError **error)
{
  UpstreamUrl *url = g_new0 (UpstreamUrl, 1);
  gboolean is_unix = FALSE, ok = FALSE;
  const char *rest = upstream_url_after (text, "http://");

  if (rest == NULL && (rest = upstream_url_after (text, "https://")) != NULL)
    url->tls = TRUE;
  if (rest == NULL && (rest = upstream_url_after (text, "http+unix://")) != NULL)
    is_unix = TRUE;
  if (rest != NULL) {
    gsize length = strcspn (rest, "/?");

    url->authority = g_strndup (rest, length);
    url->target =
        rest[length] == '/' ? g_strdup (rest + length) : g_strconcat ("/", rest + length, NULL);
    ok = is_unix ? upstream_url_set_socket (url) : upstream_url_set_host (url);
    for (const char *c = url->target; *c != '\0'; c++)
      if (*c <= 0x20 || *c >= 0x7f || *c == '#')
        ok = FALSE;
  }
  if (ok)
    return url;
  upstream_url_free (url);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "the address is not an http, https or http+unix URL");
  return NULL;
}

void
upstream_url_free (UpstreamUrl *url)
{
  if (url == NULL)
    return;
  g_free (url->origin);
  g_free (url->authority);
  g_free (url->host);
  g_free (url->socket_path);
  g_free (url->target);
  g_free (url);
}
