/* SPDX-License-Identifier: Apache-2.0 */
/* stream-answer: a handler on a pool thread cannot read a body as it comes. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const DaeRoute routes[] = {
  { .method = "POST", .pattern = "/api/stream", .answer = answer, .body = DAE_BODY_STREAM },
};

DAE_PLUGIN_DEFINE (.name = "stream-answer",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
