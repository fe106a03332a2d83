/* SPDX-License-Identifier: Apache-2.0 */
/* auth-keys: the keys of the issuer, from a certificate or fetched as a set.
 *
 * One fetch at a time. What was fetched is believed through any outage of the
 * issuer, and fetched again after ten minutes, or for a key that is not known
 * at most once in [plugin auth] jwks-pause.
 */
#include "auth-jwt.h"

#include <jose/jose.h>
#include <jose/openssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define KEYS_LIFE     (10 * G_TIME_SPAN_MINUTE)
#define KEYS_HURRY    (2 * G_TIME_SPAN_SECOND) /* between attempts while there are none */
#define KEYS_MAX_SET  (256 * 1024)
#define KEYS_MAX_WAIT 1000
/* less than the host waits for this plugin's word */
#define KEYS_MAX_MS 8000

typedef struct {
  AuthKeysOver func;
  gpointer data;
} Waiter;

struct AuthKeys {
  DaePlugin *self;
  const char *url; /* NULL: they come from a certificate */
  gint64 pause;
  jose_cfg_t *jose;
  json_t *keys; /* array; NULL: none yet */
  guint edition;
  gint64 tried_at, fetched_at; /* monotonic; 0: never */
  gboolean has_failed;

  DaeFetch *fetch; /* NULL: none is on its way */
  guint status;
  GByteArray *bytes;
  GArray *waiters; /* (element-type Waiter) */
};

/* jose writes to standard error by default. */
static void
keys_say_nothing (
    void *unused, const char *file, int line, uint64_t code, const char *text, va_list args)
{
}

static jose_cfg_t *
keys_jose (void)
{
  jose_cfg_t *jose = jose_cfg ();

  jose_cfg_set_err_func (jose, keys_say_nothing, NULL);
  return jose;
}

static json_t *
keys_of_pem_block (const char *begin)
{
  jose_cfg_t *jose = keys_jose ();
  BIO *bio = BIO_new_mem_buf (begin, -1);
  gboolean is_certificate = g_str_has_prefix (begin, "-----BEGIN CERTIFICATE-----");
  X509 *certificate = is_certificate ? PEM_read_bio_X509 (bio, NULL, NULL, NULL) : NULL;
  EVP_PKEY *public = is_certificate ? NULL : PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  json_t *whole, *fit = NULL;

  if (certificate)
  public = X509_get_pubkey (certificate);
  whole = public ? jose_openssl_jwk_from_EVP_PKEY (jose, public) : NULL;
  if (whole)
    fit = auth_jwt_key (whole);
  json_decref (whole);
  EVP_PKEY_free (public);
  X509_free (certificate);
  BIO_free (bio);
  jose_cfg_decref (jose);
  ERR_clear_error ();
  return fit;
}

json_t *
auth_keys_of_pem (const char *pem, GError **error)
{
  json_t *keys = json_array (), *key = NULL;
  const char *at = pem;

  while ((at = strstr (at, "-----BEGIN "))) {
    key = keys_of_pem_block (at);
    if (!key)
      break;
    json_array_append_new (keys, key);
    at += strlen ("-----BEGIN ");
  }
  if (key)
    return keys;
  json_decref (keys);
  g_set_error_literal (
      error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
      "certificate is no PEM certificate or public key, of RSA with 2048 to 8192 bits or "
      "EC P-256: give the one that the issuer signs its tokens with");
  return NULL;
}

AuthKeys *
auth_keys_new (DaePlugin *self)
{
  const char *pem = dae_setting_text (self, "certificate");
  AuthKeys *keys = g_new0 (AuthKeys, 1);

  keys->self = self;
  keys->url = dae_setting_text (self, "jwks-url");
  keys->pause = dae_setting_int (self, "jwks-pause") * G_TIME_SPAN_MILLISECOND;
  keys->jose = keys_jose ();
  keys->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  if (pem && *pem)
    keys->keys = auth_keys_of_pem (pem, NULL);
  return keys;
}

void
auth_keys_free (AuthKeys *keys)
{
  if (keys->fetch)
    dae_fetch_cancel (keys->fetch);
  g_clear_pointer (&keys->bytes, g_byte_array_unref);
  g_array_unref (keys->waiters);
  json_decref (keys->keys);
  jose_cfg_decref (keys->jose);
  g_free (keys);
}

gboolean
auth_keys_are_there (AuthKeys *keys)
{
  return json_array_size (keys->keys) > 0;
}

guint
auth_keys_edition (AuthKeys *keys)
{
  return keys->edition;
}

DaeHealth
auth_keys_health (AuthKeys *keys, GString *why)
{
  if (!keys->has_failed)
    return DAE_HEALTH_UP;
  g_string_append (why, auth_keys_are_there (keys)
                            ? "the issuer's keys cannot be fetched; those known before are believed"
                            : "the issuer's keys cannot be fetched; no bearer of it is believed");
  return DAE_HEALTH_DEGRADED;
}

/* A key without a name, as a certificate has none, may be any token's; a token that names none may
 * mean the one key of its algorithm. */
