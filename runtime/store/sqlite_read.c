/* The SQLite backend: reading, by connections that can neither write nor checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "runtime/store/sqlite.h"
#include "schema/allocate.h"
#include "schema/buffer.h"

/* An open task has one more for each run in which jobs ran since it was stored; an end has counted
 * them (FINISH). */
#define STARTS                                                                                     \
    "t.starts + iif(t.finished_at IS NULL,"                                                        \
    " coalesce((SELECT n_ran_jobs FROM runs ORDER BY n DESC LIMIT 1), 0) - t.run, 0)"
/* In the order in which take_row reads them. */
#define COLUMNS_AND(outcome)                                                                       \
    "t.id, t.state, " STARTS ", t.created_at, t.started_at, t.finished_at, t.deadline_at,"         \
    " t.cancel_requested_at, t.name, t.labels, t.cancel_message, " outcome ", t.loop,"             \
    " t.group_id, t.began_at, t.run_at, t.start_at, t.timeout, t.ttl"
#define COLUMNS                                                                                    \
    COLUMNS_AND("coalesce(t.result, o.result), coalesce(t.error, o.error),"                        \
                " coalesce(t.unhandled, o.unhandled)")
#define N_COLUMNS 21
#define WITH_OUTCOMES " LEFT JOIN outcomes o ON o.n = t.spec"
#define SPEC "(SELECT spec FROM specs WHERE n = t.spec)"

#define GET                                                                                        \
    "SELECT " COLUMNS ", CASE WHEN ?2 & 1 THEN " SPEC " END,"                                      \
    " CASE WHEN ?2 & 2 THEN o.trace END FROM tasks t" WITH_OUTCOMES " WHERE t.id = ?1"
#define READ_LOG                                                                                   \
    "SELECT seq, at, level, stream, path, message FROM log WHERE task = ?1 AND seq > ?2"           \
    " ORDER BY seq LIMIT ?3"
/* Two walks along the index of open tasks, merged. */
#define OPEN_IN_STATE(state)                                                                       \
    "SELECT " COLUMNS ", " SPEC " FROM tasks t INDEXED BY tasks_open" WITH_OUTCOMES                \
    " WHERE t.finished_at IS NULL AND t.state = " #state " AND t.id > ?1"
#define READ_OPEN OPEN_IN_STATE(0) " UNION ALL " OPEN_IN_STATE(1) " ORDER BY 1 LIMIT ?2"
#define OF_GROUP " WHERE t.group_id = ?1 AND t.id > ?2 ORDER BY t.id LIMIT ?3"
#define READ_GROUP "SELECT " COLUMNS " FROM tasks t INDEXED BY tasks_grouped" WITH_OUTCOMES OF_GROUP
#define LIST_GROUP                                                                                 \
    "SELECT " COLUMNS_AND("NULL, NULL, NULL") " FROM tasks t INDEXED BY tasks_grouped" OF_GROUP

_Static_assert(STORE_SPEC == 1 && STORE_TRACE == 2, "GET knows them as numbers");
_Static_assert(TASK_PENDING == 0 && TASK_RUNNING == 1, "READ_OPEN knows them as numbers");

/* What a list's filter asks for, as bits: each combination is a statement of its own. */
enum { BY_LABEL = 1, BY_NAME = 2, BY_STATE = 4, BY_OPEN_STATE = 8 };
_Static_assert(SQLITE_LISTS == 2 * BY_OPEN_STATE, "one for each combination");

int sqlite_reader_fail(struct sqlite_reader *r, struct error *e)
{
    return error_set(e, sqlite_is_out_of_memory(r->db) ? ERROR_NO_MEMORY : ERROR_SYSTEM,
                     "the database cannot be read: %s", sqlite3_errmsg(r->db));
}

int sqlite_reader_no_memory(struct error *e)
{
    return error_set(e, ERROR_NO_MEMORY, "out of memory while reading the database");
}

int sqlite_reader_end(struct sqlite_reader *r, sqlite3_stmt *row, int rc, struct error *e)
{
    int status = 0;
    if (rc != SQLITE_DONE)
        status = rc == SQLITE_NOMEM ? sqlite_reader_no_memory(e) : sqlite_reader_fail(r, e);
    sqlite3_reset(row);
    return status;
}

