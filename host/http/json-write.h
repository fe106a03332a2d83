/* SPDX-License-Identifier: Apache-2.0 */
/* json-write: the writer behind dae-json.h. */
#pragma once

#include "dae-api.h"

typedef struct JsonWriter JsonWriter;

struct JsonWriter {
  DaeJson base;  /* first */
  GString *text; /* NULL once it is finished */
  guint depth;
  guint skipped;    /* levels below the 64th, of which nothing is written */
  guint64 is_array; /* a bit per level */
  gboolean comma;   /* a value was written at this level */
  gboolean
      kept; /* json_writer_finish leaves the writer itself: its request or transaction frees it */
  JsonWriter *next; /* of the same request */
};

JsonWriter *json_writer_new (const DaeApi *api);
void json_writer_free (JsonWriter *writer);
/* Ends what is open; the text without the writer: owned, NUL-terminated. */
char *json_writer_finish (JsonWriter *writer, gsize *ret_length);
/* Appends TEXT quoted and escaped; bytes that are not UTF-8 become U+FFFD. */
void json_write_string (GString *out, const char *text, gsize length);
/* RFC 3339 with milliseconds in UTC: 24 characters and NUL. */
void json_format_time (gint64 time, char *ret_25_bytes);
/* The slots of DaeApi for dae-json.h, but json_new and json_check. */
void json_write_fill_api (DaeApi *api);

/* The host's own use. KEY NULL in arrays. */
void json_write_begin_object (JsonWriter *writer, const char *key);
void json_write_begin_array (JsonWriter *writer, const char *key);
void json_write_end (JsonWriter *writer);
void json_write_text (JsonWriter *writer, const char *key, const char *value);
void json_write_int (JsonWriter *writer, const char *key, gint64 value);
void json_write_bool (JsonWriter *writer, const char *key, gboolean value);
void json_write_raw (JsonWriter *writer, const char *key, const char *value);
