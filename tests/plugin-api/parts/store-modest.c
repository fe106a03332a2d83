/* SPDX-License-Identifier: Apache-2.0 */
/* store-modest: provides what store-plain provides too, and gives way. */
#include <daedalus-plugin.h>

static const struct {
  guint32 struct_size;
} vtable = { sizeof vtable };
static const DaeService provides[] = { { "store/1", &vtable, DAE_SERVICE_GIVES_WAY } };

DAE_PLUGIN_DEFINE (.name = "store-modest",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .provides = DAE_TABLE (provides));
