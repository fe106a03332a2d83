/* SPDX-License-Identifier: Apache-2.0 */
/* short-rows: its rows are shorter than any that were released. */
#include <daedalus-plugin.h>

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/short" },
};

DAE_PLUGIN_DEFINE (.name = "short-rows",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = { routes, 1, 16 });
