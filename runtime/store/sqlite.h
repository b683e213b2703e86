/* What the parts of the SQLite backend share: sqlite_open.c opens and guards, sqlite.c writes,
 * with sqlite_statements.c, sqlite_read.c reads, sqlite_documents.c, sqlite_futures.c and so on do
 * all of it for what their names say. Nobody else includes this. */
#ifndef AWAITD_RUNTIME_STORE_SQLITE_H
#define AWAITD_RUNTIME_STORE_SQLITE_H

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "runtime/store/backend.h"
#include "runtime/store/sqlite_statements.h"

#define APPLICATION_ID 0x61776474 /* "awdt", in the header of the file */

/* Of tasks: a statement for each combination of what a filter can ask. */
#define SQLITE_LISTS 16

#define SQLITE_BUSY_MS 1000 /* how long a connection waits for another program */

/* How the log gets into the file: sqlite_checkpoint.c. Pages are counted as they stand in the log.
 *
 *   NONE ──► ASKED ──► DONE ──► NONE        and at the end, when nothing is asked, END
 *                └───► FAILED, for good */
enum sync_state { SYNC_NONE, SYNC_ASKED, SYNC_DONE, SYNC_FAILED, SYNC_END };
struct sqlite_checkpoint {
    int n_seen;                  /* in the log */
    int n_copied;                /* of them, into the file */
    int n_unsynced;              /* of those, since the sync that was asked for last */
    int next_slice, next_finish; /* when there are so many in the log */
    int n_tried;                 /* as many there were when the last one was to be complete */
    int n_syncs;                 /* in a row */
    bool is_complete;            /* the last one was */
    bool was_shrunk;             /* the file gets shorter with the next one */
    struct store_reader *pin_reader;
    sqlite3 *pin; /* its connection */
    bool is_pinned;
    int n_pinned;
    int file; /* a descriptor of the database, for the thread's syncs; or -1 */
    bool has_thread;
    pthread_t thread;
    sem_t wake;
    _Atomic(enum sync_state) sync;
    int sync_error; /* FAILED: errno */
};

/* The one connection of the process that writes. Owned by the writer thread between open and close.
 */
struct sqlite {
    struct backend base;
    sqlite3 *db;
    char *path;    /* absolute, without symbolic links; readers open it too, and never change it */
    int lock;      /* descriptor of path.lock, locked */
    int wal_pages; /* in the write-ahead log, as of the last commit */
    int system_error; /* errno of the last call; SQLite's own record of it misses failed commits */
    int64_t reserve_size; /* of the file that keeps room; 0: there was none yet */
    struct sqlite_checkpoint checkpoint;
    bool is_alone;  /* the batch that is carried out has one request */
    bool is_broken; /* a write's outcome is unknown: closing must not touch the file either */
    int64_t run;    /* of the server; 0: none has begun */
    struct key_sweep sweep;
    sqlite3_stmt *statements[N_STATEMENTS];
};

/* Its statements are prepared when they are first needed. */
struct sqlite_reader {
    struct store_reader base;
    sqlite3 *db;
    sqlite3_stmt *get, *read_log, *read_open, *read_group, *list_group, *get_document,
        *list_documents, *next_futures, *read_futures, *next_journal, *read_journal, *read_clock,
        *get_key, *read_ages, *read_expired, *count_pages, *count_free;
    sqlite3_stmt *lists[SQLITE_LISTS];
};

static inline void sqlite_bind_id(sqlite3_stmt *statement, int i, const struct id *id)
{
    sqlite3_bind_blob(statement, i, id->bytes, sizeof id->bytes, SQLITE_STATIC);
}

/* ---- sqlite_open.c ---- */

/* Finds the file's real name, locks it against other processes, opens it, refuses what is not ours,
 * creates or migrates. 0, or -code and *e; then sqlite_release undoes what was done. */
int sqlite_acquire(struct sqlite *s, const char *path, struct error *e);
/* Once all is known to be in order. */
int sqlite_begin(struct sqlite *s, struct error *e);
void sqlite_release(struct sqlite *s);
/* What was made, named or deleted beside the file is so for good. */
int sqlite_sync_folder(const struct sqlite *s, struct error *e);
/* Says who holds the descriptor's file. -STORE_LOCKED. */
/* flock. Where who had the lock is gone, what he had started goes, too, and is waited for; 0 or -1
 * and errno. */
int sqlite_flock(int lock, int operation);
int sqlite_lock(const struct backend *base);
int sqlite_refuse_locked(const char *path, int lock, const char *lock_name, struct error *e);

/* ---- sqlite_copy.c ---- */

/* Of a file that is to be upgraded from this version; of another none is made. 0, or -code and *e;
 * then the file is as it was. */
int sqlite_keep_copy(struct sqlite *s, int version, struct error *e);

/* ---- sqlite_reserve.c ---- */

bool sqlite_make_reserve(struct backend *backend);
bool sqlite_give_up_reserve(struct backend *backend);
/* Before the start: where there is no room even for that, the reserve that the last server left is
 * given up. [main, with the lock] */
void sqlite_relieve(struct sqlite *s);

/* ---- sqlite_vacuum.c ---- */

#define SQLITE_SHRINKABLE 2       /* auto_vacuum = INCREMENTAL */
#define SQLITE_SHRINKABLE_SINCE 4 /* a version of the schema */

/* Has the file, whose connection has asked for it, keep the books that STORE_SHRINK needs. One of
 * an older version is written anew for that, where there is room. 0, or -code and *e. */
int sqlite_make_shrinkable(struct sqlite *s, int version, struct error *e);

/* ---- sqlite_checkpoint.c ---- */

