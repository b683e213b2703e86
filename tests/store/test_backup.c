/* SQLite's alone: a file that shrinks, and copies of it. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "tests/store/fixture.h"

/* ---- helpers ---- */

static int note_number(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    *(long *)context = strtol(values[0], NULL, 10);
    return 0;
}

static long ask(const char *path, const char *sql)
{
    sqlite3 *db;
    long number = -1;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, note_number, &number, NULL), SQLITE_OK);
    sqlite3_close(db);
    return number;
}

static void insert_large(unsigned n, size_t size)
{
    struct task_record *task = task_new(n);
    task->spec = realloc(task->spec, size + 1);
    memset(task->spec, 'x', size);
    task->spec[size] = '\0';
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(n, TASK_SUCCEEDED)), 0);
}

static uint64_t count_free(void)
{
    struct store_space space;
    struct error e;
    CU_ASSERT_EQUAL(store_read_space(fixture.reader, &space, &e), 0);
    CU_ASSERT_TRUE(space.n_pages > space.n_free);
    return space.n_free;
}

/* ---- shrinking ---- */

static void shrink_all(void)
{
    uint64_t before = count_free();
    while (before > 0) {
        CU_ASSERT_EQUAL(write_now(STORE_SHRINK, NULL), 0);
        uint64_t now = count_free();
        CU_ASSERT_FATAL(now < before);
        before = now;
    }
}

static void test_shrink(void)
{
    enum { N = 20, SIZE = 100000 };
    struct stat before, after;
    fixture_open();
    for (unsigned n = 0; n < N; n++)
        insert_large(n, SIZE);
    CU_ASSERT_EQUAL(count_free(), 0);
    for (unsigned n = 1; n < N; n++)
        CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(n, 0, NULL)), 0);
    fixture_close();
    stat(fixture.path, &before);
    fixture_open();
    CU_ASSERT_TRUE(count_free() > 400);
    shrink_all();
    fixture_close();
    stat(fixture.path, &after);
    CU_ASSERT_TRUE(before.st_size > N * SIZE);
    CU_ASSERT_TRUE(after.st_size < 4 * SIZE);
    CU_ASSERT_EQUAL(ask(fixture.path, "SELECT length(spec) FROM specs"), SIZE);
}

/* A file of an older version is written anew, so that it can shrink too. */
static void test_shrink_of_an_older_file(void)
{
    make_version_2("INSERT INTO specs VALUES (1, '[1]')");
    CU_ASSERT_EQUAL(ask(fixture.path, "PRAGMA auto_vacuum"), 0);
    fixture_open();
    fixture_close();
    CU_ASSERT_EQUAL(ask(fixture.path, "PRAGMA auto_vacuum"), 2);
    CU_ASSERT_EQUAL(ask(fixture.path, "SELECT count(*) FROM specs"), 1);
}

/* ---- copying ---- */

static atomic_bool never, at_once = true;

static int back_up(const char *folder, const char *name, const atomic_bool *is_stopped,
                   struct store_backup *backup, struct error *e)
{
    *backup = (struct store_backup){.folder = folder, .name = name, .is_stopped = is_stopped};
    return store_backup(fixture.store, backup, e);
}

