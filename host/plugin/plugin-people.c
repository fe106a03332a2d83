/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-people: one person under two subjects becomes one, in the rows of all who keep any. */
#include "../data/idempotency.h"
#include "plugin-private.h"

const char *
plugin_people_merge (DaeTx *tx, const char *from, const char *to)
{
  Plugin *asking = (Plugin *)tx->api->tx_plugin (tx);
  GPtrArray *all = plugin_private (asking)->set->order;

  for (guint i = 0; i < all->len; i++) {
    Plugin *plugin = all->pdata[i];
    PluginFile *file = plugin_private (plugin)->file;

    if (file != NULL && file->info.merge_people != NULL && !plugin_is_working (plugin))
      return plugin->name;
  }
  idempotency_forget (tx, from);
  for (guint i = 0; i < all->len; i++) {
    Plugin *plugin = all->pdata[i];
    PluginFile *file = plugin_private (plugin)->file;

    if (file != NULL && file->info.merge_people != NULL)
      file->info.merge_people (tx, &plugin->base, from, to);
  }
  return NULL;
}
