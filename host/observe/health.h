/* SPDX-License-Identifier: Apache-2.0 */
/* health: may this process be asked (live), and is everything behind it there (ready).
 *
 * Answers come from the last probe, never by probing. Probes run each 5 s.
 */
#pragma once

#include "../host.h"

Health *health_new (Host *host);
void health_free (Health *health);
/* Begins to probe, once database and plugins have started. FUNC (may be NULL) is called when it is
 * known for the first time how they are, well or not. */
void health_start (Health *health, void (*func) (gpointer data), gpointer data);
/* Adds the host's own routes: /api/health, /live, /live/, /ready, /ready/, /api/health/ready,
 * /api/config, /api/plugins. */
void health_add_routes (Health *health);
gboolean health_is_ready (Health *health);
