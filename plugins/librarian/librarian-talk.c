/* SPDX-License-Identifier: Apache-2.0 */
/* librarian-talk: one answer on its way: search, then the pieces of the text at the set pace.
 *
 * The search runs in the person's name: conversations/1 is asked with the subject and workspace of
 * the capability, so that what they may not see is not found.
 */
#include "../common/sse.h"
#include "librarian.h"

#include <string.h>

#define TALK_MAX_FINDS 12
#define TALK_MAX_FILES 3

typedef struct {
  DaePlugin *self;
  DaeStream *stream; /* NULL: the asker has gone */
  JsonNode *id;
  JsonNode *progress_token; /* NULL: no progress is wanted */
  DaeCapability capability;
  char *message;
  LibrarianQuestion question;
  char *answer;
  char **pieces;
  guint next, n_pieces;
  guint timer;
  gboolean working; /* the search has not come back */
  gboolean writing; /* who writes sees for itself that the stream has gone */
} Talk;

/* What a search found; made on a pool thread. */
typedef struct {
  GPtrArray *finds, *files;
  gboolean may_read;
  gint64 conversations, messages;
} TalkFound;

/* What is needed on the pool thread; constant there. */
typedef struct {
  const Librarian *librarian;
  DaeCapability capability;
  char *message;
  char *words; /* NULL: only the counts are wanted */
} TalkInput;

static void
talk_free (Talk *talk)
{
  if (talk->timer != 0)
    dae_timer_cancel (talk->self, talk->timer);
  json_node_unref (talk->id);
  g_clear_pointer (&talk->progress_token, json_node_unref);
  librarian_question_clear (&talk->question);
  g_free (talk->message);
  g_free (talk->answer);
  g_strfreev (talk->pieces);
  g_free (talk);
}

/* Writes one message, given; a reader that does not keep up is left. */
static void
talk_write (Talk *talk, char *text)
{
  g_autofree char *owned = text;
  g_autoptr (GBytes) bytes = sse_format ("message", NULL, owned);

  if (talk->stream == NULL)
    return;
  talk->writing = TRUE;
  if (!dae_stream_write (talk->stream, bytes) && talk->stream != NULL) {
    dae_stream_abort (talk->stream);
    talk->stream = NULL;
  }
  talk->writing = FALSE;
}

static void
talk_say (Talk *talk, JsonObject *data)
{
  JsonObject *params = json_object_new ();

  json_object_set_string_member (params, "level", "info");
  json_object_set_string_member (params, "logger", LIBRARIAN_SLUG);
  json_object_set_object_member (params, "data", data);
  talk_write (talk, jsonrpc_notification ("notifications/message", params));
}

static JsonObject *
talk_data (const char *kind)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, "kind", kind);
  json_object_set_int_member (data, "schema_version", 2);
  return data;
}

static void
talk_progress (Talk *talk, const char *message, double progress)
{
  JsonObject *params;

  if (talk->progress_token == NULL)
    return;
  params = json_object_new ();
  json_object_set_member (params, "progressToken", json_node_copy (talk->progress_token));
  json_object_set_double_member (params, "progress", progress);
  json_object_set_double_member (params, "total", 1);
  json_object_set_string_member (params, "message", message);
  talk_write (talk, jsonrpc_notification ("notifications/progress", params));
}

static void
talk_tool (Talk *talk, const char *kind, const char *result)
{
  JsonObject *data = talk_data (kind);

  json_object_set_string_member (data, "tool_call_id", "search-1");
  json_object_set_string_member (data, "tool_name", "search_messages");
  if (result == NULL) {
    JsonObject *arguments = json_object_new ();

    json_object_set_string_member (arguments, "words", talk->question.words);
    json_object_set_object_member (data, "arguments", arguments);
  } else {
    JsonObject *said = librarian_text_result (result);

    json_object_set_array_member (data, "content",
                                  json_array_ref (json_object_get_array_member (said, "content")));
    json_object_set_boolean_member (data, "is_error", FALSE);
    json_object_unref (said);
  }
  talk_say (talk, data);
}

/* ---- the search, on a pool thread ---- */

