/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-api: the table of functions. Each slot here checks what a plugin hands
 * over, then forwards; slots on requests, JSON, statements and outgoing calls
 * are put in by the rooms that own them.
 */
#include <string.h>

#include "../data/database.h"
#include "../http/json-write.h"
#include "../http/limit.h"
#include "../http/request.h"
#include "../http/upstream.h"
#include "../observe/health.h"
#include "../observe/metrics.h"
#include "../process/bus.h"
#include "../process/job.h"
#include "plugin-private.h"
#include "uuid7.h"

#define PLUGIN_HINT_MAX 512

static gboolean
plugin_on_loop (DaePlugin *self)
{
  return plugin_private ((Plugin *)self)->set->loop == g_thread_self ();
}

/* Before `start` has returned: data may then still be set. */
static gboolean
plugin_is_young (DaePlugin *self)
{
  return ((Plugin *)self)->state <= PLUGIN_CONFIGURED;
}

static gpointer
plugin_slot_data (DaePlugin *self)
{
  return ((Plugin *)self)->data;
}

static void
plugin_slot_set_data (DaePlugin *self, gpointer data, GDestroyNotify free_data)
{
  Plugin *plugin = (Plugin *)self;

  g_return_if_fail (plugin_on_loop (self) && plugin_is_young (self));
  if (plugin->data != NULL && plugin->free_data != NULL && plugin->data != data)
    plugin->free_data (plugin->data);
  plugin->data = data;
  plugin->free_data = free_data;
}

static gpointer
plugin_slot_state (DaePlugin *self)
{
  /* another thread would race with the loop: stopping here beats corrupt memory later */
  g_assert (plugin_on_loop (self));
  return ((Plugin *)self)->loop_state;
}

static void
plugin_slot_set_state (DaePlugin *self, gpointer state, GDestroyNotify free_state)
{
  Plugin *plugin = (Plugin *)self;

  g_return_if_fail (plugin_on_loop (self));
  if (plugin->loop_state != NULL && plugin->free_state != NULL && plugin->loop_state != state)
    plugin->free_state (plugin->loop_state);
  plugin->loop_state = state;
  plugin->free_state = free_state;
}

static gboolean
plugin_asks_for (Plugin *plugin, const char *name)
{
  const DaePluginInfo *info = &plugin->info;

  return (info->needs != NULL && g_strv_contains (info->needs, name)) ||
         (info->wants != NULL && g_strv_contains (info->wants, name));
}

static gconstpointer
plugin_slot_service (DaePlugin *self, const char *name, DaePlugin **ret_provider)
{
  Plugin *provider = NULL;
  gconstpointer vtable;

  g_return_val_if_fail (name != NULL && plugin_asks_for ((Plugin *)self, name), NULL);
  vtable = plugin_set_service (plugin_private ((Plugin *)self)->set, name, &provider);
  if (vtable != NULL && ret_provider != NULL)
    *ret_provider = &provider->base;
  return vtable;
}

static const DaeHostInfo *
plugin_slot_host_info (DaePlugin *self)
{
  return &((Plugin *)self)->host->info;
}

static guint
plugin_slot_timer (DaePlugin *self, guint ms, DaeTimerFunc func, gpointer data)
{
  g_return_val_if_fail (plugin_on_loop (self) && func != NULL, 0);
  return plugin_timer_add ((Plugin *)self, ms, func, data);
}

static void
plugin_slot_timer_cancel (DaePlugin *self, guint timer)
{
  g_return_if_fail (plugin_on_loop (self));
  plugin_timer_cancel ((Plugin *)self, timer);
}

static void
plugin_slot_job_wake (DaePlugin *self, const char *job)
{
  Plugin *plugin = (Plugin *)self;

  g_return_if_fail (plugin_on_loop (self) && job != NULL && plugin->host->jobs != NULL);
  jobs_wake (plugin->host->jobs, plugin, job);
}

