/* SPDX-License-Identifier: Apache-2.0 */
/* upstream: the one outgoing HTTP client: TCP, Unix sockets, TLS; pooled; strict. */
#pragma once

#include "../host.h"

Upstream *upstream_new (Host *host);
/* https:// is verified by the authorities in FILE (PEM) instead of the system's. */
gboolean upstream_set_authorities (Upstream *upstream, const char *file, GError **error);
/* Cancels what runs (its hooks' `end` comes with G_IO_ERROR_CLOSED) and closes all connections. */
void upstream_free (Upstream *upstream);
guint upstream_in_flight (Upstream *upstream);
/* The slots of DaeApi for dae-fetch.h. */
void upstream_fill_api (DaeApi *api);
