/* SPDX-License-Identifier: Apache-2.0 */
/* dae-topic: hints between handlers, workers and hosts: "topic X moved".
 *
 * A hint is at most 512 bytes with its topic, may arrive twice, late, or (when
 * a peer was down) not at all: it says where to look, never what is true. A
 * subscriber is called with text NULL after a known loss and must reread.
 * Topics are made of words and ids with ':' between: "conversation:0192...".
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* Sends the hint to all workers of all hosts, this one too, once TX has committed. */
static inline void
dae_publish (DaeTx *tx, const char *topic, const char *text)
{
  tx->api->publish (tx, topic, text);
}

/* The same at once. Loop. */
static inline void
dae_hint (DaePlugin *self, const char *topic, const char *text)
{
  self->api->hint (self, topic, text);
}

/* Calls FUNC on the loop for each hint on TOPIC; a TOPIC that ends in ":*" takes all that begin
 * alike. Returns a handle, never 0; it ends with dae_unsubscribe or the plugin. Loop. */
static inline guint
dae_subscribe (DaePlugin *self, const char *topic, DaeTopicFunc func, gpointer data)
{
  return self->api->subscribe (self, topic, func, data);
}

static inline void
dae_unsubscribe (DaePlugin *self, guint subscription)
{
  self->api->unsubscribe (self, subscription);
}

G_END_DECLS
