/* SPDX-License-Identifier: Apache-2.0 */
/* missing-service: needs what nobody provides. */
#include <daedalus-plugin.h>

static const char *const needs[] = { "nobody/1", NULL };

DAE_PLUGIN_DEFINE (.name = "missing-service",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .needs = needs);
