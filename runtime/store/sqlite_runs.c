/* The SQLite backend: the runs of the server. */
#include <errno.h>

#include "runtime/store/sqlite.h"

/* The row of a statement that has one; it is to be reset. SQLITE_OK or what went wrong. */
static int step_to_row(struct sqlite *s, sqlite3_stmt *statement)
{
    errno = 0;
    int rc = sqlite3_step(statement);
    s->system_error = errno;
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_INTERNAL : rc;
}

/* What statements about tasks say for RUN from now on. */
static int count_runs(struct sqlite *s)
{
    static const enum sqlite_statement about_tasks[] = {DO_INSERT_TASK, DO_FINISH};
    sqlite3_stmt *count = s->statements[DO_COUNT_RUNS];
    int rc = step_to_row(s, count);
    int64_t n = rc == SQLITE_OK ? sqlite3_column_int64(count, 0) : 0;
    sqlite3_reset(count);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof about_tasks / sizeof *about_tasks; i++) {
        sqlite3_stmt *statement = s->statements[about_tasks[i]];
        rc = sqlite3_bind_int64(statement, sqlite3_bind_parameter_index(statement, RUN), n);
    }
    return rc;
}

int sqlite_read_runs(struct sqlite *s, struct error *e)
{
    int rc = count_runs(s);
    if (rc == SQLITE_OK)
        return 0;
    return error_set(e, sqlite_is_out_of_memory(s->db) ? ERROR_NO_MEMORY : ERROR_SYSTEM,
                     "%s: the runs of the server: %s", s->path, sqlite3_errstr(rc));
}

int sqlite_recall_runs(struct sqlite *s, int64_t run)
{
    s->run = run;
    return count_runs(s);
}

static int look_at_runs(struct sqlite *s, struct store_run *run)
{
    sqlite3_stmt *look = s->statements[DO_LOOK_AT_RUNS];
    sqlite3_bind_int64(look, 1, run->now_us);
    sqlite3_bind_int64(look, 2, run->window_us);
    int rc = step_to_row(s, look);
    if (rc == SQLITE_OK) {
        s->run = run->number = sqlite3_column_int64(look, 0);
        run->n_crashes = (unsigned)sqlite3_column_int64(look, 1);
        run->follows_crash = sqlite3_column_int(look, 2); /* NULL reads as 0 */
    }
    sqlite3_reset(look);
    return rc;
}

static int count_open(struct sqlite *s, struct store_run *run)
{
    int rc = step_to_row(s, s->statements[DO_COUNT_OPEN]);
    if (rc == SQLITE_OK)
        run->n_open = (size_t)sqlite3_column_int64(s->statements[DO_COUNT_OPEN], 0);
    sqlite3_reset(s->statements[DO_COUNT_OPEN]);
    return rc;
}

int sqlite_begin_run(struct sqlite *s, struct store_request *request)
{
    sqlite3_bind_int64(s->statements[DO_BEGIN_RUN], 1, request->run->now_us);
    int rc = sqlite_run(s, DO_BEGIN_RUN);
    if (rc == SQLITE_OK)
        rc = sqlite_run(s, DO_TRIM_RUNS);
    if (rc == SQLITE_OK)
        rc = look_at_runs(s, request->run);
    request->run->n_open = 0;
    if (rc == SQLITE_OK && request->run->n_crashes > request->run->crash_loop)
        rc = count_open(s, request->run);
    return rc;
}

/* Of the run of this process. */
static int change_run(struct sqlite *s, enum sqlite_statement which, struct store_request *request)
{
    sqlite3_bind_int64(s->statements[which], 1, s->run);
    int rc = sqlite_run(s, which);
    if (rc == SQLITE_OK && sqlite3_changes(s->db) == 0)
        request->status = -ERROR_CONFLICT;
    return rc;
}

int sqlite_begin_jobs(struct sqlite *s, struct store_request *request)
{
    int rc = change_run(s, DO_BEGIN_JOBS, request);
    return rc == SQLITE_OK && request->status == 0 ? count_runs(s) : rc;
}

int sqlite_end_run(struct sqlite *s, struct store_request *request)
{
    return change_run(s, DO_END_RUN, request);
}