static gboolean
plugin_is_announce_key (const char *key)
{
  return key != NULL && *key != '\0' && strspn (key, "abcdefghijklmnopqrstuvwxyz-") == strlen (key);
}

static void
plugin_slot_announce (DaePlugin *self, const char *key, const char *text)
{
  Plugin *plugin = (Plugin *)self;

  g_return_if_fail (plugin_on_loop (self) && plugin_is_announce_key (key));
  g_return_if_fail (text == NULL || strlen (text) <= 4096);
  if (plugin->host->announce != NULL)
    plugin->host->announce (key, text);
}

static void
plugin_slot_derive_secret (DaePlugin *self, const char *label, guint8 *ret_32_bytes)
{
  Plugin *plugin = (Plugin *)self;
  GHmac *hmac;
  gsize length = 32;

  g_return_if_fail (label != NULL && ret_32_bytes != NULL);
  hmac = g_hmac_new (G_CHECKSUM_SHA256, plugin->host->secret, sizeof plugin->host->secret);
  g_hmac_update (hmac, (const guchar *)plugin->name, (gssize)strlen (plugin->name) + 1);
  g_hmac_update (hmac, (const guchar *)label, -1);
  g_hmac_get_digest (hmac, ret_32_bytes, &length);
  g_hmac_unref (hmac);
}

static gint64
plugin_slot_now (DaePlugin *self)
{
  return g_get_real_time ();
}

static void
plugin_slot_uuid7 (DaePlugin *self, char *ret_37_bytes)
{
  g_return_if_fail (ret_37_bytes != NULL);
  uuid7_new (ret_37_bytes);
}

static char *
plugin_slot_internal_url (DaePlugin *self, const char *path)
{
  Plugin *plugin = (Plugin *)self;
  g_autofree char *socket = g_uri_escape_string (
      plugin->host->internal_socket != NULL ? plugin->host->internal_socket : "", NULL, FALSE);

  g_return_val_if_fail (path != NULL && path[0] == '/', NULL);
  return g_strconcat ("http+unix://", socket, path, NULL);
}

static const char *
plugin_slot_name (DaePlugin *self)
{
  return ((Plugin *)self)->name;
}

static const char *
plugin_slot_setting_text (DaePlugin *self, const char *key)
{
  Plugin *plugin = (Plugin *)self;

  return config_text (plugin->host->config, plugin_private (plugin)->group, key);
}

static gint64
plugin_slot_setting_int (DaePlugin *self, const char *key)
{
  Plugin *plugin = (Plugin *)self;

  return config_int (plugin->host->config, plugin_private (plugin)->group, key);
}

static const char *const *
plugin_slot_setting_list (DaePlugin *self, const char *key)
{
  Plugin *plugin = (Plugin *)self;

  return config_list (plugin->host->config, plugin_private (plugin)->group, key);
}

static const char *const *
plugin_slot_instances (DaePlugin *self, const char *prefix)
{
  return config_instances (((Plugin *)self)->host->config, prefix);
}

static const char *
plugin_slot_instance_text (DaePlugin *self, const char *prefix, const char *name, const char *key)
{
  g_autofree char *group = g_strconcat (prefix, " ", name, NULL);

  return config_text (((Plugin *)self)->host->config, group, key);
}

static gint64
plugin_slot_instance_int (DaePlugin *self, const char *prefix, const char *name, const char *key)
{
  g_autofree char *group = g_strconcat (prefix, " ", name, NULL);

  return config_int (((Plugin *)self)->host->config, group, key);
}

static gboolean
plugin_slot_setting_has_address (DaePlugin *self, const char *key, const char *address)
{
  Plugin *plugin = (Plugin *)self;

  return config_has_address (plugin->host->config, plugin_private (plugin)->group, key, address);
}

static void
plugin_slot_log (
    gpointer about, GLogLevelFlags level, const char *text, const DaeField *fields, guint n_fields)
{
  g_return_if_fail (about != NULL && text != NULL);
  plugin_held_log (about, level, text, fields, n_fields);
}

