/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-put: what is written is kept until the store has it, so that it can be sent again: an
 * object of up to S3_PUT_WHOLE bytes as one, a larger one in parts, of which one is on its way
 * while the next gathers.
 */
#include "store-s3.h"

#include <object-key.h>
#include <string.h>

#define S3_PUT_WHOLE     (16 * 1024 * 1024)
#define S3_PUT_PART      (8 * 1024 * 1024)
#define S3_PUT_HIGH      (16 * 1024 * 1024)
#define S3_PUT_MAX_PARTS 10000
#define S3_PUT_SMALL     (16 * 1024) /* pieces below it are put together */
#define S3_PUT_JOINED    (64 * 1024)

typedef struct {
  GPtrArray *pieces; /* of GBytes */
  gint64 size;
  char hash[SHA256_HEX_SIZE];
} S3Part;

struct DaeStorePut {
  DaePlugin *self;
  const DaeStorePutHooks *hooks;
  gpointer data;
  char *key, *type;
  gint64 length, written, held; /* held: bytes that the store has not said to have */
  gint64 part_size, high;

  S3Part *gathering; /* never NULL */
  GByteArray *small; /* of small pieces, the end of what gathers */
  Sha256 *sum;       /* of what gathers; NULL: not signed */
  GQueue ready;      /* of S3Part */
  S3Part *sending;   /* its bytes are the call's */

  gboolean in_parts, finishing, wants_room, failed;
  char *upload_id;
  GPtrArray *etags;
  S3Call *call;
  guint timer;
  DaeStoreResult result;
  char *why;
};

static S3Part *
s3_part_new (void)
{
  S3Part *part = g_new0 (S3Part, 1);

  part->pieces = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  return part;
}

static void
s3_part_free (S3Part *part)
{
  if (part == NULL)
    return;
  g_ptr_array_unref (part->pieces);
  g_free (part);
}

static void
s3_put_free (DaeStorePut *put)
{
  if (put->timer != 0)
    dae_timer_cancel (put->self, put->timer);
  s3_part_free (put->gathering);
  s3_part_free (put->sending);
  g_queue_clear_full (&put->ready, (GDestroyNotify)s3_part_free);
  g_byte_array_unref (put->small);
  sha256_free (put->sum);
  g_ptr_array_unref (put->etags);
  g_free (put->upload_id);
  g_free (put->why);
  g_free (put->key);
  g_free (put->type);
  g_free (put);
}

/* ---- the end ---- */

static void
s3_put_tell (DaeStorePut *put)
{
  S3State *state = dae_state (put->self);

  if (put->result != DAE_STORE_OK && put->upload_id != NULL && !state->stopping)
    s3_remove_quietly (put->self, put->key, put->upload_id);
  if (!state->stopping)
    put->hooks->done (put, put->result, put->why, put->data);
  s3_put_free (put);
}

static gboolean
s3_put_tell_late (DaePlugin *self, gpointer data)
{
  DaeStorePut *put = data;

  put->timer = 0;
  s3_put_tell (put);
  return FALSE;
}

/* From within what a consumer calls: it hears of it at the next turn. WHY is given. */
static void
s3_put_fail_soon (DaeStorePut *put, DaeStoreResult result, char *why)
{
  if (put->failed) {
    g_free (why);
    return;
  }
  put->failed = TRUE;
  put->result = result;
  put->why = why;
  s3_call_cancel (g_steal_pointer (&put->call));
  put->timer = dae_timer (put->self, 1, s3_put_tell_late, put);
}

/* ---- what is asked of the store, one after the other ---- */

static void s3_put_step (DaeStorePut *put);

/* Ends it unless CALL went well; TRUE if it did. */
static gboolean
s3_put_take (DaeStorePut *put, S3Call *call)
{
  put->call = NULL;
  if (call->result == DAE_STORE_OK)
    return TRUE;
  put->result = call->result == DAE_STORE_NOT_FOUND ? DAE_STORE_UNAVAILABLE : call->result;
  put->why = g_strdup (call->why);
  s3_put_tell (put);
  return FALSE;
}

static void
s3_put_sent (DaeStorePut *put)
{
  const S3Data *store = dae_data (put->self);

  put->held -= put->sending->size;
  dae_series_add (store->bytes_in, (double)put->sending->size);
  g_clear_pointer (&put->sending, s3_part_free);
}

static void
s3_put_on_stored (S3Call *call, gpointer data)
{
  DaeStorePut *put = data;

  if (!s3_put_take (put, call))
    return;
  if (put->sending != NULL)
    s3_put_sent (put);
  s3_put_tell (put);
}

static const S3CallHooks s3_put_stored_hooks = { .done = s3_put_on_stored };

static void
s3_put_start_body (DaeStorePut *put, S3Call *call, const char *type)
{
  call->type = type;
  call->pieces = g_ptr_array_ref (put->sending->pieces);
  call->size = put->sending->size;
  memcpy (call->hash, put->sending->hash, sizeof call->hash);
  put->call = call;
  s3_call_send (call);
}

