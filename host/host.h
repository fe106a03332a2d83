/* SPDX-License-Identifier: Apache-2.0 */
/* host: the map of one process. Each room owns what its pointer names; the
 * order of birth is in process/worker.c, the order of death is the reverse.
 *
 * A file of one room may use another room only through that room's header.
 */
#pragma once

#include "daedalus-plugin.h"

typedef struct Bus Bus;
typedef struct Config Config;
typedef struct Database Database;
typedef struct Exchange Exchange;
typedef struct Health Health;
typedef struct Heartbeat Heartbeat;
typedef struct Jobs Jobs;
typedef struct Limits Limits;
typedef struct Metrics Metrics;
typedef struct Plugin Plugin;
typedef struct PluginSet PluginSet;
typedef struct Router Router;
typedef struct Server Server;
typedef struct Upstream Upstream;

typedef struct {
  DaeHostInfo info; /* strings borrowed from config or instance */
  Config *config;
  Heartbeat *heartbeat;
  Limits *limits;
  Metrics *metrics;
  PluginSet *plugins;
  Router *router;
  Database *database;
  Bus *bus;
  Jobs *jobs;
  Upstream *upstream;
  Exchange *exchange;
  Server *server;
  Health *health;
  guint8 secret[32];     /* of this installation: the root of dae_derive_secret */
  char **listen;         /* the addresses that it serves on; NULL: as configured */
  char *internal_socket; /* path of the Unix socket that serves INTERNAL routes */
  gboolean draining;     /* the whole service is on its way out: health says so */
  void (*announce) (const char *key, const char *text); /* to the supervisor */
} Host;

/* Fills in `info` from the configuration and these facts; all strings are borrowed. */
void host_describe (Host *host, const char *data_dir, const char *runtime_dir, const char *base_url);
