/* SPDX-License-Identifier: Apache-2.0 */
/* sse: event streams (WHATWG HTML, 9.2), read in pieces of any size, and written. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct SseParser SseParser;

typedef struct {
  const char *event; /* its name, U+FFFD for a NUL; "message" where the stream names none */
  const char *data;  /* lines joined by '\n'; ends with NUL, but may hold NULs */
  gsize length;      /* of data */
  const char *id;    /* the last event id so far; "" where there is none */
} SseEvent;

/* Borrowed for the call. The parser must not be freed in it; sse_parser_stop may be called. */
typedef void (*SseFunc) (const SseEvent *event, gpointer data);

/* A parser that calls FUNC for each event. One event, or one line, may have MAX_EVENT bytes. */
SseParser *sse_parser_new (gsize max_event, SseFunc func, gpointer data);
void sse_parser_free (SseParser *parser);
/* Takes the next bytes of the stream. FALSE if an event is too large: the parser takes no more. */
gboolean sse_parser_feed (SseParser *parser, const char *bytes, gsize length);
/* No event is passed on any more. */
void sse_parser_stop (SseParser *parser);
/* The id of the last event that was complete (also of one without data); "" where there is none. */
const char *sse_parser_last_id (SseParser *parser);
/* What the stream last asked to wait before a reconnect, milliseconds; -1: nothing. */
gint64 sse_parser_retry (SseParser *parser);

/* One event as bytes; EVENT and ID may be NULL. */
GBytes *sse_format (const char *event, const char *id, const char *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SseParser, sse_parser_free)

G_END_DECLS
