/* SPDX-License-Identifier: Apache-2.0 */
/* auth-subject: what people may be called, and who of them is an administrator. */
#include "auth.h"

#include <string.h>

#define AUTH_MAX_VALUE 8192

gboolean
auth_is_plain (const char *text)
{
  if (strlen (text) > AUTH_MAX_VALUE || !g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return FALSE;
  }
  return TRUE;
}

/* What the local person made is not for whoever takes that name elsewhere. */
gboolean
auth_is_subject (const char *subject)
{
  return *subject && strlen (subject) <= AUTH_MAX_SUBJECT &&
         !g_str_has_prefix (subject, AUTH_INVITATION) && strcmp (subject, AUTH_LOCAL_SUBJECT) != 0;
}

gboolean
auth_is_admin (const AuthData *data, const DaeUser *user)
{
  if (g_hash_table_contains (data->admins, user->subject) ||
      (user->email && g_hash_table_contains (data->admins, user->email)))
    return TRUE;
  for (const char *const *group = user->groups; *group; group++) {
    if (g_hash_table_contains (data->admin_groups, *group))
      return TRUE;
  }
  return FALSE;
}
