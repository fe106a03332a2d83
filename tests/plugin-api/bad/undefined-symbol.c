/* SPDX-License-Identifier: Apache-2.0 */
/* undefined-symbol: linked without --no-undefined, it calls what nobody has. */
#include <daedalus-plugin.h>

void some_helper (void);

static gboolean
configure (DaePlugin *self, GError **error)
{
  some_helper ();
  return TRUE;
}

DAE_PLUGIN_DEFINE (.name = "undefined-symbol",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .configure = configure);
