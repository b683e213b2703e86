/* A loop's lag, from the times that it is away. */
#include <string.h>

#include "runtime/host/lag.h"
#include "tests/suites.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* Away for so long, n times in a second that ends at now_ns. */
static void be_away(struct lag *lag, int64_t now_ns, int64_t away_ns, int n)
{
    for (int i = n; i > 0; i--)
        lag_add(lag, now_ns - i, away_ns);
}

#define ASSERT_NEAR(actual, expected)                                                              \
    CU_ASSERT_TRUE((actual) >= 0.85 * (expected) && (actual) <= 1.15 * (expected) + 1e-6)

static void an_idle_loop_has_none(void)
{
    struct lag lag = {0};
    lag_start(&lag, 0);
    be_away(&lag, SECOND, MS / 100, 10); /* 0.1 ms of a second */
    struct lag_figures figures = lag_read(&lag, SECOND);
    CU_ASSERT_EQUAL(figures.p99, 0);
    ASSERT_NEAR(figures.max, 0.00001);
    ASSERT_NEAR(figures.over, 1);
}

/* One long absence weighs by its length, however many short ones there are. */
static void what_comes_at_any_moment_counts(void)
{
    struct lag lag = {0};
    lag_start(&lag, 0);
    be_away(&lag, SECOND, 100 * MS, 1);
    be_away(&lag, SECOND, 1000, 10000);
    struct lag_figures figures = lag_read(&lag, SECOND);
    ASSERT_NEAR(figures.p99,
                0.09); /* a tenth of all moments; of these a tenth wait 90 ms or more */
    CU_ASSERT_EQUAL(figures.p50, 0);
    CU_ASSERT_EQUAL(figures.max, 0.1);
}

static void a_busy_loop_lags_all_the_time(void)
{
    struct lag lag = {0};
    lag_start(&lag, 0);
    be_away(&lag, SECOND, 10 * MS, 100);
    struct lag_figures figures = lag_read(&lag, SECOND);
    ASSERT_NEAR(figures.p50, 0.005);
    ASSERT_NEAR(figures.p99, 0.0099);
}

static void it_is_about_the_last_minute(void)
{
    struct lag lag = {0};
    lag_start(&lag, 0);
    be_away(&lag, SECOND, 100 * MS, 5);
    be_away(&lag, 32 * SECOND, MS, 1); /* the window before still counts */
    CU_ASSERT_EQUAL(lag_read(&lag, 33 * SECOND).max, 0.1);
    be_away(&lag, 64 * SECOND, MS, 1);
    CU_ASSERT_EQUAL(lag_read(&lag, 65 * SECOND).max, 0.001);
    CU_ASSERT_EQUAL(lag_read(&lag, 200 * SECOND).max, 0); /* it slept all the time */
}

static void long_absences_have_a_place(void)
{
    struct lag lag = {0};
    lag_start(&lag, 0);
    lag_add(&lag, 20 * SECOND, INT64_MAX / 2);
    lag_add(&lag, 20 * SECOND, 0);
    CU_ASSERT_TRUE(lag_read(&lag, 20 * SECOND).p99 > 1);
}

CU_TestInfo tests_lag[] = {
    {"an_idle_loop_has_none", an_idle_loop_has_none},
    {"what_comes_at_any_moment_counts", what_comes_at_any_moment_counts},
    {"a_busy_loop_lags_all_the_time", a_busy_loop_lags_all_the_time},
    {"it_is_about_the_last_minute", it_is_about_the_last_minute},
    {"long_absences_have_a_place", long_absences_have_a_place},
    CU_TEST_INFO_NULL,
};
