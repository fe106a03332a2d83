/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-get: an object is given on as it comes. Where the way to the store breaks, the rest is
 * asked for, of that very object.
 */
#include "store-s3.h"

#include <object-key.h>
#include <stdio.h>

struct DaeStoreGet {
  DaePlugin *self;
  const DaeStoreGetHooks *hooks;
  gpointer data;
  gint64 length; /* -1: to the end */
  gint64 left;   /* -1: not known yet */
  S3Call *call;
  guint timer;
  gboolean ending, cancelled;
};

/* The status fits what was asked; RET: bytes that come. */
static gboolean
s3_get_check (S3Call *call, gint64 *ret)
{
  const char *range = dae_fetch_reply_header (call->fetch, "Content-Range");
  gint64 wanted = MAX (call->from, 0) + call->received, from = 0;
  gboolean asked = call->from >= 0 || call->received > 0;

  *ret = call->length;
  if (call->length < 0 || asked != (call->status == 206))
    return FALSE;
  return !asked || (range != NULL && sscanf (range, "bytes %" G_GINT64_FORMAT "-", &from) == 1 &&
                    from == wanted);
}

static void
s3_get_on_head (S3Call *call, gpointer data)
{
  DaeStoreGet *get = data;
  gint64 coming;

  if (!s3_get_check (call, &coming) || (get->left >= 0 && coming != get->left)) {
    s3_call_fail (call, DAE_STORE_UNAVAILABLE,
                  g_strdup_printf ("the store answered %u with another range than was asked for",
                                   call->status));
    return;
  }
  if (get->left >= 0)
    return; /* it goes on */
  get->left = get->length == 0 ? 0 : coming;
  if (get->length == 0)
    s3_call_fail (call, DAE_STORE_OK,
                  NULL); /* the byte that shows that it is there is not wanted */
  get->hooks->head (get, get->left, get->data);
}

static void
s3_get_on_body (S3Call *call, const char *bytes, gsize length, gpointer data)
{
  const S3Data *store = dae_data (call->self);
  DaeStoreGet *get = data;

  get->left -= (gint64)length;
  dae_series_add (store->bytes_out, (double)length);
  get->hooks->body (get, bytes, length, get->data);
}

static void
s3_get_on_done (S3Call *call, gpointer data)
{
  S3State *state = dae_state (call->self);
  DaeStoreGet *get = data;
  DaeStoreResult result = call->result;
  const char *why = call->why;

  get->call = NULL;
  get->ending = TRUE;
  if (call->status == 416 && get->left < 0 &&
      !state->stopping) { /* nothing is there from that place on */
    result = DAE_STORE_OK;
    why = NULL;
    get->hooks->head (get, 0, get->data);
  } else if (get->left > 0 && (call->status == 412 || call->status == 404)) {
    result = DAE_STORE_CUT;
    why = "it was replaced or removed meanwhile";
  }
  if (!state->stopping && !get->cancelled)
    get->hooks->end (get, result, why, get->data);
  g_free (get);
}

static gboolean
s3_get_refuse (DaePlugin *self, gpointer data)
{
  DaeStoreGet *get = data;

  get->ending = TRUE;
  get->hooks->end (get, DAE_STORE_REFUSED, "the key is not a path of names", get->data);
  g_free (get);
  return FALSE;
}

DaeStoreGet *
s3_get (DaePlugin *self,
        const char *key,
        gint64 offset,
        gint64 length,
        const DaeStoreGetHooks *hooks,
        gpointer data)
{
  static const S3CallHooks call_hooks = { s3_get_on_head, s3_get_on_body, s3_get_on_done };
  DaeStoreGet *get = g_new0 (DaeStoreGet, 1);

  get->self = self;
  get->hooks = hooks;
  get->data = data;
  get->length = length;
  get->left = -1;
  if (!object_key_is_valid (key)) {
    get->timer = dae_timer (self, 1, s3_get_refuse, get);
    return get;
  }
  get->call = s3_call_new (self, S3_GET, key, g_strdup (""), &call_hooks, get);
  if (offset > 0 || length >= 0)
    get->call->from = MAX (offset, 0);
  if (length >= 0)
    get->call->to = get->call->from + MAX (length, 1) - 1;
  s3_call_send (get->call);
  return get;
}

void
s3_get_pause (DaeStoreGet *get, gboolean paused)
{
  if (get->call != NULL)
    s3_call_pause (get->call, paused);
}

void
s3_get_cancel (DaeStoreGet *get)
{
  get->cancelled = TRUE;
  if (get->ending)
    return;
  if (get->timer != 0)
    dae_timer_cancel (get->self, get->timer);
  s3_call_cancel (get->call);
  g_free (get);
}