static void
s3_put_whole (DaeStorePut *put)
{
  put->sending = g_queue_pop_head (&put->ready);
  s3_put_start_body (
      put, s3_call_new (put->self, S3_PUT, put->key, g_strdup (""), &s3_put_stored_hooks, put),
      put->type);
}

static void
s3_put_on_created (S3Call *call, gpointer data)
{
  DaeStorePut *put = data;

  if (!s3_put_take (put, call))
    return;
  if (call->answer.upload_id == NULL || *call->answer.upload_id == '\0') {
    put->result = DAE_STORE_UNAVAILABLE;
    put->why = g_strdup ("the store began an upload without a name for it");
    s3_put_tell (put);
    return;
  }
  put->upload_id = g_strdup (call->answer.upload_id);
  s3_put_step (put);
}

static void
s3_put_create (DaeStorePut *put)
{
  static const S3CallHooks hooks = { .done = s3_put_on_created };

  put->call = s3_call_new (put->self, S3_CREATE, put->key, g_strdup ("uploads="), &hooks, put);
  /* the object's media type is said here */
  put->call->type = put->type;
  put->call->pieces = g_ptr_array_new ();
  memcpy (put->call->hash, S3_SIGN_NOTHING, sizeof S3_SIGN_NOTHING);
  s3_call_send (put->call);
}

static void
s3_put_on_part (S3Call *call, gpointer data)
{
  DaeStorePut *put = data;

  if (!s3_put_take (put, call))
    return;
  s3_put_sent (put);
  if (call->etag == NULL) {
    put->result = DAE_STORE_UNAVAILABLE;
    put->why = g_strdup ("the store took a part without an ETag for it");
    s3_put_tell (put);
    return;
  }
  g_ptr_array_add (put->etags, g_strdup (call->etag));
  s3_put_step (put);
  if (put->wants_room && put->held < put->high) {
    put->wants_room = FALSE;
    put->hooks->drained (put, put->data);
  }
}

static void
s3_put_part (DaeStorePut *put)
{
  static const S3CallHooks hooks = { .done = s3_put_on_part };
  g_autofree char *id = s3_sign_encode (put->upload_id, FALSE);

  put->sending = g_queue_pop_head (&put->ready);
  s3_put_start_body (
      put,
      s3_call_new (put->self, S3_PART, put->key,
                   g_strdup_printf ("partNumber=%u&uploadId=%s", put->etags->len + 1, id), &hooks,
                   put),
      NULL);
}

/* Whether an upload that the store no longer knows had been joined by an earlier try. */
static void
s3_put_on_found (S3Call *call, gpointer data)
{
  DaeStorePut *put = data;

  put->call = NULL;
  if (call->result != DAE_STORE_OK || call->length != put->written) {
    put->result = DAE_STORE_UNAVAILABLE;
    put->why = g_strdup ("the store has lost the parts of the object");
  }
  s3_put_tell (put);
}

static void
s3_put_on_completed (S3Call *call, gpointer data)
{
  static const S3CallHooks hooks = { .done = s3_put_on_found };
  DaeStorePut *put = data;

  if (call->status == 404 && g_strcmp0 (call->answer.code, "NoSuchUpload") == 0 &&
      call->tries > 1) {
    put->call = s3_call_new (put->self, S3_HEAD, put->key, g_strdup (""), &hooks, put);
    s3_call_send (put->call);
    return;
  }
  s3_put_on_stored (call, put);
}

static void
s3_put_complete (DaeStorePut *put)
{
  static const S3CallHooks hooks = { .done = s3_put_on_completed };
  g_autofree char *id = s3_sign_encode (put->upload_id, FALSE);
  GString *text = g_string_new ("<CompleteMultipartUpload>");
  S3Call *call = s3_call_new (put->self, S3_COMPLETE, put->key, g_strdup_printf ("uploadId=%s", id),
                              &hooks, put);

  for (guint i = 0; i < put->etags->len; i++) {
    g_autofree char *etag = g_markup_escape_text (g_ptr_array_index (put->etags, i), -1);

    g_string_append_printf (text, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
                            etag);
  }
  g_string_append (text, "</CompleteMultipartUpload>");
  call->type = "application/xml";
  call->size = (gint64)text->len;
  call->pieces = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  if (put->sum != NULL) {
    sha256_add (put->sum, text->str, text->len);
    sha256_finish (put->sum, call->hash);
  }
  g_ptr_array_add (call->pieces, g_string_free_to_bytes (text));
  put->call = call;
  s3_call_send (call);
}

/* ---- what is written ---- */

static void
s3_put_join_small (DaeStorePut *put)
{
  if (put->small->len == 0)
    return;
  g_ptr_array_add (put->gathering->pieces, g_bytes_new (put->small->data, put->small->len));
  g_byte_array_set_size (put->small, 0);
}

/* What has gathered is a part, or all. */
static void
s3_put_cut (DaeStorePut *put)
{
  s3_put_join_small (put);
  if (put->sum != NULL)
    sha256_finish (put->sum, put->gathering->hash);
  g_queue_push_tail (&put->ready, put->gathering);
  put->gathering = s3_part_new ();
}

