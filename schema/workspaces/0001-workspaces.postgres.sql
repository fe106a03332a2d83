-- SPDX-License-Identifier: Apache-2.0
-- Workspaces, who may use them, and which agents they allow.

-- A row with deleted_at is invisible at once; it goes when nothing belongs to it any more.
CREATE TABLE workspace (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  description text NOT NULL,
  instructions text NOT NULL,
  default_agent text,
  archived_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX workspace_deleted ON workspace (deleted_at) WHERE deleted_at IS NOT NULL;

-- subject has no foreign key: people are written a moment after they were first seen.
CREATE TABLE workspace_member (
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  subject text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, subject)
);
CREATE INDEX workspace_member_subject ON workspace_member (subject, workspace_id);

-- Somebody who has never signed in; email is in lower case.
CREATE TABLE invitation (
  id uuid PRIMARY KEY,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  email text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  invited_by text NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (workspace_id, email)
);
CREATE INDEX invitation_email ON invitation (email);

-- No row of a workspace: all agents are allowed.
CREATE TABLE workspace_agent (
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  agent text NOT NULL,
  PRIMARY KEY (workspace_id, agent)
);
