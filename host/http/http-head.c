/* SPDX-License-Identifier: Apache-2.0 */
/* http-head: a strict parser of HTTP/1.x heads.
 *
 * One pass over the bytes finds the lines and refuses control bytes, bare CR
 * and bare LF as they come; each line is judged when its CRLF is there. What
 * two parsers could read differently is refused, also where the RFC would let
 * us be lenient.
 */
#include "http-head.h"

#include <string.h>

/* the longest request line: method, target with an authority, version */
#define MAX_METHOD      24
#define MAX_LINE        (HTTP_HEAD_MAX_TARGET + 320)
#define MAX_EMPTY_LINES 4

enum {
  CLASS_TOKEN = 1 << 0,
  CLASS_TEXT = 1 << 1,   /* may stand in a line */
  CLASS_TARGET = 1 << 2, /* may stand in a target */
};

#define TTT (CLASS_TOKEN | CLASS_TEXT | CLASS_TARGET)
#define TT  (CLASS_TEXT | CLASS_TARGET)

static const guint8 classes[256] = {
  ['\t'] = CLASS_TEXT,
  [' '] = CLASS_TEXT,
  ['!'] = TTT,
  ['"'] = CLASS_TEXT,
  ['#'] = CLASS_TOKEN | CLASS_TEXT,
  ['$' ... '\''] = TTT,
  ['('] = TT,
  [')'] = TT,
  ['*'] = TTT,
  ['+'] = TTT,
  [','] = TT,
  ['-'] = TTT,
  ['.'] = TTT,
  ['/'] = TT,
  ['0' ... '9'] = TTT,
  [':'] = TT,
  [';'] = TT,
  ['<'] = CLASS_TEXT,
  ['='] = TT,
  ['>'] = CLASS_TEXT,
  ['?'] = TT,
  ['@'] = TT,
  ['A' ... 'Z'] = TTT,
  ['['] = TT,
  ['\\'] = CLASS_TEXT,
  [']'] = TT,
  ['^'] = TTT,
  ['_'] = TTT,
  ['`'] = TTT,
  ['a' ... 'z'] = TTT,
  ['{'] = TT,
  ['|'] = TTT,
  ['}'] = TT,
  ['~'] = TTT,
  [0x80 ... 0xff] = CLASS_TEXT,
};

static const struct {
  guint status;
  const char *phrase;
} phrases[] = {
  { 100, "Continue" },
  { 200, "OK" },
  { 201, "Created" },
  { 202, "Accepted" },
  { 204, "No Content" },
  { 206, "Partial Content" },
  { 301, "Moved Permanently" },
  { 302, "Found" },
  { 303, "See Other" },
  { 304, "Not Modified" },
  { 307, "Temporary Redirect" },
  { 308, "Permanent Redirect" },
  { 400, "Bad Request" },
  { 401, "Unauthorized" },
  { 403, "Forbidden" },
  { 404, "Not Found" },
  { 405, "Method Not Allowed" },
  { 406, "Not Acceptable" },
  { 408, "Request Timeout" },
  { 409, "Conflict" },
  { 410, "Gone" },
  { 411, "Length Required" },
  { 412, "Precondition Failed" },
  { 413, "Content Too Large" },
  { 414, "URI Too Long" },
  { 415, "Unsupported Media Type" },
  { 416, "Range Not Satisfiable" },
  { 417, "Expectation Failed" },
  { 421, "Misdirected Request" },
  { 422, "Unprocessable Content" },
  { 428, "Precondition Required" },
  { 429, "Too Many Requests" },
  { 431, "Request Header Fields Too Large" },
  { 500, "Internal Server Error" },
  { 501, "Not Implemented" },
  { 502, "Bad Gateway" },
  { 503, "Service Unavailable" },
  { 504, "Gateway Timeout" },
  { 505, "HTTP Version Not Supported" },
  { 507, "Insufficient Storage" },
};

const char *
http_head_phrase (guint status)
{
  for (guint i = 0; i < G_N_ELEMENTS (phrases); i++)
    if (phrases[i].status == status)
      return phrases[i].phrase;
  return "Status";
}

static gboolean
http_head_is_class (const char *text, gsize length, guint8 class)
{
  for (gsize i = 0; i < length; i++)
    if (!(classes[(guint8)text[i]] & class))
      return FALSE;
  return TRUE;
}

gboolean
http_head_is_token (const char *text, gsize length)
{
  return length > 0 && http_head_is_class (text, length, CLASS_TOKEN);
}

