/* SPDX-License-Identifier: Apache-2.0 */
/* request-frozen: a head and its sender as strings, one behind the other. */
#include "request-frozen.h"

#include <string.h>

#include "../plugin/plugin.h"
#include "passage.h"

struct FrozenRequest {
  const Route *route;
  guint32 user_flags;
  guint16 n_headers, n_groups;
  guint is_internal : 1;
  guint has_user : 1;
  char text[]; /* id, method, target, host, peer, user, groups, headers */
};

/* Before each string that may be NULL. */
enum { FROZEN_NONE = '-', FROZEN_SOME = '+' };

static void
frozen_put (GString *text, const char *string)
{
  g_string_append_len (text, string, (gssize)strlen (string) + 1);
}

static void
frozen_put_optional (GString *text, const char *string)
{
  g_string_append_c (text, string ? FROZEN_SOME : FROZEN_NONE);
  if (string)
    frozen_put (text, string);
}

static const char *
frozen_take (const char **at)
{
  const char *string = *at;

  *at += strlen (string) + 1;
  return string;
}

static const char *
frozen_take_optional (const char **at)
{
  return *(*at)++ == FROZEN_SOME ? frozen_take (at) : NULL;
}

static guint
frozen_put_user (GString *text, const DaeUser *user)
{
  guint n = 0;

  frozen_put_optional (text, user->subject);
  frozen_put_optional (text, user->email);
  frozen_put_optional (text, user->name);
  frozen_put_optional (text, user->method);
  for (; user->groups && user->groups[n]; n++)
    frozen_put (text, user->groups[n]);
  return n;
}

FrozenRequest *
request_freeze (const Request *request)
{
  g_autoptr (GString) text = g_string_sized_new (512);
  FrozenRequest *frozen;
  guint n_groups = 0;

  frozen_put (text, request->id);
  frozen_put (text, request->method);
  frozen_put (text, request->target);
  frozen_put (text, request->host_name);
  frozen_put (text, request->peer);
  if (request->user)
    n_groups = frozen_put_user (text, request->user);
  for (guint i = 0; i < request->n_headers; i++) {
    frozen_put (text, request->headers[i].name);
    frozen_put (text, request->headers[i].value);
  }
  frozen = g_malloc (sizeof *frozen + text->len);
  *frozen = (FrozenRequest){
    .route = request->route,
    .user_flags = request->user ? request->user->flags : 0,
    .n_headers = (guint16)request->n_headers,
    .n_groups = (guint16)n_groups,
    .is_internal = request->is_internal,
    .has_user = request->user != NULL,
  };
  memcpy (frozen->text, text->str, text->len);
  return frozen;
}

static void
frozen_thaw_user (const FrozenRequest *frozen, Request *request, const char **at)
{
  g_autofree const char **groups = g_new0 (const char *, frozen->n_groups + 1);
  DaeUser user = { .struct_size = sizeof user, .flags = frozen->user_flags };

  user.subject = frozen_take_optional (at);
  user.email = frozen_take_optional (at);
  user.name = frozen_take_optional (at);
  user.method = frozen_take_optional (at);
  for (guint i = 0; i < frozen->n_groups; i++)
    groups[i] = frozen_take (at);
  user.groups = groups;
  request_set_user (request, &user);
}

Request *
request_thaw (const FrozenRequest *frozen, Host *host, const OriginRules *rules)
{
  g_autofree ServerHeader *headers = g_new (ServerHeader, frozen->n_headers + 1);
  g_autoptr (GPtrArray) faults = g_ptr_array_new ();
  RequestHead head = { .is_internal = frozen->is_internal, .headers = headers };
  const char *at = frozen->text, *user;
  RouterMatch match;
  Request *request;

  head.id = frozen_take (&at);
  head.method = frozen_take (&at);
  head.target = frozen_take (&at);
  head.host = frozen_take (&at);
  head.peer = frozen_take (&at);
  user = at;
  for (guint i = 0; frozen->has_user && i < 4; i++)
    frozen_take_optional (&at);
  for (guint i = 0; i < frozen->n_groups; i++)
    frozen_take (&at);
  for (head.n_headers = 0; head.n_headers < frozen->n_headers; head.n_headers++) {
    headers[head.n_headers].name = frozen_take (&at);
    headers[head.n_headers].value = frozen_take (&at);
  }
  request = request_new (host, plugin_api (), &head);
  origin_settle (rules, request);
  router_match (host->router, request->is_internal, request->method, request->path, &match);
  if (match.route) {
    request_set_route (request, &match);
    receive_read_query (request, faults);
  }
  router_match_clear (&match);
  if (frozen->has_user)
    frozen_thaw_user (frozen, request, &user);
  return request;
}

const char *
request_frozen_id (const FrozenRequest *frozen)
{
  return frozen->text;
}

const Route *
request_frozen_route (const FrozenRequest *frozen)
{
  return frozen->route;
}

void
request_frozen_free (FrozenRequest *frozen)
{
  g_free (frozen);
}
