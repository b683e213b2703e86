#include "runtime/semaphore.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/exception.h"
#include "runtime/journal/journal.h"
#include "runtime/loop.h"

/* ---- named ones ---- */

#define BUCKETS 256

static void release(struct value_handle *handle)
{
    struct semaphore *semaphore = CONTAINER_OF(handle, struct semaphore, handle);
    if (semaphore->name) {
        struct semaphore **link = semaphore->table;
        while (*link != semaphore)
            link = &(*link)->next;
        *link = semaphore->next;
    }
    free(semaphore->name);
    free(semaphore);
}

struct semaphore *semaphore_new(int64_t value)
{
    struct semaphore *semaphore = memory_new_zeroed(1, sizeof *semaphore);
    semaphore->handle =
        (struct value_handle){.base = {.refs = 1, .kind = VALUE_HANDLE}, .release = release};
    semaphore->value = value;
    list_init(&semaphore->waiters);
    return semaphore;
}

/* FNV-1a */
static size_t bucket_of(const char *name)
{
    uint32_t hash = 0x811c9dc5u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x01000193u;
    return hash % BUCKETS;
}

struct semaphore *semaphore_open(struct loop *loop, const char *name, int64_t value)
{
    if (!loop->semaphores)
        loop->semaphores = memory_new_zeroed(BUCKETS, sizeof *loop->semaphores);
    struct semaphore **bucket = &loop->semaphores[bucket_of(name)], *found = *bucket;
    while (found && strcmp(found->name, name) != 0)
        found = found->next;
    if (found) {
        value_ref(&found->handle.base);
        return found;
    }
    struct semaphore *semaphore = semaphore_new(value);
    semaphore->name = memory_text(name);
    semaphore->table = bucket;
    semaphore->next = *bucket;
    *bucket = semaphore;
    return semaphore;
}

void semaphores_release(struct loop *loop)
{
    for (size_t i = 0; loop->semaphores && i < BUCKETS; i++)
        BUG_ON(loop->semaphores[i]);
    free(loop->semaphores);
    loop->semaphores = NULL;
}

/* ---- acquire and release ---- */

/* Semaphore.locked() */
static bool is_locked(const struct semaphore *semaphore)
{
    if (semaphore->value == 0)
        return true;
    for (struct list *l = semaphore->waiters.next; l != &semaphore->waiters; l = l->next)
        if (CONTAINER_OF(l, struct semaphore_waiter, link)->state != WAITER_CANCELLED)
            return true;
    return false;
}

static void wake_up_next(struct semaphore *semaphore)
{
    for (struct list *l = semaphore->waiters.next; l != &semaphore->waiters; l = l->next) {
        struct semaphore_waiter *waiter = CONTAINER_OF(l, struct semaphore_waiter, link);
        if (waiter->state != WAITER_PENDING)
            continue;
        semaphore->value--;
        waiter->state = WAITER_GRANTED;
        if (waiter->granted) {
            waiter->granted(waiter);
            return;
        }
        if (semaphore->name)
            journal_granted(waiter->task);
        task_resolve(waiter->task, value_true);
        return;
    }
}

bool semaphore_acquire(struct semaphore_waiter *waiter, struct task *task,
                       struct semaphore *semaphore)
{
    waiter->task = task;
    waiter->semaphore = semaphore;
    if (!is_locked(semaphore)) {
        semaphore->value--;
        waiter->is_held = true;
        return true;
    }
    waiter->state = WAITER_PENDING;
    waiter->is_waiting = true;
    list_append(&semaphore->waiters, &waiter->link);
    return false;
}

bool semaphore_acquire_named(struct semaphore_waiter *waiter, struct task *task, const char *name,
                             int64_t value)
{
    struct loop *loop = task->job->loop;
    bool is_held = false;
    if (journal_is_replaying(task->job))
        return semaphore_replay_acquire(waiter, task, name, value);
    if (!loop->semaphore_port) {
        is_held = semaphore_acquire(waiter, task, semaphore_open(loop, name, value));
    } else {
        waiter->task = task;
        waiter->state = WAITER_PENDING;
        loop->semaphore_port->acquire(loop, waiter, name, value);
    }
    journal_acquired(task->job, is_held);
    return is_held;
}

void semaphore_grant(struct semaphore_waiter *waiter)
{
    if (waiter->state == WAITER_PENDING) {
        waiter->state = WAITER_GRANTED;
        journal_granted(waiter->task);
        task_resolve(waiter->task, value_true);
    }
}

bool semaphore_cancelled(struct semaphore_waiter *waiter, struct value *message)
{
    struct task *task = waiter->task;
    waiter->state = WAITER_CANCELLED;
    task_resolve(task, exception_cancelled(task->job->plan, task->current, message));
    return true;
}

static void stop_waiting(struct semaphore_waiter *waiter)
{
    list_remove(&waiter->link);
    waiter->is_waiting = false;
}

static void give_back(struct semaphore *semaphore)
{
    semaphore->value++;
    wake_up_next(semaphore);
}

bool semaphore_woken(struct semaphore_waiter *waiter, const struct value *outcome)
{
    struct semaphore *semaphore = waiter->semaphore;
    if (waiter->claim)
        return semaphore_replay_woken(waiter, outcome);
    if (waiter->ticket)
        return !value_is_exception(outcome);
    stop_waiting(waiter);
    if (value_is_exception(outcome)) {
        if (waiter->state != WAITER_CANCELLED)
            give_back(semaphore);
        return false;
    }
    waiter->is_held = true;
    if (semaphore->value > 0)
        wake_up_next(semaphore);
    return true;
}

void semaphore_take_again(struct semaphore_waiter *waiter, struct semaphore *semaphore)
{
    waiter->semaphore = semaphore;
    if (waiter->is_held || waiter->state == WAITER_GRANTED)
        semaphore->value--;
    if (waiter->is_held)
        return;
    waiter->is_waiting = true;
    list_append(&semaphore->waiters, &waiter->link);
}

static void settle(struct semaphore *semaphore)
{
    int64_t value;
    do {
        value = semaphore->value;
        if (value > 0)
            wake_up_next(semaphore);
    } while (semaphore->value != value);
}

void semaphores_settle(struct loop *loop)
{
    for (size_t i = 0; loop->semaphores && i < BUCKETS; i++)
        for (struct semaphore *s = loop->semaphores[i]; s; s = s->next)
            settle(s);
}

void semaphore_leave(struct semaphore_waiter *waiter)
{
    struct semaphore *semaphore = waiter->semaphore;
    if (waiter->claim)
        semaphore_replay_leave(waiter);
    if (waiter->ticket)
        waiter->task->job->loop->semaphore_port->leave(waiter->task->job->loop, waiter);
    waiter->ticket = NULL;
    if (!semaphore)
        return;
    bool was_granted = waiter->is_waiting && waiter->state == WAITER_GRANTED;
    if (waiter->is_waiting)
        stop_waiting(waiter);
    if (waiter->is_held || was_granted)
        give_back(semaphore);
    waiter->semaphore = NULL;
    waiter->is_held = false;
    value_unref(&semaphore->handle.base);
}
