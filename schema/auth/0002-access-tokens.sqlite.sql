-- SPDX-License-Identifier: Apache-2.0
-- Personal access tokens. token is the SHA-256 of what was shown once; scopes are the bits of the
-- plugin: 1 read, 2 write, 4 mcp, 8 metrics.

CREATE TABLE access_token (
  id TEXT PRIMARY KEY NOT NULL,
  token TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
CREATE INDEX access_token_subject ON access_token (subject, id);
CREATE INDEX access_token_expires ON access_token (expires_at);
