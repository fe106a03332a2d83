/* SPDX-License-Identifier: Apache-2.0 */
/* double-setting: a key twice, a key of the host, and a fallback that does not fit. */
#include <daedalus-plugin.h>

static const DaeSetting settings[] = {
  { .key = "size", .help = "Size" },
  { .key = "size", .help = "Size" },
  { .key = "enabled", .help = "Enabled" },
  { .key = "wait", .type = DAE_SETTING_DURATION, .fallback = "5", .help = "Wait" },
};

DAE_PLUGIN_DEFINE (.name = "double-setting",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .settings = DAE_TABLE (settings));
