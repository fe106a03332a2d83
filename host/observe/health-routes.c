/* SPDX-License-Identifier: Apache-2.0 */
/* health-routes: the host's own routes, as rows like those of a plugin.
 */
#include "../config/config.h"
#include "../http/limit.h"
#include "../http/request.h"
#include "../http/router.h"
#include "../paths.h"
#include "health-private.h"

#include "services/identity.h"

#define HEALTH_JSON_BODY (1024 * 1024) /* what a route takes that does not say otherwise */

static const char *const health_words[] = { "up", "degraded", "down" };

static Host *
health_host (DaeRequest *req)
{
  return ((Request *)req)->host;
}

static DaeOutcome
health_send_draining (DaeRequest *req, DaeJson *json)
{
  DaeReply *reply;

  dae_json_end (json);
  reply = dae_reply_json (req, 503, json);
  return dae_send (req, dae_reply_header (reply, "Retry-After", "5"));
}

static DaeOutcome
health_answer_live (DaeRequest *req, DaePlugin *self)
{
  gboolean draining = health_host (req)->draining;
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "status", draining ? "draining" : "ok");
  if (draining)
    return health_send_draining (req, json);
  dae_json_end (json);
  return dae_send (req, dae_reply_json (req, 200, json));
}

static void
health_write_components (Health *health, DaeJson *json)
{
  dae_json_begin_array (json, "components");
  for (guint i = 0; i < health->components->len; i++) {
    const HealthComponent *component = g_ptr_array_index (health->components, i);

    dae_json_begin_object (json, NULL);
    dae_json_text (json, "name", component->name);
    dae_json_text (json, "status", health_words[component->health]);
    dae_json_bool (json, "required", component->is_required);
    if (component->latency_ms >= 0)
      dae_json_real (json, "latency_ms", component->latency_ms);
    else
      dae_json_null (json, "latency_ms");
    dae_json_text (json, "detail", component->detail);
    dae_json_end (json);
  }
  dae_json_end (json);
}

static DaeOutcome
health_answer_ready (DaeRequest *req, DaePlugin *self)
{
  static const char *const words[] = { "ok", "degraded", "down" };
  Host *host = health_host (req);
  DaeJson *json = dae_json_new (req);
  gboolean ready = health_is_ready (host->health);
  DaeReply *reply;

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "status", host->draining ? "draining" : words[health_whole (host->health)]);
  health_write_components (host->health, json);
  if (host->draining)
    return health_send_draining (req, json);
  dae_json_end (json);
  reply = dae_reply_json (req, ready ? 200 : 503, json);
  if (!ready)
    dae_reply_header (reply, "Retry-After", "5");
  return dae_send (req, reply);
}

/* What the provider of identity/1 answers in SLOT, or NULL. */
#define HEALTH_ASK_IDENTITY(identity, provider, slot)                                              \
  ((identity) != NULL &&                                                                           \
           (identity)->struct_size >=                                                              \
               G_STRUCT_OFFSET (DaeIdentity1, slot) + sizeof ((identity)->slot) &&                 \
           (identity)->slot != NULL                                                                \
       ? (identity)->slot (&(provider)->base)                                                      \
       : NULL)

static void
health_write_limit (DaeJson *json, const char *key, Limits *limits, LimitKind kind)
{
  guint value = limits_value (limits, kind);

  if (value > 0)
    dae_json_int (json, key, value);
  else
    dae_json_null (json, key);
}

static DaeOutcome
health_answer_config (DaeRequest *req, DaePlugin *self)
{
  Host *host = health_host (req);
  Plugin *provider = NULL;
  const DaeIdentity1 *identity = plugin_set_service (host->plugins, "identity/1", &provider);
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "version", DAEDALUS_VERSION);
  dae_json_text (json, "build", host->info.host_version);
  dae_json_text (json, "environment", host->info.environment);
  dae_json_text (json, "sign_in_url", HEALTH_ASK_IDENTITY (identity, provider, sign_in_url));
  dae_json_text (json, "sign_out_url", HEALTH_ASK_IDENTITY (identity, provider, sign_out_url));
  dae_json_text (json, "docs_url", config_text (host->config, "host", "docs-url"));
  dae_json_begin_object (json, "limits");
  dae_json_int (json, "json_body_bytes", HEALTH_JSON_BODY);
  health_write_limit (json, "turns", host->limits, LIMIT_TURNS);
  health_write_limit (json, "uploads", host->limits, LIMIT_UPLOADS);
  health_write_limit (json, "writes_per_second", host->limits, LIMIT_WRITES);
  health_write_limit (json, "streams_per_person", host->limits, LIMIT_STREAMS);
  health_write_limit (json, "connections_per_address", host->limits, LIMIT_PEERS);
  dae_json_end (json);
  dae_json_end (json);
  return dae_send (req, dae_reply_json (req, 200, json));
}

