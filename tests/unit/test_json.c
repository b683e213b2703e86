#include <string.h>

#include "schema/json.h"
#include "tests/suites.h"

static json_t *read_text(const char *text, struct error *e)
{
    return json_read(text, strlen(text), e);
}

/* What is read is written again as it was, but for blanks and the shape of numbers and escapes. */
static void test_round_trip(void)
{
    static const char *const rows[][2] = {
        {"null", "null"},
        {" [ 1 , 2.0 , -3e2 ] ", "[1,2.0,-300.0]"},
        {"-0", "0"},
        {"-0.0", "-0.0"},
        {"0.1", "0.1"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9007199254740993", "9007199254740993"},
        {"{\"b\":1,\"a\":{\"\":[]}}", "{\"b\":1,\"a\":{\"\":[]}}"},
        {"\"\\u00e9\\ud83d\\ude00\\n\\u001f\\/\"", "\"é😀\\n\\u001f/\""},
        {"[true,false,null,\"\"]", "[true,false,null,\"\"]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e;
        struct buffer b = {0};
        json_t *value = read_text(rows[i][0], &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(value);
        json_write(&b, value);
        CU_ASSERT_STRING_EQUAL(b.bytes, rows[i][1]);
        buffer_release(&b);
        json_decref(value);
    }
}

/* What is wrong, and at which byte. */
static void test_errors(void)
{
    static const char *const rows[][2] = {
        {"", "at byte 0: the text is empty; a JSON value is expected"},
        {"[1,2", "at byte 4: the text ends before its JSON value does"},
        {"[1] x", "at byte 5: one JSON value is expected, and there is more text after it"},
        {"{\"a\":1,\"a\":2}", "at byte 10: duplicate object key near '\"a\"'"},
        {"\"\\u0000\"", "at byte 8: the character \\u0000 is not allowed"},
        {"{\"\\u0000\":1}", "at byte 9: the character \\u0000 is not allowed"},
        {"[1e400]", "at byte 6: real number overflow near '1e400': integers must fit 64 bits, "
                    "others a double"},
        {"9223372036854775808", "at byte 19: too big integer near '9223372036854775808': integers "
                                "must fit 64 bits, others "
                                "a double"},
        {"[\"\xff\"]", "at byte 3: not UTF-8: unable to decode byte 0xff near '\"'"},
        {"[01]", "at byte 2: invalid token near '0'"},
        {"[NaN]", "at byte 4: invalid token near 'NaN'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {0};
        CU_ASSERT_PTR_NULL(read_text(rows[i][0], &e));
        CU_ASSERT_EQUAL(e.code, ERROR_BAD_JSON);
        CU_ASSERT_STRING_EQUAL(e.text, rows[i][1]);
    }
}

static void test_nul(void)
{
    struct error e;
    CU_ASSERT_PTR_NULL(json_read("[1]\0", 4, &e));
    CU_ASSERT_STRING_EQUAL(e.text, "at byte 4: a NUL byte is not allowed");
    CU_ASSERT_PTR_NULL(json_read("\"a\0b\"", 5, &e));
    CU_ASSERT_STRING_EQUAL(e.text, "at byte 3: a NUL byte is not allowed");
    CU_ASSERT_PTR_NULL(json_read("\"\\\0\"", 4, &e));
    CU_ASSERT_STRING_EQUAL(e.text, "at byte 3: a NUL byte is not allowed");
}

static void check_depth(const char *opening, const char *closing, size_t depth, bool is_good)
{
    struct buffer b = {0};
    struct error e = {0};
    for (size_t i = 0; i < depth; i++)
        buffer_text(&b, opening);
    buffer_text(&b, "\"[[[\\\"[[[\"");
    for (size_t i = 0; i < depth; i++)
        buffer_text(&b, closing);
    json_t *value = json_read(b.bytes, b.size, &e);
    CU_ASSERT_EQUAL(value != NULL, is_good);
    CU_ASSERT_EQUAL(strstr(e.text, "nested deeper than 200") != NULL, !is_good);
    json_decref(value);
    buffer_release(&b);
}

static void test_depth(void)
{
    check_depth("[", "]", JSON_DEPTH_MAX, true);
    check_depth("[", "]", JSON_DEPTH_MAX + 1, false);
    check_depth("{\"a\":", "}", JSON_DEPTH_MAX, true);
    check_depth("{\"a\":", "}", JSON_DEPTH_MAX + 1, false);
    check_depth("[", "", 1000000, false);
}

static void check_number(const char *item, size_t n, const char *expected)
{
    struct buffer b = {0};
    struct error e = {0};
    buffer_char(&b, '[');
    for (size_t i = 0; i < n; i++)
        buffer_text(&b, item);
    buffer_text(&b, "1]");
    CU_ASSERT_PTR_NULL(json_read(b.bytes, b.size, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, expected));
    buffer_release(&b);
}

static void test_numbers_of_things(void)
{
    check_number("[],", JSON_CONTAINERS_MAX, "more than 3000000 arrays and objects");
    check_number("1,", JSON_COMMAS_MAX + 1, "more than 10000000 values");
}

CU_TestInfo tests_json[] = {
    {"round trip", test_round_trip},
    {"errors", test_errors},
    {"NUL", test_nul},
    {"depth", test_depth},
    {"numbers of things", test_numbers_of_things},
    CU_TEST_INFO_NULL,
};
