/* SPDX-License-Identifier: Apache-2.0 */
/* request-file: what a request for a file is to get, for those who send its bytes as a stream. */
#include "condition.h"
#include "range.h"
#include "request.h"

guint
request_slot_file (
    DaeRequest *req, const char *etag, gint64 total, gint64 *ret_first, gint64 *ret_length)
{
  Request *request = (Request *)req;
  ConditionState state = { etag, -1 };
  Condition condition = {
    .if_match = request_header (request, "If-Match"),
    .if_none_match = request_header (request, "If-None-Match"),
    .if_range = request_header (request, "If-Range"),
  };
  const char *wanted = request_header (request, "Range");
  Range range;

  *ret_first = 0;
  *ret_length = total;
  switch (condition_judge (&condition, &state)) {
  case CONDITION_SAME:
    return 304;
  case CONDITION_CHANGED:
    return 412;
  case CONDITION_GO:
    break;
  }
  if (!wanted || !g_str_equal (request->method, "GET") ||
      !condition_takes_range (&condition, &state, g_get_real_time () / G_USEC_PER_SEC))
    return 200;
  switch (range_parse (wanted, total, &range)) {
  case RANGE_WHOLE:
    return 200;
  case RANGE_NONE:
    return 416;
  case RANGE_PART:
    break;
  }
  *ret_first = range.first;
  *ret_length = range.length;
  return 206;
}
