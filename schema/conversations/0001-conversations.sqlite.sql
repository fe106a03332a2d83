-- SPDX-License-Identifier: Apache-2.0
-- Conversations, their messages as trees, the turns that answer them, and the log of what happened.

CREATE TABLE conversation (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  agent TEXT,
  pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
  archived_at INTEGER,
  current_message_id TEXT,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  deleted_at INTEGER,
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX conversation_activity ON conversation (workspace_id, last_activity_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;

-- last_seq is the last event of the conversation; events up to trimmed_seq may be gone.
CREATE TABLE conversation_log (
  conversation_id TEXT PRIMARY KEY NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  last_seq INTEGER NOT NULL DEFAULT 0,
  trimmed_seq INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Where message_id is set, readers get that message as it is now besides the data.
CREATE TABLE event (
  conversation_id TEXT NOT NULL REFERENCES conversation_log (conversation_id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  turn_id TEXT,
  message_id TEXT,
  data TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

-- parent_id has no foreign key: a conversation is deleted in batches, in any order. The number is
-- what the full-text index refers to.
CREATE TABLE message (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  parent_id TEXT,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  author TEXT,
  author_name TEXT,
  agent TEXT,
  content TEXT NOT NULL,
  iterations TEXT,
  state TEXT NOT NULL CHECK (state IN ('complete', 'queued', 'running', 'waiting', 'failed', 'cancelled', 'interrupted')),
  error_code TEXT,
  error_detail TEXT,
  turn_id TEXT,
  request_id TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER
) STRICT;
-- Siblings: first messages of a conversation have it as their parent here.
CREATE INDEX message_sibling ON message (coalesce (parent_id, conversation_id), id);
CREATE INDEX message_conversation ON message (conversation_id, id);

CREATE VIRTUAL TABLE message_search USING fts5 (
  content, content = 'message', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);
CREATE TRIGGER message_search_insert AFTER INSERT ON message BEGIN
  INSERT INTO message_search (rowid, content) VALUES (new.number, new.content);
END;
CREATE TRIGGER message_search_delete AFTER DELETE ON message BEGIN
  INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.number, old.content);
END;
CREATE TRIGGER message_search_update AFTER UPDATE OF content ON message BEGIN
  INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.number, old.content);
  INSERT INTO message_search (rowid, content) VALUES (new.number, new.content);
END;

-- A turn is open while finished_at is null. first_seq is its turn.started; position orders the queue;
-- written counts the events of its process that are in the log.
CREATE TABLE turn (
  id TEXT PRIMARY KEY NOT NULL,
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  question_id TEXT NOT NULL,
  answer_id TEXT NOT NULL,
  agent TEXT NOT NULL,
  subject TEXT NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled', 'interrupted')),
  position INTEGER NOT NULL,
  worker TEXT,
  lease_until INTEGER,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  activities TEXT NOT NULL,
  notes TEXT NOT NULL DEFAULT '[]',
  written INTEGER NOT NULL DEFAULT 0,
  error_code TEXT,
  error_detail TEXT,
  request_id TEXT,
  traceparent TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  first_seq INTEGER,
  last_seq INTEGER,
  tidied_at INTEGER
) STRICT;
CREATE INDEX turn_conversation ON turn (conversation_id, id);
CREATE INDEX turn_open ON turn (conversation_id, position) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX turn_running ON turn (conversation_id) WHERE state = 'running';
CREATE INDEX turn_untidy ON turn (finished_at) WHERE tidied_at IS NULL AND finished_at IS NOT NULL;

-- The session that an agent keeps for a conversation.
CREATE TABLE agent_session (
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  agent TEXT NOT NULL,
  session TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, agent)
) STRICT, WITHOUT ROWID;

CREATE TABLE read_mark (
  conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  subject TEXT NOT NULL,
  seq INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, subject)
) STRICT, WITHOUT ROWID;
