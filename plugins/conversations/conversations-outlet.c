/* SPDX-License-Identifier: Apache-2.0 */
/* outlet: event streams from their request to their end.
 *
 * Who reads is asked again every minute and when a hint says that access or a
 * credential has changed: whether the credential still holds, and whether they may
 * still do what they could. Who may do less comes back and asks anew, so that
 * nothing goes on by a right that is gone.
 */
#include "conversations-state.h"
#include "conversations-stream.h"

#include <string.h>

#define OUTLET_TICK_MS         1000
#define OUTLET_CHECK_US        (60 * G_USEC_PER_SEC)
#define OUTLET_RETRY_US        (5 * G_USEC_PER_SEC) /* after a check that failed */
#define OUTLET_CHECKS_PER_TICK 2000
#define OUTLET_GATHER_MS       20 /* checks of access go to the database together */
#define OUTLET_MAX_POSITION    G_GINT64_CONSTANT (999999999999999)

/* ---- opening ---------------------------------------------------------------- */

static void
stream_on_gone (DaeStream *stream, gpointer data)
{
  Outlet *outlet = data;
  ConversationsState *state = dae_state (outlet->self);

  outlet_free (state->streams, outlet);
}

Outlet *
streams_open (Streams *streams, DaeRequest *req, Caller *caller)
{
  DaeReply *head =
      dae_reply_header (dae_reply_empty (req, 200), "Content-Type", "text/event-stream");
  Outlet *outlet = g_new0 (Outlet, 1);

  outlet->id = ++streams->last_id;
  outlet->self = streams->self;
  outlet->subject = g_strdup (dae_request_user (req)->subject);
  outlet->readers = g_ptr_array_new ();
  outlet->caller = caller;
  outlet->checked_at = g_get_monotonic_time ();
  outlet->stream = dae_stream_open (req, head);
  g_hash_table_insert (streams->outlets, &outlet->id, outlet);
  dae_stream_on_gone (outlet->stream, stream_on_gone, outlet);
  dae_stream_on_drain (outlet->stream, stream_on_drain, outlet);
  dae_stream_write (outlet->stream, streams->greeting);
  return outlet;
}

typedef struct {
  DaeRequest *req; /* shared */
  gint64 after;
  guint64 doubts; /* before access was read */
} Opening;

typedef struct {
  char *conversation_id, *workspace_id;
  guint level;
  EventPage *page; /* given away by the one who takes it */
} Opened;

static void
opening_free (gpointer data)
{
  Opening *opening = data;

  dae_request_unref (opening->req);
  g_free (opening);
}

static void
opened_free (gpointer data)
{
  Opened *opened = data;

  g_clear_pointer (&opened->page, event_page_free);
  g_free (opened->conversation_id);
  g_free (opened->workspace_id);
  g_free (opened);
}

static guint
stream_level (DaeTx *tx, const char *subject, const char *workspace_id)
{
  const Conversations *own = dae_data (dae_tx_plugin (tx));
  static const struct {
    DaeMay may;
    guint level;
  } rising[] = { { DAE_MAY_READ, ACCESS_READ },
                 { DAE_MAY_WRITE, ACCESS_WRITE },
                 { DAE_MAY_OWN, ACCESS_OWN } };
  guint level = ACCESS_NONE;

  for (guint i = 0; i < G_N_ELEMENTS (rising); i++) {
    if (!own->workspaces->may (own->workspaces_plugin, tx, subject, workspace_id, rising[i].may))
      break;
    level = rising[i].level;
  }
  return level;
}

static gpointer
stream_open_work (DaeTx *tx, gconstpointer input)
{
  const Opening *opening = input;
  const char *subject = dae_request_user (opening->req)->subject;
  Opened *opened = g_new0 (Opened, 1);
  Conversation conversation;

  if (!conversation_load (tx, dae_request_param (opening->req, "conversation_id"), &conversation))
    return opened;
  opened->level = stream_level (tx, subject, conversation.workspace_id);
  if (opened->level == ACCESS_NONE)
    return opened;
  opened->conversation_id = g_strdup (conversation.id);
  opened->workspace_id = g_strdup (conversation.workspace_id);
  opened->page = event_read (tx, conversation.id, opening->after);
  return opened;
}

