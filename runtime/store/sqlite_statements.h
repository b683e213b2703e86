/* What the writing connection says: one statement of text for each thing that is done, prepared
 * once. Nobody but sqlite.h includes this. */
#ifndef AWAITD_RUNTIME_STORE_SQLITE_STATEMENTS_H
#define AWAITD_RUNTIME_STORE_SQLITE_STATEMENTS_H

/* Both have a row if something was written. */
#define PUT_SQL "INSERT INTO documents VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, name) DO "
#define CREATED " RETURNING created_at"

/* Bound once for all tasks of a run (sqlite_runs.c): runs.n_ran_jobs. */
#define RUN "?20"

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(INSERT_SPEC, "INSERT INTO specs (spec) VALUES (?1)")                                         \
    X(INSERT_TASK,                                                                                 \
      "INSERT INTO tasks (id, state, started_at, finished_at, result, error, unhandled,"           \
      " created_at, deadline_at, name, labels, loop, group_id, began_at, run_at, start_at,"        \
      " timeout, ttl, run, spec)"                                                                  \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"       \
      " ?18, " RUN ","                                                                             \
      " last_insert_rowid())")                                                                     \
    X(UNDO_SPEC, "DELETE FROM specs WHERE n = last_insert_rowid()")                                \
    X(INSERT_LABELS, "INSERT OR IGNORE INTO labels SELECT key, value, ?1 FROM json_each(?2)")      \
    X(FINISH, "UPDATE tasks SET state = ?2, started_at = ?3, finished_at = ?4, result = ?5,"       \
              " error = ?6, unhandled = ?7, starts = starts + " RUN " - run"                       \
              " WHERE id = ?1 AND finished_at IS NULL")                                            \
    X(INSERT_OUTCOME, "INSERT INTO outcomes SELECT spec, ?2, ?3, ?4, ?5 FROM tasks WHERE id = ?1") \
    X(LOG, "INSERT INTO log SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7"                                     \
           " WHERE EXISTS (SELECT 1 FROM tasks WHERE id = ?1)")                                    \
    X(CANCEL, "UPDATE tasks SET cancel_requested_at = ?2, cancel_message = ?3 WHERE id = ?1"       \
              " AND finished_at IS NULL AND cancel_requested_at IS NULL")                          \
    X(RESCHEDULE, "UPDATE tasks SET deadline_at = ?2 WHERE id = ?1 AND finished_at IS NULL")       \
    X(LOOK, "SELECT finished_at IS NOT NULL, spec FROM tasks WHERE id = ?1")                       \
    X(DELETE_LABELS, "DELETE FROM labels WHERE (key, value, id) IN (SELECT key, value, ?1"         \
                     " FROM json_each((SELECT labels FROM tasks WHERE id = ?1)))")                 \
    X(DELETE_SPEC, "DELETE FROM specs WHERE n = ?1")                                               \
    X(DELETE_OUTCOME, "DELETE FROM outcomes WHERE n = ?1")                                         \
    X(DELETE_LOG, "DELETE FROM log WHERE task = ?1")                                               \
    X(DELETE_TASK, "DELETE FROM tasks WHERE id = ?1")                                              \
    X(PUT, PUT_SQL "UPDATE SET body = excluded.body, updated_at = excluded.updated_at" CREATED)    \
    X(PUT_NEW, PUT_SQL "NOTHING" CREATED)                                                          \
    X(REMOVE, "DELETE FROM documents WHERE kind = ?1 AND name = ?2")                               \
    X(USE_KEY, "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (scope, key)"     \
               " DO UPDATE SET at = excluded.at, fingerprint = excluded.fingerprint,"              \
               " id = excluded.id, tag = excluded.tag, answer = excluded.answer"                   \
               " WHERE keys.at <= ?8")                                                             \
    X(FREE_KEY, "DELETE FROM keys WHERE scope = ?1 AND key = ?2")                                  \
    X(SWEEP_KEYS, "DELETE FROM keys WHERE rowid IN"                                                \
                  " (SELECT rowid FROM keys WHERE at <= ?1 ORDER BY at LIMIT ?2)")                 \
    X(SET_FUTURE, "INSERT INTO futures SELECT ?1, ?2, ?3, ?4, ?5"                                  \
                  " WHERE EXISTS (SELECT 1 FROM tasks WHERE id = ?1 AND finished_at IS NULL)")     \
    X(DROP_FUTURE, "DELETE FROM futures WHERE task = ?1 AND name = ?2")                            \
    X(SHRINK, "PRAGMA incremental_vacuum(32)")                                                     \
    X(ADD_JOURNAL, "INSERT INTO journal SELECT ?1, ?2, ?3"                                         \
                   " WHERE EXISTS (SELECT 1 FROM tasks WHERE id = ?1 AND finished_at IS NULL)")    \
    X(DROP_JOURNAL, "DELETE FROM journal WHERE task = ?1")                                         \
    X(DROP_FUTURES, "DELETE FROM futures WHERE task = ?1")                                         \
    X(START, "UPDATE tasks SET state = ?2, started_at = ?3, began_at = ?4, deadline_at = ?5"       \
             " WHERE id = ?1 AND finished_at IS NULL")                                             \
    X(CLOCK, "INSERT INTO clock VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (n) DO UPDATE SET"          \
             " boot = excluded.boot, monotonic = excluded.monotonic, wall = excluded.wall,"        \
             " timeline = excluded.timeline WHERE excluded.timeline >= timeline")                  \
    X(BEGIN_RUN, "INSERT INTO runs (started_at, after_crash, n_ran_jobs) SELECT ?1,"               \
                 " coalesce((SELECT NOT in_order FROM runs ORDER BY n DESC LIMIT 1), 0),"          \
                 " coalesce((SELECT n_ran_jobs FROM runs ORDER BY n DESC LIMIT 1), 0)")            \
    X(TRIM_RUNS, "DELETE FROM runs WHERE n <= (SELECT max(n) FROM runs) - 1000")                   \
    X(LOOK_AT_RUNS,                                                                                \
      "SELECT n, (SELECT count(*) FROM runs WHERE after_crash AND abs(started_at - ?1) <= ?2),"    \
      " (SELECT NOT in_order FROM runs WHERE ran_jobs ORDER BY n DESC LIMIT 1)"                    \
      " FROM runs ORDER BY n DESC LIMIT 1")                                                        \
    X(COUNT_OPEN, "SELECT count(*) FROM tasks INDEXED BY tasks_open WHERE finished_at IS NULL")    \
    X(BEGIN_JOBS, "UPDATE runs SET ran_jobs = 1, n_ran_jobs = n_ran_jobs + 1"                      \
                  " WHERE n = ?1 AND NOT ran_jobs")                                                \
    X(END_RUN, "UPDATE runs SET in_order = 1 WHERE n = ?1")                                        \
    X(COUNT_RUNS, "SELECT coalesce((SELECT n_ran_jobs FROM runs ORDER BY n DESC LIMIT 1), 0)")

enum sqlite_statement {
#define STATEMENT_ENUM(name, sql) DO_##name,
    STATEMENTS(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        N_STATEMENTS
};

#endif
