/* SPDX-License-Identifier: Apache-2.0 */
/* generation: what a good check returned, pinned: the program and the plugin files as open
 * descriptors, the configuration in a sealed memfd. All its workers start from it, replacements days
 * later too. */
#pragma once

#include "check.h"
#include "instance.h"
#include "listen.h"

typedef struct {
  guint number;
  CheckResult *check; /* owned: program, plugin files, facts */
  Config *config;     /* the host's groups are declared */
  GPtrArray *sockets; /* (element-type ListenSocket), shared with other generations */
  int brief_fd;
  int metrics_fd, heartbeat_fd, limits_fd; /* borrowed from the ground */
  guint n_workers;
} Generation;

/* What all generations of a supervisor share. */
typedef struct {
  const Instance *instance;
  const char *instance_id; /* a word */
  int metrics_fd, heartbeat_fd, limits_fd;
} GenerationGround;

/* CHECK and CONFIG are given. SOCKETS is shared: those of the configuration and the internal one. NULL with
 * errno if there is no memory or descriptor for it. */
Generation *generation_new (guint number, CheckResult *check, Config *config, GPtrArray *sockets,
                            const GenerationGround *ground);
void generation_free (Generation *generation);
/* What differs, a line each, for people: owned; "" if nothing does. */
char *generation_changes (Generation *before, Generation *after);
/* The first listening address as a URL. Owned. */
char *generation_listen_url (GPtrArray *sockets);
/* Where people reach it: [http] base-url, or the first listening address. Owned. */
char *generation_base_url (Config *config, GPtrArray *sockets);
