/* What the parts of the SQLite backend share: sqlite_open.c opens and guards, sqlite.c writes,
 * sqlite_read.c reads. Nobody else includes this. */
#ifndef AWAITD_RUNTIME_STORE_SQLITE_H
#define AWAITD_RUNTIME_STORE_SQLITE_H

#include <sqlite3.h>

#include "runtime/store/backend.h"

#define SQLITE_STATEMENTS 20 /* room for what sqlite.c prepares */

/* The one connection of the process that writes. Owned by the writer thread between open and close.
 */
struct sqlite {
    struct backend base;
    sqlite3 *db;
    char *path;    /* absolute, without symbolic links; readers open it too, and never change it */
    int lock;      /* descriptor of path.lock, locked */
    int wal_pages; /* in the write-ahead log, as of the last commit */
    int system_error; /* errno of the last call; SQLite's own record of it misses failed commits */
    bool is_broken;   /* a write's outcome is unknown: closing must not touch the file either */
    sqlite3_stmt *statements[SQLITE_STATEMENTS];
};

static inline void sqlite_bind_id(sqlite3_stmt *statement, int i, const struct id *id)
{
    sqlite3_bind_blob(statement, i, id->bytes, sizeof id->bytes, SQLITE_STATIC);
}

/* ---- sqlite_open.c ---- */

/* Finds the file's real name, locks it against other processes, opens it, refuses what is not ours,
 * creates or migrates. 0, or -code and *e; then sqlite_release undoes what was done. */
int sqlite_acquire(struct sqlite *s, const char *path, struct error *e);
/* Once all is known to be in order: counts a new start for every task that had not ended. */
int sqlite_begin(struct sqlite *s, struct error *e);
void sqlite_release(struct sqlite *s);

/* ---- sqlite_read.c ---- */

int sqlite_reader_open(struct store_reader **out, struct backend *backend, struct error *e);
void sqlite_reader_close(struct store_reader *reader);
int sqlite_get(struct store_reader *reader, const struct id *id, unsigned parts,
               struct task_record **out, struct error *e);
int sqlite_list(struct store_reader *reader, const struct store_filter *filter,
                struct task_record **records, size_t *n, struct error *e);
int sqlite_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                    void (*each)(void *context, const struct log_entry *entry), void *context,
                    struct error *e);
int sqlite_read_open(struct store_reader *reader, const struct id *after, size_t max,
                     struct task_record **records, size_t *n, struct error *e);

#endif
