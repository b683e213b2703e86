/* What --retain says. */
#include "runtime/retention.h"
#include "runtime/wall_watch.h"
#include "tests/suites.h"

#define DAY_US (INT64_C(86400) * 1000000)

static struct retention parse(const char *text)
{
    struct retention retention = {0};
    CU_ASSERT_TRUE(retention_parse(text, &retention));
    return retention;
}

static void check_ages(const char *text, int64_t succeeded, int64_t failed, int64_t cancelled)
{
    struct retention retention = parse(text);
    CU_ASSERT_EQUAL(retention.age_us[TASK_SUCCEEDED], succeeded);
    CU_ASSERT_EQUAL(retention.age_us[TASK_FAILED], failed);
    CU_ASSERT_EQUAL(retention.age_us[TASK_CANCELLED], cancelled);
}

static void test_ages(void)
{
    const int64_t never = RETENTION_FOREVER;
    check_ages("forever", never, never, never);
    check_ages("0s", 0, 0, 0);
    check_ages("90s", 90000000, 90000000, 90000000);
    check_ages("30m", DAY_US / 48, DAY_US / 48, DAY_US / 48);
    check_ages("12h", DAY_US / 2, DAY_US / 2, DAY_US / 2);
    check_ages("7d", 7 * DAY_US, 7 * DAY_US, 7 * DAY_US);
    check_ages("2w", 14 * DAY_US, 14 * DAY_US, 14 * DAY_US);
    check_ages("36525d", 36525 * DAY_US, 36525 * DAY_US, 36525 * DAY_US);
    check_ages("succeeded=1d,failed=30d,cancelled=2d", DAY_US, 30 * DAY_US, 2 * DAY_US);
    check_ages("failed=30d", never, 30 * DAY_US, never);
    check_ages("failed=30d,1d", DAY_US, 30 * DAY_US, DAY_US);
    check_ages("1d,failed=forever", DAY_US, never, DAY_US);
    check_ages("1000", never, never, never);
}

static void test_counts(void)
{
    struct retention retention = parse("30d,1000000,failed=5,succeeded=1d");
    CU_ASSERT_EQUAL(retention.count_of_all, 1000000);
    CU_ASSERT_EQUAL(retention.count[TASK_FAILED], 5);
    CU_ASSERT_EQUAL(retention.count[TASK_SUCCEEDED], RETENTION_ALL);
    CU_ASSERT_EQUAL(retention.age_us[TASK_FAILED], 30 * DAY_US);
    CU_ASSERT_EQUAL(retention.age_us[TASK_SUCCEEDED], DAY_US);
    retention = parse("failed=5,failed=3d");
    CU_ASSERT_EQUAL(retention.count_of_all, RETENTION_ALL);
    CU_ASSERT_EQUAL(retention.count[TASK_FAILED], 5);
    CU_ASSERT_EQUAL(retention.age_us[TASK_FAILED], 3 * DAY_US);
}

static void test_nonsense(void)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "x",
                                        "7x",
                                        "d",
                                        "-1d",
                                        "1.5d",
                                        "7d ",
                                        " 7d",
                                        "7 d",
                                        "7dd",
                                        "7D",
                                        "0",
                                        "-5",
                                        "+5",
                                        "1e3",
                                        "failed",
                                        "failed=",
                                        "=1d",
                                        "failed=x",
                                        "running=1d",
                                        "pending=1",
                                        "FAILED=1d",
                                        "1d,",
                                        ",1d",
                                        "1d,,2",
                                        "1d,2d",
                                        "5,6",
                                        "forever,1d",
                                        "failed=1d,failed=2d",
                                        "36526d",
                                        "9999999999999999999d",
                                        "9999999999999999999",
                                        "99999999999999999s",
                                        "failed=1,failed=2",
                                        "forever=1d",
                                        "1d;2",
                                        "failed=1d=2",
                                        "nan"};
    struct retention retention;
    char longer[300] = "failed=1d";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (retention_parse(texts[i], &retention))
            CU_FAIL(texts[i]);
    for (size_t i = 9; i < sizeof longer - 1; i++)
        longer[i] = '0';
    CU_ASSERT_FALSE(retention_parse(longer, &retention));
}

