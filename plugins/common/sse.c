/* SPDX-License-Identifier: Apache-2.0 */
/* sse: a line at a time. A CR ends its line at once; an LF that follows it, perhaps in the next
 * piece, is skipped. What stands unfinished at the end of a stream is no event.
 */
#include "sse.h"

#include <string.h>

#define SSE_MAX_RETRY_MS (G_GINT64_CONSTANT (24) * 3600 * 1000)
#define SSE_MAX_ID       1024

struct SseParser {
  gsize max_event;
  SseFunc func;
  gpointer data;
  GString *line;    /* the line so far */
  GString *payload; /* data lines so far, each with its '\n' */
  GString *event;
  GString *id;   /* as the fields said */
  char *last_id; /* as the last complete event left it */
  gint64 retry;
  guint bom;         /* bytes of a byte order mark seen at the start; 3: past it */
  gboolean after_cr; /* an LF now belongs to the line before */
  gboolean stopped;
  gboolean overflowed;
};

SseParser *
sse_parser_new (gsize max_event, SseFunc func, gpointer data)
{
  SseParser *parser = g_new0 (SseParser, 1);

  parser->max_event = max_event;
  parser->func = func;
  parser->data = data;
  parser->line = g_string_new (NULL);
  parser->payload = g_string_new (NULL);
  parser->event = g_string_new (NULL);
  parser->id = g_string_new (NULL);
  parser->last_id = g_strdup ("");
  parser->retry = -1;
  return parser;
}

void
sse_parser_free (SseParser *parser)
{
  if (parser == NULL)
    return;
  g_string_free (parser->line, TRUE);
  g_string_free (parser->payload, TRUE);
  g_string_free (parser->event, TRUE);
  g_string_free (parser->id, TRUE);
  g_free (parser->last_id);
  g_free (parser);
}

void
sse_parser_stop (SseParser *parser)
{
  parser->stopped = TRUE;
}

const char *
sse_parser_last_id (SseParser *parser)
{
  return parser->last_id;
}

gint64
sse_parser_retry (SseParser *parser)
{
  return parser->retry;
}

static void
sse_dispatch (SseParser *parser)
{
  if (strcmp (parser->last_id, parser->id->str) != 0) {
    g_free (parser->last_id);
    parser->last_id = g_strdup (parser->id->str);
  }
  if (parser->payload->len > 0) {
    SseEvent event = {
      .event = parser->event->len > 0 ? parser->event->str : "message",
      .data = parser->payload->str,
      .length = parser->payload->len - 1,
      .id = parser->last_id,
    };

    parser->payload->str[parser->payload->len - 1] = '\0';
    parser->func (&event, parser->data);
  }
  g_string_truncate (parser->payload, 0);
  g_string_truncate (parser->event, 0);
  /* one large event must not keep its memory for the rest of a long stream */
  if (parser->payload->allocated_len > 256 * 1024) {
    g_string_free (parser->payload, TRUE);
    parser->payload = g_string_new (NULL);
  }
}

/* A NUL becomes U+FFFD: whoever reads a name stops at NUL and would take it for a shorter one. */
static void
sse_set_name (SseParser *parser, const char *value, gsize length)
{
  g_string_truncate (parser->event, 0);
  for (;;) {
    const char *nul = memchr (value, '\0', length);
    gsize part = nul != NULL ? (gsize)(nul - value) : length;

    g_string_append_len (parser->event, value, (gssize)part);
    if (nul == NULL)
      return;
    g_string_append (parser->event, "\xef\xbf\xbd");
    value += part + 1;
    length -= part + 1;
  }
}

static void
sse_set_retry (SseParser *parser, const char *value, gsize length)
{
  gint64 retry = 0;

  if (length == 0)
    return;
  for (gsize i = 0; i < length; i++) {
    if (!g_ascii_isdigit (value[i]))
      return;
    retry = MIN (retry * 10 + (value[i] - '0'), SSE_MAX_RETRY_MS);
  }
  parser->retry = retry;
}