gboolean
http_head_is_value (const char *text, gsize length)
{
  return http_head_is_class (text, length, CLASS_TEXT);
}

gboolean
http_head_is_authority (const char *text, gsize length)
{
  gsize i = 0;
  guint port = 0;

  if (length == 0 || length > 261)
    return FALSE;
  if (text[0] == '[') {
    for (i = 1; i < length && (g_ascii_isxdigit (text[i]) || text[i] == ':' || text[i] == '.');)
      i++;
    if (i < 3 || i == length || text[i++] != ']')
      return FALSE;
  } else {
    while (i < length &&
           (g_ascii_isalnum (text[i]) || text[i] == '-' || text[i] == '.' || text[i] == '_'))
      i++;
    if (i == 0 || i > 255)
      return FALSE;
  }
  if (i == length)
    return TRUE;
  if (text[i++] != ':' || i == length || length - i > 5)
    return FALSE;
  for (; i < length; i++) {
    if (!g_ascii_isdigit (text[i]))
      return FALSE;
    port = port * 10 + (guint)(text[i] - '0');
  }
  return port > 0 && port <= 65535;
}

static gboolean
http_head_equals (const char *text, gsize length, const char *literal)
{
  return strlen (literal) == length && g_ascii_strncasecmp (text, literal, length) == 0;
}

const HttpField *
http_head_find (const HttpHead *head, const char *bytes, const char *name)
{
  for (guint i = 0; i < head->n_fields; i++) {
    const HttpSpan *span = &head->fields[i].name;

    if (http_head_equals (bytes + span->at, span->length, name))
      return &head->fields[i];
  }
  return NULL;
}

static HttpHeadState
http_head_refuse (HttpHead *head, guint status, const char *reason, const char *why)
{
  head->status = status;
  head->reason = reason;
  head->why = why;
  head->state = HTTP_HEAD_REFUSED;
  return head->state;
}

static HttpHeadState
http_head_bad (HttpHead *head, const char *why)
{
  return http_head_refuse (head, 400, "head", why);
}

/* The path and query of a request: no control bytes, also not percent-encoded in the path. */
static HttpHeadState
http_head_check_target (HttpHead *head, const char *text, gsize length)
{
  gboolean in_path = TRUE;

  for (gsize i = 0; i < length; i++) {
    guint value;

    if (!(classes[(guint8)text[i]] & CLASS_TARGET) && (in_path || text[i] != '\\'))
      return http_head_bad (head, "the target has a byte that must be percent-encoded");
    if (text[i] == '?')
      in_path = FALSE;
    if (text[i] != '%')
      continue;
    if (i + 2 >= length || !g_ascii_isxdigit (text[i + 1]) || !g_ascii_isxdigit (text[i + 2]))
      return http_head_bad (head, "the target has a percent sign that encodes nothing");
    value = (guint)(g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2]));
    if (value == 0 || (in_path && (value < 0x20 || value == 0x7f)))
      return http_head_bad (head, "the target has an encoded control byte");
  }
  return HTTP_HEAD_MORE;
}

/* Origin-form stays; of absolute-form the authority replaces Host. */
static HttpHeadState
http_head_target (HttpHead *head, const char *bytes, HttpSpan span)
{
  const char *text = bytes + span.at;
  gsize scheme = 0;

  if (span.length > HTTP_HEAD_MAX_TARGET)
    return http_head_refuse (head, 414, "head", "the target is longer than 8 KiB");
  if (span.length > 7 && g_ascii_strncasecmp (text, "http://", 7) == 0)
    scheme = 7;
  else if (span.length > 8 && g_ascii_strncasecmp (text, "https://", 8) == 0)
    scheme = 8;
  head->target = span;
  if (scheme > 0) {
    const char *slash = memchr (text + scheme, '/', span.length - scheme);
    gsize end = slash != NULL ? (gsize)(slash - text) : span.length;

    if (!http_head_is_authority (text + scheme, end - scheme))
      return http_head_refuse (head, 400, "host", "the target's authority is not a host");
    head->absolute = TRUE;
    head->authority = (HttpSpan){ span.at + (guint32)scheme, (guint32)(end - scheme) };
    head->target = (HttpSpan){ span.at + (guint32)end, span.length - (guint32)end };
  } else if (span.length == 1 && text[0] == '*') {
    if (!http_head_equals (bytes + head->method.at, head->method.length, "OPTIONS"))
      return http_head_bad (head, "the target * is for OPTIONS alone");
    return HTTP_HEAD_MORE;
  } else if (text[0] != '/') {
    return http_head_bad (head, "the target is not a path");
  }
  return http_head_check_target (head, bytes + head->target.at, head->target.length);
}

