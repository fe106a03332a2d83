/* SPDX-License-Identifier: Apache-2.0 */
/* librarian: what the parts of this plugin share. */
#pragma once

#include "../common/mcp.h"
#include "librarian-answer.h"

#include <daedalus-plugin.h>
#include <services/agents.h>
#include <services/conversations.h>
#include <services/files.h>

G_BEGIN_DECLS

#define LIBRARIAN_SLUG "librarian"

/* dae_data: constant after start */
typedef struct {
  const DaeAgents1 *agents;
  DaePlugin *agents_plugin;
  const DaeConversations1 *conversations;
  DaePlugin *conversations_plugin;
  const DaeFiles1 *files; /* NULL: there are none */
  DaePlugin *files_plugin;
  guint pace_ms;
} Librarian;

/* Answers MESSAGE on REQ as a stream of events, in CAPABILITY's name. ID and PROGRESS_TOKEN (may be
 * NULL) are copied. */
DaeOutcome librarian_talk (DaePlugin *self, DaeRequest *req, JsonNode *id, JsonNode *progress_token,
                           const DaeCapability *capability, const char *message);

/* A result of tools/call with TEXT; owned. */
JsonObject *librarian_text_result (const char *text);

G_END_DECLS
