/* SPDX-License-Identifier: Apache-2.0 */
/* auth-jwt-read: what a token and a set of keys say.
 *
 * The host's strict scanner sees all JSON first, so that no name comes twice and
 * jansson and the library that verifies read the same.
 */
#include "auth-jwt.h"

#include <string.h>

#define READ_MAX_GROUPS  500
#define READ_MAX_KEYS    64
#define READ_MIN_MODULUS 342  /* base64url of 2048 bits */
#define READ_MAX_MODULUS 1366 /* of 8192 */

static int
read_digit (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding, one form only (RFC 7515, appendix C): owned; NULL if it is not that.
 */
static char *
read_base64url (const char *text, gsize length, gsize *ret_length)
{
  g_autofree char *bytes = g_malloc (length / 4 * 3 + 4);
  guint32 bits = 0;
  guint held = 0;
  gsize n = 0;

  for (gsize i = 0; i < length; i++) {
    int digit = read_digit (text[i]);

    if (digit < 0)
      return NULL;
    bits = bits << 6 | (guint32)digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[n++] = (char)(bits >> held);
      bits &= (1u << held) - 1;
    }
  }
  if (held >= 6 || bits != 0)
    return NULL;
  *ret_length = n;
  return g_steal_pointer (&bytes);
}

