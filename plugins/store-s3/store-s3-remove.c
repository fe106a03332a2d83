/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-remove: objects, and uploads in parts that will not end: one's own at once, those of who
 * has died by looking for them.
 */
#include "store-s3.h"

#include <object-key.h>
#include <string.h>

typedef struct {
  DaePlugin *self;
  DaeStoreDone done;
  gpointer data;
} S3Remove;

typedef struct {
  DaePlugin *self;
  gint64 before;
  DaeStoreDone done;
  gpointer data;
  char *after_key, *after_upload;
  gboolean more;
  GQueue left; /* of S3Item, owned: uploads of this page to be ended */
} S3Tidy;

/* ---- objects ---- */

static void
s3_remove_on_done (S3Call *call, gpointer data)
{
  S3State *state = dae_state (call->self);
  S3Remove *remove = data;
  gboolean ok = call->result == DAE_STORE_OK || call->result == DAE_STORE_NOT_FOUND;

  if (!state->stopping)
    remove->done (ok ? DAE_STORE_OK : call->result, ok ? NULL : call->why, remove->data);
  g_free (remove);
}

static gboolean
s3_remove_refuse (DaePlugin *self, gpointer data)
{
  S3Remove *remove = data;

  remove->done (DAE_STORE_REFUSED, "the key is not a path of names", remove->data);
  g_free (remove);
  return FALSE;
}

void
s3_remove (DaePlugin *self, const char *key, DaeStoreDone done, gpointer data)
{
  static const S3CallHooks hooks = { .done = s3_remove_on_done };
  S3Remove *remove = g_new0 (S3Remove, 1);

  remove->self = self;
  remove->done = done;
  remove->data = data;
  if (!object_key_is_valid (key))
    dae_timer (self, 1, s3_remove_refuse, remove);
  else
    s3_call_send (s3_call_new (self, S3_REMOVE, key, g_strdup (""), &hooks, remove));
}

static void
s3_remove_on_quiet (S3Call *call, gpointer data)
{
}

void
s3_remove_quietly (DaePlugin *self, const char *key, const char *upload_id)
{
  static const S3CallHooks hooks = { .done = s3_remove_on_quiet };
  g_autofree char *id = upload_id != NULL ? s3_sign_encode (upload_id, FALSE) : NULL;
  char *query = id != NULL ? g_strconcat ("uploadId=", id, NULL) : g_strdup ("");

  s3_call_send (s3_call_new (self, id != NULL ? S3_ABORT : S3_REMOVE, key, query, &hooks, NULL));
}

/* ---- uploads ---- */

static void
s3_upload_free (gpointer data)
{
  S3Item *upload = data;

  g_free (upload->key);
  g_free (upload->upload_id);
  g_free (upload);
}

static void
s3_tidy_end (S3Tidy *tidy, DaeStoreResult result, const char *why)
{
  S3State *state = dae_state (tidy->self);

  if (!state->stopping)
    tidy->done (result, why, tidy->data);
  g_queue_clear_full (&tidy->left, s3_upload_free);
  g_free (tidy->after_key);
  g_free (tidy->after_upload);
  g_free (tidy);
}

static void s3_tidy_next (S3Tidy *tidy);

static void
s3_tidy_on_ended (S3Call *call, gpointer data)
{
  if (call->result == DAE_STORE_OK || call->result == DAE_STORE_NOT_FOUND)
    s3_tidy_next (data);
  else
    s3_tidy_end (data, call->result, call->why);
}

static void
s3_tidy_end_upload (S3Tidy *tidy, S3Item *upload)
{
  static const S3CallHooks hooks = { .done = s3_tidy_on_ended };
  g_autofree char *id = s3_sign_encode (upload->upload_id, FALSE);

  s3_call_send (s3_call_new (tidy->self, S3_ABORT, upload->key, g_strconcat ("uploadId=", id, NULL),
                             &hooks, tidy));
  s3_upload_free (upload);
}

static void
s3_tidy_on_page (S3Call *call, gpointer data)
{
  const GArray *items = call->answer.items;
  S3Tidy *tidy = data;

  if (call->result != DAE_STORE_OK) {
    s3_tidy_end (tidy, call->result == DAE_STORE_NOT_FOUND ? DAE_STORE_UNAVAILABLE : call->result,
                 call->why);
    return;
  }
  for (guint i = 0; items != NULL && i < items->len; i++) {
    S3Item *item = &g_array_index (items, S3Item, i);

    if (item->upload_id != NULL && item->time != 0 && item->time < tidy->before) {
      g_queue_push_tail (&tidy->left, g_memdup2 (item, sizeof *item));
      item->key = item->upload_id = NULL;
    }
  }
  g_free (tidy->after_key);
  g_free (tidy->after_upload);
  tidy->after_key = g_steal_pointer (&call->answer.next_key);
  tidy->after_upload = g_steal_pointer (&call->answer.next_upload);
  tidy->more = call->answer.truncated && tidy->after_key != NULL && items != NULL;
  s3_tidy_next (tidy);
}

static void
s3_tidy_page (S3Tidy *tidy)
{
  static const S3CallHooks hooks = { .done = s3_tidy_on_page };
  g_autoptr (GString) query = g_string_new ("encoding-type=url");

  if (tidy->after_key != NULL) {
    g_autofree char *key = s3_sign_encode (tidy->after_key, FALSE);

    g_string_append_printf (query, "&key-marker=%s", key);
  }
  g_string_append (query, "&max-uploads=1000");
  if (tidy->after_upload != NULL) {
    g_autofree char *upload = s3_sign_encode (tidy->after_upload, FALSE);

    g_string_append_printf (query, "&upload-id-marker=%s", upload);
  }
  g_string_append (query, "&uploads=");
  s3_call_send (s3_call_new (tidy->self, S3_UPLOADS, NULL, g_strdup (query->str), &hooks, tidy));
}

static void
s3_tidy_next (S3Tidy *tidy)
{
  if (tidy->left.length > 0)
    s3_tidy_end_upload (tidy, g_queue_pop_head (&tidy->left));
  else if (tidy->more)
    s3_tidy_page (tidy);
  else
    s3_tidy_end (tidy, DAE_STORE_OK, NULL);
}

void
s3_tidy (DaePlugin *self, gint64 before, DaeStoreDone done, gpointer data)
{
  S3Tidy *tidy = g_new0 (S3Tidy, 1);

  tidy->self = self;
  tidy->before = before;
  tidy->done = done;
  tidy->data = data;
  s3_tidy_page (tidy);
}
