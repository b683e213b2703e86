#include "runtime/task.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

/* ---- life ---- */

struct task *task_create(struct job *job, uint32_t code, struct task *creator, struct frame *owner)
{
    uint32_t frames_size = job->plan->nodes[code].frames_size;
    struct task *task = memory_new(sizeof *task + frames_size);
    *task = (struct task){.refs = 2,
                          .phase = TASK_SCHEDULED,
                          .current = code,
                          .number = ++job->n_created,
                          .job = job,
                          .active = &task->first,
                          .scope = scope_ref(creator ? creator->scope : NULL),
                          .owner = owner};
    task->first = (struct activation){
        .task = task, .code = code, .depth = creator ? creator->active->depth : 0};
    list_append(&job->tasks, &task->link);
    job->n_tasks++;
    if (journal_is_replaying(job))
        replay_note_task(job, task);
    job_schedule(job, HANDLE_STEP, task);
    return task;
}

struct task *task_ref(struct task *task)
{
    task->refs++;
    return task;
}

void task_unref(struct task *task)
{
    if (!task || --task->refs)
        return;
    if (task->phase == TASK_DONE && !task->is_cancelled && !task->is_retrieved &&
        value_is_exception(task->outcome))
        job_add_unhandled(task->job, task->outcome);
    value_unref(task->outcome);
    value_unref(task->wake);
    free(task);
}

/* ---- who waits for a task: mostly nobody or one, so no array until there are two ---- */

struct awaiters {
    size_t first, n, capacity; /* those before `first` are gone, and so is whoever is NULL */
    struct task *tasks[];
};
#define AWAITERS_MANY 1u /* the low bit of task->awaiters: it points to an array */

static struct awaiters *many_awaiters(const struct task *task)
{
    return task->awaiters & AWAITERS_MANY ? (struct awaiters *)(task->awaiters - AWAITERS_MANY)
                                          : NULL;
}

static void add_awaiter(struct task *task, struct task *awaiter)
{
    struct awaiters *many = many_awaiters(task);
    if (!task->awaiters) {
        task->awaiters = (uintptr_t)awaiter;
        return;
    }
    size_t n = many ? many->n : 1;
    if (!many || n == many->capacity) {
        struct awaiters *grown = memory_resize(many, sizeof *many + 2 * n * sizeof *many->tasks);
        if (!many) {
            grown->tasks[0] = (struct task *)task->awaiters;
            grown->first = 0;
        }
        many = grown;
        many->capacity = 2 * n;
        task->awaiters = (uintptr_t)many + AWAITERS_MANY;
    }
    many->tasks[n] = awaiter;
    many->n = n + 1;
}

static void remove_awaiter(struct task *task, const struct task *awaiter)
{
    struct awaiters *many = many_awaiters(task);
    if (!many) {
        task->awaiters = 0;
        return;
    }
    size_t i = many->first;
    while (many->tasks[i] != awaiter)
        i++;
    many->tasks[i] = NULL;
    while (many->first < many->n && !many->tasks[many->first])
        many->first++;
}

static void free_awaiters(struct task *task)
{
    free(many_awaiters(task));
    task->awaiters = 0;
}

static void wake_up(struct task *task)
{
    task->phase = TASK_WOKEN;
    job_schedule(task->job, HANDLE_WAKEUP, task);
}

static void wake_awaiters(struct task *task)
{
    struct awaiters *many = many_awaiters(task);
    if (many)
        for (size_t i = many->first; i < many->n; i++) {
            if (many->tasks[i])
                wake_up(many->tasks[i]);
        }
    else if (task->awaiters)
        wake_up((struct task *)task->awaiters);
    free_awaiters(task);
}

void task_await(struct task *task, struct task *other)
{
    add_awaiter(other, task);
    task->awaited = task_ref(other);
    task->phase = TASK_WAITING;
}

void task_stop_awaiting(struct task *task, struct value *outcome)
{
    remove_awaiter(task->awaited, task);
    task_unref(task->awaited);
    task->awaited = NULL;
    task->wake = outcome;
    wake_up(task);
}

