/* The log of SQLite's backend: what gets it into the file, and what that may fail on. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/fixture.h"
#include "tests/store/syscalls.h"

/* ---- the syncs of the thread, which may fail, and are counted ---- */

static struct {
    atomic_int n;
    atomic_bool fail;
} syncs;

static int note_sync(void *context, const struct syscall *call)
{
    char name[16] = "";
    (void)context;
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (call->kind != CALL_SYNC || strcmp(name, "awaitd-sync") != 0)
        return SYSCALL_GO;
    CU_ASSERT_STRING_EQUAL(call->path, "a.db");
    syncs.n++;
    return syncs.fail ? EIO : SYSCALL_GO;
}

static const struct syscall_watch watch = {.before = note_sync};

/* ---- helpers ---- */

static long size_of(const char *ending)
{
    char path[120];
    struct stat status = {0};
    snprintf(path, sizeof path, "%s%s", fixture.path, ending);
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    return status.st_size;
}

/* About 25 pages each, in commits of their own. */
static int insert_large(unsigned n)
{
    enum { SIZE = 90000 };
    struct task_record *task = task_new(n);
    task->spec = realloc(task->spec, SIZE + 1);
    memset(task->spec, 'x', SIZE);
    task->spec[SIZE] = '\0';
    return write_now(STORE_INSERT, task);
}

static void insert_many(unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        CU_ASSERT_EQUAL(insert_large(first + i), 0);
}

static void wait_until_small(long size)
{
    for (int ms = 0; size_of("") < size && ms < 20000; ms++)
        usleep(1000);
    CU_ASSERT_TRUE(size_of("") >= size);
}

/* ---- tests ---- */

/* In slices, while commits go on: the log begins anew again and again. */
static void test_under_load(void)
{
    syncs.n = 0;
    syscalls_watch(fixture.folder, &watch);
    fixture_open();
    insert_many(0, 500); /* 45 MB */
    CU_ASSERT_TRUE(syncs.n > 0);
    CU_ASSERT_TRUE(size_of("-wal") < 25 << 20);
    CU_ASSERT_TRUE(size_of("") > 15 << 20);
    CU_ASSERT_EQUAL(fixture.n_stops, 0);
    fixture_close();
    syscalls_watch(NULL, NULL);
}

/* Nobody needs to come for what is left. */
static void test_when_idle(void)
{
    fixture_open();
    insert_many(0, 20);
    wait_until_small(17 * 90000); /* a few pages are not worth it */
    CU_ASSERT_TRUE(is_there(7));
}

/* Whoever reads for long keeps the log from beginning anew, and nobody from writing. */
static void test_with_a_long_reader(void)
{
    sqlite3 *db;
    fixture_open();
    insert(100000);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READONLY, NULL),
                          SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM tasks", NULL, NULL, NULL),
                    SQLITE_OK);
    insert_many(0, 1000); /* 90 MB: more than when readers are waited for */
    CU_ASSERT_TRUE(size_of("-wal") > 80 << 20);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    insert_many(1000, 300);
    wait_until_small(100 << 20); /* the file has it */
    insert(100001);
    CU_ASSERT_TRUE(size_of("-wal") <= 64 << 20); /* it begins anew, cut to its limit */
    CU_ASSERT_EQUAL(fixture.n_stops, 0);
}

/* As if the disk had failed at a commit: nothing is written any more, and the log stays. */
static void test_sync_fails(void)
{
    syscalls_watch(fixture.folder, &watch);
    fixture_open();
    syncs.fail = true;
    unsigned n = 0;
    while (n < 10000 && insert_large(n) == 0)
        n++;
    CU_ASSERT_EQUAL(fixture.n_stops, 1);
    CU_ASSERT_EQUAL(insert(20000), -ERROR_STORE_UNKNOWN);
    fixture_close();
    syncs.fail = false;
    syscalls_watch(NULL, NULL);
    CU_ASSERT_TRUE(size_of("-wal") > 7 << 20);
    fixture_open();
    CU_ASSERT_TRUE(n > 0 && is_there(n - 1));
    CU_ASSERT_EQUAL(insert(20000), 0);
}

CU_TestInfo tests_checkpoint[] = {
    {"under load", test_under_load},
    {"when idle", test_when_idle},
    {"with a long reader", test_with_a_long_reader},
    {"sync fails", test_sync_fails},
    CU_TEST_INFO_NULL,
};