/* How many files the folder has, hidden ones as well. */
static int count_files(const char *folder)
{
    char command[200];
    int n = -1;
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *pipe = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    CU_ASSERT_EQUAL(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

static void folder_of_copies(char folder[80])
{
    snprintf(folder, 80, "%s/copies", fixture.folder);
}

static void test_backup(void)
{
    char folder[80];
    struct store_backup backup;
    struct error e = {0};
    struct stat status;
    folder_of_copies(folder);
    fixture_open();
    for (unsigned n = 0; n < 20; n++)
        insert_large(n, 100000);
    CU_ASSERT_EQUAL_FATAL(back_up(folder, "b.db", &never, &backup, &e), 0);
    CU_ASSERT_EQUAL(stat(backup.path, &status), 0);
    CU_ASSERT_EQUAL(status.st_size, backup.n_bytes);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(count_files(folder), 1);

    CU_ASSERT_EQUAL(back_up(folder, "b.db", &never, &backup, &e), -ERROR_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "b.db already"));
    CU_ASSERT_EQUAL(count_files(folder), 1);

    insert(30); /* the copy has nothing of it */
    fixture_close();
    snprintf(fixture.path, sizeof fixture.path, "%s/b.db", folder);
    fixture_open();
    for (unsigned n = 0; n < 20; n++)
        CU_ASSERT_TRUE(is_there(n));
    CU_ASSERT_FALSE(is_there(30));
    fixture_close();
    CU_ASSERT_EQUAL(ask(fixture.path, "PRAGMA auto_vacuum"), 2);
}

static void test_backup_is_stopped(void)
{
    char folder[80];
    struct store_backup backup;
    struct error e = {0};
    folder_of_copies(folder);
    fixture_open();
    insert(1);
    CU_ASSERT_EQUAL(back_up(folder, "b.db", &at_once, &backup, &e), -ERROR_DRAINING);
    CU_ASSERT_EQUAL(count_files(folder), 0);
    CU_ASSERT_EQUAL(back_up(folder, "b.db", &never, &backup, &e), 0);
}

static void test_backup_has_no_folder(void)
{
    struct store_backup backup;
    struct error e = {0};
    fixture_open();
    CU_ASSERT_EQUAL(back_up("/proc/nothing", "b.db", &never, &backup, &e), -ERROR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/proc/nothing"));
    CU_ASSERT_EQUAL(back_up(fixture.path, "b.db", &never, &backup, &e), -ERROR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "Not a directory"));
}

/* What a killed server left is written over; what another one is writing is not. */
static void test_backup_finds_a_partial_file(void)
{
    char folder[80], partial[120];
    struct store_backup backup;
    struct error e = {0};
    folder_of_copies(folder);
    fixture_open();
    insert(1);
    CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
    snprintf(partial, sizeof partial, "%s/.a.db.partial", folder);
    FILE *file = fopen(partial, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "half a copy");
    fflush(file);
    CU_ASSERT_EQUAL(flock(fileno(file), LOCK_EX), 0);
    CU_ASSERT_EQUAL(back_up(folder, "b.db", &never, &backup, &e), -ERROR_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "is being made"));
    CU_ASSERT_EQUAL(access(partial, F_OK), 0);
    fclose(file);
    CU_ASSERT_EQUAL(back_up(folder, "b.db", &never, &backup, &e), 0);
    CU_ASSERT_EQUAL(count_files(folder), 1);
    CU_ASSERT_EQUAL(ask(backup.path, "SELECT count(*) FROM tasks"), 1);
}

/* A limit on the size of files stands for a full disk. */
static void test_backup_finds_no_room(void)
{
    char folder[80];
    struct store_backup backup;
    struct error e = {0};
    struct rlimit before, small;
    folder_of_copies(folder);
    fixture_open();
    for (unsigned n = 0; n < 20; n++)
        insert_large(n, 100000);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 500000;
    setrlimit(RLIMIT_FSIZE, &small);
    int status = back_up(folder, "b.db", &never, &backup, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_EQUAL(status, -ERROR_STORE_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no room"));
    CU_ASSERT_EQUAL(count_files(folder), 0);
    CU_ASSERT_EQUAL(back_up(folder, "b.db", &never, &backup, &e), 0);
}

/* ---- copying under load ---- */

struct load {
    atomic_uint n_done; /* the tasks below it are on disk */
    atomic_bool is_over;
};

static void *insert_all_the_time(void *context)
{
    struct load *load = context;
    for (unsigned n = 0; !load->is_over && n < 1000000; n++) {
        if (write_now(STORE_INSERT, task_new(n)) != 0)
            abort();
        load->n_done = n + 1;
    }
    return NULL;
}

/* Whatever was on disk before is in the copy, and the copy is sound. That others write does not
 * keep it from getting done. */
static void test_backup_under_load(void)
{
    char folder[80], name[16];
    struct load load = {0};
    struct store_backup backup;
    struct error e = {0};
    pthread_t thread;
    folder_of_copies(folder);
    fixture_open();
    for (unsigned n = 0; n < 60; n++)
        insert_large(2000000 + n, 100000);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, insert_all_the_time, &load), 0);
    for (int i = 0; i < 10; i++) {
        while (load.n_done < 20u * (unsigned)i + 1)
            sched_yield();
        unsigned n_before = load.n_done;
        snprintf(name, sizeof name, "%d.db", i);
        CU_ASSERT_EQUAL_FATAL(back_up(folder, name, &never, &backup, &e), 0);
        CU_ASSERT_TRUE(ask(backup.path, "SELECT count(*) FROM tasks") >= (long)n_before);
        CU_ASSERT_EQUAL(ask(backup.path, "SELECT max(n) FROM specs") -
                            ask(backup.path, "SELECT count(*) FROM tasks"),
                        0);
        CU_ASSERT_EQUAL(ask(backup.path, "SELECT count(*) FROM pragma_integrity_check"
                                         " WHERE integrity_check = 'ok'"),
                        1);
    }
    load.is_over = true;
    pthread_join(thread, NULL);
}

CU_TestInfo tests_backup[] = {
    {"shrink", test_shrink},
    {"shrink of an older file", test_shrink_of_an_older_file},
    {"backup", test_backup},
    {"backup is stopped", test_backup_is_stopped},
    {"backup has no folder", test_backup_has_no_folder},
    {"backup finds a partial file", test_backup_finds_a_partial_file},
    {"backup finds no room", test_backup_finds_no_room},
    {"backup under load", test_backup_under_load},
    CU_TEST_INFO_NULL,
};
