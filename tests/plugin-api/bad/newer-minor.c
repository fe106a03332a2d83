/* SPDX-License-Identifier: Apache-2.0 */
/* newer-minor: asks for more than this host has. */
#define DAE_ABI_MINOR_REQUIRED 3
#include <daedalus-plugin.h>

DAE_PLUGIN_DEFINE (.name = "newer-minor", .version = "1.0", .summary = "A plugin for a test");
