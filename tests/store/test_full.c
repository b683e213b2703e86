/* Disks that are full for real: a small file system, and a limit on the size of files. SQLite only.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/fixture.h"

static struct write *submit_document(void)
{
    struct write *write = write_document(STORE_PUT, "loop", "a", "{}", 5);
    write_submit(write);
    return write;
}

static void reserve_path(char path[120])
{
    snprintf(path, 120, "%s.reserve", fixture.path);
}

/* Inserts until the disk is full, then ends a task, which must wait, as there is no reserve; how
 * many went in. */
static unsigned fill_up(struct write **end)
{
    unsigned n = 1;
    char reserve[120];
    reserve_path(reserve);
    CU_ASSERT_EQUAL(unlink(reserve), 0);
    int status = insert(0);
    while (status == 0 && n < 100000) {
        struct task_record *task = task_new(n);
        task->spec = realloc(task->spec, 20001);
        memset(task->spec, 'x', 20000);
        task->spec[20000] = '\0';
        status = write_now(STORE_INSERT, task);
        n += status == 0;
    }
    CU_ASSERT_EQUAL(status, -ERROR_STORE_FULL);
    struct task_record *task = task_end(0, TASK_SUCCEEDED);
    task->result = realloc(task->result, 200001);
    memset(task->result, '1', 200000);
    task->result[200000] = '\0';
    *end = submit(STORE_FINISH, task);
    for (int i = 0; i < 3; i++) /* the last is looked at when the end was tried alone */
        CU_ASSERT_EQUAL(insert(n), -ERROR_STORE_FULL);
    CU_ASSERT_FALSE(write_is_done(*end));
    CU_ASSERT_EQUAL(fixture.n_stops, 0);
    return n;
}

static void check_room_again(unsigned n, struct write *end)
{
    CU_ASSERT_EQUAL(write_wait(end), 0);
    CU_ASSERT_EQUAL(insert(n), 0);
    for (unsigned i = 0; i <= n; i++)
        CU_ASSERT_TRUE(is_there(i));
}

/* False: the test is skipped. */
static bool mount_small(const char *size)
{
    bool is_mounted = mount("none", fixture.folder, "tmpfs", 0, size) == 0;
    if (!is_mounted) {
        fprintf(stderr, "(skipped: only root can mount a small file system) ");
        CU_PASS("skipped");
    }
    return is_mounted;
}

static void test_full_file_system(void)
{
    struct write *end;
    if (!mount_small("size=4m"))
        return;
    fixture_open();
    unsigned n = fill_up(&end);
    CU_ASSERT_EQUAL(mount("none", fixture.folder, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    check_room_again(n, end);
    fixture_close();
    CU_ASSERT_EQUAL(umount(fixture.folder), 0);
}

/* ---- the reserve ---- */

static void filler_path(char path[120])
{
    snprintf(path, 120, "%s/filler", fixture.folder);
}

static void fill_disk(void)
{
    char path[120], bytes[4096] = {1};
    filler_path(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    close(fd);
}

/* The first submissions may find a gap. */
static void insert_until_full(unsigned *n)
{
    int status;
    while ((status = insert(*n)) == 0)
        ++*n;
    CU_ASSERT_EQUAL(status, -ERROR_STORE_FULL);
}

static bool has_reserve(void)
{
    char path[120];
    struct stat status;
    reserve_path(path);
    return stat(path, &status) == 0 && status.st_blocks * 512 >= status.st_size &&
           status.st_size >= 1 << 18;
}

static int end_at_length(unsigned n)
{
    struct task_record *end = task_end(n, TASK_SUCCEEDED);
    free(end->result);
    end->result = strdup("\"x\"");
    end->result = realloc(end->result, 100003);
    memset(end->result + 1, 'x', 100000);
    strcpy(end->result + 100001, "\"");
    return write_now(STORE_FINISH, end);
}

/* What runs goes on: it finds room where what is new does not. */
static void check_goes_on(unsigned n)
{
    CU_ASSERT_EQUAL(end_at_length(n), 0);
    CU_ASSERT_FALSE(has_reserve());
    CU_ASSERT_EQUAL(write_wait(submit_log(n + 1, 1)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(n + 1, 5, "why")), 0);
    CU_ASSERT_EQUAL(insert(1000), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(write_wait(submit_document()), -ERROR_STORE_FULL);
    CU_ASSERT_EQUAL(end_at_length(n + 1), 0);
    CU_ASSERT_EQUAL(insert(1000), -ERROR_STORE_FULL);
}

static void test_reserve(void)
{
    char filler[120];
    unsigned n = 10;
    if (!mount_small("size=16m"))
        return;
    fixture_open();
    CU_ASSERT_TRUE(has_reserve());
    for (unsigned i = 0; i < n; i++)
        insert(i);
    fill_disk();
    insert_until_full(&n);
    check_goes_on(0);
    filler_path(filler);
    CU_ASSERT_EQUAL(unlink(filler), 0);
    CU_ASSERT_EQUAL(insert(n++), 0);
    CU_ASSERT_TRUE(has_reserve());

    /* And so it is with a server that starts on a full disk, where the last one left a reserve. */
    fixture_close();
    fill_disk();
    CU_ASSERT_TRUE(has_reserve());
    fixture_open();
    check_goes_on(4);
    fixture_close();
    CU_ASSERT_EQUAL(unlink(filler), 0);
    fixture_open();
    CU_ASSERT_EQUAL(insert(n), 0);
    CU_ASSERT_TRUE(has_reserve());
    struct task_record *got = look_up(5, 0);
    CU_ASSERT_EQUAL(got->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(strlen(got->result), 100002);
    task_record_unref(got);
    CU_ASSERT_FALSE(is_there(1000));
    fixture_close();
    CU_ASSERT_EQUAL(umount(fixture.folder), 0);
}

/* A limit on the size of files, as a quota, is another error of the system with the same meaning.
 */
static void test_full_by_limit(void)
{
    struct rlimit old, tight;
    struct write *end;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    fixture_open();
    tight = old;
    tight.rlim_cur = 2000000;
    setrlimit(RLIMIT_FSIZE, &tight);
    unsigned n = fill_up(&end);
    setrlimit(RLIMIT_FSIZE, &old);
    check_room_again(n, end);
}

CU_TestInfo tests_full[] = {
    {"full file system", test_full_file_system},
    {"full by limit", test_full_by_limit},
    {"full, with a reserve", test_reserve},
    CU_TEST_INFO_NULL,
};
