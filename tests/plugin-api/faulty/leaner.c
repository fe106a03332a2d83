/* SPDX-License-Identifier: Apache-2.0 */
/* leaner: needs prop, and lets it crash on the loop and on a pool thread. */
#include "prop.h"

static const char *const needs[] = { "prop/1", NULL };

static void
leaner_lean (DaePlugin *self)
{
  DaePlugin *provider;
  const Prop1 *prop = dae_service (self, "prop/1", &provider);

  prop->fall (provider);
}

static DaeOutcome
leaner_loop (DaeRequest *req, DaePlugin *self)
{
  leaner_lean (self);
  return dae_send (req, dae_reply_empty (req, 204));
}

static DaeReply *
leaner_pool (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  leaner_lean (self);
  return dae_reply_empty (req, 204);
}

static DaeOutcome
leaner_show (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_empty (req, 204));
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/leaner", .loop = leaner_show },
  { .method = "GET", .pattern = "/api/leaner/loop", .loop = leaner_loop },
  { .method = "GET", .pattern = "/api/leaner/pool", .answer = leaner_pool },
};

DAE_PLUGIN_DEFINE (.name = "leaner",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .needs = needs,
                   .routes = DAE_TABLE (routes));
