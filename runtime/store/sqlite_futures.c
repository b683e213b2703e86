/* The SQLite backend: what futures were set to. */
#include "runtime/store/sqlite.h"

#define NEXT "SELECT task FROM futures WHERE task > ?1 ORDER BY task LIMIT 1"
#define READ "SELECT name, result, type, message FROM futures WHERE task = ?1 ORDER BY name"

/* ---- writing ---- */

static void bind_key(sqlite3_stmt *statement, const struct future_record *future)
{
    sqlite_bind_id(statement, 1, &future->task);
    sqlite_bind_text(statement, 2, future->name);
}

int sqlite_set_future(struct sqlite *s, struct store_request *request)
{
    const struct future_record *future = request->future;
    sqlite3_stmt *statement = s->statements[DO_SET_FUTURE];
    bind_key(statement, future);
    sqlite_bind_text(statement, 3, future->result);
    sqlite_bind_text(statement, 4, future->type);
    sqlite_bind_text(statement, 5, future->message);
    int rc = sqlite_run(s, DO_SET_FUTURE);
    if ((rc & 0xff) == SQLITE_CONSTRAINT) { /* it has a value */
        request->status = -ERROR_CONFLICT;
        return SQLITE_OK;
    }
    return rc == SQLITE_OK && sqlite3_changes(s->db) == 0
               ? sqlite_explain(s, request, &future->task)
               : rc;
}

int sqlite_drop_future(struct sqlite *s, struct store_request *request)
{
    bind_key(s->statements[DO_DROP_FUTURE], request->future);
    int rc = sqlite_run(s, DO_DROP_FUTURE);
    if (rc == SQLITE_OK && sqlite3_changes(s->db) == 0)
        request->status = -ERROR_NOT_FOUND;
    return rc;
}

/* ---- reading ---- */

int sqlite_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    return sqlite_next_task(r, NEXT, &r->next_futures, after, task, e);
}

static const char *column_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

int sqlite_read_futures(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct future_record *record),
                        void *context, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int rc = sqlite_reader_prepare(r, READ, &r->read_futures, e);
    if (rc != 0)
        return rc;
    sqlite3_stmt *row = r->read_futures;
    sqlite_bind_id(row, 1, task);
    while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
        struct future_record record = {.task = *task,
                                       .name = column_text(row, 0),
                                       .result = column_text(row, 1),
                                       .type = column_text(row, 2),
                                       .message = column_text(row, 3)};
        if (!record.name || (!record.result && !record.type)) { /* NULL here is "out of memory" */
            rc = SQLITE_NOMEM;
            break;
        }
        each(context, &record);
    }
    return sqlite_reader_end(r, row, rc, e);
}
