/* SPDX-License-Identifier: Apache-2.0 */
/* leaves-timer: makes a timer while it stops. */
#include <daedalus-plugin.h>

static gboolean
tick (DaePlugin *self, gpointer data)
{
  return TRUE;
}

static gboolean
start (DaePlugin *self, GError **error)
{
  dae_timer (self, 60000, tick, NULL);
  return TRUE;
}

static void
stop (DaePlugin *self)
{
  dae_timer (self, 60000, tick, NULL);
}

DAE_PLUGIN_DEFINE (.name = "leaves-timer",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .start = start,
                   .stop = stop);
