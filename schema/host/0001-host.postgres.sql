-- SPDX-License-Identifier: Apache-2.0
-- The host's own tables: what was migrated, who holds which job, first answers to idempotency keys.
CREATE TABLE migration (
  plugin text NOT NULL,
  number integer NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (plugin, number)
);

CREATE TABLE lease (
  name text PRIMARY KEY,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE idempotency (
  subject text NOT NULL,
  key text NOT NULL,
  hash text NOT NULL,
  status integer NOT NULL,
  headers text,
  body text,
  is_kept boolean NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (subject, key)
);

CREATE INDEX idempotency_created_at ON idempotency (created_at);
