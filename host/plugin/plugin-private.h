/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-private: what the files of this room share. */
#pragma once

#include "plugin-file.h"

typedef struct {
  PluginSet *set;
  PluginFile *file;      /* owned; NULL until loaded */
  char *group;           /* "plugin NAME" */
  gboolean is_demanded;  /* enabled = true is written: leaving it out is an error */
  GHashTable *metrics;   /* row's name -> MetricsFamily, borrowed */
  GHashTable *timers;    /* handle -> GSource, owned */
  GHashTable *subscriptions; /* handle -> PluginSubscription, owned */
  guint next_timer;
  guint shares;          /* of limits, not given back */
} PluginPrivate;

typedef struct {
  char *name;            /* "identity/1" */
  Plugin *provider;
  gconstpointer vtable;
} PluginProvided;

struct PluginSet {
  Host *host;
  GThread *loop;         /* who calls the loop's functions */
  GPtrArray *all;        /* (element-type Plugin) owned; list order once decided */
  GPtrArray *order;      /* (element-type Plugin) borrowed: those that take part */
  GHashTable *provided;  /* name -> PluginProvided, owned */
  void (*naming) (const char *path);
  GThreadPool *block_pool; /* NULL: nobody has blocked yet */
  GQueue blocks;         /* calls of dae_block that are not done */
};

static inline PluginPrivate *
plugin_private (Plugin *plugin)
{
  return plugin->priv;
}

/* plugin.c */
/* Moves along an edge of the table; others cannot be. */
void plugin_move (Plugin *plugin, PluginState state);
/* PLUGIN fails with a complaint of its own. Strings are copied. */
void plugin_fail (Plugin *plugin, Complaints *complaints, const char *why, const char *remedy);
/* PLUGIN fails, and what it failed by has been complained of already. */
void plugin_fail_quietly (Plugin *plugin, const char *why, const char *remedy);
gboolean plugin_is_working (const Plugin *plugin);

/* plugin-load.c */
void plugin_load_all (PluginSet *set, GPtrArray *sources, Complaints *complaints);
/* Opens the disabled plugins too, to see what they would offer. */
void plugin_load_disabled (PluginSet *set);
/* What disabled plugins declare is known, though without effect. */
void plugin_ignore_disabled (PluginSet *set);
/* PLUGIN takes no part; an error only where the admin demands it. */
void plugin_leave_out (Plugin *plugin, Complaints *complaints, const char *why, const char *remedy);

/* plugin-decide.c */
void plugin_decide (PluginSet *set, Complaints *complaints);

/* plugin-timer.c */
guint plugin_timer_add (Plugin *plugin, guint ms, DaeTimerFunc func, gpointer data);
void plugin_timer_cancel (Plugin *plugin, guint timer);
guint plugin_subscribe (Plugin *plugin, const char *topic, DaeTopicFunc func, gpointer data);
void plugin_unsubscribe (Plugin *plugin, guint subscription);
/* Ends all timers and subscriptions of PLUGIN; returns how many there were. */
guint plugin_timer_clear (Plugin *plugin);

/* plugin-held.c: what is held inside a transaction until its commit */
void plugin_held_log (gpointer about, GLogLevelFlags level, const char *text, const DaeField *fields, guint n_fields);
typedef enum { PLUGIN_HELD_ADD, PLUGIN_HELD_SET, PLUGIN_HELD_OBSERVE } PluginHeldCount;
void plugin_held_count (DaeSeries *series, PluginHeldCount what, double value);
void plugin_held_publish (DaeTx *tx, const char *topic, const char *text);

/* plugin-block.c */
void plugin_block (Plugin *plugin, DaeBlock work, DaeBlockDone done, gpointer data);
/* Waits for what runs; the `done` of what is left is not called any more. */
void plugin_block_clear (PluginSet *set);

/* plugin-people.c */
const char *plugin_people_merge (DaeTx *tx, const char *from, const char *to);

/* plugin-work.c */
void plugin_work (Plugin *plugin, DaeRequest *req, guint32 flags, DaeWork work, gconstpointer input,
                  GDestroyNotify free_input, GDestroyNotify free_result, DaeWorkDone done, gpointer data);
