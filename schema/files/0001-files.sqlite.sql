-- SPDX-License-Identifier: Apache-2.0
-- Files of workspaces; their bytes are in the object store.

-- workspace_id has no foreign key: the row says where the bytes of a deleted workspace are, until
-- they have gone too. object_key stays as it was when a file gets another name.
CREATE TABLE file (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('uploading', 'ready', 'deleting')),
  object_key TEXT NOT NULL,
  uploaded_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX file_workspace ON file (workspace_id, id);
CREATE INDEX file_unready ON file (state, created_at) WHERE state <> 'ready';
