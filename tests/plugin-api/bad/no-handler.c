/* SPDX-License-Identifier: Apache-2.0 */
/* no-handler: a route without a handler. */
#include <daedalus-plugin.h>

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/neither" },
};

DAE_PLUGIN_DEFINE (.name = "no-handler",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
