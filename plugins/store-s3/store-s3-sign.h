/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-sign: AWS Signature Version 4 in the Authorization header. Pure. */
#pragma once

#include <glib.h>

#define S3_SIGN_NOTHING  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of no bytes */
#define S3_SIGN_UNSIGNED "UNSIGNED-PAYLOAD"

typedef struct {
  const char *access_key, *secret_key, *region;
} S3Account;

/* A header that is signed; the name is in lower case. */
typedef struct {
  const char *name, *value;
} S3Signed;

/* TEXT with all bytes encoded that are not unreserved (RFC 3986), nor "/" where it is a PATH: owned. */
char *s3_sign_encode (const char *text, gboolean path);
/* TIME (microseconds) as 20130524T000000Z: owned. */
char *s3_sign_stamp (gint64 time);
/* The value of Authorization: owned. PATH and QUERY are as sent, the query's parameters in order of
 * their names; HEADERS are in order of theirs; PAYLOAD is the body's SHA-256 or S3_SIGN_UNSIGNED. */
char *s3_sign (const S3Account *account, const char *method, const char *path, const char *query,
               const S3Signed *headers, guint n_headers, const char *payload, const char *stamp);
