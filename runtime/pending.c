/* Jobs that begin later: on disk and on their loop from the submission on, but without a turn. What
 * they wait for is a timer, of the database's own clock or of the wall clock (timeline.h, loop.h).
 * Those that are due begin a slice at a time, and no more of them than the disk keeps up with.
 *
 *   PENDING ──due──► in thread->due ──START on disk──► RUNNING
 *      └──cancelled───────┴─────────► CANCELLED, without having begun
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay_call.h"
#include "runtime/runtime_internal.h"

#define SLICE 1000 /* that begin in one go */
#define MOST 20000 /* STARTs at the store */

/* ---- the record ---- */

bool loop_thread_is_for_later(struct loop *loop, const struct task_record *record, double delay)
{
    return delay > 0 || record->run_at_us > loop->host->wall_us(loop->host);
}

void loop_thread_note_pending(struct loop *loop, struct task_record *record, double delay)
{
    record->state = TASK_PENDING;
    record->deadline_at_us = 0;
    if (delay > 0)
        record->start_at_us = loop_timeline(loop) + (int64_t)ceil(delay * 1e6);
}

void loop_thread_note_start(struct job *job)
{
    struct host *host = job->loop->host;
    job->record->state = TASK_RUNNING;
    job->record->started_at_us = host->wall_us(host);
    job->record->began_at_us = job->started_ns / 1000 + job->loop->timeline_us;
}

/* As if it had been submitted now. */
static void note_late_start(struct job *job)
{
    struct host *host = job->loop->host;
    struct task_record *record = job->record;
    job->started_ns = host->now_ns(host);
    loop_thread_note_start(job);
    if (record->has_timeout)
        record->deadline_at_us = isinf(record->timeout)
                                     ? DEADLINE_NEVER
                                     : record->started_at_us + (int64_t)(record->timeout * 1e6);
}

/* ---- futures that are set before it begins ---- */

struct early_future {
    struct early_future *next;
    uint32_t index;
    struct future_record record; /* its texts are owned */
};

static char *copy_text(const char *text)
{
    return text ? memory_text(text) : NULL;
}

void loop_thread_keep_future(struct job *job, uint32_t index, const struct future_record *record)
{
    struct early_future *early = memory_new(sizeof *early);
    *early = (struct early_future){.next = job->early,
                                   .index = index,
                                   .record = {.result = copy_text(record->result),
                                              .type = copy_text(record->type),
                                              .message = copy_text(record->message)}};
    job->early = early;
}

bool loop_thread_has_future(const struct job *job, uint32_t index)
{
    const struct early_future *early = job->early;
    while (early && early->index != index)
        early = early->next;
    return early != NULL;
}

/* As if they were set right behind its first step. */
static void set_early_futures(struct job *job)
{
    while (job->early) {
        struct early_future *early = job->early;
        job->early = early->next;
        journal_future_set(job, early->index, &early->record);
        replay_call_set_future(job, early->index, &early->record);
        free(early);
    }
}

void job_drop_early_futures(struct job *job)
{
    while (job->early) {
        struct early_future *early = job->early;
        job->early = early->next;
        free((char *)early->record.result);
        free((char *)early->record.type);
        free((char *)early->record.message);
        free(early);
    }
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

void loop_thread_await_start(struct job *job)
{
    struct loop *loop = job->loop;
    if (job->record->start_at_us)
        loop_arm(loop, &job->start, loop_host_time(loop, job->record->start_at_us));
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
    (void)loop;
    starting->thread->n_requests--;
    starting->thread->n_starting--;
    job->n_requests--;
    if (starting->status == 0) {
        set_early_futures(job);
        loop_resume(job);
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

/* Its first turn comes once it is on disk that it began. */
static void begin(struct loop_thread *thread, struct job *job)
{
    job_own_record(job);
    note_late_start(job);
    job->is_pending = false;
    job->is_held = true;
    groups_tell_start(thread->runtime, job->record);
    store_start(thread, job);
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

/* Task.cancel before the first step. */
static void cancel_pending(struct job *job, struct value *message)
{
    loop_disarm(job->loop, &job->start);
    list_remove(&job->ready_link);
    job->is_pending = false;
    task_cancel(job->root, message);
    value_unref(message);
    loop_make_ready(job->loop, job);
}

void loop_thread_cancel_job(struct job *job, struct value *message)
{
    if (job->is_pending)
        cancel_pending(job, message);
    else
        job_request_cancel(job, message);
}
