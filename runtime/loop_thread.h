/* A loop's thread: one engine (struct loop), the real host under it, an inbox for what others want,
 * and an outbox for the store. [loop] unless it says otherwise; [router]: the main loop's thread.
 */
#ifndef AWAITD_RUNTIME_LOOP_THREAD_H
#define AWAITD_RUNTIME_LOOP_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/bug.h"
#include "runtime/base/chain.h"
#include "runtime/host/host_uv.h"
#include "runtime/loop.h"
#include "runtime/message.h"
#include "runtime/store/store.h"

struct runtime;
struct waiter;

/* Only an OPEN one gets jobs, and questions about them.
 *
 *   OPENING (on its way to the disk) ──► OPEN ◄──► CLOSING (to be taken off the disk) ──► ENDING
 *      └───────────────── could not be kept ─────────────────────────────────────────────►┘
 */
enum loop_state { LOOP_OPENING, LOOP_OPEN, LOOP_CLOSING, LOOP_ENDING };

struct loop_thread {
    char *name; /* never changes, as runtime */
    struct runtime *runtime;
    struct mpsc inbox;
    atomic_size_t n_open; /* tasks whose end is not on disk */
    /* the loop's */
    struct loop loop;
    struct host_uv *host;
    struct chain outbox; /* store requests of this round */
    struct parcel {
        struct loop_thread *to;
        struct message *message;
    } * parcels; /* to be posted behind them; room for n_parcels_max */
    size_t n_parcels, n_parcels_max;
    size_t n_requests;        /* at the store, and will come back as messages */
    int64_t clock_written_ns; /* timeline_write's */
    char *handler;            /* the URL that unhandled errors are posted to; NULL: none */
    struct list feeds;        /* bytes on their way to processes */
    struct list due;   /* pending jobs that are to begin, in the order in which they came due */
    size_t n_starting; /* STARTs at the store */
    size_t line_bytes; /* of logs, on their way to the disk */
    bool is_draining, is_closing;
    int64_t stop_at_ns; /* no job gets a turn after it; INT64_MAX before the drain */
    /* the router's */
    pthread_t thread;
    enum loop_state state;
    uint64_t n_submitted;       /* jobs that were sent here */
    char *shown_handler;        /* its own copy */
    struct loop_request *asked; /* ENDING: what it came from, or NULL */
    struct message drain, close, ended;
};

static inline struct loop_thread *loop_thread_of(struct loop *loop)
{
    return CONTAINER_OF(loop, struct loop_thread, loop);
}

/* A loop in LOOP_OPEN without a thread. Copies name. 0 or -code and *e. [any] */
int loop_thread_new(struct loop_thread **out, struct runtime *runtime, const char *name,
                    struct error *e);
int loop_thread_start(struct loop_thread *thread, struct error *e); /* [any] */
/* Once its thread has ended, or was never started. NULL is fine. [any] */
void loop_thread_free(struct loop_thread *thread);

void loop_thread_post(struct loop_thread *thread, struct message *message); /* [any] */

/* The same at the end of this round, once what led to it is on its way to the store: it comes to
 * the disk no later than what comes of the message. [loop of from] */
void loop_thread_post_later(struct loop_thread *from, struct loop_thread *to,
                            struct message *message);

/* To the store, at the end of this round: requests of one round are handed over together, so that a
 * job that began and ended in it costs one commit. */
void loop_thread_queue_request(struct loop_thread *thread, struct store_request *request);
/* What is queued goes now, and the new entries of all journals with it. */
void loop_thread_flush(struct loop_thread *thread);
void loop_thread_send_parcels(struct loop_thread *thread);

/* Messages: the drain begins; the thread is to end. */
void loop_thread_handle_drain(struct loop *loop, struct message *message);
void loop_thread_handle_close(struct loop *loop, struct message *message);

/* waiters.c */
void loop_thread_add_waiter(struct loop_thread *thread, struct job *job, struct waiter *waiter);
/* All of a job's: with its ended record, or NULL. */
void loop_thread_answer_waiters(struct loop_thread *thread, struct job *job,
                                struct task_record *ended);
/* All of a job's are forgotten: whoever asked is told in another way. */
void loop_thread_drop_waiters(struct loop_thread *thread, struct job *job);
/* Those whose time passed before the job was on disk. */
void loop_thread_answer_overdue(struct loop_thread *thread, struct job *job);

/* follow.c: tells all who follow the job's log; the one with that ticket, if he does */
void loop_thread_tell_followers(struct job *job, bool goes_on);
void loop_thread_tell_follower(struct job *job, uint64_t ticket);

/* process_requests.c: those who wait for bytes to get into a pipe are told that they need not; the
 * one with that ticket, if there is one */
void loop_thread_drop_feeds(struct loop_thread *thread);
void loop_thread_drop_feed(struct loop_thread *thread, uint64_t ticket);

/* admission.c: a job of a former run, stored already, is on the loop from now on */
void loop_thread_adopt(struct loop_thread *thread, struct job *job);
/* admission.c: an INSERT goes to the store; from now on the job's end is a request of its own */
void loop_thread_insertion_leaves(struct store_request *request);
/* pending.c: whether the task is to begin later: its record says when then */
bool loop_thread_is_for_later(struct loop *loop, const struct task_record *record, double delay);
/* Makes its record say so. */
void loop_thread_note_pending(struct loop *loop, struct task_record *record, double delay);
/* A job that is not on the loop's list of ready ones for the first time: it gets no turn
 * until it begins */
void loop_thread_put_off(struct job *job);
/* It is on disk: from now on it is awaited that it is due. */
void loop_thread_await_start(struct job *job);
/* Begins those that are due, a slice of them. True when there is more to do at once. */
bool loop_thread_begin_due(struct loop_thread *thread);
/* job_request_cancel; but one that is pending ends at once, without having begun. Takes the message
 * (or NULL). */
void loop_thread_cancel_job(struct job *job, struct value *message);
/* Its future was set already, and that is on disk: it gets the value when it begins. */
void loop_thread_keep_future(struct job *job, uint32_t index, const struct future_record *record);
/* Whether it was. */
bool loop_thread_has_future(const struct job *job, uint32_t index);
/* Makes the record of a new job say that it begins now. */
void loop_thread_note_start(struct job *job);

/* admission.c: what the loop tells */
extern const struct loop_events loop_thread_events;

/* semaphore_ticket.c: for loops other than the main one */
struct semaphore_port;
extern const struct semaphore_port semaphore_tickets;

/* reports.c: events of the loop */
void loop_thread_report_unhandled(void *context, struct job *job, const struct value *exception);
void loop_thread_report_slow(void *context, struct job *job, int64_t took_ns);

#endif
