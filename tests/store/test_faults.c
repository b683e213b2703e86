/* Disks that are full, and disks that fail: through a VFS of SQLite's that fails on demand.
 * test_full.c has disks that are full for real. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/fixture.h"

/* ---- the VFS: the real one's files, with two methods exchanged ---- */

static struct {
    atomic_bool is_full;         /* no write to the write-ahead log succeeds */
    atomic_bool log_sync_fails;  /* nor a sync of it */
    atomic_bool base_sync_fails; /* nor one of the database file */
    atomic_int n_log_syncs;
} faults;

static sqlite3_vfs *real_vfs, faulty_vfs;
static const sqlite3_io_methods *real_log_methods, *real_base_methods;
static sqlite3_io_methods log_methods, base_methods;

static int log_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    return faults.is_full ? SQLITE_FULL : real_log_methods->xWrite(file, bytes, size, at);
}

static int log_sync(sqlite3_file *file, int flags)
{
    faults.n_log_syncs++;
    return faults.log_sync_fails ? SQLITE_IOERR_FSYNC : real_log_methods->xSync(file, flags);
}

static int base_sync(sqlite3_file *file, int flags)
{
    return faults.base_sync_fails ? SQLITE_IOERR_FSYNC : real_base_methods->xSync(file, flags);
}

/* The methods are made when the first file of each kind is opened, by the main thread. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    int rc = real_vfs->xOpen(real_vfs, name, file, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    if (flags & SQLITE_OPEN_WAL) {
        if (!real_log_methods) {
            real_log_methods = file->pMethods;
            log_methods = *real_log_methods;
            log_methods.xWrite = log_write;
            log_methods.xSync = log_sync;
        }
        file->pMethods = &log_methods;
    } else if (flags & SQLITE_OPEN_MAIN_DB) {
        if (!real_base_methods) {
            real_base_methods = file->pMethods;
            base_methods = *real_base_methods;
            base_methods.xSync = base_sync;
        }
        file->pMethods = &base_methods;
    }
    return rc;
}

int faults_register(void)
{
    fixture_use_sqlite();
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.xOpen = open_file;
    return sqlite3_vfs_register(&faulty_vfs, 1) != SQLITE_OK;
}

int faults_unregister(void)
{
    return sqlite3_vfs_unregister(&faulty_vfs) != SQLITE_OK ||
           sqlite3_vfs_register(real_vfs, 1) != SQLITE_OK;
}

/* ---- a sync that fails ---- */

static void test_every_commit_is_synced(void)
{
    fixture_open();
    int before = faults.n_log_syncs;
    insert(1);
    insert(2);
    CU_ASSERT_EQUAL(faults.n_log_syncs, before + 2);
}

static void test_sync_fails(void)
{
    fixture_open();
    insert(1);
    insert(2);
    writer_hold();
    struct write *refused = write_new(STORE_INSERT, task_new(3));
    struct write *end = write_new(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    write_submit(refused);
    write_submit(end);
    faults.log_sync_fails = true;
    writer_release();
    CU_ASSERT_EQUAL(write_wait(refused), -ERROR_STORE_UNKNOWN);
    CU_ASSERT_EQUAL(write_wait(end), -ERROR_STORE_UNKNOWN);
    CU_ASSERT_EQUAL(fixture.n_stops, 1);

    faults.log_sync_fails = false; /* too late: who knows what is on the disk now */
    int syncs = faults.n_log_syncs;
    CU_ASSERT_EQUAL(insert(4), -ERROR_STORE_UNKNOWN);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_FAILED)), -ERROR_STORE_UNKNOWN);
    CU_ASSERT_EQUAL(fixture.n_stops, 1);
    CU_ASSERT_TRUE(is_there(1)); /* reading goes on */
    fixture_close();
    CU_ASSERT_EQUAL(faults.n_log_syncs, syncs);

    fixture_open();
    CU_ASSERT_TRUE(is_there(1));
    CU_ASSERT_TRUE(is_there(2));
    CU_ASSERT_FALSE(is_there(4));
    CU_ASSERT_EQUAL(insert(5), 0);
}

