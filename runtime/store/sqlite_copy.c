/* The SQLite backend: a database of an older version is copied before it is upgraded, and the copy
 * stays beside it: awaitd.db.v3 is what awaitd.db was in version 3. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/store/sqlite.h"
#include "schema/embedded.h"

/* Until it is whole, and on the disk, the copy has another name. */
struct copy {
    char *name, *partial;
};

static int fail_system(const char *path, const char *what, struct error *e)
{
    int number = errno;
    bool is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return error_set(e, is_full ? ERROR_STORE_FULL : ERROR_SYSTEM,
                     "%s: the copy that is made before the database is upgraded %s: %s; the "
                     "database was left as it is",
                     path, what, strerror(number));
}

static int fail(struct sqlite *s, const struct copy *copy, struct error *e)
{
    int rc = sqlite3_errcode(s->db);
    int system = sqlite3_system_errno(s->db);
    if (rc == SQLITE_FULL || system == EDQUOT || system == EFBIG)
        return error_set(e, ERROR_STORE_FULL,
                         "%s: no room on the disk for a copy of it, which is made before it is "
                         "upgraded; it was left as it is: make some room",
                         s->path);
    if (rc == SQLITE_NOMEM)
        return error_set(e, ERROR_NO_MEMORY, "%s: out of memory", s->path);
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        return error_set(e, ERROR_STORE_FOREIGN,
                         "%s: damaged (%s), so that it cannot be copied and upgraded; it was left "
                         "as it is",
                         s->path, sqlite3_errmsg(s->db));
    return error_set(
        e, ERROR_SYSTEM, "%s: the copy that is made before the database is upgraded failed: %s%s%s",
        copy->partial, sqlite3_errmsg(s->db), system ? ": " : "", system ? strerror(system) : "");
}

/* Empty, and readable for whoever may read the database, and nobody else. */
static int make_file(const struct sqlite *s, const struct copy *copy, struct error *e)
{
    struct stat status;
    if (unlink(copy->partial) != 0 && errno != ENOENT) /* of a start that did not get further */
        return fail_system(copy->partial, "cannot be made", e);
    if (stat(s->path, &status) != 0)
        return fail_system(s->path, "cannot be made", e);
    int fd = open(copy->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_system(copy->partial, "cannot be made", e);
    int rc = fchmod(fd, status.st_mode & 0666) == 0
                 ? 0
                 : fail_system(copy->partial, "cannot be made", e);
    close(fd);
    return rc;
}

static int fill_file(struct sqlite *s, const struct copy *copy, struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, copy->partial, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        sqlite3_step(statement);
    return sqlite3_finalize(statement) == SQLITE_OK && rc == SQLITE_OK ? 0 : fail(s, copy, e);
}

/* SQLite does not. */
static int sync_file(const struct copy *copy, struct error *e)
{
    int fd = open(copy->partial, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? fail_system(copy->partial, "cannot be synced", e) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int make(struct sqlite *s, const struct copy *copy, struct error *e)
{
    int rc = make_file(s, copy, e);
    if (rc == 0)
        rc = fill_file(s, copy, e);
    if (rc == 0)
        rc = sync_file(copy, e);
    if (rc == 0 && rename(copy->partial, copy->name) != 0)
        rc = fail_system(copy->name, "cannot be named", e);
    if (rc != 0)
        unlink(copy->partial);
    return rc == 0 ? sqlite_sync_folder(s, e) : rc;
}

int sqlite_keep_copy(struct sqlite *s, int version, struct error *e)
{
    struct copy copy = {NULL, NULL};
    int rc;
    if (version == 0 || version == embedded_n_migrations)
        return 0;
    if (asprintf(&copy.name, "%s.v%d", s->path, version) < 0)
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    if (asprintf(&copy.partial, "%s.partial", copy.name) < 0) {
        free(copy.name);
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    }
    rc = make(s, &copy, e);
    if (rc == 0)
        log_line(LOG_INFO,
                 "%s: of version %d of the schema, is upgraded to %d; %s stays what it was",
                 s->path, version, embedded_n_migrations, copy.name);
    free(copy.partial);
    free(copy.name);
    return rc;
}
