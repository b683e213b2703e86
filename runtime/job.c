#include "runtime/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/journal/journal.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

#define HANDLE_KIND 7u /* the low bits of a slot; what they point to is aligned to 8 */

/* ---- the ready queue ---- */

static void grow(struct ready_queue *q)
{
    uint32_t capacity = q->capacity ? q->capacity * 2 : 8;
    uintptr_t *slots = memory_new(capacity * sizeof *slots);
    for (uint32_t i = q->head; i != q->tail; i++)
        slots[i & (capacity - 1)] = q->slots[i & (q->capacity - 1)];
    free(q->slots);
    q->slots = slots;
    q->capacity = capacity;
}

uint32_t job_schedule(struct job *job, enum handle_kind kind, void *pointer)
{
    struct ready_queue *q = &job->ready;
    if (q->tail - q->head == q->capacity)
        grow(q);
    q->slots[q->tail & (q->capacity - 1)] = (uintptr_t)pointer | kind;
    if (!job->is_queued && !job->is_held && !job->is_pending)
        loop_make_ready(job->loop, job);
    return q->tail++;
}

void job_unschedule(struct job *job, uint32_t number)
{
    job->ready.slots[number & (job->ready.capacity - 1)] = 0;
}

/* An idle job keeps no queue: it may sleep for days, beside a million others. */
static void shrink(struct ready_queue *q)
{
    if (q->head == q->tail) {
        free(q->slots);
        q->slots = NULL;
        q->capacity = 0;
    }
}

/* ---- timers of frames ---- */

static struct timed_frame *timed_frame_of(struct timer *timer)
{
    return CONTAINER_OF(timer, struct timed_frame, timer);
}

/* Its callback goes into the queue. */
static void queue_timer(struct timer *timer)
{
    struct job *job = frame_task(&timed_frame_of(timer)->base)->job;
    timer->position = job_schedule(job, HANDLE_TIMER, timer);
    timer->state = TIMER_DUE;
    LOOP_OBSERVE(job->loop, queued, timed_frame_of(timer));
}

static void timer_due(struct timer *timer)
{
    journal_fired(timed_frame_of(timer));
    queue_timer(timer);
}

void frame_arm(struct timed_frame *frame, int64_t due_ns)
{
    struct loop *loop = frame_task(&frame->base)->job->loop;
    frame->timer = (struct timer){.fire = timer_due};
    loop_arm(loop, &frame->timer, due_ns);
    LOOP_OBSERVE(loop, armed, frame, due_ns);
}

void frame_arm_wall(struct timed_frame *frame, int64_t at_us)
{
    struct loop *loop = frame_task(&frame->base)->job->loop;
    frame->timer = (struct timer){.fire = timer_due};
    loop_arm_wall(loop, &frame->timer, at_us);
    LOOP_OBSERVE(loop, armed, frame, at_us);
}

void frame_arm_soon(struct timed_frame *frame)
{
    frame->timer = (struct timer){.fire = queue_timer};
    queue_timer(&frame->timer);
}

void frame_disarm(struct timed_frame *frame)
{
    struct job *job = frame_task(&frame->base)->job;
    if (frame->timer.state == TIMER_DUE)
        job_unschedule(job, frame->timer.position);
    else
        loop_disarm(job->loop, &frame->timer);
    LOOP_OBSERVE(job->loop, disarmed, frame);
    frame->timer.state = TIMER_IDLE;
}

void timed_frame_wake(struct task *task, struct timed_frame *frame)
{
    (void)frame;
    task_resolve(task, value_null);
}

void timed_frame_release(struct task *task, struct frame *frame)
{
    (void)task;
    frame_disarm((struct timed_frame *)frame);
}

uint32_t frame_depth(const struct frame *frame)
{
    const char *frames = (const char *)frame - frame->offset;
    return ((const struct activation *)(frames - offsetof(struct activation, frames)))->depth;
}

int64_t frame_deadline(struct task *task, double seconds)
{
    return journal_deadline_base_ns(task->job) + (int64_t)ceil(seconds * 1e9);
}

