/* The SQLite backend: the statements of the connection that writes. */
#include "runtime/store/sqlite.h"

#include <errno.h>

int sqlite_prepare(struct sqlite *s, struct error *e)
{
    static const char *const texts[] = {
#define STATEMENT_TEXT(name, sql) sql,
        STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
    };
    for (int i = 0; i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK)
            return error_set(
                e, sqlite_is_out_of_memory(s->db) ? ERROR_NO_MEMORY : ERROR_STORE_FOREIGN,
                "%s: not the tables that belong there: %s", s->path, sqlite3_errmsg(s->db));
    return 0;
}

bool sqlite_is_out_of_memory(sqlite3 *db)
{
    int rc = sqlite3_extended_errcode(db);
    return rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM;
}

void sqlite_bind_text(sqlite3_stmt *statement, int i, const char *text)
{
    sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

void sqlite_bind_time(sqlite3_stmt *statement, int i, int64_t at_us)
{
    if (at_us == 0)
        sqlite3_bind_null(statement, i);
    else
        sqlite3_bind_int64(statement, i, at_us);
}

int sqlite_step(struct sqlite *s, enum sqlite_statement which)
{
    errno = 0;
    int rc = sqlite3_step(s->statements[which]);
    s->system_error = errno;
    return rc;
}

int sqlite_run(struct sqlite *s, enum sqlite_statement which)
{
    int rc = sqlite_step(s, which);
    sqlite3_reset(s->statements[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
