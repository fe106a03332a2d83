/* SPDX-License-Identifier: Apache-2.0 */
/* plugin: the loaded plugins and their life.
 *
 * The same walk serves the checking child (up to configure) and each worker
 * (to start): load -> decide -> declare settings -> configure -> start.
 */
#pragma once

#include "../config/config.h"
#include "../host.h"

typedef enum {
  PLUGIN_FOUND = 0,
  PLUGIN_LOADED,
  PLUGIN_CONFIGURED,
  PLUGIN_STARTED,
  PLUGIN_DRAINING,
  PLUGIN_STOPPED,
  PLUGIN_FAILED,         /* why and remedy are set */
  PLUGIN_NOT_CONFIGURED, /* lacks a required setting, or its service was not chosen: why is set */
  PLUGIN_DISABLED,       /* enabled = false */
} PluginState;

/* Where a plugin's file is: FD (kept open by a generation, -1: none) has precedence over PATH. */
typedef struct {
  char *name;
  char *path;
  int fd;
} PluginSource;

struct Plugin {
  DaePlugin base; /* first: a DaePlugin * of the API is a Plugin * here */
  Host *host;
  PluginState state;
  char *name;
  char *version;
  char *why, *remedy;   /* owned, or NULL */
  DaePluginInfo info;   /* copied, zero-filled, tables normalized to this host's row sizes */
  PluginSource source;
  gpointer data, loop_state;
  GDestroyNotify free_data, free_state;
  gint64 quarantined_until; /* monotonic; its routes answer 503 and its jobs rest till then; loop only */
  gint in_flight;       /* requests, work and streams; loop only */
  gpointer priv;        /* plugin.c's own */
};

/* Files *.so of DIRECTORY, sorted, and each of EXTRA (paths; NULL-ended or NULL): owned array of
 * PluginSource. */
GPtrArray *plugin_sources (const char *directory, const char *const *extra);

/* Loads all SOURCES, declares their settings, and decides by HOST->config who takes part and in
 * which order. Before each dlopen and configure NAMING (may be NULL) is called, so that a parent can
 * tell who killed us. Complaints of a plugin carry its name: with on-plugin-failure = continue
 * the caller may go on without it. A disabled plugin is not opened, but to tell (with NAMING) who
 * could provide a service or knows a variable. */
PluginSet *plugin_set_new (Host *host, GPtrArray *sources, void (*naming) (const char *path), Complaints *complaints);
void plugin_set_free (PluginSet *set);
/* Adds metric families and routes to HOST's registry and router, calls configure. */
void plugin_set_configure (PluginSet *set, Complaints *complaints);
void plugin_set_start (PluginSet *set, Complaints *complaints);
void plugin_set_drain (PluginSet *set);
/* Calls stop in reverse order and reports what is left behind (timers, subscriptions, requests) as
 * the plugin's fault. Returns how many things were. */
guint plugin_set_stop (PluginSet *set);
/* All plugins, also those that take no part: (element-type Plugin), borrowed; working ones come
 * first, in order. */
GPtrArray *plugin_set_list (PluginSet *set);
Plugin *plugin_set_find (PluginSet *set, const char *name);
/* The vtable and provider of a service: NULL if none. */
gconstpointer plugin_set_service (PluginSet *set, const char *name, Plugin **ret_provider);
/* Calls of dae_block that are not done. */
guint plugin_set_blocks (PluginSet *set);
/* Calls each plugin's collect. */
void plugin_set_collect (PluginSet *set);
/* Around each call into PLUGIN (may be NULL: the host) on the loop: the heartbeat then knows whose code
 * runs. */
void plugin_enter (Plugin *plugin, const char *what);
void plugin_leave (Plugin *plugin);
/* A fault of the plugin: counted in daedalus_plugin_faults_total{plugin,kind} and logged. KIND:
 * no_reply, second_reply, late, leak, crash, stall, database, header. */
void plugin_fault (Plugin *plugin, const char *kind, const char *detail);

/* Seconds that PLUGIN is out of service for having crashed too often; 0: it serves. */
gint64 plugin_quarantine (const Plugin *plugin);

/* The function table handed to plugins (plugin-api.c). */
const DaeApi *plugin_api (void);
