/* SPDX-License-Identifier: Apache-2.0 */
/* upstream: the one outgoing HTTP client: TCP, Unix sockets, TLS; pooled; strict. */
#pragma once

#include "../config/complaint.h"
#include "../host.h"

Upstream *upstream_new (Host *host);
/* Takes what [upstream] says. */
void upstream_configure (Upstream *upstream, Complaints *complaints);
/* For each origin: connections at once, and fetches that wait for one; the next is refused
 * (G_IO_ERROR_BUSY). */
void upstream_set_limits (Upstream *upstream, guint connections, guint waiting);
/* https:// is verified by the authorities in FILE (PEM) besides the system's. */
gboolean upstream_set_authorities (Upstream *upstream, const char *file, GError **error);
/* Cancels what runs (its hooks' `end` comes with G_IO_ERROR_CLOSED) and closes all connections. */
void upstream_free (Upstream *upstream);
guint upstream_in_flight (Upstream *upstream);
/* The slots of DaeApi for dae-fetch.h. */
void upstream_fill_api (DaeApi *api);
