-- SPDX-License-Identifier: Apache-2.0
-- Conversations, their messages as trees, the turns that answer them, and the log of what happened.

CREATE TABLE conversation (
  id uuid PRIMARY KEY,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  title text NOT NULL,
  agent text,
  pinned boolean NOT NULL DEFAULT false,
  archived_at timestamptz,
  current_message_id uuid,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  last_activity_at timestamptz NOT NULL,
  deleted_at timestamptz,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX conversation_activity ON conversation (workspace_id, last_activity_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;

-- last_seq is the last event of the conversation; events up to trimmed_seq may be gone. The row is
-- the lock under which a conversation is written. Beats of running turns touch no other index.
CREATE TABLE conversation_log (
  conversation_id uuid PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
  last_seq bigint NOT NULL DEFAULT 0,
  trimmed_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Where message_id is set, readers get that message as it is now besides the data.
CREATE TABLE event (
  conversation_id uuid NOT NULL REFERENCES conversation_log (conversation_id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  kind text NOT NULL,
  turn_id uuid,
  message_id uuid,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);

-- parent_id has no foreign key: a conversation is deleted in batches, in any order.
CREATE TABLE message (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  parent_id uuid,
  role text NOT NULL CHECK (role IN ('user', 'assistant')),
  author text,
  author_name text,
  agent text,
  content text NOT NULL,
  iterations jsonb,
  state text NOT NULL CHECK (state IN ('complete', 'queued', 'running', 'waiting', 'failed', 'cancelled', 'interrupted')),
  error_code text,
  error_detail text,
  turn_id uuid,
  request_id text,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  search tsvector GENERATED ALWAYS AS (to_tsvector ('simple'::regconfig, left (content, 100000))) STORED
);
-- Siblings: first messages of a conversation have it as their parent here.
CREATE INDEX message_sibling ON message (coalesce (parent_id, conversation_id), id);
CREATE INDEX message_conversation ON message (conversation_id, id);
CREATE INDEX message_search ON message USING gin (search);

-- A turn is open while finished_at is null. first_seq is its turn.started; position orders the queue;
-- written counts the events of its process that are in the log.
CREATE TABLE turn (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  question_id uuid NOT NULL,
  answer_id uuid NOT NULL,
  agent text NOT NULL,
  subject text NOT NULL,
  state text NOT NULL
    CHECK (state IN ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled', 'interrupted')),
  position bigint NOT NULL,
  worker text,
  lease_until timestamptz,
  cancel_requested boolean NOT NULL DEFAULT false,
  activities jsonb NOT NULL,
  notes jsonb NOT NULL DEFAULT '[]',
  written bigint NOT NULL DEFAULT 0,
  error_code text,
  error_detail text,
  request_id text,
  traceparent text,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  first_seq bigint,
  last_seq bigint,
  tidied_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX turn_conversation ON turn (conversation_id, id);
CREATE INDEX turn_open ON turn (conversation_id, position) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX turn_running ON turn (conversation_id) WHERE state = 'running';
CREATE INDEX turn_untidy ON turn (finished_at) WHERE tidied_at IS NULL AND finished_at IS NOT NULL;

-- The session that an agent keeps for a conversation.
CREATE TABLE agent_session (
  conversation_id uuid NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  agent text NOT NULL,
  session text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (conversation_id, agent)
);

CREATE TABLE read_mark (
  conversation_id uuid NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  subject text NOT NULL,
  seq bigint NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (conversation_id, subject)
);
