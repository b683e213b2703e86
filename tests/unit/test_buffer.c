#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buffer.h"
#include "schema/error.h"
#include "tests/suites.h"

/* The buffer holds just this; then it is emptied. */
static void check(struct buffer *b, const char *expected)
{
    CU_ASSERT_FALSE(b->failed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->bytes);
    CU_ASSERT_STRING_EQUAL(b->bytes, expected);
    CU_ASSERT_EQUAL(b->size, strlen(expected));
    buffer_release(b);
}

static void test_grows(void)
{
    struct buffer b = {0};
    for (int i = 0; i < 1000; i++) {
        buffer_text(&b, "abc");
        buffer_char(&b, 'd');
        buffer_format(&b, "%03d", i);
    }
    CU_ASSERT_EQUAL(b.size, 7000);
    CU_ASSERT_EQUAL(b.bytes[b.size], '\0');
    CU_ASSERT_STRING_EQUAL(b.bytes + 6993, "abcd999");
    buffer_release(&b);
    CU_ASSERT_PTR_NULL(b.bytes);
}

static void test_add_nothing(void)
{
    struct buffer b = {0};
    buffer_add(&b, NULL, 0);
    check(&b, "");
}

static void test_take(void)
{
    struct buffer b = {0};
    CU_ASSERT_PTR_NULL(buffer_take(&b));
    buffer_text(&b, "mine");
    char *text = buffer_take(&b);
    CU_ASSERT_STRING_EQUAL(text, "mine");
    CU_ASSERT_EQUAL(b.size, 0);
    free(text);
}

static void test_failure_stays(void)
{
    struct buffer b = {0};
    buffer_text(&b, "begun");
    buffer_add(&b, "", SIZE_MAX - 5);
    CU_ASSERT_TRUE(b.failed);
    buffer_text(&b, "more");
    CU_ASSERT_EQUAL(b.size, 5);
    CU_ASSERT_PTR_NULL(buffer_take(&b));
}

static void test_json_string(void)
{
    static const struct {
        const char *text;
        size_t size;
        const char *expected;
    } rows[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xf0\x9f\x90\x8d", 6, "\"\xc3\xa9\xf0\x9f\x90\x8d\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer b = {0};
        buffer_json_string(&b, rows[i].text, rows[i].size);
        check(&b, rows[i].expected);
    }
}

/* The expected texts are Python's repr. */
static void test_json_real(void)
{
    static const struct {
        double number;
        const char *expected;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {3, "3.0"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e-4, "0.0001"},
        {1.5e-5, "1.5e-05"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e22, "1e+22"},
        {1e100, "1e+100"},
        {5e-324, "5e-324"},
        {0x1p-44, "5.684341886080802e-14"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {1.0 / 3, "0.3333333333333333"},
        {NAN, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer b = {0};
        buffer_json_real(&b, rows[i].number);
        check(&b, rows[i].expected);
    }
}

static void test_json_time(void)
{
    static const struct {
        int64_t at_us;
        const char *expected;
    } rows[] = {
        {0, "null"},
        {1, "\"1970-01-01T00:00:00.000001Z\""},
        {-1, "\"1969-12-31T23:59:59.999999Z\""},
        {951782400000000, "\"2000-02-29T00:00:00.000000Z\""},
        {951868799999999, "\"2000-02-29T23:59:59.999999Z\""},
        {1709164799000000, "\"2024-02-28T23:59:59.000000Z\""},
        {1709164800000000, "\"2024-02-29T00:00:00.000000Z\""},
        {4107542400000000, "\"2100-03-01T00:00:00.000000Z\""},
        {1790954096123456, "\"2026-10-02T15:14:56.123456Z\""},
        {253402300799999999, "\"9999-12-31T23:59:59.999999Z\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer b = {0};
        buffer_json_time(&b, rows[i].at_us);
        check(&b, rows[i].expected);
    }
}

static void test_error_set(void)
{
    struct error e = {.pointer = "/old"};
    CU_ASSERT_EQUAL(error_set(&e, ERROR_NOT_FOUND, "no task %d", 7), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(e.code, ERROR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(e.pointer, "");
    CU_ASSERT_STRING_EQUAL(e.text, "no task 7");
    CU_ASSERT_EQUAL(error_set(NULL, ERROR_SYSTEM, "nobody listens"), -ERROR_SYSTEM);
    CU_ASSERT_STRING_EQUAL(error_code_name(ERROR_OK), "OK");
    CU_ASSERT_STRING_EQUAL(error_code_name(ERROR_SYSTEM), "SYSTEM");
    CU_ASSERT_STRING_EQUAL(error_code_name((enum error_code)999), "?");
}

static void test_error_list(void)
{
    struct error_list list = {0};
    for (int i = 0; i < ERROR_LIST_MAX + 5; i++)
        error_list_add(&list, "/spec", "wrong %d", i);
    CU_ASSERT_EQUAL(list.n, ERROR_LIST_MAX);
    CU_ASSERT_STRING_EQUAL(list.items[ERROR_LIST_MAX - 1].pointer, "/spec");
    CU_ASSERT_STRING_EQUAL(list.items[ERROR_LIST_MAX - 1].detail, "wrong 99");
    error_list_release(&list);
    CU_ASSERT_EQUAL(list.n, 0);
    error_list_release(&list);
}

CU_TestInfo tests_buffer[] = {
    {"grows", test_grows},
    {"add nothing", test_add_nothing},
    {"take", test_take},
    {"failure stays", test_failure_stays},
    {"json string", test_json_string},
    {"json real", test_json_real},
    {"json time", test_json_time},
    {"error_set", test_error_set},
    {"error_list", test_error_list},
    CU_TEST_INFO_NULL,
};
