/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of object stores: whatever is understood of one can be used as it is, and the same part
 * of it is understood whatever blanks come before. */
#include "fuzz.h"

#include "store-s3/store-s3-answer.c"
#include "store-s3/store-s3-sign.c"

static void
check_item (const S3Item *item)
{
  g_autofree char *encoded = s3_sign_encode (item->key, TRUE);
  g_autofree char *decoded = g_uri_unescape_string (encoded, NULL);

  MUST (item->size >= 0);
  MUST (g_utf8_validate (item->key, -1, NULL));
  MUST (g_strcmp0 (decoded, item->key) == 0);
}

static GString *
understand (const char *text, gsize length)
{
  GString *said = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  S3Answer answer;

  if (!s3_answer_read (text, length, &answer, &error)) {
    MUST (error != NULL && answer.root == NULL && answer.items == NULL);
    return said;
  }
  MUST (error == NULL && answer.root != NULL);
  g_string_printf (said, "%s %s %s %s %d", answer.root, answer.code, answer.upload_id,
                   answer.next_key, answer.truncated);
  for (guint i = 0; answer.items != NULL && i < answer.items->len; i++) {
    check_item (&g_array_index (answer.items, S3Item, i));
    g_string_append_printf (said, " %s", g_array_index (answer.items, S3Item, i).key);
  }
  s3_answer_clear (&answer);
  return said;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = fuzz_copy (data, size);
  g_autofree char *later = g_strdup_printf (" \r\n%.*s", (int)size, text);
  g_autoptr (GString) said = understand (text, size);

  if (memchr (text, 0, size) == NULL) {
    g_autoptr (GString) again = understand (later, size + 3);

    MUST (g_string_equal (said, again));
  }
  return 0;
}
