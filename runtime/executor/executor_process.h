/* The kind "process": each worker of the executor has a worker process (worker_process.h), in which
 * its calls run. What crashes there takes nothing else with it, and what is given up is killed. */
#ifndef AWAITD_RUNTIME_EXECUTOR_PROCESS_H
#define AWAITD_RUNTIME_EXECUTOR_PROCESS_H

#include "runtime/executor/executor_kind.h"

/* The functions of the kind. */
void executor_process_run(struct worker *worker, struct function_call *call);
void executor_process_interrupt(struct worker *worker, struct function_call *call);
void executor_process_close(struct worker *worker);

#endif
