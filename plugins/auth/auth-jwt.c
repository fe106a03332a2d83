/* SPDX-License-Identifier: Apache-2.0 */
/* auth-jwt: bearers that an issuer has signed.
 *
 * The order is fixed: form and algorithm, then the key, the signature, and only
 * then what the token claims. A token that was found good is known by its
 * SHA-256 until it ends or other keys come.
 *
 * Whoever has one is the person, administrator too where groups or names say so,
 * but makes no access tokens: one that was stolen must not outlive itself.
 */
#include "auth-jwt.h"

#include <string.h>

#define JWT_MAX_KNOWN 2000
#define JWT_FLAGS     (DAE_USER_SCOPED | DAE_USER_READ | DAE_USER_WRITE | DAE_USER_MCP)

struct AuthVerified {
  GHashTable *known; /* SHA-256 of a token (owned) -> AuthJwtClaims * (owned) */
  guint edition;     /* of the keys that they were verified with */
};

/* One request that waits for keys. */
typedef struct {
  DaeRequest *req;
  char *bearer;
  AuthJwtHead head;
  DaeIdentified done;
  gpointer data;
} Waiting;

static gboolean
jwt_complain (GError **error, const char *what)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, what);
  return FALSE;
}

static gboolean
jwt_is_set (DaePlugin *self, const char *key)
{
  const char *text = dae_setting_text (self, key);

  return text && *text;
}

gboolean
auth_jwt_configure (DaePlugin *self, AuthData *data, GError **error)
{
  gboolean has_url = jwt_is_set (self, "jwks-url"), has_pem = jwt_is_set (self, "certificate");
  json_t *keys;

  data->jwt = jwt_is_set (self, "issuer");
  if (!data->jwt && !data->local && !data->proxy)
    return jwt_complain (error, "mode = jwt has no issuer: write issuer, audience and jwks-url or "
                                "certificate-file in [plugin auth]");
  if (!data->jwt && (has_url || has_pem))
    return jwt_complain (error,
                         "keys without an issuer: write in issuer what iss must be in tokens");
  if (!data->jwt)
    return TRUE;
  if (data->local)
    return jwt_complain (error,
                         "issuer is not for mode = local: set mode = jwt, or mode = proxy where a "
                         "proxy names people too");
  if (!*dae_setting_list (self, "audience"))
    return jwt_complain (error,
                         "issuer without audience would believe tokens that are meant for others: "
                         "write in audience what aud must hold, such as the client id");
  if (has_url == has_pem)
    return jwt_complain (error,
                         "issuer needs either jwks-url or certificate-file: write one of them");
  if (!has_pem)
    return TRUE;
  keys = auth_keys_of_pem (dae_setting_text (self, "certificate"), error);
  json_decref (keys);
  return keys != NULL;
}

static void
jwt_claims_free (gpointer claims)
{
  auth_jwt_claims_clear (claims);
  g_free (claims);
}

void
auth_jwt_start (DaePlugin *self, AuthState *state)
{
  state->keys = auth_keys_new (self);
  state->verified = g_new0 (AuthVerified, 1);
  state->verified->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, jwt_claims_free);
  auth_keys_refresh (state->keys, FALSE, NULL, NULL);
}

void
auth_jwt_stop (AuthState *state)
{
  if (!state->keys)
    return;
  auth_keys_free (state->keys);
  g_hash_table_unref (state->verified->known);
  g_free (state->verified);
}

DaeHealth
auth_jwt_health (DaePlugin *self, GString *why)
{
  const AuthState *state = dae_state (self);

  return state && state->keys ? auth_keys_health (state->keys, why) : DAE_HEALTH_UP;
}

static void
jwt_accept (DaePlugin *self,
            DaeRequest *req,
            const AuthJwtClaims *claims,
            DaeIdentified done,
            gpointer user_data)
{
  DaeUser user = { .struct_size = sizeof user,
                   .flags = JWT_FLAGS,
                   .subject = claims->subject,
                   .email = claims->email,
                   .name = claims->name,
                   .method = "jwt",
                   .groups = (const char *const *)claims->groups };

  if (auth_is_admin (dae_data (self), &user))
    user.flags |= DAE_USER_ADMIN;
  auth_people_seen (self, &user);
  done (req, &user, NULL, user_data);
}

/* Borrowed; NULL if the token has not been verified with the keys of now, or has ended. */
static const AuthJwtClaims *
jwt_known (DaePlugin *self, const char *hash)
{
  const AuthState *state = dae_state (self);
  AuthVerified *verified = state->verified;
  const AuthJwtClaims *claims;

  if (verified->edition != auth_keys_edition (state->keys)) {
    g_hash_table_remove_all (verified->known);
    verified->edition = auth_keys_edition (state->keys);
  }
  claims = g_hash_table_lookup (verified->known, hash);
  if (!claims || dae_now (self) < claims->expires_at + AUTH_JWT_LEEWAY)
    return claims;
  g_hash_table_remove (verified->known, hash);
  return NULL;
}

