/* SPDX-License-Identifier: Apache-2.0 */
/* clash-twin: serves a path of route-clash's. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/clash/{name}", .answer = answer },
};

DAE_PLUGIN_DEFINE (.name = "clash-twin",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
