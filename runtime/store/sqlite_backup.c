/* The SQLite backend: a copy of the database, made while it is in use. It is read in one long
 * transaction of a connection that can only read: writers go on, and what they write stays in the
 * log until the copy is made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/store/sqlite.h"

#define STEP_PAGES 64      /* in one go */
#define SYNC_STEPS 64      /* after so many, what was written goes to the disk: 16 MiB */
#define RESERVE (32 << 20) /* bytes that are left to those who submit tasks */

/* A copy in the making: the file has another name for so long, and is locked against other servers
 * that keep their copies in the same folder. */
struct copy {
    struct store_backup *asked;
    struct sqlite_reader *from;
    sqlite3 *to;
    char partial[4096];
    int folder, file; /* descriptors */
    bool is_ours;     /* the partial file */
};

/* ---- what goes wrong ---- */

static bool means_full(int system_error)
{
    return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

static int fail_system(const char *what, const char *path, struct error *e)
{
    int number = errno;
    return error_set(e, means_full(number) ? ERROR_STORE_FULL : ERROR_SYSTEM, "%s: %s: %s", path,
                     what, strerror(number));
}

static int fail_no_room(const struct copy *copy, struct error *e)
{
    return error_set(e, ERROR_STORE_FULL,
                     "%s: no room for a copy on its disk; nothing is left of it",
                     copy->asked->folder);
}

/* What SQLite says of one of the two; errno, of what it does not pass on. */
static int fail(struct copy *copy, int rc, struct error *e)
{
    if ((rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && means_full(errno)))
        return fail_no_room(copy, e);
    return error_set(e, (rc & 0xff) == SQLITE_NOMEM ? ERROR_NO_MEMORY : ERROR_SYSTEM,
                     "%s: the copy failed: %s", copy->partial, sqlite3_errstr(rc));
}

/* ---- the file ---- */

static int open_folder(struct copy *copy, struct error *e)
{
    const char *path = copy->asked->folder;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_system("cannot be made", path, e);
    copy->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy->folder < 0)
        return fail_system("cannot be opened", path, e);
    char *real = realpath(path, NULL);
    if (!real)
        return fail_system("cannot be found", path, e);
    struct store_backup *asked = copy->asked;
    const char *base = strrchr(sqlite3_db_filename(copy->from->db, "main"), '/') + 1;
    int size = snprintf(asked->path, sizeof asked->path, "%s/%s", real, asked->name);
    int partial_size = snprintf(copy->partial, sizeof copy->partial, "%s/.%s.partial", real, base);
    free(real);
    if (size >= (int)sizeof asked->path || partial_size >= (int)sizeof copy->partial)
        return error_set(e, ERROR_SYSTEM, "%s: the name is too long", path);
    if (access(asked->path, F_OK) == 0)
        return error_set(e, ERROR_CONFLICT, "there is a file %s already", asked->path);
    return 0;
}

