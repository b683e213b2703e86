/* One event loop: the jobs that run on it, their turns, and one heap of timers. It never blocks and
 * never locks; a driver (host_uv.c, or the simulator) calls loop_run again and again on one thread.
 */
#ifndef AWAITD_RUNTIME_LOOP_H
#define AWAITD_RUNTIME_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/host.h"
#include "runtime/job.h"
#include "runtime/timer.h"
#include "schema/id.h"

/* What the loop tells its owner. */
struct loop_events {
    void (*logged)(void *context, struct job *job, const struct log_entry *entry);
    void (*ended)(void *context, struct job *job); /* may free the job */
    /* NULL, or: an error that nobody awaited; a turn that took longer than slow_callback_ns */
    void (*unhandled)(void *context, struct job *job, const struct value *exception);
    void (*slow)(void *context, struct job *job, int64_t took_ns);
    /* NULL, or: how far it is (runtime/progress.h); fraction NAN or message NULL: as before */
    void (*progressed)(void *context, struct job *job, double fraction, const char *message);
};

/* Who wants to see what the engine does, callback by callback: a test that holds one run against
 * another. None of these may change anything. */
struct loop_observer {
    /* a callback of the job's turn is about to run; kind 0: one that was taken back */
    void (*called)(struct loop_observer *self, struct job *job, enum handle_kind kind,
                   void *pointer);
    void (*armed)(struct loop_observer *self, struct timed_frame *frame, int64_t due);
    /* its callback went into the ready queue: the timer came due, or frame_arm_soon */
    void (*queued)(struct loop_observer *self, struct timed_frame *frame);
    /* its timer is idle now, whatever it was before */
    void (*disarmed)(struct loop_observer *self, struct timed_frame *frame);
};
/* Costs one branch that is never taken where nobody looks. */
#define LOOP_OBSERVE(loop, verb, ...)                                                              \
    do {                                                                                           \
        if (__builtin_expect((loop)->observer != NULL, 0))                                         \
            (loop)->observer->verb((loop)->observer, __VA_ARGS__);                                 \
    } while (0)

struct services;

/* The journals of its jobs, on their way to the store (journal/journal.h). */
struct journals {
    bool is_on;         /* what jobs do outlives the process */
    uint64_t n_flushes; /* that were handed to the store, one after the other */
    uint64_t n_stored;  /* of these, on disk */
    int64_t slack_ns;   /* so far may deadlines move when a job goes on after a crash; never back */
    struct list dirty;  /* journals that have new entries */
    bool marks_calls;   /* functions that the server may die of are marked while they run */
};

struct loop {
    struct host *host;
    const struct loop_events *events;
    void *context;                  /* of events */
    struct loop_observer *observer; /* NULL: nobody, as in the server */
    struct timer_heap timers;       /* of the host's clock, nanoseconds */
    struct timer_heap wall_timers;  /* of the wall clock, microseconds since the epoch */
    struct list ready;              /* jobs that have something to do */
    struct job **table;             /* by id: n_buckets chains */
    size_t n_buckets, n_jobs;
    uint32_t
        slice; /* callbacks and timers in one go; 0: no limit (exact turns, for the simulator) */
    size_t max_result;        /* bytes of a result's JSON text */
    int64_t slow_callback_ns; /* of one job's turn, for events.slow; 0: none is too slow */
    struct cancel_walk *walk; /* task.c's, kept for reuse */
    struct semaphore *
        *semaphores; /* semaphore.c's table of the named ones; NULL before the first */
    const struct semaphore_port *semaphore_port; /* where they live; NULL: here */
    bool is_released;                            /* its thread has ended */
    const struct services *services;             /* borrowed */
    struct journals journals;
    struct job *running; /* whose turn it is; NULL: nobody's */
    /* What is added to the host's monotonic clock, in microseconds, to get the database's own
     * (runtime/timeline.h). */
    int64_t timeline_us;
};

void loop_init(struct loop *loop, struct host *host, const struct loop_events *events,
               void *context);
void loop_release(struct loop *loop); /* frees what jobs are left */

void loop_add(struct loop *loop, struct job *job);
void loop_remove(struct loop *loop, struct job *job);
struct job *loop_find(struct loop *loop, const struct id *id);

/* Puts a job into the list of ready ones, if it is not there. */
void loop_make_ready(struct loop *loop, struct job *job);

/* No more turns for it, until it gets some again. */
void loop_hold(struct job *job);
void loop_resume(struct job *job);

/* Fires due timers, then gives a turn to each job that has something ready. When to be called
 * again: at the time of the next timer; 0 when there is more to do at once; INT64_MAX when nothing
 * is. */
int64_t loop_run(struct loop *loop);

/* All turns of one job that it can have now. */
void loop_run_until_idle(struct loop *loop, struct job *job);

/* The parts of loop_run, for a driver that says itself what time it is, or which timers fire. While
 * there are wall timers, loop_next makes it come back once a second at least: anybody may set that
 * clock at any time. */
void loop_fire_due(struct loop *loop, int64_t now_ns, int64_t wall_us);
int64_t loop_give_turns(struct loop *loop);
int64_t loop_next(const struct loop *loop, int64_t next_ns, int64_t now_ns, int64_t wall_us);

/* The database's own clock: now; and the host's time when it comes to that. */
int64_t loop_timeline(const struct loop *loop);
int64_t loop_host_time(const struct loop *loop, int64_t timeline_us);

/* Arms an idle timer: at a time of the host's clock, or of the wall clock. */
void loop_arm(struct loop *loop, struct timer *timer, int64_t due_ns);
void loop_arm_wall(struct loop *loop, struct timer *timer, int64_t at_us);
/* Takes it out of its heap, if it is armed. */
void loop_disarm(struct loop *loop, struct timer *timer);

#endif
