/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-list: objects in the order of their keys' bytes, a page at a time. The next page begins
 * after the last key, so that each is a question of its own.
 */
#include "store-s3.h"

#include <string.h>

#define S3_LIST_PAGE 1000

typedef struct {
  DaePlugin *self;
  char *prefix, *after; /* after: "" for none */
  guint left;
  DaeStoreItem item;
  DaeStoreDone done;
  gpointer data;
} S3List;

static void s3_list_page (S3List *list);

static void
s3_list_end (S3List *list, DaeStoreResult result, const char *why)
{
  S3State *state = dae_state (list->self);

  if (!state->stopping)
    list->done (result, why, list->data);
  g_free (list->prefix);
  g_free (list->after);
  g_free (list);
}

/* FALSE: the page is not what was asked for. */
static gboolean
s3_list_give (S3List *list, const S3Item *item)
{
  if (!g_str_has_prefix (item->key, list->prefix) || strcmp (item->key, list->after) <= 0)
    return FALSE;
  g_free (list->after);
  list->after = g_strdup (item->key);
  list->item (item->key, item->size, item->time, list->data);
  list->left--;
  return TRUE;
}

static void
s3_list_on_page (S3Call *call, gpointer data)
{
  const GArray *items = call->answer.items;
  guint n = items != NULL ? items->len : 0;
  S3List *list = data;

  if (call->result != DAE_STORE_OK) {
    s3_list_end (list, call->result == DAE_STORE_NOT_FOUND ? DAE_STORE_UNAVAILABLE : call->result,
                 call->why);
    return;
  }
  for (guint i = 0; i < n && list->left > 0; i++) {
    if (!s3_list_give (list, &g_array_index (items, S3Item, i))) {
      s3_list_end (list, DAE_STORE_UNAVAILABLE, "the store's list is out of order");
      return;
    }
  }
  if (call->answer.truncated && n > 0 && list->left > 0)
    s3_list_page (list);
  else
    s3_list_end (list, DAE_STORE_OK, NULL);
}

static void
s3_list_page (S3List *list)
{
  static const S3CallHooks hooks = { .done = s3_list_on_page };
  g_autofree char *prefix = s3_sign_encode (list->prefix, FALSE);
  g_autofree char *after = s3_sign_encode (list->after, FALSE);
  g_autoptr (GString) query = g_string_new (NULL);

  g_string_printf (query, "encoding-type=url&list-type=2&max-keys=%u",
                   MIN (list->left, S3_LIST_PAGE));
  if (*prefix != '\0')
    g_string_append_printf (query, "&prefix=%s", prefix);
  if (*after != '\0')
    g_string_append_printf (query, "&start-after=%s", after);
  s3_call_send (s3_call_new (list->self, S3_LIST, NULL, g_strdup (query->str), &hooks, list));
}

static gboolean
s3_list_nothing (DaePlugin *self, gpointer data)
{
  s3_list_end (data, DAE_STORE_OK, NULL);
  return FALSE;
}

void
s3_list (DaePlugin *self,
         const char *prefix,
         const char *after,
         guint max,
         DaeStoreItem item,
         DaeStoreDone done,
         gpointer data)
{
  S3List *list = g_new0 (S3List, 1);

  list->self = self;
  list->prefix = g_strdup (prefix != NULL ? prefix : "");
  list->after = g_strdup (after != NULL ? after : "");
  list->left = max;
  list->item = item;
  list->done = done;
  list->data = data;
  if (max == 0)
    dae_timer (self, 1, s3_list_nothing, list);
  else
    s3_list_page (list);
}
