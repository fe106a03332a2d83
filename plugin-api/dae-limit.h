/* SPDX-License-Identifier: Apache-2.0 */
/* dae-limit: shares of what all workers together may do at once, as the admin has set it in [limits].
 *
 * A share belongs to this process until it is given back; those of a process that has died are free
 * at once. Writes, uploads and event streams are the host's own to count.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

enum {
  DAE_LIMIT_TURNS = 0, /* questions that agents answer */
};

/* Takes a share of WHAT (DAE_LIMIT_...); FALSE: there is none now, so wait or refuse. Loop. */
static inline gboolean
dae_limit_take (DaePlugin *self, guint32 what)
{
  if (self->api->struct_size < G_STRUCT_OFFSET (DaeApi, limit_take) + sizeof (gpointer))
    return TRUE;
  return self->api->limit_take (self, what);
}

/* Gives back one that was taken, at the latest when the plugin stops. Loop. */
static inline void
dae_limit_give (DaePlugin *self, guint32 what)
{
  if (self->api->struct_size >= G_STRUCT_OFFSET (DaeApi, limit_give) + sizeof (gpointer))
    self->api->limit_give (self, what);
}

G_END_DECLS
