/* SPDX-License-Identifier: Apache-2.0 */
/* misnamed: its file has another name than it. */
#include <daedalus-plugin.h>

DAE_PLUGIN_DEFINE (.name = "other", .version = "1.0", .summary = "A plugin for a test");
