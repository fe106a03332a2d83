/* SPDX-License-Identifier: Apache-2.0 */
/* range: which part of a representation a Range header asks for. */
#include "range.h"

#include <string.h>

/* Reads digits at *AT; what is larger than any representation stays G_MAXINT64. -1: no digit. */
static gint64
range_number (const char **at)
{
  gint64 number = g_ascii_isdigit (**at) ? 0 : -1;

  for (; g_ascii_isdigit (**at); (*at)++) {
    int digit = **at - '0';

    number = number > (G_MAXINT64 - digit) / 10 ? G_MAXINT64 : 10 * number + digit;
  }
  return number;
}

/* A list may have empty members. */
static const char *
range_skip (const char *at)
{
  return at + strspn (at, " \t,");
}

RangeKind
range_parse (const char *value, gint64 total, Range *ret)
{
  gint64 first, last;

  if (value == NULL || g_ascii_strncasecmp (value, "bytes=", 6) != 0)
    return RANGE_WHOLE;
  value = range_skip (value + 6);
  first = range_number (&value);
  if (*value++ != '-')
    return RANGE_WHOLE;
  last = range_number (&value);
  if (*range_skip (value) != '\0')
    return RANGE_WHOLE;
  if (first < 0) {
    /* the last bytes; of nothing there is no last byte that 206 could name */
    if (last < 0 || (last > 0 && total == 0))
      return RANGE_WHOLE;
    first = total - MIN (last, total);
    last = total - 1;
  } else if (last >= 0 && last < first) {
    return RANGE_WHOLE;
  }
  if (first >= total)
    return RANGE_NONE;
  if (last < 0 || last >= total)
    last = total - 1;
  *ret = (Range){ first, last - first + 1 };
  return RANGE_PART;
}

void
range_text (const Range *range, gint64 total, char text[RANGE_TEXT_SIZE])
{
  if (range)
    g_snprintf (text, RANGE_TEXT_SIZE,
                "bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, range->first,
                range->first + range->length - 1, total);
  else
    g_snprintf (text, RANGE_TEXT_SIZE, "bytes */%" G_GINT64_FORMAT, total);
}
