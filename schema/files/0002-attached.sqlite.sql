-- SPDX-License-Identifier: Apache-2.0
-- Files of messages, and the words of files.

-- No foreign keys: messages are another plugin's, and a message says what was attached to it also when
-- the file has gone; name and media type are those of that time.
CREATE TABLE message_file (
  message_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  file_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_file_workspace ON message_file (workspace_id);

-- Of each ready file its name, and of text the beginning. The number is what the full-text index refers to.
CREATE TABLE file_text (
  number INTEGER PRIMARY KEY,
  file_id TEXT NOT NULL UNIQUE REFERENCES file (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content TEXT NOT NULL
) STRICT;
INSERT INTO file_text (file_id, name, content) SELECT id, name, '' FROM file WHERE state = 'ready';

CREATE VIRTUAL TABLE file_search USING fts5 (
  name, content, content = 'file_text', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);
INSERT INTO file_search (rowid, name, content) SELECT number, name, content FROM file_text;
CREATE TRIGGER file_search_insert AFTER INSERT ON file_text BEGIN
  INSERT INTO file_search (rowid, name, content) VALUES (new.number, new.name, new.content);
END;
CREATE TRIGGER file_search_delete AFTER DELETE ON file_text BEGIN
  INSERT INTO file_search (file_search, rowid, name, content) VALUES ('delete', old.number, old.name, old.content);
END;
CREATE TRIGGER file_search_update AFTER UPDATE OF name, content ON file_text BEGIN
  INSERT INTO file_search (file_search, rowid, name, content) VALUES ('delete', old.number, old.name, old.content);
  INSERT INTO file_search (rowid, name, content) VALUES (new.number, new.name, new.content);
END;
