-- SPDX-License-Identifier: Apache-2.0
-- Workspaces, who may use them, and which agents they allow.

-- A row with deleted_at is invisible at once; it goes when nothing belongs to it any more.
CREATE TABLE workspace (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  instructions TEXT NOT NULL,
  default_agent TEXT,
  archived_at INTEGER,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER,
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX workspace_deleted ON workspace (deleted_at) WHERE deleted_at IS NOT NULL;

-- subject has no foreign key: people are written a moment after they were first seen.
CREATE TABLE workspace_member (
  workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  subject TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_member_subject ON workspace_member (subject, workspace_id);

-- Somebody who has never signed in; email is in lower case.
CREATE TABLE invitation (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  invited_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (workspace_id, email)
) STRICT;
CREATE INDEX invitation_email ON invitation (email);

-- No row of a workspace: all agents are allowed.
CREATE TABLE workspace_agent (
  workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  agent TEXT NOT NULL,
  PRIMARY KEY (workspace_id, agent)
) STRICT, WITHOUT ROWID;
