/* The SQLite backend: from the log into the file, without commits having to wait for long.
 *
 * A checkpoint copies what is in the log, and syncs the file if that was all of it; commits wait
 * meanwhile, and what takes long is the sync. So most of it is done in slices that end before the
 * last commit: a connection that only reads holds them there, by having a transaction open since
 * then, and there is no sync. Then a thread of its own syncs the file, while commits go on. What is
 * left for the last checkpoint, the one that lets the log begin anew, is little: the slice since,
 * and a sync that finds the rest done. That last one is SQLite's own and complete: the durability
 * of what is in the file does not hang on the thread, only how long it takes.
 *
 * No other connection ever checkpoints (SQLite before 3.51.3 can damage the file then), and the log
 * does not begin anew while somebody reads from it, as a backup does: then it grows, until that is
 * over. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/store/sqlite.h"

#define SLICE_PAGES 500    /* what is copied in one go: a matter of a millisecond */
#define UNSYNCED_PAGES 250 /* so few may be left for the last sync */
#define FINISH_PAGES 2000  /* so large that pages which every commit rewrites are copied seldom */
#define IDLE_PAGES 64      /* worth a checkpoint while there is nothing else to do */
#define LATE_PAGES 20000   /* when readers kept the log from beginning anew for this long, */
#define LATE_MS 20         /* wait for them, but not longer */
#define SYNCS_MAX 3        /* in a row, while much comes after each */

/* ---- the thread that syncs ---- */

static void *sync_run(void *context)
{
    struct sqlite_checkpoint *c = context;
    for (;;) {
        while (sem_wait(&c->wake) != 0)
            ;
        if (atomic_load(&c->sync) == SYNC_END)
            return NULL;
        bool failed = fdatasync(c->file) != 0;
        c->sync_error = failed ? errno : 0;
        atomic_store(&c->sync, failed ? SYNC_FAILED : SYNC_DONE);
    }
}

/* The descriptor stays open until SQLite has closed the file: closing any drops the locks on it. */
static bool has_thread(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    sigset_t all, before;
    if (c->file < 0)
        c->file = open(s->path, O_RDONLY | O_CLOEXEC);
    if (c->has_thread || c->file < 0)
        return c->has_thread;
    sem_init(&c->wake, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    c->has_thread = pthread_create(&c->thread, NULL, sync_run, c) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (c->has_thread)
        pthread_setname_np(c->thread, "awaitd-sync");
    else
        sem_destroy(&c->wake);
    return c->has_thread;
}

static bool ask_for_sync(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    if (!has_thread(s))
        return false;
    c->n_unsynced = 0;
    atomic_store(&c->sync, SYNC_ASKED);
    sem_post(&c->wake);
    return true;
}

/* ---- the connection that holds slices back ---- */

static void unpin(struct sqlite_checkpoint *c)
{
    if (c->is_pinned)
        sqlite3_exec(c->pin, "COMMIT", NULL, NULL, NULL);
    c->is_pinned = false;
}

static bool pin(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    struct store_reader *reader;
    if (!c->pin_reader && sqlite_reader_open(&reader, &s->base, NULL) == 0) {
        c->pin_reader = reader;
        c->pin = ((struct sqlite_reader *)reader)->db;
    }
    c->is_pinned =
        c->pin_reader && sqlite3_exec(c->pin, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL,
                                      NULL, NULL) == SQLITE_OK;
    c->n_pinned = s->wal_pages;
    return c->is_pinned;
}

/* ---- checkpoints ---- */

/* 0, or -STORE_UNKNOWN. That readers are in the way is in order. */
static int checkpoint(struct sqlite *s, int mode)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    int n_log = 0, n_copied = 0;
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->db, "main", mode, &n_log, &n_copied);
    s->system_error = errno;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
        return sqlite_judge(s, rc, false) == -ERROR_STORE_UNKNOWN ? -ERROR_STORE_UNKNOWN : 0;
    c->n_unsynced += n_copied > c->n_copied ? n_copied - c->n_copied : 0;
    c->n_copied = n_copied > 0 ? n_copied : 0;
    c->is_complete = n_copied == n_log;
    return 0;
}

