-- Version 1. Times are microseconds since the epoch, NULL for "has not happened"; ids are the 16 bytes
-- of a UUIDv7, which sorts by time, so that new rows go to the end of each tree.

-- Specs are large and never change: apart, so that a task's row stays short when it is rewritten. They
-- are found by number, as appending by number is the cheapest thing that SQLite does.
CREATE TABLE specs (
    n INTEGER PRIMARY KEY,
    spec TEXT
) STRICT;

CREATE TABLE tasks (
    id BLOB NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL, -- enum task_state: 0 pending, 1 running, 2 succeeded, 3 failed, 4 cancelled
    starts INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    deadline_at INTEGER,
    cancel_requested_at INTEGER,
    spec INTEGER NOT NULL, -- specs.n
    name TEXT,
    labels TEXT,
    cancel_message TEXT,
    result TEXT,
    error TEXT,
    unhandled TEXT
) STRICT, WITHOUT ROWID;

-- What a start runs again, and what lists of unfinished tasks walk along.
CREATE INDEX tasks_open ON tasks (state, id) WHERE finished_at IS NULL;
CREATE INDEX tasks_named ON tasks (name, id) WHERE name IS NOT NULL;

CREATE TABLE traces (
    id BLOB NOT NULL PRIMARY KEY,
    trace BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (key, value, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
    task BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT,
    stream TEXT,
    path TEXT,
    message TEXT,
    PRIMARY KEY (task, seq)
) STRICT, WITHOUT ROWID;
