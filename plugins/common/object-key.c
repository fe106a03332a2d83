/* SPDX-License-Identifier: Apache-2.0 */
/* object-key: the one rule that all stores share. */
#include "object-key.h"

#include <string.h>

gboolean
object_key_is_valid (const char *key)
{
  gsize length = strlen (key);

  if (length == 0 || length > OBJECT_KEY_MAX || !g_utf8_validate (key, (gssize)length, NULL))
    return FALSE;
  for (const char *name = key;; name++) {
    gsize n = strcspn (name, "/");

    if (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
      return FALSE;
    name += n;
    if (*name == '\0')
      return TRUE;
  }
}