/* Whoever had it before may have given it its final name meanwhile. */
static bool is_still_named(const struct copy *copy)
{
    struct stat ours, named;
    return fstat(copy->file, &ours) == 0 && stat(copy->partial, &named) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static int open_file(struct copy *copy, struct error *e)
{
    copy->file = open(copy->partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (copy->file < 0)
        return fail_system("cannot be made", copy->partial, e);
    if (flock(copy->file, LOCK_EX | LOCK_NB) != 0 || !is_still_named(copy))
        return error_set(e, ERROR_CONFLICT, "a copy is being made into this folder");
    copy->is_ours = true;
    return ftruncate(copy->file, 0) == 0 ? 0 : fail_system("cannot be written", copy->partial, e);
}

static int64_t free_bytes(const struct copy *copy)
{
    struct statvfs disk;
    return fstatvfs(copy->folder, &disk) == 0 ? (int64_t)(disk.f_bavail * disk.f_frsize)
                                              : INT64_MAX;
}

/* It has its name once it is whole. */
static int give_name(struct copy *copy, struct error *e)
{
    struct stat status;
    if (fsync(copy->file) != 0 || fstat(copy->file, &status) != 0)
        return fail_system("cannot be synced", copy->partial, e);
    copy->asked->n_bytes = status.st_size;
    if (renameat2(AT_FDCWD, copy->partial, AT_FDCWD, copy->asked->path, RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST)
            return error_set(e, ERROR_CONFLICT, "there is a file %s already", copy->asked->path);
        return fail_system("cannot be named", copy->asked->path, e);
    }
    copy->is_ours = false;
    return fsync(copy->folder) == 0 ? 0 : fail_system("cannot be synced", copy->asked->folder, e);
}

/* ---- the copying ---- */

static int note_size(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    *(int64_t *)context = values[0] ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

/* What is read from now on is what is committed now. */
static int begin_reading(struct copy *copy, struct error *e)
{
    static const char begin[] = "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1";
    static const char sum[] = "SELECT page_count * page_size FROM pragma_page_count, "
                              "pragma_page_size";
    int64_t size = 0;
    if (sqlite3_exec(copy->from->db, begin, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(copy->from->db, sum, note_size, &size, NULL) != SQLITE_OK)
        return sqlite_reader_fail(copy->from, e);
    return free_bytes(copy) < size + RESERVE ? fail_no_room(copy, e) : 0;
}

/* Nobody ever reads half of it, so it needs neither a journal nor syncs of SQLite's own. */
static int open_copy(struct copy *copy, struct error *e)
{
    errno = 0;
    int rc = sqlite3_open_v2(copy->partial, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy->to,
                          "PRAGMA mmap_size = 0; PRAGMA journal_mode = OFF;"
                          " PRAGMA synchronous = OFF; PRAGMA cache_size = -1024",
                          NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(copy, rc, e);
}

/* What was written goes to the disk in portions, so that the syncs of commits need not wait for
 * much of it. */
static int rest(struct copy *copy, struct error *e)
{
    if (fdatasync(copy->file) != 0)
        return fail_system("cannot be synced", copy->partial, e);
    return free_bytes(copy) < RESERVE ? fail_no_room(copy, e) : 0;
}

static int copy_pages(struct copy *copy, struct error *e)
{
    sqlite3_backup *pages = sqlite3_backup_init(copy->to, "main", copy->from->db, "main");
    if (!pages)
        return fail(copy, sqlite3_errcode(copy->to), e);
    int rc = SQLITE_OK, status = 0;
    errno = 0;
    for (int i = 1; status == 0 && rc == SQLITE_OK; i++) {
        if (atomic_load(copy->asked->is_stopped))
            status = error_set(e, ERROR_DRAINING,
                               "the server is shutting down; nothing is left "
                               "of the copy");
        else if ((rc = sqlite3_backup_step(pages, STEP_PAGES)) == SQLITE_OK && i % SYNC_STEPS == 0)
            status = rest(copy, e);
    }
    if (status == 0 && rc != SQLITE_DONE)
        status = fail(copy, rc, e);
    int finished = sqlite3_backup_finish(pages);
    return status == 0 && finished != SQLITE_OK ? fail(copy, finished, e) : status;
}

static int make(struct copy *copy, struct error *e)
{
    int status = open_folder(copy, e);
    if (status == 0)
        status = open_file(copy, e);
    if (status == 0)
        status = begin_reading(copy, e);
    if (status == 0)
        status = open_copy(copy, e);
    if (status == 0)
        status = copy_pages(copy, e);
    errno = 0;
    int rc = sqlite3_close(copy->to); /* which writes what is still in its cache */
    copy->to = NULL;
    if (status == 0 && rc != SQLITE_OK)
        status = fail(copy, rc, e);
    return status == 0 ? give_name(copy, e) : status;
}

int sqlite_backup(struct backend *backend, struct store_backup *asked, struct error *e)
{
    struct copy copy = {.asked = asked, .folder = -1, .file = -1};
    struct store_reader *reader;
    int status = sqlite_reader_open(&reader, backend, e);
    if (status != 0)
        return status;
    copy.from = (struct sqlite_reader *)reader;
    status = make(&copy, e);
    if (copy.is_ours)
        unlink(copy.partial);
    if (copy.file >= 0)
        close(copy.file);
    if (copy.folder >= 0)
        close(copy.folder);
    sqlite_reader_close(reader);
    return status;
}
