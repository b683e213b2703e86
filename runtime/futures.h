/* asyncio.Future: those of a job, by their place in plan->futures. Each is one variable of the
 * whole job, which all nodes of its name await; a client sets it, once. Follows CPython's
 * asyncio/futures.py. [loop]
 *
 *   PENDING ──set from outside──► FINISHED, with a result or an exception
 *      └── one who awaits it is cancelled ──► CANCELLED, for all who await it, now or later
 */
#ifndef AWAITD_RUNTIME_FUTURES_H
#define AWAITD_RUNTIME_FUTURES_H

#include "runtime/job.h"
#include "runtime/store/future_record.h"

enum future_state { FUTURE_PENDING, FUTURE_FINISHED, FUTURE_CANCELLED };

struct future {
    enum future_state state;
    bool is_retrieved;    /* somebody saw its exception */
    struct list waiters;  /* PENDING, in the order in which they came; a zeroed one has none */
    struct value *value;  /* FINISHED: the result, or the exception once it was raised; CANCELLED:
                           * the  message. Or NULL */
    char *type, *message; /* of an exception that was set; else NULL */
};

/* A task that awaits a future; lives in its frame. */
struct future_waiter {
    struct list link;
    struct task *task;
};

enum future_state future_state(const struct job *job, uint32_t index);

/* Future.set_result() or set_exception(): false when it is done already (InvalidStateError).
 * Borrows the record; its task and name do not matter. */
bool future_set(struct job *job, uint32_t index, const struct future_record *record);

/* `await future`: false when it is done; else the task is to wait (action_await). Initialises the
 * waiter. */
bool future_join(struct future_waiter *waiter, struct task *task, uint32_t index);
void future_leave(struct future_waiter *waiter); /* also when it waits no more */
/* Future.cancel(msg) of a pending one. Borrows the message, which may be NULL. */
void future_cancel(struct job *job, uint32_t index, struct value *message);
/* Future.result() of one that is done: the result, or the exception to raise at that node. A
 * reference. */
struct value *future_result(struct job *job, uint32_t index, uint32_t node);
/* Somebody was told its exception, if it has one. */
void future_retrieve(struct job *job, uint32_t index);

/* At the job's end: exceptions that nobody saw ("Future exception was never retrieved"). */
void futures_report(struct job *job);
void futures_release(struct job *job);

/* Appends one character for each: 'p' while it is pending, else 'd'. */
void futures_write(const struct job *job, struct buffer *out);

#endif
