/* The compiler of specs: with each allocation missing it says that there was no memory, and nothing
 * else; never that a good spec is bad, nor that a bad one is good. */
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/op.h"
#include "runtime/services.h"
#include "schema/json.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/memory/specs.h"
#include "tests/sim/outside.h"

static json_t *find(void *context, const char *name)
{
    return json_incref(json_object_get(context, name));
}

/* What came of a spec. */
struct outcome {
    bool is_good, says_no_memory;
    size_t n_errors;
};

static struct outcome outcome_of(struct plan *plan, struct error_list *errors)
{
    struct outcome outcome = {plan != NULL, errors->n > 0 && errors->capacity == 0, errors->n};
    plan_unref(plan);
    error_list_release(errors);
    return outcome;
}

static struct outcome compile(const struct spec_case *c)
{
    struct error_list errors = {0};
    json_t *needed = NULL;
    const struct coroutine_source source = {find, c->coroutines};
    const struct node_check check = services_check(outside_services());
    const struct plan_options options = {.ops = &op_registry,
                                         .coroutines = &source,
                                         .check = &check,
                                         .timeout = c->timeout,
                                         .needed = &needed};
    struct plan *plan = plan_compile(c->spec, &options, &errors);
    json_decref(needed);
    return outcome_of(plan, &errors);
}

/* As it comes from the disk. */
static struct outcome compile_packed(const struct spec_case *c)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = c->timeout};
    char *text = plan_pack(c->spec, c->coroutines);
    if (!text)
        return (struct outcome){.says_no_memory = true, .n_errors = 1};
    struct plan *plan = plan_compile_packed(text, &options, &errors);
    free(text);
    return outcome_of(plan, &errors);
}

static struct outcome check_definition(const struct spec_case *c)
{
    struct error_list errors = {0};
    void *first = json_object_iter(c->coroutines);
    const json_t *definition = first ? json_object_iter_value(first) : c->spec;
    bool is_good = plan_check_definition(definition, &op_registry, NULL, &errors);
    struct outcome outcome = outcome_of(NULL, &errors);
    outcome.is_good = is_good;
    return outcome;
}

/* Of one spec, in one way, with each allocation missing. */
static void fail_each(struct report *report, const struct spec_case *c, bool for_good,
                      struct outcome (*attempt)(const struct spec_case *c))
{
    const struct outcome whole = attempt(c);
    bool met = true;
    for (size_t nth = 1; met; nth++) {
        inject(nth, for_good);
        struct outcome now = attempt(c);
        inject_end(&met);
        report->n_allocations += met;
        if (met ? now.is_good : now.is_good != whole.is_good)
            complain(report, "%s: '%s' is good, though allocation %zu failed", c->file, c->name,
                     nth);
        if (met && now.n_errors == 0)
            complain(report, "%s: '%s', allocation %zu: refused, and nobody says why", c->file,
                     c->name, nth);
        if (met && whole.is_good && !now.says_no_memory)
            complain(report, "%s: '%s', allocation %zu: complaints about a good spec", c->file,
                     c->name, nth);
    }
}

static void compile_each(struct report *report)
{
    for (size_t i = 0; i < specs_count(); i++)
        for (int for_good = 0; for_good < 2; for_good++) {
            fail_each(report, specs_get(i), for_good, compile);
            fail_each(report, specs_get(i), for_good, compile_packed);
            if (specs_get(i)->coroutines || !compile(specs_get(i)).is_good)
                fail_each(report, specs_get(i), for_good, check_definition);
        }
}

static void test_compile(void)
{
    outside_services();
    run_isolated(compile_each);
}

CU_TestInfo tests_of_schema[] = {
    {"compiling: all of the spec tests, and bad ones", test_compile},
    CU_TEST_INFO_NULL,
};
