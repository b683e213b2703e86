/* What is there after a stop, of either kind. SQLite only. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/fixture.h"

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
        fixture_begin_run();
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
    fixture_begin_run();
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

CU_TestInfo tests_crash[] = {
    {"reopen", test_reopen},
    {"kill -9", test_kill},
    CU_TEST_INFO_NULL,
};
