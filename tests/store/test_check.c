/* `awaitd check`: a database in order, and each way of not being so. SQLite only. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/store/check.h"
#include "schema/buffer.h"
#include "schema/embedded.h"
#include "tests/store/fixture.h"

static void collect(void *context, const char *line)
{
    buffer_format(context, "%s\n", line);
}

/* What is said of the fixture's file; the number of lines. */
static int64_t check_file(struct buffer *said, struct store_check *check)
{
    struct error e = {0};
    *check = (struct store_check){.each = collect, .context = said};
    int rc = store_check(check, fixture.path, &e);
    if (rc != 0)
        fprintf(stderr, "%s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return check->n_violations;
}

static void assert_in_order(int64_t n_tasks, int64_t n_open)
{
    struct store_check check;
    struct buffer said = {0};
    if (check_file(&said, &check) != 0)
        fprintf(stderr, "%s", said.bytes);
    CU_ASSERT_EQUAL(check.n_violations, 0);
    CU_ASSERT_EQUAL(check.n_tasks, n_tasks);
    CU_ASSERT_EQUAL(check.n_open, n_open);
    buffer_release(&said);
}

static void submit_and_wait(struct write *write)
{
    write_submit(write);
    CU_ASSERT_EQUAL(write_wait(write), 0);
}

/* 1 is under way, with a line, a label, a future and a group; 2 succeeded with a short result, 3
 * failed with a long error and a trace; and there is a document. */
static void make_database(void)
{
    struct task_record *first = task_new(1), *end = task_end(3, TASK_FAILED);
    struct id id = id_of(1);
    char *error = malloc(2001);
    fixture_open();
    set_text(&first->labels, "{\"k\":\"v\",\"x\":\"y\"}");
    first->group = id_of(9);
    first->has_group = true;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, first), 0);
    insert(2);
    insert(3);
    submit_and_wait(write_log(&id, 1, "line"));
    submit_and_wait(write_future((struct future_record){id, "f", "[1]", NULL, NULL}));
    submit_and_wait(write_document(STORE_PUT, "loop", "a", "{}", 5));
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_SUCCEEDED)), 0);
    memset(error, ' ', 2000);
    memcpy(error, "{}", 2);
    error[2000] = '\0';
    free(end->error);
    end->error = error;
    end->trace = calloc(1, 2);
    end->trace_size = 2;
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, end), 0);
    fixture_close();
}

static void test_in_order(void)
{
    fixture_open();
    fixture_close();
    assert_in_order(0, 0);
    fixture_tear_down();
    fixture_make_folder();
    make_database();
    assert_in_order(3, 1);
}

/* ---- each rule ---- */

#define FIRST "(SELECT id FROM tasks ORDER BY id LIMIT 1)"
#define SECOND "(SELECT id FROM tasks ORDER BY id LIMIT 1 OFFSET 1)"
#define THIRD "(SELECT id FROM tasks ORDER BY id LIMIT 1 OFFSET 2)"
#define UPDATE(what, which) "UPDATE tasks SET " what " WHERE id = " which

