/* The server's side of a worker process: one thread of an executor owns one, and hands it its
 * calls. It is started by the spawner when it is first needed, and anew whenever it has died. */
#ifndef AWAITD_RUNTIME_WORKER_PROCESS_H
#define AWAITD_RUNTIME_WORKER_PROCESS_H

#include "runtime/executor/function.h"
#include "runtime/spawner/spawner.h"

/* How worker processes are started; the same for all of them. Borrowed by each. */
struct worker_command {
    struct spawner *spawner;
    const char *const *argv; /* the program and its words, NULL-terminated */
    const char *const *env;  /* "KEY=value", NULL-terminated */
};

struct worker_process;

/* Starts nothing yet. NULL when the system has no descriptor to spare. [any] */
struct worker_process *worker_process_new(const struct worker_command *command);
/* Ends the process. After worker_process_run has returned. [any] */
void worker_process_free(struct worker_process *worker);

/* Runs the call in the process, to the end: call->operation.answer is there. The death of the
 * process is a BrokenProcessPool. A call that is given up is cancelled, and killed with its process
 * when it has not ended a moment later. [worker] */
void worker_process_run(struct worker_process *worker, struct function_call *call);
/* The call that runs, or is about to, was given up. [any] */
void worker_process_wake(struct worker_process *worker);

#endif
