/* What is old is found, and forgotten with all that belongs to it; both backends. */
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"

#define ENDED_US 1700000000000002 /* of the 0th task of the fixture */

static void insert_with_ttl(unsigned n, int64_t ttl_us)
{
    struct task_record *task = task_new(n);
    task->has_ttl = true;
    task->ttl_us = ttl_us;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
}

static void finish(unsigned n)
{
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(n, TASK_SUCCEEDED)), 0);
}

static int forget(const struct id *ids, size_t n)
{
    struct write *write = write_new(STORE_FORGET, NULL);
    write->request.ids = ids;
    write->request.n_ids = n;
    write_submit(write);
    return write_wait(write);
}

static void test_ttl_is_kept(void)
{
    insert_with_ttl(1, 1500000);
    insert_with_ttl(2, 0);
    insert(3);
    finish(2);
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_TRUE(got->has_ttl);
    CU_ASSERT_EQUAL(got->ttl_us, 1500000);
    task_record_unref(got);
    got = look_up(2, 0);
    CU_ASSERT_TRUE(got->has_ttl);
    CU_ASSERT_EQUAL(got->ttl_us, 0);
    task_record_unref(got);
    got = look_up(3, 0);
    CU_ASSERT_FALSE(got->has_ttl);
    task_record_unref(got);
}

/* Those that have ended go, in one request; an open one stays, an unknown one is no fault. */
static void test_forget(void)
{
    struct id ids[] = {id_of(1), id_of(2), id_of(3), id_of(77), id_of(4)};
    for (unsigned n = 1; n <= 5; n++)
        insert(n);
    for (unsigned n = 1; n <= 4; n++)
        if (n != 3)
            finish(n);
    finish(5);
    CU_ASSERT_EQUAL(write_wait(submit_log(1, 1)), 0);
    CU_ASSERT_EQUAL(forget(ids, 5), 0);
    CU_ASSERT_FALSE(is_there(1));
    CU_ASSERT_FALSE(is_there(2));
    CU_ASSERT_TRUE(is_there(3));
    CU_ASSERT_FALSE(is_there(4));
    CU_ASSERT_TRUE(is_there(5));
    CU_ASSERT_EQUAL(forget(ids, 0), 0);
    CU_ASSERT_EQUAL(write_wait(submit_log(1, 2)), -ERROR_NOT_FOUND);
    insert(1); /* nothing of it is in the way */
    CU_ASSERT_EQUAL(write_wait(submit_log(1, 1)), 0);
}

static size_t read_ages(const unsigned *before, size_t max, struct store_age *ages)
{
    struct error e;
    size_t n = 99;
    struct id id = id_of(before ? *before : 0);
    CU_ASSERT_EQUAL(store_read_ages(fixture.reader, before ? &id : NULL, max, ages, &n, &e), 0);
    return n;
}

static void check_id(const struct store_age *age, unsigned n)
{
    struct id id = id_of(n);
    CU_ASSERT_EQUAL(id_compare(&age->id, &id), 0);
}

static void test_ages(void)
{
    struct store_age ages[10];
    struct task_record *child = task_new(4);
    unsigned before = 3;
    CU_ASSERT_EQUAL(read_ages(NULL, 10, ages), 0);
    insert(1);
    insert(2);
    insert_with_ttl(3, 5);
    child->group = id_of(100);
    child->has_group = true;
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, child), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_FAILED)), 0);
    CU_ASSERT_EQUAL_FATAL(read_ages(NULL, 10, ages), 4);
    check_id(&ages[0], 4);
    CU_ASSERT_TRUE(ages[0].has_group);
    CU_ASSERT_EQUAL(memcmp(&ages[0].group, (struct id[]){id_of(100)}, sizeof(struct id)), 0);
    check_id(&ages[1], 3);
    CU_ASSERT_TRUE(ages[1].has_ttl);
    CU_ASSERT_FALSE(ages[1].has_group);
    CU_ASSERT_EQUAL(ages[1].finished_at_us, 0);
    check_id(&ages[3], 1);
    CU_ASSERT_EQUAL(ages[3].state, TASK_FAILED);
    CU_ASSERT_FALSE(ages[3].has_ttl);
    CU_ASSERT_EQUAL(ages[3].finished_at_us, ENDED_US + 1);
    CU_ASSERT_EQUAL_FATAL(read_ages(&before, 1, ages), 1);
    check_id(&ages[0], 2);
    before = 1;
    CU_ASSERT_EQUAL(read_ages(&before, 10, ages), 0);
}

