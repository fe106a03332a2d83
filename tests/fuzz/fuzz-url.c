/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of upstreams: what is taken can be written into a request. */
#include "fuzz.h"

#include "http/http-head.h"
#include "http/upstream-url.h"

#include <string.h>

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *)data, size), *request = NULL;
  g_autoptr (GError) error = NULL;
  UpstreamUrl *url = upstream_url_parse (text, &error);
  HttpHead head;

  MUST ((url == NULL) == (error != NULL));
  if (url == NULL)
    return 0;
  MUST (url->origin != NULL && url->target[0] == '/');
  MUST ((url->host == NULL) == (url->socket_path != NULL));
  MUST (url->host == NULL || url->port > 0);
  MUST (strpbrk (url->target, " \r\n\t#") == NULL);
  MUST (http_head_is_authority (url->authority, strlen (url->authority)));
  request = g_strdup_printf ("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", url->authority);
  http_head_begin_request (&head);
  MUST (http_head_feed (&head, request, strlen (request)) == HTTP_HEAD_OK);
  upstream_url_free (url);
  return 0;
}
