/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-block: dae_block, work that may wait for a disk and needs no transaction, on threads of
 * its own, so that slow files hold up neither the loop nor the database's threads.
 *
 * Each call is a source of the loop that its thread makes ready: no lock besides GLib's.
 */
#include "plugin-private.h"

#define PLUGIN_BLOCK_THREADS 4

typedef struct {
  Plugin *plugin;
  DaeBlock work;
  DaeBlockDone done;
  gpointer data;
  GSource *source; /* owned */
  GList link;      /* in PluginSet.blocks */
} PluginBlock;

/* On a thread of the pool. */
static void
plugin_block_run (gpointer pointer, gpointer unused)
{
  PluginBlock *call = pointer;

  call->work (&call->plugin->base, call->data);
  g_source_set_ready_time (call->source, 0);
}

static void
plugin_block_free (PluginSet *set, PluginBlock *call)
{
  g_queue_unlink (&set->blocks, &call->link);
  g_source_destroy (call->source);
  g_source_unref (call->source);
  g_free (call);
}

static gboolean
plugin_block_done (gpointer pointer)
{
  PluginBlock *call = pointer;
  Plugin *plugin = call->plugin;
  DaeBlockDone done = call->done;
  gpointer data = call->data;

  plugin_block_free (plugin_private (plugin)->set, call);
  plugin_enter (plugin, "block done");
  done (&plugin->base, data);
  plugin_leave (plugin);
  plugin->in_flight--;
  return G_SOURCE_REMOVE;
}

static gboolean
plugin_block_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  return func (data);
}

void
plugin_block (Plugin *plugin, DaeBlock work, DaeBlockDone done, gpointer data)
{
  static GSourceFuncs funcs = { .dispatch = plugin_block_dispatch };
  PluginSet *set = plugin_private (plugin)->set;
  PluginBlock *call = g_new0 (PluginBlock, 1);

  *call = (PluginBlock){ plugin, work, done, data, g_source_new (&funcs, sizeof (GSource)), { 0 } };
  call->link.data = call;
  g_queue_push_tail_link (&set->blocks, &call->link);
  plugin->in_flight++;
  g_source_set_callback (call->source, plugin_block_done, call, NULL);
  g_source_attach (call->source, NULL);
  if (set->block_pool == NULL)
    set->block_pool = g_thread_pool_new (plugin_block_run, NULL, PLUGIN_BLOCK_THREADS, FALSE, NULL);
  /* a thread that cannot be made now is made later; with none at all nothing would ever run */
  if (!g_thread_pool_push (set->block_pool, call, NULL) &&
      g_thread_pool_get_num_threads (set->block_pool) == 0)
    g_error ("no thread can be made for blocking work");
}

guint
plugin_set_blocks (PluginSet *set)
{
  return g_queue_get_length (&set->blocks);
}

void
plugin_block_clear (PluginSet *set)
{
  if (set->block_pool != NULL)
    g_thread_pool_free (set->block_pool, FALSE, TRUE);
  set->block_pool = NULL;
  while (set->blocks.head != NULL)
    plugin_block_free (set, set->blocks.head->data);
}