static void test_limits(void)
{
    struct retention retention = parse("forever");
    CU_ASSERT_FALSE(retention_has_limit(&retention));
    retention = parse("failed=3d,7d");
    CU_ASSERT_TRUE(retention_has_limit(&retention));
    CU_ASSERT_FALSE(retention_has_count(&retention));
    CU_ASSERT_EQUAL(retention_least_age(&retention), 3 * DAY_US);
    retention = parse("cancelled=7");
    CU_ASSERT_TRUE(retention_has_limit(&retention));
    CU_ASSERT_TRUE(retention_has_count(&retention));
    CU_ASSERT_EQUAL(retention_least_age(&retention), RETENTION_FOREVER);
    retention = parse("7");
    CU_ASSERT_TRUE(retention_has_count(&retention));
}

static void test_expires_at(void)
{
    struct retention retention = parse("failed=3d");
    struct task_record record = {.state = TASK_FAILED};
    CU_ASSERT_EQUAL(retention_expires_at(&retention, &record), 0);
    record.finished_at_us = 1000;
    CU_ASSERT_EQUAL(retention_expires_at(&retention, &record), 3 * DAY_US + 1000);
    record.has_ttl = true; /* which may be shorter, or longer, and wins */
    CU_ASSERT_EQUAL(retention_expires_at(&retention, &record), 1000);
    record.ttl_us = 9 * DAY_US;
    CU_ASSERT_EQUAL(retention_expires_at(&retention, &record), 9 * DAY_US + 1000);
    record.has_ttl = false;
    record.state = TASK_SUCCEEDED;
    CU_ASSERT_EQUAL(retention_expires_at(&retention, &record), 0);
}

/* ---- the clock that it is held against ---- */

#define SECOND_NS INT64_C(1000000000)
#define NOW_US INT64_C(1700000000000000)

static void test_clock_goes(void)
{
    struct wall_watch watch = {0};
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US, 5 * SECOND_NS), NOW_US);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US + 1000000, 6 * SECOND_NS), NOW_US + 1000000);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US - 99, 7 * SECOND_NS), NOW_US - 99); /* back */
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US + 1000, 8 * SECOND_NS), NOW_US + 1000);
}

static void test_clock_leaps(void)
{
    struct wall_watch watch = {0};
    wall_watch_look(&watch, NOW_US, SECOND_NS);
    int64_t leap_us = NOW_US + 400 * DAY_US;
    CU_ASSERT_EQUAL(wall_watch_look(&watch, leap_us, 11 * SECOND_NS), NOW_US + 11000000);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, leap_us, 21 * SECOND_NS), NOW_US + 22000000);
    /* it was a mistake */
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US + 30000000, 31 * SECOND_NS), NOW_US + 30000000);
    /* a small step is caught up with */
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US + 41500000, 41 * SECOND_NS), NOW_US + 41000000);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, NOW_US + 51500000, 51 * SECOND_NS), NOW_US + 51500000);
}

/* A clock that was set right for good. */
static void test_clock_stays_ahead(void)
{
    struct wall_watch watch = {.wall_us = NOW_US, .ns = SECOND_NS};
    int64_t leap_us = NOW_US + 400 * DAY_US, ns = 2 * SECOND_NS;
    CU_ASSERT_TRUE(wall_watch_look(&watch, leap_us, ns) < NOW_US + DAY_US);
    CU_ASSERT_TRUE(wall_watch_look(&watch, leap_us, ns + WALL_PATIENCE_NS - 1) < NOW_US + DAY_US);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, leap_us, ns + WALL_PATIENCE_NS), leap_us);
    CU_ASSERT_EQUAL(wall_watch_look(&watch, leap_us + 9, ns + WALL_PATIENCE_NS + 9000),
                    leap_us + 9);
}

CU_TestInfo tests_retention[] = {
    {"ages", test_ages},
    {"counts", test_counts},
    {"nonsense", test_nonsense},
    {"limits", test_limits},
    {"expires at", test_expires_at},
    {"clock goes", test_clock_goes},
    {"clock leaps", test_clock_leaps},
    {"clock stays ahead", test_clock_stays_ahead},
    CU_TEST_INFO_NULL,
};
