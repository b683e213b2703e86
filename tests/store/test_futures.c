/* What futures were set to, for every backend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

static int write_at_once(struct future_record future)
{
    struct write *write = write_future(future);
    write_submit(write);
    return write_wait(write);
}

static int set_result(unsigned n, const char *name, const char *result)
{
    return write_at_once((struct future_record){id_of(n), name, result, NULL, NULL});
}

static int set_error(unsigned n, const char *name, const char *type, const char *message)
{
    return write_at_once((struct future_record){id_of(n), name, NULL, type, message});
}

static int drop(unsigned n, const char *name)
{
    return write_at_once((struct future_record){id_of(n), name, NULL, NULL, NULL});
}

static void write_text(struct buffer *b, const char *text)
{
    buffer_format(b, " %s", text ? text : "-");
}

static void write_record(void *context, const struct future_record *record)
{
    struct buffer *b = context;
    buffer_text(b, record->name);
    write_text(b, record->result);
    write_text(b, record->type);
    write_text(b, record->message);
    buffer_char(b, ';');
}

/* All that the store has of the task: "name result type message;" each, "-" for NULL. */
static void check_futures(unsigned n, const char *expected)
{
    struct id id = id_of(n);
    struct buffer found = {0};
    struct error e = {0};
    buffer_text(&found, "");
    CU_ASSERT_EQUAL(store_read_futures(fixture.reader, &id, write_record, &found, &e), 0);
    CU_ASSERT_STRING_EQUAL(found.bytes, expected);
    buffer_release(&found);
}

/* after 0: the first; expected 0: there is none. */
static void check_next(unsigned after, unsigned expected)
{
    struct id from = id_of(after), wanted = id_of(expected), found;
    struct error e = {0};
    int rc = store_next_futures(fixture.reader, after ? &from : NULL, &found, &e);
    CU_ASSERT_EQUAL(rc, expected ? 0 : -ERROR_NOT_FOUND);
    if (rc == 0)
        CU_ASSERT_EQUAL(id_compare(&found, &wanted), 0);
}

/* ---- the tests ---- */

static void test_set(void)
{
    insert(1);
    insert(2);
    check_futures(1, "");
    CU_ASSERT_EQUAL(set_result(1, "b", "{\"x\":[1,2.5]}"), 0);
    CU_ASSERT_EQUAL(set_error(1, "a", "ValueError", "no \"good\"\n"), 0);
    CU_ASSERT_EQUAL(set_error(1, "B", "E", NULL), 0);
    CU_ASSERT_EQUAL(set_error(1, "é/?", "E", ""), 0);
    CU_ASSERT_EQUAL(set_result(2, "a", "null"), 0);
    check_futures(1, "B - E -;a - ValueError no \"good\"\n;b {\"x\":[1,2.5]} - -;é/? - E ;");
    check_futures(2, "a null - -;");
    check_futures(3, "");
}

static void test_set_once(void)
{
    insert(1);
    CU_ASSERT_EQUAL(set_result(1, "a", "1"), 0);
    CU_ASSERT_EQUAL(set_result(1, "a", "2"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(set_error(1, "a", "E", NULL), -ERROR_CONFLICT);
    check_futures(1, "a 1 - -;");
}

/* Two of one batch: the first has it. */
static void test_set_at_once(void)
{
    struct write *first = write_future((struct future_record){id_of(1), "a", "1", NULL, NULL});
    struct write *second = write_future((struct future_record){id_of(1), "a", "2", NULL, NULL});
    insert(1);
    writer_hold();
    write_submit(first);
    write_submit(second);
    writer_release();
    CU_ASSERT_EQUAL(write_wait(first), 0);
    CU_ASSERT_EQUAL(write_wait(second), -ERROR_CONFLICT);
    check_futures(1, "a 1 - -;");
}

static void test_no_open_task(void)
{
    CU_ASSERT_EQUAL(set_result(1, "a", "1"), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(drop(1, "a"), -ERROR_NOT_FOUND);
    insert(1);
    write_now(STORE_FINISH, task_end(1, TASK_SUCCEEDED));
    CU_ASSERT_EQUAL(set_result(1, "a", "1"), -ERROR_CONFLICT);
    check_futures(1, "");
}

static void test_drop(void)
{
    insert(1);
    set_result(1, "a", "1");
    set_result(1, "b", "2");
    set_result(1, "c", "3");
    CU_ASSERT_EQUAL(drop(1, "b"), 0);
    CU_ASSERT_EQUAL(drop(1, "b"), -ERROR_NOT_FOUND);
    check_futures(1, "a 1 - -;c 3 - -;");
    CU_ASSERT_EQUAL(set_result(1, "b", "4"), 0);
    check_futures(1, "a 1 - -;b 4 - -;c 3 - -;");
}

static void test_end(void)
{
    struct task_record *end = task_end(1, TASK_FAILED);
    end->has_futures = true;
    insert(1);
    insert(2);
    set_result(1, "a", "1");
    set_result(1, "b", "1");
    set_result(2, "a", "1");
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, end), 0);
    check_futures(1, "");
    check_futures(2, "a 1 - -;");
}

/* Also where its end did not say that there are such. */
static void test_delete(void)
{
    insert(1);
    set_result(1, "a", "1");
    write_now(STORE_FINISH, task_end(1, TASK_FAILED));
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(1, 0, NULL)), 0);
    check_futures(1, "");
    check_next(0, 0);
}

static void test_next(void)
{
    for (unsigned n = 1; n <= 6; n++)
        insert(n);
    check_next(0, 0);
    set_result(5, "a", "1");
    set_result(2, "a", "1");
    set_result(2, "b", "1");
    check_next(0, 2);
    check_next(1, 2);
    check_next(2, 5);
    check_next(5, 0);
    drop(2, "a");
    check_next(0, 2);
    drop(2, "b");
    check_next(0, 5);
}

static void test_large(void)
{
    enum { SIZE = 3000000 };
    char *result = malloc(SIZE + 1);
    struct buffer expected = {0};
    memset(result, '1', SIZE);
    result[SIZE] = '\0';
    buffer_format(&expected, "a %s - -;", result);
    insert(1);
    CU_ASSERT_EQUAL(set_result(1, "a", result), 0);
    check_futures(1, expected.bytes);
    buffer_release(&expected);
    free(result);
}

CU_TestInfo tests_futures[] = {
    {"set", test_set},
    {"set once", test_set_once},
    {"set at once", test_set_at_once},
    {"no open task", test_no_open_task},
    {"drop", test_drop},
    {"end", test_end},
    {"delete", test_delete},
    {"next", test_next},
    {"large", test_large},
    CU_TEST_INFO_NULL,
};
