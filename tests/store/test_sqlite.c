/* What is SQLite's alone: the file, its lock, its version, and what a crash leaves of it. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

/* ---- helpers ---- */

/* By SQLite alone, while no store has the file. */
static void run_sql(const char *sql)
{
    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int note_check(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    *(bool *)context = strcmp(values[0], "ok") == 0;
    return 0;
}

static bool is_sound(void)
{
    sqlite3 *db;
    bool is_ok = false;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA integrity_check", note_check, &is_ok, NULL);
    sqlite3_close(db);
    return is_ok;
}

static void read_file(const char *path, struct buffer *out)
{
    char bytes[4096];
    size_t size;
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        buffer_add(out, bytes, size);
    fclose(file);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Opening is refused so, with both texts in the message, and leaves every byte as it was. */
static void check_refused(enum error_code code, const char *text, const char *other_text)
{
    struct buffer before = {0}, after = {0};
    struct store *store;
    struct error e = {0};
    read_file(fixture.path, &before);
    CU_ASSERT_EQUAL(store_open(&store, fixture.path, &e), -(int)code);
    CU_ASSERT_EQUAL(e.code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, text));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, other_text));
    read_file(fixture.path, &after);
    CU_ASSERT_EQUAL_FATAL(before.size, after.size);
    CU_ASSERT(before.size == 0 || memcmp(before.bytes, after.bytes, before.size) == 0);
    buffer_release(&before);
    buffer_release(&after);
}

/* Runs child() in a process of its own, which writes to the returned pipe, and which never returns.
 */
static pid_t fork_child(void (*child)(int out), int *in)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *in = ends[0];
    return pid;
}

static void kill_child(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
}

/* ---- reopening ---- */

