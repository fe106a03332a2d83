/* SPDX-License-Identifier: Apache-2.0 */
/* nameless: says nothing about itself. */
#include <daedalus-plugin.h>

DAE_PLUGIN_DEFINE (.name = NULL);
