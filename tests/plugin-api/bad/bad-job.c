/* SPDX-License-Identifier: Apache-2.0 */
/* bad-job: a job with nothing to do. */
#include <daedalus-plugin.h>

static const DaeJob jobs[] = {
  { .name = "sweep", .every_ms = 1000 },
};

DAE_PLUGIN_DEFINE (.name = "bad-job",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .jobs = DAE_TABLE (jobs));
