/* SPDX-License-Identifier: Apache-2.0 */
/* dae-json: writes JSON (RFC 8259), a member at a time, commas by itself.
 *
 * KEY is NULL inside an array and for the outermost value. Text must be valid
 * UTF-8; a NULL text is written as null. Any thread, one thread at a time.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* A new writer. ABOUT is a DaeRequest or DaeTx (it then ends with them) or a DaePlugin (then it
 * must be ended by dae_json_finish or given away). */
#define dae_json_new(about) ((about)->api->json_new (about))

static inline void
dae_json_begin_object (DaeJson *json, const char *key)
{
  json->api->json_begin_object (json, key);
}

static inline void
dae_json_begin_array (DaeJson *json, const char *key)
{
  json->api->json_begin_array (json, key);
}

/* Ends the innermost object or array. */
static inline void
dae_json_end (DaeJson *json)
{
  json->api->json_end (json);
}

static inline void
dae_json_text (DaeJson *json, const char *key, const char *value)
{
  json->api->json_text (json, key, value);
}

static inline void
dae_json_int (DaeJson *json, const char *key, gint64 value)
{
  json->api->json_int (json, key, value);
}

/* A number that is not finite is written as null. */
static inline void
dae_json_real (DaeJson *json, const char *key, double value)
{
  json->api->json_real (json, key, value);
}

static inline void
dae_json_bool (DaeJson *json, const char *key, gboolean value)
{
  json->api->json_bool (json, key, value);
}

static inline void
dae_json_null (DaeJson *json, const char *key)
{
  json->api->json_null (json, key);
}

/* RFC 3339 in UTC with milliseconds; TIME in microseconds. */
static inline void
dae_json_time (DaeJson *json, const char *key, gint64 time)
{
  json->api->json_time (json, key, time);
}

/* VALUE is JSON already, such as a column of type jsonb; NULL is written as null. */
static inline void
dae_json_raw (DaeJson *json, const char *key, const char *value)
{
  json->api->json_raw (json, key, value);
}

/* Ends the writer and returns its text: owned, g_free. */
static inline char *
dae_json_finish (DaeJson *json)
{
  return json->api->json_finish (json);
}

/* TRUE if TEXT is one strict JSON document (RFC 8259, no duplicate keys, no lone surrogates, no
 * NUL, numbers in range) of at most MAX_DEPTH levels and MAX_NODES values and keys. Call it before
 * any other JSON parser sees bytes of a peer. Any thread. */
static inline gboolean
dae_json_check (DaePlugin *self, const char *text, gsize length, guint max_depth, guint max_nodes, GError **error)
{
  return self->api->json_check (self, text, length, max_depth, max_nodes, error);
}

G_END_DECLS
