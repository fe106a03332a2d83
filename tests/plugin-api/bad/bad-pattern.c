/* SPDX-License-Identifier: Apache-2.0 */
/* bad-pattern: patterns that are none. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/{id:colour}", .answer = answer },
  { .method = "FETCH", .pattern = "/api/x", .answer = answer },
};

DAE_PLUGIN_DEFINE (.name = "bad-pattern",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