/* ---- the end ---- */

/* It holds its scope no longer, which may hold the task. */
static void leave_job(struct task *task)
{
    list_remove(&task->link);
    task->job->n_tasks--;
    if (journal_is_replaying(task->job))
        replay_forget_task(task->job, task);
    scope_unref(task->scope);
    task->scope = NULL;
}

/* Task.__step's StopIteration and exception branches, then Future.__schedule_callbacks. */
void task_finish(struct task *task, struct value *outcome)
{
    struct value *message = task->outcome;
    task->outcome = outcome;
    task->is_cancelled = exception_is_cancelled(outcome);
    if (task->must_cancel && !value_is_exception(outcome)) {
        task->outcome = exception_cancelled(task->job->plan, task->first.code, message);
        task->is_cancelled = task->keeps_error = true;
        value_unref(outcome);
    }
    if (task->is_cancelled)
        value_unref(message);
    else
        task->wake = message; /* Future._cancel_message outlives the request */
    task->phase = TASK_DONE;
    leave_job(task);
    if (task->owner || task == task->job->root)
        job_schedule(task->job, HANDLE_DONE, task_ref(task));
    wake_awaiters(task);
    task_unref(task);
}

struct value *task_take_cancelled_error(struct task *task, uint32_t node)
{
    struct value *error = task->is_cancelled ? task->outcome : NULL;
    if (!error)
        return exception_cancelled(task->job->plan, node, task->wake);
    if (task->keeps_error)
        return exception_copy(error);
    task->outcome = NULL;
    return error;
}

struct value *task_take_outcome(struct task *task, uint32_t node)
{
    task->is_retrieved = true;
    return task->is_cancelled ? task_take_cancelled_error(task, node) : value_ref(task->outcome);
}

struct value *task_take_exception(struct task *task, uint32_t node)
{
    if (task->is_cancelled)
        return task_take_cancelled_error(task, node);
    task->is_retrieved = true;
    return value_is_exception(task->outcome) ? value_ref(task->outcome) : NULL;
}

void task_disown(struct task *task)
{
    task->owner = NULL;
}

/* ---- frames ---- */

static struct frame *frame_at(const struct task *task, struct activation *activation, uint32_t node)
{
    return (struct frame *)(activation->frames + task->job->plan->nodes[node].frame_offset);
}

struct task_place task_place(struct task *task)
{
    return (struct task_place){task, task->active, frame_at(task, task->active, task->current)};
}

bool task_place_outer(struct task_place *place)
{
    struct activation *a = place->activation;
    if (place->frame->node != a->code) {
        uint32_t parent = place->task->job->plan->nodes[place->frame->node].parent;
        place->frame = frame_at(place->task, a, parent);
        return true;
    }
    if (a == &place->task->first)
        return false;
    const struct call *call = activation_call(a);
    place->activation = call->caller;
    place->frame = frame_at(place->task, call->caller, call->node);
    return true;
}

/* ---- exceptions that are being handled ---- */

void frame_handle(struct task *task, struct handling_frame *frame, struct value *exception)
{
    frame->exception = exception;
    frame->outer = task->handling;
    task->handling = frame;
}

void frame_handle_end(struct task *task, struct handling_frame *frame)
{
    if (!frame->exception)
        return;
    task->handling = frame->outer;
    value_unref(frame->exception);
    frame->exception = NULL;
}

void task_resolve(struct task *task, struct value *outcome)
{
    if (!task_is_pending(task)) {
        value_unref(outcome);
        return;
    }
    task->wake = outcome;
    wake_up(task);
}

/* ---- giving up ---- */

void task_abandon(struct task *task)
{
    if (task->has_started)
        task_drop_frames(task);
    leave_job(task);
    task_unref(task->awaited);
    task->awaited = NULL;
    free_awaiters(task);
    task->owner = NULL;
    task_unref(task);
}
