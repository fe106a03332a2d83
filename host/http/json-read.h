/* SPDX-License-Identifier: Apache-2.0 */
/* json-read: steps through a text that json_check has found good, and only such a text.
 *
 * for (json_read_open (&read); json_read_key (&read, arena, &key, &length);) use or skip the value;
 * for (json_read_open (&read); json_read_item (&read);) likewise.
 */
#pragma once

#include "arena.h"

typedef enum {
  JSON_NULL = 0,
  JSON_FALSE,
  JSON_TRUE,
  JSON_NUMBER,
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT,
} JsonKind;

typedef struct {
  const char *at;
} JsonRead;

/* Before the outermost value of TEXT. */
void json_read_init (JsonRead *read, const char *text);
/* What the next value is. */
JsonKind json_read_kind (JsonRead *read);
/* Steps into the array or object that is next. */
void json_read_open (JsonRead *read);
/* Steps to the next member's value; FALSE: the object has ended and is behind. */
gboolean json_read_key (JsonRead *read, Arena *arena, const char **ret_key);
/* Steps to the next item; FALSE: the array has ended and is behind. */
gboolean json_read_item (JsonRead *read);
/* Steps over the next value, whatever it is; its raw text. */
const char *json_read_skip (JsonRead *read, gsize *ret_length);
/* Steps over a string: its text after unescaping, in ARENA, NUL-terminated. */
const char *json_read_string (JsonRead *read, Arena *arena, gsize *ret_length);
