/* SPDX-License-Identifier: Apache-2.0 */
/* librarian-answer: reads a question by its words and writes the answer, without any model. */
#include "librarian-answer.h"

#include <string.h>

#define ANSWER_MAX_FINDS   5
#define ANSWER_MAX_COUNT   1000
#define ANSWER_MAX_WORDS   8
#define ANSWER_PIECES      30
#define ANSWER_MAX_EXCERPT 300

/* words that say how something is asked, not what for */
static const char *const filler[] = {
  "a",     "about", "all",     "am",        "an",   "and",  "any",  "anything", "are",   "as",
  "ask",   "asked", "at",      "be",        "been", "but",  "by",   "can",      "could", "did",
  "do",    "does",  "ever",    "find",      "for",  "from", "get",  "give",     "had",   "has",
  "have",  "how",   "i",       "if",        "in",   "is",   "it",   "its",      "know",  "list",
  "look",  "me",    "mention", "mentioned", "my",   "of",   "on",   "or",       "our",   "please",
  "said",  "say",   "search",  "show",      "so",   "some", "tell", "that",     "the",   "their",
  "them",  "there", "they",    "this",      "to",   "up",   "us",   "was",      "we",    "were",
  "what",  "when",  "where",   "which",     "who",  "whom", "why",  "will",     "with",  "would",
  "write", "wrote", "written", "you",       "your", "der",  "die",  "das",      "ein",   "eine",
  "und",   "oder",  "was",     "wer",       "wie",  "wo",   "wann", "warum",    "ist",   "sind",
  "war",   "waren", "haben",   "hat",       "wir",  "ich",  "ihr",  "sie",      "uns",   "mir",
  "den",   "dem",   "des",     "im",        "zu",   "von",  "mit",  "auf",      "für",   "über",
  "es",    "bitte", NULL,
};

/* The words of TEXT in lower case, without what stands between them; owned. */
static GPtrArray *
answer_words (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *lower = g_utf8_strdown (valid, -1);
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) word = g_string_new (NULL);

  for (const char *at = lower;; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (g_unichar_isalnum (c) || (c == '\'' && word->len > 0) || g_unichar_ismark (c)) {
      g_string_append_unichar (word, c);
      continue;
    }
    if (word->len > 0)
      g_ptr_array_add (words, g_strdup (word->str));
    g_string_truncate (word, 0);
    if (c == 0 || words->len >= 1000)
      break;
  }
  return words;
}

