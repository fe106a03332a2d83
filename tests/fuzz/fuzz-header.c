/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a header, as each that is read closely: ranges, conditions, dates; and any bytes as
 * the name of a file, or as what an answer is to say. */
#include "fuzz.h"

#include "http/condition.h"
#include "http/header.h"
#include "http/http-head.h"
#include "http/range.h"

#include <string.h>

static GRegex *
regex (const char *pattern)
{
  GRegex *made = g_regex_new (pattern, G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0, NULL);

  MUST (made != NULL);
  return made;
}

/* G_MAXINT64 for what is larger; -1: no digits. */
static gint64
plain_number (const GMatchInfo *match, int group)
{
  g_autofree char *text = g_match_info_fetch (match, group);

  return *text != '\0' ? (gint64)MIN (g_ascii_strtoull (text, NULL, 10), G_MAXINT64) : -1;
}

static RangeKind
plain_range (const char *value, gint64 total, Range *ret)
{
  static GRegex *form;
  g_autoptr (GMatchInfo) match = NULL;
  gint64 first, last;

  if (form == NULL)
    form = regex ("^[bB][yY][tT][eE][sS]=[ \\t,]*(\\d*)-(\\d*)[ \\t,]*$");
  if (!g_regex_match (form, value, 0, &match))
    return RANGE_WHOLE;
  first = plain_number (match, 1);
  last = plain_number (match, 2);
  if (first < 0 && (last < 0 || (last > 0 && total == 0)))
    return RANGE_WHOLE;
  if (first >= 0 && last >= 0 && first > last)
    return RANGE_WHOLE;
  if (first < 0 ? last == 0 : first >= total)
    return RANGE_NONE;
  ret->first = first < 0 ? MAX (total - last, 0) : first;
  ret->length = first < 0 || last < 0 ? total - ret->first : MIN (last, total - 1) - first + 1;
  return RANGE_PART;
}

static void
check_range (const char *value)
{
  static const gint64 totals[] = { 0, 1, 10, 5000000000, G_MAXINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (totals); i++) {
    Range range = { -1, -1 }, plain = { -1, -1 }, again = { -1, -1 };
    RangeKind kind = range_parse (value, totals[i], &range);
    g_autofree char *written = NULL;
    char text[RANGE_TEXT_SIZE];

    MUST (kind == plain_range (value, totals[i], &plain));
    MUST (range.first == plain.first && range.length == plain.length);
    if (kind != RANGE_PART)
      continue;
    MUST (range.first >= 0 && range.length > 0 && range.length <= totals[i] - range.first);
    range_text (&range, totals[i], text);
    written = g_strdup_printf ("bytes=%s", text + strlen ("bytes "));
    *strchr (written, '/') = '\0';
    MUST (range_parse (written, totals[i], &again) == RANGE_PART);
    MUST (again.first == range.first && again.length == range.length);
  }
}

/* TRUE if ETAG is among the tags that stand in LIST before anything that is none. */
static gboolean
plain_lists (const char *list, const char *etag, gboolean strong)
{
  static GRegex *form, *any;
  g_autoptr (GMatchInfo) match = NULL;
  int end = 0;

  if (form == NULL) {
    any = regex ("^\\*[ \\t]*$");
    form = regex ("\\G[ \\t,]*((?:W/)?)(\"[\\x21\\x23-\\x7e\\x80-\\xff]*\")[ \\t]*");
  }
  if (g_regex_match (any, list, 0, NULL))
    return TRUE;
  for (g_regex_match (form, list, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL)) {
    g_autofree char *weak = g_match_info_fetch (match, 1);
    g_autofree char *tag = g_match_info_fetch (match, 2);
    const char *opaque = g_str_has_prefix (etag, "W/") ? etag + 2 : etag;

    if (end > 0 && memchr (list + end - 1, ',', strspn (list + end, " \t,") + 1) == NULL)
      return FALSE; /* two tags without a comma */
    if (g_str_equal (tag, opaque) && !(strong && (*weak != '\0' || opaque != etag)))
      return TRUE;
    g_match_info_fetch_pos (match, 0, NULL, &end);
  }
  return FALSE;
}

