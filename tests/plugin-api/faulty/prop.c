/* SPDX-License-Identifier: Apache-2.0 */
/* prop: another plugin needs it, and it crashes when it is asked to. */
#include "prop.h"

static void
prop_fall (DaePlugin *self)
{
  *(volatile char *)NULL = 1;
}

static const Prop1 vtable = { sizeof vtable, prop_fall };
static const DaeService provides[] = { { "prop/1", &vtable } };

static DaeOutcome
prop_show (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_empty (req, 204));
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/prop", .loop = prop_show },
};

DAE_PLUGIN_DEFINE (.name = "prop",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .provides = DAE_TABLE (provides),
                   .routes = DAE_TABLE (routes));
