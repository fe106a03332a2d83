/* SPDX-License-Identifier: Apache-2.0 */
/* handoff: the stream that libsoup sees: one canonical request in, one answer out.
 *
 * It never blocks and never touches a socket: what libsoup writes is gathered,
 * and where that is the answer's own body it is only counted, so that the wire
 * can send head and body in one call without a copy.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  GString *head;   /* borrowed: what libsoup wrote that is not BODY */
  GBytes *body;    /* borrowed, or NULL */
  gsize body_used; /* bytes of BODY that libsoup wrote, from its start */
  gboolean closed; /* libsoup has done with the stream */
} HandoffAnswer;

/* REQUEST and ANSWER are borrowed as long as the stream is open. */
GIOStream *handoff_new (const char *request, gsize length, HandoffAnswer *answer);
/* ANSWER is not touched any more, whatever libsoup does with the stream. */
void handoff_detach (GIOStream *stream);
