/* Tasks that begin later, and how the clocks stood, for every backend. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/fixture.h"

/* ---- tasks that begin later ---- */

static struct task_record *task_for_later(unsigned n)
{
    struct task_record *task = task_new(n);
    task->run_at_us = 1700000005000000;
    task->start_at_us = 77;
    task->has_timeout = true;
    task->timeout = 0.1;
    return task;
}

static struct task_record *task_start(unsigned n)
{
    struct task_record *task = task_new(n);
    task->state = TASK_RUNNING;
    task->started_at_us = 5;
    task->began_at_us = 6;
    task->deadline_at_us = 7;
    return task;
}

static void check_pending(const struct task_record *got)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->state, TASK_PENDING);
    CU_ASSERT_EQUAL(got->run_at_us, 1700000005000000);
    CU_ASSERT_EQUAL(got->start_at_us, 77);
    CU_ASSERT_TRUE(got->has_timeout);
    CU_ASSERT_EQUAL(got->timeout, 0.1); /* to the last bit */
    CU_ASSERT_EQUAL(got->started_at_us, 0);
    CU_ASSERT_EQUAL(got->began_at_us, 0);
    CU_ASSERT_EQUAL(got->deadline_at_us, 0);
}

static void test_pending(void)
{
    struct task_record *found[2], *got;
    struct error e = {0};
    size_t n;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_for_later(1)), 0);
    got = look_up(1, 0);
    check_pending(got);
    task_record_unref(got);
    CU_ASSERT_EQUAL(store_read_open(fixture.reader, NULL, 2, found, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    check_pending(found[0]);
    CU_ASSERT_PTR_NOT_NULL(found[0]->spec);
    task_record_unref(found[0]);
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_new(1)), -ERROR_CONFLICT);
}

static void test_start(void)
{
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_for_later(1)), 0);
    struct task_record *before = look_up(1, 0);
    CU_ASSERT_EQUAL(write_now(STORE_START, task_start(1)), 0);
    check_pending(before); /* a record that was seen never changes */
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->state, TASK_RUNNING);
    CU_ASSERT_EQUAL(got->started_at_us, 5);
    CU_ASSERT_EQUAL(got->began_at_us, 6);
    CU_ASSERT_EQUAL(got->deadline_at_us, 7);
    CU_ASSERT_EQUAL(got->run_at_us, before->run_at_us);
    task_record_unref(before);
    task_record_unref(got);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_SUCCEEDED)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_START, task_start(1)), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(write_now(STORE_START, task_start(2)), -ERROR_NOT_FOUND);
}

/* None, and one without a deadline at first, are not the same. */
static void test_timeouts(void)
{
    struct task_record *never = task_new(2), *got;
    never->has_timeout = true;
    never->timeout = INFINITY;
    insert(1);
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, never), 0);
    got = look_up(1, 0);
    CU_ASSERT_FALSE(got->has_timeout);
    CU_ASSERT_EQUAL(got->run_at_us, 0);
    task_record_unref(got);
    got = look_up(2, 0);
    CU_ASSERT_TRUE(got->has_timeout);
    CU_ASSERT_EQUAL(got->timeout, INFINITY);
    task_record_unref(got);
}

static size_t count(enum task_state state)
{
    struct store_filter filter = {.state = (int)state, .limit = 9};
    struct task_record *found[9];
    struct error e = {0};
    size_t n;
    CU_ASSERT_EQUAL(store_list(fixture.reader, &filter, found, &n, &e), 0);
    for (size_t i = 0; i < n; i++)
        task_record_unref(found[i]);
    return n;
}

static void test_lists(void)
{
    for (unsigned i = 1; i <= 4; i++)
        CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_for_later(i)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_START, task_start(2)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(3, TASK_CANCELLED)), 0);
    CU_ASSERT_EQUAL(count(TASK_PENDING), 2);
    CU_ASSERT_EQUAL(count(TASK_RUNNING), 1);
    CU_ASSERT_EQUAL(count(TASK_CANCELLED), 1);
}

/* ---- the clocks ---- */

static void ignore(struct store_request *request, int status)
{
    (void)request;
    CU_ASSERT_EQUAL(status, 0);
}

/* The status of a look, and what the look finds. */
static int note(struct clock_note given, struct clock_note *found)
{
    struct store_request request = {.verb = STORE_CLOCK, .clock = &given, .done = ignore};
    struct error e = {0};
    store_submit(fixture.store, &request);
    CU_ASSERT_EQUAL(insert((unsigned)given.reading.monotonic_us), 0); /* it comes after */
    return store_read_clock(fixture.reader, found, &e);
}

static void test_clock(void)
{
    struct clock_note first = {{"one", 10, -20}, 30}, second = {{"two", 11, INT64_MAX}, 31},
                      late = {{"three", 12, 5}, 29}, found;
    struct error e = {0};
    CU_ASSERT_EQUAL(store_read_clock(fixture.reader, &found, &e), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(note(first, &found), 0);
    CU_ASSERT_STRING_EQUAL(found.reading.boot, "one");
    CU_ASSERT_EQUAL(found.reading.monotonic_us, 10);
    CU_ASSERT_EQUAL(found.reading.wall_us, -20);
    CU_ASSERT_EQUAL(found.timeline_us, 30);
    CU_ASSERT_EQUAL(note(second, &found), 0);
    CU_ASSERT_STRING_EQUAL(found.reading.boot, "two");
    CU_ASSERT_EQUAL(found.reading.wall_us, INT64_MAX);
    CU_ASSERT_EQUAL(note(late, &found), 0); /* of another thread, that was slow */
    CU_ASSERT_STRING_EQUAL(found.reading.boot, "two");
}

extern CU_TestInfo tests_start[];
CU_TestInfo tests_start[] = {
    {"pending", test_pending}, {"start", test_start}, {"timeouts", test_timeouts},
    {"lists", test_lists},     {"clock", test_clock}, CU_TEST_INFO_NULL,
};
