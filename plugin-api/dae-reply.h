/* SPDX-License-Identifier: Apache-2.0 */
/* dae-reply: answers. A reply belongs to its request and is freed with it.
 *
 * Errors are application/problem+json (RFC 9457). The host adds request id,
 * caching, security and framing headers itself.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* An answer without a body: 204, 202, 304. */
static inline DaeReply *
dae_reply_empty (DaeRequest *req, guint status)
{
  return req->api->reply_empty (req, status);
}

/* text/plain; TEXT is copied. */
static inline DaeReply *
dae_reply_text (DaeRequest *req, guint status, const char *text)
{
  return req->api->reply_text (req, status, text);
}

/* Any bytes; BODY is shared. For a GET that gets 200 the host honours If-None-Match where the reply
 * has an ETag header, and If-Modified-Since where it has Last-Modified. With "Accept-Ranges: bytes"
 * it is a file: one Range, If-Range, If-Match and If-Unmodified-Since count too. */
static inline DaeReply *
dae_reply_bytes (DaeRequest *req, guint status, const char *type, GBytes *body)
{
  return req->api->reply_bytes (req, status, type, body);
}

/* JSON is given, and ended if it is still open. */
static inline DaeReply *
dae_reply_json (DaeRequest *req, guint status, DaeJson *json)
{
  return req->api->reply_json (req, status, json);
}

/* The same with a strong ETag made of VERSION (RFC 9110, 8.8.3): the host answers 304 to a GET
 * whose If-None-Match names it. */
static inline DaeReply *
dae_reply_versioned (DaeRequest *req, guint status, DaeJson *json, gint64 version)
{
  return req->api->reply_versioned (req, status, json, version);
}

/* CODE is a stable snake_case word that programs may switch on; DETAIL says why, for people: lower
 * case first word, no full stop. */
static inline DaeReply *
dae_reply_problem (DaeRequest *req, guint status, const char *code, const char *detail)
{
  return req->api->reply_problem (req, status, code, detail);
}

/* 404 not_found: also for what the person may not see. */
static inline DaeReply *
dae_reply_not_found (DaeRequest *req)
{
  return req->api->reply_not_found (req);
}

/* Adds one entry to a problem's `errors`: POINTER is an RFC 6901 JSON pointer into the body. */
static inline DaeReply *
dae_reply_pointer (DaeReply *reply, const char *pointer, const char *detail)
{
  reply->api->reply_pointer (reply, pointer, detail);
  return reply;
}

/* Sets a header; a value with control characters is refused and logged as this plugin's fault. */
static inline DaeReply *
dae_reply_header (DaeReply *reply, const char *name, const char *value)
{
  reply->api->reply_header (reply, name, value);
  return reply;
}

/* Content-Disposition with any Unicode FILE_NAME (RFC 6266, RFC 8187). */
static inline DaeReply *
dae_reply_disposition (DaeReply *reply, gboolean is_inline, const char *file_name)
{
  reply->api->reply_disposition (reply, is_inline, file_name);
  return reply;
}

/* The status of a reply that somebody else has made: a refusal of identity/1, say, is 401 where the
 * credential is not believed and 503 where nobody can tell now. */
static inline guint
dae_reply_status (const DaeReply *reply)
{
  return reply->api->reply_status (reply);
}

/* Sends REPLY from a loop handler or one of its callbacks; returns DAE_DONE. Loop. */
static inline DaeOutcome
dae_send (DaeRequest *req, DaeReply *reply)
{
  return req->api->send (req, reply);
}

G_END_DECLS
