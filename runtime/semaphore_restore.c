/* What jobs had of named semaphores when the server stopped, and have again. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay.h"
#include "runtime/semaphore.h"
#include "runtime/task.h"

struct semaphore_claim {
    int64_t value;   /* that the semaphore is made with */
    int64_t made_ns; /* when it was asked for, by the host's clock */
    char name[];
};

/* ---- while its job is replayed ---- */

bool semaphore_replay_acquire(struct semaphore_waiter *waiter, struct task *task, const char *name,
                              int64_t value)
{
    struct job *job = task->job;
    struct semaphore_claim *claim = memory_new(sizeof *claim + strlen(name) + 1);
    claim->value = value;
    claim->made_ns = journal_now_ns(job);
    strcpy(claim->name, name);
    waiter->task = task;
    waiter->claim = claim;
    waiter->state = WAITER_PENDING;
    waiter->is_held = replay_answer(job, ENTRY_ACQUIRED) != 0;
    list_append(replay_semaphores(job), &waiter->link);
    return waiter->is_held;
}

bool semaphore_replay_grant(struct semaphore_waiter *waiter)
{
    if (!waiter->claim || waiter->state != WAITER_PENDING || waiter->is_held)
        return false;
    waiter->state = WAITER_GRANTED;
    task_resolve(waiter->task, value_true);
    return true;
}

bool semaphore_replay_woken(struct semaphore_waiter *waiter, const struct value *outcome)
{
    waiter->is_held = !value_is_exception(outcome);
    if (waiter->is_held)
        replay_pass_on(waiter->task->job);
    else
        semaphore_replay_leave(waiter);
    return waiter->is_held;
}

/* Also when the job is given up before its claims were restored. */
void semaphore_replay_leave(struct semaphore_waiter *waiter)
{
    free(waiter->claim);
    waiter->claim = NULL;
    waiter->is_held = false;
    list_remove(&waiter->link);
    if (journal_is_replaying(waiter->task->job))
        replay_pass_on(waiter->task->job);
}

/* ---- when all are replayed ---- */

void semaphore_collect_claims(struct semaphore_claims *claims, struct job *job)
{
    struct list *list = replay_semaphores(job);
    while (!list_is_empty(list)) {
        struct semaphore_waiter *waiter = CONTAINER_OF(list->next, struct semaphore_waiter, link);
        list_remove(&waiter->link);
        if (claims->n == claims->capacity) {
            claims->capacity = claims->capacity ? 2 * claims->capacity : 64;
            claims->waiters =
                memory_resize(claims->waiters, claims->capacity * sizeof *claims->waiters);
        }
        claims->waiters[claims->n++] = waiter;
    }
}

static bool has_it(const struct semaphore_waiter *waiter)
{
    return waiter->is_held || waiter->state == WAITER_GRANTED;
}

static int compare(const void *a, const void *b)
{
    const struct semaphore_waiter *x = *(struct semaphore_waiter *const *)a,
                                  *y = *(struct semaphore_waiter *const *)b;
    if (has_it(x) != has_it(y))
        return has_it(x) ? -1 : 1;
    int64_t x_ns = x->claim->made_ns, y_ns = y->claim->made_ns;
    return x_ns < y_ns ? -1 : x_ns > y_ns;
}

static void restore(struct semaphore_waiter *waiter, struct loop *main)
{
    struct semaphore_claim *claim = waiter->claim;
    struct loop *loop = waiter->task->job->loop;
    waiter->claim = NULL;
    if (loop->semaphore_port)
        loop->semaphore_port->restore(main, waiter, claim->name, claim->value);
    else
        semaphore_take_again(waiter, semaphore_open(main, claim->name, claim->value));
    free(claim);
}

void semaphore_restore_claims(struct semaphore_claims *claims, struct loop *main)
{
    if (claims->n)
        qsort(claims->waiters, claims->n, sizeof *claims->waiters, compare);
    for (size_t i = 0; i < claims->n; i++)
        restore(claims->waiters[i], main);
    semaphores_settle(main);
    free(claims->waiters);
    *claims = (struct semaphore_claims){0};
}
