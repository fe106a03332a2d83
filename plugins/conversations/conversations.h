/* SPDX-License-Identifier: Apache-2.0 */
/* conversations: what the parts of this plugin share.
 *
 *   conversations-conversation.c  conversations: list, make, change, delete, branch, read mark
 *   conversations-message.c       messages as JSON, pages of a branch
 *   conversations-ask.c           a new message: question, answer row and turn in one transaction
 *   conversations-branch.c        ways through the tree of messages
 *   conversations-turn.c          turns as rows: claim, end, cancel, sweep
 *   conversations-claim.c         what an agent is asked with
 *   conversations-engine.c        turns that this process runs: claim, agents' words
 *   conversations-attach.c        what is attached to a question, read before it is asked
 *   conversations-beat.c          what they say goes into the log
 *   conversations-sweep.c         turns whose process has gone, or that nobody claims
 *   conversations-worker.c        whether the process that ran a turn still lives
 *   conversations-event.c         the log of events: written, read, as frames of a stream
 *   conversations-stream.c        what streams read: one cursor for each watched conversation
 *   conversations-outlet.c        streams from request to end, and who may go on reading
 *   conversations-state.c         the caller's stream: its snapshot
 *   conversations-pulse.c         and its changes
 *   conversations-search.c        conversations/1
 *   conversations-tidy.c          jobs: chunks, old events, deleted conversations
 *
 * Lock order in a transaction: the row of conversation_log first, then anything else of that
 * conversation.
 */
#pragma once

#include <daedalus-plugin.h>
#include <services/agents.h>
#include <services/conversations.h>
#include <services/files.h>
#include <services/identity.h>
#include <services/workspaces.h>

G_BEGIN_DECLS

/* dae_data: constant after start. */
typedef struct {
  const DaeWorkspaces1 *workspaces;
  DaePlugin *workspaces_plugin;
  const DaeAgents1 *agents;
  DaePlugin *agents_plugin;
  const DaeIdentity1 *identity; /* NULL: sessions are not checked again */
  DaePlugin *identity_plugin;
  const DaeFiles1 *files; /* NULL: nothing can be attached */
  DaePlugin *files_plugin;
  char *worker; /* names this process in rows of turns */
} Conversations;

typedef struct Engine Engine;
typedef struct Streams Streams;
typedef struct States States;

/* dae_state: the loop's. */
typedef struct {
  Engine *engine;
  Streams *streams;
  States *states;
} ConversationsState;

/* ---- conversations -------------------------------------------------------- */

typedef struct EventLog EventLog;

/* A row of conversation; strings borrowed from the transaction. */
typedef struct {
  const char *id, *workspace_id, *title, *agent, *current_message_id;
  gboolean pinned;
  gint64 archived_at, version, created_at;
} Conversation;

/* FALSE if there is none or it was deleted. */
gboolean conversation_load (DaeTx *tx, const char *id, Conversation *ret);
/* Opens LOG, and reads again what others may have changed before it was locked; FALSE: it is gone.
 */
gboolean conversation_lock (DaeTx *tx, EventLog *log, guint expected, Conversation *conversation);
/* The same, and NULL if the caller may do WHAT; else the answer to give. */
DaeReply *
conversation_open (DaeTx *tx, DaeRequest *req, const char *id, DaeMay what, Conversation *ret);
/* An object of what the version covers. */
void conversation_write (DaeJson *json, const char *key, const Conversation *conversation);
/* Adds conversation.updated. */
void conversation_log_updated (EventLog *log, const Conversation *conversation);
/* Tells callers' streams that something of the conversation moved; TURN_ID and SUBJECT (only
 * theirs) may be NULL. */
void conversation_publish (DaeTx *tx,
                           const char *workspace_id,
                           const char *conversation_id,
                           const char *turn_id,
                           const char *subject);
/* NULL if AGENT may answer in the workspace, else 422 unknown_agent. */
DaeReply *
conversation_check_agent (DaeTx *tx, DaeRequest *req, const char *workspace_id, const char *agent);
/* "<time>.<id>"; FALSE if TEXT is no such cursor. */
gboolean conversation_parse_id (const char *text, gsize length);
DaeReply *conversation_unprocessable (DaeRequest *req, const char *pointer, const char *detail);

