/* Jobs while somebody sets the wall clock: durations do not see it, times follow it, and nothing is
 * early. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/op.h"
#include "tests/sim/sim.h"
#include "tests/suites.h"

#define HOUR 3600.0
#define YEARS (10 * 365 * 24 * HOUR)

static const double jumps[] = {HOUR, -HOUR, YEARS, -YEARS};
#define N_JUMPS (sizeof jumps / sizeof *jumps)

/* How long the spec takes when the clock is set so far 2 seconds after its start; NAN: for ever. */
static double took(const char *text, double timeout, double jump)
{
    const struct sim_jump set = {.at = 2, .seconds = jump};
    struct sim_outcome out = {0};
    char *job, *why;
    json_t *spec = json_loads(text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec);
    const struct sim_case c = {.spec = spec, .timeout = timeout, .jumps = &set, .n_jumps = 1};
    struct plan *plan = sim_compile(&c, &job, &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    double seconds = sim_run(plan, &c, &out) ? out.took : NAN;
    sim_outcome_release(&out);
    plan_unref(plan);
    json_decref(spec);
    free(job);
    return seconds;
}

static void durations_do_not_see_it(void)
{
    for (size_t i = 0; i < N_JUMPS; i++) {
        CU_ASSERT_EQUAL(took("{\"op\":\"sleep\",\"seconds\":5}", TIMEOUT_NONE, jumps[i]), 5);
        CU_ASSERT_EQUAL(took("{\"op\":\"timeout\",\"seconds\":5,\"body\":"
                             "{\"op\":\"sleep\",\"seconds\":9}}",
                             TIMEOUT_NONE, jumps[i]),
                        5);
        CU_ASSERT_EQUAL(took("{\"op\":\"sleep\",\"seconds\":9}", 5, jumps[i]), 5);
    }
}

/* `at` is 5 seconds after the start. Forward: soon after the jump. Back: as long after the start as
 * the clock takes to get there. */
static void check_at(const char *text)
{
    double soon = took(text, TIMEOUT_NONE, HOUR);
    CU_ASSERT_TRUE(soon >= 2 && soon <= 3.001);
    soon = took(text, TIMEOUT_NONE, YEARS);
    CU_ASSERT_TRUE(soon >= 2 && soon <= 3.001);
    CU_ASSERT_EQUAL(took(text, TIMEOUT_NONE, 0), 5);
    CU_ASSERT_EQUAL(took(text, TIMEOUT_NONE, 1.5), 3.5);
    CU_ASSERT_EQUAL(took(text, TIMEOUT_NONE, -1.5), 6.5);
    CU_ASSERT_EQUAL(took(text, TIMEOUT_NONE, -HOUR), HOUR + 5);
}

static void a_time_follows_it(void)
{
    check_at("{\"op\":\"timeout\",\"at\":\"1970-01-01T00:00:05Z\",\"body\":"
             "{\"op\":\"sleep\",\"seconds\":1e6}}");
    check_at("{\"op\":\"timeout\",\"name\":\"t\",\"seconds\":90,\"body\":{\"op\":\"sequence\","
             "\"steps\":[{\"op\":\"reschedule\",\"timeout\":\"t\",\"at\":\"1970-01-01T00:00:05Z\"},"
             "{\"op\":\"sleep\",\"seconds\":1e6}]}}");
}

/* Back by years: the body ends before. */
static void far_back_it_does_not_come(void)
{
    CU_ASSERT_EQUAL(took("{\"op\":\"timeout\",\"at\":\"1970-01-01T00:00:05Z\",\"body\":"
                         "{\"op\":\"sleep\",\"seconds\":1e5}}",
                         TIMEOUT_NONE, -YEARS),
                    1e5);
}

/* From a time to seconds: the jump is nothing to it any more; and the other way round. */
static void what_was_moved_follows_its_new_clock(void)
{
    static const char by_seconds[] =
        "{\"op\":\"timeout\",\"name\":\"t\",\"at\":\"1970-01-01T00:00:03Z\",\"body\":"
        "{\"op\":\"sequence\",\"steps\":[{\"op\":\"reschedule\",\"timeout\":\"t\",\"seconds\":7},"
        "{\"op\":\"sleep\",\"seconds\":1e5}]}}";
    for (size_t i = 0; i < N_JUMPS; i++)
        CU_ASSERT_EQUAL(took(by_seconds, TIMEOUT_NONE, jumps[i]), 7);
}

extern CU_TestInfo tests_clock_jumps[];
CU_TestInfo tests_clock_jumps[] = {
    {"durations do not see it", durations_do_not_see_it},
    {"a time follows it", a_time_follows_it},
    {"far back it does not come", far_back_it_does_not_come},
    {"what was moved follows its new clock", what_was_moved_follows_its_new_clock},
    CU_TEST_INFO_NULL,
};
