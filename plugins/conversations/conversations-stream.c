/* SPDX-License-Identifier: Apache-2.0 */
/* stream: open event streams.
 *
 * For each conversation that somebody watches here there is one cursor, which
 * reads new events once when a hint says so and hands the same bytes to all its
 * readers. A reader begins with reads of its own; it goes live when it has come
 * to where the cursor is. Both only go on from a number that they have passed,
 * so nothing is lost and nothing comes twice.
 */
#include "conversations-stream.h"

#include <string.h>

#define STREAM_SAFETY_TICKS 30
#define STREAM_MAX_QUEUED   (256 * 1024)

/* ---- outlets ---------------------------------------------------------------- */

void
cursor_free (gpointer data)
{
  Cursor *cursor = data;

  g_ptr_array_unref (cursor->readers);
  g_free (cursor->conversation_id);
  g_free (cursor);
}

static void
reader_free (Streams *streams, Reader *reader)
{
  Cursor *cursor = reader->cursor;

  g_ptr_array_remove_fast (cursor->readers, reader);
  if (cursor->readers->len == 0)
    g_hash_table_remove (streams->cursors, cursor->conversation_id);
  g_queue_clear_full (&reader->pending, (GDestroyNotify)g_bytes_unref);
  g_free (reader->workspace_id);
  g_free (reader);
}

void
outlet_free (Streams *streams, Outlet *outlet)
{
  g_hash_table_remove (streams->outlets, &outlet->id);
  for (guint i = 0; i < outlet->readers->len; i++)
    reader_free (streams, outlet->readers->pdata[i]);
  g_ptr_array_unref (outlet->readers);
  if (outlet->caller)
    caller_free (outlet->caller);
  g_free (outlet->subject);
  g_free (outlet);
}

void
outlet_end (Streams *streams, Outlet *outlet)
{
  DaeStream *stream = outlet->stream;

  outlet_free (streams, outlet);
  dae_stream_end (stream);
}

gboolean
streams_write (Streams *streams, Outlet *outlet, GBytes *bytes)
{
  if (dae_stream_write (outlet->stream, bytes))
    return TRUE;
  /* its reader resumes */
  outlet_end (streams, outlet);
  return FALSE;
}

Outlet *
streams_find (Streams *streams, guint64 id)
{
  return g_hash_table_lookup (streams->outlets, &id);
}

GPtrArray *
streams_callers (Streams *streams)
{
  GPtrArray *callers = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer outlet;

  g_hash_table_iter_init (&iter, streams->outlets);
  while (g_hash_table_iter_next (&iter, NULL, &outlet))
    if (((Outlet *)outlet)->caller)
      g_ptr_array_add (callers, outlet);
  return callers;
}

/* ---- readers ---------------------------------------------------------------- */

typedef struct {
  char *conversation_id;
  gint64 after;
  guint64 outlet; /* 0: the cursor reads */
} Read;

static void
read_free (gpointer data)
{
  Read *read = data;

  g_free (read->conversation_id);
  g_free (read);
}

static gpointer
stream_read_work (DaeTx *tx, gconstpointer input)
{
  const Read *read = input;

  return event_read (tx, read->conversation_id, read->after);
}

static void
stream_read (
    Streams *streams, const char *conversation_id, gint64 after, guint64 outlet, DaeWorkDone done)
{
  Read *read = g_new0 (Read, 1);

  read->conversation_id = g_strdup (conversation_id);
  read->after = after;
  read->outlet = outlet;
  dae_work (streams->self, NULL, 0, stream_read_work, read, read_free,
            (GDestroyNotify)event_page_free, done, read);
}

static Reader *
outlet_find_reader (Outlet *outlet, const char *conversation_id)
{
  for (guint i = 0; outlet && i < outlet->readers->len; i++) {
    Reader *reader = outlet->readers->pdata[i];

    if (g_str_equal (reader->cursor->conversation_id, conversation_id))
      return reader;
  }
  return NULL;
}

