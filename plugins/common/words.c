/* SPDX-License-Identifier: Apache-2.0 */
/* words: free words become a query of letters and digits only, each word quoted. */
#include "words.h"

#define WORDS_MAX         16
#define WORDS_MAX_LENGTH  60 /* bytes */
#define WORDS_PREFIX_FROM 3  /* characters */

GPtrArray *
words_split (const char *text)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) word = g_string_new (NULL);

  for (const char *at = text;; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (c && (g_unichar_isalnum (c) || g_unichar_ismark (c))) {
      if (word->len < WORDS_MAX_LENGTH)
        g_string_append_unichar (word, g_unichar_tolower (c));
      continue;
    }
    if (word->len > 0)
      g_ptr_array_add (words, g_strdup (word->str));
    g_string_truncate (word, 0);
    if (!c || words->len == WORDS_MAX)
      return words;
  }
}

char *
words_query (GPtrArray *words, gboolean is_sqlite, gboolean any)
{
  const char *between = is_sqlite ? (any ? " OR " : " ") : (any ? " | " : " & ");
  GString *query = g_string_new (NULL);

  for (guint i = 0; i < words->len; i++) {
    const char *word = words->pdata[i];
    gboolean is_prefix = g_utf8_strlen (word, -1) >= WORDS_PREFIX_FROM;

    if (i > 0)
      g_string_append (query, between);
    g_string_append_c (query, is_sqlite ? '"' : '\'');
    g_string_append (query, word);
    g_string_append (query, is_sqlite ? (is_prefix ? "\" *" : "\"") : (is_prefix ? "':*" : "'"));
  }
  return g_string_free (query, FALSE);
}
