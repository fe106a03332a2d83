/* SPDX-License-Identifier: Apache-2.0 */
/* handle: the plugin's turn: a function of a transaction on a pool thread, or a call on the loop
 * that may answer later. What became of it is put into words by handle_commit.
 */
#include <string.h>

#include "../data/idempotency.h"
#include "../plugin/plugin.h"
#include "exchange-api.h"
#include "json-read.h"
#include "passage.h"

#define HANDLE_DEADLINE_MS 30000
#define HANDLE_MAX_KEPT    (64 * 1024)

static gint64
handle_deadline (const DaeRoute *row)
{
  guint ms = row->deadline_ms ? row->deadline_ms : HANDLE_DEADLINE_MS;

  return g_get_monotonic_time () + (gint64)ms * 1000;
}

static const char *
handle_subject (const Request *request)
{
  return request->user ? request->user->subject : "";
}

static void
handle_hash (Passage *passage)
{
  const Request *request = passage->request;
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = 0;
  const guint8 *body = request->body ? g_bytes_get_data (request->body, &length) : NULL;

  /* neither method nor target holds a line break */
  g_checksum_update (checksum, (const guint8 *)request->method, -1);
  g_checksum_update (checksum, (const guint8 *)"\n", 1);
  g_checksum_update (checksum, (const guint8 *)request->target, -1);
  g_checksum_update (checksum, (const guint8 *)"\n", 1);
  if (length > 0)
    g_checksum_update (checksum, body, (gssize)length);
  g_strlcpy (passage->hash, g_checksum_get_string (checksum), sizeof passage->hash);
}

static char *
handle_headers_text (const Reply *reply)
{
  JsonWriter *json = json_writer_new (NULL);

  json_write_begin_array (json, NULL);
  for (guint i = 0; i < reply->n_headers; i++) {
    json_write_begin_array (json, NULL);
    json_write_text (json, NULL, reply->headers[i].name);
    json_write_text (json, NULL, reply->headers[i].value);
    json_write_end (json);
  }
  return json_writer_finish (json, NULL);
}

/* Stores the answer with what the handler has written. */
static void
handle_keep_answer (DaeTx *tx, Passage *passage, Reply *reply)
{
  const Request *request = passage->request;
  g_autofree char *headers = handle_headers_text (reply);
  g_autofree char *body = NULL;
  gsize length = 0;
  const char *text = reply->body ? g_bytes_get_data (reply->body, &length) : NULL;
  gboolean status_only = (request->route->row.flags & DAE_ROUTE_SECRET) ||
                         length > HANDLE_MAX_KEPT ||
                         (text && !g_utf8_validate_len (text, length, NULL));

  if (text && !status_only)
    body = g_strndup (text, length);
  idempotency_keep (tx, handle_subject (request), passage->idempotency_key, passage->hash,
                    reply->status, status_only ? "[]" : headers, body, status_only);
}

/* The answer as it was given the first time. */
static Reply *
handle_repeat (Request *request, const IdempotencyAnswer *answer)
{
  Reply *reply = reply_new (request, answer->status);
  JsonRead read;

  json_read_init (&read, answer->headers);
  json_read_open (&read);
  while (json_read_item (&read)) {
    const char *name, *value;

    json_read_open (&read);
    json_read_item (&read);
    name = json_read_string (&read, &reply->arena, NULL);
    json_read_item (&read);
    value = json_read_string (&read, &reply->arena, NULL);
    json_read_item (&read); /* its end */
    reply_add (reply, name, value);
  }
  if (answer->body)
    reply->body = g_bytes_new (answer->body, strlen (answer->body));
  reply_set (reply, "Idempotency-Replayed", "true");
  return reply;
}