static void
found_free (gpointer data)
{
  TalkFound *found = data;

  g_ptr_array_unref (found->finds);
  g_ptr_array_unref (found->files);
  g_free (found);
}

static void
input_free (gpointer data)
{
  TalkInput *input = data;

  g_free (input->message);
  g_free (input->words);
  g_free (input);
}

typedef struct {
  GPtrArray *finds;
  const char *message; /* the question, which is stored already and would find itself */
} FindInto;

static void
talk_on_found (const DaeFoundMessage *message, gpointer data)
{
  FindInto *into = data;
  LibrarianFind *find = g_new0 (LibrarianFind, 1);

  find->message_id = g_strdup (message->message_id);
  find->conversation_id = g_strdup (message->conversation_id);
  find->title = g_strdup (message->conversation_title != NULL ? message->conversation_title : "");
  find->role = g_strdup (message->role);
  find->excerpt = g_strdup (message->excerpt != NULL ? message->excerpt : "");
  find->created_at = message->created_at;
  for (guint i = 0; i < into->finds->len; i++)
    if (strcmp (((LibrarianFind *)into->finds->pdata[i])->message_id, find->message_id) == 0) {
      librarian_find_free (find);
      return;
    }
  if (librarian_is_echo (find, into->message))
    librarian_find_free (find);
  else
    g_ptr_array_add (into->finds, find);
}

static void
talk_on_found_file (const DaeFile *file, const char *excerpt, gpointer data)
{
  GPtrArray *files = data;
  LibrarianFile *find = g_new0 (LibrarianFile, 1);

  find->id = g_strdup (file->id);
  find->name = g_strdup (file->name);
  find->path = g_strdup (file->path);
  find->excerpt = g_strdup (excerpt != NULL ? excerpt : "");
  g_ptr_array_add (files, find);
}

static void
talk_search (DaeTx *tx, const TalkInput *input, const char *words, TalkFound *found)
{
  const Librarian *librarian = input->librarian;
  FindInto into = { found->finds, input->message };

  librarian->conversations->search (librarian->conversations_plugin, tx, input->capability.subject,
                                    input->capability.workspace_id, words, NULL, TALK_MAX_FINDS,
                                    talk_on_found, &into);
}

static void
talk_search_files (DaeTx *tx, const TalkInput *input, TalkFound *found)
{
  const Librarian *librarian = input->librarian;

  if (librarian->files != NULL)
    librarian->files->search (librarian->files_plugin, tx, input->capability.subject,
                              input->capability.workspace_id, input->words, TALK_MAX_FILES,
                              talk_on_found_file, found->files);
}

static gpointer
talk_work (DaeTx *tx, gconstpointer data)
{
  const TalkInput *input = data;
  const Librarian *librarian = input->librarian;
  TalkFound *found = g_new0 (TalkFound, 1);
  g_auto (GStrv) words = NULL;

  found->finds = g_ptr_array_new_with_free_func (librarian_find_free);
  found->files = g_ptr_array_new_with_free_func (librarian_file_free);
  found->may_read = librarian->conversations->count (
      librarian->conversations_plugin, tx, input->capability.subject,
      input->capability.workspace_id, &found->conversations, &found->messages);
  if (!found->may_read || input->words == NULL)
    return found;
  talk_search (tx, input, input->words, found);
  talk_search_files (tx, input, found);
  /* where no message holds all words, one that holds any of them may help */
  words = g_strsplit (input->words, " ", -1);
  for (guint i = 0; found->finds->len == 0 && g_strv_length (words) > 1 && words[i] != NULL; i++)
    if (g_utf8_strlen (words[i], -1) > 2)
      talk_search (tx, input, words[i], found);
  return found;
}

/* ---- the words ---- */

static void
talk_end (Talk *talk)
{
  talk_progress (talk, "librarian: completed", 1);
  talk_write (talk, jsonrpc_result (talk->id, librarian_text_result (talk->answer)));
  if (talk->stream != NULL)
    dae_stream_end (talk->stream);
  talk->stream = NULL;
  talk_free (talk);
}

