#include <string.h>

#include "runtime/timeline.h"
#include "tests/suites.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define YEAR (365 * 24 * HOUR)
#define NOW (INT64_C(1795392000) * SECOND) /* a day in 2026 */

static const int64_t jumps[] = {0,     1,    -1,        SECOND,     -SECOND,   HOUR,
                                -HOUR, YEAR, 10 * YEAR, -10 * YEAR, 80 * YEAR, -80 * YEAR};
#define N_JUMPS (sizeof jumps / sizeof *jumps)

static struct clock_reading reading(const char *boot, int64_t monotonic_us, int64_t wall_us)
{
    struct clock_reading r = {.monotonic_us = monotonic_us, .wall_us = wall_us};
    strcpy(r.boot, boot);
    return r;
}

static struct clock_note note(const char *boot, int64_t monotonic_us, int64_t wall_us,
                              int64_t timeline_us)
{
    return (struct clock_note){reading(boot, monotonic_us, wall_us), timeline_us};
}

static void a_new_one_begins_as_the_wall_clock(void)
{
    struct clock_reading now = reading("a", 5, NOW), before_1970 = reading("a", 5, -NOW);
    CU_ASSERT_EQUAL(timeline_at(NULL, &now), NOW);
    CU_ASSERT_EQUAL(timeline_at(NULL, &before_1970), 1);
}

static void on_one_boot_it_goes_with_the_monotonic_clock(void)
{
    struct clock_note last = note("a", 100 * SECOND, NOW, 7 * SECOND);
    for (size_t i = 0; i < N_JUMPS; i++) {
        struct clock_reading now = reading("a", 103 * SECOND, NOW + jumps[i]);
        CU_ASSERT_EQUAL(timeline_at(&last, &now), 10 * SECOND);
    }
}

/* Also one that has the same name, as where the monotonic clock went back. */
static void over_a_reboot_it_goes_with_the_wall_clock_and_never_back(void)
{
    struct clock_note last = note("a", 100 * SECOND, NOW, 7 * SECOND);
    for (size_t i = 0; i < N_JUMPS; i++) {
        struct clock_reading now = reading("b", 200 * SECOND, NOW + jumps[i]),
                             back = reading("a", 99 * SECOND, NOW + jumps[i]);
        int64_t gone = jumps[i] > 0 ? jumps[i] : 0;
        CU_ASSERT_EQUAL(timeline_at(&last, &now), 7 * SECOND + gone);
        CU_ASSERT_EQUAL(timeline_at(&last, &back), 7 * SECOND + gone);
    }
}

static void a_boot_without_a_name_is_another_one(void)
{
    struct clock_note last = note("", 100 * SECOND, NOW, 7 * SECOND);
    struct clock_reading now = reading("", 500 * SECOND, NOW + 2 * SECOND);
    CU_ASSERT_EQUAL(timeline_at(&last, &now), 9 * SECOND);
}

static void what_cannot_be_is_survived(void)
{
    static const int64_t extremes[] = {INT64_MIN, -NOW, -1, 0, 1, NOW, INT64_MAX};
    for (int last = 0; last < 7; last++)
        for (int now = 0; now < 7; now++)
            for (int timeline = 0; timeline < 7; timeline++) {
                struct clock_note noted =
                    note("a", extremes[last], extremes[last], extremes[timeline]);
                struct clock_reading same = reading("a", extremes[now], extremes[now]),
                                     other = reading("b", extremes[now], extremes[now]);
                CU_ASSERT_TRUE(timeline_at(&noted, &same) >= noted.timeline_us);
                CU_ASSERT_TRUE(timeline_at(&noted, &other) >= noted.timeline_us);
                CU_ASSERT_TRUE(timeline_at(&noted, &other) >= 1);
            }
}

/* Runs on one boot, with a jump while it runs, down and up again on that boot or another: what was
 * to come after so long by the monotonic clock is never there early. */
static void a_wait_over_a_restart(const char *boot, int64_t jump_us, int64_t jump_down_us,
                                  int64_t down_us)
{
    struct clock_reading at = reading("a", 50 * SECOND, NOW);
    struct timeline timeline = timeline_go_on(NULL, &at);
    int64_t due = at.monotonic_us + timeline.offset_us + HOUR;
    at = reading("a", 51 * SECOND, NOW + SECOND + jump_us); /* noted after the jump */
    struct clock_note noted = timeline_note(&timeline, &at);
    bool is_same = strcmp(boot, "a") == 0;
    struct clock_reading up = reading(boot, is_same ? 51 * SECOND + down_us : SECOND,
                                      at.wall_us + down_us + jump_down_us);
    timeline = timeline_go_on(&noted, &up);
    int64_t waited = SECOND + down_us, left = due - (up.monotonic_us + timeline.offset_us);
    if (is_same || jump_down_us == 0)
        CU_ASSERT_EQUAL(left, HOUR - waited);
    if (jump_down_us < 0)
        CU_ASSERT_TRUE(left >= HOUR - waited);
    CU_ASSERT_TRUE(left <= HOUR - SECOND);
}

