#include "runtime/executor/executor_process.h"

#include <errno.h>
#include <string.h>

#include "runtime/executor/executor_internal.h"
#include "runtime/executor/worker_process.h"

/* The worker's process; made when it is first needed. NULL, and errno. */
static struct worker_process *process_of(struct worker *worker)
{
    struct executors *executors = worker->executors;
    if (worker->own)
        return worker->own;
    if (!executors->command) {
        errno = ENOTSUP;
        return NULL;
    }
    struct worker_process *process = worker_process_new(executors->command);
    executors_lock(executors); /* executor_process_interrupt may look at it just now */
    worker->own = process;
    executors_unlock(executors);
    return process;
}

void executor_process_run(struct worker *worker, struct function_call *call)
{
    struct worker_process *process = process_of(worker);
    if (process)
        worker_process_run(process, call);
    else
        function_raise(call, "BrokenProcessPool", "a worker process cannot be started: %s",
                       strerror(errno));
}

/* One that is not made yet looks at the call itself before it begins. */
void executor_process_interrupt(struct worker *worker, struct function_call *call)
{
    (void)call;
    if (worker->own)
        worker_process_wake(worker->own);
}

void executor_process_close(struct worker *worker)
{
    if (worker->own)
        worker_process_free(worker->own);
}
