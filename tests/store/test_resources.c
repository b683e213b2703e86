/* What tasks belong to, and their deadlines; for every backend. */
#include <stdlib.h>
#include <string.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

/* The n-th task, in the g-th group if g is not 0. */
static struct task_record *task_in(unsigned n, unsigned g, const char *loop)
{
    struct task_record *task = task_new(n);
    task->has_group = g != 0;
    if (g)
        task->group = id_of(g);
    set_text(&task->loop, loop);
    return task;
}

static void check_home(const struct task_record *got, unsigned g, const char *loop)
{
    struct id group = id_of(g);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->has_group, g != 0);
    CU_ASSERT(g == 0 || id_compare(&got->group, &group) == 0);
    CU_ASSERT_EQUAL(got->loop == NULL, loop == NULL);
    CU_ASSERT(!loop || !got->loop || strcmp(got->loop, loop) == 0);
}

/* ---- loop and group ---- */

/* Read in all the ways that there are; one after the other, so that nothing of a former one sticks.
 */
static void test_loop_and_group_are_kept(void)
{
    static const unsigned groups[] = {7, 0, 7, 0};
    static const char *const loops[] = {"lóop", "b", NULL, NULL};
    struct store_filter filter = {.state = -1, .limit = 4};
    struct task_record *records[4];
    struct error e;
    size_t n;
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_in(i + 10, groups[i], loops[i])), 0);
    CU_ASSERT_EQUAL_FATAL(store_list(fixture.reader, &filter, records, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 4);
    for (unsigned i = 0; i < 4; i++) {
        check_home(records[3 - i], groups[i], loops[i]);
        task_record_unref(records[3 - i]);
    }
    CU_ASSERT_EQUAL_FATAL(store_read_open(fixture.reader, NULL, 4, records, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 4);
    for (unsigned i = 0; i < 4; i++) {
        check_home(records[i], groups[i], loops[i]);
        CU_ASSERT_PTR_NOT_NULL(records[i]->spec);
        task_record_unref(records[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(i + 10, TASK_SUCCEEDED)), 0);
        struct task_record *got = look_up(i + 10, STORE_SPEC | STORE_TRACE);
        check_home(got, groups[i], loops[i]);
        CU_ASSERT_PTR_NOT_NULL(got->spec);
        task_record_unref(got);
    }
}

static void test_loop_and_group_of_what_has_ended(void)
{
    struct write *write = write_new(STORE_INSERT, task_in(1, 7, "a"));
    write->request.ended = task_end(1, TASK_SUCCEEDED);
    write_submit(write);
    CU_ASSERT_EQUAL(write_wait(write), 0);
    struct task_record *got = look_up(1, 0);
    check_home(got, 7, "a");
    task_record_unref(got);
}

/* ---- reading a group ---- */

/* Page by page, as "n:state:outcome". */
static void check_group(unsigned g, size_t page, const char *expected)
{
    struct task_record *records[10];
    struct buffer text = {0};
    struct id group = id_of(g), last;
    const struct id *after = NULL;
    struct error e = {0};
    size_t n;
    buffer_text(&text, "");
    do {
        CU_ASSERT_EQUAL_FATAL(
            store_read_group(fixture.reader, &group, after, true, page, records, &n, &e), 0);
        CU_ASSERT_FATAL(n <= page);
        for (size_t i = 0; i < n; i++) {
            const struct task_record *got = records[i];
            buffer_format(&text, "%d:%s:%.9s ", (int)(got->created_at_us - 1700000000000000),
                          task_state_name(got->state),
                          got->result  ? got->result
                          : got->error ? got->error
                                       : "");
            check_home(got, g, NULL);
            CU_ASSERT_PTR_NULL(got->spec);
            CU_ASSERT_PTR_NULL(got->trace);
            last = got->id;
            after = &last;
            task_record_unref(records[i]);
        }
    } while (n == page);
    CU_ASSERT_STRING_EQUAL(text.bytes, expected);
    buffer_release(&text);
}

/* Not in the order of their ids, and among others. */
static void insert_groups(void)
{
    static const unsigned order[] = {5, 2, 8, 4, 7, 1, 3, 6};
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = order[i];
        CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_in(n, n == 8 ? 0 : 20 + n % 2, NULL)), 0);
    }
}

