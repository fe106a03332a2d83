/* SPDX-License-Identifier: Apache-2.0 */
/* http-head: a strict parser of HTTP/1.x heads (RFC 9112), requests and answers alike.
 *
 * Pure: it looks at bytes and keeps offsets; it allocates nothing and frees
 * nothing. Fed with a growing buffer it looks at each byte once, and the
 * verdict depends on the bytes alone, never on how they were cut.
 */
#pragma once

#include <glib.h>

#define HTTP_HEAD_MAX_REQUEST        (32 * 1024)
#define HTTP_HEAD_MAX_ANSWER         (64 * 1024)
#define HTTP_HEAD_MAX_TARGET         (8 * 1024)
#define HTTP_HEAD_MAX_REQUEST_FIELDS 100
#define HTTP_HEAD_MAX_FIELDS         128
/* A longer body is no body: nobody sends it, the number is an attack. */
#define HTTP_HEAD_MAX_LENGTH (G_GINT64_CONSTANT (1) << 43)

typedef enum {
  HTTP_HEAD_MORE = 0, /* so far so good */
  HTTP_HEAD_OK,
  HTTP_HEAD_REFUSED,
} HttpHeadState;

typedef enum {
  HTTP_FRAMING_NONE = 0,
  HTTP_FRAMING_LENGTH,
  HTTP_FRAMING_CHUNKED,
  HTTP_FRAMING_CLOSE, /* answers only: up to the end of the connection */
} HttpFraming;

/* Offsets from the first byte that was fed. */
typedef struct {
  guint32 at, length;
} HttpSpan;

typedef struct {
  HttpSpan name, value; /* the value without the white space around it; may be empty */
} HttpField;

typedef struct {
  HttpHeadState state;

  /* the verdict of a refusal; of an answer `status` is its own */
  guint status;
  const char *reason; /* static, for counting: "head", "host" or "body" */
  const char *why;    /* static, for people */

  /* what the head says, once it is HTTP_HEAD_OK */
  guint32 length; /* with the empty line: what follows belongs to the body */
  guint minor;    /* of HTTP/1.x: 0 or 1 */
  HttpSpan method;
  HttpSpan target;    /* origin-form or "*"; empty for an absolute-form without a path: "/" */
  HttpSpan authority; /* of Host, or of an absolute-form target; empty: HTTP/1.0 without one */
  gboolean keep_alive;
  gboolean expect_continue;
  HttpFraming framing;
  gint64 content_length; /* -1: not stated */
  guint n_fields;
  HttpField fields[HTTP_HEAD_MAX_FIELDS];

  /* the parser's own */
  gboolean is_answer, to_head, after_cr, absolute, close, keep;
  guint32 scanned, line, n_lines, n_empty, n_hosts, n_codings;
} HttpHead;

void http_head_begin_request (HttpHead *head);
/* TO_HEAD: the answer is to a HEAD request. */
void http_head_begin_answer (HttpHead *head, gboolean to_head);
/* BYTES holds all there is since the first byte; it may have moved since the last call. */
HttpHeadState http_head_feed (HttpHead *head, const char *bytes, gsize length);
/* The first field of NAME, or NULL. */
const HttpField *http_head_find (const HttpHead *head, const char *bytes, const char *name);

/* 1*tchar */
gboolean http_head_is_token (const char *text, gsize length);
/* No control bytes but tab: fit to be a field's value. */
gboolean http_head_is_value (const char *text, gsize length);
/* A name, an IPv4 address or an IPv6 address in brackets, perhaps with a port; no user. */
gboolean http_head_is_authority (const char *text, gsize length);
/* "Not Found"; never NULL. */
const char *http_head_phrase (guint status);
