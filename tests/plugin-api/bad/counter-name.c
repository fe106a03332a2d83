/* SPDX-License-Identifier: Apache-2.0 */
/* counter-name: a counter that does not say so. */
#include <daedalus-plugin.h>

static const DaeMetric metrics[] = {
  { .name = "requests", .type = DAE_COUNTER, .help = "Requests" },
};

DAE_PLUGIN_DEFINE (.name = "counter-name",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .metrics = DAE_TABLE (metrics));
