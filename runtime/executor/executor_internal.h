/* What executor.c (the table) and executor_worker.c (the threads and their calls) share. One lock
 * is for all of it: what is done under it is short. */
#ifndef AWAITD_RUNTIME_EXECUTOR_INTERNAL_H
#define AWAITD_RUNTIME_EXECUTOR_INTERNAL_H

#include <pthread.h>

#include "runtime/base/bug.h"
#include "runtime/base/list.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/executor_kind.h"

struct executor {
    struct executors *executors;
    char *name;
    struct executor_options options;
    bool is_retired;   /* takes no calls */
    bool is_removed;   /* in no table any more: its last worker frees it */
    struct list queue; /* struct function_call */
    size_t n_queued, n_running, n_abandoned;
    uint64_t n_done, n_failed;
    struct list workers; /* struct worker */
    unsigned n_workers, n_idle;
    bool is_waking;      /* an idle worker was told, and has not looked yet */
    pthread_cond_t work; /* there is something in the queue, or a worker should end */
};

struct executors {
    struct operation_backend backend; /* first */
    const struct worker_command *command;
    pthread_mutex_t lock;
    struct executor **list; /* by name */
    size_t n;
    struct list gone;      /* struct worker: threads that have ended, or are about to return */
    size_t n_threads;      /* those that run */
    pthread_cond_t ended;  /* one of them ended */
    struct marks *marks;   /* NULL: none; does not change once a thread runs */
    bool slots[MARKS_MAX]; /* of the marks: a thread has it */
    bool is_closing;
};

static inline void executors_lock(struct executors *executors)
{
    BUG_ON(pthread_mutex_lock(&executors->lock) != 0);
}

static inline void executors_unlock(struct executors *executors)
{
    BUG_ON(pthread_mutex_unlock(&executors->lock) != 0);
}

/* executor.c: NULL: there is none. Locked. */
struct executor *executors_find(struct executors *executors, const char *name);

/* executor_worker.c: backend.begin, backend.give_up. [loop] */
void executors_begin(struct operation_backend *backend, struct operation *operation);
void executors_give_up(struct operation_backend *backend, struct operation *operation);
/* executor.c: one without workers that was removed. Locked. */
void executor_free(struct executor *executor);
/* Threads that have ended are joined and freed. Locked. */
void executors_reap(struct executors *executors);
/* Starts workers for what waits, as far as there may be more of them. Locked. */
void executor_fill(struct executor *executor);
/* Its workers look whether they should end. Locked. */
void executor_wake_all(struct executor *executor);
/* A condition whose waits are measured by the monotonic clock. */
void executor_condition_init(pthread_cond_t *condition);
/* pthread_cond_timedwait until the monotonic clock says `at_ns`: false when it was time. Locked. */
bool executor_condition_wait(pthread_cond_t *condition, struct executors *executors, int64_t at_ns);

#endif
