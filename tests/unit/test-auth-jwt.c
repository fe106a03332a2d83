/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/auth/auth-jwt-read.c"
#include "../../plugins/auth/auth-subject.c"

#include "stub-plugin.h"

static const char *const audiences[] = { "us", "them", NULL };
static const char *const names[] = { "nick", "name", NULL };
static const AuthJwtRules rules = { .issuer = "i",
                                    .audiences = audiences,
                                    .subject_claim = "sub",
                                    .email_claim = "email",
                                    .groups_claim = "groups",
                                    .name_claims = names };

#define NOW (1000 * G_USEC_PER_SEC)

static char *
encode (const char *text)
{
  char *encoded = g_base64_encode ((const guchar *)text, strlen (text));

  g_strdelimit (encoded, "+", '-');
  g_strdelimit (encoded, "/", '_');
  encoded[strcspn (encoded, "=")] = '\0';
  return encoded;
}

static char *
token_of (const char *head, const char *claims)
{
  g_autofree char *first = encode (head), *second = encode (claims);

  return g_strconcat (first, ".", second, ".c2ln", NULL);
}

static void
test_base64url_has_one_form (void)
{
  static const char *const wrong[] = { "A",   "AA=", "AA==",   "AB",    "AAB",      "A+A",
                                       "A/A", "A A", "AAAA\n", "AAAAA", "\xc3\xa4", "-" };

  for (gsize length = 0; length < 40; length++) {
    char bytes[40];
    g_autofree char *encoded = NULL, *decoded = NULL;
    gsize size = 99;

    for (gsize i = 0; i < length; i++)
      bytes[i] = (char)(i * 37 + 250);
    encoded = g_base64_encode ((const guchar *)bytes, length);
    g_strdelimit (encoded, "+", '-');
    g_strdelimit (encoded, "/", '_');
    encoded[strcspn (encoded, "=")] = '\0';
    decoded = read_base64url (encoded, strlen (encoded), &size);
    g_assert_cmpmem (decoded, size, bytes, length);
  }
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    gsize size;

    g_assert_null (read_base64url (wrong[i], strlen (wrong[i]), &size));
  }
}

static void
test_head_names_algorithm_and_key (void)
{
  g_autofree char *token = token_of ("{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"AT+JWT\"}", "{}");
  AuthJwtHead head;

  g_assert_null (auth_jwt_read_head (stub_plugin (), token, &head));
  g_assert_cmpstr (head.algorithm, ==, "ES256");
  g_assert_cmpstr (head.kid, ==, "a");
  g_assert_cmpuint (head.claims, ==, 3);
  auth_jwt_head_clear (&head);
}

static void
test_every_beginning_of_a_token_is_refused (void)
{
  g_autofree char *token = token_of ("{\"alg\":\"RS256\",\"kid\":\"a\"}", "{\"iss\":\"i\"}");
  const char *last = strrchr (token, '.');

  for (gsize i = 0; i < (gsize)(last - token); i++) {
    g_autofree char *beginning = g_strndup (token, i);
    AuthJwtHead head;

    g_assert_nonnull (auth_jwt_read_head (stub_plugin (), beginning, &head));
    g_assert_null (head.kid);
  }
}

