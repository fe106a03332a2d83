/* SPDX-License-Identifier: Apache-2.0 */
/* dae-request: one request, as the handler sees it.
 *
 * Immutable: all strings are borrowed as long as a reference is held, valid
 * UTF-8, and may be read from any thread. dae_request_stream is the loop's.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

static inline DaeRequest *
dae_request_ref (DaeRequest *req)
{
  return req->api->request_ref (req);
}

static inline void
dae_request_unref (DaeRequest *req)
{
  req->api->request_unref (req);
}

/* "GET", "POST", ...: HEAD stays "HEAD". */
static inline const char *
dae_request_method (DaeRequest *req)
{
  return req->api->request_method (req);
}

/* The raw path as sent, percent-encoded, without the query. */
static inline const char *
dae_request_path (DaeRequest *req)
{
  return req->api->request_path (req);
}

/* The decoded value of {NAME} in the route's pattern; never NULL for a declared name. */
static inline const char *
dae_request_param (DaeRequest *req, const char *name)
{
  return req->api->request_param (req, name);
}

/* A declared query parameter, or NULL. */
static inline const char *
dae_request_query (DaeRequest *req, const char *name)
{
  return req->api->request_query (req, name);
}

static inline gint64
dae_request_query_int (DaeRequest *req, const char *name, gint64 fallback)
{
  return req->api->request_query_int (req, name, fallback);
}

/* The value of a header (name compared without case, '_' is not '-'); NULL if it is absent or
 * there is more than one: see dae_request_header_count. */
static inline const char *
dae_request_header (DaeRequest *req, const char *name)
{
  return req->api->request_header (req, name);
}

static inline guint
dae_request_header_count (DaeRequest *req, const char *name)
{
  return req->api->request_header_count (req, name);
}

/* The header at INDEX, from 0 on, in the order in which they were sent; FALSE: there are no more. For
 * what passes on those that it does not know. */
static inline gboolean
dae_request_header_at (DaeRequest *req, guint index, const char **ret_name, const char **ret_value)
{
  return req->api->request_header_at (req, index, ret_name, ret_value);
}

/* The value of a cookie, NULL if absent or doubled. */
static inline const char *
dae_request_cookie (DaeRequest *req, const char *name)
{
  return req->api->request_cookie (req, name);
}

/* Who asks; NULL on DAE_AUTH_NONE routes, and on DAE_AUTH_ANY routes where nobody is named. */
static inline const DaeUser *
dae_request_user (DaeRequest *req)
{
  return req->api->request_user (req);
}

/* The request id, as in X-Request-Id and the log. */
static inline const char *
dae_request_id (DaeRequest *req)
{
  return req->api->request_id (req);
}

/* The W3C traceparent of the request, NULL if it has none that is valid (Trace Context, 3.2): what is
 * sent on its behalf carries the same trace id. Its first 55 bytes are what is known of it: "00-",
 * 32 digits of the trace id, "-", 16 of the parent id, "-", 2 of the flags. */
static inline const char *
dae_request_traceparent (DaeRequest *req)
{
  static const char form[] = "vv-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff";
  const char *text = req->api->request_header (req, "traceparent");
  gboolean has_trace = FALSE, has_parent = FALSE;

  if (text == NULL)
    return NULL;
  for (guint i = 0; i < sizeof form - 1; i++) {
    gboolean is_digit = g_ascii_isdigit (text[i]) || (text[i] >= 'a' && text[i] <= 'f');

    if (form[i] == '-' ? text[i] != '-' : !is_digit)
      return NULL;
    has_trace = has_trace || (form[i] == 't' && text[i] != '0');
    has_parent = has_parent || (form[i] == 'p' && text[i] != '0');
  }
  /* later versions may go on after a further dash; ff is none */
  if (text[0] == 'f' && text[1] == 'f')
    return NULL;
  if (text[55] != '\0' && (text[55] != '-' || (text[0] == '0' && text[1] == '0')))
    return NULL;
  return has_trace && has_parent ? text : NULL;
}

/* The client's numeric address as [http] trusted-proxies gives it; "unix" for a Unix socket whose
 * proxy named none. */
static inline const char *
dae_request_client (DaeRequest *req)
{
  return req->api->request_client (req);
}

