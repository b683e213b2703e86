/* The SQLite backend: tasks that begin later, and how the clocks stood. */
#include <stdio.h>

#include "runtime/store/sqlite.h"

#define READ "SELECT boot, monotonic, wall, timeline FROM clock"

/* ---- writing ---- */

int sqlite_start(struct sqlite *s, struct store_request *request)
{
    const struct task_record *task = request->record;
    sqlite3_stmt *statement = s->statements[DO_START];
    sqlite_bind_id(statement, 1, &task->id);
    sqlite3_bind_int(statement, 2, (int)task->state);
    sqlite_bind_time(statement, 3, task->started_at_us);
    sqlite_bind_time(statement, 4, task->began_at_us);
    sqlite_bind_time(statement, 5, task->deadline_at_us);
    int rc = sqlite_run(s, DO_START);
    return rc == SQLITE_OK && sqlite3_changes(s->db) == 0 ? sqlite_explain(s, request, &task->id)
                                                          : rc;
}

int sqlite_note_clock(struct sqlite *s, struct store_request *request)
{
    const struct clock_note *note = request->clock;
    sqlite3_stmt *statement = s->statements[DO_CLOCK];
    sqlite_bind_text(statement, 1, note->reading.boot);
    sqlite3_bind_int64(statement, 2, note->reading.monotonic_us);
    sqlite3_bind_int64(statement, 3, note->reading.wall_us);
    sqlite3_bind_int64(statement, 4, note->timeline_us);
    return sqlite_run(s, DO_CLOCK);
}

/* ---- reading ---- */

static void take_note(sqlite3_stmt *row, struct clock_note *out)
{
    const char *boot = (const char *)sqlite3_column_text(row, 0);
    *out = (struct clock_note){.reading = {.monotonic_us = sqlite3_column_int64(row, 1),
                                           .wall_us = sqlite3_column_int64(row, 2)},
                               .timeline_us = sqlite3_column_int64(row, 3)};
    snprintf(out->reading.boot, sizeof out->reading.boot, "%s", boot ? boot : "");
}

int sqlite_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int status = sqlite_reader_prepare(r, READ, &r->read_clock, e);
    if (status != 0)
        return status;
    int rc = sqlite3_step(r->read_clock);
    if (rc == SQLITE_ROW)
        take_note(r->read_clock, out);
    else if (rc == SQLITE_DONE)
        status = error_set(e, ERROR_NOT_FOUND, "no clocks were written down");
    else
        status = sqlite_reader_fail(r, e);
    sqlite3_reset(r->read_clock);
    return status;
}
