/* timeout: `async with asyncio.timeout(seconds)`: at the deadline the task is cancelled; once the
 * body has ended by that, TimeoutError is raised.
 * reschedule: Timeout.reschedule() of one that has a name.
 * Follows Timeout in CPython's asyncio/timeouts.py.
 *
 *   ACTIVE ──deadline──► EXPIRING ──body ended──► EXPIRED
 *      └──body ended──► FINISHED */
#include "runtime/timeout.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

enum { NAME, SECONDS, AT, BODY };

static const struct field_shape fields[] = {
    [NAME] = {.name = "name", .type = FIELD_TIMEOUT_NEW},
    [SECONDS] = {.name = "seconds", .type = FIELD_NUMBER, .nullable = true, .max = SECONDS_MAX},
    [AT] = {.name = "at", .type = FIELD_TIME},
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

enum timeout_state { ACTIVE, EXPIRING, EXPIRED, FINISHED };
static const char *const state_names[] = {"active", "expiring", "expired", "finished"};

/* What names find; outlives the frame. */
struct timeout_handle {
    struct value_handle handle;
    struct timeout_frame *frame; /* NULL once it was left */
    enum timeout_state state;    /* then */
};

struct timeout_frame {
    struct timed_frame base;
    struct timeout_handle *handle; /* of a named one, with a reference; else NULL */
    uint64_t entered;              /* as the job counts */
    uint32_t n_cancels;            /* requests to the task when the body was entered */
    enum timeout_state state;
};

/* ---- deadlines ---- */

struct deadline timeout_after(struct job *job, double seconds)
{
    if (seconds == INFINITY)
        return (struct deadline){.due = INT64_MAX};
    int64_t now_ns = journal_deadline_base_ns(job);
    return (struct deadline){.due = now_ns + (int64_t)ceil(seconds * 1e9), .is_past = seconds <= 0};
}

struct deadline timeout_at(struct job *job, int64_t at_us)
{
    struct host *host = job->loop->host;
    bool is_past = journal_choice(job, at_us <= host->wall_us(host));
    return (struct deadline){.due = at_us, .is_wall = true, .is_past = is_past};
}

static void arm(struct timeout_frame *self, struct deadline deadline)
{
    if (deadline.is_past)
        frame_arm_soon(&self->base);
    else if (deadline.is_wall)
        frame_arm_wall(&self->base, deadline.due);
    else if (deadline.due != INT64_MAX)
        frame_arm(&self->base, deadline.due);
}

/* What a node says with its `seconds`, null or `at`. */
static struct deadline deadline_of(struct task *task, struct frame *frame, unsigned seconds,
                                   unsigned at)
{
    const union argument *given = frame_arguments(task, frame);
    if (frame_has(task, frame, at))
        return timeout_at(task->job, given[at].integer);
    return timeout_after(task->job,
                         frame_has(task, frame, seconds) ? given[seconds].number : INFINITY);
}

bool timeout_reschedule(struct timeout_frame *self, struct deadline deadline)
{
    if (self->state != ACTIVE)
        return false;
    frame_disarm(&self->base);
    arm(self, deadline);
    return true;
}

const char *timeout_state_name(const struct timeout_frame *timeout)
{
    return state_names[timeout->state];
}

/* ---- timeout ---- */

static void release_handle(struct value_handle *handle)
{
    free(CONTAINER_OF(handle, struct timeout_handle, handle));
}

/* Files it where `reschedule` looks: in the coroutine, and in the scope of what it encloses. */
static void file(struct task *task, struct timeout_frame *self)
{
    const struct node *node = frame_node(task, &self->base.base);
    const struct slot *slot = node->arguments[NAME].slot;
    struct timeout_handle *handle = memory_new(sizeof *handle);
    *handle = (struct timeout_handle){.handle = {{.refs = 2, .kind = VALUE_HANDLE}, release_handle},
                                      .frame = self};
    self->handle = handle;
    struct value **place = scope_find(task->scope, slot->scope, slot->variable), *former = *place;
    *place = &handle->handle.base;
    value_unref(former);
    if (node->n_variables)
        scope_set(task->scope, 0, value_ref(&handle->handle.base));
}

static struct action timeout_start(struct task *task, struct frame *frame)
{
    struct timeout_frame *self = (struct timeout_frame *)frame;
    self->base.timer.state = TIMER_IDLE;
    self->handle = NULL;
    self->entered = ++task->job->n_entered;
    self->n_cancels = task->n_cancels;
    self->state = ACTIVE;
    if (node_has(frame_node(task, frame), NAME))
        file(task, self);
    arm(self, deadline_of(task, frame, SECONDS, AT));
    return action_call(node_first_child(task->job->plan, frame->node));
}

static void timeout_timer_fired(struct task *task, struct timed_frame *frame)
{
    task_cancel(task, NULL);
    ((struct timeout_frame *)frame)->state = EXPIRING;
}

/* Task.uncancel() */
static uint32_t uncancel(struct task *task)
{
    if (task->n_cancels > 0)
        task->n_cancels--;
    return task->n_cancels;
}

/* Timeout.__aexit__ */
static struct action timeout_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                         struct value *outcome)
{
    struct timeout_frame *self = (struct timeout_frame *)frame;
    (void)child;
    frame_disarm(&self->base);
    bool has_expired = self->state == EXPIRING;
    self->state = has_expired ? EXPIRED : FINISHED;
    if (!has_expired || uncancel(task) > self->n_cancels || !exception_is_cancelled(outcome))
        return action_end(outcome);
    struct exception_parts parts = {.type = "TimeoutError", .cause = outcome};
    struct value *error = exception_new(task->job->plan, frame->node, &parts);
    exception_set_context(task->job, error, outcome);
    value_unref(outcome);
    return action_end(error);
}

