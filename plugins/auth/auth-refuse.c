/* SPDX-License-Identifier: Apache-2.0 */
/* auth-refuse: credentials that are not believed. */
#include "auth.h"

#include <string.h>

const char *
auth_bearer (DaeRequest *req)
{
  const char *authorization = dae_request_header (req, "Authorization");

  if (!authorization || g_ascii_strncasecmp (authorization, "Bearer", 6) != 0 ||
      (authorization[6] != ' ' && authorization[6] != '\0'))
    return NULL;
  authorization += 6;
  return authorization + strspn (authorization, " ");
}

gboolean
auth_is_secret (const char *secret, const char *text)
{
  gsize length = strlen (secret), given = strlen (text);
  guint differ = length != given;

  for (gsize i = 0; i < length; i++)
    differ |= (guint)(secret[i] ^ (i < given ? text[i] : 0));
  return differ == 0;
}

DaeReply *
auth_refuse (DaePlugin *self, DaeRequest *req, const char *why)
{
  const AuthData *data = dae_data (self);
  DaeReply *reply = dae_reply_problem (req, 401, "invalid_token",
                                       "this credential is unknown, expired or revoked");
  g_autofree char *challenge = auth_resource_challenge (self, req, "invalid_token");

  dae_series_add (data->refused, 1);
  dae_log (req, G_LOG_LEVEL_INFO, "credential refused", DAE_S ("reason", why),
           DAE_S ("client", dae_request_client (req)));
  return dae_reply_header (reply, "WWW-Authenticate", challenge);
}
