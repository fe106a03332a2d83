/* SPDX-License-Identifier: Apache-2.0 */
/* dae-log: one JSON object per line on the host's standard output.
 *
 * TEXT is constant, so that lines can be counted by it; what varies goes into
 * fields. Keys are snake_case with the unit at the end ("duration_ms"). Never
 * pass a secret. Any thread; inside a transaction a line is held until commit
 * and dropped on rollback, but for G_LOG_LEVEL_WARNING and above.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

#define DAE_S(k, v)                                                                                \
  {                                                                                                \
    .key = (k), .type = DAE_VALUE_TEXT, .text = (v)                                                \
  }
#define DAE_I(k, v)                                                                                \
  {                                                                                                \
    .key = (k), .type = DAE_VALUE_INT, .number = (v)                                               \
  }

/* dae_log (about, G_LOG_LEVEL_INFO, "agent answered", DAE_S ("agent", slug), DAE_I ("bytes", n));
 * ABOUT is a DaePlugin, DaeRequest or DaeTx; a request adds request_id, route and user by itself. */
#define dae_log(about, level, message, ...)                                                        \
  ((about)->api->log ((about),                                                                     \
                      (level),                                                                     \
                      (message),                                                                   \
                      (const DaeField[]){ { 0 }, ##__VA_ARGS__ } + 1,                              \
                      G_N_ELEMENTS (((const DaeField[]){ { 0 }, ##__VA_ARGS__ })) - 1))

G_END_DECLS
