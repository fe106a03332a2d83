/* SPDX-License-Identifier: Apache-2.0 */
/* agents-history: how an agent gets the past. */
#pragma once

#include <json-glib/json-glib.h>
#include <services/agents.h>

typedef enum {
  HISTORY_AUTO = 0,
  HISTORY_ARGUMENT,   /* in the tool's `history` argument */
  HISTORY_SESSION,    /* the agent's own session remembers it */
  HISTORY_TRANSCRIPT, /* quoted before the message */
  HISTORY_NONE,
} HistoryMode;

/* The mode of that name; HISTORY_AUTO if there is none. */
HistoryMode history_mode (const char *name);
/* The first of N messages that still fits when the oldest are left out: 0 if all do. */
guint history_first (const DaeAgentMessage *messages, guint n, gsize limit);
/* Adds TEXT, each line quoted. */
void history_quote (GString *out, const char *text);
/* The value of `history`; INSTRUCTIONS (may be NULL) come first. Owned. */
JsonArray *history_argument (const DaeAgentMessage *messages, guint first, guint n, const char *instructions);
/* MESSAGE with the past and INSTRUCTIONS (may be NULL) quoted before it. Owned. */
char *history_transcript (const DaeAgentMessage *messages, guint first, guint n, const char *instructions,
                          const char *message);
