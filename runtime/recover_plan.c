#include "runtime/recover_plan.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

/* Of the task's own timeout, from its beginning on; the journal knows when it was moved. Older
 * versions kept no more than the deadline; only one of 0 seconds is over at once. */
static double own_timeout(const struct task_record *record)
{
    int64_t us = record->deadline_at_us - record->created_at_us;
    if (record->has_timeout)
        return record->timeout;
    if (!record->deadline_at_us)
        return TIMEOUT_NONE;
    if (record->deadline_at_us == DEADLINE_NEVER)
        return TIMEOUT_NEVER;
    return us >= 0 ? (double)us / 1e6 : 1e-6;
}

struct plan *recovered_failure(const char *type, const char *message)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = TIMEOUT_NONE};
    json_t *spec = json_pack("{ssssss}", "op", "raise", "type", type, "message", message);
    struct plan *plan = plan_compile(memory_need(spec), &options, &errors);
    json_decref(spec);
    return memory_need(plan);
}

static struct plan *compile(const struct task_record *record)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = own_timeout(record)};
    struct plan *plan = plan_compile_packed(record->spec, &options, &errors);
    if (!plan)
        log_line(LOG_ERROR, "a stored task cannot be run: %s: %s", errors.items[0].pointer,
                 errors.items[0].detail);
    error_list_release(&errors);
    return plan ? plan
                : recovered_failure("RuntimeError",
                                    "this version of the server cannot run the stored spec");
}

void recovered_plans_release(struct recovered_plans *plans)
{
    plan_unref(plans->last);
    free(plans->spec);
}

struct plan *recovered_plan(struct recovered_plans *plans, struct task_record *record)
{
    double timeout = own_timeout(record);
    bool is_same = plans->spec && record->spec && plans->timeout == timeout &&
                   strcmp(plans->spec, record->spec) == 0;
    if (is_same)
        free(record->spec);
    else {
        struct plan *plan = compile(record);
        recovered_plans_release(plans);
        *plans = (struct recovered_plans){plan, record->spec, timeout};
    }
    record->spec = NULL;
    return plan_ref(plans->last);
}
