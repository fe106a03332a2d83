-- SPDX-License-Identifier: Apache-2.0
-- Personal access tokens. token is the SHA-256 of what was shown once; scopes are the bits of the
-- plugin: 1 read, 2 write, 4 mcp, 8 metrics.

CREATE TABLE access_token (
  id uuid PRIMARY KEY,
  token text NOT NULL UNIQUE,
  subject text NOT NULL,
  name text NOT NULL,
  scopes bigint NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX access_token_subject ON access_token (subject, id);
CREATE INDEX access_token_expires ON access_token (expires_at);
