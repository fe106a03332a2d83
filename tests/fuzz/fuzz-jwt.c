/* SPDX-License-Identifier: Apache-2.0 */
/* Bearers of an issuer and its set of keys: head and claims as text, and JSON within both. */
#include "fuzz.h"

#include "../../plugins/auth/auth-jwt-read.c"
#include "../../plugins/auth/auth-subject.c"
#include "../unit/stub-plugin.h"

static const char *const audiences[] = { "us", NULL };
static const char *const names[] = { "name", "nick", NULL };
static const AuthJwtRules rules = { .issuer = "i",
                                    .audiences = audiences,
                                    .subject_claim = "sub",
                                    .email_claim = "email",
                                    .groups_claim = "groups",
                                    .name_claims = names };

static char *
encode (const guint8 *bytes, gsize size)
{
  char *encoded = g_base64_encode (bytes, size);

  g_strdelimit (encoded, "+", '-');
  g_strdelimit (encoded, "/", '_');
  encoded[strcspn (encoded, "=")] = '\0';
  return encoded;
}

static void
check_token (const char *token)
{
  AuthJwtHead head;
  AuthJwtClaims claims;
  const char *why = auth_jwt_read_head (stub_plugin (), token, &head);

  MUST (why == NULL || head.kid == NULL);
  if (why != NULL)
    return;
  MUST (strcmp (head.algorithm, "RS256") == 0 || strcmp (head.algorithm, "ES256") == 0);
  MUST (token[head.head] == '.' && token[head.head + 1 + head.claims] == '.');
  why = auth_jwt_read_claims (stub_plugin (), token, &head, &rules, 0, &claims);
  if (why == NULL) {
    MUST (auth_is_subject (claims.subject) && auth_is_plain (claims.subject));
    MUST (auth_is_plain (claims.name) && claims.expires_at > -AUTH_JWT_LEEWAY);
    for (guint i = 0; claims.groups[i] != NULL; i++)
      MUST (auth_is_plain (claims.groups[i]));
  }
  auth_jwt_claims_clear (&claims);
  auth_jwt_head_clear (&head);
}

static void
check_keys (const char *text, gsize size)
{
  json_t *keys = auth_jwt_keys_of_set (stub_plugin (), text, size), *key;
  size_t i;

  json_array_foreach (keys, i, key)
  {
    const char *algorithm = json_string_value (json_object_get (key, "alg"));

    MUST (strcmp (algorithm, "RS256") == 0 || strcmp (algorithm, "ES256") == 0);
    MUST (json_object_get (key, "d") == NULL && json_object_get (key, "k") == NULL);
  }
  json_decref (keys);
}

/* The input is a token, a set of keys, the claims of a token, and what base64url can hold. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = fuzz_copy (data, size);
  g_autofree char *encoded = encode (data, size);
  g_autofree char *token = g_strconcat ("eyJhbGciOiJSUzI1NiJ9.", encoded, ".c2ln", NULL);
  g_autofree char *head = g_strconcat (encoded, ".e30.c2ln", NULL);
  g_autofree char *line = g_strndup ((const char *)data, size), *bytes = NULL;
  gsize length = 0;

  if (strlen (line) == size)
    check_token (line);
  check_keys (text, size);
  check_token (token);
  check_token (head);
  bytes = read_base64url (encoded, strlen (encoded), &length);
  MUST (bytes != NULL && length == size && memcmp (bytes, data, size) == 0);
  return 0;
}
