/* SPDX-License-Identifier: Apache-2.0 */
/* constructor-aborts: kills whoever loads it. */
#include <daedalus-plugin.h>
#include <stdlib.h>

static void __attribute__ ((constructor)) abort_at_once (void)
{
  abort ();
}

DAE_PLUGIN_DEFINE (.name = "constructor-aborts",
                   .version = "1.0",
                   .summary = "A plugin for a test");
