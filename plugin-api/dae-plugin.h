/* SPDX-License-Identifier: Apache-2.0 */
/* dae-plugin: the descriptor and a plugin's life.
 *
 * A plugin is one shared object NAME.so that exports one constant,
 * daedalus_plugin_1. The host reads settings, metrics, routes, services and
 * jobs from it as data before any function of the plugin runs.
 *
 * Life: found -> loaded -> configured -> started -> draining -> stopped. Each
 * stage is walked for all plugins before the next begins, in the order of what
 * they need, ties by name; drain and stop in reverse. A plugin is never
 * unloaded; a process that has stopped it ends.
 *
 *   configure  once, also for `daedalus check`: read settings, resolve series;
 *              no files, sockets, threads or timers. On FALSE set ERROR: its
 *              message is shown to the admin after "refused its configuration: "
 *   start      in each worker: timers, subscriptions, connections. What must be
 *              right to serve is a matter of health, not of start's result
 *   drain      the process is to end: no new requests come, streams get their
 *              last event; turns of work run on to their own limits
 *   stop       nothing of this plugin is in flight: free data and state
 *
 * Threads: handlers of kind `answer`, work functions, blocking work and job steps run on pool
 * threads; everything else runs on the loop, one thread, which no function may
 * block. dae_data () is constant after start and may be read from any thread;
 * dae_state () is the loop's alone. So no plugin needs a lock: what must be
 * shared between threads, workers or hosts is in the database.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

#define DAE_PLUGIN_DEFINE(...)                                                                     \
  G_MODULE_EXPORT extern const DaePluginInfo daedalus_plugin_1;                                    \
  const DaePluginInfo daedalus_plugin_1 = { .struct_size = sizeof (DaePluginInfo),                 \
                                            .abi_minor = DAE_ABI_MINOR_REQUIRED,                   \
                                            __VA_ARGS__ }

#ifndef G_MODULE_EXPORT
#define G_MODULE_EXPORT __attribute__ ((visibility ("default")))
#endif

/* TRUE if this host offers SLOT: for plugins that can do without it. */
#define DAE_HAS(object, slot)                                                                      \
  ((object)->api->struct_size                                                                      \
       >= G_STRUCT_OFFSET (DaeApi, slot) + sizeof ((object)->api->slot)                            \
   && (object)->api->slot != NULL)

/* What dae_set_data gave: borrowed, any thread, constant after start. */
static inline gpointer
dae_data (DaePlugin *self)
{
  return self->api->data (self);
}

/* Gives DATA to the plugin; FREE_DATA runs after stop. Call it in configure or start. */
static inline void
dae_set_data (DaePlugin *self, gpointer data, GDestroyNotify free_data)
{
  self->api->set_data (self, data, free_data);
}

/* What dae_set_state gave: borrowed, loop only (asserted). */
static inline gpointer
dae_state (DaePlugin *self)
{
  return self->api->state (self);
}

static inline void
dae_set_state (DaePlugin *self, gpointer state, GDestroyNotify free_state)
{
  self->api->set_state (self, state, free_state);
}

/* The vtable of a service that this plugin needs or wants, and who provides it; NULL if nobody
 * does. Call it in start. The provider goes first into each call of the vtable. */
static inline gconstpointer
dae_service (DaePlugin *self, const char *name, DaePlugin **ret_provider)
{
  return self->api->service (self, name, ret_provider);
}

/* Facts about this installation and process; constant, any thread. */
static inline const DaeHostInfo *
dae_host_info (DaePlugin *self)
{
  return self->api->host_info (self);
}

/* This plugin's name; any thread. */
static inline const char *
dae_plugin_name (DaePlugin *self)
{
  return self->api->name (self);
}

/* Runs FUNC on the loop every MS milliseconds until it returns FALSE, is cancelled, or the plugin
 * stops. Returns its handle, never 0. */
static inline guint
dae_timer (DaePlugin *self, guint ms, DaeTimerFunc func, gpointer data)
{
  return self->api->timer (self, ms, func, data);
}

static inline void
dae_timer_cancel (DaePlugin *self, guint timer)
{
  self->api->timer_cancel (self, timer);
}

/* Asks for a run of this plugin's JOB as soon as its lease allows. Loop. */
static inline void
dae_job_wake (DaePlugin *self, const char *job)
{
  self->api->job_wake (self, job);
}

/* Tells the person at the terminal something that only they may know, such as a sign-in link. TEXT
 * is kept as the file run/KEY (0600) in the data directory and shown where standard output is a
 * terminal; a second call with the same KEY replaces it, TEXT NULL takes it back. It never reaches
 * the log. Loop. */
static inline void
dae_announce (DaePlugin *self, const char *key, const char *text)
{
  self->api->announce (self, key, text);
}

/* 32 bytes that depend on this installation's own secret, this plugin's name and LABEL: the same
 * in all workers and after a restart. Any thread. */
static inline void
dae_derive_secret (DaePlugin *self, const char *label, guint8 *ret_32_bytes)
{
  self->api->derive_secret (self, label, ret_32_bytes);
}

/* Microseconds since 1970-01-01 UTC by this machine's clock. Any thread. */
static inline gint64
dae_now (DaePlugin *self)
{
  return self->api->now (self);
}

/* A new UUID of version 7 (RFC 9562, 5.7), rising within a process. Any thread. */
static inline void
dae_uuid7 (DaePlugin *self, char *ret_37_bytes)
{
  self->api->uuid7 (self, ret_37_bytes);
}

/* Runs WORK (DATA) on one of a few threads that all plugins share, apart from the database's, and then
 * DONE (DATA) on the loop, exactly once, never from inside this call. For what waits for a disk and
 * needs no transaction: in pieces of some milliseconds. Until DONE, DATA is WORK's alone; the plugin
 * is not stopped before, so a call that never ends holds up the process's end. Loop. */
static inline void
dae_block (DaePlugin *self, DaeBlock work, DaeBlockDone done, gpointer data)
{
  self->api->block (self, work, done, data);
}

/* What is FROM's becomes TO's, both subjects of people: in the rows of the host and, by their
 * `merge_people`, of all plugins, within TX. Returns NULL, or the name of a plugin that has such a
 * function and does not work now: then nothing has been done. Any thread. */
static inline const char *
dae_people_merge (DaeTx *tx, const char *from, const char *to)
{
  return tx->api->people_merge (tx, from, to);
}

/* A URL under which dae_fetch reaches this host's own INTERNAL routes: owned, g_free. */
static inline char *
dae_internal_url (DaePlugin *self, const char *path)
{
  return self->api->internal_url (self, path);
}

G_END_DECLS
