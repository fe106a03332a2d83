/* SPDX-License-Identifier: Apache-2.0 */
/* router: finds the route for a method and a path.
 *
 * Patterns are compiled once; matching works on the raw path and decodes each
 * segment once. Literal beats typed parameter beats plain parameter beats rest.
 * Two patterns that could match one path with equal rank are a conflict.
 */
#pragma once

#include "../host.h"
#include "../observe/metrics.h"

typedef struct Route Route;

struct Route {
  DaeRoute row;      /* normalized; strings and tables borrowed from the descriptor */
  Plugin *plugin;    /* NULL: the host's own */
  char **param_names; /* NULL-ended, in order of the pattern */
  char *label;        /* of metrics and log: the pattern with bare parameters, "/a/{id}" */
  /* the exchange's own: */
  GHashTable *requests; /* status -> MetricsSeries */
  MetricsSeries *duration;
  MetricsSeries *work_seconds;
};

#define ROUTER_MAX_PARAMS 8

typedef struct {
  const Route *route;  /* NULL: none */
  char *params[ROUTER_MAX_PARAMS]; /* decoded, owned: router_match_clear */
  char *allow;         /* owned: "GET, HEAD, POST" where only the method does not match, else NULL */
  gboolean is_mcp;     /* the path is one that MCP clients use */
} RouterMatch;

Router *router_new (void);
void router_free (Router *router);
/* Adds a row; ERROR names both patterns and the plugin that was there first. */
Route *router_add (Router *router, Plugin *plugin, const DaeRoute *row, GError **error);
/* HEAD matches GET. INTERNAL rows match only internal calls, and others only external ones. */
void router_match (Router *router, gboolean internal, const char *method, const char *path, RouterMatch *ret);
void router_match_clear (RouterMatch *match);
/* The scope that a personal access token needs for a row of AUTH and FLAGS: its name; "never" where no token will do;
 * NULL where nobody is asked who they are. *RET_FLAG is the DAE_USER_... of it; 0: none will do. May be NULL. */
const char *router_scope (guint32 auth, guint32 flags, gboolean is_read, guint32 *ret_flag);
GPtrArray *router_routes (Router *router); /* (element-type Route), in order of addition; borrowed */