/* TRUE if the peer of the connection is one of [http] trusted-proxies. */
static inline gboolean
dae_request_from_trusted_proxy (DaeRequest *req)
{
  return req->api->request_from_trusted_proxy (req);
}

/* TRUE if a trusted proxy says that the client came by https. */
static inline gboolean
dae_request_is_https (DaeRequest *req)
{
  return req->api->request_is_https (req);
}

/* The version that If-Match names (an ETag of dae_reply_versioned), or -1 without the header and for
 * "*". A list of several gives -2, as does what no version of ours can match: see
 * dae_request_matches. */
static inline gint64
dae_request_if_match (DaeRequest *req)
{
  return req->api->request_if_match (req);
}

/* TRUE if a write of what has VERSION now may go on: If-Match names it, or asks for nothing. */
static inline gboolean
dae_request_matches (DaeRequest *req, gint64 version)
{
  gint64 wanted = req->api->request_if_match (req);
  const char *list = req->api->request_header (req, "If-Match");
  char tag[24];
  int length;

  if (wanted != -2 || list == NULL)
    return wanted == -1 || wanted == version;
  /* a list; a tag has no '"' within, and one of "W/" is no match (RFC 9110, 13.1.1) */
  length = g_snprintf (tag, sizeof tag, "\"v%" G_GINT64_FORMAT "\"", version);
  for (const char *at = list; (at = strchr (at, '"')) != NULL;) {
    const char *end = strchr (at + 1, '"');

    if (end == NULL)
      return FALSE;
    if (end - at + 1 == length && strncmp (at, tag, (gsize)length) == 0 &&
        (at == list || at[-1] != '/'))
      return TRUE;
    at = end + 1;
  }
  return FALSE;
}

/* Fires on the loop when the client has left or the deadline has passed. Borrowed; NULL never. */
static inline GCancellable *
dae_request_gone (DaeRequest *req)
{
  return req->api->request_gone (req);
}

/* DAE_BODY_WHOLE and DAE_BODY_JSON: the bytes, borrowed; NULL if there are none. */
static inline GBytes *
dae_request_body (DaeRequest *req)
{
  return req->api->request_body (req);
}

/* DAE_BODY_STREAM: a pollable stream of at most body_max bytes; an error is a cut or oversized
 * body, never a short one. Borrowed. Loop. */
static inline GInputStream *
dae_request_stream (DaeRequest *req)
{
  return req->api->request_stream (req);
}

/* Content-Length, or -1 where the client sends chunks. */
static inline gint64
dae_request_body_length (DaeRequest *req)
{
  return req->api->request_body_length (req);
}

/* DAE_BODY_JSON: members that the route's rows declare. */
static inline gboolean
dae_body_has (DaeRequest *req, const char *member)
{
  return req->api->body_has (req, member);
}

static inline gboolean
dae_body_is_null (DaeRequest *req, const char *member)
{
  return req->api->body_is_null (req, member);
}

/* Text, UUID, slug, choice, or the raw text of a DAE_MEMBER_JSON; NULL if absent or null. */
static inline const char *
dae_body_text (DaeRequest *req, const char *member)
{
  return req->api->body_text (req, member);
}

/* An integer, or 0 or 1 of a boolean; FALLBACK if absent or null. */
static inline gint64
dae_body_int (DaeRequest *req, const char *member, gint64 fallback)
{
  return req->api->body_int (req, member, fallback);
}

/* The items of a list, NULL-ended; NULL if absent or null. */
static inline const char *const *
dae_body_list (DaeRequest *req, const char *member)
{
  return req->api->body_list (req, member);
}

/* What a GET or HEAD of a file of TOTAL bytes with the strong ETAG (quotes and all) is to get by its
 * conditions and its Range: 200 (all of it), 206 (LENGTH bytes from FIRST), 304, 412 or 416. For those
 * who send the bytes as a stream; dae_reply_bytes does it by itself. */
static inline guint
dae_request_file (DaeRequest *req, const char *etag, gint64 total, gint64 *ret_first, gint64 *ret_length)
{
  return req->api->request_file (req, etag, total, ret_first, ret_length);
}

G_END_DECLS
