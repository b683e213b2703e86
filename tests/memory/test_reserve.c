/* The reserve: who may draw on it, and that there are no newcomers as long as it is not whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/base/reserve.h"
#include "schema/allocate.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/memory/runtime_world.h"
#include "tests/memory/writes.h"

static void expect(struct report *report, bool is_so, const char *what)
{
    report->n_allocations++;
    if (!is_so)
        complain(report, "%s", what);
}

/* One allocation, which fails once or for good. */
static bool gets_memory(size_t size, bool for_good)
{
    bool met;
    inject(1, for_good);
    void *memory = allocate(size);
    inject_end(&met);
    free(memory);
    return memory != NULL;
}

static void draw(struct report *report)
{
    BUG_ON(!reserve_open());
    expect(report, !reserve_is_short(), "it is whole at first");
    reserve_use(RESERVE_NONE);
    expect(report, !gets_memory(10, false), "who forgoes it gets nothing");
    reserve_use(RESERVE_OR_FAIL);
    expect(report, gets_memory(10, false), "a single failure is not noticed");
    inject_maps(true);
    expect(report, reserve_is_short(), "a piece is missing");
    inject_maps(false);
    expect(report, !reserve_is_short(), "it is whole again");
    expect(report, !gets_memory(SIZE_MAX / 4, true), "what is larger than all of it is not there");
    inject_maps(true);
    expect(report, !reserve_is_short(), "nor is it given up for that");
    expect(report, !gets_memory(10, true), "it comes to an end");
    expect(report, !reserve_give(), "it has come to its end");
    reserve_use(RESERVE_NONE);
}

static void test_draw(void)
{
    run_isolated(draw);
}

static void draw_to_the_end(struct report *report, size_t nth, bool for_good)
{
    bool met;
    inject(nth, for_good);
    char *text = memory_text("x");
    free(text);
    report->n_allocations = inject_end(&met);
    if (met && for_good)
        complain(report, "there is no memory, and still some was found");
}

static void test_end(void)
{
    static const struct scenario scenario = {
        .name = "reserve", .with_reserve = true, .run = draw_to_the_end};
    scenario_run(&scenario, false);
    scenario_run(&scenario, true);
}

/* ---- newcomers ---- */

static sem_t answered;
static int status_of_submission;

static void submitted(struct submission *submission, int status)
{
    (void)submission;
    status_of_submission = status;
    sem_post(&answered);
}

static int submit(unsigned n)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = runtime_ops(), .timeout = TIMEOUT_NONE};
    json_t *spec = json_pack("{ssss}", "op", "value", "value", "x");
    struct submission submission = {.record = write_record(n),
                                    .plan = plan_compile(spec, &options, &errors),
                                    .done = submitted};
    json_decref(spec);
    runtime_submit(world.runtime, &submission);
    while (sem_wait(&answered) != 0)
        ;
    return status_of_submission;
}

static void submit_when_short(struct report *report)
{
    sem_init(&answered, 0, 0);
    world.report = report;
    world_prepare();
    BUG_ON(!reserve_open() || !world_opens(":memory:", 1));
    expect(report, submit(1) == 0, "with a reserve all are welcome");
    inject_maps(true);
    reserve_give();
    expect(report, submit(2) == -ERROR_NO_MEMORY, "without all of it nobody is");
    inject_maps(false);
    expect(report, submit(3) == 0, "and then they are again");
    world_closes();
    world_release();
}

static void test_newcomers(void)
{
    run_isolated(submit_when_short);
}

CU_TestInfo tests_of_reserve[] = {
    {"drawn on", test_draw},
    {"to the end", test_end},
    {"newcomers wait", test_newcomers},
    CU_TEST_INFO_NULL,
};
