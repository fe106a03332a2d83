/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-order: from what plugins need, want and provide to the order in which they live.
 *
 * Knows names only. A need that nobody provides is the caller's to find.
 */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;
  const char *const *needs;    /* services, NULL-ended; or NULL */
  const char *const *wants;
  const char *const *provides;
} PluginNode;

/* Fills RET_ORDER with the indices of the N nodes so that providers come before those who need them,
 * and before those who want them where that makes no cycle; ties by name. FALSE if needs make a
 * cycle: *RET_CYCLE (owned) is its path, "a needs x/1 from b, b needs y/1 from a", and *RET_MEMBERS
 * (owned) its names. */
gboolean plugin_order (const PluginNode *nodes, guint n, guint *ret_order, char **ret_cycle, char ***ret_members);
