#include "runtime/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "schema/embedded.h"

/* ---- the file's name and its lock ---- */

/* As realpath, but the file itself need not exist yet. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);
    if (real || errno != ENOENT)
        return real;
    const char *slash = strrchr(path, '/');
    if (*(slash ? slash + 1 : path) == '\0') { /* no name of a file, only a folder's */
        errno = EISDIR;
        return NULL;
    }
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *real_folder = folder ? realpath(folder, NULL) : NULL;
    if (real_folder && asprintf(&real, "%s/%s", real_folder, slash ? slash + 1 : path) < 0) {
        real = NULL;
        errno = ENOMEM;
    }
    free(real_folder);
    free(folder);
    return real;
}

/* Whose lock it is, as the file says. */
static void read_holder(int lock, char pid[24])
{
    ssize_t size = pread(lock, pid, 23, 0);
    pid[size > 0 ? size : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
}

static bool is_holder_gone(int lock)
{
    char pid[24];
    read_holder(lock, pid);
    return pid[0] && kill((pid_t)atol(pid), 0) != 0 && errno == ESRCH;
}

#define LEFTOVERS_MS 10000 /* for processes of a server that is gone to be gone, too */

int sqlite_flock(int lock, int operation)
{
    int rc, error;
    for (int ms = 0; (rc = flock(lock, operation | LOCK_NB)) != 0; ms++) {
        error = errno;
        if (error != EWOULDBLOCK || ms == LEFTOVERS_MS || !is_holder_gone(lock)) {
            errno = error;
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return rc;
}

int sqlite_lock(const struct backend *base)
{
    return ((const struct sqlite *)base)->lock;
}

int sqlite_refuse_locked(const char *path, int lock, const char *lock_name, struct error *e)
{
    char pid[24];
    read_holder(lock, pid);
    return error_set(
        e, ERROR_STORE_LOCKED,
        "%s: process %s has this database open and holds %s; stop it, or use another file", path,
        pid[0] ? pid : "(unknown)", lock_name);
}

/* The lock lasts as long as the descriptor, whatever ends the process. It is a file of its own, as
 * closing any descriptor of the database itself would drop SQLite's locks on that. The file stays:
 * to remove it would let two processes lock two files of one name. */
static int lock_take(struct sqlite *s, struct error *e)
{
    char name[4096], pid[24];
    snprintf(name, sizeof name, "%s.lock", s->path);
    s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (s->lock < 0)
        return error_set(e, ERROR_SYSTEM,
                         "%s: %s; the folder must exist, and be writable for this user", name,
                         strerror(errno));
    if (sqlite_flock(s->lock, LOCK_EX) != 0) {
        if (errno == EWOULDBLOCK)
            return sqlite_refuse_locked(s->path, s->lock, name, e);
        return error_set(e, ERROR_SYSTEM, "%s: cannot be locked: %s", name, strerror(errno));
    }
    s->base.marks = marks_open(name);
    /* Only for the message of whoever comes next, so a full disk does not matter here. */
    int size = snprintf(pid, sizeof pid, "%-22ld\n", (long)getpid());
    if (pwrite(s->lock, pid, (size_t)size, 0) != size)
        errno = 0;
    return 0;
}

/* ---- asking and telling the connection ---- */

static int fail(const struct sqlite *s, const char *doing, struct error *e)
{
    int rc = sqlite3_errcode(s->db);
    if (sqlite_is_out_of_memory(s->db))
        return error_set(e, ERROR_NO_MEMORY, "%s: out of memory", s->path);
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
        return error_set(e, ERROR_STORE_FOREIGN,
                         "%s: not an SQLite database, or damaged (%s); it was left as it is: put a "
                         "backup in its place, or move it away to begin with an empty one",
                         s->path, sqlite3_errmsg(s->db));
    if (rc == SQLITE_FULL)
        return error_set(e, ERROR_STORE_FULL, "%s: %s: no room left on the disk; make some",
                         s->path, doing);
    int system = sqlite3_system_errno(s->db);
    return error_set(e, ERROR_SYSTEM, "%s: %s: %s%s%s", s->path, doing, sqlite3_errmsg(s->db),
                     system ? ": " : "", system ? strerror(system) : "");
}

static int execute(struct sqlite *s, const char *sql, struct error *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, sql, e);
}

/* The first column of the first row, as text. */
static int ask(struct sqlite *s, const char *sql, char answer[64], struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        snprintf(answer, 64, "%s", (const char *)sqlite3_column_text(statement, 0));
        rc = 0;
    }
    if (sqlite3_finalize(statement) != SQLITE_OK || rc != 0)
        return fail(s, sql, e);
    return 0;
}

static int ask_number(struct sqlite *s, const char *sql, long long *number, struct error *e)
{
    char answer[64];
    int rc = ask(s, sql, answer, e);
    if (rc == 0)
        *number = strtoll(answer, NULL, 10);
    return rc;
}

/* Sets what durability hangs on, and believes it only when read back. */
static int require(struct sqlite *s, const char *set, const char *get, const char *wanted,
                   struct error *e)
{
    char answer[64];
    int rc = execute(s, set, e);
    if (rc == 0)
        rc = ask(s, get, answer, e);
    if (rc == 0 && strcmp(answer, wanted) != 0)
        rc = error_set(e, ERROR_SYSTEM, "%s: %s: SQLite answers %s; is its file system local?",
                       s->path, set, answer);
    return rc;
}

/* ---- opening ---- */

/* Reads only: whose file is it, and which version? 0 for an empty one. */
static int identify(struct sqlite *s, int *version, struct error *e)
{
    long long application, user, n_objects;
    int rc;
    if ((rc = ask_number(s, "PRAGMA application_id", &application, e)) != 0 ||
        (rc = ask_number(s, "PRAGMA user_version", &user, e)) != 0 ||
        (rc = ask_number(s, "SELECT count(*) FROM sqlite_schema", &n_objects, e)) != 0)
        return rc;
    bool is_empty = application == 0 && user == 0 && n_objects == 0;
    if (!is_empty && (application != APPLICATION_ID || user < 1))
        return error_set(
            e, ERROR_STORE_FOREIGN,
            "%s: a database of another program; it was left as it is: use another file", s->path);
    if (user > embedded_n_migrations)
        return error_set(e, ERROR_STORE_NEWER,
                         "%s: written by version %lld of the schema, this program knows %d; it was "
                         "left as it is: use a newer awaitd",
                         s->path, user, embedded_n_migrations);
    *version = (int)user;
    return 0;
}

/* All steps in one transaction, so that a crash leaves either version, and nothing between. */
static int migrate(struct sqlite *s, int version, struct error *e)
{
    char stamp[100];
    if (version == embedded_n_migrations)
        return 0;
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, embedded_n_migrations);
    int rc = execute(s, "BEGIN IMMEDIATE", e);
    for (int i = version; i < embedded_n_migrations && rc == 0; i++)
        rc = execute(s, embedded_migrations[i], e);
    if (rc == 0)
        rc = execute(s, stamp, e);
    return rc == 0 ? execute(s, "COMMIT", e) : rc;
}

