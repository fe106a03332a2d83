/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-timer: timers and subscriptions, which belong to their plugin and end with it. Loop only.
 */
#include "../process/bus.h"
#include "plugin-private.h"

typedef struct {
  Plugin *plugin;
  DaeTimerFunc func;
  gpointer data;
  guint id;
} PluginTimer;

typedef struct {
  Plugin *plugin;
  DaeTopicFunc func;
  gpointer data;
  guint bus_id;
} PluginSubscription;

static gboolean
plugin_timer_run (gpointer data)
{
  PluginTimer *timer = data;
  Plugin *plugin = timer->plugin;
  guint id = timer->id;
  gboolean goes_on;

  plugin_enter (plugin, "timer");
  goes_on = timer->func (&plugin->base, timer->data);
  plugin_leave (plugin);
  /* it may have cancelled itself, and then TIMER is gone */
  if (!goes_on)
    plugin_timer_cancel (plugin, id);
  return goes_on;
}

static void
plugin_timer_end (gpointer data)
{
  GSource *source = data;

  g_source_destroy (source);
  g_source_unref (source);
}

guint
plugin_timer_add (Plugin *plugin, guint ms, DaeTimerFunc func, gpointer data)
{
  PluginPrivate *private = plugin_private (plugin);
  PluginTimer *timer = g_new0 (PluginTimer, 1);
  GSource *source = g_timeout_source_new (ms);

  if (private->timers == NULL)
  private->timers = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, plugin_timer_end);
  do
  private
  ->next_timer++;
  while (private->next_timer == 0 ||
         g_hash_table_contains (private->timers, GUINT_TO_POINTER (private->next_timer)))
    ;
  *timer = (PluginTimer){ plugin, func, data, private->next_timer };
  g_source_set_callback (source, plugin_timer_run, timer, g_free);
  g_source_attach (source, NULL);
  g_hash_table_insert (private->timers, GUINT_TO_POINTER (timer->id), source);
  return timer->id;
}

void
plugin_timer_cancel (Plugin *plugin, guint timer)
{
  PluginPrivate *private = plugin_private (plugin);

  if (private->timers != NULL)
    g_hash_table_remove (private->timers, GUINT_TO_POINTER (timer));
}

static void
plugin_subscription_run (const char *topic, const char *text, gpointer data)
{
  PluginSubscription *subscription = data;
  Plugin *plugin = subscription->plugin;

  plugin_enter (plugin, "topic");
  subscription->func (&plugin->base, topic, text, subscription->data);
  plugin_leave (plugin);
}

static void
plugin_subscription_end (gpointer data)
{
  PluginSubscription *subscription = data;

  bus_unsubscribe (subscription->plugin->host->bus, subscription->bus_id);
  g_free (subscription);
}

guint
plugin_subscribe (Plugin *plugin, const char *topic, DaeTopicFunc func, gpointer data)
{
  PluginPrivate *private = plugin_private (plugin);
  PluginSubscription *subscription = g_new0 (PluginSubscription, 1);

  if (private->subscriptions == NULL)
  private->subscriptions =
      g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, plugin_subscription_end);
  *subscription = (PluginSubscription){ plugin, func, data, 0 };
  subscription->bus_id =
      bus_subscribe (plugin->host->bus, topic, plugin_subscription_run, subscription);
  g_hash_table_insert (private->subscriptions, GUINT_TO_POINTER (subscription->bus_id),
                       subscription);
  return subscription->bus_id;
}

void
plugin_unsubscribe (Plugin *plugin, guint subscription)
{
  PluginPrivate *private = plugin_private (plugin);

  if (private->subscriptions != NULL)
    g_hash_table_remove (private->subscriptions, GUINT_TO_POINTER (subscription));
}

guint
plugin_timer_clear (Plugin *plugin)
{
  PluginPrivate *private = plugin_private (plugin);
  guint count = 0;

  if (private->timers != NULL) {
    count += g_hash_table_size (private->timers);
    g_hash_table_remove_all (private->timers);
  }
  if (private->subscriptions != NULL) {
    count += g_hash_table_size (private->subscriptions);
    g_hash_table_remove_all (private->subscriptions);
  }
  return count;
}
