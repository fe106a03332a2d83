/* SPDX-License-Identifier: Apache-2.0 */
/* start-fails: is configured, but cannot start. */
#include <daedalus-plugin.h>

static gboolean
start (DaePlugin *self, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the lamp is broken");
  return FALSE;
}

DAE_PLUGIN_DEFINE (.name = "start-fails",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .start = start);
