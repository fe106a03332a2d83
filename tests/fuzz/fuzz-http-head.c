/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests, and of answers where the input begins with "HTTP/". */
#include "fuzz.h"

#include "http/http-head.h"

#include <string.h>

static void
begin (HttpHead *head, gboolean is_answer)
{
  if (is_answer)
    http_head_begin_answer (head, FALSE);
  else
    http_head_begin_request (head);
}

/* Feeds a buffer that grows and moves, as that of a connection does; a large one only grows, for
 * time's sake. */
static void
feed (HttpHead *head, gboolean is_answer, FuzzCuts cuts, const guint8 *data, gsize size)
{
  g_autofree char *large = size > 1024 ? fuzz_copy (data, size) : NULL;

  begin (head, is_answer);
  for (gsize at = 0; at < size && head->state == HTTP_HEAD_MORE;) {
    g_autofree char *copy = NULL;

    at += fuzz_cuts_next (&cuts, size - at);
    copy = large == NULL ? fuzz_copy (data, at) : NULL;
    http_head_feed (head, large != NULL ? large : copy, at);
  }
}

static void
compare (const HttpHead *a, const HttpHead *b)
{
  MUST (a->state == b->state);
  if (a->state == HTTP_HEAD_MORE)
    return;
  MUST (a->status == b->status);
  MUST (g_strcmp0 (a->reason, b->reason) == 0 && g_strcmp0 (a->why, b->why) == 0);
  if (a->state == HTTP_HEAD_REFUSED)
    return;
  MUST (a->length == b->length && a->minor == b->minor && a->n_fields == b->n_fields);
  MUST (a->framing == b->framing && a->content_length == b->content_length);
  MUST (a->keep_alive == b->keep_alive && a->expect_continue == b->expect_continue);
  MUST (memcmp (&a->method, &b->method, sizeof a->method) == 0);
  MUST (memcmp (&a->target, &b->target, sizeof a->target) == 0);
  MUST (memcmp (&a->authority, &b->authority, sizeof a->authority) == 0);
  MUST (memcmp (a->fields, b->fields, a->n_fields * sizeof a->fields[0]) == 0);
}

static gboolean
is_name (const char *bytes, HttpSpan span, const char *name)
{
  return span.length == strlen (name) &&
         g_ascii_strncasecmp (bytes + span.at, name, span.length) == 0;
}

/* What the framing says is what the fields say, counted once more by other means. */
static void
check_framing (const HttpHead *head, const char *bytes)
{
  guint lengths = 0, codings = 0, hosts = 0;

  for (guint i = 0; i < head->n_fields; i++) {
    HttpSpan name = head->fields[i].name, value = head->fields[i].value;

    MUST (name.at + name.length <= head->length && value.at + value.length <= head->length);
    MUST (http_head_is_token (bytes + name.at, name.length));
    MUST (http_head_is_value (bytes + value.at, value.length));
    MUST (memchr (bytes + value.at, '\n', value.length) == NULL);
    hosts += is_name (bytes, name, "host");
    codings += is_name (bytes, name, "transfer-encoding");
    if (is_name (bytes, name, "content-length")) {
      g_autofree char *text = g_strndup (bytes + value.at, value.length);

      lengths++;
      MUST (g_ascii_strtoll (text, NULL, 10) == head->content_length);
    }
  }
  MUST (lengths <= 1 && codings <= 1 && lengths + codings <= 1);
  MUST (lengths == 1 || head->content_length == -1);
  MUST (head->content_length <= HTTP_HEAD_MAX_LENGTH);
  if (head->is_answer)
    return;
  MUST (hosts <= 1 && (hosts == 1 || head->minor == 0));
  MUST (head->framing != HTTP_FRAMING_CLOSE);
  MUST ((head->framing == HTTP_FRAMING_CHUNKED) == (codings == 1));
  MUST ((head->framing == HTTP_FRAMING_LENGTH) == (head->content_length > 0));
}

static void
check_plain_first (const char *line, gboolean is_answer)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  const char *version = is_answer ? words[0] : words[2];

  MUST (g_strv_length (words) == 3 || (is_answer && words[1] != NULL));
  MUST (strlen (version) == 8 && g_str_has_prefix (version, "HTTP/1."));
  MUST (g_ascii_isdigit (version[7]));
  if (is_answer) {
    MUST (strlen (words[1]) == 3 && strspn (words[1], "0123456789") == 3 && *words[1] <= '5');
    return;
  }
  MUST (*words[1] == '/' || g_ascii_strncasecmp (words[1], "http", 4) == 0 ||
        (g_str_equal (words[0], "OPTIONS") && g_str_equal (words[1], "*")));
  MUST (strpbrk (words[1], "\"<>#") == NULL && g_str_is_ascii (words[1]));
}

