/* SPDX-License-Identifier: Apache-2.0 */
/* store-fancy: provides what store-plain provides too, once it has its settings. */
#include <daedalus-plugin.h>

static const struct {
  guint32 struct_size;
} vtable = { sizeof vtable };
static const DaeService provides[] = { { "store/1", &vtable } };
static const DaeSetting settings[] = {
  { .key = "bucket", .flags = DAE_SETTING_REQUIRED, .help = "Where things go" },
};

DAE_PLUGIN_DEFINE (.name = "store-fancy",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .provides = DAE_TABLE (provides),
                   .settings = DAE_TABLE (settings));
