#include "runtime/futures.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/exception.h"

static struct future *future_of(struct job *job, uint32_t index)
{
    if (!job->futures) {
        job->futures = memory_new_zeroed(job->plan->n_futures, sizeof *job->futures);
        for (uint32_t i = 0; i < job->plan->n_futures; i++)
            list_init(&job->futures[i].waiters);
    }
    return &job->futures[index];
}

enum future_state future_state(const struct job *job, uint32_t index)
{
    return job->futures ? job->futures[index].state : FUTURE_PENDING;
}

/* ---- it is done ---- */

/* Whether its exception is a CancelledError, though nobody was cancelled: it wakes as one. */
static bool raises_cancelled(const struct future *future)
{
    return future->type && strcmp(future->type, "CancelledError") == 0;
}

/* With what Task.__wakeup throws in. Any other exception is raised by who was woken, since a
 * request for his cancellation may come first. */
static struct value *wake_value(struct job *job, uint32_t index, uint32_t node)
{
    const struct future *future = &job->futures[index];
    return future->state == FUTURE_CANCELLED || raises_cancelled(future)
               ? future_result(job, index, node)
               : value_null;
}

static void wake_waiters(struct job *job, uint32_t index)
{
    struct list *waiters = &job->futures[index].waiters;
    while (!list_is_empty(waiters)) {
        struct task *task = CONTAINER_OF(waiters->next, struct future_waiter, link)->task;
        list_remove(waiters->next);
        task_resolve(task, wake_value(job, index, task->current));
    }
}

bool future_set(struct job *job, uint32_t index, const struct future_record *record)
{
    struct future *future = future_of(job, index);
    if (future->state != FUTURE_PENDING)
        return false;
    future->state = FUTURE_FINISHED;
    if (record->result) {
        future->value = memory_need(value_from_text(record->result, strlen(record->result)));
    } else {
        future->type = memory_text(record->type);
        future->message = record->message ? memory_text(record->message) : NULL;
    }
    wake_waiters(job, index);
    return true;
}

void future_cancel(struct job *job, uint32_t index, struct value *message)
{
    struct future *future = future_of(job, index);
    BUG_ON(future->state != FUTURE_PENDING);
    future->state = FUTURE_CANCELLED;
    future->value = message ? value_ref(message) : NULL;
    wake_waiters(job, index);
}

/* ---- who awaits it ---- */

bool future_join(struct future_waiter *waiter, struct task *task, uint32_t index)
{
    struct future *future = future_of(task->job, index);
    waiter->task = task;
    list_init(&waiter->link);
    if (future->state != FUTURE_PENDING)
        return false;
    list_append(&future->waiters, &waiter->link);
    return true;
}

void future_leave(struct future_waiter *waiter)
{
    list_remove(&waiter->link);
}

struct value *future_result(struct job *job, uint32_t index, uint32_t node)
{
    struct future *future = &job->futures[index];
    BUG_ON(future->state == FUTURE_PENDING);
    if (future->state == FUTURE_CANCELLED)
        return exception_cancelled(job->plan, node, future->value);
    if (!future->value)
        future->value = exception_raised(job->plan, node, future->type, future->message);
    future->is_retrieved = true;
    return value_ref(future->value);
}

void future_retrieve(struct job *job, uint32_t index)
{
    job->futures[index].is_retrieved = true;
}

/* ---- the job's end ---- */

void futures_report(struct job *job)
{
    for (uint32_t i = 0; job->futures && i < job->plan->n_futures; i++) {
        const struct future *future = &job->futures[i];
        if (!future->type || future->is_retrieved)
            continue;
        struct value *exception = future_result(job, i, job->plan->futures[i]->node);
        job_add_unhandled(job, exception);
        value_unref(exception);
    }
}

void futures_release(struct job *job)
{
    for (uint32_t i = 0; job->futures && i < job->plan->n_futures; i++) {
        value_unref(job->futures[i].value);
        free(job->futures[i].type);
        free(job->futures[i].message);
    }
    free(job->futures);
    job->futures = NULL;
}

void futures_write(const struct job *job, struct buffer *out)
{
    for (uint32_t i = 0; i < job->plan->n_futures; i++)
        buffer_char(out, future_state(job, i) == FUTURE_PENDING ? 'p' : 'd');
}
