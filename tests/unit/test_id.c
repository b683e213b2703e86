#include <string.h>

#include "schema/id.h"
#include "tests/suites.h"

static void test_layout(void)
{
    /* 2022-02-22T19:22:22.000500Z: the example of RFC 9562, A.6, and half a millisecond. */
    struct id id = id_make(1645557742000500, UINT64_MAX);
    char text[ID_TEXT_SIZE];
    id_format(&id, text);
    CU_ASSERT_STRING_EQUAL(text, "017f22e2-79b0-7800-bfff-ffffffffffff");
    id = id_make(1645557742000999, 0);
    id_format(&id, text);
    CU_ASSERT_STRING_EQUAL(text, "017f22e2-79b0-7ffb-8000-000000000000");
}

static void test_sorts_by_time(void)
{
    struct id before = id_make(1645557742000000, UINT64_MAX);
    for (int64_t us = 1; us < 3000; us++) {
        struct id after = id_make(1645557742000000 + us, 0);
        CU_ASSERT_TRUE(id_compare(&before, &after) < 0);
        before = id_make(1645557742000000 + us, UINT64_MAX);
    }
    CU_ASSERT_EQUAL(id_compare(&before, &before), 0);
}

static void test_round_trip(void)
{
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 1000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        struct id id = id_make((int64_t)(random >> 8), random), back;
        char text[ID_TEXT_SIZE];
        id_format(&id, text);
        CU_ASSERT_TRUE(id_parse(text, strlen(text), &back));
        CU_ASSERT_EQUAL(id_compare(&id, &back), 0);
    }
}

static void test_parse(void)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F", true},
        {"00000000-0000-0000-0000-000000000000", true},
        {"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
        {"", false},
        {"017f22e279b07cc398c4dc0c0c07398f", false},
        {"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398g", false},
        {"017f22e2-79b0-7cc3-98c4 dc0c0c07398f", false},
        {"017f22e-279b0-7cc3-98c4-dc0c0c07398f", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct id id;
        CU_ASSERT_EQUAL(id_parse(rows[i].text, strlen(rows[i].text), &id), rows[i].ok);
    }
}

static void test_version(void)
{
    static const struct {
        const char *text;
        bool is_v7;
    } rows[] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", true},
        {"017f22e2-79b0-7cc3-88c4-dc0c0c07398f", true},
        {"ffffffff-ffff-7fff-bfff-ffffffffffff", true},
        {"017f22e2-79b0-6cc3-98c4-dc0c0c07398f", false},
        {"017f22e2-79b0-7cc3-78c4-dc0c0c07398f", false},
        {"017f22e2-79b0-7cc3-c8c4-dc0c0c07398f", false},
        {"00000000-0000-0000-0000-000000000000", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct id id;
        CU_ASSERT_TRUE(id_parse(rows[i].text, strlen(rows[i].text), &id));
        CU_ASSERT_EQUAL(id_is_v7(&id), rows[i].is_v7);
    }
}

CU_TestInfo tests_id[] = {
    {"layout", test_layout},         {"sorts by time", test_sorts_by_time},
    {"round trip", test_round_trip}, {"parse", test_parse},
    {"version", test_version},       CU_TEST_INFO_NULL,
};
