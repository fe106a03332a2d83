-- SPDX-License-Identifier: Apache-2.0
-- What the last look at each agent found. It answered that look where last_seen = checked_at.
CREATE TABLE agent_state (
  slug text PRIMARY KEY,
  health text NOT NULL CHECK (health IN ('ok', 'degraded', 'error', 'unknown')),
  reason text,
  latency_us bigint,
  last_seen timestamptz,
  checked_at timestamptz NOT NULL,
  tools jsonb
);
