/* SPDX-License-Identifier: Apache-2.0 */
/* store-user: needs a store. */
#include <daedalus-plugin.h>

static const char *const needs[] = { "store/1", NULL };

DAE_PLUGIN_DEFINE (.name = "store-user",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .needs = needs);