/* SQL that breaks one thing, and what is said of it. */
static const struct breakage {
    const char *sql, *said;
} breakages[] = {
    {"UPDATE tasks SET id = X'77' WHERE state = 2", "a task's id is not one: 77"},
    {"DELETE FROM specs WHERE n = (SELECT spec FROM tasks WHERE state = 2)", "a task has no spec"},
    {"UPDATE specs SET spec = NULL WHERE n = (SELECT spec FROM tasks WHERE state = 2)",
     "a task has no spec"},
    {UPDATE("spec = (SELECT spec FROM tasks WHERE state = 3)", SECOND), "tasks share one spec"},
    {"INSERT INTO specs VALUES (77, '[]')", "a spec belongs to no task: spec 77"},
    {"INSERT INTO outcomes (n) SELECT spec FROM tasks WHERE finished_at IS NULL",
     "an outcome belongs to no finished task"},
    {"INSERT INTO outcomes (n) VALUES (77)", "an outcome belongs to no finished task: outcome 77"},
    {UPDATE("state = 5", SECOND), "a task's state is none"},
    {UPDATE("state = -1", FIRST), "a task's state is none"},
    {UPDATE("finished_at = NULL, result = NULL", SECOND), "a task's state and the time of its end"},
    {UPDATE("finished_at = 5", FIRST), "a task's state and the time of its end"},
    {UPDATE("state = 1", FIRST), "a task runs and has not started"},
    {UPDATE("starts = 0", FIRST), "a task's number of starts"},
    {UPDATE("result = '1'", FIRST), "a task has an outcome and has not ended"},
    {UPDATE("result = NULL", SECOND), "a task succeeded and has no result"},
    {UPDATE("error = '{}'", SECOND), "a task succeeded and has no result, or has an error"},
    {"DELETE FROM outcomes", "a task failed or was cancelled and has no error"},
    {"UPDATE outcomes SET result = '1'", "a task failed or was cancelled and has no error, or"},
    {UPDATE("error = '{}'", THIRD), "a task's outcome is in two places"},
    {UPDATE("cancel_message = 'why'", FIRST), "a message says why a task is cancelled"},
    {"UPDATE specs SET spec = '{' WHERE n = 1", "a spec is not JSON"},
    {UPDATE("result = 'x'", SECOND), "a result is not JSON"},
    {"UPDATE outcomes SET error = 'x'", "an error is not JSON"},
    {UPDATE("unhandled = 'x'", SECOND), "unhandled errors are not JSON"},
    {UPDATE("labels = '[]'", SECOND), "labels are no JSON object"},
    {UPDATE("labels = 'x'", SECOND), "labels are no JSON object"},
    {"DELETE FROM labels WHERE key = 'x'", "a label of a task is not found by it"},
    {"INSERT INTO labels VALUES ('k', 'v', " SECOND ")", "a label finds a task that has it not"},
    {"INSERT INTO log (task, seq, at) VALUES (X'77', 1, 1)",
     "a line of the log belongs to no task"},
    {"UPDATE log SET seq = 0", "a line of the log has a number less than one"},
    {UPDATE("group_id = X'77'", FIRST), "a group's id is not one"},
    {"INSERT INTO documents VALUES ('', 'a', '{}', 1, 1)", "a document has no kind or no name:  a"},
    {"UPDATE documents SET body = '{'", "a document is not JSON: loop a"},
    {"UPDATE futures SET task = " SECOND, "a future belongs to no task that is under way"},
    {"UPDATE futures SET result = NULL", "a future has neither a result nor an exception"},
    {"UPDATE futures SET result = 'x'", "a future's result is not JSON"},
    {"INSERT INTO journal VALUES (" SECOND ", 1, X'')", "a journal belongs to no task"},
    {"INSERT INTO journal VALUES (" FIRST ", 1, X''), (" FIRST ", 3, X'')", "a journal has a gap"},
    {"INSERT INTO journal VALUES (" FIRST ", 2, X'')", "a journal has a gap"},
    {UPDATE("run = 1", SECOND), "a task was stored in a run that there was not"},
    {UPDATE("start_at = 5", SECOND), "a task is to begin on one clock only"},
    {"INSERT INTO runs VALUES (1, 5, 0, 1, 2, 0)", "a run is counted wrongly: run 1"},
    {"INSERT INTO runs VALUES (2, 5, 0, 1, 0, 0)", "a run is counted wrongly: run 2"},
    {"INSERT INTO keys VALUES ('', 'k', 5, X'77', X'77', '', '')", "a key is not one, or not for "
                                                                   "anything: key k"},
    {"DROP INDEX tasks_named",
     "a table or an index is missing, or not as it should be: tasks_named"},
    {"ALTER TABLE labels ADD COLUMN more TEXT", "missing, or not as it should be: labels"},
    {"DROP TABLE futures", "missing, or not as it should be: futures"},
    {"CREATE TABLE precious (x)", "a table or an index does not belong there: precious"},
};

static void test_each_rule(void)
{
    make_database();
    char command[300];
    snprintf(command, sizeof command, "cp %s %s.whole", fixture.path, fixture.path);
    CU_ASSERT_EQUAL(system(command), 0);
    snprintf(command, sizeof command, "cp %s.whole %s", fixture.path, fixture.path);
    for (size_t i = 0; i < sizeof breakages / sizeof *breakages; i++) {
        struct store_check check;
        struct buffer said = {0};
        CU_ASSERT_EQUAL(system(command), 0);
        run_sql(breakages[i].sql);
        CU_ASSERT_TRUE(check_file(&said, &check) > 0);
        bool is_said = said.bytes && strstr(said.bytes, breakages[i].said);
        if (!is_said)
            fprintf(stderr, "%s: %s", breakages[i].sql, said.bytes ? said.bytes : "(nothing)\n");
        CU_ASSERT_TRUE(is_said);
        buffer_release(&said);
    }
    CU_ASSERT_EQUAL(system(command), 0);
    assert_in_order(3, 1);
}

