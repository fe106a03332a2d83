/* SPDX-License-Identifier: Apache-2.0 */
/* short-struct: its descriptor ends before this ABI began. */
#include <daedalus-plugin.h>

G_MODULE_EXPORT extern const guint32 daedalus_plugin_1[4];
const guint32 daedalus_plugin_1[4] = { 16, 0 };
