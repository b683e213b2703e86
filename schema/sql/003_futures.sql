-- Version 3. What futures of tasks that have not ended were set to, so that it is there when the task runs again.
-- A result may be large: therefore it is not a part of its own index.
CREATE TABLE futures (
    task BLOB NOT NULL,
    name TEXT NOT NULL,
    result TEXT, -- JSON; or NULL, and an exception's type
    type TEXT,
    message TEXT
) STRICT;
CREATE UNIQUE INDEX futures_named ON futures (task, name);
