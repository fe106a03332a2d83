/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-order: takes again and again the first node, by name, whose providers
 * are all placed. Where no such node is left, wishes give way; where that does not help, there is
 * a cycle of needs. A few dozen plugins make cubic time short.
 */
#include "plugin-order.h"

#include <string.h>

/* The node that provides SERVICE, or -1. */
static int
plugin_order_provider (const PluginNode *nodes, guint n, const char *service)
{
  for (guint i = 0; i < n; i++) {
    if (nodes[i].provides != NULL && g_strv_contains (nodes[i].provides, service))
      return (int)i;
  }
  return -1;
}

/* TRUE if all providers of SERVICES, but SELF, are placed. */
static gboolean
plugin_order_has_all (const PluginNode *nodes,
                      guint n,
                      const gboolean *placed,
                      guint self,
                      const char *const *services)
{
  for (; services != NULL && *services != NULL; services++) {
    int provider = plugin_order_provider (nodes, n, *services);

    if (provider >= 0 && (guint)provider != self && !placed[provider])
      return FALSE;
  }
  return TRUE;
}

/* The first node by name that can be placed now, or -1. */
static int
plugin_order_next (const PluginNode *nodes, guint n, const gboolean *placed, gboolean with_wants)
{
  int best = -1;

  for (guint i = 0; i < n; i++) {
    if (placed[i] || (best >= 0 && strcmp (nodes[i].name, nodes[best].name) > 0))
      continue;
    if (!plugin_order_has_all (nodes, n, placed, i, nodes[i].needs))
      continue;
    if (!with_wants || plugin_order_has_all (nodes, n, placed, i, nodes[i].wants))
      best = (int)i;
  }
  return best;
}

/* An unplaced provider that NODE waits for, and by which service. */
static guint
plugin_order_blocker (
    const PluginNode *nodes, guint n, const gboolean *placed, guint node, const char **ret_service)
{
  for (const char *const *need = nodes[node].needs; need != NULL && *need != NULL; need++) {
    int provider = plugin_order_provider (nodes, n, *need);

    if (provider >= 0 && (guint)provider != node && !placed[provider]) {
      *ret_service = *need;
      return (guint)provider;
    }
  }
  g_assert_not_reached ();
}

/* Follows needs from the first unplaced node until one comes up again; from there on it is the
 * cycle. */
static void
plugin_order_tell_cycle (
    const PluginNode *nodes, guint n, const gboolean *placed, char **ret_cycle, char ***ret_members)
{
  g_autofree gboolean *seen = g_new0 (gboolean, n);
  GString *path = g_string_new (NULL);
  GPtrArray *members = g_ptr_array_new ();
  const char *service;
  guint at = 0, first;

  while (placed[at])
    at++;
  while (!seen[at]) {
    seen[at] = TRUE;
    at = plugin_order_blocker (nodes, n, placed, at, &service);
  }
  first = at;
  do {
    guint provider = plugin_order_blocker (nodes, n, placed, at, &service);

    if (path->len > 0)
      g_string_append (path, ", ");
    g_string_append_printf (path, "%s needs %s from %s", nodes[at].name, service,
                            nodes[provider].name);
    g_ptr_array_add (members, g_strdup (nodes[at].name));
    at = provider;
  } while (at != first);
  g_ptr_array_add (members, NULL);
  *ret_cycle = g_string_free (path, FALSE);
  *ret_members = (char **)g_ptr_array_free (members, FALSE);
}

gboolean
plugin_order (
    const PluginNode *nodes, guint n, guint *ret_order, char **ret_cycle, char ***ret_members)
{
  g_autofree gboolean *placed = g_new0 (gboolean, n);

  for (guint i = 0; i < n; i++) {
    int next = plugin_order_next (nodes, n, placed, TRUE);

    if (next < 0)
      next = plugin_order_next (nodes, n, placed, FALSE);
    if (next < 0) {
      plugin_order_tell_cycle (nodes, n, placed, ret_cycle, ret_members);
      return FALSE;
    }
    placed[next] = TRUE;
    ret_order[i] = (guint)next;
  }
  return TRUE;
}