/* TEXT is "HTTP/1.x". */
static HttpHeadState
http_head_version (HttpHead *head, const char *text)
{
  if (strncmp (text, "HTTP/", 5) != 0 || !g_ascii_isdigit (text[5]) || text[6] != '.' ||
      !g_ascii_isdigit (text[7]))
    return http_head_bad (head, "the version is not HTTP/1.1");
  if (text[5] != '1')
    return http_head_refuse (head, 505, "head", "the version is not HTTP/1");
  head->minor = text[7] == '0' ? 0 : 1;
  return HTTP_HEAD_MORE;
}

static gboolean
http_head_knows_method (const char *text, gsize length)
{
  static const char *const methods[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"
  };

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    if (strlen (methods[i]) == length && memcmp (methods[i], text, length) == 0)
      return TRUE;
  return FALSE;
}

static HttpHeadState
http_head_request_line (HttpHead *head, const char *bytes, gsize at, gsize length)
{
  const char *text = bytes + at, *first, *second;
  HttpSpan target;

  first = memchr (text, ' ', length);
  if (first == NULL || !http_head_is_token (text, (gsize)(first - text)))
    return http_head_bad (head, "the request line is not METHOD TARGET VERSION");
  second = memchr (first + 1, ' ', length - (gsize)(first + 1 - text));
  if (second == NULL || second == first + 1 || length - (gsize)(second + 1 - text) != 8)
    return http_head_bad (head, "the request line is not METHOD TARGET VERSION");
  head->method = (HttpSpan){ (guint32)at, (guint32)(first - text) };
  target = (HttpSpan){ (guint32)(first + 1 - bytes), (guint32)(second - first - 1) };
  if (http_head_version (head, second + 1) == HTTP_HEAD_REFUSED)
    return head->state;
  if (!http_head_knows_method (text, head->method.length))
    return http_head_refuse (head, 501, "head", "the method is not one that this server knows");
  return http_head_target (head, bytes, target);
}

static HttpHeadState
http_head_status_line (HttpHead *head, const char *text, gsize length)
{
  if (length < 12 || (length > 12 && text[12] != ' '))
    return http_head_bad (head, "the status line is not VERSION STATUS REASON");
  if (http_head_version (head, text) == HTTP_HEAD_REFUSED)
    return head->state;
  if (text[8] != ' ' || text[9] < '1' || text[9] > '5' || !g_ascii_isdigit (text[10]) ||
      !g_ascii_isdigit (text[11]))
    return http_head_bad (head, "the status is not a number from 100 to 599");
  head->status = (guint)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
  return HTTP_HEAD_MORE;
}

static HttpHeadState
http_head_content_length (HttpHead *head, const char *text, gsize length)
{
  gint64 value = 0;

  if (head->content_length >= 0)
    return http_head_refuse (head, 400, "body", "there are two Content-Length fields");
  if (length == 0 || (length > 1 && text[0] == '0'))
    return http_head_refuse (head, 400, "body", "Content-Length is not a plain number");
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (text[i]))
      return http_head_refuse (head, 400, "body", "Content-Length is not a plain number");
  for (gsize i = 0; i < length && value <= HTTP_HEAD_MAX_LENGTH; i++)
    value = value * 10 + (text[i] - '0');
  if (value > HTTP_HEAD_MAX_LENGTH)
    return http_head_refuse (head, 413, "body", "Content-Length is larger than any body");
  head->content_length = value;
  return HTTP_HEAD_MORE;
}

static HttpHeadState
http_head_transfer_encoding (HttpHead *head, const char *text, gsize length)
{
  if (head->n_codings++ > 0)
    return http_head_refuse (head, 400, "body", "there are two Transfer-Encoding fields");
  if (head->minor == 0)
    return http_head_refuse (head, 400, "body", "HTTP/1.0 has no Transfer-Encoding");
  if (length == 0)
    return http_head_refuse (head, 400, "body", "Transfer-Encoding is empty");
  if (!http_head_equals (text, length, "chunked"))
    return http_head_refuse (head, 501, "body", "the only transfer coding is chunked");
  return HTTP_HEAD_MORE;
}

