/* SPDX-License-Identifier: Apache-2.0 */
/* auth-jwt: bearer tokens of an issuer (RFC 7519, RFC 9068), and the keys that sign them. */
#pragma once

#include "auth.h"

#include <jansson.h>

#define AUTH_JWT_MAX    (16 * 1024)
#define AUTH_JWT_LEEWAY (5 * G_TIME_SPAN_SECOND)

/* auth-jwt-read.c: what a token says; whether it is true is not asked there. */

typedef struct {
  const char *algorithm; /* "RS256" or "ES256" */
  char *kid;             /* NULL: it names no key */
  gsize head, claims;    /* lengths of the first two parts */
} AuthJwtHead;

typedef struct {
  const char *issuer;
  const char *const *audiences;
  const char *subject_claim, *email_claim, *groups_claim;
  const char *const *name_claims; /* the first that is there */
} AuthJwtRules;

typedef struct {
  char *subject, *email, *name;
  char **groups;
  gint64 expires_at;
} AuthJwtClaims;

/* Both return NULL, or why TOKEN is refused (constant; RET is cleared then). The signature lies
 * between the two. */
const char *auth_jwt_read_head (DaePlugin *self, const char *token, AuthJwtHead *ret);
const char *auth_jwt_read_claims (DaePlugin *self,
                                  const char *token,
                                  const AuthJwtHead *head,
                                  const AuthJwtRules *rules,
                                  gint64 now,
                                  AuthJwtClaims *ret);
void auth_jwt_head_clear (AuthJwtHead *head);
void auth_jwt_claims_clear (AuthJwtClaims *claims);
/* Keys as they are fit to be used out of a set (RFC 7517, 5): a new array, NULL where TEXT is no
 * set. */
json_t *auth_jwt_keys_of_set (DaePlugin *self, const char *text, gsize length);
/* One such key out of KEY, or NULL where it is not fit. */
json_t *auth_jwt_key (json_t *key);

/* auth-keys.c: where keys come from. */

AuthKeys *auth_keys_new (DaePlugin *self);
void auth_keys_free (AuthKeys *keys);
/* The keys of PEM text: owned; NULL with ERROR. Any thread. */
json_t *auth_keys_of_pem (const char *pem, GError **error);
/* TRUE if TOKEN is signed with one of the keys that HEAD may mean; *RET_FOUND says whether there is
 * any. */
gboolean
auth_keys_verify (AuthKeys *keys, const char *token, const AuthJwtHead *head, gboolean *ret_found);
/* Has keys fetched where it is time to; FUNC (may be NULL) is called on the loop when that is over.
 * FALSE: it is not called, as nothing is fetched now. */
typedef void (*AuthKeysOver) (DaePlugin *self, gpointer data);
gboolean auth_keys_refresh (AuthKeys *keys, gboolean is_unknown, AuthKeysOver func, gpointer data);
/* TRUE if there are keys at all. */
gboolean auth_keys_are_there (AuthKeys *keys);
/* A number that changes whenever other keys are there. */
guint auth_keys_edition (AuthKeys *keys);
DaeHealth auth_keys_health (AuthKeys *keys, GString *why);
