/* SPDX-License-Identifier: Apache-2.0 */
/* authorize: whose page sent a request, and who asks; before a byte of the body is read. */
#include <string.h>

#include "../plugin/plugin.h"
#include "passage.h"

#define AUTHORIZE_DEADLINE_MS 10000

/* A question to identity/1, which may outlive the passage that asked. */
struct Inquiry {
  Passage *passage; /* NULL: nobody waits any more */
  Request *request; /* holds a reference */
  Plugin *provider;
  gboolean answered, asking;
};

#define AUTHORIZE_HAS(identity, slot)                                                              \
  ((identity) &&                                                                                   \
   (identity)->struct_size >= G_STRUCT_OFFSET (DaeIdentity1, slot) + sizeof ((identity)->slot) &&  \
   (identity)->slot)

/* Asked each time: a provider may have failed since. */
static void
authorize_find_provider (Exchange *exchange)
{
  if (exchange->host->plugins)
    exchange->identity =
        plugin_set_service (exchange->host->plugins, "identity/1", &exchange->identity_plugin);
}

void
authorize_dress (Passage *passage, Reply *reply)
{
  const DaeIdentity1 *identity;
  DaePlugin *provider;
  g_autofree char *own = NULL;
  const char *text;

  if (reply->status != 401)
    return;
  authorize_find_provider (passage->exchange);
  identity = passage->exchange->identity;
  provider = (DaePlugin *)passage->exchange->identity_plugin;
  if (AUTHORIZE_HAS (identity, sign_in_url))
    reply->sign_in_url = identity->sign_in_url (provider);
  if (AUTHORIZE_HAS (identity, challenge_for))
    own = identity->challenge_for (provider, &passage->request->base);
  text = own == NULL && AUTHORIZE_HAS (identity, challenge) ? identity->challenge (provider) : own;
  reply_set_default (reply, "WWW-Authenticate", text ? text : "Bearer");
}

/* Refuses what a token's scopes do not hold (RFC 6750, 3.1); TRUE if it has. */
static gboolean
authorize_refuse_scope (Passage *passage, const DaeUser *user)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;
  g_autofree char *challenge = NULL;
  const char *name;
  guint32 scope;

  if (!(user->flags & DAE_USER_SCOPED))
    return FALSE;
  name = router_scope (row->auth, row->flags, request_is_read (request), &scope);
  if (scope == 0) {
    exchange_refuse (passage, 403, "insufficient_scope", "a token may not do this");
    reply_set (passage->reply, "WWW-Authenticate",
               "Bearer realm=\"daedalus\", error=\"insufficient_scope\"");
    return TRUE;
  }
  if (user->flags & scope)
    return FALSE;
  challenge = g_strdup_printf (
      "Bearer realm=\"daedalus\", error=\"insufficient_scope\", scope=\"%s\"", name);
  exchange_refuse (passage, 403, "insufficient_scope", "the token's scopes do not hold this");
  reply_set (passage->reply, "WWW-Authenticate", challenge);
  return TRUE;
}

/* What the answer of identity/1 means for the route. */
static void
authorize_judge (Passage *passage, const DaeUser *user, Reply *refusal)
{
  Request *request = passage->request;
  gboolean is_somebody = user && user->subject && *user->subject;

  if (refusal) {
    passage->reply = refusal;
  } else if (!is_somebody && request->route->row.auth == DAE_AUTH_ANY) {
    return;
  } else if (!is_somebody) {
    exchange_refuse (passage, 401, "sign_in_required", "this needs somebody who is signed in");
  } else if (request->route->row.auth == DAE_AUTH_ADMIN && !(user->flags & DAE_USER_ADMIN)) {
    exchange_refuse (passage, 404, "not_found", "there is nothing at this path");
  } else if (!authorize_refuse_scope (passage, user)) {
    request_set_user (request, user);
  }
}

static void
inquiry_free (Inquiry *inquiry)
{
  dae_request_unref (&inquiry->request->base);
  g_free (inquiry);
}

static void
authorize_identified (DaeRequest *req, const DaeUser *user, DaeReply *refusal, gpointer data)
{
  Inquiry *inquiry = data;
  Passage *passage = inquiry->passage;

  inquiry->answered = TRUE;
  if (passage) {
    passage->inquiry = NULL;
    exchange_clear_timer (passage);
    authorize_judge (passage, user, (Reply *)refusal);
  }
  if (inquiry->asking)
    return; /* authorize_ask goes on */
  inquiry_free (inquiry);
  if (passage)
    exchange_resume (passage);
}

static gboolean
authorize_on_deadline (gpointer data)
{
  Passage *passage = data;

  passage->timer = 0;
  passage->inquiry->passage = NULL;
  passage->inquiry = NULL;
  account_reject (passage, "deadline");
  exchange_refuse (passage, 504, "deadline", "finding out who asks took too long");
  exchange_resume (passage);
  return G_SOURCE_REMOVE;
}

/* TRUE: the answer is here already. */
static gboolean
authorize_ask (Passage *passage)
{
  Exchange *exchange = passage->exchange;
  Inquiry *inquiry = g_new0 (Inquiry, 1);

  inquiry->passage = passage;
  inquiry->request = (Request *)dae_request_ref (&passage->request->base);
  inquiry->provider = exchange->identity_plugin;
  inquiry->asking = TRUE;
  passage->inquiry = inquiry;
  exchange_enter (passage->request, exchange->identity_plugin);
  exchange->identity->identify (&exchange->identity_plugin->base, &passage->request->base,
                                authorize_identified, inquiry);
  exchange_leave (exchange->host);
  inquiry->asking = FALSE;
  if (inquiry->answered) {
    inquiry_free (inquiry);
    return TRUE;
  }
  passage->timer = g_timeout_add (AUTHORIZE_DEADLINE_MS, authorize_on_deadline, passage);
  return FALSE;
}

/* TRUE if a page of another site has sent what such a page may not. Where MCP clients connect it
 * may not even read (MCP, Streamable HTTP, security warning), unless it is one of [http]
 * mcp-origins. */
static gboolean
authorize_is_foreign (Passage *passage)
{
  Request *request = passage->request;
  guint32 flags = request->route->row.flags;
  gboolean is_mcp = (flags & DAE_ROUTE_MCP) != 0;

  if (request->is_internal || request->mcp_origin || (flags & DAE_ROUTE_CROSS_SITE) ||
      (request_is_read (request) && !is_mcp))
    return FALSE;
  return !origin_is_same_site (passage->exchange->rules, request);
}

gboolean
authorize_step (Passage *passage)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;

  if (authorize_is_foreign (passage)) {
    account_reject (passage, "origin");
    exchange_refuse (passage, 403, "cross_site", "another site's page has sent this request");
    return TRUE;
  }
  if (row->auth == DAE_AUTH_NONE)
    return TRUE;
  authorize_find_provider (passage->exchange);
  if (!passage->exchange->identity && row->auth == DAE_AUTH_ANY)
    return TRUE;
  if (!passage->exchange->identity) {
    exchange_refuse (passage, 401, "sign_in_required",
                     "no plugin of this server knows who signs in");
    return TRUE;
  }
  return authorize_ask (passage);
}
