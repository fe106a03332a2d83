/* SPDX-License-Identifier: Apache-2.0 */
/* store-plain: provides what store-fancy provides too. */
#include <daedalus-plugin.h>

static const struct {
  guint32 struct_size;
} vtable = { sizeof vtable };
static const DaeService provides[] = { { "store/1", &vtable } };

DAE_PLUGIN_DEFINE (.name = "store-plain",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .provides = DAE_TABLE (provides));