int sqlite_reader_prepare(struct sqlite_reader *r, const char *sql, sqlite3_stmt **out,
                          struct error *e)
{
    if (!*out &&
        sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        return sqlite_reader_fail(r, e);
    return 0;
}

/* ---- rows to records ---- */

/* An owned copy of a column's text; NULL for NULL. Sets *failed when out of memory. */
static char *take_text(sqlite3_stmt *row, int column, bool *failed)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return NULL;
    const unsigned char *text = sqlite3_column_text(row, column);
    size_t size = (size_t)sqlite3_column_bytes(row, column);
    char *copy = text ? allocate(size + 1) : NULL;
    if (copy)
        memcpy(copy, text, size + 1);
    else
        *failed = true;
    return copy;
}

static void take_trace(sqlite3_stmt *row, int column, struct task_record *record, bool *failed)
{
    const void *bytes = sqlite3_column_blob(row, column);
    size_t size = (size_t)sqlite3_column_bytes(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return;
    record->trace = bytes ? allocate(size) : NULL;
    if (record->trace)
        memcpy(record->trace, bytes, size);
    else
        *failed = true;
    record->trace_size = record->trace ? size : 0;
}

int sqlite_next_task(struct sqlite_reader *r, const char *sql, sqlite3_stmt **statement,
                     const struct id *after, struct id *task, struct error *e)
{
    int status = sqlite_reader_prepare(r, sql, statement, e);
    if (status != 0)
        return status;
    sqlite_bind_after(*statement, 1, after);
    int rc = sqlite3_step(*statement);
    if (rc == SQLITE_ROW)
        sqlite_take_id(*statement, 0, task);
    else if (rc == SQLITE_DONE)
        status = error_set(e, ERROR_NOT_FOUND, "there is no further task");
    else
        status = sqlite_reader_fail(r, e);
    sqlite3_reset(*statement);
    return status;
}

bool sqlite_take_id(sqlite3_stmt *row, int column, struct id *id)
{
    const void *bytes = sqlite3_column_blob(row, column);
    if (!bytes || sqlite3_column_bytes(row, column) != sizeof *id)
        return false;
    memcpy(id, bytes, sizeof *id);
    return true;
}

/* The record that a row of COLUMNS holds, with the spec and the trace if it has such columns. NULL
 * when out of memory. */
static struct task_record *take_row(sqlite3_stmt *row)
{
    struct task_record *record = task_record_new();
    bool failed = false;
    if (!record)
        return NULL;
    sqlite_take_id(row, 0, &record->id);
    record->state = (enum task_state)sqlite3_column_int(row, 1);
    record->starts = (uint32_t)sqlite3_column_int64(row, 2);
    record->created_at_us = sqlite3_column_int64(row, 3); /* NULL reads as 0 */
    record->started_at_us = sqlite3_column_int64(row, 4);
    record->finished_at_us = sqlite3_column_int64(row, 5);
    record->deadline_at_us = sqlite3_column_int64(row, 6);
    record->cancel_requested_at_us = sqlite3_column_int64(row, 7);
    record->name = take_text(row, 8, &failed);
    record->labels = take_text(row, 9, &failed);
    record->cancel_message = take_text(row, 10, &failed);
    record->result = take_text(row, 11, &failed);
    record->error = take_text(row, 12, &failed);
    record->unhandled = take_text(row, 13, &failed);
    record->loop = take_text(row, 14, &failed);
    record->has_group = sqlite_take_id(row, 15, &record->group);
    record->began_at_us = sqlite3_column_int64(row, 16);
    record->run_at_us = sqlite3_column_int64(row, 17);
    record->start_at_us = sqlite3_column_int64(row, 18);
    record->has_timeout = sqlite3_column_type(row, 19) != SQLITE_NULL;
    record->timeout = sqlite3_column_double(row, 19);
    record->has_ttl = sqlite3_column_type(row, 20) != SQLITE_NULL;
    record->ttl_us = sqlite3_column_int64(row, 20);
    if (sqlite3_column_count(row) > N_COLUMNS)
        record->spec = take_text(row, N_COLUMNS, &failed);
    if (sqlite3_column_count(row) > N_COLUMNS + 1)
        take_trace(row, N_COLUMNS + 1, record, &failed);
    if (failed) {
        task_record_unref(record);
        record = NULL;
    }
    return record;
}

/* Steps to the end, or until max records are there. All of them, or none. */
static int take_rows(struct sqlite_reader *r, sqlite3_stmt *statement, struct task_record **records,
                     size_t max, size_t *n, struct error *e)
{
    int rc = SQLITE_DONE;
    *n = 0;
    while (*n < max && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        records[*n] = take_row(statement);
        if (!records[*n]) {
            rc = SQLITE_NOMEM;
            break;
        }
        ++*n;
    }
    int status = sqlite_reader_end(r, statement, rc == SQLITE_ROW ? SQLITE_DONE : rc, e);
    while (status != 0 && *n > 0)
        task_record_unref(records[--*n]);
    return status;
}

void sqlite_bind_limit(sqlite3_stmt *statement, int i, size_t limit)
{
    sqlite3_bind_int64(statement, i, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
}

/* ---- the verbs ---- */

int sqlite_get(struct store_reader *reader, const struct id *id, unsigned parts,
               struct task_record **out, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    size_t n;
    int rc = sqlite_reader_prepare(r, GET, &r->get, e);
    if (rc != 0)
        return rc;
    sqlite_bind_id(r->get, 1, id);
    sqlite3_bind_int(r->get, 2, (int)parts);
    rc = take_rows(r, r->get, out, 1, &n, e);
    if (rc == 0 && n == 0)
        rc = error_set(e, ERROR_NOT_FOUND, "there is no such task");
    return rc;
}

static unsigned list_kind(const struct store_filter *filter)
{
    unsigned kind = filter->label_key ? BY_LABEL : 0;
    if (filter->name)
        kind |= BY_NAME;
    if (filter->state >= 0)
        kind |= task_state_is_final((enum task_state)filter->state) ? BY_STATE : BY_OPEN_STATE;
    return kind;
}

/* Which index to walk along is said outright, as SQLite has no figures to choose by: the label's,
 * else the name's, else that of the open tasks, else the table itself. What else is asked is
 * checked on the way. */
static void list_sql(unsigned kind, struct buffer *sql)
{
    buffer_text(sql, "SELECT " COLUMNS " FROM ");
    if (kind & BY_LABEL)
        buffer_text(sql, "labels l CROSS JOIN tasks t ON t.id = l.id" WITH_OUTCOMES
                         " WHERE l.key = ?5 AND l.value = ?6 AND l.id < ?1");
    else if (kind & BY_NAME)
        buffer_text(sql, "tasks t INDEXED BY tasks_named" WITH_OUTCOMES " WHERE t.id < ?1");
    else if (kind & BY_OPEN_STATE)
        buffer_text(sql, "tasks t INDEXED BY tasks_open" WITH_OUTCOMES " WHERE t.id < ?1");
    else
        buffer_text(sql, "tasks t NOT INDEXED" WITH_OUTCOMES " WHERE t.id < ?1");
    if (kind & BY_NAME)
        buffer_text(sql, " AND t.name = ?4 AND t.name IS NOT NULL");
    if (kind & BY_STATE)
        buffer_text(sql, " AND t.state = ?3");
    if (kind & BY_OPEN_STATE)
        buffer_text(sql, " AND t.state = ?3 AND t.finished_at IS NULL");
    buffer_text(sql,
                kind & BY_LABEL ? " ORDER BY l.id DESC LIMIT ?2" : " ORDER BY t.id DESC LIMIT ?2");
}

static int list_prepare(struct sqlite_reader *r, unsigned kind, struct error *e)
{
    struct buffer sql = {0};
    if (r->lists[kind])
        return 0;
    list_sql(kind, &sql);
    int rc = sql.failed ? sqlite_reader_no_memory(e)
                        : sqlite_reader_prepare(r, sql.bytes, &r->lists[kind], e);
    buffer_release(&sql);
    return rc;
}

int sqlite_list(struct store_reader *reader, const struct store_filter *filter,
                struct task_record **records, size_t *n, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    unsigned kind = list_kind(filter);
    int rc = list_prepare(r, kind, e);
    if (rc != 0)
        return rc;
    sqlite3_stmt *statement = r->lists[kind];
    sqlite_bind_before(statement, 1, filter->before);
    sqlite_bind_limit(statement, 2, filter->limit);
    sqlite3_bind_int(statement, 3, filter->state);
    sqlite3_bind_text(statement, 4, filter->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 5, filter->label_key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 6, filter->label_value, -1, SQLITE_STATIC);
    return take_rows(r, statement, records, filter->limit, n, e);
}

static const char *column_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

int sqlite_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                    void (*each)(void *context, const struct log_entry *entry), void *context,
                    struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int rc = sqlite_reader_prepare(r, READ_LOG, &r->read_log, e);
    if (rc != 0)
        return rc;
    sqlite3_stmt *row = r->read_log;
    sqlite_bind_id(row, 1, id);
    sqlite3_bind_int64(row, 2, after);
    sqlite_bind_limit(row, 3, limit);
    while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
        struct log_entry entry = {
            .task = *id,
            .seq = sqlite3_column_int64(row, 0),
            .at_us = sqlite3_column_int64(row, 1),
            .level = column_text(row, 2),
            .stream = column_text(row, 3),
            .path = column_text(row, 4),
            .message = column_text(row, 5),
        };
        if (!entry.level || !entry.stream || !entry.path || !entry.message) {
            rc = SQLITE_NOMEM; /* none is NULL on disk */
            break;
        }
        each(context, &entry);
    }
    return sqlite_reader_end(r, row, rc, e);
}

