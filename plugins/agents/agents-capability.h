/* SPDX-License-Identifier: Apache-2.0 */
/* agents-capability: signed words that say for whom an internal agent acts. */
#pragma once

#include <services/agents.h>

/* A token for AGENT until EXPIRES_AT (microseconds); owned. Strings that are NULL are taken as "". */
char *capability_make (const guint8 key[32], const char *agent, const char *subject, const char *workspace_id,
                       const char *conversation_id, gint64 expires_at);
/* TRUE if TOKEN was made with KEY for AGENT and is good at NOW; *RET is set. */
gboolean capability_check (const guint8 key[32], const char *agent, const char *token, gint64 now,
                           DaeCapability *ret);