static void test_read_group(void)
{
    insert_groups();
    struct task_record *end = task_end(3, TASK_FAILED);
    char large[3000];
    memset(large, '1', sizeof large);
    large[sizeof large - 1] = '\0';
    set_text(&end->error, large);
    end->trace = calloc(1, 2);
    end->trace_size = 2;
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, end), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_SUCCEEDED)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(7, TASK_CANCELLED)), 0);
    for (size_t page = 1; page <= 10; page++) {
        check_group(21, page,
                    "1:succeeded:{\"x\":1} 3:failed:111111111 5:pending: 7:cancelled:{\"x\":1} ");
        check_group(20, page, "2:pending: 4:pending: 6:pending: ");
        check_group(22, page, "");
    }
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(3, 0, NULL)), 0);
    check_group(21, 2, "1:succeeded:{\"x\":1} 5:pending: 7:cancelled:{\"x\":1} ");
}

/* Without the outcomes it is the same tasks. */
static void test_list_group(void)
{
    struct task_record *records[10];
    struct id group = id_of(21), after = id_of(1);
    struct error e = {0};
    size_t n;
    insert_groups();
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(3, TASK_FAILED)), 0);
    CU_ASSERT_EQUAL(store_read_group(fixture.reader, &group, &after, false, 2, records, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(records[i]->created_at_us - 1700000000000000, i ? 5 : 3);
        CU_ASSERT_EQUAL(records[i]->state, i ? TASK_PENDING : TASK_FAILED);
        check_home(records[i], 21, NULL);
        task_record_unref(records[i]);
    }
}

/* `after` need not be one of the group's, nor of anybody's; nothing is asked for with 0. */
static void test_read_group_from_anywhere(void)
{
    struct task_record *records[10];
    struct id group = id_of(20), after = id_of(3), beyond = id_of(100);
    struct error e = {0};
    size_t n = 99;
    insert_groups();
    CU_ASSERT_EQUAL(store_read_group(fixture.reader, &group, &after, true, 10, records, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 2);
    while (n > 0)
        task_record_unref(records[--n]);
    CU_ASSERT_EQUAL(store_read_group(fixture.reader, &group, &beyond, true, 10, records, &n, &e),
                    0);
    CU_ASSERT_EQUAL(n, 0);
    n = 99;
    CU_ASSERT_EQUAL(store_read_group(fixture.reader, &group, NULL, true, 0, records, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 0);
}

/* ---- deadlines ---- */

static int reschedule(unsigned n, int64_t deadline_at_us)
{
    struct task_record *record = task_record_new();
    record->id = id_of(n);
    record->deadline_at_us = deadline_at_us;
    return write_now(STORE_RESCHEDULE, record);
}

static void check_deadline(unsigned n, int64_t deadline_at_us)
{
    struct task_record *got = look_up(n, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->deadline_at_us, deadline_at_us);
    task_record_unref(got);
}

static void test_reschedule(void)
{
    struct task_record *task = task_in(1, 7, "a");
    task->deadline_at_us = 5;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
    insert(2);
    struct task_record *before = look_up(1, 0);
    CU_ASSERT_EQUAL(reschedule(1, 6), 0);
    check_deadline(1, 6);
    CU_ASSERT_EQUAL(before->deadline_at_us, 5); /* a record that was seen never changes */
    task_record_unref(before);
    CU_ASSERT_EQUAL(reschedule(1, 6), 0);
    CU_ASSERT_EQUAL(reschedule(1, 0), 0);
    check_deadline(1, 0);
    CU_ASSERT_EQUAL(reschedule(1, 7), 0);
    check_deadline(1, 7);
    check_deadline(2, 0);
    before = look_up(1, STORE_SPEC);
    check_home(before, 7, "a");
    CU_ASSERT_STRING_EQUAL(before->spec, "{\"op\":\"value\",\"value\":1}");
    task_record_unref(before);
    CU_ASSERT_EQUAL(reschedule(3, 7), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_FAILED)), 0);
    CU_ASSERT_EQUAL(reschedule(1, 8), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(reschedule(1, 0), -ERROR_CONFLICT);
    check_deadline(1, 7);
}

CU_TestInfo tests_resources[] = {
    {"loop and group are kept", test_loop_and_group_are_kept},
    {"loop and group of what has ended", test_loop_and_group_of_what_has_ended},
    {"read group", test_read_group},
    {"list group", test_list_group},
    {"read group from anywhere", test_read_group_from_anywhere},
    {"reschedule", test_reschedule},
    CU_TEST_INFO_NULL,
};