/* NULL: the key is new, the handler may run. */
static Reply *
handle_earlier (DaeTx *tx, Passage *passage)
{
  Request *request = passage->request;
  IdempotencyAnswer answer = { 0 };

  switch (idempotency_begin (tx, handle_subject (request), passage->idempotency_key, passage->hash,
                             &answer)) {
  case IDEMPOTENCY_NEW:
    return NULL;
  case IDEMPOTENCY_REPEAT:
    return handle_repeat (request, &answer);
  case IDEMPOTENCY_OTHER:
    return reply_problem (request, 422, "idempotency_key_reused",
                          "this Idempotency-Key came with another request before");
  case IDEMPOTENCY_IN_FLIGHT:
    return reply_problem_retry (request, 409, "idempotency_in_flight",
                                "the first request with this Idempotency-Key is still running", 1);
  default:
    return reply_problem (request, 409, "already_done",
                          "this was done before; its answer was not kept");
  }
}

static gpointer
handle_run (DaeTx *tx, gpointer data)
{
  Passage *passage = data;
  Request *request = passage->request;
  const Route *route = request->route;
  Reply *reply = passage->idempotency_key ? handle_earlier (tx, passage) : NULL;

  if (reply)
    return reply;
  reply = (Reply *)route->row.answer (tx, &request->base, (DaePlugin *)route->plugin);
  if (!reply || reply->request != request)
    return NULL;
  /* a 401 is finished on the loop, where the sign-in URL is known */
  if (reply->status != 401)
    reply_seal (reply);
  if (passage->idempotency_key && reply->status < 400)
    handle_keep_answer (tx, passage, reply);
  return reply;
}

static gboolean
handle_is_kept (gpointer result, gpointer data)
{
  return result && ((Reply *)result)->status < 400;
}

static void
handle_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  Passage *passage = data;

  passage->in_pool = FALSE;
  passage->verdict = verdict;
  if (result && (verdict == DATABASE_DONE || verdict == DATABASE_ROLLED_BACK))
    passage->reply = result;
  exchange_resume (passage);
}

static gboolean
handle_answer (Passage *passage)
{
  Request *request = passage->request;
  const DaeRoute *row = &request->route->row;
  DatabaseWork work = {
    .plugin = request->route->plugin,
    .what = request->route->label,
    .request_id = request->id,
    .deadline = request->deadline,
    .run = handle_run,
    .keep = handle_is_kept,
    .done = handle_done,
    .data = passage,
  };

  if (!request_is_read (request) || (row->flags & DAE_ROUTE_WRITES))
    work.flags |= DAE_WORK_WRITES;
  if (row->flags & DAE_ROUTE_SLOW)
    work.flags |= DAE_WORK_SLOW;
  if (passage->idempotency_key)
    handle_hash (passage);
  passage->in_pool = TRUE;
  database_submit (passage->exchange->host->database, &work);
  return FALSE;
}

/* Takes the word from the handler. */
static void
handle_end (Passage *passage)
{
  passage->answered = TRUE;
  g_atomic_pointer_set (&passage->request->abandoned, NULL);
  exchange_clear_timer (passage);
}

static void
handle_no_reply (Passage *passage, const char *detail)
{
  handle_end (passage);
  exchange_fault (passage->request, "no_reply", detail);
  exchange_refuse (passage, 500, "internal", "this request got no answer");
}

static void
handle_on_abandoned (Request *request)
{
  Passage *passage = request->passage;

  if (!passage || passage->answered)
    return;
  if (passage->left) {
    handle_end (passage);
    exchange_refuse (passage, 499, "client_left", "the client has left");
  } else {
    handle_no_reply (passage, "the last reference went without a reply");
  }
  exchange_resume (passage);
}

static gboolean
handle_on_deadline (gpointer data)
{
  Passage *passage = data;
  Request *request = passage->request;

  passage->timer = 0;
  passage->late = TRUE;
  handle_end (passage);
  account_reject (passage, "deadline");
  exchange_refuse (passage, 504, "deadline", "the answer took too long");
  dae_request_ref (&request->base);
  exchange_resume (passage);
  request_leave (request);
  dae_request_unref (&request->base);
  return G_SOURCE_REMOVE;
}