static void
http_head_connection (HttpHead *head, const char *text, gsize length)
{
  for (gsize i = 0; i < length;) {
    gsize end, next;

    while (i < length && (text[i] == ' ' || text[i] == '\t' || text[i] == ','))
      i++;
    for (next = i; next < length && text[next] != ',';)
      next++;
    for (end = next; end > i && (text[end - 1] == ' ' || text[end - 1] == '\t');)
      end--;
    if (http_head_equals (text + i, end - i, "close"))
      head->close = TRUE;
    else if (http_head_equals (text + i, end - i, "keep-alive"))
      head->keep = TRUE;
    i = next;
  }
}

static HttpHeadState
http_head_host (HttpHead *head, HttpSpan value, const char *text)
{
  if (head->n_hosts++ > 0)
    return http_head_refuse (head, 400, "host", "there are two Host fields");
  if (!http_head_is_authority (text, value.length))
    return http_head_refuse (head, 400, "host", "Host is not a host");
  if (!head->absolute)
    head->authority = value;
  return HTTP_HEAD_MORE;
}

/* The fields that decide about framing and the connection. */
static HttpHeadState
http_head_meaning (HttpHead *head, const char *bytes, const HttpField *field)
{
  const char *name = bytes + field->name.at, *text = bytes + field->value.at;
  gsize length = field->value.length;

  switch (field->name.length) {
  case 4:
    if (!head->is_answer && http_head_equals (name, 4, "Host"))
      return http_head_host (head, field->value, text);
    break;
  case 6:
    if (head->is_answer || head->minor == 0 || !http_head_equals (name, 6, "Expect"))
      break;
    if (!http_head_equals (text, length, "100-continue"))
      return http_head_refuse (head, 417, "head", "the only expectation is 100-continue");
    head->expect_continue = TRUE;
    break;
  case 10:
    if (http_head_equals (name, 10, "Connection"))
      http_head_connection (head, text, length);
    break;
  case 14:
    if (http_head_equals (name, 14, "Content-Length"))
      return http_head_content_length (head, text, length);
    break;
  case 17:
    if (http_head_equals (name, 17, "Transfer-Encoding"))
      return http_head_transfer_encoding (head, text, length);
    break;
  default:
    break;
  }
  return HTTP_HEAD_MORE;
}

static HttpHeadState
http_head_field_line (HttpHead *head, const char *bytes, gsize at, gsize length)
{
  const char *text = bytes + at, *colon = memchr (text, ':', length);
  gsize from, to;
  HttpField *field;

  if (text[0] == ' ' || text[0] == '\t')
    return http_head_bad (head, "a field is folded over two lines");
  if (colon == NULL)
    return http_head_bad (head, "a field has no colon");
  if (!http_head_is_token (text, (gsize)(colon - text)))
    return http_head_bad (head, "a field's name is not a token");
  if (head->n_fields >= (head->is_answer ? HTTP_HEAD_MAX_FIELDS : HTTP_HEAD_MAX_REQUEST_FIELDS))
    return http_head_refuse (head, 431, "head", "there are too many fields");
  for (from = (gsize)(colon + 1 - text); from < length;) {
    if (text[from] != ' ' && text[from] != '\t')
      break;
    from++;
  }
  for (to = length; to > from && (text[to - 1] == ' ' || text[to - 1] == '\t');)
    to--;
  field = &head->fields[head->n_fields++];
  field->name = (HttpSpan){ (guint32)at, (guint32)(colon - text) };
  field->value = (HttpSpan){ (guint32)(at + from), (guint32)(to - from) };
  return http_head_meaning (head, bytes, field);
}

static HttpHeadState
http_head_finish_answer (HttpHead *head)
{
  gboolean bare = head->to_head || head->status < 200 || head->status == 204 || head->status == 304;

  if (head->status == 101)
    return http_head_bad (head, "the peer changes to a protocol that nobody asked for");
  if (bare) {
    /* some servers send a body after all, with no length to find its end by */
    if (head->to_head && head->content_length < 0 && head->status != 204 && head->status != 304)
      head->keep_alive = FALSE;
    head->framing = HTTP_FRAMING_NONE;
  } else if (head->n_codings > 0) {
    head->framing = HTTP_FRAMING_CHUNKED;
  } else if (head->content_length >= 0) {
    head->framing = HTTP_FRAMING_LENGTH;
  } else {
    head->framing = HTTP_FRAMING_CLOSE;
    head->keep_alive = FALSE;
  }
  return HTTP_HEAD_OK;
}

