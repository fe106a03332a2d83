/* SPDX-License-Identifier: Apache-2.0 */
/* agents-files: how an agent gets the files of a question. */
#pragma once

#include <json-glib/json-glib.h>
#include <services/agents.h>

typedef struct AgentFile AgentFile;

/* Copies of the files of ASK: owned (element-type AgentFile). */
GPtrArray *agent_files_new (const DaeAgentAsk *ask);
/* MESSAGE, with texts quoted behind it and all others named; images that go by an argument of their
 * own (WITH_IMAGES) need no link. Owned. */
char *agent_files_message (const GPtrArray *files, const char *message, gboolean with_images);
/* The value of `images`; NULL if there are none. Owned. */
JsonArray *agent_files_images (const GPtrArray *files);
