-- SPDX-License-Identifier: Apache-2.0
-- People that have been seen, the local person's sessions, and the start links that were used.

CREATE TABLE person (
  subject text PRIMARY KEY,
  email text,
  name text NOT NULL,
  groups jsonb NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL
);
CREATE INDEX person_email ON person (lower (email)) WHERE email IS NOT NULL;

-- token is the SHA-256 of the cookie's value.
CREATE TABLE auth_session (
  token text PRIMARY KEY,
  subject text NOT NULL,
  created_at timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX auth_session_expires ON auth_session (expires_at);

CREATE TABLE auth_start (
  number bigint PRIMARY KEY,
  used_at timestamptz NOT NULL
);
