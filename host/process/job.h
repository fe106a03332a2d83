/* SPDX-License-Identifier: Apache-2.0 */
/* job: work that one process of the installation does at a time, under a lease row in the database.
 *
 * A lease is 60 s by the database's clock, renewed every 15; its holder is a
 * random id of this process, with enough about the process that another one of
 * the same machine can tell when it has died, and takes over at once. A step
 * runs in a transaction whose first statement demands the holder's id: no row,
 * no step. Loop only.
 */
#pragma once

#include "../host.h"

Jobs *jobs_new (Host *host);
void jobs_add (Jobs *jobs, Plugin *plugin, const DaeJob *job);
/* A job of the host's own. */
void jobs_add_host (Jobs *jobs, const char *name, guint every_ms, gboolean (*step) (DaeTx *tx, DaePlugin *self));
void jobs_start (Jobs *jobs);
/* Runs the job now where this process has its lease; else looks whether the lease is to be had,
 * and tells the other processes. NAME NULL: all jobs, of all plugins (a worker has died). */
void jobs_wake (Jobs *jobs, Plugin *plugin, const char *name);
/* Gives all leases back and runs nothing more. */
void jobs_drain (Jobs *jobs);
void jobs_free (Jobs *jobs);

/* job-holder.c: this process's id as a holder: owned. */
char *job_holder_new (void);
/* TRUE if HOLDER is a process of this machine that is no more: never a guess. */
gboolean job_holder_is_dead (const char *holder);
