-- Version 4. What makes a task go on where it stood.

-- ---- the journal ----

-- What happened to a task that has not ended: all that came from outside, in order (runtime/journal.h).
-- Rows may be large: therefore they are not a part of their own index.
CREATE TABLE journal (
    task BLOB NOT NULL,
    n INTEGER NOT NULL, -- 1, 2, 3…
    events BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX journal_rows ON journal (task, n);

ALTER TABLE tasks ADD COLUMN began_at INTEGER; -- when it began to run, on the database's own clock

-- ---- what clients repeat ----

-- What an Idempotency-Key was used for. Answers may be large: therefore they are not a part of an index.
CREATE TABLE keys (
    scope TEXT NOT NULL, -- within which keys are unique
    key TEXT NOT NULL,
    at INTEGER NOT NULL, -- when it was used
    fingerprint BLOB NOT NULL, -- of the request
    id BLOB NOT NULL, -- of the task or the group that it made
    tag TEXT NOT NULL, -- of its answer: the ETag, and the body
    answer TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX keys_used ON keys (scope, key);
CREATE INDEX keys_old ON keys (at);

-- ---- retention ----

-- Microseconds for which a task is kept after its end, whatever the operator says; NULL: as he says.
ALTER TABLE tasks ADD COLUMN ttl INTEGER;
CREATE INDEX tasks_expiring ON tasks (finished_at + ttl, id) WHERE ttl IS NOT NULL AND finished_at IS NOT NULL;

-- ---- tasks that begin later ----

ALTER TABLE tasks ADD COLUMN run_at INTEGER; -- when it is to begin, by the wall clock; NULL: at once
-- The same on the database's own clock, which decides: of a delay. NULL: run_at is by the wall clock.
ALTER TABLE tasks ADD COLUMN start_at INTEGER;
-- Seconds, of the timeout that was given with the submission: it counts from when the task begins. Infinity: none
-- at first; NULL: no timeout.
ALTER TABLE tasks ADD COLUMN timeout REAL;

-- ---- the runs of the server ----

-- Each start of the server on this database, the last thousand.
CREATE TABLE runs (
    n INTEGER PRIMARY KEY, -- 1, 2, 3…
    started_at INTEGER NOT NULL,
    after_crash INTEGER NOT NULL, -- the one before did not end in order
    ran_jobs INTEGER NOT NULL DEFAULT 0, -- not in safe mode
    n_ran_jobs INTEGER NOT NULL, -- how many did, of all up to this one
    in_order INTEGER NOT NULL DEFAULT 0 -- it ended as it should: written at its end
) STRICT;

-- runs.n_ran_jobs when the task was stored. While it has not ended, each run more in which jobs ran is one more of
-- its starts: so no row changes at a start.
ALTER TABLE tasks ADD COLUMN run INTEGER NOT NULL DEFAULT 0;

-- ---- the clock ----

-- How the clocks stood when that was last written down (runtime/timeline.h): one row. Microseconds.
CREATE TABLE clock (
    n INTEGER PRIMARY KEY CHECK (n = 1),
    boot TEXT NOT NULL, -- the boot that the monotonic clock counts from
    monotonic INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    timeline INTEGER NOT NULL -- the database's own clock
) STRICT;
