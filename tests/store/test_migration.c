/* A database of an older version, upgraded when it is opened. SQLite only. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/check.h"
#include "schema/buffer.h"
#include "schema/embedded.h"
#include "tests/store/fixture.h"

/* An id as an SQL literal. */
static void add_id(struct buffer *sql, unsigned n)
{
    struct id id = id_of(n);
    buffer_text(sql, "X'");
    for (size_t i = 0; i < sizeof id.bytes; i++)
        buffer_format(sql, "%02x", id.bytes[i]);
    buffer_text(sql, "'");
}

static void add_literal(struct buffer *sql, unsigned n, const char *before, const char *after)
{
    buffer_text(sql, before);
    add_id(sql, n);
    buffer_text(sql, after);
}

/* 1 is open, with all that an open task can have; 2 succeeded, 3 failed with much to say. */
static void make_tasks(void)
{
    struct buffer sql = {0};
    buffer_text(&sql, "INSERT INTO specs VALUES (1, '[1]'), (2, '[2]'), (3, '[3]');"
                      "INSERT INTO outcomes VALUES (2, NULL, NULL, NULL, X'7400'),"
                      " (3, NULL, '{\"large\":1}', '[{}]', NULL);"
                      "INSERT INTO tasks VALUES (");
    add_id(&sql, 1);
    buffer_text(&sql, ", 0, 1, 11, 12, NULL, 13, 14, 1, 'a', '{\"k\":\"v\"}', 'why', NULL, NULL,"
                      " NULL), (");
    add_id(&sql, 2);
    buffer_text(&sql, ", 2, 1, 21, 22, 23, NULL, NULL, 2, 'a', NULL, NULL, '[4]', NULL, NULL), (");
    add_id(&sql, 3);
    buffer_text(&sql, ", 3, 4, 31, 32, 33, NULL, NULL, 3, NULL, NULL, NULL, NULL, NULL, NULL);"
                      "INSERT INTO labels VALUES ('k', 'v', ");
    add_id(&sql, 1);
    buffer_text(&sql, "); INSERT INTO log VALUES (");
    add_id(&sql, 1);
    buffer_text(&sql, ", 1, 15, 'info', 'log', '/do', 'line')");
    make_version_1(sql.bytes);
    buffer_release(&sql);
}

static void count_line(void *context, const struct log_entry *entry)
{
    ++*(int *)context;
    CU_ASSERT_STRING_EQUAL(entry->message, "line");
}

static void check_open_task(uint32_t starts)
{
    struct task_record *got = look_up(1, STORE_SPEC), *found;
    struct store_filter filter = {
        .state = TASK_PENDING, .name = "a", .label_key = "k", .label_value = "v", .limit = 1};
    struct error e;
    size_t n;
    int n_lines = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->state, TASK_PENDING);
    CU_ASSERT_EQUAL(got->starts, starts);
    CU_ASSERT_EQUAL(got->created_at_us, 11);
    CU_ASSERT_EQUAL(got->started_at_us, 12);
    CU_ASSERT_EQUAL(got->deadline_at_us, 13);
    CU_ASSERT_EQUAL(got->cancel_requested_at_us, 14);
    CU_ASSERT_STRING_EQUAL(got->labels, "{\"k\":\"v\"}");
    CU_ASSERT_STRING_EQUAL(got->cancel_message, "why");
    CU_ASSERT_STRING_EQUAL(got->spec, "[1]");
    CU_ASSERT_PTR_NULL(got->loop);
    CU_ASSERT_FALSE(got->has_group);
    CU_ASSERT_FALSE(got->has_timeout);
    CU_ASSERT_EQUAL(got->run_at_us, 0);
    CU_ASSERT_EQUAL_FATAL(store_list(fixture.reader, &filter, &found, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_EQUAL(id_compare(&got->id, &found->id), 0);
    CU_ASSERT_EQUAL(store_read_log(fixture.reader, &got->id, 0, 9, count_line, &n_lines, &e), 0);
    CU_ASSERT_EQUAL(n_lines, 1);
    task_record_unref(found);
    task_record_unref(got);
}

static void check_ended_tasks(void)
{
    struct task_record *got = look_up(2, STORE_SPEC | STORE_TRACE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(got->finished_at_us, 23);
    CU_ASSERT_STRING_EQUAL(got->result, "[4]");
    CU_ASSERT_STRING_EQUAL(got->spec, "[2]");
    CU_ASSERT_EQUAL_FATAL(got->trace_size, 2);
    CU_ASSERT_EQUAL(memcmp(got->trace, "t", 2), 0);
    CU_ASSERT_FALSE(got->has_group);
    task_record_unref(got);
    got = look_up(3, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->starts, 4);
    CU_ASSERT_STRING_EQUAL(got->error, "{\"large\":1}");
    CU_ASSERT_STRING_EQUAL(got->unhandled, "[{}]");
    task_record_unref(got);
}

static void check_schema(void)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &row, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_step(row), SQLITE_ROW);
    CU_ASSERT_EQUAL(sqlite3_column_int(row, 0), embedded_n_migrations);
    sqlite3_finalize(row);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &row, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_step(row), SQLITE_ROW);
    CU_ASSERT_STRING_EQUAL((const char *)sqlite3_column_text(row, 0), "ok");
    sqlite3_finalize(row);
    sqlite3_close(db);
}

