/* SPDX-License-Identifier: Apache-2.0 */
/* daedalus-plugin: all that a plugin may see of Daedalus. Include this file only.
 *
 * ABI 1.0  (not released: the minor may reset until Daedalus 1.0)
 *   1.0  first
 *
 * Read on in this order: dae-plugin.h (the descriptor and a plugin's life),
 * dae-route.h (handlers and their contract), dae-request.h, dae-reply.h,
 * dae-json.h, dae-database.h, then what you need of the rest. A complete plugin
 * with its build file is in plugin-api/example; docs/plugin-author.md tells it
 * from the start.
 */
#pragma once

#define DAE_ABI_MAJOR 1
#define DAE_ABI_MINOR 0

/* The minor this plugin asks of the host. Define it lower than DAE_ABI_MINOR
 * before the include to promise that nothing newer is used. */
#ifndef DAE_ABI_MINOR_REQUIRED
#define DAE_ABI_MINOR_REQUIRED DAE_ABI_MINOR
#endif

#include "dae-plugin.h"
#include "dae-settings.h"
#include "dae-log.h"
#include "dae-metrics.h"
#include "dae-route.h"
#include "dae-request.h"
#include "dae-reply.h"
#include "dae-stream.h"
#include "dae-json.h"
#include "dae-database.h"
#include "dae-topic.h"
#include "dae-fetch.h"
#include "dae-limit.h"
