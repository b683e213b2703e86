/* shield: `await asyncio.shield(body)`: the body is a task of its own, which no cancellation of
 * this one reaches. Follows shield in CPython's asyncio/tasks.py: the future that is waited for is
 * another one than the task. */
#include "runtime/ops/op.h"

enum { BODY };

static const struct field_shape fields[] = {
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true, .spawns = true},
};

struct shield_frame {
    struct timed_frame base; /* _outer_done_callback, after a cancellation */
    struct children inner;   /* one */
};

static struct action shield_start(struct task *task, struct frame *frame)
{
    struct shield_frame *self = (struct shield_frame *)frame;
    *self = (struct shield_frame){.base.base = *frame};
    children_create(task, frame, &self->inner);
    return action_await();
}

/* _inner_done_callback */
static void shield_task_ended(struct task *task, struct frame *frame, struct task *inner)
{
    if (!task_is_pending(task))
        inner->is_retrieved = true;
    else if (inner->is_cancelled)
        task_resolve(task, exception_cancelled(task->job->plan, frame->node, NULL));
    else
        task_resolve(task, task_take_outcome(inner, frame->node));
}

/* outer.cancel() */
static bool shield_cancelled(struct task *task, struct frame *frame, struct value *message,
                             struct cancel_walk *walk)
{
    (void)walk;
    frame_arm_soon((struct timed_frame *)frame);
    task_resolve(task, exception_cancelled(task->job->plan, frame->node, message));
    return true;
}

/* _outer_done_callback: who is still at work then is on his own. */
static void shield_timer_fired(struct task *task, struct timed_frame *frame)
{
    struct task *inner = ((struct shield_frame *)frame)->inner.tasks[0];
    (void)task;
    if (inner->phase != TASK_DONE)
        task_disown(inner);
}

static void shield_release(struct task *task, struct frame *frame)
{
    struct shield_frame *self = (struct shield_frame *)frame;
    (void)task;
    frame_disarm(&self->base);
    if (self->inner.n && self->inner.tasks[0]->owner && self->inner.tasks[0]->phase == TASK_DONE)
        self->inner.tasks[0]->is_retrieved = true; /* its callback is on its way */
    children_release(&self->inner);
}

const struct op op_shield = {
    .shape = {.name = "shield",
              .fields = fields,
              .n_fields = 1,
              .frame_size = sizeof(struct shield_frame)},
    .start = shield_start,
    .task_ended = shield_task_ended,
    .timer_fired = shield_timer_fired,
    .cancelled = shield_cancelled,
    .release = shield_release,
};