/* All is there, twice over: the second time there is nothing left to upgrade. */
static void test_from_version_1(void)
{
    make_tasks();
    for (uint32_t starts = 2; starts <= 3; starts++) {
        fixture_open();
        fixture_begin_run();
        check_open_task(starts);
        check_ended_tasks();
        fixture_close();
        check_schema();
    }
}

/* And the new things work with what was there before. */
static void test_going_on(void)
{
    struct task_record *task = task_new(4), *found[2];
    struct write *document = write_document(STORE_PUT, "loop", "a", "{}", 5);
    struct error e;
    size_t n;
    make_tasks();
    fixture_open();
    task->group = id_of(9);
    task->has_group = true;
    set_text(&task->loop, "a");
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_record_ref(task)), 0);
    write_submit(document);
    CU_ASSERT_EQUAL(write_wait(document), 0);
    CU_ASSERT_EQUAL(write_now(STORE_RESCHEDULE, task_cancel(1, 0, NULL)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_SUCCEEDED)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(2, 0, NULL)), 0);
    fixture_close();
    check_schema();
    fixture_open();
    CU_ASSERT_EQUAL(store_read_group(fixture.reader, &task->group, NULL, true, 2, found, &n, &e),
                    0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_STRING_EQUAL(found[0]->loop, "a");
    task_record_unref(found[0]);
    task_record_unref(task);
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(got->deadline_at_us, 0);
    task_record_unref(got);
    CU_ASSERT_FALSE(is_there(2));
    struct document *kept = NULL;
    CU_ASSERT_EQUAL_FATAL(store_get_document(fixture.reader, "loop", "a", &kept, &e), 0);
    CU_ASSERT_EQUAL(kept->created_at_us, 5);
    document_free(kept);
}

/* Version 2's own: a loop, a group, documents. */
static void make_tasks_of_version_2(void)
{
    struct buffer sql = {0};
    buffer_text(&sql, "INSERT INTO specs VALUES (1, '[1]');"
                      "INSERT INTO documents VALUES ('loop', 'a', '{}', 5, 6);");
    add_literal(&sql, 1, "INSERT INTO tasks VALUES (",
                ", 1, 1, 11, 12, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, 'a', ");
    add_literal(&sql, 9, "", ")");
    make_version_2(sql.bytes);
    buffer_release(&sql);
}

static void check_future(void *context, const struct future_record *record)
{
    ++*(int *)context;
    CU_ASSERT_STRING_EQUAL(record->name, "f");
    CU_ASSERT_STRING_EQUAL(record->result, "[2]");
    CU_ASSERT_PTR_NULL(record->type);
}

