/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-answer: elements are told apart by their names and depth; what nobody asked for is
 * passed over. Keys come percent-encoded where the store says so, as XML has no way to write some
 * characters.
 */
#include "store-s3-answer.h"

#include <gio/gio.h>
#include <string.h>

#define S3_ANSWER_DEPTH 16
#define S3_ANSWER_ITEMS 10000

typedef struct {
  S3Answer *answer;
  guint depth;
  gboolean encoded, in_item;
  S3Item item;
  GString *text; /* of the innermost element */
} S3Reader;

static void
s3_item_clear (gpointer data)
{
  S3Item *item = data;

  g_free (item->key);
  g_free (item->upload_id);
}

void
s3_answer_clear (S3Answer *answer)
{
  g_free (answer->root);
  g_free (answer->code);
  g_free (answer->message);
  g_free (answer->upload_id);
  g_free (answer->next_key);
  g_free (answer->next_upload);
  g_clear_pointer (&answer->items, g_array_unref);
  *answer = (S3Answer){ 0 };
}

static void
s3_answer_refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, why);
}

static void
s3_answer_start (GMarkupParseContext *context,
                 const char *name,
                 const char **attributes,
                 const char **values,
                 gpointer data,
                 GError **error)
{
  S3Reader *reader = data;

  if (++reader->depth > S3_ANSWER_DEPTH)
    s3_answer_refuse (error, "its elements are too deep");
  if (reader->depth == 1 && reader->answer->root != NULL)
    s3_answer_refuse (error, "it has two outermost elements");
  else if (reader->depth == 1)
    reader->answer->root = g_strdup (name);
  if (reader->depth == 2)
    reader->in_item = strcmp (name, "Contents") == 0 || strcmp (name, "Upload") == 0;
  g_string_truncate (reader->text, 0);
}

static void
s3_answer_keep (char **slot, const char *text)
{
  g_free (*slot);
  *slot = g_strdup (text);
}

static gint64
s3_answer_time (const char *text)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, utc);

  return time != NULL
             ? g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time)
             : 0;
}

static void
s3_answer_member (S3Reader *reader, const char *name, const char *text)
{
  S3Answer *answer = reader->answer;

  if (strcmp (name, "Code") == 0)
    s3_answer_keep (&answer->code, text);
  else if (strcmp (name, "Message") == 0)
    s3_answer_keep (&answer->message, text);
  else if (strcmp (name, "UploadId") == 0)
    s3_answer_keep (&answer->upload_id, text);
  else if (strcmp (name, "NextKeyMarker") == 0)
    s3_answer_keep (&answer->next_key, text);
  else if (strcmp (name, "NextUploadIdMarker") == 0)
    s3_answer_keep (&answer->next_upload, text);
  else if (strcmp (name, "IsTruncated") == 0)
    answer->truncated = strcmp (text, "true") == 0;
  else if (strcmp (name, "EncodingType") == 0)
    reader->encoded = strcmp (text, "url") == 0;
}

static void
s3_answer_item_member (S3Reader *reader, const char *name, const char *text, GError **error)
{
  S3Item *item = &reader->item;

  if (strcmp (name, "Key") == 0)
    s3_answer_keep (&item->key, text);
  else if (strcmp (name, "UploadId") == 0)
    s3_answer_keep (&item->upload_id, text);
  else if (strcmp (name, "LastModified") == 0 || strcmp (name, "Initiated") == 0)
    item->time = s3_answer_time (text);
  else if (strcmp (name, "Size") == 0 &&
           !g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, &item->size, NULL))
    s3_answer_refuse (error, "a size is no number");
}

static void
s3_answer_item_end (S3Reader *reader, GError **error)
{
  GArray **items = &reader->answer->items;

  if (reader->item.key == NULL) {
    s3_answer_refuse (error, "an object has no key");
    return;
  }
  if (*items == NULL) {
    *items = g_array_new (FALSE, FALSE, sizeof (S3Item));
    g_array_set_clear_func (*items, s3_item_clear);
  }
  if ((*items)->len == S3_ANSWER_ITEMS) {
    s3_answer_refuse (error, "it has too many objects");
    return;
  }
  g_array_append_val (*items, reader->item);
  reader->item = (S3Item){ 0 };
}

static void
s3_answer_end (GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
  S3Reader *reader = data;
  guint depth = reader->depth--;

  if (depth == 3 && reader->in_item)
    s3_answer_item_member (reader, name, reader->text->str, error);
  else if (depth == 2 && reader->in_item)
    s3_answer_item_end (reader, error);
  else if (depth == 2)
    s3_answer_member (reader, name, reader->text->str);
  g_string_truncate (reader->text, 0);
}

static void
s3_answer_text (
    GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  g_string_append_len (((S3Reader *)data)->text, text, (gssize)length);
}

/* "+" is a space, as in forms: no store writes a real one so. */
static gboolean
s3_answer_decode (char **key)
{
  char *decoded;

  if (*key == NULL)
    return TRUE;
  g_strdelimit (*key, "+", ' ');
  decoded = g_uri_unescape_string (*key, NULL);
  if (decoded == NULL || !g_utf8_validate (decoded, -1, NULL)) {
    g_free (decoded);
    return FALSE;
  }
  g_free (*key);
  *key = decoded;
  return TRUE;
}

static gboolean
s3_answer_decode_all (S3Answer *answer, GError **error)
{
  gboolean ok = s3_answer_decode (&answer->next_key);

  for (guint i = 0; answer->items != NULL && i < answer->items->len; i++)
    ok = s3_answer_decode (&g_array_index (answer->items, S3Item, i).key) && ok;
  if (!ok)
    s3_answer_refuse (error, "a key is not well encoded");
  return ok;
}

gboolean
s3_answer_read (const char *text, gsize length, S3Answer *ret, GError **error)
{
  static const GMarkupParser parser = { .start_element = s3_answer_start,
                                        .end_element = s3_answer_end,
                                        .text = s3_answer_text };
  g_autoptr (GString) inner = g_string_new (NULL);
  S3Reader reader = { .answer = ret, .text = inner };
  g_autoptr (GMarkupParseContext) context = NULL;
  gboolean ok;

  *ret = (S3Answer){ 0 };
  /* some keep a slow answer alive with blanks before it */
  for (; length > 0 && g_ascii_isspace (*text); length--)
    text++;
  context = g_markup_parse_context_new (&parser, 0, &reader, NULL);
  ok = g_markup_parse_context_parse (context, text, (gssize)length, error) &&
       g_markup_parse_context_end_parse (context, error);
  if (ok && reader.encoded)
    ok = s3_answer_decode_all (ret, error);
  s3_item_clear (&reader.item);
  if (!ok)
    s3_answer_clear (ret);
  return ok;
}
