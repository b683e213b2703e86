/* The SQLite backend: what is old, and the room that it leaves. */
#include "runtime/store/sqlite.h"

/* In the order in which take_age reads them. */
#define COLUMNS "id, state, finished_at, ttl, group_id"
#define AGES "SELECT " COLUMNS " FROM tasks NOT INDEXED WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
/* Along the index, from a place in it on. */
#define EXPIRED                                                                                    \
    "SELECT " COLUMNS " FROM tasks INDEXED BY tasks_expiring"                                      \
    " WHERE ttl IS NOT NULL AND finished_at IS NOT NULL"                                           \
    " AND finished_at + ttl BETWEEN ?1 AND ?2 AND (finished_at + ttl > ?1 OR id > ?3)"             \
    " ORDER BY finished_at + ttl, id LIMIT ?4"

/* ---- writing ---- */

int sqlite_forget_all(struct sqlite *s, struct store_request *request)
{
    int status, rc = SQLITE_OK;
    for (size_t i = 0; i < request->n_ids && rc == SQLITE_OK; i++)
        rc = sqlite_forget(s, &request->ids[i], &status);
    return rc;
}

/* The statement has a row for each page. */
int sqlite_shrink(struct sqlite *s, struct store_request *request)
{
    int rc = SQLITE_OK;
    if (!s->is_alone) {
        request->status = -ERROR_CONFLICT;
        return rc;
    }
    do
        rc = sqlite_step(s, DO_SHRINK);
    while (rc == SQLITE_ROW);
    sqlite3_reset(s->statements[DO_SHRINK]);
    s->checkpoint.was_shrunk = true;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- reading ---- */

static void take_age(sqlite3_stmt *row, struct store_age *age)
{
    *age = (struct store_age){.state = (enum task_state)sqlite3_column_int(row, 1),
                              .finished_at_us = sqlite3_column_int64(row, 2),
                              .has_ttl = sqlite3_column_type(row, 3) != SQLITE_NULL};
    sqlite_take_id(row, 0, &age->id);
    age->has_group = sqlite_take_id(row, 4, &age->group);
}

/* Steps to the end: the statement has a limit. */
static int take_ages(struct sqlite_reader *r, sqlite3_stmt *statement, struct store_age *ages,
                     size_t *n, int64_t *last_ttl_us, struct error *e)
{
    int rc, status = 0;
    *n = 0;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_age(statement, &ages[(*n)++]);
        *last_ttl_us = sqlite3_column_int64(statement, 3);
    }
    if (rc != SQLITE_DONE)
        status = sqlite_reader_fail(r, e);
    sqlite3_reset(statement);
    return status;
}

int sqlite_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                     struct store_age *ages, size_t *n, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int64_t ttl_us;
    int rc = sqlite_reader_prepare(r, AGES, &r->read_ages, e);
    if (rc != 0)
        return rc;
    sqlite_bind_before(r->read_ages, 1, before);
    sqlite_bind_limit(r->read_ages, 2, max);
    return take_ages(r, r->read_ages, ages, n, &ttl_us, e);
}

int sqlite_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                        size_t max, struct store_age *ages, size_t *n, bool *has_more,
                        struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int64_t ttl_us = 0;
    int rc = sqlite_reader_prepare(r, EXPIRED, &r->read_expired, e);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(r->read_expired, 1, cursor->at_us);
    sqlite3_bind_int64(r->read_expired, 2, now_us);
    sqlite_bind_id(r->read_expired, 3, &cursor->id);
    sqlite_bind_limit(r->read_expired, 4, max);
    rc = take_ages(r, r->read_expired, ages, n, &ttl_us, e);
    *has_more = rc == 0 && *n == max;
    if (*has_more)
        *cursor = (struct store_cursor){ages[max - 1].finished_at_us + ttl_us, ages[max - 1].id};
    return rc;
}

static int count(struct sqlite_reader *r, const char *sql, sqlite3_stmt **statement, uint64_t *n,
                 struct error *e)
{
    int status = sqlite_reader_prepare(r, sql, statement, e);
    if (status != 0)
        return status;
    if (sqlite3_step(*statement) == SQLITE_ROW)
        *n = (uint64_t)sqlite3_column_int64(*statement, 0);
    if (sqlite3_reset(*statement) != SQLITE_OK)
        status = sqlite_reader_fail(r, e);
    return status;
}

int sqlite_read_space(struct store_reader *reader, struct store_space *out, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    *out = (struct store_space){0};
    int status = count(r, "PRAGMA page_count", &r->count_pages, &out->n_pages, e);
    return status == 0 ? count(r, "PRAGMA freelist_count", &r->count_free, &out->n_free, e)
                       : status;
}
