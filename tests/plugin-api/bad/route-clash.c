/* SPDX-License-Identifier: Apache-2.0 */
/* route-clash: wants to serve what the host serves. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/clash/{id}", .answer = answer },
  { .method = "GET", .pattern = "/api/health", .answer = answer },
};

DAE_PLUGIN_DEFINE (.name = "route-clash",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
