-- SPDX-License-Identifier: Apache-2.0
-- Files of messages, and the words of files.

-- No foreign keys: messages are another plugin's, and a message says what was attached to it also when
-- the file has gone; name and media type are those of that time.
CREATE TABLE message_file (
  message_id uuid NOT NULL,
  position bigint NOT NULL,
  file_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  name text NOT NULL,
  media_type text NOT NULL,
  PRIMARY KEY (message_id, position)
);
CREATE INDEX message_file_workspace ON message_file (workspace_id);

-- Of each ready file its name, and of text the beginning. PostgreSQL takes "a-b.txt" for one word.
CREATE TABLE file_text (
  file_id uuid PRIMARY KEY REFERENCES file (id) ON DELETE CASCADE,
  name text NOT NULL,
  content text NOT NULL,
  search tsvector GENERATED ALWAYS AS
    (to_tsvector ('simple'::regconfig, translate (name, '._-', '   ') || ' ' || content)) STORED
);
INSERT INTO file_text (file_id, name, content) SELECT id, name, '' FROM file WHERE state = 'ready';
CREATE INDEX file_text_search ON file_text USING gin (search);
