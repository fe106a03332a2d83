/* SPDX-License-Identifier: Apache-2.0 */
/* both-handlers: a route with two handlers. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static DaeOutcome
loop (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_empty (req, 204));
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/both", .answer = answer, .loop = loop },
};

DAE_PLUGIN_DEFINE (.name = "both-handlers",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
