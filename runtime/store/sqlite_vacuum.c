/* The SQLite backend: a file that can shrink. */
#include <sys/statvfs.h>

#include "runtime/base/log.h"
#include "runtime/store/sqlite.h"

/* Of the file's size: a copy for a time, another in the log, and some to spare. */
#define ROOM_FACTOR 3

static long long number_of(struct sqlite *s, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    long long number = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static bool has_room(struct sqlite *s)
{
    struct statvfs disk;
    long long size = number_of(s, "PRAGMA page_count") * number_of(s, "PRAGMA page_size");
    return statvfs(s->path, &disk) == 0 &&
           (long long)disk.f_bavail * (long long)disk.f_frsize / ROOM_FACTOR > size;
}

static bool run(struct sqlite *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* A file without pages took the setting when it was opened, any other takes it when it is written
 * anew. */
int sqlite_make_shrinkable(struct sqlite *s, int version, struct error *e)
{
    static const char setting[] = "PRAGMA auto_vacuum";
    if (number_of(s, setting) == SQLITE_SHRINKABLE || version >= SQLITE_SHRINKABLE_SINCE)
        return 0;
    if (!has_room(s) || !run(s, "VACUUM")) {
        log_line(LOG_WARNING,
                 "%s: no room to write the file anew, so it will not shrink when tasks are "
                 "forgotten: what they leave is used again",
                 s->path);
        return 0;
    }
    if (!run(s, "PRAGMA wal_checkpoint(TRUNCATE)"))
        return error_set(e, ERROR_SYSTEM, "%s: the file cannot be written anew: %s", s->path,
                         sqlite3_errmsg(s->db));
    return 0;
}
