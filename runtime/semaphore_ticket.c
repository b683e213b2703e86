/* Named semaphores for jobs that are not on the main loop, where these live: a ticket goes there
 * and back. Each of its messages is sent at most once, and in this order:
 *
 *     loop ──acquire──► main      main ──granted──► loop
 *     loop ──leave────► main      main ──gone─────► loop, which frees it */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"
#include "runtime/semaphore.h"

struct semaphore_ticket {
    struct message acquire, leave, granted, gone;
    struct loop_thread *thread;      /* whose it is */
    struct semaphore_waiter *waiter; /* the loop's; NULL once it left */
    struct semaphore_waiter home;    /* the main loop's */
    int64_t value;
    char name[];
};

/* ---- the loop's side ---- */

static void handle_granted(struct loop *loop, struct message *message)
{
    struct semaphore_ticket *ticket = CONTAINER_OF(message, struct semaphore_ticket, granted);
    (void)loop;
    if (ticket->waiter)
        semaphore_grant(ticket->waiter);
}

static void handle_gone(struct loop *loop, struct message *message)
{
    (void)loop;
    free(CONTAINER_OF(message, struct semaphore_ticket, gone));
}

/* ---- the main loop's ---- */

static void post_granted(struct semaphore_waiter *home)
{
    struct semaphore_ticket *ticket = CONTAINER_OF(home, struct semaphore_ticket, home);
    ticket->granted.handle = handle_granted;
    loop_thread_post_later(ticket->thread->runtime->main, ticket->thread, &ticket->granted);
}

/* Nobody here has to wake up before it holds it. */
static void hold(struct semaphore_waiter *home)
{
    semaphore_woken(home, value_true);
    post_granted(home);
}

static void handle_acquire(struct loop *loop, struct message *message)
{
    struct semaphore_ticket *ticket = CONTAINER_OF(message, struct semaphore_ticket, acquire);
    ticket->home = (struct semaphore_waiter){.granted = hold};
    if (semaphore_acquire(&ticket->home, NULL, semaphore_open(loop, ticket->name, ticket->value)))
        post_granted(&ticket->home);
}

static void handle_leave(struct loop *loop, struct message *message)
{
    struct semaphore_ticket *ticket = CONTAINER_OF(message, struct semaphore_ticket, leave);
    semaphore_leave(&ticket->home);
    ticket->gone.handle = handle_gone;
    loop_thread_post_later(loop_thread_of(loop), ticket->thread, &ticket->gone);
}

/* ---- the port ---- */

static struct semaphore_ticket *ticket_new(struct loop_thread *thread,
                                           struct semaphore_waiter *waiter, const char *name,
                                           int64_t value)
{
    size_t size = strlen(name) + 1;
    struct semaphore_ticket *ticket = memory_new_zeroed(1, sizeof *ticket + size);
    ticket->thread = thread;
    ticket->waiter = waiter;
    ticket->value = value;
    memcpy(ticket->name, name, size);
    waiter->ticket = ticket;
    return ticket;
}

static void acquire(struct loop *loop, struct semaphore_waiter *waiter, const char *name,
                    int64_t value)
{
    struct semaphore_ticket *ticket = ticket_new(loop_thread_of(loop), waiter, name, value);
    ticket->acquire.handle = handle_acquire;
    loop_thread_post_later(ticket->thread, ticket->thread->runtime->main, &ticket->acquire);
}

static void restore(struct loop *main, struct semaphore_waiter *waiter, const char *name,
                    int64_t value)
{
    struct semaphore_ticket *ticket =
        ticket_new(loop_thread_of(waiter->task->job->loop), waiter, name, value);
    ticket->home = (struct semaphore_waiter){
        .granted = hold, .is_held = waiter->is_held || waiter->state == WAITER_GRANTED};
    semaphore_take_again(&ticket->home, semaphore_open(main, name, value));
}

static void leave(struct loop *loop, struct semaphore_waiter *waiter)
{
    struct semaphore_ticket *ticket = waiter->ticket;
    ticket->waiter = NULL;
    if (loop->is_released) { /* its thread has ended; this is the main loop's, which heard all else
                              */
        semaphore_leave(&ticket->home);
        free(ticket);
        return;
    }
    ticket->leave.handle = handle_leave;
    loop_thread_post_later(ticket->thread, ticket->thread->runtime->main, &ticket->leave);
}

const struct semaphore_port semaphore_tickets = {acquire, leave, restore};
