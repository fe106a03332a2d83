/* SPDX-License-Identifier: Apache-2.0 */
/* bad-member: members that the host cannot check. */
#include <daedalus-plugin.h>

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const DaeMember members[] = {
  { .name = "kind", .type = DAE_MEMBER_CHOICE },
  { .name = "new", .type = 77 },
};

static const DaeRoute routes[] = {
  { .method = "POST",
    .pattern = "/api/member",
    .answer = answer,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (members) },
};

DAE_PLUGIN_DEFINE (.name = "bad-member",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .routes = DAE_TABLE (routes));