static void
check_conditions (const char *value, gint64 date)
{
  static const char *const etags[] = { "\"v12\"", "W/\"v12\"", "\"\"" };

  for (guint i = 0; i < G_N_ELEMENTS (etags); i++) {
    const ConditionState state = { etags[i], 784111777 };
    gboolean strong = condition_lists (value, etags[i], TRUE);
    gboolean weak = condition_lists (value, etags[i], FALSE), same_date = date == 784111777;

    MUST (strong == plain_lists (value, etags[i], TRUE));
    MUST (weak == plain_lists (value, etags[i], FALSE));
    MUST ((condition_judge (&(Condition){ .if_match = value }, &state) == CONDITION_GO) == strong);
    MUST ((condition_judge (&(Condition){ .if_none_match = value }, &state) == CONDITION_SAME) ==
          weak);
    MUST ((condition_judge (&(Condition){ .if_modified_since = value }, &state) ==
           CONDITION_SAME) == (date >= 784111777));
    MUST ((condition_judge (&(Condition){ .if_unmodified_since = value }, &state) ==
           CONDITION_CHANGED) == (date >= 0 && date < 784111777));
    MUST (condition_takes_range (&(Condition){ .if_range = value }, &state, 784111778) ==
          (same_date || (i != 1 && g_str_equal (value, etags[i]))));
    MUST (!condition_takes_range (&(Condition){ .if_range = value }, &state, 784111777) ||
          !same_date);
  }
}

static gint64
check_date (const char *value)
{
  gint64 seconds = header_parse_date (value);
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (MAX (seconds, 0));
  g_autofree char *numbers = NULL, *plain = NULL;

  if (seconds < 0)
    return seconds;
  numbers = g_date_time_format (time, "%d %Y %H:%M:%S");
  plain = g_strdup_printf ("%.2s %.13s", value + 5, value + 12);
  MUST (g_str_equal (numbers, plain));
  return seconds;
}

/* A name in a disposition can neither end its quotes nor name another folder. */
static void
check_disposition (const char *file_name)
{
  static const char before[] = "attachment; filename=\"", between[] = "\"; filename*=UTF-8''";
  g_autofree char *value = header_disposition (FALSE, file_name);
  const char *name = value + strlen (before), *end, *encoded;

  MUST (header_is_sound ("Content-Disposition", value));
  MUST (g_str_has_prefix (value, before));
  end = strchr (name, '"');
  MUST (end != NULL && (end[1] == '\0' || g_str_has_prefix (end, between)));
  MUST (end > name && end - name <= 255 && *name != '.' && *name != ' ');
  encoded = end[1] != '\0' ? end + strlen (between) : NULL;
  for (const char *c = name; c < end; c++)
    MUST (*c >= 0x20 && *c <= 0x7e && strchr ("/\\%", *c) == NULL);
  if (encoded != NULL) {
    g_autofree char *whole = NULL;

    MUST (strspn (encoded, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "!#$&+-.^_`|~%") ==
          strlen (encoded));
    whole = g_uri_unescape_string (encoded, "/\\");
    MUST (whole != NULL && g_utf8_validate (whole, -1, NULL));
    MUST (g_utf8_strlen (whole, -1) == end - name);
  }
}

/* What is written is one field, and says what was meant. */
static void
check_written (const char *value)
{
  g_autoptr (GString) text = g_string_new ("GET / HTTP/1.1\r\nHost: a\r\n");
  g_autofree char *meant = g_strstrip (g_strdup (value));
  gboolean sound = header_write (text, "X-Value", value);
  const HttpField *field;
  HttpHead head;

  MUST (sound == (http_head_is_value (value, strlen (value)) && strchr (value, '\t') == NULL));
  g_string_append (text, "\r\n");
  http_head_begin_request (&head);
  MUST (text->len > HTTP_HEAD_MAX_REQUEST ||
        http_head_feed (&head, text->str, text->len) == HTTP_HEAD_OK);
  if (text->len > HTTP_HEAD_MAX_REQUEST)
    return;
  MUST (head.n_fields == (sound ? 2 : 1));
  field = http_head_find (&head, text->str, "x-value");
  if (sound)
    MUST (strlen (meant) == field->value.length &&
          memcmp (text->str + field->value.at, meant, field->value.length) == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *value = g_strndup ((const char *)data, size);

  check_disposition (value);
  check_written (value);
  g_strstrip (value);
  if (!http_head_is_value (value, strlen (value)))
    return 0;
  check_range (value);
  check_conditions (value, check_date (value));
  return 0;
}
