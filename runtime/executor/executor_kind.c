#include "runtime/executor/executor_kind.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/executor/executor_process.h"

/* ---- thread ---- */

static bool is_cancelled(struct function_call *call)
{
    return operation_is_given_up(&call->operation);
}

static void progress(struct function_call *call, double fraction, const char *message)
{
    operation_report(&call->operation, fraction, message);
}

static void wait(struct function_call *call, double seconds, bool ends_early)
{
    worker_wait(call->context, seconds, ends_early);
}

static const struct function_port port = {is_cancelled, progress, wait};

static void run_here(struct worker *worker, struct function_call *call)
{
    call->port = &port;
    call->context = worker;
    function_call_run(call);
}

/* ---- the table ---- */

const struct executor_kind executor_kinds[EXECUTOR_KINDS] = {
    {.name = "thread", .run = run_here},
    {.name = "process",
     .run = executor_process_run,
     .interrupt = executor_process_interrupt,
     .close = executor_process_close},
};

const struct executor_kind *executor_kind_find(const char *name)
{
    for (size_t i = 0; i < EXECUTOR_KINDS; i++)
        if (strcmp(executor_kinds[i].name, name) == 0)
            return &executor_kinds[i];
    return NULL;
}

const struct executor_kind *executor_kind_for(const struct executor_kind *kind,
                                              const struct function *function)
{
    const struct executor_kind *process =
        function->is_contained ? executor_kind_find("process") : NULL;
    return process ? process : kind;
}