/* ---- life ---- */

struct job *job_new(struct loop *loop, struct plan *plan, struct task_record *record, bool is_held)
{
    struct job *job = memory_new_zeroed(1, sizeof *job);
    job->loop = loop;
    job->plan = plan;
    job->record = record;
    job->is_held = is_held;
    list_init(&job->ready_link);
    list_init(&job->tasks);
    list_init(&job->waiters);
    list_init(&job->followers);
    list_init(&job->processes);
    job->started_ns = loop->host->now_ns(loop->host);
    job->root = task_create(job, 0, NULL, NULL);
    if (plan->coroutines[0].n_values > 1) {
        job->names = scope_new(SCOPE_ROOT, plan->coroutines[0].n_values, NULL);
        job->root->scope = scope_ref(job->names);
    }
    return job;
}

static void done_callback(struct job *job, struct task *task)
{
    if (task == job->root)
        job->root_is_done = true;
    if (task->owner) {
        struct frame *frame = task->owner;
        task->owner = NULL;
        op_of(&job->plan->nodes[frame->node])->task_ended(frame_task(frame), frame, task);
    }
    task_unref(task);
}

void job_clear_queue(struct job *job)
{
    struct ready_queue *q = &job->ready;
    for (uint32_t i = q->head; i != q->tail; i++) {
        uintptr_t slot = q->slots[i & (q->capacity - 1)];
        void *pointer = (void *)(slot & ~(uintptr_t)HANDLE_KIND);
        if ((slot & HANDLE_KIND) == HANDLE_CANCEL)
            value_unref(pointer);
        else if ((slot & HANDLE_KIND) == HANDLE_DONE)
            done_callback(job, pointer); /* whom it tells is none that runs any more */
        else if ((slot & HANDLE_KIND) == HANDLE_CALL)
            ((struct job_call *)pointer)->call(pointer, NULL);
    }
    q->head = q->tail;
    shrink(q);
}

static void free_runs(struct job *job)
{
    for (uint32_t i = 0; job->runs && i < job->plan->n_nodes; i++)
        value_unref(job->runs[i].outcome);
    free(job->runs);
}

void job_free(struct job *job)
{
    job->phase = JOB_ENDED;
    loop_disarm(job->loop, &job->start);
    job_drop_early_futures(job);
    while (!list_is_empty(&job->tasks))
        task_abandon(CONTAINER_OF(job->tasks.next, struct task, link));
    scope_unref(job->names);
    futures_release(job);
    for (size_t i = 0; i < job->n_leftover; i++)
        task_unref(job->leftover[i]);
    free(job->leftover);
    job_clear_queue(job);
    job->root->is_retrieved = true;
    task_unref(job->root);
    list_remove(&job->ready_link);
    free_runs(job);
    value_unref(job->outcome);
    for (size_t i = 0; i < job->n_unhandled; i++)
        value_unref(job->unhandled[i]);
    free(job->unhandled);
    exception_drop_contexts(job);
    journal_free(job->journal);
    plan_unref(job->plan);
    task_record_unref(job->record);
    free(job);
}

/* ---- callbacks ---- */

static void timer_callback(struct job *job, struct timer *timer)
{
    struct timed_frame *frame = timed_frame_of(timer);
    timer->state = TIMER_IDLE;
    op_of(&job->plan->nodes[frame->base.node])->timer_fired(frame_task(&frame->base), frame);
}

static void call(struct job *job, uintptr_t slot)
{
    void *pointer = (void *)(slot & ~(uintptr_t)HANDLE_KIND);
    LOOP_OBSERVE(job->loop, called, job, slot & HANDLE_KIND, pointer);
    switch (slot & HANDLE_KIND) {
    case HANDLE_STEP:
    case HANDLE_WAKEUP:
        task_step(pointer);
        break;
    case HANDLE_DONE:
        done_callback(job, pointer);
        break;
    case HANDLE_TIMER:
        timer_callback(job, pointer);
        break;
    case HANDLE_CANCEL:
        task_cancel(job->root, pointer);
        value_unref(pointer);
        break;
    case HANDLE_CALL:
        ((struct job_call *)pointer)->call(pointer, job);
        break;
    default: /* was taken back */
        break;
    }
}