/* The commit is fine, the copying of the log is not: the log must stay, and nothing may follow. */
static void test_checkpoint_sync_fails(void)
{
    enum { SIZE = 9000000 }; /* more than a log is left to be */
    char log_path[120];
    struct stat status;
    struct task_record *task = task_new(1);
    fixture_open();
    task->spec = realloc(task->spec, SIZE + 1);
    memset(task->spec, 'x', SIZE);
    task->spec[SIZE] = '\0';
    faults.base_sync_fails = true;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
    while (fixture.n_stops == 0) /* it is made while all is quiet, at the latest */
        usleep(1000);
    CU_ASSERT_EQUAL(insert(2), -ERROR_STORE_UNKNOWN);
    CU_ASSERT_EQUAL(fixture.n_stops, 1);
    fixture_close();
    faults.base_sync_fails = false;
    snprintf(log_path, sizeof log_path, "%s-wal", fixture.path);
    CU_ASSERT_EQUAL(stat(log_path, &status), 0);
    CU_ASSERT_TRUE(status.st_size > SIZE);
    fixture_open();
    CU_ASSERT_TRUE(is_there(1));
}

/* ---- a full disk ---- */

static struct write *submit_document(enum store_verb verb)
{
    struct write *write = write_document(verb, "loop", "a", "{}", 5);
    write_submit(write);
    return write;
}

/* Of the second task; result NULL: drops it. */
static struct write *submit_future(const char *name, const char *result)
{
    struct write *write = write_future((struct future_record){id_of(2), name, result, NULL, NULL});
    write_submit(write);
    return write;
}

static void count_line(void *context, const struct log_entry *entry)
{
    int *n = context;
    CU_ASSERT_EQUAL(entry->seq, ++*n);
}

static void check_n_lines(unsigned n, int expected)
{
    struct id id = id_of(n);
    int lines = 0;
    CU_ASSERT_EQUAL(store_read_log(fixture.reader, &id, 0, 100, count_line, &lines, NULL), 0);
    CU_ASSERT_EQUAL(lines, expected);
}

