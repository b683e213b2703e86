/* RFC 3339, where calendars are odd. */
#include "schema/time.h"
#include "tests/suites.h"

extern CU_TestInfo tests_time[];

static int64_t parse(const char *text)
{
    int64_t at_us = -1;
    CU_ASSERT_TRUE(time_parse(text, &at_us));
    return at_us;
}

static void times_are_read(void)
{
    CU_ASSERT_EQUAL(parse("1970-01-01T00:00:00Z"), 0);
    CU_ASSERT_EQUAL(parse("1970-01-01T00:00:00.000001Z"), 1);
    CU_ASSERT_EQUAL(parse("1970-01-01t00:00:01.5z"), 1500000);
    CU_ASSERT_EQUAL(parse("2026-11-22T14:40:00Z"), 1795358400000000);
    CU_ASSERT_EQUAL(parse("1969-12-31T23:59:59Z"), -1000000);
    CU_ASSERT_EQUAL(parse("2000-02-29T00:00:00Z"), 951782400000000);
    CU_ASSERT_EQUAL(parse("2100-03-01T00:00:00Z"), 4107542400000000);
    CU_ASSERT_EQUAL(parse("0001-01-01T00:00:00Z"), -62135596800000000);
    CU_ASSERT_EQUAL(parse("9999-12-31T23:59:59.999999999Z"), 253402300799999999);
}

static void offsets_are_taken_off(void)
{
    CU_ASSERT_EQUAL(parse("1970-01-01T01:00:00+01:00"), 0);
    CU_ASSERT_EQUAL(parse("1969-12-31T21:00:00-03:00"), 0);
    CU_ASSERT_EQUAL(parse("1970-01-01T05:45:00+05:45"), 0);
}

static void what_is_no_time_is_none(void)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026-11-22",
                                      "2026-11-22T14:40:00",
                                      "2026-11-22T14:40Z",
                                      "2026-11-22T14:40:00.Z",
                                      "2026-11-22T14:40:00Zulu",
                                      "2026-11-22T14:40:00+1:00",
                                      "2026-11-22T14:40:00+24:00",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2100-02-29T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T14:60:00Z",
                                      "0000-01-01T00:00:00Z",
                                      "02026-11-22T14:40:00Z",
                                      " 2026-11-22T14:40:00Z"};
    int64_t at_us;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(time_parse(bad[i], &at_us));
}

CU_TestInfo tests_time[] = {
    {"times_are_read", times_are_read},
    {"offsets_are_taken_off", offsets_are_taken_off},
    {"what_is_no_time_is_none", what_is_no_time_is_none},
    CU_TEST_INFO_NULL,
};
