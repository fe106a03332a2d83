/* SPDX-License-Identifier: Apache-2.0 */
/* auth-proxy: people by the headers of a trusted proxy.
 *
 * The proxy deletes what clients send under these names and sets its own, so a
 * name that comes twice is a proxy that does not, and is refused.
 */
#include "auth.h"

#include <string.h>

#define AUTH_MAX_GROUPS 500

gboolean
auth_proxy_has_headers (const AuthData *data, DaeRequest *req)
{
  for (guint i = 0; i < AUTH_N_HEADERS; i++) {
    if (dae_request_header_count (req, data->headers[i]) > 0)
      return TRUE;
  }
  return dae_request_header_count (req, data->subject_header) > 0;
}

gboolean
auth_proxy_is_believed (DaePlugin *self, DaeRequest *req)
{
  const AuthData *data = dae_data (self);
  const char *shown, *why = NULL;
  gboolean fits = FALSE;

  if (!dae_request_from_trusted_proxy (req)) {
    why = "not from a trusted proxy";
  } else if (data->secrets[0] || data->secrets[1]) {
    shown = dae_request_header (req, dae_setting_text (self, "proxy-secret-header"));
    for (guint i = 0; i < G_N_ELEMENTS (data->secrets); i++)
      fits |= shown && data->secrets[i] && auth_is_secret (data->secrets[i], shown);
    why = fits ? NULL : "without the proxy's secret";
  }
  if (!why)
    return TRUE;
  dae_series_add (data->ignored_headers, 1);
  dae_log (req, G_LOG_LEVEL_INFO, "identity headers ignored", DAE_S ("reason", why));
  return FALSE;
}

/* Borrowed from REQ; NULL if absent or empty. */
static const char *
auth_proxy_value (DaeRequest *req, const char *name)
{
  const char *value = dae_request_header (req, name);

  return value && *value ? value : NULL;
}

static DaeReply *
auth_proxy_check_one (DaeRequest *req, const char *name)
{
  const char *value = dae_request_header (req, name);

  if (dae_request_header_count (req, name) > 1)
    return dae_reply_problem (req, 400, "identity_header_doubled",
                              "the proxy sent an identity header twice");
  if (value && !auth_is_plain (value))
    return dae_reply_problem (
        req, 400, "identity_header_invalid",
        "an identity header is not UTF-8, holds control characters or is too long");
  return NULL;
}

static DaeReply *
auth_proxy_check (const AuthData *data, DaeRequest *req)
{
  const char *subject = auth_proxy_value (req, data->subject_header);
  DaeReply *reply = NULL;

  for (guint i = 0; i <= AUTH_N_HEADERS && !reply; i++)
    reply =
        auth_proxy_check_one (req, i < AUTH_N_HEADERS ? data->headers[i] : data->subject_header);
  if (reply)
    return reply;
  if (subject && !auth_is_subject (subject))
    return dae_reply_problem (req, 400, "identity_header_invalid",
                              "the user's name in the identity header cannot be used");
  return NULL;
}

/* Items between commas, without spaces around them: owned. */
static char **
auth_proxy_groups (const char *value)
{
  g_autoptr (GPtrArray) groups = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) parts = g_strsplit (value ? value : "", ",", AUTH_MAX_GROUPS + 1);

  for (guint i = 0; parts[i] && i < AUTH_MAX_GROUPS; i++) {
    const char *group = g_strstrip (parts[i]);

    if (*group)
      g_ptr_array_add (groups, g_strdup (group));
  }
  g_ptr_array_add (groups, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&groups), FALSE);
}

void
auth_proxy_identify (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data)
{
  const AuthData *data = dae_data (self);
  DaeReply *refusal = auth_proxy_check (data, req);
  g_auto (GStrv) groups = NULL;
  DaeUser user = { .struct_size = sizeof user, .method = "proxy" };

  user.subject = auth_proxy_value (req, data->subject_header);
  if (refusal || !user.subject) {
    done (req, NULL, refusal, user_data);
    return;
  }
  user.email = auth_proxy_value (req, data->headers[AUTH_HEADER_EMAIL]);
  user.name = auth_proxy_value (req, data->headers[AUTH_HEADER_NAME]);
  if (!user.name)
    user.name = user.email ? user.email : user.subject;
  groups = auth_proxy_groups (auth_proxy_value (req, data->headers[AUTH_HEADER_GROUPS]));
  user.groups = (const char *const *)groups;
  if (auth_is_admin (data, &user))
    user.flags |= DAE_USER_ADMIN;
  auth_people_seen (self, &user);
  done (req, &user, NULL, user_data);
}
