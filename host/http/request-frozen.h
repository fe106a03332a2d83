/* SPDX-License-Identifier: Apache-2.0 */
/* request-frozen: the head of a request and who sent it, in one small block, for answers that live
 * for hours and hardly ever ask. */
#pragma once

#include "origin.h"
#include "request.h"

typedef struct FrozenRequest FrozenRequest;

/* Of a request without a body. */
FrozenRequest *request_freeze (const Request *request);
/* A new request that answers all questions as the one that was frozen did. */
Request *request_thaw (const FrozenRequest *frozen, Host *host, const OriginRules *rules);
const char *request_frozen_id (const FrozenRequest *frozen);
const Route *request_frozen_route (const FrozenRequest *frozen);
void request_frozen_free (FrozenRequest *frozen);
