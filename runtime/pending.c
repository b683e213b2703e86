/* Jobs that begin later: on disk and on their loop from the submission on, but without a turn. What
 * they wait for is a timer, of the database's own clock or of the wall clock (timeline.h, loop.h).
 * Those that are due begin a slice at a time, and no more of them than the disk keeps up with.
 *
 *   PENDING ──due──► in thread->due ──START queued──► RUNNING
 *      └──cancelled───────┴─────────► CANCELLED, without having begun
 */
#include <math.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"

#define SLICE 1000 /* that begin in one go */
#define MOST 20000 /* STARTs at the store */

/* ---- the record ---- */

static int64_t timeline_us(struct loop *loop)
{
    return loop->host->now_ns(loop->host) / 1000 + loop->timeline_us;
}

bool loop_thread_is_for_later(struct loop *loop, struct task_record *record, double delay)
{
    if (delay > 0)
        record->start_at_us = timeline_us(loop) + (int64_t)ceil(delay * 1e6);
    else if (record->run_at_us <= loop->host->wall_us(loop->host))
        return false;
    record->state = TASK_PENDING;
    record->deadline_at_us = 0;
    return true;
}

void loop_thread_note_start(struct loop *loop, struct task_record *record)
{
    record->state = TASK_RUNNING;
    record->started_at_us = loop->host->wall_us(loop->host);
    record->began_at_us = timeline_us(loop);
}

/* As if it had been submitted now. */
static void note_late_start(struct loop *loop, struct task_record *record)
{
    loop_thread_note_start(loop, record);
    if (record->has_timeout)
        record->deadline_at_us = isinf(record->timeout)
                                     ? DEADLINE_NEVER
                                     : record->started_at_us + (int64_t)(record->timeout * 1e6);
}

/* ---- waiting ---- */

static void start_is_due(struct timer *timer)
{
    struct job *job = CONTAINER_OF(timer, struct job, start);
    list_append(&loop_thread_of(job->loop)->due, &job->ready_link);
}

void loop_thread_put_off(struct job *job)
{
    job->is_pending = true;
    job->start.fire = start_is_due;
    list_remove(&job->ready_link);
    job->is_queued = false;
}

/* The host's time at a time of the timeline. */
static int64_t host_time(const struct loop *loop, int64_t timeline)
{
    int64_t us = timeline - loop->timeline_us;
    return us < INT64_MAX / 1000 ? us * 1000 : INT64_MAX - 1;
}

void loop_thread_await_start(struct job *job)
{
    struct loop *loop = job->loop;
    if (job->record->start_at_us)
        loop_arm(loop, &job->start, host_time(loop, job->record->start_at_us));
    else
        loop_arm_wall(loop, &job->start, job->record->run_at_us);
}

/* ---- beginning ---- */

/* A START on its way through the writer and back. */
struct starting {
    struct store_request request;
    struct message message;
    struct loop_thread *thread;
    struct job *job;
    int status;
};

static void handle_starting(struct loop *loop, struct message *message)
{
    struct starting *starting = CONTAINER_OF(message, struct starting, message);
    struct job *job = starting->job;
    starting->thread->n_requests--;
    starting->thread->n_starting--;
    job->n_requests--;
    if (starting->status == 0 && job->is_held) {
        job->is_held = false;
        loop_make_ready(loop, job);
    }
    task_record_unref(starting->request.record);
    free(starting);
}

/* [writer] */
static void start_stored(struct store_request *request, int status)
{
    struct starting *starting = CONTAINER_OF(request, struct starting, request);
    starting->status = status;
    starting->message.handle = handle_starting;
    loop_thread_post(starting->thread, &starting->message);
}

static void store_start(struct loop_thread *thread, struct job *job)
{
    struct starting *starting = memory_new_zeroed(1, sizeof *starting);
    starting->thread = thread;
    starting->job = job;
    starting->request = (struct store_request){
        .verb = STORE_START, .record = task_record_ref(job->record), .done = start_stored};
    job->n_requests++;
    thread->n_requests++;
    thread->n_starting++;
    loop_thread_queue_request(thread, &starting->request);
}

/* What it does to the world is done after it is on disk that it began. */
static void begin(struct loop_thread *thread, struct job *job)
{
    struct host *host = thread->loop.host;
    job_own_record(job);
    note_late_start(&thread->loop, job->record);
    job->started_ns = host->now_ns(host);
    job->is_pending = false;
    store_start(thread, job);
    job->is_held = job->plan->has_effects;
    if (!job->is_held)
        loop_make_ready(&thread->loop, job);
}

bool loop_thread_begin_due(struct loop_thread *thread)
{
    int n = 0;
    while (!list_is_empty(&thread->due) && !thread->is_draining && thread->n_starting < MOST) {
        struct job *job = CONTAINER_OF(thread->due.next, struct job, ready_link);
        if (n++ == SLICE)
            break;
        list_remove(&job->ready_link);
        begin(thread, job);
    }
    return n > 0;
}

void loop_thread_cancel_pending(struct job *job, struct value *message)
{
    loop_disarm(job->loop, &job->start);
    list_remove(&job->ready_link);
    job->is_pending = job->is_held = false;
    task_cancel(job->root, message);
    value_unref(message);
    loop_make_ready(job->loop, job);
}
