-- Version 2. What tasks belong to, and the small things that clients keep by name. Of most tasks both new
-- columns are NULL, which costs a row a byte each.
ALTER TABLE tasks ADD COLUMN loop TEXT; -- NULL is the main one
ALTER TABLE tasks ADD COLUMN group_id BLOB; -- NULL is none

CREATE INDEX tasks_grouped ON tasks (group_id, id) WHERE group_id IS NOT NULL;

CREATE TABLE documents (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
