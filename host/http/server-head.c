/* SPDX-License-Identifier: Apache-2.0 */
/* server-head: heads of answers that go past libsoup, and which headers may be in any head. */
#include "server-private.h"

#include "../observe/log.h"

gboolean
server_owns_header (const char *name)
{
  static const char *const owned[] = { "Connection", "Content-Length",    "Date",   "Keep-Alive",
                                       "Trailer",    "Transfer-Encoding", "Upgrade" };

  for (guint i = 0; i < G_N_ELEMENTS (owned); i++)
    if (g_ascii_strcasecmp (name, owned[i]) == 0)
      return TRUE;
  return FALSE;
}

static void
server_log_unsound (const ServerHeader *header)
{
  log_line (G_LOG_LEVEL_WARNING, "a header of an answer was left out: it has control bytes",
            DAE_S ("header", header->name));
}

gboolean
server_header_is_sound (const ServerHeader *header)
{
  if (header_is_sound (header->name, header->value))
    return TRUE;
  server_log_unsound (header);
  return FALSE;
}

GString *
server_head_begin (ServerCall *call, guint status)
{
  Server *server = call->server;
  GString *head = server->head;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  if (now != server->date_at) {
    server->date_at = now;
    header_date (now, server->date);
  }
  g_string_printf (head, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status, http_head_phrase (status),
                   server->date);
  return head;
}

void
server_head_add (GString *head, const ServerHeader *headers, guint n_headers)
{
  for (guint i = 0; i < n_headers; i++)
    if (!server_owns_header (headers[i].name) &&
        !header_write (head, headers[i].name, headers[i].value))
      server_log_unsound (&headers[i]);
}

void
server_head_end (const ServerCall *call, GString *head)
{
  if (!call->keep)
    g_string_append (head, "Connection: close\r\n");
  else if (call->minor == 0)
    g_string_append (head, "Connection: keep-alive\r\n");
  g_string_append (head, "\r\n");
}