static DaeSeries *
plugin_slot_series (DaePlugin *self,
                    const char *metric,
                    const char *const *label_values,
                    guint n_values)
{
  Plugin *plugin = (Plugin *)self;
  MetricsFamily *family = g_hash_table_lookup (plugin_private (plugin)->metrics, metric);
  DaeSeries *series;

  if (family == NULL)
    g_error ("plugin %s counts in \"%s\", which it has not declared", plugin->name, metric);
  series = (DaeSeries *)metrics_series (family, label_values, n_values);
  series->api = plugin_api ();
  return series;
}

static void
plugin_slot_series_add (DaeSeries *series, double by)
{
  plugin_held_count (series, PLUGIN_HELD_ADD, by);
}

static void
plugin_slot_series_set (DaeSeries *series, double to)
{
  plugin_held_count (series, PLUGIN_HELD_SET, to);
}

static void
plugin_slot_series_observe (DaeSeries *series, double value)
{
  plugin_held_count (series, PLUGIN_HELD_OBSERVE, value);
}

static GBytes *
plugin_slot_metrics_text (DaePlugin *self, const char *accept, const char **ret_type)
{
  Plugin *plugin = (Plugin *)self;
  const char *type;
  GBytes *text;

  g_return_val_if_fail (plugin_on_loop (self), NULL);
  if (plugin->host->health != NULL)
    health_is_ready (plugin->host->health); /* daedalus_up and plugin_up as they are now */
  plugin_set_collect (plugin_private (plugin)->set);
  metrics_refresh_process (plugin->host->metrics);
  text = metrics_render (plugin->host->metrics, accept, &type);
  if (ret_type != NULL)
    *ret_type = type;
  return text;
}

static void
plugin_slot_work (DaePlugin *self,
                  DaeRequest *req,
                  guint32 flags,
                  DaeWork work,
                  gconstpointer input,
                  GDestroyNotify free_input,
                  GDestroyNotify free_result,
                  DaeWorkDone done,
                  gpointer data)
{
  g_return_if_fail (plugin_on_loop (self) && work != NULL && done != NULL);
  g_return_if_fail (((Plugin *)self)->host->database != NULL);
  plugin_work ((Plugin *)self, req, flags, work, input, free_input, free_result, done, data);
}

static gboolean
plugin_is_hint (const char *topic, const char *text)
{
  return topic != NULL && *topic != '\0' &&
         strlen (topic) + (text != NULL ? strlen (text) : 0) + 1 <= PLUGIN_HINT_MAX;
}

static void
plugin_slot_publish (DaeTx *tx, const char *topic, const char *text)
{
  g_return_if_fail (plugin_is_hint (topic, text));
  plugin_held_publish (tx, topic, text != NULL ? text : "");
}

static void
plugin_slot_hint (DaePlugin *self, const char *topic, const char *text)
{
  g_return_if_fail (plugin_on_loop (self) && plugin_is_hint (topic, text));
  bus_publish (((Plugin *)self)->host->bus, topic, text != NULL ? text : "");
}

static guint
plugin_slot_subscribe (DaePlugin *self, const char *topic, DaeTopicFunc func, gpointer data)
{
  g_return_val_if_fail (plugin_on_loop (self) && plugin_is_hint (topic, NULL) && func != NULL, 0);
  g_return_val_if_fail (((Plugin *)self)->host->bus != NULL, 0);
  return plugin_subscribe ((Plugin *)self, topic, func, data);
}

static void
plugin_slot_unsubscribe (DaePlugin *self, guint subscription)
{
  g_return_if_fail (plugin_on_loop (self));
  plugin_unsubscribe ((Plugin *)self, subscription);
}

