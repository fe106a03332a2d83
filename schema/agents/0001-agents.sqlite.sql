-- SPDX-License-Identifier: Apache-2.0
-- What the last look at each agent found. It answered that look where last_seen = checked_at.
CREATE TABLE agent_state (
  slug TEXT PRIMARY KEY,
  health TEXT NOT NULL CHECK (health IN ('ok', 'degraded', 'error', 'unknown')),
  reason TEXT,
  latency_us INTEGER,
  last_seen INTEGER,
  checked_at INTEGER NOT NULL,
  tools TEXT
) STRICT;
