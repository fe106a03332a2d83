-- SPDX-License-Identifier: Apache-2.0
-- People that have been seen, the local person's sessions, and the start links that were used.

CREATE TABLE person (
  subject TEXT PRIMARY KEY NOT NULL,
  email TEXT,
  name TEXT NOT NULL,
  groups TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX person_email ON person (lower (email)) WHERE email IS NOT NULL;

-- token is the SHA-256 of the cookie's value.
CREATE TABLE auth_session (
  token TEXT PRIMARY KEY NOT NULL,
  subject TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_session_expires ON auth_session (expires_at);

CREATE TABLE auth_start (
  number INTEGER PRIMARY KEY NOT NULL,
  used_at INTEGER NOT NULL
) STRICT;
