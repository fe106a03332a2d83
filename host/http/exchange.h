/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: one request from its head to its log line, as a table of steps. */
#pragma once

#include "server.h"

Exchange *exchange_new (Host *host);
void exchange_free (Exchange *exchange);
/* The hooks to give to server_new, with the exchange as their data. */
const ServerHooks *exchange_hooks (void);
/* After all routes are known: resolves each route's series. */
void exchange_prepare (Exchange *exchange);
/* Requests in flight, event streams not counted, and event streams. */
guint exchange_in_flight (Exchange *exchange);
guint exchange_streams (Exchange *exchange);
/* Event streams that a GET has opened are ended in a staggered way over MS: their readers resume at
 * another worker. What else runs goes on. While host->draining is set too (the whole server stops,
 * no reload), new requests to plugins get 503 with Retry-After; a reload serves what still comes on
 * kept connections. */
void exchange_drain (Exchange *exchange, guint ms);
