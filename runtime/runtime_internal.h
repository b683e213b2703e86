/* What the files of the runtime's face share: runtime.c, admission.c, waiters.c, requests.c,
 * recover.c. [loop] unless it says otherwise. */
#ifndef AWAITD_RUNTIME_RUNTIME_INTERNAL_H
#define AWAITD_RUNTIME_RUNTIME_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "runtime/base/bug.h"
#include "runtime/base/chain.h"
#include "runtime/host_uv.h"
#include "runtime/loop.h"
#include "runtime/runtime.h"

/* Callbacks and timers in one go, some milliseconds at most, before other jobs and messages get
 * theirs. */
#define LOOP_SLICE 10000

struct runtime {
    struct loop loop;
    struct host_uv *host;
    struct store *store;
    struct runtime_options options;
    pthread_t thread;
    struct mpsc inbox;
    struct chain outbox; /* store requests of this round */
    size_t n_requests;   /* at the store, and will come back as messages */
    bool is_draining, is_closing;
    int64_t grace_ns;
    int64_t stop_at_ns; /* of the drain; INT64_MAX before it */
    struct message drain, close;
    sem_t drained;
    atomic_size_t n_open;
    atomic_uint_fast64_t n_submitted, n_finished;
};

static inline struct runtime *runtime_of(struct loop *loop)
{
    return CONTAINER_OF(loop, struct runtime, loop);
}

void runtime_post(struct runtime *runtime, struct message *message); /* [any] */

/* To the store, at the end of this round: requests of one round are handed over together, so that a
 * job that began and ended in it costs one commit. */
void runtime_queue_request(struct runtime *runtime, struct store_request *request);

/* waiters.c */
void runtime_add_waiter(struct runtime *runtime, struct job *job, struct waiter *waiter);
/* All of a job's: with its ended record, or NULL. */
void runtime_answer_waiters(struct runtime *runtime, struct job *job, struct task_record *ended);
/* All of a job's are forgotten: whoever asked is told in another way. */
void runtime_drop_waiters(struct runtime *runtime, struct job *job);
/* Those whose time passed before the job was on disk. */
void runtime_answer_overdue(struct runtime *runtime, struct job *job);

/* admission.c: an INSERT goes to the store; from now on the job's end is a request of its own */
void runtime_insertion_leaves(struct store_request *request);
/* admission.c: what the loop tells */
extern const struct loop_events runtime_events;

#endif