/* Nothing follows the end of a conversation; FALSE: the outlet is gone. */
static gboolean
reader_end (Streams *streams, Reader *reader)
{
  Outlet *outlet = reader->outlet;

  if (!outlet->caller) {
    outlet_end (streams, outlet);
    return FALSE;
  }
  g_ptr_array_remove_fast (outlet->readers, reader);
  reader_free (streams, reader);
  return TRUE;
}

static void reader_go_on (Streams *streams, Reader *reader);

/* Writes as much as the client takes; FALSE: the outlet is gone. */
static gboolean
reader_flush (Streams *streams, Reader *reader)
{
  while (reader->pending.length > 0 &&
         dae_stream_queued (reader->outlet->stream) < STREAM_MAX_QUEUED) {
    g_autoptr (GBytes) bytes = g_queue_pop_head (&reader->pending);

    if (!streams_write (streams, reader->outlet, bytes))
      return FALSE;
  }
  if (reader->pending.length > 0 || reader->live || reader->reading)
    return TRUE;
  if (reader->is_last)
    return reader_end (streams, reader);
  reader_go_on (streams, reader);
  return TRUE;
}

/* Queues a page that the reader has asked for. */
static void
reader_take (Streams *streams, Reader *reader, const EventPage *page)
{
  for (guint i = 0; i < page->frames->len; i++) {
    const EventFrame *frame = page->frames->pdata[i];

    g_queue_push_tail (&reader->pending,
                       g_bytes_ref (reader->outlet->caller ? frame->bare : frame->bytes));
    reader->is_last = frame->is_last;
  }
  reader->position = page->position;
  reader->more = page->more;
  reader_flush (streams, reader);
}

static void
reader_read_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const Read *read = data;
  Reader *reader =
      outlet_find_reader (streams_find (state->streams, read->outlet), read->conversation_id);

  if (!reader)
    return;
  /* after a problem the next tick goes on */
  reader->reading = FALSE;
  if (result)
    reader_take (state->streams, reader, result);
}

static void
reader_go_on (Streams *streams, Reader *reader)
{
  if (!reader->more && reader->position >= reader->cursor->position) {
    reader->live = TRUE;
    return;
  }
  reader->reading = TRUE;
  stream_read (streams, reader->cursor->conversation_id, reader->position, reader->outlet->id,
               reader_read_done);
}

void
stream_on_drain (DaeStream *stream, gpointer data)
{
  Outlet *outlet = data;
  ConversationsState *state = dae_state (outlet->self);

  for (guint i = outlet->readers->len; i > 0; i--)
    if (!reader_flush (state->streams, outlet->readers->pdata[i - 1]))
      return;
}

/* ---- cursors ---------------------------------------------------------------- */

static void cursor_poke (Streams *streams, Cursor *cursor);

/* Gives new events to a reader that is live. */
static gboolean
reader_deliver (Streams *streams, Reader *reader, const EventPage *page)
{
  for (guint i = 0; i < page->frames->len; i++) {
    const EventFrame *frame = page->frames->pdata[i];

    if (frame->seq <= reader->position)
      continue;
    if (!streams_write (streams, reader->outlet,
                        reader->outlet->caller ? frame->bare : frame->bytes))
      return FALSE;
    reader->position = frame->seq;
    if (frame->is_last)
      return reader_end (streams, reader);
  }
  return TRUE;
}

static void
cursor_observe (DaePlugin *self, const EventPage *page)
{
  DaeSeries *delivery = dae_series (self, "event_delivery_seconds");
  gint64 now = dae_now (self);

  for (guint i = 0; i < page->frames->len; i++) {
    const EventFrame *frame = page->frames->pdata[i];

    dae_series_observe (delivery, (double)MAX (0, now - frame->created_at) / G_USEC_PER_SEC);
  }
}

