/* SPDX-License-Identifier: Apache-2.0 */
/* event: the log of what happened in a conversation, written and read.
 *
 * The number of an event comes from the row of conversation_log, in the
 * transaction that writes the event, so numbers rise in the order of commits.
 * Gaps are normal: chunks are deleted when their answer has long ended; the last
 * of them stays as message.snapshot, which covers the others.
 */
#include "conversations.h"

#include <string.h>

#define EVENT_PAGE       200
#define EVENT_PAGE_BYTES (1024 * 1024)

gboolean
event_log_open_with (
    EventLog *log, DaeTx *tx, const char *conversation_id, guint expected, DaeQuery *also)
{
  const DaeValue values[] = { DAE_UUID (conversation_id), DAE_INT (expected) };
  DaeQuery queries[2] = { { "UPDATE conversation_log SET last_seq = last_seq + $2"
                            " WHERE conversation_id = $1 RETURNING last_seq",
                            values, G_N_ELEMENTS (values), NULL } };
  DaeRows *row;

  if (also)
    queries[1] = *also;
  dae_query_many (tx, queries, also ? 2 : 1);
  if (also)
    also->rows = queries[1].rows;
  row = queries[0].rows;
  if (!dae_rows_next (row))
    return FALSE;
  log->tx = tx;
  log->conversation_id = conversation_id;
  log->reserved = dae_row_int (row, 0);
  log->first = log->reserved - expected;
  log->last = log->first;
  return TRUE;
}

gboolean
event_log_open (EventLog *log, DaeTx *tx, const char *conversation_id, guint expected)
{
  return event_log_open_with (log, tx, conversation_id, expected, NULL);
}

/* A transaction may be run again: what it writes counts once. */
static void
event_count (DaePlugin *self, gpointer kind)
{
  dae_series_add (dae_series (self, "events_total", (const char *)kind), 1);
}

void
event_log_add (
    EventLog *log, const char *kind, const char *turn_id, const char *message_id, const char *data)
{
  log->last++;
  dae_exec_later (
      log->tx,
      "INSERT INTO event (conversation_id, seq, kind, turn_id, message_id, data, created_at)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7)",
      DAE_UUID (log->conversation_id), DAE_INT (log->last), DAE_TEXT (kind), DAE_UUID (turn_id),
      DAE_UUID (message_id), DAE_JSON (data), DAE_TIME (dae_tx_now (log->tx)));
  dae_after_commit (log->tx, event_count, g_strdup (kind), g_free);
}

/* The last number must be that of an event: a reader who has seen everything has seen it. */
void
event_log_close (EventLog *log)
{
  g_autofree char *topic = NULL;
  char text[24];

  if (log->last != log->reserved)
    dae_exec_later (log->tx, "UPDATE conversation_log SET last_seq = $2 WHERE conversation_id = $1",
                    DAE_UUID (log->conversation_id), DAE_INT (log->last));
  if (log->last == log->first)
    return;
  topic = g_strconcat ("conversation:", log->conversation_id, NULL);
  g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, log->last);
  dae_publish (log->tx, topic, text);
}

void
event_frame_free (EventFrame *frame)
{
  g_bytes_unref (frame->bytes);
  g_bytes_unref (frame->bare);
  g_free (frame);
}

void
event_page_free (EventPage *page)
{
  g_ptr_array_unref (page->frames);
  g_free (page);
}

GBytes *
event_format (const char *kind, const char *data)
{
  char *text = g_strconcat ("event: ", kind, "\ndata: ", data, "\n\n", NULL);

  return g_bytes_new_take (text, strlen (text));
}

static EventFrame *
event_frame_new (gint64 seq, gint64 created_at, const char *kind, const char *data)
{
  EventFrame *frame = g_new0 (EventFrame, 1);
  g_autofree char *id = g_strdup_printf ("id: %" G_GINT64_FORMAT "\n", seq);
  char *text = g_strconcat (id, "event: ", kind, "\ndata: ", data, "\n\n", NULL);
  gsize length = strlen (text);

  frame->seq = seq;
  frame->created_at = created_at;
  frame->is_last = g_str_equal (kind, "conversation.deleted");
  frame->bytes = g_bytes_new_take (text, length);
  frame->bare = g_bytes_new_from_bytes (frame->bytes, strlen (id), length - strlen (id));
  return frame;
}

static DaeJson *
event_json_new (DaeTx *tx, const char *conversation_id, gint64 seq)
{
  DaeJson *json = dae_json_new (tx);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "conversation_id", conversation_id);
  dae_json_int (json, "seq", seq);
  return json;
}