/* What may be refused is, at once and again and again; what may not waits, in order, for room. */
static void test_full(void)
{
    fixture_open();
    insert(1);
    insert(2);
    insert(3);
    CU_ASSERT_EQUAL(write_wait(submit_future("a", "1")), 0);
    write_now(STORE_FINISH, task_end(3, TASK_FAILED));
    writer_hold();
    struct write *line = submit_log(1, 1);
    struct write *cancel = submit(STORE_CANCEL, task_cancel(1, 5, NULL));
    struct write *end = submit(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    struct write *other = submit(STORE_INSERT, task_new(4));
    struct write *deleted = submit(STORE_DELETE, task_cancel(3, 0, NULL));
    struct write *rescheduled = submit(STORE_RESCHEDULE, task_cancel(2, 0, NULL));
    struct write *put = submit_document(STORE_PUT);
    struct write *removed = submit_document(STORE_REMOVE);
    struct write *set = submit_future("b", "1");
    struct write *dropped = submit_future("a", NULL);
    faults.is_full = true;
    writer_release();
    CU_ASSERT_EQUAL(write_wait(cancel), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(other), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(deleted), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(rescheduled), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(put), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(removed), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(set), -ERROR_STORE_FULL);
    struct write *second_line = submit_log(2, 1);
    struct write *second_end = submit(STORE_FINISH, task_end(2, TASK_SUCCEEDED));
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(insert(10 + i), -ERROR_STORE_FULL);
    CU_ASSERT_FALSE(write_is_done(line));
    CU_ASSERT_FALSE(write_is_done(end));
    CU_ASSERT_FALSE(write_is_done(dropped));
    CU_ASSERT_EQUAL(fixture.n_stops, 0);

    faults.is_full = false; /* nothing else wakes the writer */
    CU_ASSERT_EQUAL(write_wait(line), 0);
    CU_ASSERT_EQUAL(write_wait(end), 0);
    CU_ASSERT_EQUAL(write_wait(dropped), 0);
    CU_ASSERT_EQUAL(write_wait(second_line), 0);
    CU_ASSERT_EQUAL(write_wait(second_end), 0);
    check_n_lines(1, 1);
    check_n_lines(2, 1);
    CU_ASSERT_EQUAL(insert(4), 0);
    CU_ASSERT_EQUAL(write_wait(submit_document(STORE_REMOVE)), -ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(is_there(3));
    CU_ASSERT_FALSE(is_there(10));
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(got->cancel_requested_at_us, 0);
    task_record_unref(got);
}

/* The end of a task that was refused is not waited for. */
static void test_full_refuses_a_whole_life(void)
{
    fixture_open();
    writer_hold();
    struct write *inserted = submit(STORE_INSERT, task_new(1));
    struct id id = id_of(1), found;
    struct write *journal = write_journal(&id, 1, 10);
    write_submit(journal);
    struct write *line = submit_log(1, 1);
    struct write *end = submit(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    faults.is_full = true;
    writer_release();
    CU_ASSERT_EQUAL(write_wait(inserted), -ERROR_STORE_FULL);
    faults.is_full = false;
    CU_ASSERT_EQUAL(write_wait(journal), 0);
    CU_ASSERT_EQUAL(write_wait(line), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(write_wait(end), -ERROR_NOT_FOUND);
    CU_ASSERT_FALSE(is_there(1));
    CU_ASSERT_EQUAL(store_next_journal(fixture.reader, NULL, &found, NULL), -ERROR_NOT_FOUND);
}

/* A task larger than SQLite's cache is written to the log before the commit: what came before it in
 * the same transaction must not stay. */
static void test_full_before_the_commit(void)
{
    enum { SIZE = 50000000 };
    struct task_record *large = task_new(2);
    fixture_open();
    large->spec = realloc(large->spec, SIZE + 1);
    memset(large->spec, 'x', SIZE);
    large->spec[SIZE] = '\0';
    writer_hold();
    struct write *first = submit(STORE_INSERT, task_new(1));
    struct write *second = submit(STORE_INSERT, large);
    faults.is_full = true;
    writer_release();
    CU_ASSERT_EQUAL(write_wait(first), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(second), -ERROR_STORE_FULL);
    faults.is_full = false;
    CU_ASSERT_EQUAL(insert(3), 0);
    CU_ASSERT_FALSE(is_there(1));
    CU_ASSERT_EQUAL(fixture.n_stops, 0);
}

/* Closing does not wait for room that may never come: the task runs again after the next start. */
static void test_full_until_closed(void)
{
    fixture_open();
    insert(1);
    writer_hold();
    struct write *end = submit(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    faults.is_full = true;
    writer_release();
    fixture_close();
    faults.is_full = false;
    CU_ASSERT_EQUAL(write_wait(end), -ERROR_STORE_FULL);
    fixture_open();
    fixture_begin_run();
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->state, TASK_PENDING);
    CU_ASSERT_EQUAL(got->starts, 2);
    task_record_unref(got);
}

/* No room for the tables of a newer version: those of the older one are as they were. */
static void test_full_while_migrating(void)
{
    struct store *store;
    make_version_1("INSERT INTO tasks (id, state, created_at, spec) VALUES (X'01', 0, 1, 1)");
    faults.is_full = true;
    CU_ASSERT_EQUAL(store_open(&store, fixture.path, NULL), -ERROR_STORE_FULL);
    faults.is_full = false;
    run_sql("BEGIN; ALTER TABLE tasks ADD COLUMN loop TEXT; CREATE TABLE documents (x); ROLLBACK");
    fixture_open();
    CU_ASSERT_EQUAL(insert(1), 0);
}

CU_TestInfo tests_faults[] = {
    {"every commit is synced", test_every_commit_is_synced},
    {"sync fails", test_sync_fails},
    {"checkpoint's sync fails", test_checkpoint_sync_fails},
    {"full", test_full},
    {"full refuses a whole life", test_full_refuses_a_whole_life},
    {"full before the commit", test_full_before_the_commit},
    {"full until closed", test_full_until_closed},
    {"full while migrating", test_full_while_migrating},
    CU_TEST_INFO_NULL,
};
