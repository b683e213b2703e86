/* What is SQLite's alone: the file, its lock and its version. */
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
#include "schema/embedded.h"
#include "tests/store/fixture.h"

/* ---- helpers ---- */

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
    char said[80], ours[40];
    fixture_open();
    insert(1);
    fixture_close();
    snprintf(said, sizeof said, "version 77 of the schema, this program knows %d",
             embedded_n_migrations);
    snprintf(ours, sizeof ours, "PRAGMA user_version = %d", embedded_n_migrations);
    run_sql("PRAGMA user_version = 77");
    check_refused(ERROR_STORE_NEWER, said, "newer awaitd");
    run_sql(ours);
    fixture_open();
    CU_ASSERT_TRUE(is_there(1));
}

static void crash_with_newer_version(int out)
{
    sqlite3 *db;
    sqlite3_open(fixture.path, &db);
    sqlite3_exec(db, "PRAGMA user_version = 77", NULL, NULL, NULL);
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
    check_refused(ERROR_STORE_NEWER, "version 77", "newer awaitd");
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

static int note_number(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    *(long *)context = strtol(values[0], NULL, 10);
    return 0;
}

/* Rows that no reader would ever find. */
static void test_nothing_is_left_behind(void)
{
    static const char count[] =
        "SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM specs) +"
        " (SELECT count(*) FROM outcomes) + (SELECT count(*) FROM labels) +"
        " (SELECT count(*) FROM log)";
    struct task_record *task = task_new(1), *end = task_end(1, TASK_SUCCEEDED);
    struct id id = id_of(1);
    struct write *line = write_log(&id, 1, "line");
    sqlite3 *db;
    long n = -1;
    set_text(&task->labels, "{\"k\":\"v\",\"x\":\"y\"}");
    end->trace = calloc(1, 2);
    end->trace_size = 2;
    fixture_open();
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_record_ref(task)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), -ERROR_CONFLICT);
    write_submit(line);
    CU_ASSERT_EQUAL(write_wait(line), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, end), 0);
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(1, 0, NULL)), 0);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, count, note_number, &n, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(n, 0);
    sqlite3_close(db);
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
    {"nothing is left behind", test_nothing_is_left_behind},
    {"foreign writer", test_foreign_writer},
    CU_TEST_INFO_NULL,
};
