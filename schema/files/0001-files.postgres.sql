-- SPDX-License-Identifier: Apache-2.0
-- Files of workspaces; their bytes are in the object store.

-- workspace_id has no foreign key: the row says where the bytes of a deleted workspace are, until
-- they have gone too. object_key stays as it was when a file gets another name.
CREATE TABLE file (
  id uuid PRIMARY KEY,
  workspace_id uuid NOT NULL,
  name text NOT NULL,
  media_type text NOT NULL,
  size bigint NOT NULL,
  sha256 text NOT NULL,
  state text NOT NULL CHECK (state IN ('uploading', 'ready', 'deleting')),
  object_key text NOT NULL,
  uploaded_by text NOT NULL,
  created_at timestamptz NOT NULL,
  version bigint NOT NULL DEFAULT 1
);
CREATE INDEX file_workspace ON file (workspace_id, id);
CREATE INDEX file_unready ON file (state, created_at) WHERE state <> 'ready';