static gboolean
answer_has (GPtrArray *words, const char *wanted)
{
  for (guint i = 0; i < words->len; i++)
    if (strcmp (words->pdata[i], wanted) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
answer_begins (GPtrArray *words, const char *const *any)
{
  return words->len > 0 && g_strv_contains (any, words->pdata[0]);
}

static gboolean
answer_is_number (const char *word, guint *ret)
{
  if (strspn (word, "0123456789") != strlen (word) || strlen (word) > 6)
    return FALSE;
  *ret = (guint)g_ascii_strtoull (word, NULL, 10);
  return TRUE;
}

static LibrarianWish
answer_wish (GPtrArray *words, guint *ret_number)
{
  static const char *const greetings[] = { "hello",  "hi",        "hey",  "hallo", "moin",
                                           "servus", "greetings", "good", "guten", NULL };
  static const char *const thanks[] = { "thanks", "thank", "danke", NULL };
  static const char *const helps[] = { "help", "hilfe", NULL };
  gboolean how_many = answer_has (words, "how") && answer_has (words, "many");
  gboolean things = answer_has (words, "conversations") || answer_has (words, "conversation") ||
                    answer_has (words, "messages") || answer_has (words, "message");

  if (words->len == 3 && strcmp (words->pdata[0], "count") == 0 &&
      strcmp (words->pdata[1], "to") == 0 && answer_is_number (words->pdata[2], ret_number))
    return LIBRARIAN_COUNT_TO;
  if (how_many && things)
    return LIBRARIAN_COUNTS;
  if ((answer_begins (words, helps) && words->len <= 4) ||
      (answer_has (words, "what") && answer_has (words, "can") && answer_has (words, "you") &&
       answer_has (words, "do")))
    return LIBRARIAN_HELP;
  if (words->len == 0 || (answer_begins (words, greetings) && words->len <= 3))
    return LIBRARIAN_GREETING;
  if (answer_begins (words, thanks) && words->len <= 5)
    return LIBRARIAN_THANKS;
  return LIBRARIAN_SEARCH;
}

void
librarian_read (const char *message, LibrarianQuestion *ret)
{
  g_autoptr (GPtrArray) words = answer_words (message);
  g_autoptr (GString) wanted = g_string_new (NULL);
  guint n = 0;

  ret->number = 0;
  ret->wish = answer_wish (words, &ret->number);
  ret->number = CLAMP (ret->number, 1, ANSWER_MAX_COUNT);
  for (guint i = 0; i < words->len && n < ANSWER_MAX_WORDS; i++) {
    if (g_strv_contains (filler, words->pdata[i]))
      continue;
    g_string_append (wanted, n++ > 0 ? " " : "");
    g_string_append (wanted, words->pdata[i]);
  }
  /* a question of filler alone is looked for as it is */
  for (guint i = 0; n == 0 && i < MIN (words->len, ANSWER_MAX_WORDS); i++) {
    g_string_append (wanted, i > 0 ? " " : "");
    g_string_append (wanted, words->pdata[i]);
  }
  ret->words = g_strdup (wanted->str);
}

void
librarian_question_clear (LibrarianQuestion *question)
{
  g_clear_pointer (&question->words, g_free);
}

void
librarian_find_free (gpointer data)
{
  LibrarianFind *find = data;

  g_free (find->message_id);
  g_free (find->conversation_id);
  g_free (find->title);
  g_free (find->role);
  g_free (find->excerpt);
  g_free (find);
}

/* Letters and digits only, words separated by one blank; owned. */
static char *
answer_plain (const char *text)
{
  g_autoptr (GPtrArray) words = answer_words (text);

  g_ptr_array_add (words, NULL);
  return g_strjoinv (" ", (char **)words->pdata);
}

/* An answer of the librarian's own says nothing that is not said better where it was found. */
static gboolean
answer_is_own (const char *excerpt)
{
  static const char *const phrases[] = {
    "I am the librarian of",
    "You can ask me",
    "for anything that was said, by its words",
    "how much there is:",
    "I found nothing about",
    "I look for words in its messages",
    "No message in this workspace is about",
    "It is also in",
    "(/api/files/",
    "in this workspace:",
    "these fit best",
    "Each title leads to its message",
    "(/c/",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (phrases); i++)
    if (strstr (excerpt, phrases[i]) != NULL)
      return TRUE;
  return FALSE;
}

gboolean
librarian_is_echo (const LibrarianFind *find, const char *message)
{
  g_autofree char *excerpt = answer_plain (find->excerpt);
  g_autofree char *asked = answer_plain (message);

  if (strcmp (find->role, "user") != 0)
    return answer_is_own (find->excerpt);
  return *excerpt != '\0' && strstr (asked, excerpt) != NULL;
}

/* TEXT on one line, with nothing in it that Markdown would take for its own; owned. */
static char *
answer_escape (const char *text, glong max)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *out = g_string_new (NULL);
  gboolean blank = FALSE;
  glong n = 0;

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (g_unichar_isspace (c) || g_unichar_iscntrl (c)) {
      blank = out->len > 0;
      continue;
    }
    if (n >= max) {
      g_string_append (out, "…");
      break;
    }
    if (blank) {
      g_string_append_c (out, ' ');
      n++;
    }
    blank = FALSE;
    /* what begins a list: "- ", "+ ", "1. ", "1) " */
    if ((out->len == 0 && (c == '-' || c == '+')) ||
        ((c == '.' || c == ')') && strspn (out->str, "0123456789") == out->len))
      g_string_append_c (out, '\\');
    if (c < 0x80 && strchr ("\\`*_[]<>#|~!&", (int)c) != NULL)
      g_string_append_c (out, '\\');
    g_string_append_unichar (out, c);
    n++;
  }
  return g_string_free (out, FALSE);
}

static void
answer_append_find (GString *out, const LibrarianFind *find, guint number)
{
  g_autofree char *title =
      answer_escape (*find->title != '\0' ? find->title : "a conversation", 80);
  g_autofree char *excerpt = answer_escape (find->excerpt, ANSWER_MAX_EXCERPT);
  g_autoptr (GDateTime) at = g_date_time_new_from_unix_utc (find->created_at / G_USEC_PER_SEC);
  g_autofree char *day = at != NULL ? g_date_time_format (at, "%Y-%m-%d") : g_strdup ("");

  g_string_append_printf (out, "%u. **[%s](/c/%s#m-%s)**, %s on %s:\n   > %s\n", number, title,
                          find->conversation_id, find->message_id,
                          strcmp (find->role, "user") == 0 ? "asked" : "answered", day, excerpt);
}

void
librarian_file_free (gpointer data)
{
  LibrarianFile *file = data;

  g_free (file->id);
  g_free (file->name);
  g_free (file->path);
  g_free (file->excerpt);
  g_free (file);
}

static void
answer_append_file (GString *out, const LibrarianFile *file, guint number)
{
  g_autofree char *name = answer_escape (file->name, 80);
  g_autofree char *excerpt = answer_escape (file->excerpt, ANSWER_MAX_EXCERPT);

  g_string_append_printf (out, "%u. file **[%s](%s)**%s", number, name, file->path,
                          *excerpt != '\0' ? ":\n   > " : "");
  g_string_append (out, excerpt);
  g_string_append_c (out, '\n');
}