/* A page that is not what it should be: said, and looked further. */
static void test_damaged_page(void)
{
    struct store_check check;
    struct buffer said = {0};
    make_database();
    FILE *file = fopen(fixture.path, "r+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fseek(file, 4096 * 3, SEEK_SET);
    for (int i = 0; i < 4096; i++)
        fputc(0xa5, file);
    fclose(file);
    CU_ASSERT_TRUE(check_file(&said, &check) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.bytes, "damaged: "));
    buffer_release(&said);
}

/* ---- older versions, and what cannot be looked at ---- */

static void test_older_version(void)
{
    struct store_check check;
    struct buffer said = {0};
    make_version_1("INSERT INTO specs VALUES (1, '[1]')");
    CU_ASSERT_EQUAL(check_file(&said, &check), 1);
    CU_ASSERT_EQUAL(check.version, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.bytes, "a spec belongs to no task: spec 1"));
    buffer_release(&said);
}

static void refuses(enum error_code code, const char *text)
{
    struct store_check check = {0};
    struct error e = {0};
    CU_ASSERT_EQUAL(store_check(&check, fixture.path, &e), -(int)code);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, text));
}

static void test_cannot_be_checked(void)
{
    refuses(ERROR_NOT_FOUND, "No such file");
    FILE *file = fopen(fixture.path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (int i = 0; i < 5000; i++)
        fputc('x', file);
    fclose(file);
    refuses(ERROR_STORE_FOREIGN, "not an SQLite database");
    unlink(fixture.path);
    run_sql("CREATE TABLE precious (data)");
    refuses(ERROR_STORE_FOREIGN, "not a database of awaitd");
    unlink(fixture.path);
    fixture_open();
    char pid[40];
    snprintf(pid, sizeof pid, "process %d ", (int)getpid());
    refuses(ERROR_STORE_LOCKED, pid);
    fixture_close();
    run_sql("PRAGMA user_version = 77");
    refuses(ERROR_STORE_NEWER, "version 77");
}

/* ---- it only looks ---- */

static void crash_with_a_log(int out)
{
    fixture_open();
    insert(1);
    _exit(write(out, "x", 1) == 1 ? 0 : 1);
}

/* Names, sizes, times and contents of what is in the folder. */
static void describe_folder(struct buffer *out)
{
    char command[200], bytes[1000];
    size_t size;
    snprintf(command, sizeof command, "cd %s && stat -c '%%n %%s %%y' * && md5sum *",
             fixture.folder);
    FILE *pipe = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    while ((size = fread(bytes, 1, sizeof bytes, pipe)) > 0)
        buffer_add(out, bytes, size);
    CU_ASSERT_EQUAL(pclose(pipe), 0);
}

/* What a crash left in the log counts, and stays there; nothing else appears beside it. */
static void test_leaves_all_as_it_was(void)
{
    struct buffer before = {0}, after = {0};
    char byte, command[200];
    int in;
    pid_t pid = fork_child(crash_with_a_log, &in);
    CU_ASSERT_EQUAL(read(in, &byte, 1), 1);
    close(in);
    waitpid(pid, NULL, 0);
    snprintf(command, sizeof command, "rm %s-shm", fixture.path);
    CU_ASSERT_EQUAL(system(command), 0);
    describe_folder(&before);
    assert_in_order(1, 1);
    describe_folder(&after);
    CU_ASSERT_STRING_EQUAL(before.bytes, after.bytes);
    buffer_release(&before);
    buffer_release(&after);
}

CU_TestInfo tests_check[] = {
    {"in order", test_in_order},
    {"each rule", test_each_rule},
    {"damaged page", test_damaged_page},
    {"older version", test_older_version},
    {"cannot be checked", test_cannot_be_checked},
    {"leaves all as it was", test_leaves_all_as_it_was},
    CU_TEST_INFO_NULL,
};
