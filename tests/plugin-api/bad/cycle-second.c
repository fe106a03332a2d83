/* SPDX-License-Identifier: Apache-2.0 */
/* cycle-second: needs its twin, which needs it. */
#include <daedalus-plugin.h>

static const struct {
  guint32 struct_size;
} vtable = { sizeof vtable };
static const DaeService provides[] = { { "second/1", &vtable } };
static const char *const needs[] = { "first/1", NULL };

DAE_PLUGIN_DEFINE (.name = "cycle-second",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .needs = needs,
                   .provides = DAE_TABLE (provides));
