/* What kinds of executors there are: how one of their workers runs a call. One table
 * (executor_kind.c), one line each.
 *
 * [worker] unless it says else. */
#ifndef AWAITD_RUNTIME_EXECUTOR_KIND_H
#define AWAITD_RUNTIME_EXECUTOR_KIND_H

#include <pthread.h>
#include <stdbool.h>

#include "runtime/base/list.h"
#include "runtime/executor/function.h"

struct executor;
struct executors;

/* One thread of an executor. */
struct worker {
    struct executors *executors;
    struct executor *executor;
    pthread_t thread;
    pthread_cond_t given_up;          /* with executors' lock: the call that runs was given up */
    struct function_call *call;       /* that runs; else NULL */
    const struct executor_kind *kind; /* how it runs it */
    struct list link;                 /* among its executor's, or those that have ended */
    void *own;                        /* a kind's own; NULL at first */
    size_t slot;                      /* for its marks; MARKS_MAX: none was left */
    bool is_marked;                   /* it has a mark there */
};

struct executor_kind {
    const char *name;
    /* Runs the call to its answer. */
    void (*run)(struct worker *worker, struct function_call *call);
    /* NULL, or: the call that the worker runs was given up. Must not block; the lock is held, so
     * that the call is still running. [loop] */
    void (*interrupt)(struct worker *worker, struct function_call *call);
    /* NULL, or: the thread ends. */
    void (*close)(struct worker *worker);
};

#define EXECUTOR_KINDS 2
extern const struct executor_kind executor_kinds[EXECUTOR_KINDS]; /* [any] */

/* The functions run in the worker's own thread. */
#define EXECUTOR_KIND_THREAD (&executor_kinds[0])

/* NULL: there is no such kind. [any] */
const struct executor_kind *executor_kind_find(const char *name);
/* How a call of that function is run on an executor of this kind. [any] */
const struct executor_kind *executor_kind_for(const struct executor_kind *kind,
                                              const struct function *function);

/* Blocks the worker for so many seconds, or until the call that it runs is given up if it
 * ends_early. */
void worker_wait(struct worker *worker, double seconds, bool ends_early);

#endif
