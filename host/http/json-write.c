/* SPDX-License-Identifier: Apache-2.0 */
/* json-write: JSON text, a member at a time; whatever the calls, the text is well formed. */
#include "json-write.h"

#include <math.h>
#include <string.h>

#define JSON_WRITE_MAX_DEPTH 64
#define JSON_WRITE_SIZE      1024

JsonWriter *
json_writer_new (const DaeApi *api)
{
  JsonWriter *writer = g_new0 (JsonWriter, 1);

  writer->base.api = api;
  writer->text = g_string_sized_new (JSON_WRITE_SIZE);
  return writer;
}

void
json_writer_free (JsonWriter *writer)
{
  if (!writer)
    return;
  if (writer->text)
    g_string_free (writer->text, TRUE);
  g_free (writer);
}

static void
json_write_escape (GString *out, guchar c)
{
  static const char hex[] = "0123456789abcdef";
  char text[7] = "\\u00xx";

  switch (c) {
  case '"':
    g_string_append_len (out, "\\\"", 2);
    break;
  case '\\':
    g_string_append_len (out, "\\\\", 2);
    break;
  case '\n':
    g_string_append_len (out, "\\n", 2);
    break;
  case '\r':
    g_string_append_len (out, "\\r", 2);
    break;
  case '\t':
    g_string_append_len (out, "\\t", 2);
    break;
  default:
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    g_string_append_len (out, text, 6);
  }
}

void
json_write_string (GString *out, const char *text, gsize length)
{
  const char *end = text + length, *start = text, *p = text;

  g_string_append_c (out, '"');
  while (p < end) {
    guchar c = (guchar)*p;

    if (c >= 0x80) {
      gunichar wide = g_utf8_get_char_validated (p, end - p);

      if (wide != (gunichar)-1 && wide != (gunichar)-2) {
        p = g_utf8_next_char (p);
        continue;
      }
      g_string_append_len (out, start, p - start);
      g_string_append_len (out, "\xef\xbf\xbd", 3);
    } else if (c < 0x20 || c == '"' || c == '\\') {
      g_string_append_len (out, start, p - start);
      json_write_escape (out, c);
    } else {
      p++;
      continue;
    }
    start = ++p;
  }
  g_string_append_len (out, start, p - start);
  g_string_append_c (out, '"');
}

/* COUNT digits of VALUE. */
static void
json_format_digits (char *at, guint count, guint value)
{
  while (count-- > 0) {
    at[count] = (char)('0' + value % 10);
    value /= 10;
  }
}

void
json_format_time (gint64 time, char *ret_25_bytes)
{
  gint64 ms = time / 1000 - (time % 1000 < 0 ? 1 : 0);
  gint64 day, era, year;
  guint of_day, of_era, of_year, year_of_era, month;

  /* years 0 to 9999 have a form in RFC 3339 */
  ms = CLAMP (ms, G_GINT64_CONSTANT (-62167219200000), G_GINT64_CONSTANT (253402300799999));
  day = ms / 86400000 - (ms % 86400000 < 0 ? 1 : 0);
  of_day = (guint)(ms - day * 86400000);

  /* days to a date of the Gregorian calendar, in eras of 400 years that begin in March */
  day += 719468;
  era = (day >= 0 ? day : day - 146096) / 146097;
  of_era = (guint)(day - era * 146097);
  year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  month = (5 * of_year + 2) / 153;
  year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);

  memcpy (ret_25_bytes, "0000-00-00T00:00:00.000Z", 25);
  json_format_digits (ret_25_bytes, 4, (guint)year);
  json_format_digits (ret_25_bytes + 5, 2, month < 10 ? month + 3 : month - 9);
  json_format_digits (ret_25_bytes + 8, 2, of_year - (153 * month + 2) / 5 + 1);
  json_format_digits (ret_25_bytes + 11, 2, of_day / 3600000);
  json_format_digits (ret_25_bytes + 14, 2, of_day / 60000 % 60);
  json_format_digits (ret_25_bytes + 17, 2, of_day / 1000 % 60);
  json_format_digits (ret_25_bytes + 20, 3, of_day % 1000);
}

static gboolean
json_write_in_array (const JsonWriter *writer)
{
  return writer->depth > 0 && (writer->is_array >> (writer->depth - 1)) & 1;
}

/* Writes comma and key; FALSE: there is no room for a value here. */
static gboolean
json_write_lead (JsonWriter *writer, const char *key)
{
  if (!writer->text || writer->skipped > 0 || (writer->depth == 0 && writer->comma))
    return FALSE;
  if (writer->comma)
    g_string_append_c (writer->text, ',');
  writer->comma = TRUE;
  if (writer->depth > 0 && !json_write_in_array (writer)) {
    const char *name = key ? key : "";

    json_write_string (writer->text, name, strlen (name));
    g_string_append_c (writer->text, ':');
  }
  return TRUE;
}