int sqlite_settle(struct backend *backend, bool is_idle);
bool sqlite_is_settled(const struct backend *backend);
/* Before sqlite_release. */
void sqlite_checkpoint_stop(struct sqlite *s);

/* ---- sqlite_statements.c ---- */

/* That is what the last call on the connection failed for. */
bool sqlite_is_out_of_memory(sqlite3 *db);
int sqlite_prepare(struct sqlite *s, struct error *e);
/* Carries out a statement that has no rows. SQLITE_OK or what went wrong. */
int sqlite_run(struct sqlite *s, enum sqlite_statement which);
/* One step, with what the system said of it; the caller resets. SQLITE_ROW, _DONE or an error. */
int sqlite_step(struct sqlite *s, enum sqlite_statement which);
void sqlite_bind_text(sqlite3_stmt *statement, int i, const char *text); /* NULL binds NULL */
void sqlite_bind_time(sqlite3_stmt *statement, int i, int64_t at_us);    /* 0 binds NULL */

/* ---- sqlite.c ---- */

/* What an error means for those who wait: a status; is_broken is set if nobody knows. is_commit: of
 * a COMMIT. */
int sqlite_judge(struct sqlite *s, int rc, bool is_commit);
/* After a change that touched no row: sets the status. An open task is in order. */
int sqlite_explain(struct sqlite *s, struct store_request *request, const struct id *id);
/* Deletes a finished task with all that belongs to it. *status: 0, -NOT_FOUND or -CONFLICT. */
int sqlite_forget(struct sqlite *s, const struct id *id, int *status);

/* ---- sqlite_documents.c, sqlite_futures.c and so on: as sqlite.c's verbs ---- */

int sqlite_put(struct sqlite *s, struct store_request *request);
int sqlite_remove(struct sqlite *s, struct store_request *request);
int sqlite_set_future(struct sqlite *s, struct store_request *request);
int sqlite_drop_future(struct sqlite *s, struct store_request *request);
int sqlite_start(struct sqlite *s, struct store_request *request);
int sqlite_note_clock(struct sqlite *s, struct store_request *request);
int sqlite_forget_all(struct sqlite *s, struct store_request *request);
int sqlite_shrink(struct sqlite *s, struct store_request *request);
int sqlite_add_journal(struct sqlite *s, struct store_request *request);

/* ---- sqlite_runs.c: the same ---- */

int sqlite_begin_run(struct sqlite *s, struct store_request *request);
int sqlite_begin_jobs(struct sqlite *s, struct store_request *request);
int sqlite_end_run(struct sqlite *s, struct store_request *request);
/* For the statements that say in which run a task was stored: the last one in which jobs ran. */
int sqlite_read_runs(struct sqlite *s, struct error *e);
/* After a batch of which nothing was done: what it may have said of runs was not so. SQLITE_OK or
 * what went wrong. */
int sqlite_recall_runs(struct sqlite *s, int64_t run);

/* ---- sqlite_keys.c, for those verbs ---- */

/* The request's key is used for it; if that cannot be, its status says why. */
int sqlite_use_key(struct sqlite *s, struct store_request *request);
/* Takes that back. */
int sqlite_free_key(struct sqlite *s, const struct key_record *key);
/* Removes some of what is no longer kept, if it is time to. */
int sqlite_sweep_keys(struct sqlite *s, int64_t now_us);

/* ---- sqlite_read.c: what goes wrong for a reader, and statements ---- */

int sqlite_reader_fail(struct sqlite_reader *r, struct error *e);
int sqlite_reader_no_memory(struct error *e);
/* After the last step, which gave rc: resets. 0, or what went wrong. */
int sqlite_reader_end(struct sqlite_reader *r, sqlite3_stmt *row, int rc, struct error *e);
int sqlite_reader_prepare(struct sqlite_reader *r, const char *sql, sqlite3_stmt **out,
                          struct error *e);
void sqlite_bind_limit(sqlite3_stmt *statement, int i, size_t limit);
void sqlite_bind_after(sqlite3_stmt *statement, int i,
                       const struct id *after); /* NULL: the first */
void sqlite_bind_before(sqlite3_stmt *statement, int i,
                        const struct id *before); /* NULL: all are */
/* The first task behind `after` that the statement of this text gives. As store_next_futures. */
int sqlite_next_task(struct sqlite_reader *r, const char *sql, sqlite3_stmt **statement,
                     const struct id *after, struct id *task, struct error *e);
/* False, and *id as it was, where there is none. */
bool sqlite_take_id(sqlite3_stmt *row, int column, struct id *id);

/* ---- the readers' verbs ---- */

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
int sqlite_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                      bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                      struct error *e);
int sqlite_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
int sqlite_read_futures(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct future_record *record),
                        void *context, struct error *e);
int sqlite_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e);
int sqlite_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
int sqlite_read_journal(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct journal_row *row), void *context,
                        struct error *e);
int sqlite_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                   struct key_record **out, struct error *e);
int sqlite_get_document(struct store_reader *reader, const char *kind, const char *name,
                        struct document **out, struct error *e);
int sqlite_list_documents(struct store_reader *reader, const char *kind, const char *after,
                          size_t limit, struct document **documents, size_t *n, struct error *e);
int sqlite_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                     struct store_age *ages, size_t *n, struct error *e);
int sqlite_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                        size_t max, struct store_age *ages, size_t *n, bool *has_more,
                        struct error *e);
int sqlite_read_space(struct store_reader *reader, struct store_space *out, struct error *e);
int sqlite_backup(struct backend *backend, struct store_backup *backup, struct error *e);

#endif