static HttpHeadState
http_head_finish (HttpHead *head)
{
  if (head->n_codings > 0 && head->content_length >= 0)
    return http_head_refuse (head, 400, "body", "there are Content-Length and Transfer-Encoding");
  head->keep_alive = !head->close && (head->minor == 1 || head->keep);
  if (head->is_answer)
    return http_head_finish_answer (head);
  if (head->minor == 1 && head->n_hosts == 0)
    return http_head_refuse (head, 400, "host", "there is no Host field");
  if (head->n_codings > 0)
    head->framing = HTTP_FRAMING_CHUNKED;
  else if (head->content_length > 0)
    head->framing = HTTP_FRAMING_LENGTH;
  else
    head->expect_continue = FALSE;
  return HTTP_HEAD_OK;
}

static HttpHeadState
http_head_line (HttpHead *head, const char *bytes, gsize at, gsize length)
{
  if (head->n_lines == 0 && length == 0) {
    if (head->is_answer || ++head->n_empty > MAX_EMPTY_LINES)
      return http_head_bad (head, "there are empty lines before the first line");
    return HTTP_HEAD_MORE;
  }
  if (length == 0)
    return http_head_finish (head);
  if (head->n_lines++ > 0)
    return http_head_field_line (head, bytes, at, length);
  if (head->is_answer)
    return http_head_status_line (head, bytes + at, length);
  return http_head_request_line (head, bytes, at, length);
}

/* The first line of a request is judged as it comes: what is not HTTP is refused at once. */
static HttpHeadState
http_head_first_line_byte (HttpHead *head, const char *bytes, gsize at)
{
  gsize length = at - head->line + 1;
  char c = bytes[at];

  if (head->is_answer)
    return HTTP_HEAD_MORE;
  if (c == '\t' || (guint8)c >= 0x80 || (length == 1 && !(classes[(guint8)c] & CLASS_TOKEN)))
    return http_head_bad (head, "the request line is not METHOD TARGET VERSION");
  if (length > MAX_LINE)
    return http_head_refuse (head, 414, "head", "the target is longer than 8 KiB");
  if (length == MAX_METHOD + 1 && memchr (bytes + head->line, ' ', length) == NULL)
    return http_head_refuse (head, 501, "head", "the method is not one that this server knows");
  return HTTP_HEAD_MORE;
}

HttpHeadState
http_head_feed (HttpHead *head, const char *bytes, gsize length)
{
  gsize max = head->is_answer ? HTTP_HEAD_MAX_ANSWER : HTTP_HEAD_MAX_REQUEST;

  for (; head->state == HTTP_HEAD_MORE && head->scanned < length; head->scanned++) {
    gsize at = head->scanned;
    char c = bytes[at];

    if (at >= max)
      return http_head_refuse (head, 431, "head", "the head is too large");
    if (c == '\n') {
      gsize line = head->line;

      if (!head->after_cr)
        return http_head_bad (head, "a line ends in a line feed alone");
      head->after_cr = FALSE;
      head->line = (guint32)(at + 1);
      head->state = http_head_line (head, bytes, line, at - 1 - line);
    } else if (head->after_cr) {
      return http_head_bad (head, "there is a carriage return alone");
    } else if (c == '\r') {
      head->after_cr = TRUE;
    } else if (!(classes[(guint8)c] & CLASS_TEXT)) {
      return http_head_bad (head, "there is a control byte");
    } else if (head->n_lines == 0) {
      head->state = http_head_first_line_byte (head, bytes, at);
    }
  }
  if (head->state == HTTP_HEAD_OK)
    head->length = head->scanned;
  return head->state;
}

static void
http_head_begin (HttpHead *head)
{
  /* the table of fields is large and needs no clearing */
  memset (head, 0, G_STRUCT_OFFSET (HttpHead, fields));
  head->is_answer = head->to_head = head->after_cr = FALSE;
  head->absolute = head->close = head->keep = FALSE;
  head->scanned = head->line = head->n_lines = head->n_empty = 0;
  head->n_hosts = head->n_codings = 0;
  head->content_length = -1;
}

void
http_head_begin_request (HttpHead *head)
{
  http_head_begin (head);
}

void
http_head_begin_answer (HttpHead *head, gboolean to_head)
{
  http_head_begin (head);
  head->is_answer = TRUE;
  head->to_head = to_head;
}
