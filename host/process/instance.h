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
/* Fills in the paths, and touches nothing. */
void instance_locate (Instance *instance, Config *config);
/* The same; makes the directories (0700), reads or makes the secret. */
gboolean instance_open (Instance *instance, Config *config, Complaints *complaints);
/* Goes on with what another supervisor in this process has had: its directories and LOCK. */
gboolean instance_take (Instance *instance, const char *data_dir, const char *runtime_dir, int lock,
                        Complaints *complaints);
/* Takes the lock; FALSE with a complaint if another instance has it. */
gboolean instance_lock (Instance *instance, Complaints *complaints);
/* Writes run/KEY (0600), or removes it with TEXT NULL. KEY is a word of a-z and '-'. */
void instance_announce (Instance *instance, const char *key, const char *text);
/* Gives the lock back and removes the sockets, if it was held. */
void instance_clear (Instance *instance);
