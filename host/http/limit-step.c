/* SPDX-License-Identifier: Apache-2.0 */
/* limit-step: what the limits mean for a request: shares that it holds until its end, or 429.
 *
 * It comes once it is known who asks: limits are a person's, wherever they sit, and an address's
 * only where nobody needs to sign in. What this process asks of itself belongs to requests that
 * were counted already.
 */
#include "limit-step.h"

/* When a share that others hold is free again nobody knows: a pace at which asking does no harm. */
#define LIMIT_RETRY_S 2

static const char *
limit_key (const Passage *passage, char *address)
{
  const Request *request = passage->request;

  if (request->user)
    return request->user->subject;
  limits_address (request->client, address);
  return address;
}

static void
limit_refuse (Passage *passage,
              LimitKind kind,
              const char *reason,
              const char *code,
              const char *detail,
              guint seconds)
{
  char address[LIMIT_ADDRESS_SIZE];

  account_reject (passage, reason);
  limits_tell (passage->exchange->host->limits, kind, limit_key (passage, address));
  passage->limited = TRUE;
  passage->reply = reply_problem_retry (passage->request, 429, code, detail, seconds);
}

static void
limit_upload (Passage *passage)
{
  passage->upload_share = limits_take (passage->exchange->host->limits, LIMIT_UPLOADS, "");
  if (passage->upload_share == 0)
    limit_refuse (passage, LIMIT_UPLOADS, "uploads", "too_many_uploads",
                  "too many uploads are under way: try again when one has ended", LIMIT_RETRY_S);
}

static void
limit_stream (Passage *passage, const char *key)
{
  passage->stream_share = limits_take (passage->exchange->host->limits, LIMIT_STREAMS, key);
  if (passage->stream_share == 0)
    limit_refuse (passage, LIMIT_STREAMS, "streams", "too_many_streams",
                  "too many event streams are open: close another page or program first",
                  LIMIT_RETRY_S);
}

/* FALSE: refused. */
static gboolean
limit_write (Passage *passage, const char *key)
{
  guint seconds = limits_write (passage->exchange->host->limits, key, g_get_monotonic_time ());

  if (seconds > 0)
    limit_refuse (passage, LIMIT_WRITES, "rate", "too_many_writes",
                  "these were too many changes in a short time: wait, then go on", seconds);
  return seconds == 0;
}

gboolean
limit_step (Passage *passage)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;
  char address[LIMIT_ADDRESS_SIZE];
  const char *key;

  if (request->is_internal || !passage->exchange->host->limits)
    return TRUE;
  key = limit_key (passage, address);
  if (request_is_read (request)) {
    if (row->flags & DAE_ROUTE_STREAMS)
      limit_stream (passage, key);
    return TRUE;
  }
  /* who has not signed in uploads nothing that is kept, and must not take others' places */
  if (limit_write (passage, key) && row->body == DAE_BODY_STREAM && request->user)
    limit_upload (passage);
  return TRUE;
}

void
limit_step_end (Passage *passage)
{
  Limits *limits = passage->exchange->host->limits;

  limits_give (limits, passage->upload_share);
  limits_give (limits, passage->stream_share);
  passage->upload_share = passage->stream_share = 0;
}

guint64
limit_step_pass_on (Passage *passage)
{
  guint64 share = passage->stream_share;

  passage->stream_share = 0;
  return share;
}