/* BYTES is of what gathers now. */
static void
s3_put_gather (DaeStorePut *put, GBytes *bytes)
{
  gsize size;
  const void *at = g_bytes_get_data (bytes, &size);

  if (put->sum != NULL)
    sha256_add (put->sum, at, size);
  put->gathering->size += (gint64)size;
  if (size < S3_PUT_SMALL) {
    g_byte_array_append (put->small, at, (guint)size);
    if (put->small->len >= S3_PUT_JOINED)
      s3_put_join_small (put);
    return;
  }
  s3_put_join_small (put);
  g_ptr_array_add (put->gathering->pieces, g_bytes_ref (bytes));
}

static void
s3_put_add (DaeStorePut *put, GBytes *bytes)
{
  gsize size = g_bytes_get_size (bytes);

  for (gsize at = 0; at < size;) {
    gsize n = MIN (size - at, (gsize)(put->part_size - put->gathering->size));
    g_autoptr (GBytes) piece = g_bytes_new_from_bytes (bytes, at, n);

    s3_put_gather (put, piece);
    at += n;
    if (put->gathering->size == put->part_size) {
      s3_put_cut (put);
      put->in_parts = put->in_parts || put->length < 0;
    }
  }
}

/* Asks for whatever can be asked for by this time. Calls no hook. */
static void
s3_put_step (DaeStorePut *put)
{
  if (put->call != NULL || put->failed)
    return;
  if (put->in_parts && put->upload_id == NULL)
    s3_put_create (put);
  else if (put->in_parts && put->ready.length > 0)
    s3_put_part (put);
  else if (put->in_parts && put->finishing)
    s3_put_complete (put);
  else if (put->finishing)
    s3_put_whole (put);
}

/* ---- what a consumer calls ---- */

DaeStorePut *
s3_put (DaePlugin *self,
        const char *key,
        const char *type,
        gint64 length,
        const DaeStorePutHooks *hooks,
        gpointer data)
{
  const S3Data *store = dae_data (self);
  DaeStorePut *put = g_new0 (DaeStorePut, 1);

  put->self = self;
  put->hooks = hooks;
  put->data = data;
  put->key = g_strdup (key);
  put->type = g_strdup (type != NULL && *type != '\0' ? type : "application/octet-stream");
  put->length = length;
  put->in_parts = length > S3_PUT_WHOLE;
  put->part_size = S3_PUT_WHOLE;
  if (put->in_parts)
    put->part_size = MAX (S3_PUT_PART, (length / S3_PUT_MAX_PARTS / S3_PUT_PART + 1) * S3_PUT_PART);
  put->high = MAX (S3_PUT_HIGH, put->in_parts ? 2 * put->part_size : put->part_size);
  put->gathering = s3_part_new ();
  put->small = g_byte_array_new ();
  put->etags = g_ptr_array_new_with_free_func (g_free);
  put->sum = store->tls ? NULL : sha256_new ();
  if (!object_key_is_valid (key))
    s3_put_fail_soon (put, DAE_STORE_REFUSED, g_strdup ("the key is not a path of names"));
  return put;
}

static gboolean
s3_put_has_room (const DaeStorePut *put)
{
  return put->held < put->high || put->written == put->length;
}

gboolean
s3_put_write (DaeStorePut *put, GBytes *bytes)
{
  gsize size = g_bytes_get_size (bytes);

  if (put->failed)
    return TRUE;
  put->written += (gint64)size;
  put->held += (gint64)size;
  if (put->length >= 0 && put->written > put->length) {
    s3_put_fail_soon (put, DAE_STORE_CUT, g_strdup ("more was written than was said"));
    return TRUE;
  }
  if (put->written > put->part_size * S3_PUT_MAX_PARTS) {
    s3_put_fail_soon (put, DAE_STORE_REFUSED,
                      g_strdup ("it is larger than an object of unknown length can be"));
    return TRUE;
  }
  s3_put_add (put, bytes);
  s3_put_step (put);
  put->wants_room = !s3_put_has_room (put);
  return !put->wants_room;
}

void
s3_put_finish (DaeStorePut *put)
{
  if (put->failed)
    return;
  if (put->length >= 0 && put->written != put->length) {
    s3_put_fail_soon (put, DAE_STORE_CUT,
                      g_strdup_printf ("%" G_GINT64_FORMAT
                                       " bytes were written of %" G_GINT64_FORMAT,
                                       put->written, put->length));
    return;
  }
  put->finishing = TRUE;
  if (put->gathering->size > 0 || (!put->in_parts && put->ready.length == 0))
    s3_put_cut (put);
  s3_put_step (put);
}

void
s3_put_cancel (DaeStorePut *put)
{
  /* the store may just have become whole with it */
  gboolean perhaps = put->call != NULL && put->call->op != S3_CREATE && put->call->op != S3_PART;

  s3_call_cancel (g_steal_pointer (&put->call));
  if (put->upload_id != NULL)
    s3_remove_quietly (put->self, put->key, put->upload_id);
  if (perhaps)
    s3_remove_quietly (put->self, put->key, NULL);
  s3_put_free (put);
}