static int copy_slice(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    int status = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    unpin(c);
    c->next_slice = s->wal_pages + SLICE_PAGES;
    return status;
}

/* The log may begin anew after it, if nobody reads from it then. */
static int finish(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    unpin(c);
    int status = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    if (status == 0 && c->is_complete && s->wal_pages >= LATE_PAGES) {
        sqlite3_busy_timeout(s->db, LATE_MS);
        status = checkpoint(s, SQLITE_CHECKPOINT_RESTART);
        sqlite3_busy_timeout(s->db, SQLITE_BUSY_MS);
    }
    c->n_unsynced = c->n_syncs = 0;
    c->next_slice = s->wal_pages + SLICE_PAGES;
    c->next_finish = s->wal_pages + FINISH_PAGES;
    c->was_shrunk = false;
    c->n_tried = s->wal_pages;
    return status;
}

/* ---- when ---- */

/* The log has begun anew. */
static void note_beginning(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    if (s->wal_pages >= c->n_seen && c->n_seen > 0) {
        c->n_seen = s->wal_pages;
        return;
    }
    c->n_seen = s->wal_pages;
    c->n_copied = c->n_unsynced = 0;
    c->next_slice = SLICE_PAGES;
    c->next_finish = FINISH_PAGES;
}

static int after_sync(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    if (atomic_load(&c->sync) == SYNC_FAILED) {
        s->system_error = c->sync_error;
        s->is_broken = true;
        return -ERROR_STORE_UNKNOWN;
    }
    atomic_store(&c->sync, SYNC_NONE);
    if (c->n_unsynced > UNSYNCED_PAGES && ++c->n_syncs < SYNCS_MAX && ask_for_sync(s))
        return 0;
    return finish(s);
}

int sqlite_settle(struct backend *base, bool is_idle)
{
    struct sqlite *s = (struct sqlite *)base;
    struct sqlite_checkpoint *c = &s->checkpoint;
    note_beginning(s);
    int sync = atomic_load(&c->sync), status = 0;
    if (sync == SYNC_DONE || sync == SYNC_FAILED)
        return after_sync(s);
    if (is_idle && sync == SYNC_NONE)
        return finish(s);
    if (c->is_pinned && s->wal_pages > c->n_pinned)
        status = copy_slice(s);
    else if (!c->is_pinned && s->wal_pages >= c->next_slice && !pin(s))
        c->next_slice = s->wal_pages + SLICE_PAGES;
    if (status == 0 && s->wal_pages >= c->next_finish && sync == SYNC_NONE && !ask_for_sync(s))
        status = finish(s);
    return status;
}

bool sqlite_is_settled(const struct backend *base)
{
    const struct sqlite *s = (const struct sqlite *)base;
    const struct sqlite_checkpoint *c = &s->checkpoint;
    bool may_be_complete = c->n_tried != s->wal_pages;
    bool is_worth_it = s->wal_pages - c->n_copied >= IDLE_PAGES || c->was_shrunk || c->is_pinned;
    return atomic_load(&c->sync) == SYNC_NONE && !(may_be_complete && is_worth_it);
}

/* ---- the end ---- */

/* Before SQLite closes the file, which it may only checkpoint then if no sync has failed. */
void sqlite_checkpoint_stop(struct sqlite *s)
{
    struct sqlite_checkpoint *c = &s->checkpoint;
    unpin(c);
    if (c->pin_reader)
        sqlite_reader_close(c->pin_reader);
    c->pin_reader = NULL;
    if (!c->has_thread)
        return;
    while (atomic_load(&c->sync) == SYNC_ASKED) /* it is soon over */
        usleep(1000);
    s->is_broken |= atomic_load(&c->sync) == SYNC_FAILED;
    atomic_store(&c->sync, SYNC_END);
    sem_post(&c->wake);
    pthread_join(c->thread, NULL);
    sem_destroy(&c->wake);
    c->has_thread = false;
}
