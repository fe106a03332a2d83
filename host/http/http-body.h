/* SPDX-License-Identifier: Apache-2.0 */
/* http-body: the framing of HTTP/1.1 bodies, strict, as a state machine.
 *
 * Pure: it gives slices of the bytes it is fed and allocates nothing. The
 * verdict depends on the bytes alone, never on how they were cut.
 */
#pragma once

#include "http-head.h"

typedef enum {
  HTTP_BODY_MORE = 0, /* all bytes were used; more are needed */
  HTTP_BODY_DATA,     /* a slice of the body; feed the rest again */
  HTTP_BODY_DONE,     /* the body is whole; what was not used belongs to the next message */
  HTTP_BODY_REFUSED,  /* the framing is broken: the connection is of no use any more */
} HttpBodyState;

typedef struct {
  HttpFraming framing;
  HttpBodyState state;
  guint8 step;
  gint64 left;       /* of the body or of the chunk */
  gint64 seen;       /* bytes of data so far */
  guint32 digits;    /* of a chunk's size */
  guint32 extension; /* bytes of its extension */
  guint32 trailer;   /* bytes of the trailer section */
  guint32 column;    /* within a trailer line */
  gboolean colon;    /* the trailer line has one */
  const char *why;   /* static: of a refusal */
} HttpBody;

typedef struct {
  gsize used; /* bytes of the input that are done with */
  const char *data;
  gsize length;
} HttpBodySlice;

/* LENGTH counts for HTTP_FRAMING_LENGTH alone. */
void http_body_begin (HttpBody *body, HttpFraming framing, gint64 length);
HttpBodyState http_body_feed (HttpBody *body, const char *bytes, gsize length, HttpBodySlice *ret);
/* The input has ended: DONE if the body may end here, else REFUSED. */
HttpBodyState http_body_end (HttpBody *body);
/* The bytes that the body has at least, by what has been announced so far. */
gint64 http_body_announced (const HttpBody *body);

/* The line before a chunk of LENGTH bytes; after the chunk comes CRLF. Returns its length. */
gsize http_body_chunk_line (gsize length, char ret[24]);
