/* asyncio.Semaphore and BoundedSemaphore, FIFO: anonymous ones (map's concurrency), and named ones
 * that all jobs share. The named ones of all loops live on one of them; the others ask it through a
 * port. Follows CPython's asyncio/locks.py. [loop] */
#ifndef AWAITD_RUNTIME_SEMAPHORE_H
#define AWAITD_RUNTIME_SEMAPHORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "schema/value.h"

struct job;
struct loop;
struct task;

struct semaphore {
    struct value_handle handle; /* reference counted; a named one exists while anybody holds it or
                                 * waits for it */
    int64_t value;
    struct list waiters;    /* those that have not gone on yet, also when woken or cancelled */
    struct semaphore *next; /* in the loop's table */
    struct semaphore **table;
    char *name; /* NULL: anonymous */
};

enum waiter_state { WAITER_PENDING, WAITER_GRANTED, WAITER_CANCELLED };

/* Semaphore.acquire() under way; lives in a frame. Begin with {0}. */
struct semaphore_waiter {
    struct list link;
    struct task *task;
    struct semaphore *semaphore; /* with a reference, from acquire to leave; NULL: none */
    enum waiter_state state;
    bool is_waiting, is_held;
    void (*granted)(struct semaphore_waiter *waiter); /* instead of a task that is to be woken */
    struct semaphore_ticket *ticket;                  /* the port's; NULL: the semaphore is here */
    struct semaphore_claim *claim; /* from a replay until it is restored: what it had, or wanted */
};

/* Named semaphores that live on another loop: what an acquire asks there; semaphore_grant answers.
 */
struct semaphore_port {
    void (*acquire)(struct loop *loop, struct semaphore_waiter *waiter, const char *name,
                    int64_t value);
    void (*leave)(struct loop *loop, struct semaphore_waiter *waiter);
    /* restores a claim; nobody runs yet */
    void (*restore)(struct loop *loop, struct semaphore_waiter *waiter, const char *name,
                    int64_t value);
};
void semaphore_grant(struct semaphore_waiter *waiter);

/* semaphore_restore.c: named semaphores of jobs that were replayed, each of which was told by its
 * journal what it got. The claims of all of them are collected, and granted again: first those of
 * who had one, then in the order in which they were made. [main, at the start] */
struct semaphore_claims {
    struct semaphore_waiter **waiters;
    size_t n, capacity;
};
void semaphore_collect_claims(struct semaphore_claims *claims, struct job *job);
/* `main`: the loop that they live on. Frees the claims. */
void semaphore_restore_claims(struct semaphore_claims *claims, struct loop *main);
/* For semaphore.c, while the job is replayed, as its functions of these names. */
bool semaphore_replay_acquire(struct semaphore_waiter *waiter, struct task *task, const char *name,
                              int64_t value);
bool semaphore_replay_woken(struct semaphore_waiter *waiter, const struct value *outcome);
void semaphore_replay_leave(struct semaphore_waiter *waiter);
bool semaphore_replay_grant(struct semaphore_waiter *waiter);
/* For the restoring: as if it had been acquired, granted, asked for. */
void semaphore_take_again(struct semaphore_waiter *waiter, struct semaphore *semaphore);
/* Those who wait for named ones get what is free. */
void semaphores_settle(struct loop *loop);

struct semaphore *semaphore_new(int64_t value);
/* The one of that name, or a new one with this value: a reference for the caller. */
struct semaphore *semaphore_open(struct loop *loop, const char *name, int64_t value);
void semaphores_release(struct loop *loop); /* the table itself; no job may be left */

/* Takes the reference. True: acquired at once. Else the task is to wait (action_await), and the op
 * calls semaphore_cancelled in its `cancelled` and semaphore_woken in its `woken`. */
bool semaphore_acquire(struct semaphore_waiter *waiter, struct task *task,
                       struct semaphore *semaphore);
/* The same of the one of that name, wherever it lives. */
bool semaphore_acquire_named(struct semaphore_waiter *waiter, struct task *task, const char *name,
                             int64_t value);
/* The future that it waits for is cancelled: what Future.cancel() does. */
bool semaphore_cancelled(struct semaphore_waiter *waiter, struct value *message);
/* The wait is over: whether it was acquired; otherwise `outcome` is to be raised. */
bool semaphore_woken(struct semaphore_waiter *waiter, const struct value *outcome);
/* Releases what was acquired, or stops waiting when the job is given up; nothing when neither. */
void semaphore_leave(struct semaphore_waiter *waiter);

#endif
