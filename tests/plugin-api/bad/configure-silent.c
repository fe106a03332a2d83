/* SPDX-License-Identifier: Apache-2.0 */
/* configure-silent: refuses its configuration and does not say why. */
#include <daedalus-plugin.h>

static gboolean
configure (DaePlugin *self, GError **error)
{
  return FALSE;
}

DAE_PLUGIN_DEFINE (.name = "configure-silent",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .configure = configure);