static void
sse_field (SseParser *parser, const char *name, gsize name_length, const char *value, gsize length)
{
#define SSE_IS(word) (name_length == strlen (word) && memcmp (name, (word), name_length) == 0)
  if (SSE_IS ("data")) {
    if (parser->payload->len + length + 1 > parser->max_event) {
      parser->overflowed = TRUE;
      return;
    }
    g_string_append_len (parser->payload, value, (gssize)length);
    g_string_append_c (parser->payload, '\n');
  } else if (SSE_IS ("event")) {
    sse_set_name (parser, value, length);
  } else if (SSE_IS ("id")) {
    /* an id with a NUL is ignored by the standard; one that no header can hold, by us */
    if (memchr (value, '\0', length) != NULL || length > SSE_MAX_ID)
      return;
    g_string_truncate (parser->id, 0);
    g_string_append_len (parser->id, value, (gssize)length);
  } else if (SSE_IS ("retry")) {
    sse_set_retry (parser, value, length);
  }
#undef SSE_IS
}

static void
sse_line (SseParser *parser)
{
  const char *line = parser->line->str;
  gsize length = parser->line->len;
  const char *colon = memchr (line, ':', length);

  if (length == 0) {
    sse_dispatch (parser);
  } else if (colon == NULL) {
    sse_field (parser, line, length, "", 0);
  } else if (colon > line) {
    const char *value = colon + 1;
    gsize rest = length - (gsize)(value - line);

    if (rest > 0 && *value == ' ') {
      value++;
      rest--;
    }
    sse_field (parser, line, (gsize)(colon - line), value, rest);
  }
  g_string_truncate (parser->line, 0);
}

/* Eats a byte order mark at the very start, which may come in pieces. Returns how many bytes of
 * BYTES belong to it. */
static gsize
sse_skip_bom (SseParser *parser, const char *bytes, gsize length)
{
  static const char mark[3] = { '\xef', '\xbb', '\xbf' };
  gsize i = 0;

  while (parser->bom < 3 && i < length) {
    if (bytes[i] != mark[parser->bom]) {
      g_string_append_len (parser->line, mark, parser->bom);
      parser->bom = 3;
      break;
    }
    parser->bom++;
    i++;
  }
  return i;
}

gboolean
sse_parser_feed (SseParser *parser, const char *bytes, gsize length)
{
  gsize at;

  if (parser->overflowed)
    return FALSE;
  at = sse_skip_bom (parser, bytes, length);
  while (at < length && !parser->stopped && !parser->overflowed) {
    gsize end = at;

    if (parser->after_cr) {
      parser->after_cr = FALSE;
      if (bytes[at] == '\n') {
        at++;
        continue;
      }
    }
    while (end < length && bytes[end] != '\n' && bytes[end] != '\r')
      end++;
    if (parser->line->len + (end - at) > parser->max_event) {
      parser->overflowed = TRUE;
      break;
    }
    g_string_append_len (parser->line, bytes + at, (gssize)(end - at));
    at = end;
    if (end < length) {
      parser->after_cr = bytes[end] == '\r';
      at++;
      sse_line (parser);
    }
  }
  return !parser->overflowed;
}

GBytes *
sse_format (const char *event, const char *id, const char *data)
{
  GString *out = g_string_sized_new (strlen (data) + 64);

  if (event != NULL)
    g_string_append_printf (out, "event: %s\n", event);
  if (id != NULL)
    g_string_append_printf (out, "id: %s\n", id);
  for (;;) {
    gsize length = strcspn (data, "\r\n");

    g_string_append (out, "data: ");
    g_string_append_len (out, data, (gssize)length);
    g_string_append_c (out, '\n');
    data += length;
    if (*data == '\0')
      break;
    data += data[0] == '\r' && data[1] == '\n' ? 2 : 1;
  }
  g_string_append_c (out, '\n');
  return g_string_free_to_bytes (out);
}
