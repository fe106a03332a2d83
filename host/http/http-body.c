/* SPDX-License-Identifier: Apache-2.0 */
/* http-body: the framing of HTTP/1.1 bodies.
 *
 * Chunk sizes are hexadecimal digits and nothing else, lines end in CRLF and
 * nothing else; extensions and trailers are checked, bounded and dropped.
 */
#include "http-body.h"

#define MAX_DIGITS    16
#define MAX_EXTENSION 256
#define MAX_TRAILER   (8 * 1024)

enum {
  STEP_DATA = 0, /* of a body with a length, or up to the end */
  STEP_SIZE,
  STEP_EXTENSION,
  STEP_SIZE_LF,
  STEP_CHUNK,
  STEP_CHUNK_CR,
  STEP_CHUNK_LF,
  STEP_TRAILER,
  STEP_TRAILER_LF,
  STEP_END,
};

void
http_body_begin (HttpBody *body, HttpFraming framing, gint64 length)
{
  *body = (HttpBody){ .framing = framing };
  switch (framing) {
  case HTTP_FRAMING_NONE:
    body->step = STEP_END;
    break;
  case HTTP_FRAMING_LENGTH:
    body->step = length > 0 ? STEP_DATA : STEP_END;
    body->left = length;
    break;
  case HTTP_FRAMING_CHUNKED:
    body->step = STEP_SIZE;
    break;
  case HTTP_FRAMING_CLOSE:
    body->step = STEP_DATA;
    body->left = G_MAXINT64;
    break;
  }
  body->state = body->step == STEP_END ? HTTP_BODY_DONE : HTTP_BODY_MORE;
}

gint64
http_body_announced (const HttpBody *body)
{
  if (body->framing == HTTP_FRAMING_CLOSE || body->step == STEP_SIZE)
    return body->seen;
  return body->seen + body->left;
}

static HttpBodyState
http_body_refuse (HttpBody *body, const char *why)
{
  body->why = why;
  body->state = HTTP_BODY_REFUSED;
  return body->state;
}

static gboolean
http_body_is_text (char c)
{
  return http_head_is_value (&c, 1);
}

static void
http_body_size_byte (HttpBody *body, char c)
{
  if (g_ascii_isxdigit (c)) {
    if (++body->digits > MAX_DIGITS)
      http_body_refuse (body, "a chunk's size has too many digits");
    else
      body->left = body->left * 16 + g_ascii_xdigit_value (c);
    if (body->left > HTTP_HEAD_MAX_LENGTH)
      http_body_refuse (body, "a chunk is larger than any body");
  } else if (body->digits == 0) {
    http_body_refuse (body, "a chunk has no size");
  } else if (c == '\r') {
    body->step = STEP_SIZE_LF;
  } else if (c == ';') {
    body->step = STEP_EXTENSION;
    body->extension = 0;
  } else {
    http_body_refuse (body, "a chunk's size is not a plain number");
  }
}

static void
http_body_extension_byte (HttpBody *body, char c)
{
  if (c == '\r')
    body->step = STEP_SIZE_LF;
  else if (!http_body_is_text (c))
    http_body_refuse (body, "a chunk's extension has a control byte");
  else if (++body->extension > MAX_EXTENSION)
    http_body_refuse (body, "a chunk's extension is too long");
}

static void
http_body_trailer_byte (HttpBody *body, char c)
{
  if (++body->trailer > MAX_TRAILER) {
    http_body_refuse (body, "the trailer is too long");
  } else if (c == '\r') {
    if (body->column > 0 && !body->colon)
      http_body_refuse (body, "a trailer field has no colon");
    body->step = STEP_TRAILER_LF;
  } else if (body->colon) {
    body->column++;
    if (!http_body_is_text (c))
      http_body_refuse (body, "a trailer field has a control byte");
  } else if (c == ':' && body->column > 0) {
    body->colon = TRUE;
  } else {
    body->column++;
    if (!http_head_is_token (&c, 1))
      http_body_refuse (body, "a trailer field's name is not a token");
  }
}

/* After the LF of a line. */
static void
http_body_line_end (HttpBody *body)
{
  switch (body->step) {
  case STEP_SIZE_LF:
    body->step = body->left > 0 ? STEP_CHUNK : STEP_TRAILER;
    body->column = 0;
    body->colon = FALSE;
    break;
  case STEP_CHUNK_LF:
    body->step = STEP_SIZE;
    body->digits = 0;
    body->left = 0;
    break;
  default:
    if (body->column == 0) {
      body->step = STEP_END;
      body->state = HTTP_BODY_DONE;
    } else {
      body->step = STEP_TRAILER;
      body->column = 0;
      body->colon = FALSE;
    }
    break;
  }
}

static void
http_body_byte (HttpBody *body, char c)
{
  switch (body->step) {
  case STEP_SIZE:
    http_body_size_byte (body, c);
    break;
  case STEP_EXTENSION:
    http_body_extension_byte (body, c);
    break;
  case STEP_TRAILER:
    http_body_trailer_byte (body, c);
    break;
  case STEP_CHUNK_CR:
    if (c == '\r')
      body->step = STEP_CHUNK_LF;
    else
      http_body_refuse (body, "a chunk is longer than its size");
    break;
  default:
    if (c == '\n')
      http_body_line_end (body);
    else
      http_body_refuse (body, "there is a carriage return alone");
    break;
  }
}

HttpBodyState
http_body_feed (HttpBody *body, const char *bytes, gsize length, HttpBodySlice *ret)
{
  gsize i = 0;

  *ret = (HttpBodySlice){ 0 };
  while (body->state == HTTP_BODY_MORE && i < length) {
    gsize n;

    if (body->step != STEP_DATA && body->step != STEP_CHUNK) {
      http_body_byte (body, bytes[i++]);
      continue;
    }
    n = (gsize)MIN ((gint64)(length - i), body->left);
    ret->data = bytes + i;
    ret->length = n;
    ret->used = i + n;
    body->seen += (gint64)n;
    if (body->framing == HTTP_FRAMING_CLOSE)
      return HTTP_BODY_DATA;
    body->left -= (gint64)n;
    if (body->left == 0 && body->step == STEP_CHUNK) {
      body->step = STEP_CHUNK_CR;
    } else if (body->left == 0) {
      body->step = STEP_END;
      body->state = HTTP_BODY_DONE; /* seen at the next call: this one gives the data */
    }
    return HTTP_BODY_DATA;
  }
  ret->used = i;
  return body->state;
}

HttpBodyState
http_body_end (HttpBody *body)
{
  if (body->state == HTTP_BODY_MORE && body->framing == HTTP_FRAMING_CLOSE)
    body->state = HTTP_BODY_DONE;
  else if (body->state == HTTP_BODY_MORE)
    return http_body_refuse (body, "the body ended early");
  return body->state;
}

gsize
http_body_chunk_line (gsize length, char ret[24])
{
  static const char digits[] = "0123456789abcdef";
  char reversed[16];
  gsize n = 0, at = 0;

  do {
    reversed[n++] = digits[length & 15];
    length >>= 4;
  } while (length > 0);
  while (n > 0)
    ret[at++] = reversed[--n];
  ret[at++] = '\r';
  ret[at++] = '\n';
  ret[at] = '\0';
  return at;
}
