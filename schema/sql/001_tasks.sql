-- Version 1. Times are microseconds since the epoch, NULL for "has not happened"; ids are the 16 bytes
-- of a UUIDv7, which sorts by time, so that new rows go to the end of each tree.

-- What is large stands apart from tasks: it is not rewritten with the task's row, and SQLite need not read it
-- whenever it compares that row's key. It is found by the task's number, as appending by number is the
-- cheapest thing that SQLite does.
CREATE TABLE specs (
    n INTEGER PRIMARY KEY,
    spec TEXT
) STRICT;

CREATE TABLE outcomes (
    n INTEGER PRIMARY KEY, -- the spec's
    result TEXT,
    error TEXT,
    unhandled TEXT,
    trace BLOB
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
    spec INTEGER NOT NULL, -- specs.n, and outcomes.n if it has a row there
    name TEXT,
    labels TEXT,
    cancel_message TEXT,
    result TEXT, -- these three: here if they are short, else in outcomes
    error TEXT,
    unhandled TEXT
) STRICT, WITHOUT ROWID;

-- What a start runs again, and what lists of unfinished tasks walk along.
CREATE INDEX tasks_open ON tasks (state, id) WHERE finished_at IS NULL;
CREATE INDEX tasks_named ON tasks (name, id) WHERE name IS NOT NULL;

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
    message TEXT -- may be large: therefore not a part of its own index
) STRICT;
CREATE UNIQUE INDEX log_lines ON log (task, seq);
