/* The SQLite backend: the journals of tasks that have not ended. */
#include "runtime/store/sqlite.h"

#define NEXT "SELECT task FROM journal WHERE task > ?1 ORDER BY task LIMIT 1"
#define READ "SELECT n, events FROM journal WHERE task = ?1 ORDER BY n"

static int add_row(struct sqlite *s, const struct journal_row *row)
{
    sqlite3_stmt *statement = s->statements[DO_ADD_JOURNAL];
    sqlite_bind_id(statement, 1, &row->task);
    sqlite3_bind_int64(statement, 2, row->n);
    sqlite3_bind_blob64(statement, 3, row->entries, row->size, SQLITE_STATIC);
    return sqlite_run(s, DO_ADD_JOURNAL);
}

int sqlite_add_journal(struct sqlite *s, struct store_request *request)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < request->n_rows && rc == SQLITE_OK; i++)
        rc = add_row(s, &request->rows[i]);
    return rc;
}

int sqlite_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    return sqlite_next_task(r, NEXT, &r->next_journal, after, task, e);
}

int sqlite_read_journal(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct journal_row *row), void *context,
                        struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int rc, status = sqlite_reader_prepare(r, READ, &r->read_journal, e);
    if (status != 0)
        return status;
    sqlite_bind_id(r->read_journal, 1, task);
    while ((rc = sqlite3_step(r->read_journal)) == SQLITE_ROW) {
        const struct journal_row row = {
            .task = *task,
            .n = (uint32_t)sqlite3_column_int64(r->read_journal, 0),
            .entries = (char *)(uintptr_t)sqlite3_column_blob(r->read_journal, 1),
            .size = (size_t)sqlite3_column_bytes(r->read_journal, 1)};
        if (!row.entries && row.size) { /* out of memory */
            rc = SQLITE_NOMEM;
            break;
        }
        each(context, &row);
    }
    if (rc != SQLITE_DONE)
        status = sqlite_reader_fail(r, e);
    sqlite3_reset(r->read_journal);
    return status;
}