/* A file is there for good only once its folder says so. */
int sqlite_sync_folder(const struct sqlite *s, struct error *e)
{
    char *slash = strrchr(s->path, '/');
    char *folder = strndup(s->path, (size_t)(slash - s->path) + 1);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = 0;
    if (!folder)
        rc = error_set(e, ERROR_NO_MEMORY, "%s: out of memory", s->path);
    else if (fd < 0 || fsync(fd) != 0)
        rc = error_set(e, ERROR_SYSTEM, "%s: the folder cannot be synced: %s", s->path,
                       strerror(errno));
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

/* Until the file is known to be ours nothing may write it, not even the checkpoint of a close. */
static int open_connection(struct sqlite *s, int *version, struct error *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return fail(s, "opening", e);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(s->db, 0); /* see sqlite_settle */
    sqlite3_busy_timeout(s->db, SQLITE_BUSY_MS);
    int rc = identify(s, version, e);
    if (rc == 0 && sqlite3_db_readonly(s->db, "main"))
        rc = error_set(e, ERROR_SYSTEM, "%s: not writable for this user", s->path);
    return rc;
}

int sqlite_acquire(struct sqlite *s, const char *path, struct error *e)
{
    int rc, version = 0;
    s->lock = -1;
    s->path = real_path(path);
    if (!s->path && errno == ENOMEM)
        return error_set(e, ERROR_NO_MEMORY, "%s: out of memory", path);
    if (!s->path)
        return error_set(e, ERROR_SYSTEM, "'%s': %s; give a file in a folder that exists", path,
                         strerror(errno));
    if ((rc = lock_take(s, e)) != 0)
        return rc;
    sqlite_relieve(s);
    if ((rc = open_connection(s, &version, e)) != 0)
        return rc;
    /* No memory mapping: a read error on a mapped page is a SIGBUS, not an error. */
    if ((rc = execute(s, "PRAGMA mmap_size = 0; PRAGMA auto_vacuum = INCREMENTAL", e)) != 0 ||
        (rc = require(s, "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal", e)) != 0 ||
        (rc = require(s, "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2", e)) != 0 ||
        (rc = execute(s, "PRAGMA cache_size = -32768; PRAGMA journal_size_limit = 67108864", e)))
        return rc;
    rc = sqlite_keep_copy(s, version, e);
    if (rc == 0)
        rc = sqlite_make_shrinkable(s, version, e);
    if (rc == 0)
        rc = migrate(s, version, e);
    return rc == 0 ? sqlite_sync_folder(s, e) : rc;
}

int sqlite_begin(struct sqlite *s, struct error *e)
{
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return sqlite_read_runs(s, e);
}

void sqlite_release(struct sqlite *s)
{
    for (int i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    if (s->is_broken)
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(s->db);
    if (s->checkpoint.file >= 0)
        close(s->checkpoint.file);
    if (s->lock >= 0)
        close(s->lock);
    marks_unref(s->base.marks);
    free(s->path);
}
