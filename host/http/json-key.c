/* SPDX-License-Identifier: Apache-2.0 */
/* json-key: tells whether a key was in its object before, after unescaping.
 *
 * The hash is keyed with bytes of this process, so that a peer cannot make keys
 * that collide.
 */
#include "json-key.h"

#include <string.h>
#include <sys/random.h>

typedef struct {
  guint64 v0, v1, v2, v3, word;
  guint length;
} JsonHash;

static void
json_hash_round (JsonHash *hash)
{
#define JSON_ROTATE(x, by) (((x) << (by)) | ((x) >> (64 - (by))))
  hash->v0 += hash->v1;
  hash->v1 = JSON_ROTATE (hash->v1, 13) ^ hash->v0;
  hash->v0 = JSON_ROTATE (hash->v0, 32);
  hash->v2 += hash->v3;
  hash->v3 = JSON_ROTATE (hash->v3, 16) ^ hash->v2;
  hash->v0 += hash->v3;
  hash->v3 = JSON_ROTATE (hash->v3, 21) ^ hash->v0;
  hash->v2 += hash->v1;
  hash->v1 = JSON_ROTATE (hash->v1, 17) ^ hash->v2;
  hash->v2 = JSON_ROTATE (hash->v2, 32);
#undef JSON_ROTATE
}

static void
json_hash_word (JsonHash *hash, guint64 word)
{
  hash->v3 ^= word;
  json_hash_round (hash);
  hash->v0 ^= word;
}

static const guint64 *
json_hash_secret (void)
{
  static guint64 secret[2];
  static gsize ready;

  if (g_once_init_enter (&ready)) {
    if (getrandom (secret, sizeof secret, 0) != sizeof secret) {
      secret[0] = ((guint64)g_random_int () << 32) | g_random_int ();
      secret[1] = ((guint64)g_random_int () << 32) | g_random_int ();
    }
    g_once_init_leave (&ready, 1);
  }
  return secret;
}

/* SipHash-1-3, a byte at a time. */
static void
json_hash_init (JsonHash *hash)
{
  const guint64 *secret = json_hash_secret ();

  hash->v0 = secret[0] ^ G_GUINT64_CONSTANT (0x736f6d6570736575);
  hash->v1 = secret[1] ^ G_GUINT64_CONSTANT (0x646f72616e646f6d);
  hash->v2 = secret[0] ^ G_GUINT64_CONSTANT (0x6c7967656e657261);
  hash->v3 = secret[1] ^ G_GUINT64_CONSTANT (0x7465646279746573);
  hash->word = 0;
  hash->length = 0;
}

static void
json_hash_byte (JsonHash *hash, guint8 byte)
{
  hash->word |= (guint64)byte << (8 * (hash->length & 7));
  hash->length++;
  if ((hash->length & 7) == 0) {
    json_hash_word (hash, hash->word);
    hash->word = 0;
  }
}

static guint32
json_hash_end (JsonHash *hash)
{
  json_hash_word (hash, hash->word | ((guint64)(hash->length & 0xff) << 56));
  hash->v2 ^= 0xff;
  for (guint i = 0; i < 3; i++)
    json_hash_round (hash);
  return (guint32)(hash->v0 ^ hash->v1 ^ hash->v2 ^ hash->v3);
}

void
json_keys_init (JsonKeys *keys)
{
  keys->rows = keys->first;
  keys->size = JSON_KEYS_ON_STACK;
  keys->n = 0;
  memset (keys->first, 0, sizeof keys->first);
}

void
json_keys_clear (JsonKeys *keys)
{
  if (keys->rows != keys->first)
    g_free (keys->rows);
  keys->rows = keys->first;
}

guint
json_key_hex (const guint8 *at)
{
  guint value = 0;

  for (guint i = 0; i < 4; i++)
    value = value << 4 | (guint)g_ascii_xdigit_value ((char)at[i]);
  return value;
}

/* The next character of a key that was found good: its bytes after unescaping, in RET (4 bytes).
 * 0: the key has ended. */
static guint
json_key_next (const guint8 **at, guint8 *ret)
{
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const guint8 *p = *at;
  gunichar c;

  if (*p == '"')
    return 0;
  if (*p != '\\') {
    ret[0] = *p;
    *at = p + 1;
    return 1;
  }
  if (p[1] != 'u') {
    ret[0] = (guint8)meanings[strchr (escapes, p[1]) - escapes];
    *at = p + 2;
    return 1;
  }
  c = json_key_hex (p + 2);
  p += 6;
  if (c >= 0xd800 && c <= 0xdbff) {
    c = 0x10000 + ((c - 0xd800) << 10) + (json_key_hex (p + 2) - 0xdc00);
    p += 6;
  }
  *at = p;
  return (guint)g_unichar_to_utf8 (c, (char *)ret);
}

static gboolean
json_key_equal (const guint8 *a, const guint8 *b)
{
  guint8 left[6], right[6];
  guint n_left = 0, n_right = 0, i = 0, j = 0;

  for (;;) {
    if (i == n_left) {
      n_left = json_key_next (&a, left);
      i = 0;
    }
    if (j == n_right) {
      n_right = json_key_next (&b, right);
      j = 0;
    }
    if (n_left == 0 || n_right == 0)
      return n_left == n_right;
    if (left[i++] != right[j++])
      return FALSE;
  }
}

static gboolean
json_keys_grow (JsonKeys *keys)
{
  guint size = keys->size * 2;
  JsonKey *rows = g_try_new0 (JsonKey, size);

  if (!rows)
    return FALSE;
  for (guint i = 0; i < keys->size; i++) {
    guint slot = keys->rows[i].hash & (size - 1);

    if (!keys->rows[i].object)
      continue;
    while (rows[slot].object)
      slot = (slot + 1) & (size - 1);
    rows[slot] = keys->rows[i];
  }
  json_keys_clear (keys);
  keys->rows = rows;
  keys->size = size;
  return TRUE;
}

static guint32
json_key_hash (const guint8 *key)
{
  guint8 bytes[6];
  JsonHash state;
  guint n;

  json_hash_init (&state);
  while ((n = json_key_next (&key, bytes)) > 0) {
    for (guint i = 0; i < n; i++)
      json_hash_byte (&state, bytes[i]);
  }
  return json_hash_end (&state);
}

const char *
json_keys_add (JsonKeys *keys, const guint8 *text, gsize offset, guint32 object)
{
  const guint8 *key = text + offset;
  /* the same key in many objects must not pile up in one place */
  guint32 hash = json_key_hash (key) + object * 0x9e3779b1u;
  guint slot;

  if (keys->n * 2 >= keys->size && !json_keys_grow (keys))
    return "too many keys";
  slot = hash & (keys->size - 1);
  while (keys->rows[slot].object) {
    const JsonKey *other = &keys->rows[slot];

    if (other->hash == hash && other->object == object &&
        json_key_equal (text + other->offset, key))
      return "a key appears twice in one object";
    slot = (slot + 1) & (keys->size - 1);
  }
  keys->rows[slot] = (JsonKey){ hash, object, (guint32)offset };
  keys->n++;
  return NULL;
}
