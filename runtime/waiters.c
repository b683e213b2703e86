/* Who waits for the end of a job. */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/runtime_internal.h"
#include "schema/allocate.h"

static void drop_waiter(struct waiter *waiter, struct loop_thread *thread)
{
    timer_disarm(&thread->loop.timers, &waiter->timer);
    list_remove(&waiter->link);
}

void loop_thread_drop_waiters(struct loop_thread *thread, struct job *job)
{
    while (!list_is_empty(&job->waiters))
        drop_waiter(CONTAINER_OF(job->waiters.next, struct waiter, link), thread);
}

static void answer_waiter(struct waiter *waiter, struct loop_thread *thread,
                          struct task_record *ended)
{
    drop_waiter(waiter, thread);
    waiter->done(waiter, ended);
}

void loop_thread_answer_waiters(struct loop_thread *thread, struct job *job,
                                struct task_record *ended)
{
    while (!list_is_empty(&job->waiters))
        answer_waiter(CONTAINER_OF(job->waiters.next, struct waiter, link), thread, ended);
}

static void end_wait(struct waiter *waiter, const struct job *job)
{
    if (job->is_stored)
        answer_waiter(waiter, waiter->thread, NULL);
    else
        waiter->wait_ns = 0; /* not acknowledged yet: answered when it is */
}

static void wait_is_over(struct timer *timer)
{
    struct waiter *waiter = CONTAINER_OF(timer, struct waiter, timer);
    end_wait(waiter, loop_find(&waiter->thread->loop, &waiter->id));
}

void loop_thread_add_waiter(struct loop_thread *thread, struct job *job, struct waiter *waiter)
{
    waiter->thread = thread;
    waiter->timer = (struct timer){.fire = wait_is_over};
    list_append(&job->waiters, &waiter->link);
    struct host *host = thread->loop.host;
    timer_arm(&thread->loop.timers, &waiter->timer, host->now_ns(host) + waiter->wait_ns);
}

void loop_thread_answer_overdue(struct loop_thread *thread, struct job *job)
{
    struct list *next;
    for (struct list *l = job->waiters.next; l != &job->waiters; l = next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        next = l->next;
        if (waiter->wait_ns == 0 || thread->is_draining)
            answer_waiter(waiter, thread, NULL);
    }
}

static void handle_wait(struct loop *loop, struct message *message)
{
    struct loop_thread *thread = loop_thread_of(loop);
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    struct job *job = loop_find(loop, &waiter->id);
    if (job && !thread->is_draining)
        loop_thread_add_waiter(thread, job, waiter);
    else
        waiter->done(waiter, NULL);
}

static void route_wait(struct loop *loop, struct message *message)
{
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    runtime_forward(loop_thread_of(loop)->runtime, &waiter->id, waiter->loop, message, handle_wait);
}

void runtime_wait(struct runtime *runtime, struct waiter *waiter)
{
    runtime_ask(runtime, &waiter->message, route_wait);
}

/* ---- giving up ---- */

struct giving_up {
    struct message message;
    struct id id;
    uint64_t ticket;
};

static void handle_giving_up(struct loop *loop, struct message *message)
{
    struct giving_up *asked = CONTAINER_OF(message, struct giving_up, message);
    struct job *job = loop_find(loop, &asked->id);
    loop_thread_drop_feed(loop_thread_of(loop), asked->ticket);
    if (job)
        loop_thread_tell_follower(job, asked->ticket);
    for (struct list *l = job ? job->waiters.next : NULL; l && l != &job->waiters; l = l->next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        if (waiter->ticket == asked->ticket) {
            end_wait(waiter, job);
            break;
        }
    }
    free(asked);
}

static void send_giving_up(struct loop_thread *thread, const struct giving_up *asked)
{
    struct giving_up *copy = allocate(sizeof *copy);
    if (!copy)
        return; /* the wait then ends by its time */
    *copy = *asked;
    copy->message.handle = handle_giving_up;
    loop_thread_post(thread, &copy->message);
}

/* To all loops: whoever sees a client leave does not know where his task is. */
static void route_giving_up(struct loop *loop, struct message *message)
{
    const struct runtime *runtime = loop_thread_of(loop)->runtime;
    for (size_t i = 1; i < runtime->n_threads; i++)
        if (runtime->threads[i]->state == LOOP_OPEN)
            send_giving_up(runtime->threads[i], CONTAINER_OF(message, struct giving_up, message));
    const struct giving_up *asked = CONTAINER_OF(message, struct giving_up, message);
    groups_give_up(loop_thread_of(loop)->runtime, &asked->id, asked->ticket);
    handle_giving_up(loop, message);
}

void runtime_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket)
{
    struct giving_up *asked = allocate(sizeof *asked);
    if (!asked)
        return; /* as above */
    *asked = (struct giving_up){.id = *id, .ticket = ticket};
    runtime_ask(runtime, &asked->message, route_giving_up);
}