static void
json_write_begin (JsonWriter *writer, const char *key, gboolean is_array)
{
  if (writer->skipped > 0) {
    writer->skipped++;
    return;
  }
  if (writer->depth == JSON_WRITE_MAX_DEPTH) {
    if (json_write_lead (writer, key))
      g_string_append_len (writer->text, "null", 4);
    writer->skipped = 1;
    return;
  }
  if (!json_write_lead (writer, key))
    return;
  g_string_append_c (writer->text, is_array ? '[' : '{');
  writer->is_array &= ~(G_GUINT64_CONSTANT (1) << writer->depth);
  writer->is_array |= (guint64)(is_array ? 1 : 0) << writer->depth;
  writer->depth++;
  writer->comma = FALSE;
}

void
json_write_begin_object (JsonWriter *writer, const char *key)
{
  json_write_begin (writer, key, FALSE);
}

void
json_write_begin_array (JsonWriter *writer, const char *key)
{
  json_write_begin (writer, key, TRUE);
}

void
json_write_end (JsonWriter *writer)
{
  if (writer->skipped > 0) {
    writer->skipped--;
    return;
  }
  if (!writer->text || writer->depth == 0)
    return;
  g_string_append_c (writer->text, json_write_in_array (writer) ? ']' : '}');
  writer->depth--;
  writer->comma = TRUE;
}

void
json_write_raw (JsonWriter *writer, const char *key, const char *value)
{
  if (json_write_lead (writer, key))
    g_string_append (writer->text, value ? value : "null");
}

void
json_write_text (JsonWriter *writer, const char *key, const char *value)
{
  if (!value)
    json_write_raw (writer, key, NULL);
  else if (json_write_lead (writer, key))
    json_write_string (writer->text, value, strlen (value));
}

void
json_write_int (JsonWriter *writer, const char *key, gint64 value)
{
  char digits[24], *at = digits + sizeof digits;
  guint64 left = value < 0 ? 0 - (guint64)value : (guint64)value;

  if (!json_write_lead (writer, key))
    return;
  do {
    *--at = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (value < 0)
    *--at = '-';
  g_string_append_len (writer->text, at, digits + sizeof digits - at);
}

void
json_write_bool (JsonWriter *writer, const char *key, gboolean value)
{
  json_write_raw (writer, key, value ? "true" : "false");
}

/* The shortest of the usual forms that reads back as the same number. */
static void
json_write_real (JsonWriter *writer, const char *key, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value)) {
    json_write_raw (writer, key, NULL);
    return;
  }
  g_ascii_formatd (text, sizeof text, "%.15g", value);
  if (g_ascii_strtod (text, NULL) != value)
    g_ascii_formatd (text, sizeof text, "%.17g", value);
  json_write_raw (writer, key, text);
}

char *
json_writer_finish (JsonWriter *writer, gsize *ret_length)
{
  char *text;
  gsize length;

  writer->skipped = 0;
  while (writer->depth > 0)
    json_write_end (writer);
  if (writer->text && writer->text->len == 0)
    g_string_append_len (writer->text, "null", 4);
  length = writer->text ? writer->text->len : 4;
  text = writer->text ? g_string_free (g_steal_pointer (&writer->text), FALSE) : g_strdup ("null");
  if (!writer->kept)
    json_writer_free (writer);
  if (ret_length)
    *ret_length = length;
  return text;
}

static void
json_write_slot_begin_object (DaeJson *json, const char *key)
{
  json_write_begin ((JsonWriter *)json, key, FALSE);
}

static void
json_write_slot_begin_array (DaeJson *json, const char *key)
{
  json_write_begin ((JsonWriter *)json, key, TRUE);
}

static void
json_write_slot_end (DaeJson *json)
{
  json_write_end ((JsonWriter *)json);
}

static void
json_write_slot_text (DaeJson *json, const char *key, const char *value)
{
  json_write_text ((JsonWriter *)json, key, value);
}

static void
json_write_slot_int (DaeJson *json, const char *key, gint64 value)
{
  json_write_int ((JsonWriter *)json, key, value);
}

static void
json_write_slot_real (DaeJson *json, const char *key, double value)
{
  json_write_real ((JsonWriter *)json, key, value);
}

static void
json_write_slot_bool (DaeJson *json, const char *key, gboolean value)
{
  json_write_bool ((JsonWriter *)json, key, value);
}

static void
json_write_slot_null (DaeJson *json, const char *key)
{
  json_write_raw ((JsonWriter *)json, key, NULL);
}

static void
json_write_slot_time (DaeJson *json, const char *key, gint64 time)
{
  char text[25];

  json_format_time (time, text);
  json_write_text ((JsonWriter *)json, key, text);
}

static void
json_write_slot_raw (DaeJson *json, const char *key, const char *value)
{
  json_write_raw ((JsonWriter *)json, key, value);
}

static char *
json_write_slot_finish (DaeJson *json)
{
  return json_writer_finish ((JsonWriter *)json, NULL);
}

void
json_write_fill_api (DaeApi *api)
{
  api->json_begin_object = json_write_slot_begin_object;
  api->json_begin_array = json_write_slot_begin_array;
  api->json_end = json_write_slot_end;
  api->json_text = json_write_slot_text;
  api->json_int = json_write_slot_int;
  api->json_real = json_write_slot_real;
  api->json_bool = json_write_slot_bool;
  api->json_null = json_write_slot_null;
  api->json_time = json_write_slot_time;
  api->json_raw = json_write_slot_raw;
  api->json_finish = json_write_slot_finish;
}