/* Greater than any id is a longer blob that begins like the greatest. */
void sqlite_bind_before(sqlite3_stmt *statement, int i, const struct id *before)
{
    static const char beyond[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    if (before)
        sqlite_bind_id(statement, i, before);
    else
        sqlite3_bind_blob(statement, i, beyond, sizeof beyond, SQLITE_STATIC);
}

/* No id is smaller than an empty blob. */
void sqlite_bind_after(sqlite3_stmt *statement, int i, const struct id *after)
{
    if (after)
        sqlite_bind_id(statement, i, after);
    else
        sqlite3_bind_zeroblob(statement, i, 0);
}

int sqlite_read_open(struct store_reader *reader, const struct id *after, size_t max,
                     struct task_record **records, size_t *n, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int rc = sqlite_reader_prepare(r, READ_OPEN, &r->read_open, e);
    if (rc != 0)
        return rc;
    sqlite_bind_after(r->read_open, 1, after);
    sqlite_bind_limit(r->read_open, 2, max);
    return take_rows(r, r->read_open, records, max, n, e);
}

int sqlite_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                      bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                      struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    sqlite3_stmt **statement = with_outcomes ? &r->read_group : &r->list_group;
    int rc = sqlite_reader_prepare(r, with_outcomes ? READ_GROUP : LIST_GROUP, statement, e);
    if (rc != 0)
        return rc;
    sqlite_bind_id(*statement, 1, group);
    sqlite_bind_after(*statement, 2, after);
    sqlite_bind_limit(*statement, 3, max);
    return take_rows(r, *statement, records, max, n, e);
}

/* ---- opening and closing ---- */

int sqlite_reader_open(struct store_reader **out, struct backend *backend, struct error *e)
{
    const char *path = ((struct sqlite *)backend)->path;
    struct sqlite_reader *r = allocate_zeroed(1, sizeof *r);
    if (!r)
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    r->base.verbs = backend->verbs;
    int rc = sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->db, "PRAGMA mmap_size = 0", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        int status = sqlite_reader_fail(r, e);
        sqlite_reader_close(&r->base);
        return status;
    }
    sqlite3_wal_autocheckpoint(r->db, 0);
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(r->db, SQLITE_BUSY_MS);
    *out = &r->base;
    return 0;
}

void sqlite_reader_close(struct store_reader *reader)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    sqlite3_stmt *statement;
    while (r->db && (statement = sqlite3_next_stmt(r->db, NULL)))
        sqlite3_finalize(statement);
    sqlite3_close(r->db);
    free(r);
}
