/* SPDX-License-Identifier: Apache-2.0 */
/* metric-clash: counts in a family of the host's. */
#include <daedalus-plugin.h>

static const DaeMetric metrics[] = {
  { .name = "plugin_faults_total", .type = DAE_COUNTER, .help = "Faults" },
};

DAE_PLUGIN_DEFINE (.name = "metric-clash",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .metrics = DAE_TABLE (metrics));