static void test_reopen(void)
{
    fixture_open();
    CU_ASSERT_STRING_EQUAL(store_kind(fixture.store), "sqlite");
    insert(1);
    insert(2);
    write_now(STORE_FINISH, task_end(2, TASK_SUCCEEDED));
    for (unsigned opened = 2; opened <= 3; opened++) {
        fixture_close();
        fixture_open();
        struct task_record *open = look_up(1, STORE_SPEC), *finished = look_up(2, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(open);
        CU_ASSERT_PTR_NOT_NULL_FATAL(finished);
        CU_ASSERT_EQUAL(open->starts, opened);
        CU_ASSERT_STRING_EQUAL(open->spec, "{\"op\":\"value\",\"value\":1}");
        CU_ASSERT_EQUAL(finished->starts, 1);
        task_record_unref(open);
        task_record_unref(finished);
    }
    fixture_close();
    CU_ASSERT_TRUE(is_sound());
}

/* ---- kill -9 ---- */

static int ack_pipe;

static void ack(struct store_request *request, int status)
{
    unsigned n = (unsigned)(request->record->created_at_us - 1700000000000000);
    if (status == 0 && request->verb == STORE_FINISH)
        n |= 1u << 31;
    if (write(ack_pipe, &n, sizeof n) != sizeof n)
        _exit(1);
    task_record_unref(request->record);
    free(request);
}

static void submit_acked(struct store *store, enum store_verb verb, struct task_record *record,
                         unsigned n)
{
    struct store_request *request = calloc(1, sizeof *request);
    request->verb = verb;
    request->record = record;
    request->record->created_at_us = 1700000000000000 + n;
    request->done = ack;
    store_submit(store, request);
}

/* Inserts and finishes without end, as fast as the pipe lets it; every second one stays open. */
static void write_for_ever(int out)
{
    struct store *store;
    struct error e;
    ack_pipe = out;
    if (store_open(&store, fixture.path, &e) != 0)
        _exit(1);
    for (unsigned n = 0;; n++) {
        submit_acked(store, STORE_INSERT, task_new(n), n);
        if (n % 2)
            submit_acked(store, STORE_FINISH, task_end(n, TASK_SUCCEEDED), n);
        if (n % 64 == 0)
            usleep(100); /* or it would fill the memory: nothing else holds it back */
    }
}

static void check_acked(const unsigned *acked, size_t n_acked)
{
    fixture_open();
    for (size_t i = 0; i < n_acked; i++) {
        bool is_finish = acked[i] >> 31;
        struct task_record *got = look_up(acked[i] & ~(1u << 31), 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);
        CU_ASSERT(!is_finish || got->state == TASK_SUCCEEDED);
        CU_ASSERT_EQUAL(got->starts, got->finished_at_us ? 1 : 2);
        task_record_unref(got);
    }
    fixture_close();
    CU_ASSERT_TRUE(is_sound());
}

static void test_kill(void)
{
    enum { MAX = 20000 };
    static unsigned acked[MAX];
    for (size_t wanted = 1; wanted < 6000; wanted = wanted * 3 + 7) {
        int in;
        size_t size = 0;
        ssize_t more;
        pid_t pid = fork_child(write_for_ever, &in);
        bool is_killed = false;
        while ((more = read(in, (char *)acked + size, sizeof acked - size)) > 0) {
            size += (size_t)more;
            if (!is_killed && size >= wanted * sizeof *acked) {
                kill_child(pid);
                is_killed = true;
            }
        }
        close(in);
        CU_ASSERT_TRUE_FATAL(is_killed);
        check_acked(acked, size / sizeof *acked);
        fixture_tear_down();
        fixture_make_folder();
    }
}

/* ---- the lock ---- */

static void hold_open(int out)
{
    struct store *store;
    struct error e;
    if (store_open(&store, fixture.path, &e) != 0 || write(out, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void test_locked(void)
{
    char pid_text[32], byte, link_path[120], command[300];
    int in;
    pid_t pid = fork_child(hold_open, &in);
    CU_ASSERT_EQUAL_FATAL(read(in, &byte, 1), 1);
    close(in);
    snprintf(pid_text, sizeof pid_text, "process %d ", (int)pid);
    check_refused(ERROR_STORE_LOCKED, pid_text, "a.db.lock");

    snprintf(link_path, sizeof link_path, "%s/link.db", fixture.folder);
    snprintf(command, sizeof command, "ln -s %s %s", fixture.path, link_path);
    CU_ASSERT_EQUAL(system(command), 0);
    struct store *store;
    CU_ASSERT_EQUAL(store_open(&store, link_path, NULL), -ERROR_STORE_LOCKED);

    kill_child(pid);
    fixture_open();
    CU_ASSERT_EQUAL(insert(1), 0);
    CU_ASSERT_EQUAL(store_open(&store, fixture.path, NULL), -ERROR_STORE_LOCKED);
    CU_ASSERT_EQUAL(insert(2), 0); /* the refused attempt took nothing from us */
}

/* ---- files that are not for us ---- */

static void test_newer(void)
{
    fixture_open();
    insert(1);
    fixture_close();
    run_sql("PRAGMA user_version = 7");
    check_refused(ERROR_STORE_NEWER, "version 7 of the schema, this program knows 1",
                  "newer awaitd");
    run_sql("PRAGMA user_version = 1");
    fixture_open();
    CU_ASSERT_TRUE(is_there(1));
}

static void crash_with_newer_version(int out)
{
    sqlite3 *db;
    sqlite3_open(fixture.path, &db);
    sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL);
    _exit(write(out, "x", 1) == 1 ? 0 : 1);
}

/* The version that counts is still in the write-ahead log, and stays there. */
static void test_newer_in_log(void)
{
    struct buffer before = {0}, after = {0};
    char log_path[120], byte;
    int in;
    fixture_open();
    fixture_close();
    pid_t pid = fork_child(crash_with_newer_version, &in);
    CU_ASSERT_EQUAL(read(in, &byte, 1), 1);
    close(in);
    waitpid(pid, NULL, 0);
    snprintf(log_path, sizeof log_path, "%s-wal", fixture.path);
    read_file(log_path, &before);
    CU_ASSERT_FATAL(before.size > 0);
    check_refused(ERROR_STORE_NEWER, "version 7", "knows 1");
    read_file(log_path, &after);
    CU_ASSERT_EQUAL_FATAL(before.size, after.size);
    CU_ASSERT_EQUAL(memcmp(before.bytes, after.bytes, before.size), 0);
    buffer_release(&before);
    buffer_release(&after);
}

static void test_foreign(void)
{
    run_sql("CREATE TABLE precious (data); PRAGMA user_version = 1");
    check_refused(ERROR_STORE_FOREIGN, fixture.path, "another program");
    run_sql("PRAGMA journal_mode = WAL; INSERT INTO precious VALUES (1)");
    check_refused(ERROR_STORE_FOREIGN, fixture.path, "another program");
    run_sql("DROP TABLE precious; PRAGMA application_id = 77");
    check_refused(ERROR_STORE_FOREIGN, fixture.path, "another program");
}

static void test_not_a_database(void)
{
    char text[5000];
    memset(text, 'x', sizeof text);
    write_file(fixture.path, text, sizeof text);
    check_refused(ERROR_STORE_FOREIGN, "not an SQLite database", "left as it is");
    write_file(fixture.path, text, 10);
    check_refused(ERROR_STORE_FOREIGN, "not an SQLite database", "left as it is");
}

/* The header is whole, and what it promises is not there. */
static void test_damaged(void)
{
    struct buffer bytes = {0};
    fixture_open();
    insert(1);
    fixture_close();
    read_file(fixture.path, &bytes);
    memset(bytes.bytes + 100, 0xa5, bytes.size - 100);
    write_file(fixture.path, bytes.bytes, bytes.size);
    check_refused(ERROR_STORE_FOREIGN, "damaged", "left as it is");
    buffer_release(&bytes);
}

static void test_tables_are_missing(void)
{
    fixture_open();
    fixture_close();
    run_sql("DROP TABLE log");
    check_refused(ERROR_STORE_FOREIGN, "not the tables", "log");
}

static void test_empty_file_is_fine(void)
{
    write_file(fixture.path, "", 0);
    fixture_open();
    CU_ASSERT_EQUAL(insert(1), 0);
}

static void test_no_folder(void)
{
    struct store *store;
    struct error e = {0};
    CU_ASSERT_EQUAL(store_open(&store, "/tmp/awaitd-no-such-folder/a.db", &e), -ERROR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/tmp/awaitd-no-such-folder/a.db"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "No such file"));
    CU_ASSERT_EQUAL(mkdir(fixture.path, 0700), 0);
    CU_ASSERT_EQUAL(store_open(&store, fixture.path, &e), -ERROR_SYSTEM);
    CU_ASSERT_EQUAL(store_open(&store, "", &e), -ERROR_SYSTEM);
}

/* ---- the log is copied back in time ---- */

static void test_log_stays_small(void)
{
    char log_path[120];
    struct stat status;
    enum { N = 60, SIZE = 1000000 };
    fixture_open();
    for (unsigned i = 0; i < N; i++) {
        struct task_record *task = task_new(i);
        task->spec = realloc(task->spec, SIZE + 1);
        memset(task->spec, 'x', SIZE);
        task->spec[SIZE] = '\0';
        CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
    }
    snprintf(log_path, sizeof log_path, "%s-wal", fixture.path);
    CU_ASSERT_EQUAL(stat(log_path, &status), 0);
    CU_ASSERT_TRUE(status.st_size < 20 * SIZE);
}

/* Another program's transaction keeps us out: new tasks are refused after a while, results wait. */
static void test_foreign_writer(void)
{
    sqlite3 *db;
    fixture_open();
    insert(1);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct write *end = write_new(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    write_submit(end);
    CU_ASSERT_EQUAL(insert(2), -ERROR_SYSTEM);
    CU_ASSERT_FALSE(write_is_done(end));
    CU_ASSERT_EQUAL(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(write_wait(end), 0);
    CU_ASSERT_EQUAL(insert(2), 0);
    sqlite3_close(db);
}

CU_TestInfo tests_sqlite[] = {
    {"reopen", test_reopen},
    {"kill -9", test_kill},
    {"locked", test_locked},
    {"newer", test_newer},
    {"newer in log", test_newer_in_log},
    {"foreign", test_foreign},
    {"not a database", test_not_a_database},
    {"damaged", test_damaged},
    {"tables are missing", test_tables_are_missing},
    {"empty file is fine", test_empty_file_is_fine},
    {"no folder", test_no_folder},
    {"log stays small", test_log_stays_small},
    {"foreign writer", test_foreign_writer},
    CU_TEST_INFO_NULL,
};