/* Lines that end in CRLF, each of the one form that it may have. */
static void
check_plain (const HttpHead *head, const char *bytes)
{
  g_autofree char *text = g_strndup (bytes, head->length);
  g_auto (GStrv) lines = g_strsplit (text, "\r\n", -1);
  guint first = 0, n_lines = g_strv_length (lines);

  MUST (strlen (text) == head->length);
  while (*lines[first] == '\0')
    first++;
  MUST (first <= (head->is_answer ? 0 : 4));
  MUST (n_lines == first + 1 + head->n_fields + 2);
  MUST (head->n_fields <= (head->is_answer ? 128 : 100));
  check_plain_first (lines[first], head->is_answer);
  for (guint i = first; i + 2 < n_lines; i++) {
    const char *colon = strchr (lines[i], ':');

    for (const char *c = lines[i]; *c != '\0'; c++)
      MUST (*c == '\t' || ((guchar)*c >= 0x20 && *c != 0x7f));
    if (i > first)
      MUST (colon != NULL && http_head_is_token (lines[i], (gsize)(colon - lines[i])));
  }
}

/* The same request in plain words is understood the same. */
static void
check_again (const HttpHead *head, const char *bytes)
{
  g_autoptr (GString) text = g_string_new_len (bytes + head->method.at, head->method.length);
  g_autofree HttpHead *again = g_new (HttpHead, 1);

  g_string_append_c (text, ' ');
  if (head->target.length > 0)
    g_string_append_len (text, bytes + head->target.at, head->target.length);
  else
    g_string_append_c (text, '/');
  g_string_append_printf (text, " HTTP/1.%u\r\n", head->minor);
  if (head->authority.length > 0) {
    g_string_append (text, "Host:");
    g_string_append_len (text, bytes + head->authority.at, head->authority.length);
    g_string_append (text, "\r\n");
  }
  for (guint i = 0; i < head->n_fields; i++) {
    const HttpField *field = &head->fields[i];

    if (is_name (bytes, field->name, "host"))
      continue;
    g_string_append_len (text, bytes + field->name.at, field->name.length);
    g_string_append (text, ": ");
    g_string_append_len (text, bytes + field->value.at, field->value.length);
    g_string_append (text, "\r\n");
  }
  g_string_append (text, "\r\n");
  if (text->len > HTTP_HEAD_MAX_REQUEST)
    return;
  http_head_begin_request (again);
  http_head_feed (again, text->str, text->len);
  if (again->state == HTTP_HEAD_REFUSED && head->minor == 0 && head->n_fields == 100)
    return; /* an absolute target of HTTP/1.0 has become the field that is too many */
  MUST (again->state == HTTP_HEAD_OK && again->length == text->len);
  MUST (again->framing == head->framing && again->content_length == head->content_length);
  MUST (again->keep_alive == head->keep_alive && again->expect_continue == head->expect_continue);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree HttpHead *whole = g_new (HttpHead, 1), *pieces = g_new (HttpHead, 1);
  gboolean is_answer = size >= 5 && memcmp (data, "HTTP/", 5) == 0;
  g_autofree char *bytes = fuzz_copy (data, size);

  feed (whole, is_answer, fuzz_cuts (FUZZ_WHOLE, data, size), data, size);
  for (FuzzCut cut = FUZZ_BYTES; cut < FUZZ_N_CUTS; cut++) {
    feed (pieces, is_answer, fuzz_cuts (cut, data, size), data, size);
    compare (whole, pieces);
  }
  if (whole->state == HTTP_HEAD_REFUSED) {
    MUST (whole->status >= 400 && whole->status <= 505);
    MUST (whole->reason != NULL && whole->why != NULL);
  }
  if (whole->state != HTTP_HEAD_OK)
    return 0;
  MUST (whole->length <= size && whole->length >= 4);
  MUST (memcmp (data + whole->length - 4, "\r\n\r\n", 4) == 0);
  check_plain (whole, bytes);
  check_framing (whole, bytes);
  if (!is_answer)
    check_again (whole, bytes);
  return 0;
}
