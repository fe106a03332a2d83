/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams of peers, against the standard in its plainest form; and that what is written is
 * read as it was meant. */
#include "fuzz.h"

#include "sse.h"

#include <string.h>

#define MAX_EVENT 2048

static void
note (const SseEvent *event, gpointer data)
{
  GString *said = data;

  MUST (event->length < MAX_EVENT && event->data[event->length] == '\0');
  MUST (*event->event != '\0' && strlen (event->id) <= 1024);
  g_string_append_printf (said, "%s %s ", event->event, event->id);
  g_string_append_len (said, event->data, (gssize)event->length);
  g_string_append_c (said, '\n');
}

static GString *
listen_to (FuzzCuts cuts, const guint8 *data, gsize size)
{
  GString *said = g_string_new (NULL);
  g_autoptr (SseParser) parser = sse_parser_new (MAX_EVENT, note, said);
  gboolean more = TRUE;

  for (gsize at = 0; at < size && more;) {
    gsize n = fuzz_cuts_next (&cuts, size - at);
    g_autofree char *piece = fuzz_copy (data + at, n);

    more = sse_parser_feed (parser, piece, n);
    at += n;
  }
  MUST (sse_parser_retry (parser) >= -1);
  g_string_append_printf (said, "%d %s %" G_GINT64_FORMAT, more, sse_parser_last_id (parser),
                          sse_parser_retry (parser));
  return said;
}

/* The whole text with one kind of line end. */
static GString *
plain_lines (const guint8 *data, gsize size)
{
  GString *text = g_string_sized_new (size);
  gsize at = size >= 3 && memcmp (data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

  for (; at < size; at++) {
    if (data[at] == '\r' && at + 1 < size && data[at + 1] == '\n')
      continue;
    g_string_append_c (text, data[at] == '\r' ? '\n' : (char)data[at]);
  }
  return text;
}

typedef struct {
  GString *said, *name, *id, *last_id, *payload;
  gint64 retry;
  gboolean over;
} Plain;

static void
plain_event (Plain *plain)
{
  g_string_assign (plain->last_id, plain->id->str);
  if (plain->payload->len > 0) {
    g_string_append_printf (plain->said, "%s %s ",
                            plain->name->len > 0 ? plain->name->str : "message",
                            plain->last_id->str);
    g_string_append_len (plain->said, plain->payload->str, (gssize)plain->payload->len);
  }
  g_string_truncate (plain->payload, 0);
  g_string_truncate (plain->name, 0);
}

static void
plain_field (Plain *plain, const char *name, const char *value, gsize length)
{
  if (g_str_equal (name, "data")) {
    plain->over = plain->payload->len + length + 1 > MAX_EVENT;
    g_string_append_len (plain->payload, value, (gssize)length);
    g_string_append_c (plain->payload, '\n');
  } else if (g_str_equal (name, "event")) {
    g_string_truncate (plain->name, 0);
    for (gsize i = 0; i < length; i++)
      g_string_append_len (plain->name, value[i] == '\0' ? "\xef\xbf\xbd" : value + i,
                           value[i] == '\0' ? 3 : 1);
  } else if (g_str_equal (name, "id") && length <= 1024 && strlen (value) == length) {
    g_string_assign (plain->id, value);
  } else if (g_str_equal (name, "retry") && length > 0 && strspn (value, "0123456789") == length) {
    plain->retry = (gint64)MIN (g_ascii_strtoull (value, NULL, 10), 86400000);
  }
}

static void
plain_line (Plain *plain, const char *line, gsize length)
{
  g_autofree char *text = g_malloc (length + 1);
  char *colon = memchr (line, ':', length);
  gsize at = colon != NULL ? (gsize)(colon - line) : length;

  plain->over = length > MAX_EVENT;
  if (plain->over || length == 0 || at == 0) {
    if (length == 0)
      plain_event (plain);
    return;
  }
  memcpy (text, line, length);
  text[length] = '\0';
  text[at] = '\0';
  if (strlen (text) != at)
    return;
  at += at < length;
  at += at < length && text[at] == ' ';
  plain_field (plain, text, text + at, length - at);
}

static GString *
read_plainly (const guint8 *data, gsize size)
{
  g_autoptr (GString) text = plain_lines (data, size), name = g_string_new (NULL);
  g_autoptr (GString) id = g_string_new (NULL), last_id = g_string_new (NULL);
  g_autoptr (GString) payload = g_string_new (NULL);
  Plain plain = { g_string_new (NULL), name, id, last_id, payload, -1, FALSE };

  for (gsize at = 0; at < text->len && !plain.over;) {
    const char *end = memchr (text->str + at, '\n', text->len - at);
    gsize length = end != NULL ? (gsize)(end - text->str) - at : text->len - at;

    if (end == NULL)
      plain.over = length > MAX_EVENT;
    else
      plain_line (&plain, text->str + at, length);
    at += length + 1;
  }
  g_string_append_printf (plain.said, "%d %s %" G_GINT64_FORMAT, !plain.over, last_id->str,
                          plain.retry);
  return plain.said;
}

static void
keep (const SseEvent *event, gpointer data)
{
  g_ptr_array_add (data, g_strdup (event->data));
  MUST (g_str_equal (event->event, "kind") && g_str_equal (event->id, "7"));
}

/* Any text comes back whole, but for the kind of its line breaks. */
static void
check_written (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  g_autoptr (GBytes) bytes = sse_format ("kind", "7", text);
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (SseParser) parser = sse_parser_new (1 << 20, keep, events);
  g_autoptr (GString) wanted = g_string_new (text);

  g_string_replace (wanted, "\r\n", "\n", 0);
  g_string_replace (wanted, "\r", "\n", 0);
  sse_parser_feed (parser, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  MUST (events->len == 1 && g_str_equal (events->pdata[0], wanted->str));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GString) whole = listen_to (fuzz_cuts (FUZZ_WHOLE, data, size), data, size);
  g_autoptr (GString) plain = read_plainly (data, size);

  MUST (g_string_equal (whole, plain));
  for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
    g_autoptr (GString) pieces = listen_to (fuzz_cuts (cut, data, size), data, size);

    MUST (g_string_equal (whole, pieces));
  }
  check_written (data, size);
  return 0;
}