static void timeout_release(struct task *task, struct frame *frame)
{
    struct timeout_frame *self = (struct timeout_frame *)frame;
    (void)task;
    frame_disarm(&self->base);
    if (!self->handle)
        return;
    self->handle->frame = NULL;
    self->handle->state = self->state;
    value_unref(&self->handle->handle.base);
}

const struct op op_timeout = {
    .shape = {.name = "timeout",
              .fields = fields,
              .n_fields = 4,
              .one_of = 1u << SECONDS | 1u << AT,
              .frame_size = sizeof(struct timeout_frame)},
    .start = timeout_start,
    .child_ended = timeout_child_ended,
    .timer_fired = timeout_timer_fired,
    .release = timeout_release,
};

/* ---- reschedule ---- */

enum { TIMEOUT, NEW_SECONDS, NEW_AT };

static const struct field_shape reschedule_fields[] = {
    [TIMEOUT] = {.name = "timeout", .type = FIELD_TIMEOUT_REF, .required = true},
    [NEW_SECONDS] = {.name = "seconds", .type = FIELD_NUMBER, .nullable = true, .max = SECONDS_MAX},
    [NEW_AT] = {.name = "at", .type = FIELD_TIME},
};

static struct action reschedule_start(struct task *task, struct frame *frame)
{
    const struct slot *slot = frame_node(task, frame)->arguments[TIMEOUT].slot;
    struct value *value = *scope_find(task->scope, slot->scope, slot->variable);
    if (!value)
        return action_raise(exception_key_error(task->job->plan, frame->node, slot->name));
    struct timeout_handle *handle = CONTAINER_OF(value, struct timeout_handle, handle.base);
    struct deadline deadline = deadline_of(task, frame, NEW_SECONDS, NEW_AT);
    if (handle->frame && timeout_reschedule(handle->frame, deadline))
        return action_end(value_null);
    char message[80];
    snprintf(message, sizeof message, "Cannot change state of %s Timeout",
             state_names[handle->frame ? handle->frame->state : handle->state]);
    return action_raise(
        exception_new(task->job->plan, frame->node,
                      &(struct exception_parts){.type = "RuntimeError", .message = message}));
}

const struct op op_reschedule = {
    .shape = {.name = "reschedule",
              .fields = reschedule_fields,
              .n_fields = 3,
              .one_of = 1u << NEW_SECONDS | 1u << NEW_AT,
              .frame_size = sizeof(struct frame)},
    .start = reschedule_start,
};

/* ---- from outside ---- */

static bool is_named(const struct node *node, const char *name)
{
    return node->shape == &op_timeout.shape && node_has(node, NAME) &&
           strcmp(node->arguments[NAME].slot->name, name) == 0;
}

/* Among the frames of one task. */
static struct timeout_frame *find_in_task(struct task *task, const char *name,
                                          struct timeout_frame *best)
{
    const struct plan *plan = task->job->plan;
    struct task_place place = task_place(task);
    do {
        struct timeout_frame *frame = (struct timeout_frame *)place.frame;
        uint32_t node = place.frame->node;
        bool is_own = node == 0 && plan->root == 1;
        if (!name && is_own)
            return frame;
        if (name && is_named(&plan->nodes[node], name) && frame->state == ACTIVE &&
            (!best || frame->entered > best->entered))
            best = frame;
    } while (task_place_outer(&place));
    return best;
}

struct timeout_frame *timeout_find(struct job *job, const char *name)
{
    struct timeout_frame *best = NULL;
    for (struct list *l = job->tasks.next; l != &job->tasks; l = l->next) {
        struct task *task = CONTAINER_OF(l, struct task, link);
        if (task->has_started)
            best = find_in_task(task, name, best);
    }
    return best;
}
