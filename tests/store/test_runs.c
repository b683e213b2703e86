/* The runs of the server: how often it started, how it ended, and how often tasks ran. For every
 * backend. */
#include "tests/store/fixture.h"

#define SECOND INT64_C(1000000)

static int end_run(void)
{
    return write_now(STORE_END_RUN, NULL);
}

static int begin_jobs(void)
{
    return write_now(STORE_BEGIN_JOBS, NULL);
}

static uint32_t starts_of(unsigned n)
{
    struct task_record *got = look_up(n, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    uint32_t starts = got->starts;
    task_record_unref(got);
    return starts;
}

static void test_numbers(void)
{
    for (int64_t n = 1; n <= 3; n++)
        CU_ASSERT_EQUAL(begin_run(n).number, n);
}

static void test_only_crashes_count(void)
{
    CU_ASSERT_EQUAL(begin_run(SECOND).n_crashes, 0);
    CU_ASSERT_EQUAL(end_run(), 0);
    CU_ASSERT_EQUAL(begin_run(2 * SECOND).n_crashes, 0);
    CU_ASSERT_EQUAL(begin_run(3 * SECOND).n_crashes, 1);
    CU_ASSERT_EQUAL(begin_run(4 * SECOND).n_crashes, 2);
    CU_ASSERT_EQUAL(end_run(), 0);
    CU_ASSERT_EQUAL(begin_run(5 * SECOND).n_crashes, 2);
}

/* Whichever way the clock jumps. */
static void test_what_is_long_ago_does_not_count(void)
{
    for (int i = 0; i < 4; i++)
        begin_run(100 * SECOND);
    CU_ASSERT_EQUAL(begin_run(160 * SECOND).n_crashes, 4);
    CU_ASSERT_EQUAL(begin_run(161 * SECOND).n_crashes, 2);
    CU_ASSERT_EQUAL(begin_run(10 * SECOND).n_crashes, 1);
}

/* A run in which no jobs ran crashes no job. */
static void test_jobs_follow_a_crash(void)
{
    CU_ASSERT_FALSE(begin_run(1).follows_crash);
    CU_ASSERT_FALSE(begin_run(2).follows_crash);
    CU_ASSERT_EQUAL(begin_jobs(), 0);
    CU_ASSERT_TRUE(begin_run(3).follows_crash);
    CU_ASSERT_EQUAL(end_run(), 0);
    CU_ASSERT_TRUE(begin_run(4).follows_crash);
    CU_ASSERT_EQUAL(begin_jobs(), 0);
    CU_ASSERT_EQUAL(end_run(), 0);
    CU_ASSERT_FALSE(begin_run(5).follows_crash);
    CU_ASSERT_FALSE(begin_run(6).follows_crash);
}

static void test_starts_of_open_tasks(void)
{
    fixture_begin_run();
    insert(1);
    CU_ASSERT_EQUAL(starts_of(1), 1);
    fixture_begin_run();
    insert(2);
    CU_ASSERT_EQUAL(starts_of(1), 2);
    CU_ASSERT_EQUAL(starts_of(2), 1);
    begin_run(9);
    CU_ASSERT_EQUAL(starts_of(1), 2);
    CU_ASSERT_EQUAL(begin_jobs(), 0);
    CU_ASSERT_EQUAL(starts_of(1), 3);
    CU_ASSERT_EQUAL(starts_of(2), 2);
}

static void test_starts_of_ended_tasks(void)
{
    fixture_begin_run();
    insert(1);
    insert(2);
    struct write *both = write_new(STORE_INSERT, task_new(3));
    both->request.ended = task_end(3, TASK_SUCCEEDED);
    write_submit(both);
    CU_ASSERT_EQUAL(write_wait(both), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_FAILED)), 0);
    fixture_begin_run();
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_SUCCEEDED)), 0);
    fixture_begin_run();
    CU_ASSERT_EQUAL(starts_of(1), 1);
    CU_ASSERT_EQUAL(starts_of(2), 2);
    CU_ASSERT_EQUAL(starts_of(3), 1);
}

static void test_lists_count_starts(void)
{
    struct task_record *found[2];
    struct error e;
    size_t n;
    fixture_begin_run();
    insert(1);
    insert(2);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_SUCCEEDED)), 0);
    fixture_begin_run();
    CU_ASSERT_EQUAL_FATAL(
        store_list(fixture.reader, &(struct store_filter){.state = -1, .limit = 2}, found, &n, &e),
        0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(found[0]->starts, 1);
    CU_ASSERT_EQUAL(found[1]->starts, 2);
    task_record_unref(found[0]);
    task_record_unref(found[1]);
    CU_ASSERT_EQUAL_FATAL(store_read_open(fixture.reader, NULL, 2, found, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_EQUAL(found[0]->starts, 2);
    task_record_unref(found[0]);
}

static void test_open_tasks_are_counted(void)
{
    CU_ASSERT_EQUAL(begin_run(1).n_open, 0);
    insert(1);
    insert(2);
    insert(3);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_SUCCEEDED)), 0);
    CU_ASSERT_EQUAL(begin_run(2).n_open, 2);
}

static void test_in_order_or_not_at_all(void)
{
    CU_ASSERT_EQUAL(begin_jobs(), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(end_run(), -ERROR_CONFLICT);
    begin_run(1);
    CU_ASSERT_EQUAL(begin_jobs(), 0);
    CU_ASSERT_EQUAL(begin_jobs(), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(end_run(), 0);
    CU_ASSERT_EQUAL(end_run(), 0);
}

/* The counts do not hang on old rows, of which a thousand are kept. */
static void test_many(void)
{
    fixture_begin_run();
    insert(1);
    for (int i = 0; i < 1500; i++)
        fixture_begin_run();
    CU_ASSERT_EQUAL(begin_run(1).number, 1502);
    CU_ASSERT_EQUAL(starts_of(1), 1501);
}

CU_TestInfo tests_runs[] = {
    {"numbers", test_numbers},
    {"only crashes count", test_only_crashes_count},
    {"what is long ago does not count", test_what_is_long_ago_does_not_count},
    {"jobs follow a crash", test_jobs_follow_a_crash},
    {"starts of open tasks", test_starts_of_open_tasks},
    {"starts of ended tasks", test_starts_of_ended_tasks},
    {"lists count starts", test_lists_count_starts},
    {"open tasks are counted", test_open_tasks_are_counted},
    {"in order or not at all", test_in_order_or_not_at_all},
    {"many", test_many},
    CU_TEST_INFO_NULL,
};