static void
answer_files (GString *out, GPtrArray *files, gboolean is_more)
{
  if (files == NULL || files->len == 0)
    return;
  g_string_append_printf (out, "%s in %s of this workspace:\n\n",
                          is_more ? "\n\nIt is also" : "I found it",
                          files->len == 1 ? "a file" : "files");
  for (guint i = 0; i < files->len; i++)
    answer_append_file (out, files->pdata[i], i + 1);
}

static void
answer_search (GString *out, const LibrarianQuestion *question, GPtrArray *finds, GPtrArray *files)
{
  g_autofree char *words = answer_escape (question->words, 120);

  if (finds->len == 0 && files != NULL && files->len > 0) {
    g_string_append_printf (out, "No message in this workspace is about **%s**. ", words);
    answer_files (out, files, FALSE);
    return;
  }
  if (finds->len == 0) {
    g_string_append_printf (out,
                            "I found nothing about **%s** in this workspace.\n\n"
                            "I look for words in its messages and files, so another word may help. "
                            "Ask *help* for what I can do.",
                            words);
    return;
  }
  if (finds->len == 1)
    g_string_append_printf (out, "One message in this workspace is about **%s**:\n\n", words);
  else
    g_string_append_printf (out, "I found %u messages about **%s** in this workspace%s:\n\n",
                            finds->len, words,
                            finds->len > ANSWER_MAX_FINDS ? "; these fit best" : "");
  for (guint i = 0; i < MIN (finds->len, ANSWER_MAX_FINDS); i++)
    answer_append_find (out, finds->pdata[i], i + 1);
  g_string_append (out, "\nEach title leads to its message.");
  answer_files (out, files, TRUE);
}

static void
answer_help (GString *out)
{
  g_string_append (
      out,
      "I am the librarian of this workspace. I need no model: I look into what was written here, "
      "and I see only what you may see.\n\n"
      "You can ask me\n\n"
      "- for anything that was said, by its words: *what did we say about the plan?*\n"
      "- how much there is: *how many conversations are there?*\n"
      "- to count, which shows how an answer arrives: *count to 100*");
}

static void
answer_counts (GString *out, gint64 conversations, gint64 messages)
{
  g_string_append_printf (out,
                          "This workspace has **%" G_GINT64_FORMAT " %s** with **%" G_GINT64_FORMAT
                          " %s** in all.",
                          conversations, conversations == 1 ? "conversation" : "conversations",
                          messages, messages == 1 ? "message" : "messages");
}

char *
librarian_answer (const LibrarianQuestion *question,
                  GPtrArray *finds,
                  GPtrArray *files,
                  gboolean may_read,
                  gint64 conversations,
                  gint64 messages)
{
  GString *out = g_string_new (NULL);

  if (!may_read && (question->wish == LIBRARIAN_SEARCH || question->wish == LIBRARIAN_COUNTS)) {
    g_string_append (out, "I cannot look into this workspace for you: you may not read it.");
    return g_string_free (out, FALSE);
  }
  switch (question->wish) {
  case LIBRARIAN_SEARCH:
    answer_search (out, question, finds, files);
    break;
  case LIBRARIAN_COUNTS:
    answer_counts (out, conversations, messages);
    break;
  case LIBRARIAN_GREETING:
    g_string_append (out,
                     "Hello! I am the librarian of this workspace. Ask me about something that was "
                     "written here, or ask *help* for what I can do.");
    break;
  case LIBRARIAN_THANKS:
    g_string_append (out, "You are welcome. Ask whenever you look for something.");
    break;
  case LIBRARIAN_HELP:
    answer_help (out);
    break;
  case LIBRARIAN_COUNT_TO:
    for (guint i = 1; i <= question->number; i++)
      g_string_append_printf (out, "%s%u", i == 1 ? "" : i % 20 == 1 ? ",\n" : ", ", i);
    break;
  }
  return g_string_free (out, FALSE);
}

char **
librarian_pieces (const LibrarianQuestion *question, const char *text)
{
  GPtrArray *pieces = g_ptr_array_new ();
  gsize least = question->wish == LIBRARIAN_COUNT_TO ? 1 : MAX (strlen (text) / ANSWER_PIECES, 6);
  const char *start = text;

  for (const char *at = text; *at != '\0'; at++) {
    /* a piece ends behind a blank: never within a word, a character or a link's address */
    if ((*at == ' ' || *at == '\n') && (gsize)(at + 1 - start) >= least) {
      g_ptr_array_add (pieces, g_strndup (start, (gsize)(at + 1 - start)));
      start = at + 1;
    }
  }
  if (*start != '\0')
    g_ptr_array_add (pieces, g_strdup (start));
  g_ptr_array_add (pieces, NULL);
  return (char **)g_ptr_array_free (pieces, FALSE);
}