static gboolean
handle_loop (Passage *passage)
{
  Request *request = passage->request;
  const Route *route = request->route;
  DaeOutcome outcome;

  exchange_enter (request, route->plugin);
  outcome = route->row.loop (&request->base, (DaePlugin *)route->plugin);
  exchange_leave (request->host);
  if (passage->answered)
    return FALSE; /* dae_send has resumed the passage, or a stream is open */
  if (outcome != DAE_LATER || g_atomic_int_get (&request->refs) == 1) {
    handle_no_reply (passage, outcome == DAE_LATER ? "DAE_LATER without a reference"
                                                   : "DAE_DONE without a reply");
    return TRUE;
  }
  g_atomic_pointer_set (&request->abandoned, handle_on_abandoned);
  if (!(route->row.flags & DAE_ROUTE_STREAMS))
    passage->timer =
        g_timeout_add ((guint)MAX ((request->deadline - g_get_monotonic_time ()) / 1000, 1),
                       handle_on_deadline, passage);
  return FALSE;
}

static DaeOutcome
handle_slot_send (DaeRequest *req, DaeReply *base)
{
  Request *request = (Request *)req;
  Passage *passage = request->passage;
  Reply *reply = (Reply *)base;

  if (request->route && request->route->row.answer) {
    exchange_fault (request, "second_reply", "dae_send in an answer row, which returns its reply");
    return DAE_DONE;
  }
  if (!passage)
    return DAE_DONE; /* the client or the deadline was first */
  if (passage->answered) {
    if (!passage->late)
      exchange_fault (request, "second_reply", request->route->label);
    return DAE_DONE;
  }
  handle_end (passage);
  if (reply && reply->request == request)
    passage->reply = reply;
  else
    handle_no_reply (passage, reply ? "a reply of another request" : "a reply that is NULL");
  exchange_resume (passage);
  return DAE_DONE;
}

void
handle_fill_api (DaeApi *api)
{
  api->send = handle_slot_send;
}

gboolean
handle_step (Passage *passage)
{
  Request *request = passage->request;
  const Route *route = request->route;

  if (route->plugin) {
    route->plugin->in_flight++;
    passage->counted = TRUE;
  }
  /* a stream may live for hours: each piece of its work has a deadline of its own */
  if (!(route->row.flags & DAE_ROUTE_STREAMS))
    request->deadline = handle_deadline (&route->row);
  return route->row.answer ? handle_answer (passage) : handle_loop (passage);
}

/* Reached only where the transaction gave no reply. */
gboolean
handle_commit (Passage *passage)
{
  Request *request = passage->request;

  switch (passage->verdict) {
  case DATABASE_BUSY:
    passage->reply =
        reply_problem_retry (request, 503, "busy", "the database has no room for this now", 1);
    break;
  case DATABASE_UNAVAILABLE:
    passage->reply = reply_problem_retry (request, 503, "database_unavailable",
                                          "the database cannot be reached", 5);
    break;
  case DATABASE_CONFLICT:
    exchange_refuse (passage, 409, "conflict", "this contradicts what is stored");
    break;
  case DATABASE_INVALID:
    exchange_refuse (passage, 422, "invalid_value", "the database does not take one of the values");
    break;
  case DATABASE_DEADLINE:
    account_reject (passage, "deadline");
    exchange_refuse (passage, 504, "deadline", "the answer took too long; nothing was stored");
    break;
  case DATABASE_FULL:
    exchange_refuse (passage, 507, "storage_full", "the server has no room to store this");
    break;
  case DATABASE_UNKNOWN:
    passage->reply =
        reply_problem_retry (request, 503, "outcome_unknown",
                             "the connection to the database broke while it stored this", 5);
    break;
  case DATABASE_FAILED:
    exchange_refuse (passage, 500, "internal", "something went wrong on the server");
    break;
  default:
    exchange_fault (request, "no_reply", "the handler returned no reply of its request");
    exchange_refuse (passage, 500, "internal", "this request got no answer");
  }
  return TRUE;
}
