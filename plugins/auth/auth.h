/* SPDX-License-Identifier: Apache-2.0 */
/* auth: what the files of this plugin share. */
#pragma once

#include <daedalus-plugin.h>
#include <services/identity.h>

#define AUTH_LOCAL_SUBJECT "local"
#define AUTH_COOKIE        "daedalus_session"
#define AUTH_MAX_SUBJECT   255
#define AUTH_INVITATION                                                                            \
  "invitation:" /* no subject begins so: workspaces names invitations by it                        \
                 */

typedef enum {
  AUTH_HEADER_USER = 0,
  AUTH_HEADER_EMAIL,
  AUTH_HEADER_NAME,
  AUTH_HEADER_GROUPS,
  AUTH_N_HEADERS
} AuthHeader;

typedef struct AuthSessions AuthSessions;
typedef struct AuthPeople AuthPeople;
typedef struct AuthTokens AuthTokens;
typedef struct AuthKeys AuthKeys;
typedef struct AuthVerified AuthVerified;

/* Constant after configure. */
typedef struct {
  gboolean local; /* one person; else many */
  gboolean proxy; /* headers of a trusted proxy are believed */
  gboolean jwt;   /* bearers of an issuer are believed */
  char *headers[AUTH_N_HEADERS];
  char *subject_header;     /* the header that is the subject */
  const char *secrets[2];   /* of the proxy: each NULL or one that is believed */
  GHashTable *admins;       /* set of subjects and e-mail addresses */
  GHashTable *admin_groups; /* set of groups */
  char *local_name;
  char *local_token; /* "dal_...": the bearer of the local person */
  DaeSeries *ignored_headers;
  DaeSeries *sessions_started;
  DaeSeries *refused;
} AuthData;

/* The loop's alone. */
typedef struct {
  AuthSessions *sessions;
  AuthPeople *people;
  AuthTokens *tokens;
  AuthKeys *keys;         /* NULL: no bearers of an issuer */
  AuthVerified *verified; /* likewise */
} AuthState;

/* auth-refuse.c: credentials that are not believed. */

/* The bearer of REQ, perhaps empty: borrowed; NULL if it has none. */
const char *auth_bearer (DaeRequest *req);
/* Takes as long whatever TEXT is. */
gboolean auth_is_secret (const char *secret, const char *text);
/* 401 with its challenge (RFC 6750, 3.1), counted, and one line in the log. WHY is constant. */
DaeReply *auth_refuse (DaePlugin *self, DaeRequest *req, const char *why);

/* auth-subject.c: what people may be called, and who of them is an administrator. */

/* TRUE if TEXT is not too long, UTF-8 and without control characters. */
gboolean auth_is_plain (const char *text);
/* TRUE if somebody whom a proxy or an issuer names can have SUBJECT, which is plain. */
gboolean auth_is_subject (const char *subject);
gboolean auth_is_admin (const AuthData *data, const DaeUser *user);

/* auth-proxy.c: people by the headers of a trusted proxy. */

/* TRUE if REQ carries any header of the family. */
gboolean auth_proxy_has_headers (const AuthData *data, DaeRequest *req);
/* TRUE if REQ comes from a trusted proxy and shows its secret, where there is one; what does not is
 * counted and said. */
gboolean auth_proxy_is_believed (DaePlugin *self, DaeRequest *req);
/* Reads the family and calls DONE. */
void auth_proxy_identify (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data);

/* auth-session.c: the local person's sessions and bearer. */

AuthSessions *auth_sessions_new (DaePlugin *self);
void auth_sessions_free (AuthSessions *sessions);
void auth_local_identify (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data);
/* The same by BEARER. */
void auth_local_identify_bearer (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data);
/* Makes a session in TX: the value of its Set-Cookie header, owned; NULL without randomness. */
char *auth_session_begin (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* POST /api/session/end. */
DaeReply *auth_session_end (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* Job: deletes sessions that have run out. */
gboolean auth_session_sweep (DaeTx *tx, DaePlugin *self);

/* auth-start.c: one-time start links. */

/* GET /start. */
DaeReply *auth_start (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* Tells the terminal the next start link, now and whenever one has been used. */
void auth_start_announce (DaePlugin *self);

/* auth-people.c: the table of people that have been seen. */

AuthPeople *auth_people_new (void);
void auth_people_free (AuthPeople *people);
/* Remembers USER's particulars, at most once a minute for each person. */
void auth_people_seen (DaePlugin *self, const DaeUser *user);

/* auth-jwt.c: bearers of an issuer. */

/* Sets DATA's jwt. */
gboolean auth_jwt_configure (DaePlugin *self, AuthData *data, GError **error);
void auth_jwt_start (DaePlugin *self, AuthState *state);
void auth_jwt_stop (AuthState *state);
void auth_jwt_identify (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data);
DaeHealth auth_jwt_health (DaePlugin *self, GString *why);

/* What this plugin's own rows say of FROM they say of TO. */
void auth_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to);

/* auth-token.c: personal access tokens. */

AuthTokens *auth_tokens_new (void);
void auth_tokens_free (AuthTokens *tokens);
/* TRUE if BEARER means to be such a token. */
gboolean auth_token_is (const char *bearer);
void auth_token_identify (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data);
/* Job: deletes tokens that ran out a month ago. */
gboolean auth_token_sweep (DaeTx *tx, DaePlugin *self);

/* auth-token-list.c: GET and POST /api/tokens, DELETE /api/tokens/{token_id}. */

DaeReply *auth_tokens_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *auth_token_create (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *auth_token_revoke (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* auth-command.c: what an admin types. */

DaeReply *auth_command_token (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *auth_command_person (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* ---- auth-resource.c ---- */

/* WWW-Authenticate of a 401 to REQ; ERROR may be NULL. Owned. */
char *auth_resource_challenge (DaePlugin *self, DaeRequest *req, const char *error);
DaeOutcome auth_resource_show (DaeRequest *req, DaePlugin *self);