void job_call_soon(struct job *job, struct job_call *call)
{
    job_schedule(job, HANDLE_CALL, call);
}

void job_request_cancel(struct job *job, struct value *message)
{
    journal_cancelled(job, message);
    job_schedule(job, HANDLE_CANCEL, message);
}

/* What a callback costs: one, and one more for so many bytes that it went through, which take about
 * as long. */
#define BYTES_PER_CALLBACK 512

static uint32_t take_cost(struct job *job, uint32_t budget)
{
    size_t cost = 1 + job->work / BYTES_PER_CALLBACK;
    job->work = 0;
    return cost < budget ? budget - (uint32_t)cost : 0;
}

bool job_turn(struct job *job, uint32_t budget)
{
    struct ready_queue *q = &job->ready;
    job->loop->running = job;
    if (job->turn_end == q->head)
        job->turn_end = q->tail;
    while (q->head != job->turn_end && budget > 0) {
        uintptr_t slot = q->slots[q->head & (q->capacity - 1)];
        q->head++;
        job->n_called++;
        call(job, slot);
        budget = take_cost(job, budget);
    }
    if (q->head == job->turn_end) {
        job_after_turn(job);
        shrink(q);
    }
    job->loop->running = NULL;
    return job->phase == JOB_ENDED;
}

/* ---- what is told about it ---- */

int64_t job_now_us(const struct job *job)
{
    return (journal_now_ns(job) - job->started_ns) / 1000;
}

/* By the wall clock, and by the job's own: lines are no closer together than the sleeps between
 * them, also where the first is written only after a start. */
static int64_t line_at_us(const struct job *job)
{
    struct host *host = job->loop->host;
    int64_t late_ns = job->is_resuming ? host->now_ns(host) - journal_now_ns(job) : 0;
    return host->wall_us(host) - (late_ns > 0 ? late_ns / 1000 : 0);
}

void job_say(struct job *job, const char *level, const char *stream, const char *path,
             const char *message)
{
    int64_t seq = ++job->log_seq;
    if (journal_is_replaying(job)) /* it was said */
        return;
    struct log_entry entry = {.task = job->record->id,
                              .seq = seq,
                              .at_us = line_at_us(job),
                              .level = level,
                              .stream = stream,
                              .path = path,
                              .message = message};
    job->loop->events->logged(job->loop->context, job, &entry);
}

void job_say_at(struct job *job, const char *level, const char *stream, uint32_t node,
                const char *message)
{
    struct buffer path = {0};
    plan_path(job->plan, node, &path);
    job_say(job, level, stream, path.bytes ? path.bytes : "", message);
    buffer_release(&path);
}

/* Kept as it is: its context may change until the job ends. */
void job_add_unhandled(struct job *job, struct value *exception)
{
    size_t n = job->n_unhandled;
    if (job->phase == JOB_ENDED) /* given up: it goes on some time */
        return;
    if (job->unhandled_size + exception->size > job->loop->max_result) {
        job->n_unhandled_more++;
        return;
    }
    if ((n & (n - 1)) == 0) /* room doubles */
        job->unhandled = memory_resize(job->unhandled, (n ? 2 * n : 1) * sizeof *job->unhandled);
    job->unhandled[job->n_unhandled++] = value_ref(exception);
    job->unhandled_size += exception->size;
    if (job->loop->events->unhandled && !journal_is_replaying(job))
        job->loop->events->unhandled(job->loop->context, job, exception);
}

enum task_state outcome_state(const struct value *outcome)
{
    if (!value_is_exception(outcome))
        return TASK_SUCCEEDED;
    return exception_is_cancelled(outcome) ? TASK_CANCELLED : TASK_FAILED;
}