static gboolean
talk_on_pace (DaePlugin *self, gpointer pointer)
{
  Talk *talk = pointer;
  JsonObject *data;

  if (talk->next < talk->n_pieces) {
    data = talk_data ("assistant_chunk");
    json_object_set_string_member (data, "text", talk->pieces[talk->next++]);
    talk_say (talk, data);
    if (talk->stream != NULL)
      return TRUE;
  }
  talk->timer = 0;
  if (talk->stream != NULL)
    talk_end (talk);
  else
    talk_free (talk);
  return FALSE;
}

static void
talk_begin_text (Talk *talk, const TalkFound *found)
{
  Librarian *librarian = dae_data (talk->self);

  talk->answer = librarian_answer (
      &talk->question, found != NULL ? found->finds : NULL, found != NULL ? found->files : NULL,
      found != NULL && found->may_read, found != NULL ? found->conversations : 0,
      found != NULL ? found->messages : 0);
  talk->pieces = librarian_pieces (&talk->question, talk->answer);
  talk->n_pieces = g_strv_length (talk->pieces);
  talk_progress (talk, "librarian: answering", 0.5);
  talk->timer = dae_timer (talk->self, librarian->pace_ms, talk_on_pace, talk);
}

static void
talk_on_searched (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  Talk *talk = data;
  TalkFound *found = result;
  g_autofree char *line = NULL;

  talk->working = FALSE;
  if (talk->stream == NULL) {
    talk_free (talk);
    return;
  }
  if (found == NULL) {
    g_autofree char *why = g_strdup_printf ("the search did not work: %s", problem);

    talk_write (talk, jsonrpc_error (talk->id, JSONRPC_INTERNAL_ERROR, why));
    if (talk->stream != NULL)
      dae_stream_end (talk->stream);
    talk->stream = NULL;
    talk_free (talk);
    return;
  }
  if (talk->question.wish == LIBRARIAN_SEARCH) {
    line = g_strdup_printf ("%u %s found", found->finds->len,
                            found->finds->len == 1 ? "message" : "messages");
    talk_tool (talk, "tool_result", line);
  }
  talk_begin_text (talk, found);
}

static void
talk_on_gone (DaeStream *stream, gpointer data)
{
  Talk *talk = data;

  talk->stream = NULL;
  /* a search that runs frees it when it comes back */
  if (!talk->working && !talk->writing)
    talk_free (talk);
}

static void
talk_begin (Talk *talk)
{
  TalkInput *input;

  talk_progress (talk, "librarian: started", 0);
  if (talk->question.wish != LIBRARIAN_SEARCH && talk->question.wish != LIBRARIAN_COUNTS) {
    talk_begin_text (talk, NULL);
    return;
  }
  if (talk->question.wish == LIBRARIAN_SEARCH)
    talk_tool (talk, "tool_call", NULL);
  input = g_new0 (TalkInput, 1);
  input->librarian = dae_data (talk->self);
  input->capability = talk->capability;
  input->message = g_strdup (talk->message);
  input->words = talk->question.wish == LIBRARIAN_SEARCH ? g_strdup (talk->question.words) : NULL;
  talk->working = TRUE;
  dae_work (talk->self, NULL, 0, talk_work, input, input_free, found_free, talk_on_searched, talk);
}

DaeOutcome
librarian_talk (DaePlugin *self,
                DaeRequest *req,
                JsonNode *id,
                JsonNode *progress_token,
                const DaeCapability *capability,
                const char *message)
{
  Talk *talk = g_new0 (Talk, 1);
  DaeReply *head = dae_reply_empty (req, 200);

  talk->self = self;
  talk->id = json_node_copy (id);
  talk->progress_token = progress_token != NULL ? json_node_copy (progress_token) : NULL;
  talk->capability = *capability;
  talk->message = g_strdup (message);
  librarian_read (message, &talk->question);
  dae_reply_header (head, "Content-Type", "text/event-stream");
  talk->stream = dae_stream_open (req, head);
  dae_stream_on_gone (talk->stream, talk_on_gone, talk);
  talk_begin (talk);
  return DAE_LATER;
}
