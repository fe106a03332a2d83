/* SPDX-License-Identifier: Apache-2.0 */
/* other-major: built for an ABI that is not this one. */
#include <daedalus-plugin.h>

G_MODULE_EXPORT extern const DaePluginInfo daedalus_plugin_2;
const DaePluginInfo daedalus_plugin_2 = { .struct_size = sizeof (DaePluginInfo),
                                          .name = "other-major" };
