-- SPDX-License-Identifier: Apache-2.0
-- Lists of archived conversations by index; conversations whose events may go, found without a scan.

CREATE INDEX conversation_list ON conversation (workspace_id, (archived_at IS NOT NULL), last_activity_at, id)
  WHERE deleted_at IS NULL;

-- When the log last grew, beats aside; null: it is empty.
ALTER TABLE conversation ADD COLUMN events_at INTEGER;
UPDATE conversation SET events_at = last_activity_at;
CREATE INDEX conversation_events ON conversation (events_at) WHERE events_at IS NOT NULL;
