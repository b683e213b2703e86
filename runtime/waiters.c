/* Who waits for the end of a job. */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/runtime_internal.h"

static void drop_waiter(struct waiter *waiter, struct runtime *runtime)
{
    timer_disarm(&runtime->loop.timers, &waiter->timer);
    list_remove(&waiter->link);
}

void runtime_drop_waiters(struct runtime *runtime, struct job *job)
{
    while (!list_is_empty(&job->waiters))
        drop_waiter(CONTAINER_OF(job->waiters.next, struct waiter, link), runtime);
}

static void answer_waiter(struct waiter *waiter, struct runtime *runtime, struct task_record *ended)
{
    drop_waiter(waiter, runtime);
    waiter->done(waiter, ended);
}

void runtime_answer_waiters(struct runtime *runtime, struct job *job, struct task_record *ended)
{
    while (!list_is_empty(&job->waiters))
        answer_waiter(CONTAINER_OF(job->waiters.next, struct waiter, link), runtime, ended);
}

static void end_wait(struct waiter *waiter, const struct job *job)
{
    if (job->is_stored)
        answer_waiter(waiter, waiter->runtime, NULL);
    else
        waiter->wait_ns = 0; /* not acknowledged yet: answered when it is */
}

static void wait_is_over(struct timer *timer)
{
    struct waiter *waiter = CONTAINER_OF(timer, struct waiter, timer);
    end_wait(waiter, loop_find(&waiter->runtime->loop, &waiter->id));
}

void runtime_add_waiter(struct runtime *runtime, struct job *job, struct waiter *waiter)
{
    waiter->runtime = runtime;
    waiter->timer = (struct timer){.fire = wait_is_over};
    list_append(&job->waiters, &waiter->link);
    struct host *host = runtime->loop.host;
    timer_arm(&runtime->loop.timers, &waiter->timer, host->now_ns(host) + waiter->wait_ns);
}

void runtime_answer_overdue(struct runtime *runtime, struct job *job)
{
    struct list *next;
    for (struct list *l = job->waiters.next; l != &job->waiters; l = next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        next = l->next;
        if (waiter->wait_ns == 0 || runtime->is_draining)
            answer_waiter(waiter, runtime, NULL);
    }
}

static void handle_wait(struct loop *loop, struct message *message)
{
    struct runtime *runtime = runtime_of(loop);
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    struct job *job = loop_find(loop, &waiter->id);
    if (job && !runtime->is_draining)
        runtime_add_waiter(runtime, job, waiter);
    else
        waiter->done(waiter, NULL);
}

void runtime_wait(struct runtime *runtime, struct waiter *waiter)
{
    waiter->message.handle = handle_wait;
    runtime_post(runtime, &waiter->message);
}

struct giving_up {
    struct message message;
    struct id id;
    uint64_t ticket;
};

static void handle_giving_up(struct loop *loop, struct message *message)
{
    struct giving_up *asked = CONTAINER_OF(message, struct giving_up, message);
    struct job *job = loop_find(loop, &asked->id);
    for (struct list *l = job ? job->waiters.next : NULL; l && l != &job->waiters; l = l->next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        if (waiter->ticket == asked->ticket) {
            end_wait(waiter, job);
            break;
        }
    }
    free(asked);
}

void runtime_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket)
{
    struct giving_up *asked = malloc(sizeof *asked);
    if (!asked)
        return; /* the wait then ends by its time */
    *asked = (struct giving_up){{.handle = handle_giving_up}, *id, ticket};
    runtime_post(runtime, &asked->message);
}
