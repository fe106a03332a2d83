/* SPDX-License-Identifier: Apache-2.0 */
/* configure-fails: refuses its configuration and says why. */
#include <daedalus-plugin.h>

static gboolean
configure (DaePlugin *self, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "bucket and directory cannot both be set");
  return FALSE;
}

DAE_PLUGIN_DEFINE (.name = "configure-fails",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .configure = configure);
