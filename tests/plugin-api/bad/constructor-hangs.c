/* SPDX-License-Identifier: Apache-2.0 */
/* constructor-hangs: keeps whoever loads it. */
#include <daedalus-plugin.h>
#include <unistd.h>

static void __attribute__ ((constructor)) hang (void)
{
  for (;;)
    pause ();
}

DAE_PLUGIN_DEFINE (.name = "constructor-hangs", .version = "1.0", .summary = "A plugin for a test");
