/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies by all three framings; chunks also by a plain reader of the whole text. */
#include "fuzz.h"

#include "http/http-body.h"

#include <string.h>

typedef struct {
  HttpBodyState state;
  gsize used;
  GString *data;
  const char *why;
} Read;

static void
read_clear (Read *read)
{
  g_string_free (read->data, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Read, read_clear)

static Read
read_body (HttpFraming framing, gint64 length, FuzzCuts cuts, const guint8 *bytes, gsize size)
{
  Read read = { .data = g_string_new (NULL) };
  HttpBody body;
  gsize at = 0;

  http_body_begin (&body, framing, length);
  read.state = body.state;
  while (at < size && (read.state == HTTP_BODY_MORE || read.state == HTTP_BODY_DATA)) {
    gsize n = fuzz_cuts_next (&cuts, size - at);
    g_autofree char *piece = fuzz_copy (bytes + at, n);
    gsize used = 0;

    do {
      HttpBodySlice slice;

      read.state = http_body_feed (&body, piece + used, n - used, &slice);
      MUST (slice.used <= n - used);
      MUST ((slice.length > 0) == (read.state == HTTP_BODY_DATA));
      if (slice.length > 0) {
        MUST (slice.data >= piece + used && slice.data + slice.length == piece + used + slice.used);
        g_string_append_len (read.data, slice.data, (gssize)slice.length);
      }
      MUST (slice.used > 0 || read.state != HTTP_BODY_DATA);
      used += slice.used;
      MUST (http_body_announced (&body) >= (gint64)read.data->len);
    } while (read.state == HTTP_BODY_DATA);
    MUST (read.state != HTTP_BODY_MORE || used == n);
    at += used;
  }
  MUST (body.seen == (gint64)read.data->len);
  if (read.state == HTTP_BODY_MORE)
    read.state = http_body_end (&body);
  MUST (read.state == HTTP_BODY_DONE || read.state == HTTP_BODY_REFUSED);
  MUST ((read.state == HTTP_BODY_REFUSED) == (body.why != NULL));
  read.used = at;
  read.why = body.why;
  return read;
}

/* The end of the line at AT, its CR; NULL: there is none, or a byte stands in it that may not. */
static const guint8 *
plain_line (const guint8 *at, const guint8 *end)
{
  while (at < end && (*at == '\t' || (*at >= 0x20 && *at != 0x7f)))
    at++;
  return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? at : NULL;
}

/* Behind the trailer at AT, or NULL. */
static const guint8 *
plain_trailer (const guint8 *at, const guint8 *end)
{
  gsize length = 0;

  for (;;) {
    const guint8 *line = at, *colon, *cr = plain_line (at, end);

    if (cr == NULL || (length += (gsize)(cr - line) + 1) > 8192)
      return NULL;
    at = cr + 2;
    if (cr == line)
      return at;
    colon = memchr (line, ':', (gsize)(cr - line));
    if (colon == NULL || !http_head_is_token ((const char *)line, (gsize)(colon - line)))
      return NULL;
  }
}

/* The bytes that a chunked body takes, its data in DATA; 0: it is none, or not whole. */
static gsize
read_plainly (const guint8 *bytes, gsize size, GString *data)
{
  const guint8 *at = bytes, *end = bytes + size;

  for (;;) {
    const guint8 *cr = plain_line (at, end);
    g_autofree char *line = cr != NULL ? g_strndup ((const char *)at, (gsize)(cr - at)) : NULL;
    gsize digits = line != NULL ? strspn (line, "0123456789abcdefABCDEF") : 0;
    guint64 length;

    if (digits == 0 || digits > 16 || (line[digits] != '\0' && line[digits] != ';'))
      return 0;
    if (strlen (line) - digits > 257)
      return 0;
    length = g_ascii_strtoull (line, NULL, 16);
    at = cr + 2;
    if (length == 0)
      break;
    if (length > (guint64)(end - at) || (gsize)(end - at) - length < 2)
      return 0;
    g_string_append_len (data, (const char *)at, (gssize)length);
    at += length;
    if (at[0] != '\r' || at[1] != '\n')
      return 0;
    at += 2;
  }
  at = plain_trailer (at, end);
  return at != NULL ? (gsize)(at - bytes) : 0;
}

static void
check_chunks (const Read *read, const guint8 *bytes, gsize size)
{
  g_autoptr (GString) data = g_string_new (NULL);
  gsize used = read_plainly (bytes, size, data);

  MUST ((read->state == HTTP_BODY_DONE) == (used > 0));
  MUST (used == 0 || (used == read->used && g_string_equal (data, read->data)));
}

static void
check_framing (HttpFraming framing, gint64 length, const guint8 *data, gsize size)
{
  g_auto (Read) whole = read_body (framing, length, fuzz_cuts (FUZZ_WHOLE, data, size), data, size);

  for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
    g_auto (Read) pieces = read_body (framing, length, fuzz_cuts (cut, data, size), data, size);

    MUST (pieces.state == whole.state && g_string_equal (pieces.data, whole.data));
    MUST (g_strcmp0 (pieces.why, whole.why) == 0);
    MUST (pieces.used == whole.used);
  }
  if (framing == HTTP_FRAMING_CLOSE)
    MUST (whole.state == HTTP_BODY_DONE && whole.data->len == size);
  if (framing == HTTP_FRAMING_LENGTH)
    MUST ((whole.state == HTTP_BODY_DONE) == (size >= (gsize)length));
  if (framing == HTTP_FRAMING_CHUNKED)
    check_chunks (&whole, data, size);
  if (framing == HTTP_FRAMING_CHUNKED && whole.state == HTTP_BODY_DONE) {
    g_autoptr (GString) text = g_string_new (NULL);
    char line[24];

    if (whole.data->len > 0) {
      g_string_append_len (text, line, (gssize)http_body_chunk_line (whole.data->len, line));
      g_string_append_len (text, whole.data->str, (gssize)whole.data->len);
      g_string_append (text, "\r\n");
    }
    g_string_append (text, "0\r\n\r\n");
    {
      g_auto (Read) again = read_body (framing, -1, fuzz_cuts (FUZZ_CHANCE, data, size),
                                       (const guint8 *)text->str, text->len);

      MUST (again.state == HTTP_BODY_DONE && again.used == text->len);
      MUST (g_string_equal (again.data, whole.data));
    }
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  gsize length = size > 0 ? data[size - 1] : 0;

  check_framing (HTTP_FRAMING_CHUNKED, -1, data, size);
  check_framing (HTTP_FRAMING_LENGTH, (gint64)length, data, size);
  check_framing (HTTP_FRAMING_CLOSE, -1, data, size);
  return 0;
}