static gboolean
keys_may_mean (json_t *keys, json_t *key, const AuthJwtHead *head)
{
  const char *kid = json_string_value (json_object_get (key, "kid"));
  guint n = 0;
  json_t *one;
  size_t i;

  if (strcmp (json_string_value (json_object_get (key, "alg")), head->algorithm) != 0)
    return FALSE;
  if (!kid || head->kid)
    return !kid || strcmp (kid, head->kid) == 0;
  json_array_foreach (keys, i, one) n +=
      strcmp (json_string_value (json_object_get (one, "alg")), head->algorithm) == 0;
  return n == 1;
}

gboolean
auth_keys_verify (AuthKeys *keys, const char *token, const AuthJwtHead *head, gboolean *ret_found)
{
  const char *claims = token + head->head + 1, *signature = claims + head->claims + 1;
  gboolean is_signed = FALSE;
  json_t *jws = NULL, *key;
  size_t i;

  *ret_found = FALSE;
  json_array_foreach (keys->keys, i, key)
  {
    if (is_signed || !keys_may_mean (keys->keys, key, head))
      continue;
    *ret_found = TRUE;
    if (!jws)
      jws = json_pack ("{s:s%,s:s%,s:s}", "protected", token, head->head, "payload", claims,
                       head->claims, "signature", signature);
    is_signed = jws && jose_jws_ver (keys->jose, jws, NULL, key, false);
  }
  json_decref (jws);
  ERR_clear_error ();
  return is_signed;
}

static void
keys_tell (AuthKeys *keys)
{
  GArray *waiters = keys->waiters;

  keys->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  for (guint i = 0; i < waiters->len; i++) {
    const Waiter *waiter = &g_array_index (waiters, Waiter, i);

    waiter->func (keys->self, waiter->data);
  }
  g_array_unref (waiters);
}

/* What has come is there from now on, or WHY not is said, once for each outage. */
static void
keys_take (AuthKeys *keys, json_t *fresh, const char *why)
{
  if (!fresh) {
    if (!keys->has_failed)
      dae_log (keys->self, G_LOG_LEVEL_WARNING, "keys of the issuer not fetched",
               DAE_S ("url", keys->url), DAE_S ("error", why));
    keys->has_failed = TRUE;
    return;
  }
  if (keys->has_failed)
    dae_log (keys->self, G_LOG_LEVEL_INFO, "keys of the issuer fetched again",
             DAE_S ("url", keys->url));
  keys->has_failed = FALSE;
  keys->fetched_at = g_get_monotonic_time ();
  if (json_equal (keys->keys, fresh)) {
    json_decref (fresh);
    return;
  }
  json_decref (keys->keys);
  keys->keys = fresh;
  keys->edition++;
}

static void
keys_head (DaeFetch *fetch, guint status, gpointer data)
{
  AuthKeys *keys = data;

  keys->status = status;
}

static void
keys_body (DaeFetch *fetch, const char *bytes, gsize length, gpointer data)
{
  AuthKeys *keys = data;

  g_byte_array_append (keys->bytes, (const guint8 *)bytes, (guint)length);
}

static void
keys_end (DaeFetch *fetch, const GError *error, gpointer data)
{
  AuthKeys *keys = data;
  g_autoptr (GByteArray) bytes = g_steal_pointer (&keys->bytes);
  g_autofree char *why = NULL;
  json_t *fresh = NULL;

  keys->fetch = NULL;
  if (error)
    why = g_strdup (error->message);
  else if (keys->status != 200)
    why = g_strdup_printf ("it answered with status %u", keys->status);
  else
    fresh = auth_jwt_keys_of_set (keys->self, (const char *)bytes->data, bytes->len);
  if (json_array_size (fresh) == 0) {
    json_decref (fresh);
    fresh = NULL;
  }
  keys_take (keys, fresh, why ? why : "what it answered holds no key for RS256 or ES256");
  keys_tell (keys);
}

static const DaeFetchHooks keys_hooks = {
  .struct_size = sizeof (DaeFetchHooks), .head = keys_head, .body = keys_body, .end = keys_end
};

static gboolean
keys_is_time (AuthKeys *keys, gboolean is_unknown, gint64 now)
{
  gint64 tried = now - keys->tried_at;

  if (keys->tried_at == 0)
    return TRUE;
  if (!auth_keys_are_there (keys))
    return tried >= MIN (KEYS_HURRY, keys->pause);
  return tried >= keys->pause && (is_unknown || now - keys->fetched_at >= KEYS_LIFE);
}

gboolean
auth_keys_refresh (AuthKeys *keys, gboolean is_unknown, AuthKeysOver func, gpointer data)
{
  Waiter waiter = { func, data };
  gint64 now = g_get_monotonic_time ();

  if (!keys->url || keys->waiters->len >= KEYS_MAX_WAIT)
    return FALSE;
  if (!keys->fetch && !keys_is_time (keys, is_unknown, now))
    return FALSE;
  if (func)
    g_array_append_val (keys->waiters, waiter);
  if (keys->fetch)
    return TRUE;
  keys->tried_at = now;
  keys->status = 0;
  keys->bytes = g_byte_array_new ();
  keys->fetch = dae_fetch_new (keys->self, "GET", keys->url, &keys_hooks, keys);
  dae_fetch_header (keys->fetch, "Accept", "application/jwk-set+json, application/json");
  dae_fetch_limits (keys->fetch, 3000, 5000, 5000, KEYS_MAX_MS);
  dae_fetch_max (keys->fetch, KEYS_MAX_SET);
  dae_fetch_send (keys->fetch);
  return TRUE;
}
