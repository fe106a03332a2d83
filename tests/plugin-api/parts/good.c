/* SPDX-License-Identifier: Apache-2.0 */
/* good: nothing is wrong with it. */
#include <daedalus-plugin.h>

static const double buckets[] = { 0.1, 1 };
static const DaeSetting settings[] = {
  { .key = "greeting", .fallback = "Hello", .help = "Word put before the name" },
  { .key = "token", .type = DAE_SETTING_SECRET, .help = "A secret" },
};
static const DaeSetting thing_settings[] = {
  { .key = "url", .type = DAE_SETTING_URL, .flags = DAE_SETTING_REQUIRED, .help = "Where it is" },
};
static const DaeGroup groups[] = {
  { .prefix = "thing", .help = "Things", .settings = DAE_TABLE (thing_settings) },
};
static const DaeMetric metrics[] = {
  { .name = "good_things_total", .type = DAE_COUNTER, .help = "Things", .labels = "kind=a|b" },
  { .name = "good_seconds",
    .type = DAE_HISTOGRAM,
    .help = "Time",
    .buckets = buckets,
    .n_buckets = 2 },
};
static const DaeMember members[] = {
  { .name = "text", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 100 },
};

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

static gboolean
step (DaeTx *tx, DaePlugin *self)
{
  return FALSE;
}

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/good/{id:uuid}", .answer = answer },
  { .method = "POST",
    .pattern = "/api/good",
    .answer = answer,
    .body = DAE_BODY_JSON,
    .members = DAE_TABLE (members) },
  { .method = "GET", .pattern = "/api/good/events", .loop = loop, .flags = DAE_ROUTE_STREAMS },
};
static const DaeJob jobs[] = {
  { .name = "sweep", .every_ms = 60000, .step = step },
};
static const struct {
  guint32 struct_size;
} vtable = { sizeof vtable };
static const DaeService provides[] = { { "good/1", &vtable } };

DAE_PLUGIN_DEFINE (.name = "good",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .provides = DAE_TABLE (provides),
                   .settings = DAE_TABLE (settings),
                   .groups = DAE_TABLE (groups),
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .jobs = DAE_TABLE (jobs));