static void
test_claims_are_held_to_the_rules (void)
{
  static const struct {
    const char *claims, *why;
  } rows[] = {
    { "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":1001,\"sub\":\"ada\"}", NULL },
    { "{\"iss\":\"i\",\"aud\":[\"x\",\"them\"],\"exp\":1e300,\"nbf\":1005,\"sub\":\"ada\"}", NULL },
    { "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":995.5,\"sub\":\"ada\"}", NULL },
    { "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":995,\"sub\":\"ada\"}", "expired" },
    { "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":9999,\"nbf\":1005.5,\"sub\":\"ada\"}",
      "not valid yet" },
    { "{\"iss\":\"j\",\"aud\":\"us\",\"exp\":9999,\"sub\":\"ada\"}", "another issuer" },
    { "{\"iss\":\"i\\u0000\",\"aud\":\"us\",\"exp\":9999,\"sub\":\"ada\"}", "*" },
    { "{\"iss\":\"i\",\"aud\":\"we\",\"exp\":9999,\"sub\":\"ada\"}", "another audience" },
    { "{\"iss\":\"i\",\"aud\":\"us\",\"sub\":\"ada\"}", "no end (exp)" },
    { "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":9999,\"sub\":\"local\"}",
      "subject is not there or cannot be used" },
    { "[]", "claims are no JSON object in base64url" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *token = token_of ("{\"alg\":\"RS256\"}", rows[i].claims);
    AuthJwtHead head;
    AuthJwtClaims claims;
    const char *why;

    g_assert_null (auth_jwt_read_head (stub_plugin (), token, &head));
    why = auth_jwt_read_claims (stub_plugin (), token, &head, &rules, NOW, &claims);
    if (g_strcmp0 (rows[i].why, "*") == 0)
      g_assert_nonnull (why);
    else
      g_assert_cmpstr (why, ==, rows[i].why);
    if (!why)
      g_assert_cmpstr (claims.subject, ==, "ada");
    auth_jwt_claims_clear (&claims);
  }
}

static void
test_the_first_name_that_is_there_is_the_name (void)
{
  static const struct {
    const char *more, *name, *email;
  } rows[] = {
    { "\"nick\":\"N\",\"name\":\"M\",\"email\":\"e\"", "N", "e" },
    { "\"nick\":\"\",\"name\":\"M\",\"email\":\"e\"", "M", "e" },
    { "\"nick\":5,\"email\":\"e\",\"email_verified\":true", "e", "e" },
    { "\"email\":\"e\",\"email_verified\":false", "ada", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = g_strconcat (
        "{\"iss\":\"i\",\"aud\":\"us\",\"exp\":9999,\"sub\":\"ada\",", rows[i].more, "}", NULL);
    g_autofree char *token = token_of ("{\"alg\":\"RS256\"}", text);
    AuthJwtHead head;
    AuthJwtClaims claims;

    g_assert_null (auth_jwt_read_head (stub_plugin (), token, &head));
    g_assert_null (auth_jwt_read_claims (stub_plugin (), token, &head, &rules, NOW, &claims));
    g_assert_cmpstr (claims.name, ==, rows[i].name);
    g_assert_cmpstr (claims.email, ==, rows[i].email);
    auth_jwt_claims_clear (&claims);
  }
}

static void
test_only_keys_that_can_verify_are_taken (void)
{
  static const char ec[] =
      "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
      "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
  static const struct {
    const char *more;
    gsize n;
  } rows[] = {
    { "\"kid\":\"a\"", 1 },   { "\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]", 1 },
    { "\"use\":\"enc\"", 0 }, { "\"alg\":\"ES384\"", 0 },
    { "\"alg\":7", 0 },       { "\"key_ops\":[\"sign\"]", 0 },
    { "\"kty\":\"EC\"", 99 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = g_strconcat ("{\"keys\":[{", ec, ",", rows[i].more,
                                         "},{\"kty\":\"oct\",\"k\":\"AAAA\"},7]}", NULL);
    json_t *keys = auth_jwt_keys_of_set (stub_plugin (), text, strlen (text));

    if (rows[i].n == 99)
      g_assert_null (keys);
    else
      g_assert_cmpuint (json_array_size (keys), ==, rows[i].n);
    json_decref (keys);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth-jwt/base64url-has-one-form", test_base64url_has_one_form);
  g_test_add_func ("/auth-jwt/head-names-algorithm-and-key", test_head_names_algorithm_and_key);
  g_test_add_func ("/auth-jwt/every-beginning-of-a-token-is-refused",
                   test_every_beginning_of_a_token_is_refused);
  g_test_add_func ("/auth-jwt/claims-are-held-to-the-rules", test_claims_are_held_to_the_rules);
  g_test_add_func ("/auth-jwt/the-first-name-that-is-there-is-the-name",
                   test_the_first_name_that_is_there_is_the_name);
  g_test_add_func ("/auth-jwt/only-keys-that-can-verify-are-taken",
                   test_only_keys_that_can_verify_are_taken);
  return g_test_run ();
}