static void
cursor_deliver (Streams *streams, const char *conversation_id, const EventPage *page)
{
  Cursor *cursor = g_hash_table_lookup (streams->cursors, conversation_id);

  /* backwards, since a reader may go; the last one takes the cursor along */
  for (guint i = cursor->readers->len; i > 0; i--) {
    Reader *reader = cursor->readers->pdata[i - 1];

    if (reader->live)
      reader_deliver (streams, reader, page);
    cursor = g_hash_table_lookup (streams->cursors, conversation_id);
    if (!cursor)
      return;
  }
}

static void
cursor_read_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const Read *read = data;
  const EventPage *page = result;
  Cursor *cursor = g_hash_table_lookup (state->streams->cursors, read->conversation_id);

  if (!cursor || !cursor->reading || cursor->position != read->after)
    return;
  cursor->reading = FALSE;
  if (!page)
    return; /* the next tick tries again: heard is still ahead */
  cursor->position = page->position;
  cursor_deliver (state->streams, read->conversation_id, page);
  cursor_observe (self, page);
  cursor = g_hash_table_lookup (state->streams->cursors, read->conversation_id);
  if (cursor && (cursor->again || page->more))
    cursor_poke (state->streams, cursor);
}

static void
cursor_poke (Streams *streams, Cursor *cursor)
{
  cursor->again = cursor->reading;
  if (cursor->reading)
    return;
  cursor->reading = TRUE;
  stream_read (streams, cursor->conversation_id, cursor->position, 0, cursor_read_done);
}

static Cursor *
cursor_get (Streams *streams, const char *conversation_id, gint64 position)
{
  Cursor *cursor = g_hash_table_lookup (streams->cursors, conversation_id);

  if (cursor)
    return cursor;
  cursor = g_new0 (Cursor, 1);
  cursor->conversation_id = g_strdup (conversation_id);
  cursor->readers = g_ptr_array_new ();
  cursor->position = position;
  g_hash_table_insert (streams->cursors, cursor->conversation_id, cursor);
  /* hints that came between the reader's read and now went past */
  cursor_poke (streams, cursor);
  return cursor;
}

void
streams_watch (Streams *streams,
               Outlet *outlet,
               const char *conversation_id,
               const char *workspace_id,
               EventPage *page)
{
  Reader *reader = g_new0 (Reader, 1);

  reader->outlet = outlet;
  reader->workspace_id = g_strdup (workspace_id);
  g_queue_init (&reader->pending);
  reader->cursor = cursor_get (streams, conversation_id, page->position);
  g_ptr_array_add (reader->cursor->readers, reader);
  g_ptr_array_add (outlet->readers, reader);
  reader_take (streams, reader, page);
  event_page_free (page);
}

void
streams_poke_due (Streams *streams)
{
  g_autoptr (GList) cursors = g_hash_table_get_values (streams->cursors);
  gboolean is_safety = ++streams->ticks % STREAM_SAFETY_TICKS == 0;

  for (const GList *link = cursors; link; link = link->next) {
    Cursor *cursor = link->data;

    if (!cursor->reading && (is_safety || cursor->heard > cursor->position))
      cursor_poke (streams, cursor);
    for (guint i = 0; i < cursor->readers->len; i++) {
      Reader *reader = cursor->readers->pdata[i];

      if (!reader->live && !reader->reading && reader->pending.length == 0)
        reader_go_on (streams, reader);
    }
  }
}

void
streams_on_moved (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  Streams *streams = data;
  Cursor *cursor;
  GHashTableIter iter;
  gpointer value;

  if (!text) {
    g_hash_table_iter_init (&iter, streams->cursors);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      cursor_poke (streams, value);
    return;
  }
  cursor = g_hash_table_lookup (streams->cursors, topic + strlen ("conversation:"));
  if (!cursor)
    return;
  cursor->heard = MAX (cursor->heard, g_ascii_strtoll (text, NULL, 10));
  if (cursor->heard > cursor->position)
    cursor_poke (streams, cursor);
}