static void
stream_open_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const Opening *opening = data;
  Opened *opened = result;
  Outlet *outlet;

  if (!opened) {
    dae_send (opening->req, dae_reply_problem (opening->req, 503, "unavailable",
                                               "the database cannot be asked now"));
    return;
  }
  if (!opened->page) {
    dae_send (opening->req, dae_reply_not_found (opening->req));
    return;
  }
  outlet = streams_open (state->streams, opening->req, NULL);
  outlet->level = opened->level;
  streams_doubt_since (state->streams, outlet, opening->doubts);
  streams_watch (state->streams, outlet, opened->conversation_id, opened->workspace_id,
                 g_steal_pointer (&opened->page));
}

/* FALSE: the header is no position of ours. */
static gboolean
stream_parse_position (DaeRequest *req, gint64 *ret)
{
  const char *last = dae_request_header (req, "Last-Event-ID");
  guint64 position;

  *ret = dae_request_query_int (req, "after", EVENT_LIVE);
  if (!last || !*last)
    return dae_request_header_count (req, "Last-Event-ID") <= 1;
  if (!g_ascii_string_to_unsigned (last, 10, 0, OUTLET_MAX_POSITION, &position, NULL))
    return FALSE;
  *ret = (gint64)position;
  return TRUE;
}

DaeOutcome
stream_conversation (DaeRequest *req, DaePlugin *self)
{
  ConversationsState *state = dae_state (self);
  Opening *opening;
  gint64 after;

  if (!stream_parse_position (req, &after))
    return dae_send (
        req, conversation_unprocessable (req, "?after", "Last-Event-ID is not the id of an event"));
  opening = g_new0 (Opening, 1);
  opening->req = dae_request_ref (req);
  opening->after = after;
  opening->doubts = streams_doubts (state->streams);
  dae_work (self, req, 0, stream_open_work, opening, opening_free, opened_free, stream_open_done,
            opening);
  return DAE_LATER;
}

/* ---- who may still read ----------------------------------------------------- */

static void
outlet_end_session (Streams *streams, Outlet *outlet, const char *reason)
{
  g_autofree char *data = g_strconcat ("{\"reason\":\"", reason, "\"}", NULL);
  g_autoptr (GBytes) bytes = event_format ("session.ended", data);

  dae_stream_write (outlet->stream, bytes);
  outlet_end (streams, outlet);
}

typedef struct {
  guint64 outlet;
  char *subject, *workspace_id; /* workspace NULL: the caller's stream */
} Check;

typedef struct {
  guint level;            /* a conversation's own stream */
  GHashTable *workspaces; /* the caller's stream: what they may do now; given away */
} Checked;

static void
check_free (gpointer data)
{
  Check *check = data;

  g_free (check->subject);
  g_free (check->workspace_id);
  g_free (check);
}

static void
checked_free (gpointer data)
{
  Checked *checked = data;

  g_clear_pointer (&checked->workspaces, g_hash_table_unref);
  g_free (checked);
}

/* INPUT: an array of Check; gives one of Checked, in the same order. */
static gpointer
stream_check_work (DaeTx *tx, gconstpointer input)
{
  const GPtrArray *checks = input;
  GPtrArray *all = g_ptr_array_new_with_free_func (checked_free);

  for (guint i = 0; i < checks->len; i++) {
    const Check *check = checks->pdata[i];
    Checked *checked = g_new0 (Checked, 1);

    if (check->workspace_id)
      checked->level = stream_level (tx, check->subject, check->workspace_id);
    else
      checked->workspaces = state_workspaces (tx, check->subject);
    g_ptr_array_add (all, checked);
  }
  return all;
}