static void
jwt_refuse (
    DaePlugin *self, DaeRequest *req, const char *why, DaeIdentified done, gpointer user_data)
{
  done (req, NULL, auth_refuse (self, req, why), user_data);
}

/* The signature is good: what it says decides. */
static void
jwt_judge (DaePlugin *self,
           DaeRequest *req,
           const char *bearer,
           const AuthJwtHead *head,
           DaeIdentified done,
           gpointer user_data)
{
  const AuthJwtRules rules = { .issuer = dae_setting_text (self, "issuer"),
                               .audiences = dae_setting_list (self, "audience"),
                               .subject_claim = dae_setting_text (self, "subject-claim"),
                               .email_claim = dae_setting_text (self, "email-claim"),
                               .groups_claim = dae_setting_text (self, "groups-claim"),
                               .name_claims = dae_setting_list (self, "name-claims") };
  AuthVerified *verified = ((AuthState *)dae_state (self))->verified;
  AuthJwtClaims claims, *kept;
  const char *why = auth_jwt_read_claims (self, bearer, head, &rules, dae_now (self), &claims);

  if (why) {
    jwt_refuse (self, req, why, done, user_data);
    return;
  }
  if (g_hash_table_size (verified->known) >= JWT_MAX_KNOWN)
    g_hash_table_remove_all (verified->known);
  kept = g_new (AuthJwtClaims, 1);
  *kept = claims;
  g_hash_table_replace (verified->known,
                        g_compute_checksum_for_string (G_CHECKSUM_SHA256, bearer, -1), kept);
  jwt_accept (self, req, kept, done, user_data);
}

/* With the keys that are there: FALSE if none can be meant, and nothing is said. */
static gboolean
jwt_verify (DaePlugin *self,
            DaeRequest *req,
            const char *bearer,
            const AuthJwtHead *head,
            DaeIdentified done,
            gpointer user_data)
{
  AuthKeys *keys = ((AuthState *)dae_state (self))->keys;
  gboolean is_known;

  if (auth_keys_verify (keys, bearer, head, &is_known))
    jwt_judge (self, req, bearer, head, done, user_data);
  else if (is_known)
    jwt_refuse (self, req, "signature does not fit", done, user_data);
  return is_known;
}

static void
jwt_refuse_unknown (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data)
{
  DaeReply *refusal;

  if (auth_keys_are_there (((AuthState *)dae_state (self))->keys)) {
    jwt_refuse (self, req, "signed with a key that is not known", done, user_data);
    return;
  }
  refusal = dae_reply_problem (req, 503, "identity_unavailable",
                               "the keys of the issuer of this token are not there");
  done (req, NULL, dae_reply_header (refusal, "Retry-After", "2"), user_data);
}

static void
jwt_keys_came (DaePlugin *self, gpointer data)
{
  Waiting *waiting = data;

  if (!jwt_verify (self, waiting->req, waiting->bearer, &waiting->head, waiting->done,
                   waiting->data))
    jwt_refuse_unknown (self, waiting->req, waiting->done, waiting->data);
  auth_jwt_head_clear (&waiting->head);
  g_free (waiting->bearer);
  g_free (waiting);
}

void
auth_jwt_identify (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data)
{
  AuthKeys *keys = ((AuthState *)dae_state (self))->keys;
  g_autofree char *hash = NULL;
  const AuthJwtClaims *claims;
  Waiting *waiting;
  AuthJwtHead head;
  const char *why;

  if (strlen (bearer) > AUTH_JWT_MAX) {
    jwt_refuse (self, req, "longer than 16 KiB", done, user_data);
    return;
  }
  auth_keys_refresh (keys, FALSE, NULL, NULL);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, bearer, -1);
  claims = jwt_known (self, hash);
  if (claims) {
    jwt_accept (self, req, claims, done, user_data);
    return;
  }
  why = auth_jwt_read_head (self, bearer, &head);
  if (why) {
    jwt_refuse (self, req, why, done, user_data);
    return;
  }
  if (jwt_verify (self, req, bearer, &head, done, user_data)) {
    auth_jwt_head_clear (&head);
    return;
  }
  waiting = g_new0 (Waiting, 1);
  *waiting = (Waiting){ req, g_strdup (bearer), head, done, user_data };
  if (!auth_keys_refresh (keys, TRUE, jwt_keys_came, waiting))
    jwt_keys_came (self, waiting);
}
