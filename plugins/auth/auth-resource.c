/* SPDX-License-Identifier: Apache-2.0 */
/* auth-resource: where MCP clients learn who signs tokens for this host (RFC 9728; MCP,
 * authorization). Without an issuer there is nothing to learn: tokens are made in the page.
 */
#include "auth.h"

#include <string.h>

#define RESOURCE_WELL_KNOWN "/.well-known/oauth-protected-resource"
#define RESOURCE_MCP        "/api/mcp"

char *
auth_resource_challenge (DaePlugin *self, DaeRequest *req, const char *error)
{
  const char *path = dae_request_path (req);
  gsize length = strlen (RESOURCE_MCP);
  GString *text = g_string_new ("Bearer realm=\"daedalus\"");

  if (error != NULL)
    g_string_append_printf (text, ", error=\"%s\"", error);
  if (dae_setting_text (self, "issuer") != NULL && strncmp (path, RESOURCE_MCP, length) == 0 &&
      (path[length] == '\0' || path[length] == '/') &&
      strspn (path, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == strlen (path))
    g_string_append_printf (text, ", resource_metadata=\"%s" RESOURCE_WELL_KNOWN "%s\"",
                            dae_host_info (self)->base_url, path);
  return g_string_free (text, FALSE);
}

/* The path of the resource is what follows the well-known one (RFC 9728, 3.1). */
DaeOutcome
auth_resource_show (DaeRequest *req, DaePlugin *self)
{
  const char *issuer = dae_setting_text (self, "issuer");
  const char *path = dae_request_path (req) + strlen (RESOURCE_WELL_KNOWN);
  g_autofree char *resource = g_strconcat (dae_host_info (self)->base_url, path, NULL);
  DaeJson *json;

  if (issuer == NULL)
    return dae_send (req, dae_reply_not_found (req));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "resource", resource);
  dae_json_text (json, "resource_name", "Daedalus");
  dae_json_begin_array (json, "authorization_servers");
  dae_json_text (json, NULL, issuer);
  dae_json_end (json);
  dae_json_begin_array (json, "bearer_methods_supported");
  dae_json_text (json, NULL, "header");
  dae_json_end (json);
  dae_json_end (json);
  return dae_send (req, dae_reply_json (req, 200, json));
}
