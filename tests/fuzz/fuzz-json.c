/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner for JSON, which takes what a plain parser takes and nothing else; the reader behind
 * it, which reads as json-glib does; and the writer, whose text they read as it was meant. */
#include "fuzz.h"

#include "http/json-check.h"
#include "http/json-read.h"
#include "http/json-write.h"
#include "json-plain.h"

#include <json-glib/json-glib.h>
#include <string.h>

static void
compare_number (JsonRead *read, JsonNode *node)
{
  gsize length;
  const char *at = json_read_skip (read, &length);
  g_autofree char *text = g_strndup (at, length);

  MUST (JSON_NODE_HOLDS_VALUE (node));
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    MUST (json_node_get_int (node) == g_ascii_strtoll (text, NULL, 10));
  else
    MUST (json_node_get_double (node) == g_ascii_strtod (text, NULL));
}

static void
compare (JsonRead *read, Arena *arena, JsonNode *node, guint depth)
{
  gsize length;

  MUST (depth <= 64);
  switch (json_read_kind (read)) {
  case JSON_OBJECT: {
    JsonObject *object;
    const char *key;
    guint n = 0;

    MUST (JSON_NODE_HOLDS_OBJECT (node));
    object = json_node_get_object (node);
    for (json_read_open (read); json_read_key (read, arena, &key); n++) {
      MUST (json_object_has_member (object, key));
      compare (read, arena, json_object_get_member (object, key), depth + 1);
    }
    MUST (n == json_object_get_size (object));
    break;
  }
  case JSON_ARRAY: {
    JsonArray *array;
    guint n = 0;

    MUST (JSON_NODE_HOLDS_ARRAY (node));
    array = json_node_get_array (node);
    for (json_read_open (read); json_read_item (read); n++) {
      MUST (n < json_array_get_length (array));
      compare (read, arena, json_array_get_element (array, n), depth + 1);
    }
    MUST (n == json_array_get_length (array));
    break;
  }
  case JSON_STRING: {
    const char *text = json_read_string (read, arena, &length);

    MUST (strlen (text) == length && g_utf8_validate (text, (gssize)length, NULL));
    MUST (JSON_NODE_HOLDS_VALUE (node) && g_strcmp0 (json_node_get_string (node), text) == 0);
    break;
  }
  case JSON_NULL:
    json_read_skip (read, &length);
    MUST (length == 4 && JSON_NODE_HOLDS_NULL (node));
    break;
  case JSON_TRUE:
  case JSON_FALSE:
    MUST ((json_read_kind (read) == JSON_TRUE) == json_node_get_boolean (node));
    json_read_skip (read, &length);
    break;
  case JSON_NUMBER:
    compare_number (read, node);
    break;
  }
}

/* Any bytes as a string, and beside one. */
static void
check_written (const char *text, gsize size)
{
  static DaeApi api;
  g_autofree char *meant = g_utf8_make_valid (text, -1), *written = NULL;
  JsonWriter *writer = json_writer_new (&api);
  gsize length;
  guint8 first[64];
  JsonRead read;
  Arena arena;
  const char *key;

  json_write_begin_object (writer, NULL);
  json_write_text (writer, meant, text);
  json_write_begin_array (writer, "rest");
  for (gsize i = 0; i + 8 <= MIN (size, 64); i += 8) {
    gint64 number;

    memcpy (&number, text + i, sizeof number);
    json_write_int (writer, NULL, number);
  }
  written = json_writer_finish (writer, &length);
  arena_init (&arena, first, sizeof first);
  if (json_check (written, length, JSON_LIMITS_DEFAULT, NULL, NULL)) {
    json_read_init (&read, written);
    json_read_open (&read);
    MUST (json_read_key (&read, &arena, &key) && g_str_equal (key, meant));
    MUST (g_str_equal (json_read_string (&read, &arena, &length), meant));
  } else {
    MUST (g_str_equal (meant, "rest"));
  }
  arena_clear (&arena);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const JsonLimits few = { 3, 12 };
  g_autofree char *bytes = fuzz_copy (data, size);
  g_autofree char *text = g_malloc0 (size + 1);
  g_autoptr (JsonParser) parser = NULL;
  const char *why = NULL, *end;
  gsize offset = size + 1, length;
  gboolean good = json_check (bytes, size, JSON_LIMITS_DEFAULT, &offset, &why);
  guint8 first[64];
  JsonRead read;
  Arena arena;

  memcpy (text, data, size);
  MUST (good == (why == NULL));
  MUST (good == json_plain_is_good (text, size, 64, 20000));
  MUST (json_check (bytes, size, few, NULL, NULL) ==
        json_plain_is_good (text, size, few.max_depth, few.max_nodes));
  check_written (text, size);
  if (!good) {
    MUST (offset <= size);
    return 0;
  }
  parser = json_parser_new ();
  MUST (json_parser_load_from_data (parser, text, (gssize)size, NULL));
  MUST (json_parser_get_root (parser) != NULL);
  arena_init (&arena, first, sizeof first);
  json_read_init (&read, text);
  compare (&read, &arena, json_parser_get_root (parser), 0);
  end = read.at;
  MUST (end + strspn (end, " \t\r\n") == text + size);
  json_read_init (&read, text);
  json_read_skip (&read, &length);
  MUST (read.at == end);
  arena_clear (&arena);
  return 0;
}