/* Walks along all that have expired by then, in steps of at most max; as many as there are, and
 * which, as bits. */
static unsigned read_expired(int64_t now_us, size_t max)
{
    struct store_cursor cursor = {0};
    struct store_age ages[10];
    struct error e;
    unsigned seen = 0;
    bool has_more = true;
    for (int i = 0; has_more && i < 100; i++) {
        size_t n = 99;
        CU_ASSERT_EQUAL(
            store_read_expired(fixture.reader, now_us, &cursor, max, ages, &n, &has_more, &e), 0);
        CU_ASSERT_FATAL(n <= max);
        for (size_t j = 0; j < n; j++)
            for (unsigned task = 0; task < 32; task++)
                if (id_compare(&ages[j].id, (struct id[]){id_of(task)}) == 0) {
                    CU_ASSERT_FALSE(seen & 1u << task); /* only once */
                    seen |= 1u << task;
                }
    }
    CU_ASSERT_FALSE(has_more);
    return seen;
}

static void test_expired(void)
{
    insert(1); /* without a ttl */
    finish(1);
    insert_with_ttl(2, 0);
    finish(2);
    insert_with_ttl(3, 1000); /* ends at ENDED_US + 3 */
    finish(3);
    insert_with_ttl(4, 0); /* goes on */
    insert_with_ttl(5, 997);
    finish(5);
    insert_with_ttl(6, 996);
    finish(6);
    CU_ASSERT_EQUAL(read_expired(ENDED_US + 1, 10), 0);
    CU_ASSERT_EQUAL(read_expired(ENDED_US + 2, 10), 1u << 2);
    CU_ASSERT_EQUAL(read_expired(ENDED_US + 1001, 10), 1u << 2);
    CU_ASSERT_EQUAL(read_expired(ENDED_US + 1002, 10), 1u << 2 | 1u << 5 | 1u << 6);
    for (size_t max = 1; max < 6; max++)
        CU_ASSERT_EQUAL(read_expired(ENDED_US + 1003, max), 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6);
    CU_ASSERT_EQUAL(forget((struct id[]){id_of(3), id_of(2)}, 2), 0);
    CU_ASSERT_EQUAL(read_expired(ENDED_US + 1003, 2), 1u << 5 | 1u << 6);
}

/* In the middle of others: they have gone first. */
static void test_shrink_is_modest(void)
{
    struct write *first, *last, *shrink = write_new(STORE_SHRINK, NULL);
    bool is_sqlite = strcmp(store_kind(fixture.store), "sqlite") == 0;
    writer_hold();
    first = submit(STORE_INSERT, task_new(1));
    write_submit(shrink);
    last = submit(STORE_INSERT, task_new(2));
    writer_release();
    CU_ASSERT_EQUAL(write_wait(first), 0);
    CU_ASSERT_EQUAL(write_wait(last), 0);
    CU_ASSERT_EQUAL(write_wait(shrink), is_sqlite ? -ERROR_CONFLICT : 0);
    CU_ASSERT_EQUAL(write_now(STORE_SHRINK, NULL), 0);
}

CU_TestInfo tests_retention[] = {
    {"ttl is kept", test_ttl_is_kept},
    {"forget", test_forget},
    {"ages", test_ages},
    {"expired", test_expired},
    {"shrink is modest", test_shrink_is_modest},
    CU_TEST_INFO_NULL,
};
