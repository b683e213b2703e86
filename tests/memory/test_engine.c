/* The engine, in simulated time, as the server runs it: with a reserve. A single failure is not
 * noticed: the job does exactly what it would have done. When nothing is left the process ends in
 * order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/reserve.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/memory/specs.h"

#define SHORT_FAULTS 20 /* of each case, in the short form */

static void write_end(struct buffer *b, const struct sim_outcome *out)
{
    const struct task_record *ended = out->ended;
    buffer_format(b, "%s after %.9f, result %s, error %s, unhandled %s\n",
                  ended ? task_state_name(ended->state) : "stuck", out->took,
                  ended && ended->result ? ended->result : "none",
                  ended && ended->error ? ended->error : "none",
                  ended && ended->unhandled ? ended->unhandled : "none");
    for (size_t i = 0; i < out->n_log; i++)
        buffer_format(b, "%.9f [%s] @%s %s\n", out->log[i].at, out->log[i].level, out->log[i].path,
                      out->log[i].message);
}

/* All that came of the case; the caller frees. */
static char *run(const struct spec_case *c)
{
    struct buffer text = {0};
    struct sim_outcome out;
    char *job, *why;
    const struct sim_case asked = {.spec = c->spec,
                                   .timeout = c->timeout,
                                   .coroutines = c->coroutines,
                                   .cancels = c->cancels,
                                   .n_cancels = c->n_cancels,
                                   .reschedules = c->reschedules,
                                   .n_reschedules = c->n_reschedules,
                                   .futures = c->futures,
                                   .n_futures = c->n_futures};
    struct plan *plan = sim_compile(&asked, &job, &why);
    if (plan) {
        sim_run(plan, &asked, &out);
        write_end(&text, &out);
        sim_outcome_release(&out);
    } else
        buffer_text(&text, why);
    plan_unref(plan);
    free(job);
    free(why);
    return buffer_take(&text);
}

static void fail_each(struct report *report, const struct spec_case *c)
{
    bool met;
    inject(SIZE_MAX, false);
    char *whole = run(c);
    size_t n = inject_end(&met), step = is_full_form() ? 1 : n / SHORT_FAULTS + 1;
    for (size_t nth = 1; nth <= n; nth += step) {
        inject(nth, false);
        char *text = run(c);
        inject_end(&met);
        report->n_allocations += met;
        if (strcmp(text, whole) != 0)
            complain(report, "%s: '%s', allocation %zu: %s, not %s", c->file, c->name, nth, text,
                     whole);
        free(text);
        BUG_ON(reserve_is_short()); /* makes it whole again */
    }
    free(whole);
}

static void run_each(struct report *report)
{
    BUG_ON(!reserve_open());
    for (size_t i = 0; i < specs_count(); i++)
        if (specs_get(i)->state)
            fail_each(report, specs_get(i));
}

static void test_once(void)
{
    specs_count();
    run_isolated(run_each);
}

/* A few cases, one after another. */
static void run_some(struct report *report, size_t nth, bool for_good)
{
    bool met;
    inject(nth, for_good);
    for (size_t i = 0; i < specs_count(); i += is_full_form() ? 37 : 7)
        if (specs_get(i)->state)
            free(run(specs_get(i)));
    report->n_allocations = inject_end(&met);
    if (met)
        complain(report, "it went on without memory");
}

static void test_for_good(void)
{
    static const struct scenario scenario = {
        .name = "engine", .with_reserve = true, .run = run_some};
    specs_count();
    scenario_run(&scenario, true);
}

CU_TestInfo tests_of_engine[] = {
    {"once", test_once},
    {"for good", test_for_good},
    CU_TEST_INFO_NULL,
};