/* CHECKED is what they may do now. */
static void
outlet_judge (ConversationsState *state, Outlet *outlet, Checked *checked)
{
  if (!outlet->caller) {
    if (checked->level < outlet->level)
      outlet_end_session (state->streams, outlet,
                          checked->level == ACCESS_NONE ? "access_lost" : "access_changed");
    else
      outlet->level = checked->level;
  } else if (states_set_workspaces (state->states, outlet, checked->workspaces)) {
    checked->workspaces = NULL;
  } else {
    outlet_end_session (state->streams, outlet, "access_changed");
  }
}

static void
stream_check_done (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  ConversationsState *state = dae_state (self);
  const GPtrArray *checks = data;
  GPtrArray *all = result;

  for (guint i = 0; i < checks->len; i++) {
    Outlet *outlet = streams_find (state->streams, ((const Check *)checks->pdata[i])->outlet);

    if (!outlet)
      continue;
    outlet->checking = FALSE;
    if (all)
      outlet_judge (state, outlet, all->pdata[i]);
    else if (outlet->checked_at != OUTLET_IN_DOUBT)
      outlet->checked_at += OUTLET_RETRY_US - OUTLET_CHECK_US;
  }
}

static gboolean
streams_check_access (DaePlugin *self, gpointer data)
{
  Streams *streams = data;
  GPtrArray *checks = g_steal_pointer (&streams->checks);

  dae_work (self, NULL, 0, stream_check_work, checks, (GDestroyNotify)g_ptr_array_unref,
            (GDestroyNotify)g_ptr_array_unref, stream_check_done, checks);
  return FALSE;
}

static void
outlet_check_access (Streams *streams, Outlet *outlet)
{
  Check *check = g_new0 (Check, 1);

  check->outlet = outlet->id;
  check->subject = g_strdup (outlet->subject);
  if (!outlet->caller && outlet->readers->len > 0)
    check->workspace_id = g_strdup (((Reader *)outlet->readers->pdata[0])->workspace_id);
  if (!streams->checks) {
    streams->checks = g_ptr_array_new_with_free_func (check_free);
    dae_timer (streams->self, OUTLET_GATHER_MS, streams_check_access, streams);
  }
  g_ptr_array_add (streams->checks, check);
}

typedef struct {
  DaePlugin *self;
  DaeRequest *req; /* shared: the stream lends it for a moment only */
  guint64 outlet;
} Identifying;

/* TRUE: it cannot be said now who they are; they are asked again soon. */
static gboolean
outlet_is_unsure (const DaeUser *user, const DaeReply *refusal)
{
  return !user && refusal && dae_reply_status (refusal) >= 500;
}

static void
outlet_on_identified (DaeRequest *req, const DaeUser *user, DaeReply *refusal, gpointer data)
{
  g_autofree Identifying *identifying = data;
  ConversationsState *state = dae_state (identifying->self);
  Outlet *outlet = state->streams ? streams_find (state->streams, identifying->outlet) : NULL;

  dae_request_unref (identifying->req);
  if (!outlet)
    return;
  if (outlet_is_unsure (user, refusal)) {
    outlet->checking = FALSE;
    if (outlet->checked_at != OUTLET_IN_DOUBT)
      outlet->checked_at += OUTLET_RETRY_US - OUTLET_CHECK_US;
  } else if (!user || !g_str_equal (user->subject, outlet->subject))
    outlet_end_session (state->streams, outlet, "signed_out");
  else
    outlet_check_access (state->streams, outlet);
}

static void
outlet_check (Streams *streams, Outlet *outlet)
{
  const Conversations *own = dae_data (streams->self);
  Identifying *identifying;

  outlet->checking = TRUE;
  outlet->checked_at = g_get_monotonic_time ();
  if (!own->identity) {
    outlet_check_access (streams, outlet);
    return;
  }
  identifying = g_new0 (Identifying, 1);
  identifying->self = streams->self;
  identifying->outlet = outlet->id;
  identifying->req = dae_request_ref (dae_stream_request (outlet->stream));
  own->identity->identify (own->identity_plugin, identifying->req, outlet_on_identified,
                           identifying);
}

/* ---- time and topics ---------------------------------------------------------- */

