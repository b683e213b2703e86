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

-- ---- retention ----

-- Microseconds for which a task is kept after its end, whatever the operator says; NULL: as he says.
ALTER TABLE tasks ADD COLUMN ttl INTEGER;
CREATE INDEX tasks_expiring ON tasks (finished_at + ttl, id) WHERE ttl IS NOT NULL AND finished_at IS NOT NULL;

-- ---- tasks that begin later ----

-- ---- the runs of the server ----

-- ---- the clock ----