static void
event_page_add (EventPage *page, gint64 seq, gint64 created_at, const char *kind, DaeJson *json)
{
  g_autofree char *data = dae_json_finish (json);

  g_ptr_array_add (page->frames, event_frame_new (seq, created_at, kind, data));
  page->position = seq;
}

/* The members of OBJECT, without its braces, behind what JSON text HEAD begins. */
static char *
event_join (const char *head, const char *object)
{
  gsize length = strlen (object);
  const char *from = object + 1;

  while (g_ascii_isspace (*from))
    from++;
  if (length < 2 || *from == '}')
    return g_strdup (head);
  /* "{...}" and "{...}": the first loses its last brace, the second its first */
  return g_strdup_printf ("%.*s,%s", (int)strlen (head) - 1, head, from);
}

/* A stored event: its data, and its message as it is now. Columns 0 to 3, then the message's. */
static void
event_page_add_row (EventPage *page, DaeTx *tx, const char *conversation_id, DaeRows *rows)
{
  gint64 seq = dae_row_int (rows, 0);
  const char *kind = dae_row_text (rows, 1);
  gboolean has_message = !dae_row_is_null (rows, 4);
  DaeJson *json = event_json_new (tx, conversation_id, seq);
  g_autofree char *head = NULL, *data = NULL;

  if (has_message && g_str_equal (kind, "message.snapshot"))
    message_write_snapshot (tx, json, rows, 4);
  else if (has_message)
    message_write (tx, json, "message", rows, 4);
  head = dae_json_finish (json);
  data = event_join (head, dae_row_text (rows, 2));
  g_ptr_array_add (page->frames, event_frame_new (seq, dae_row_int (rows, 3), kind, data));
  page->position = seq;
}

/* The answer that is being written, as a snapshot that stands for all up to SEQ. */
static void
event_page_add_running (EventPage *page, DaeTx *tx, const char *conversation_id, gint64 seq)
{
  DaeRows *row =
      dae_query_one (tx,
                     "SELECT " MESSAGE_COLUMNS " FROM turn t JOIN message m ON m.id = t.answer_id"
                     " WHERE t.conversation_id = $1 AND t.state = 'running'",
                     DAE_UUID (conversation_id));
  DaeJson *json;

  if (!row)
    return;
  json = event_json_new (tx, conversation_id, seq);
  message_write_snapshot (tx, json, row, 0);
  event_page_add (page, seq, dae_tx_now (tx), "message.snapshot", json);
}

static void
event_page_add_log (EventPage *page, DaeTx *tx, const char *conversation_id, gint64 after)
{
  DaeRows *rows =
      dae_query (tx,
                 "SELECT e.seq, e.kind, e.data, e.created_at, " MESSAGE_COLUMNS
                 " FROM event e LEFT JOIN message m ON m.id = e.message_id " MESSAGE_TURN
                 " WHERE e.conversation_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3",
                 DAE_UUID (conversation_id), DAE_INT (after), DAE_INT (EVENT_PAGE));
  gsize bytes = 0;

  while (bytes < EVENT_PAGE_BYTES && dae_rows_next (rows)) {
    event_page_add_row (page, tx, conversation_id, rows);
    bytes +=
        g_bytes_get_size (((const EventFrame *)page->frames->pdata[page->frames->len - 1])->bytes);
  }
  page->more = bytes >= EVENT_PAGE_BYTES || page->frames->len == EVENT_PAGE;
}

EventPage *
event_read (DaeTx *tx, const char *conversation_id, gint64 after)
{
  EventPage *page = g_new0 (EventPage, 1);
  DaeRows *row = dae_query_one (
      tx, "SELECT last_seq, trimmed_seq FROM conversation_log WHERE conversation_id = $1",
      DAE_UUID (conversation_id));
  gint64 last = row ? dae_row_int (row, 0) : 0;
  gint64 trimmed = row ? dae_row_int (row, 1) : 0;

  page->frames = g_ptr_array_new_with_free_func ((GDestroyNotify)event_frame_free);
  page->position = after == EVENT_LIVE ? last : after;
  if (after == EVENT_LIVE)
    event_page_add_running (page, tx, conversation_id, last);
  else if (after > last || after < trimmed)
    event_page_add (page, last, dae_tx_now (tx), "stream.reset",
                    event_json_new (tx, conversation_id, last));
  else if (after < last)
    event_page_add_log (page, tx, conversation_id, after);
  return page;
}