/* What a newer plugin may ask for besides is not limited here. */
static gboolean
plugin_slot_limit_take (DaePlugin *self, guint32 what)
{
  Plugin *plugin = (Plugin *)self;

  g_return_val_if_fail (plugin_on_loop (self), FALSE);
  if (what != DAE_LIMIT_TURNS)
    return TRUE;
  if (limits_take (plugin->host->limits, LIMIT_TURNS, "") == 0) {
    limits_tell (plugin->host->limits, LIMIT_TURNS, NULL);
    return FALSE;
  }
  plugin_private (plugin)->shares++;
  return TRUE;
}

static void
plugin_slot_limit_give (DaePlugin *self, guint32 what)
{
  Plugin *plugin = (Plugin *)self;

  g_return_if_fail (plugin_on_loop (self));
  if (what != DAE_LIMIT_TURNS)
    return;
  g_return_if_fail (plugin_private (plugin)->shares > 0);
  plugin_private (plugin)->shares--;
  limits_give (plugin->host->limits, limits_share (plugin->host->limits, LIMIT_TURNS, ""));
}

static void
plugin_slot_block (DaePlugin *self, DaeBlock work, DaeBlockDone done, gpointer data)
{
  g_return_if_fail (plugin_on_loop (self) && work != NULL && done != NULL);
  plugin_block ((Plugin *)self, work, done, data);
}

static void
plugin_api_fill_own (DaeApi *api)
{
  api->data = plugin_slot_data;
  api->set_data = plugin_slot_set_data;
  api->state = plugin_slot_state;
  api->set_state = plugin_slot_set_state;
  api->service = plugin_slot_service;
  api->host_info = plugin_slot_host_info;
  api->timer = plugin_slot_timer;
  api->timer_cancel = plugin_slot_timer_cancel;
  api->job_wake = plugin_slot_job_wake;
  api->announce = plugin_slot_announce;
  api->derive_secret = plugin_slot_derive_secret;
  api->now = plugin_slot_now;
  api->uuid7 = plugin_slot_uuid7;
  api->internal_url = plugin_slot_internal_url;
  api->name = plugin_slot_name;
  api->setting_text = plugin_slot_setting_text;
  api->setting_int = plugin_slot_setting_int;
  api->setting_list = plugin_slot_setting_list;
  api->instances = plugin_slot_instances;
  api->instance_text = plugin_slot_instance_text;
  api->instance_int = plugin_slot_instance_int;
  api->setting_has_address = plugin_slot_setting_has_address;
  api->log = plugin_slot_log;
  api->series = plugin_slot_series;
  api->series_add = plugin_slot_series_add;
  api->series_set = plugin_slot_series_set;
  api->series_observe = plugin_slot_series_observe;
  api->metrics_text = plugin_slot_metrics_text;
  api->work = plugin_slot_work;
  api->publish = plugin_slot_publish;
  api->hint = plugin_slot_hint;
  api->subscribe = plugin_slot_subscribe;
  api->unsubscribe = plugin_slot_unsubscribe;
  api->limit_take = plugin_slot_limit_take;
  api->limit_give = plugin_slot_limit_give;
  api->block = plugin_slot_block;
  api->people_merge = plugin_people_merge;
}

/* A slot that nobody has filled would be a crash in some plugin, some day. */
static void
plugin_api_assert_full (const DaeApi *api)
{
  const gsize first = G_STRUCT_OFFSET (DaeApi, data);

  for (gsize at = first; at < sizeof *api; at += sizeof (gpointer)) {
    if (*(const gpointer *)((const guint8 *)api + at) == NULL)
      g_error ("slot %" G_GSIZE_FORMAT " of the plugin API is empty",
               (at - first) / sizeof (gpointer));
  }
}

const DaeApi *
plugin_api (void)
{
  static DaeApi api;
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    api.struct_size = sizeof api;
    api.abi_minor = DAE_ABI_MINOR;
    plugin_api_fill_own (&api);
    request_fill_api (&api);
    json_write_fill_api (&api);
    database_fill_api (&api);
    upstream_fill_api (&api);
    plugin_api_assert_full (&api);
    g_once_init_leave (&once, 1);
  }
  return &api;
}