static void
health_write_names (DaeJson *json, const char *key, const char *const *names)
{
  dae_json_begin_array (json, key);
  for (; names != NULL && *names != NULL; names++)
    dae_json_text (json, NULL, *names);
  dae_json_end (json);
}

static void
health_write_routes (DaeJson *json, Host *host, const Plugin *plugin)
{
  static const char *const auths[] = { "user", "none", "admin", "any" };
  GPtrArray *routes = router_routes (host->router);

  dae_json_begin_array (json, "routes");
  for (guint i = 0; i < routes->len; i++) {
    const Route *route = g_ptr_array_index (routes, i);

    if (route->plugin != plugin)
      continue;
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "method", route->row.method);
    dae_json_text (json, "pattern", route->row.pattern);
    dae_json_text (json, "auth", auths[route->row.auth]);
    dae_json_end (json);
  }
  dae_json_end (json);
}

static void
health_write_plugin (DaeJson *json, Host *host, const Plugin *plugin)
{
  static const char *const states[] = { "found",   "loaded",         "configured",
                                        "started", "draining",       "stopped",
                                        "failed",  "not_configured", "disabled" };
  gboolean is_read = plugin->info.name != NULL;
  gboolean is_working = plugin->state == PLUGIN_STARTED || plugin->state == PLUGIN_DRAINING;
  const HealthComponent *component = health_find (host->health, plugin->name);
  const char *health = !is_working         ? "unknown"
                       : component != NULL ? health_words[component->health]
                                           : "up";
  g_autofree char *abi =
      is_read ? g_strdup_printf ("%d.%u", DAE_ABI_MAJOR, plugin->info.abi_minor) : NULL;

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "name", plugin->name);
  dae_json_text (json, "version", plugin->version);
  dae_json_text (json, "summary", plugin->info.summary);
  dae_json_text (json, "abi", abi);
  dae_json_text (json, "state", states[plugin->state]);
  dae_json_text (json, "why", plugin->why);
  dae_json_text (json, "remedy", plugin->remedy);
  dae_json_text (json, "health", health);
  dae_json_text (json, "health_detail", component != NULL ? component->detail : NULL);
  dae_json_begin_array (json, "provides");
  for (guint i = 0; i < plugin->info.provides.n_rows; i++)
    dae_json_text (json, NULL, plugin->info.provides.rows[i].name);
  dae_json_end (json);
  health_write_names (json, "needs", plugin->info.needs);
  health_write_routes (json, host, plugin);
  dae_json_end (json);
}

static DaeOutcome
health_answer_plugins (DaeRequest *req, DaePlugin *self)
{
  Host *host = health_host (req);
  GPtrArray *plugins = plugin_set_list (host->plugins);
  DaeJson *json = dae_json_new (req);

  health_look (host->health);
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  for (guint i = 0; i < plugins->len; i++)
    health_write_plugin (json, host, g_ptr_array_index (plugins, i));
  dae_json_end (json);
  dae_json_null (json, "next");
  dae_json_end (json);
  return dae_send (req, dae_reply_json (req, 200, json));
}

#define HEALTH_ROW(at, handler)                                                                    \
  {                                                                                                \
    .method = "GET", .pattern = (at), .loop = (handler), .auth = DAE_AUTH_NONE,                    \
    .flags = DAE_ROUTE_QUIET                                                                       \
  }

static const DaeRoute health_rows[] = {
  HEALTH_ROW ("/api/health", health_answer_live),
  HEALTH_ROW ("/live", health_answer_live),
  HEALTH_ROW ("/live/", health_answer_live),
  HEALTH_ROW ("/api/health/ready", health_answer_ready),
  HEALTH_ROW ("/ready", health_answer_ready),
  HEALTH_ROW ("/ready/", health_answer_ready),
  { .method = "GET",
    .pattern = "/api/config",
    .loop = health_answer_config,
    .auth = DAE_AUTH_NONE },
  { .method = "GET",
    .pattern = "/api/plugins",
    .loop = health_answer_plugins,
    .auth = DAE_AUTH_ADMIN },
};

void
health_add_routes (Health *health)
{
  for (guint i = 0; i < G_N_ELEMENTS (health_rows); i++) {
    g_autoptr (GError) error = NULL;

    if (router_add (health->host->router, NULL, &health_rows[i], &error) == NULL)
      g_error ("%s", error->message);
  }
}
