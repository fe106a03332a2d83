/* SPDX-License-Identifier: Apache-2.0 */
/* instance: the data directory of one installation on this machine: its lock, its secret, the
 * files under run/ that tell people and commands how to reach it. */
#pragma once

#include "../config/config.h"

typedef struct {
  char *data_dir;    /* 0700, absolute */
  char *runtime_dir; /* 0700: sockets */
  char *internal_socket, *control_socket; /* paths under runtime_dir */
  guint8 secret[32];
  int lock; /* flock on data_dir/lock, -1: not held */
} Instance;

/* Where CONFIG says that data lies: [host] data-dir, else what systemd gives, else
 * $XDG_DATA_HOME/daedalus. Owned. */
char *instance_data_dir (Config *config);
/* Makes the directories (0700), reads or makes the secret, fills in the paths. */
gboolean instance_open (Instance *instance, Config *config, Complaints *complaints);
/* Takes the lock; FALSE with a complaint if another instance has it. */
gboolean instance_lock (Instance *instance, Complaints *complaints);
/* Writes run/KEY (0600), or removes it with TEXT NULL. KEY is a word of a-z and '-'. */
void instance_announce (Instance *instance, const char *key, const char *text);
/* Removes sockets and announcements and gives the lock back. */
void instance_clear (Instance *instance);