DaeReply *conversation_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_create (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_show (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_update (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_delete (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_set_current (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *conversation_set_read (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* ---- messages ------------------------------------------------------------- */

/* Columns and source of a message for message_write; the statement names the row m. */
#define MESSAGE_SIBLINGS                                                                           \
  "SELECT count(*) FROM message s"                                                                 \
  " WHERE coalesce (s.parent_id, s.conversation_id) = coalesce (m.parent_id, m.conversation_id)"
#define MESSAGE_COLUMNS                                                                            \
  "m.id, m.conversation_id, m.parent_id, m.role, m.author, m.author_name, m.agent, m.content, "    \
  "m.iterations, m.state, m.error_code, m.error_detail, m.turn_id, m.request_id, m.created_at, "   \
  "m.started_at, m.finished_at, (" MESSAGE_SIBLINGS "), (" MESSAGE_SIBLINGS " AND s.id <= m.id), " \
  "t.activities, t.notes, m.n_files"
#define MESSAGE_N_COLUMNS 22
#define MESSAGE_TURN      "LEFT JOIN turn t ON t.id = m.turn_id"

/* The current row's message, whose first column is COLUMN. */
void message_write (DaeTx *tx, DaeJson *json, const char *key, DaeRows *rows, guint column);
/* The current row's message as message.snapshot's members. */
void message_write_snapshot (DaeTx *tx, DaeJson *json, DaeRows *rows, guint column);
/* The chunks of a turn so far, joined. */
GString *message_text_so_far (DaeTx *tx, const char *conversation_id, const char *turn_id);
DaeReply *message_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *message_siblings (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *ask_post (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* ---- branches ------------------------------------------------------------- */

/* A page of the branch that ends in LEAF: COUNT messages from START towards the beginning. */
typedef struct {
  const char *leaf, *start;
  gint64 count;
  gint64 size; /* characters of text after which it may end early, towards the beginning */
} BranchPage;

/* The newest leaf under MESSAGE_ID. Borrowed from the transaction. */
const char *branch_leaf (DaeTx *tx, const char *message_id);
/* The page that lies next to MESSAGE_ID towards LEAF; FALSE if MESSAGE_ID is not on that branch. */
gboolean branch_page_newer (
    DaeTx *tx, const char *leaf, const char *message_id, gint64 limit, BranchPage *ret);
/* The page that holds MESSAGE_ID, on the branch of CURRENT if it is there, else on its newest one.
 */
void branch_page_around (
    DaeTx *tx, const char *current, const char *message_id, gint64 limit, BranchPage *ret);

/* ---- turns ---------------------------------------------------------------- */

#define TURN_QUEUE_MAX 5
#define TURN_LEASE_US  (10 * G_USEC_PER_SEC)

/* How a turn ended. Strings are the caller's. */
typedef struct {
  const char *turn_id;
  const char *worker;     /* whose turn it must be; NULL: nobody's, it is queued */
  const char *outcome;    /* "done", "failed", "cancelled", "interrupted" */
  const char *text;       /* NULL: the chunks so far */
  const char *iterations; /* JSON or NULL */
  const char *activities; /* JSON; NULL: as they were, those that ran have failed */
  const char *notes;      /* JSON; NULL: none */
  const char *code, *reason;
  const char *session; /* NULL: none */
  gboolean session_lost;
} TurnEnd;

/* A file of the question; strings owned. */
typedef struct {
  char *id, *name, *type, *url;
  gint64 size; /* -1: it has gone */
} ClaimFile;

/* What the engine must know of a turn that it has claimed. */
typedef struct {
  gatomicrefcount refs;
  char *turn_id, *conversation_id, *workspace_id, *answer_id, *agent, *subject;
  char *question, *instructions, *session, *traceparent;
  GArray *history;      /* (element-type DaeAgentMessage), content owned */
  gboolean history_cut; /* there is more of it */
  GPtrArray *files;     /* (element-type ClaimFile) */
} TurnClaim;

void turn_write (DaeTx *tx, DaeJson *json, const char *key, const char *turn_id);
/* Stores a queued turn and adds turn.queued. */
void turn_insert (EventLog *log,
                  const char *turn_id,
                  const char *question_id,
                  const char *answer_id,
                  const char *agent,
                  DaeRequest *req);
/* Open turns of the conversation. */
gint64 turn_count_open (DaeTx *tx, const char *conversation_id);
/* Takes the turn for WORKER if it is the first of its conversation; NULL: it is not to be had.
 * Owned. */
TurnClaim *turn_claim (DaeTx *tx, const char *turn_id, const char *worker);
/* What the turn that was claimed just before is about; NULL: it has gone. Owned. */
TurnClaim *turn_claim_read (DaeTx *tx, const char *turn_id);
TurnClaim *turn_claim_ref (TurnClaim *claim);
void turn_claim_unref (TurnClaim *claim);
/* FALSE if the turn is no longer WORKER's. */
gboolean turn_finish (DaeTx *tx, const TurnEnd *end);
/* Cancels all turns of a conversation that is deleted. */
void turn_cancel_all (DaeTx *tx, const char *conversation_id);
DaeReply *turn_show (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *turn_cancel (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* ---- workers -------------------------------------------------------------- */

/* Names this process: owned. */
char *worker_name_new (void);
/* TRUE if the process of that name ran here and has ended; FALSE if it lives or cannot be known. */
gboolean worker_is_gone (const char *name);

/* ---- engine: loop --------------------------------------------------------- */

Engine *engine_new (DaePlugin *self);
/* Takes no more turns. */
void engine_drain (Engine *engine);
void engine_free (Engine *engine);
/* DaeAfterCommit: DATA is the id of a queued turn. */
void engine_claim (DaePlugin *self, gpointer data);

/* ---- events --------------------------------------------------------------- */

/* The log of one conversation, locked until the transaction ends. */
struct EventLog {
  DaeTx *tx;
  const char *conversation_id;
  gint64 reserved;    /* what conversation_log says */
  gint64 first, last; /* before our first; of our last */
};

/* Every kind that is stored, for the metric. */
#define EVENT_KINDS                                                                                \
  "message.created|message.updated|message.snapshot|conversation.updated|conversation.deleted|"    \
  "turn.queued|turn.started|turn.progress|turn.activity|turn.chunk|turn.done|turn.failed|"         \
  "turn.cancelled|turn.interrupted"

/* Locks the log and reserves the places of EXPECTED events (a guess: more or fewer may follow).
 * FALSE if there is no such conversation. */
gboolean event_log_open (EventLog *log, DaeTx *tx, const char *conversation_id, guint expected);
/* The same, and runs ALSO under the lock, in the same round trip. */
gboolean event_log_open_with (
    EventLog *log, DaeTx *tx, const char *conversation_id, guint expected, DaeQuery *also);
/* DATA is an object. TURN_ID and MESSAGE_ID may be NULL; readers get the message MESSAGE_ID
 * besides. */
void event_log_add (
    EventLog *log, const char *kind, const char *turn_id, const char *message_id, const char *data);
/* Tells the readers. */
void event_log_close (EventLog *log);

/* One event as bytes of a stream. */
typedef struct {
  gint64 seq;
  gint64 created_at;
  gboolean is_last; /* conversation.deleted: nothing follows */
  GBytes *bytes;    /* with id: */
  GBytes *bare;     /* without */
} EventFrame;

void event_frame_free (EventFrame *frame);
/* JSON of an event that is not of the log, as bytes without id. DATA is the whole object. */
GBytes *event_format (const char *kind, const char *data);

#define EVENT_LIVE (-1)

/* A stretch of the log. */
typedef struct {
  GPtrArray *frames; /* (element-type EventFrame) */
  gint64 position;   /* what follows is beyond it */
  gboolean more;     /* read on at once */
} EventPage;

/* From AFTER on; EVENT_LIVE: where the log ends, with a snapshot of the answer that is being
 * written. */
EventPage *event_read (DaeTx *tx, const char *conversation_id, gint64 after);
void event_page_free (EventPage *page);

/* ---- streams: loop -------------------------------------------------------- */

/* What somebody may do in a workspace; who may do less than before has to ask anew. */
enum { ACCESS_NONE = 0, ACCESS_READ, ACCESS_WRITE, ACCESS_OWN };

#define OUTLET_IN_DOUBT G_MININT64

/* An open event stream of a person: of one conversation, or the caller's with any number of them.
 */
typedef struct Outlet Outlet;
typedef struct Caller Caller;

struct Outlet {
  guint64 id;
  DaePlugin *self;
  DaeStream *stream;
  char *subject;
  GPtrArray *readers; /* of streams.c */
  Caller *caller;     /* owned; NULL: a conversation's own stream */
  guint level;       /* of a conversation's own stream: what they might do when it was last asked */
  gint64 checked_at; /* monotonic; OUTLET_IN_DOUBT: to be checked before others */
  gboolean checking;
};

Streams *streams_new (DaePlugin *self);
void streams_free (Streams *streams);
/* Opens the stream as the answer to REQ; CALLER is given. */
Outlet *streams_open (Streams *streams, DaeRequest *req, Caller *caller);
/* Lets the outlet read the conversation on from PAGE (given). */
void streams_watch (Streams *streams,
                    Outlet *outlet,
                    const char *conversation_id,
                    const char *workspace_id,
                    EventPage *page);
/* How many hints of lost access came so far; and has OUTLET, whose access was read when there were
 * SINCE, checked again if more came meanwhile. */
guint64 streams_doubts (Streams *streams);
void streams_doubt_since (Streams *streams, Outlet *outlet, guint64 since);
/* NULL if it has gone. */
Outlet *streams_find (Streams *streams, guint64 id);
/* FALSE: the reader was too slow; the outlet is gone. */
gboolean streams_write (Streams *streams, Outlet *outlet, GBytes *bytes);
/* All outlets that have a caller, in a new array: (element-type Outlet); it is owned, they are not.
 */
GPtrArray *streams_callers (Streams *streams);
DaeOutcome stream_conversation (DaeRequest *req, DaePlugin *self);

States *states_new (DaePlugin *self);
void states_free (States *states);
void caller_free (Caller *caller);
/* WORKSPACES (as state_workspaces gives them, given) are what the caller may do now. FALSE: that is
 * less than before, and nothing was taken. */
gboolean states_set_workspaces (States *states, Outlet *outlet, GHashTable *workspaces);
DaeOutcome state_stream (DaeRequest *req, DaePlugin *self);
/* The workspaces that SUBJECT may read, each with what they may do there (ACCESS_...): owned. */
GHashTable *state_workspaces (DaeTx *tx, const char *subject);

/* ---- the rest ------------------------------------------------------------- */

extern const DaeConversations1 search_service;
/* What FROM wrote, asked and read is TO's. */
void conversation_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to);
gboolean tidy_chunks (DaeTx *tx, DaePlugin *self);
gboolean tidy_events (DaeTx *tx, DaePlugin *self);
gboolean tidy_deleted (DaeTx *tx, DaePlugin *self);

G_END_DECLS
