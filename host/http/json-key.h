/* SPDX-License-Identifier: Apache-2.0 */
/* json-key: the keys of the objects of one text, for json-check alone.
 *
 * A table that begins on the stack and grows with the number of keys, which the
 * limits of the check bound.
 */
#pragma once

#include <glib.h>

#define JSON_KEYS_ON_STACK 256 /* a power of two */

typedef struct {
  guint32 hash;
  guint32 object; /* 0: free */
  guint32 offset; /* of the key's first byte */
} JsonKey;

typedef struct {
  JsonKey *rows; /* open addressing, at most half full */
  guint n, size;
  JsonKey first[JSON_KEYS_ON_STACK];
} JsonKeys;

void json_keys_init (JsonKeys *keys);
void json_keys_clear (JsonKeys *keys);
/* Adds the key at OFFSET (behind its quote, found good already) of object number OBJECT (not 0).
 * NULL, or why it is refused: static text. */
const char *json_keys_add (JsonKeys *keys, const guint8 *text, gsize offset, guint32 object);
/* The value of four hexadecimal digits. */
guint json_key_hex (const guint8 *at);