/* A task of then takes what there is now, and keeps it. */
static void test_from_version_2(void)
{
    struct write *set = write_future((struct future_record){id_of(1), "f", "[2]", NULL, NULL});
    struct document *kept = NULL;
    struct id task = id_of(1), found;
    struct error e;
    int n = 0;
    make_tasks_of_version_2();
    fixture_open();
    fixture_begin_run();
    write_submit(set);
    CU_ASSERT_EQUAL(write_wait(set), 0);
    fixture_close();
    check_schema();
    fixture_open();
    fixture_begin_run();
    CU_ASSERT_EQUAL(store_next_futures(fixture.reader, NULL, &found, &e), 0);
    CU_ASSERT_EQUAL(id_compare(&found, &task), 0);
    CU_ASSERT_EQUAL(store_read_futures(fixture.reader, &found, check_future, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL_FATAL(store_get_document(fixture.reader, "loop", "a", &kept, &e), 0);
    CU_ASSERT_EQUAL(kept->updated_at_us, 6);
    document_free(kept);
    struct task_record *got = look_up(1, STORE_SPEC);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->state, TASK_RUNNING);
    CU_ASSERT_EQUAL(got->starts, 3);
    CU_ASSERT_STRING_EQUAL(got->spec, "[1]");
    CU_ASSERT_STRING_EQUAL(got->loop, "a");
    CU_ASSERT_TRUE(got->has_group);
    task_record_unref(got);
}

/* ---- the copy ---- */

/* Beside the file; the caller frees. */
static char *copy_path(int version)
{
    char *path;
    CU_ASSERT_FATAL(asprintf(&path, "%s.v%d", fixture.path, version) > 0);
    return path;
}

static void check_copy(int version, int64_t n_tasks)
{
    char *path = copy_path(version);
    struct store_check check = {0};
    struct error e = {0};
    struct stat mine, copys;
    CU_ASSERT_EQUAL(store_check(&check, path, &e), 0);
    CU_ASSERT_EQUAL(check.n_violations, 0);
    CU_ASSERT_EQUAL(check.version, version);
    CU_ASSERT_EQUAL(check.n_tasks, n_tasks);
    CU_ASSERT_EQUAL(stat(fixture.path, &mine), 0);
    CU_ASSERT_EQUAL(stat(path, &copys), 0);
    CU_ASSERT_EQUAL(mine.st_mode, copys.st_mode);
    free(path);
}

static void put_copy_back(int version)
{
    char *path = copy_path(version), name[120];
    snprintf(name, sizeof name, "%s-wal", fixture.path);
    unlink(name);
    CU_ASSERT_EQUAL(rename(path, fixture.path), 0);
    free(path);
}

/* Of each version there was; and put back it is the file again. */
static void test_copy_of_each_version(void)
{
    for (int version = 1; version < embedded_n_migrations; version++) {
        make_version(version, "INSERT INTO specs VALUES (1, '[1]');"
                              "INSERT INTO tasks (id, state, created_at, spec) VALUES"
                              " (X'00000000000000000000000000000001', 0, 1, 1)");
        CU_ASSERT_EQUAL(chmod(fixture.path, 0640), 0);
        for (int again = 0; again < 2; again++) {
            fixture_open();
            insert(1);
            fixture_close();
            check_schema();
            check_copy(version, 1);
            if (again == 0)
                put_copy_back(version);
        }
        fixture_tear_down();
        fixture_make_folder();
    }
}

/* What is of our version already is not copied, nor is a new file. */
static void test_no_copy(void)
{
    char command[120];
    for (int i = 0; i < 2; i++) {
        fixture_open();
        fixture_close();
    }
    snprintf(command, sizeof command, "ls %s.v* 2>/dev/null", fixture.path);
    CU_ASSERT_NOT_EQUAL(system(command), 0);
}

/* What a start left that was interrupted is no hindrance; what is in the way of the copy is. */
static void test_copy_in_the_way(void)
{
    struct store *store;
    struct error e = {0};
    char *path = copy_path(1), partial[200];
    snprintf(partial, sizeof partial, "%s.partial", path);
    make_version_1("");
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    FILE *file = fopen(partial, "w");
    fputs("half of a copy", file);
    fclose(file);
    CU_ASSERT_EQUAL(store_open(&store, fixture.path, &e), -ERROR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "left as it is"));
    CU_ASSERT_NOT_EQUAL(access(partial, F_OK), 0);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    run_sql("SELECT starts FROM tasks");
    fixture_open();
    fixture_close();
    check_copy(1, 0);
    free(path);
}

CU_TestInfo tests_migration[] = {
    {"from version 1", test_from_version_1},
    {"going on", test_going_on},
    {"from version 2", test_from_version_2},
    {"copy of each version", test_copy_of_each_version},
    {"no copy", test_no_copy},
    {"copy in the way", test_copy_in_the_way},
    CU_TEST_INFO_NULL,
};
