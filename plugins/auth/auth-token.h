/* SPDX-License-Identifier: Apache-2.0 */
/* auth-token: personal access tokens. */
#pragma once

#include "auth.h"

#define AUTH_TOPIC_TOKEN    "auth:token" /* text: the subject whose token was taken away */
#define AUTH_TOKEN_PREFIX   "dat_"
#define AUTH_TOKEN_MAX_DAYS 366
#define AUTH_TOKEN_DAYS     90 /* where nobody says */
#define AUTH_TOKEN_MAX_NAME 200

/* auth-token.c */

/* The bit of a scope's name, 0: there is none. */
guint32 auth_token_scope (const char *name);
/* The name of the INDEX-th of the scopes in BITS; NULL: there are no more. */
const char *auth_token_scope_name (guint32 bits, guint index);
/* What the database keeps of TOKEN: owned. */
char *auth_token_hash (const char *token);

/* auth-token-list.c */

/* Takes the token ID away, if SUBJECT (NULL: anybody) has it, and has their open streams asked again who
 * they are; FALSE: there is none. */
gboolean auth_token_take (DaeTx *tx, const char *id, const char *subject);

typedef struct {
  const char *subject;
  const char *name;
  guint32 scopes;
  gint64 days;
} AuthTokenWish;

typedef enum { AUTH_TOKEN_MADE = 0, AUTH_TOKEN_TOO_MANY, AUTH_TOKEN_NO_RANDOMNESS } AuthTokenResult;

/* Makes a token: its id, and its text (owned), which nobody can read again. */
AuthTokenResult
auth_token_make (DaeTx *tx, const AuthTokenWish *wish, char *ret_37_bytes, char **ret_token);
