/* SPDX-License-Identifier: Apache-2.0 */
/* origin: who a request comes from, whom it means, and whose page sent it.
 *
 * A trusted proxy alone decides client address, scheme and request id. A host
 * name that is not ours is a sign of DNS rebinding; a browser says by
 * Sec-Fetch-Site or Origin whose page it was.
 */
#pragma once

#include "request.h"

typedef struct OriginRules OriginRules;

/* LISTEN, HOSTS and MCP_ORIGINS as in [http]; BASE_URL may be NULL. TRUSTS tells whether an address is one of
 * [http] trusted-proxies. */
OriginRules *origin_rules_new (const char *const *listen,
                               const char *const *hosts,
                               const char *const *mcp_origins,
                               const char *base_url,
                               gboolean (*trusts) (const char *address, gpointer data),
                               gpointer data);
void origin_rules_free (OriginRules *rules);
/* Sets is_trusted, client, is_https and id of REQUEST. */
void origin_settle (const OriginRules *rules, Request *request);
/* TRUE if Host is one of ours. */
gboolean origin_is_ours (const OriginRules *rules, Request *request);
/* TRUE if no other site's page has sent it. */
gboolean origin_is_same_site (const OriginRules *rules, Request *request);
/* Origin of REQUEST where it is one of [http] mcp-origins, else NULL. */
const char *origin_of_mcp_page (const OriginRules *rules, Request *request);