static void waits_go_on_over_restarts(void)
{
    for (size_t i = 0; i < N_JUMPS; i++)
        for (size_t k = 0; k < N_JUMPS; k++) {
            a_wait_over_a_restart("a", jumps[i], jumps[k], 600 * SECOND);
            a_wait_over_a_restart("b", jumps[i], jumps[k], 600 * SECOND);
        }
}

/* A machine that comes up in 1970 and learns the time later: the correction is no time gone by. */
static void a_slow_clock_that_is_set_right_counts_for_nothing(void)
{
    struct clock_note last = note("a", 100 * SECOND, NOW, NOW);
    struct clock_reading up = reading("b", SECOND, 0);
    struct timeline timeline = timeline_go_on(&last, &up);
    struct clock_reading later = reading("b", 3 * SECOND, 2 * SECOND);
    struct clock_note noted = timeline_note(&timeline, &later);
    CU_ASSERT_EQUAL(noted.timeline_us, NOW + 2 * SECOND);
    CU_ASSERT_EQUAL(noted.reading.wall_us, NOW);
    struct clock_reading again = reading("c", SECOND, NOW + HOUR);
    CU_ASSERT_EQUAL(timeline_at(&noted, &again), NOW + 2 * SECOND + HOUR);
}

/* But one that is set back while the server runs is believed. */
static void a_clock_that_is_set_back_is_believed(void)
{
    struct clock_note last = note("a", 100 * SECOND, NOW, NOW);
    struct clock_reading up = reading("a", 101 * SECOND, NOW + SECOND),
                         later = reading("a", 102 * SECOND, NOW - YEAR);
    struct timeline timeline = timeline_go_on(&last, &up);
    struct clock_note noted = timeline_note(&timeline, &later);
    CU_ASSERT_EQUAL(noted.reading.wall_us, NOW - YEAR);
    CU_ASSERT_EQUAL(noted.timeline_us, NOW + 2 * SECOND);
}

static void the_store_keeps_it(void)
{
    struct store *store;
    struct timeline timeline, again;
    int64_t written_ns = 0;
    CU_ASSERT_EQUAL_FATAL(store_open(&store, ":memory:", NULL), 0);
    CU_ASSERT_EQUAL(timeline_open(store, &timeline, NULL), 0);
    timeline.offset_us += YEAR; /* so that it is another than what a new one would be */
    struct store_request *request = timeline_write(&timeline, &written_ns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(request);
    CU_ASSERT_PTR_NULL(timeline_write(&timeline, &written_ns)); /* not so soon */
    struct clock_note wanted = *request->clock, found = {0};
    store_submit(store, request);
    struct store_reader *reader;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, store, NULL), 0);
    while (store_read_clock(reader, &found, NULL) != 0)
        ;
    CU_ASSERT_EQUAL(found.timeline_us, wanted.timeline_us);
    CU_ASSERT_STRING_EQUAL(found.reading.boot, wanted.reading.boot);
    CU_ASSERT_EQUAL(timeline_open(store, &again, NULL), 0);
    CU_ASSERT_EQUAL(again.offset_us, timeline.offset_us);
    store_reader_close(reader);
    store_close(store);
}

extern CU_TestInfo tests_timeline[];
CU_TestInfo tests_timeline[] = {
    {"a new one begins as the wall clock", a_new_one_begins_as_the_wall_clock},
    {"on one boot it goes with the monotonic clock", on_one_boot_it_goes_with_the_monotonic_clock},
    {"over a reboot it goes with the wall clock and never back",
     over_a_reboot_it_goes_with_the_wall_clock_and_never_back},
    {"a boot without a name is another one", a_boot_without_a_name_is_another_one},
    {"what cannot be is survived", what_cannot_be_is_survived},
    {"waits go on over restarts", waits_go_on_over_restarts},
    {"a slow clock that is set right counts for nothing",
     a_slow_clock_that_is_set_right_counts_for_nothing},
    {"a clock that is set back is believed", a_clock_that_is_set_back_is_believed},
    {"the store keeps it", the_store_keeps_it},
    CU_TEST_INFO_NULL,
};
