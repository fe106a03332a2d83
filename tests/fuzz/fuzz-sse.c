/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams of peers, and that what is written is read as it was meant. */
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

  for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
    g_autoptr (GString) pieces = listen_to (fuzz_cuts (cut, data, size), data, size);

    MUST (g_string_equal (whole, pieces));
  }
  check_written (data, size);
  return 0;
}