/* The object that a part of a token holds: a new reference; NULL if there is none. */
static json_t *
read_object (DaePlugin *self, const char *text, gsize length, guint max_depth, guint max_nodes)
{
  json_t *object;
  gsize size = 0;
  g_autofree char *bytes = read_base64url (text, length, &size);

  if (!bytes || !dae_json_check (self, bytes, size, max_depth, max_nodes, NULL))
    return NULL;
  object = json_loadb (bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  if (json_is_object (object))
    return object;
  json_decref (object);
  return NULL;
}

/* The text NAME of OBJECT: borrowed; NULL if it is not there, no text, or holds a NUL. */
static const char *
read_text (json_t *object, const char *name)
{
  json_t *value = json_object_get (object, name);
  const char *text = json_string_value (value);

  return text && strlen (text) == json_string_length (value) ? text : NULL;
}

static const char *
read_head (json_t *object, AuthJwtHead *ret)
{
  const char *algorithm = read_text (object, "alg"), *type = read_text (object, "typ");

  if (g_strcmp0 (algorithm, "RS256") == 0)
    ret->algorithm = "RS256";
  else if (g_strcmp0 (algorithm, "ES256") == 0)
    ret->algorithm = "ES256";
  else
    return "algorithm is not RS256 or ES256";
  if (json_object_get (object, "crit"))
    return "critical extensions";
  if (json_object_get (object, "typ") &&
      (!type ||
       (g_ascii_strcasecmp (type, "JWT") != 0 && g_ascii_strcasecmp (type, "at+jwt") != 0 &&
        g_ascii_strcasecmp (type, "application/at+jwt") != 0)))
    return "type is not JWT or at+jwt";
  if (json_object_get (object, "kid") && !read_text (object, "kid"))
    return "name of the key is no text";
  ret->kid = g_strdup (read_text (object, "kid"));
  return NULL;
}

const char *
auth_jwt_read_head (DaePlugin *self, const char *token, AuthJwtHead *ret)
{
  const char *first = strchr (token, '.'), *second = first ? strchr (first + 1, '.') : NULL;
  json_t *object;
  const char *why;

  *ret = (AuthJwtHead){ 0 };
  if (!second || strchr (second + 1, '.'))
    return "not three parts";
  ret->head = (gsize)(first - token);
  ret->claims = (gsize)(second - first - 1);
  object = read_object (self, token, ret->head, 4, 100);
  if (!object)
    return "head is no JSON object in base64url";
  why = read_head (object, ret);
  json_decref (object);
  if (why)
    auth_jwt_head_clear (ret);
  return why;
}

/* A time in seconds as microseconds: FALSE if VALUE is none. */
static gboolean
read_time (json_t *value, gint64 *ret)
{
  double seconds = json_number_value (value);

  if (!json_is_number (value) || seconds < 0)
    return FALSE;
  *ret = seconds > 1e11 ? G_MAXINT64 / 2 : (gint64)(seconds * G_USEC_PER_SEC);
  return TRUE;
}

static const char *
read_validity (json_t *object, gint64 now, gint64 *ret_expires_at)
{
  json_t *not_before = json_object_get (object, "nbf");
  gint64 begins_at = 0;

  if (!read_time (json_object_get (object, "exp"), ret_expires_at))
    return "no end (exp)";
  if (not_before && !read_time (not_before, &begins_at))
    return "begin (nbf) is no time";
  if (now >= *ret_expires_at + AUTH_JWT_LEEWAY)
    return "expired";
  if (now < begins_at - AUTH_JWT_LEEWAY)
    return "not valid yet";
  return NULL;
}

static gboolean
read_is_for (json_t *audience, const char *const *wanted)
{
  json_t *one;
  size_t i;

  if (json_is_string (audience))
    return g_strv_contains (wanted, json_string_value (audience));
  json_array_foreach (audience, i, one)
  {
    if (json_is_string (one) && g_strv_contains (wanted, json_string_value (one)))
      return TRUE;
  }
  return FALSE;
}

/* Providers give out tokens of other uses that are signed with the same keys. */
static gboolean
read_is_for_renewal (json_t *object)
{
  const char *type = read_text (object, "tokenType"), *other = read_text (object, "typ");

  return g_strcmp0 (type, "refresh-token") == 0 || g_strcmp0 (other, "Refresh") == 0 ||
         g_strcmp0 (other, "Offline") == 0;
}

static char **
read_groups (json_t *value)
{
  GPtrArray *groups = g_ptr_array_new ();
  json_t *one;
  size_t i;

  if (json_is_string (value) && auth_is_plain (json_string_value (value)))
    g_ptr_array_add (groups, g_strdup (json_string_value (value)));
  json_array_foreach (value, i, one)
  {
    const char *group = json_string_value (one);

    if (group && *group && strlen (group) == json_string_length (one) && auth_is_plain (group) &&
        groups->len < READ_MAX_GROUPS)
      g_ptr_array_add (groups, g_strdup (group));
  }
  g_ptr_array_add (groups, NULL);
  return (char **)g_ptr_array_free (groups, FALSE);
}

/* Borrowed; NULL where it is not fit to be shown. */
static const char *
read_plain (json_t *object, const char *name)
{
  const char *text = read_text (object, name);

  return text && *text && auth_is_plain (text) ? text : NULL;
}

static const char *
read_person (json_t *object, const AuthJwtRules *rules, AuthJwtClaims *ret)
{
  const char *subject = read_plain (object, rules->subject_claim);
  const char *email = read_plain (object, rules->email_claim), *name = NULL;

  if (!subject || !auth_is_subject (subject))
    return "subject is not there or cannot be used";
  /* whoever may write any address there must not get what another's address was given */
  if (json_is_false (json_object_get (object, "email_verified")))
    email = NULL;
  for (guint i = 0; rules->name_claims[i] && !name; i++)
    name = read_plain (object, rules->name_claims[i]);
  ret->subject = g_strdup (subject);
  ret->email = g_strdup (email);
  ret->name = g_strdup (name ? name : email ? email : subject);
  ret->groups = read_groups (json_object_get (object, rules->groups_claim));
  return NULL;
}

static const char *
read_claims (json_t *object, const AuthJwtRules *rules, gint64 now, AuthJwtClaims *ret)
{
  const char *why;

  if (g_strcmp0 (read_text (object, "iss"), rules->issuer) != 0)
    return "another issuer";
  if (!read_is_for (json_object_get (object, "aud"), rules->audiences))
    return "another audience";
  why = read_validity (object, now, &ret->expires_at);
  if (why)
    return why;
  if (read_is_for_renewal (object))
    return "a refresh token signs nobody in";
  return read_person (object, rules, ret);
}

const char *
auth_jwt_read_claims (DaePlugin *self,
                      const char *token,
                      const AuthJwtHead *head,
                      const AuthJwtRules *rules,
                      gint64 now,
                      AuthJwtClaims *ret)
{
  json_t *object = read_object (self, token + head->head + 1, head->claims, 16, 5000);
  const char *why;

  *ret = (AuthJwtClaims){ 0 };
  if (!object)
    return "claims are no JSON object in base64url";
  why = read_claims (object, rules, now, ret);
  json_decref (object);
  return why;
}

void
auth_jwt_head_clear (AuthJwtHead *head)
{
  g_clear_pointer (&head->kid, g_free);
}

void
auth_jwt_claims_clear (AuthJwtClaims *claims)
{
  g_free (claims->subject);
  g_free (claims->email);
  g_free (claims->name);
  g_strfreev (claims->groups);
  *claims = (AuthJwtClaims){ 0 };
}

static gboolean
key_is_for_signatures (json_t *key, const char *algorithm)
{
  json_t *use = json_object_get (key, "use"), *operations = json_object_get (key, "key_ops"), *one;
  json_t *its = json_object_get (key, "alg");
  size_t i;

  if (its && g_strcmp0 (json_string_value (its), algorithm) != 0)
    return FALSE;
  if (use && g_strcmp0 (json_string_value (use), "sig") != 0)
    return FALSE;
  if (!operations)
    return TRUE;
  json_array_foreach (operations, i, one)
  {
    if (g_strcmp0 (json_string_value (one), "verify") == 0)
      return TRUE;
  }
  return FALSE;
}

/* TRUE if the member NAME is base64url of MIN to MAX letters. */
static gboolean
key_has_number (json_t *key, const char *name, gsize min, gsize max)
{
  const char *text = read_text (key, name);
  gsize length = text ? strlen (text) : 0, size = 0;
  g_autofree char *bytes =
      length >= min && length <= max ? read_base64url (text, length, &size) : NULL;

  return bytes != NULL;
}

/* Only what verifying needs is taken over, so that nothing else of a key can matter. */
json_t *
auth_jwt_key (json_t *key)
{
  static const char *const rsa[] = { "n", "e", NULL }, *const ec[] = { "crv", "x", "y", NULL };
  const char *type = read_text (key, "kty"), *kid = read_text (key, "kid"), *const *names = NULL;
  json_t *fit;

  if (g_strcmp0 (type, "RSA") == 0 && key_is_for_signatures (key, "RS256") &&
      key_has_number (key, "n", READ_MIN_MODULUS, READ_MAX_MODULUS) &&
      key_has_number (key, "e", 2, 11))
    names = rsa;
  if (g_strcmp0 (type, "EC") == 0 && key_is_for_signatures (key, "ES256") &&
      g_strcmp0 (read_text (key, "crv"), "P-256") == 0 && key_has_number (key, "x", 43, 43) &&
      key_has_number (key, "y", 43, 43))
    names = ec;
  if (!names)
    return NULL;
  fit = json_object ();
  json_object_set_new (fit, "kty", json_string (type));
  json_object_set_new (fit, "alg", json_string (names == rsa ? "RS256" : "ES256"));
  if (kid)
    json_object_set_new (fit, "kid", json_string (kid));
  for (; *names; names++)
    json_object_set_new (fit, *names, json_string (read_text (key, *names)));
  return fit;
}

json_t *
auth_jwt_keys_of_set (DaePlugin *self, const char *text, gsize length)
{
  json_t *set, *keys, *key, *fit = NULL;
  size_t i;

  if (!dae_json_check (self, text, length, 8, 5000, NULL))
    return NULL;
  set = json_loadb (text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  keys = json_object_get (set, "keys");
  if (json_is_array (keys))
    fit = json_array ();
  json_array_foreach (keys, i, key)
  {
    json_t *one = auth_jwt_key (key);

    if (one && json_array_size (fit) < READ_MAX_KEYS)
      json_array_append_new (fit, one);
    else
      json_decref (one);
  }
  json_decref (set);
  return fit;
}