/* Adds those that were last checked in that stretch of time. */
static void
streams_find_due (Streams *streams, gint64 from, gint64 to, GPtrArray *due)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, streams->outlets);
  while (due->len < OUTLET_CHECKS_PER_TICK && g_hash_table_iter_next (&iter, NULL, &value)) {
    const Outlet *outlet = value;

    if (!outlet->checking && outlet->checked_at >= from && outlet->checked_at <= to)
      g_ptr_array_add (due, value);
  }
}

/* Those that are in doubt first: somebody waits for the end of theirs. */
static void
streams_check_due (Streams *streams)
{
  g_autoptr (GPtrArray) due = g_ptr_array_new ();

  streams_find_due (streams, OUTLET_IN_DOUBT, OUTLET_IN_DOUBT, due);
  streams_find_due (streams, OUTLET_IN_DOUBT + 1, g_get_monotonic_time () - OUTLET_CHECK_US, due);
  /* a check may end its own outlet only */
  for (guint i = 0; i < due->len; i++)
    outlet_check (streams, due->pdata[i]);
}

static gboolean
streams_on_tick (DaePlugin *self, gpointer data)
{
  streams_check_due (data);
  streams_poke_due (data);
  return TRUE;
}

static gboolean
outlet_reads (const Outlet *outlet, const char *workspace_id)
{
  if (outlet->caller)
    return g_hash_table_contains (outlet->caller->workspaces, workspace_id);
  return outlet->readers->len > 0 &&
         g_ascii_strcasecmp (((Reader *)outlet->readers->pdata[0])->workspace_id, workspace_id) ==
             0;
}

/* Each may be NULL: anybody's, of any workspace. The check is left to the next tick: by then others
 * have heard it too. */
static void
streams_doubt (Streams *streams, const char *subject, const char *workspace_id)
{
  GHashTableIter iter;
  gpointer value;

  streams->doubts++;
  g_hash_table_iter_init (&iter, streams->outlets);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Outlet *outlet = value;

    if ((!subject || g_str_equal (outlet->subject, subject)) &&
        (!workspace_id || outlet_reads (outlet, workspace_id)))
      outlet->checked_at = OUTLET_IN_DOUBT;
  }
}

guint64
streams_doubts (Streams *streams)
{
  return streams->doubts;
}

void
streams_doubt_since (Streams *streams, Outlet *outlet, guint64 since)
{
  if (streams->doubts != since)
    outlet->checked_at = OUTLET_IN_DOUBT;
}

/* "access:<workspace>" "<subject or *>": those who get more read nothing there yet, and are asked
 * for. */
static void
streams_on_access (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  if (g_strcmp0 (text, "*") == 0)
    streams_doubt (data, NULL, topic + strlen ("access:"));
  else
    streams_doubt (data, text, NULL);
}

/* "auth:token" "<subject>" */
static void
streams_on_token (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  streams_doubt (data, text, NULL);
}

/* "auth:session" "<what nobody else knows>" */
static void
streams_on_session (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  streams_doubt (data, NULL, NULL);
}

Streams *
streams_new (DaePlugin *self)
{
  Streams *streams = g_new0 (Streams, 1);

  streams->self = self;
  streams->outlets = g_hash_table_new (g_int64_hash, g_int64_equal);
  streams->cursors = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, cursor_free);
  streams->greeting = g_bytes_new_static (":\n\n", 3);
  dae_timer (self, OUTLET_TICK_MS, streams_on_tick, streams);
  dae_subscribe (self, "conversation:*", streams_on_moved, streams);
  dae_subscribe (self, "access:*", streams_on_access, streams);
  dae_subscribe (self, "auth:token", streams_on_token, streams);
  dae_subscribe (self, "auth:session", streams_on_session, streams);
  return streams;
}

void
streams_free (Streams *streams)
{
  g_autoptr (GList) outlets = g_hash_table_get_values (streams->outlets);

  for (const GList *link = outlets; link; link = link->next)
    outlet_end (streams, link->data);
  g_hash_table_unref (streams->outlets);
  g_hash_table_unref (streams->cursors);
  g_clear_pointer (&streams->checks, g_ptr_array_unref);
  g_bytes_unref (streams->greeting);
  g_free (streams);
}
