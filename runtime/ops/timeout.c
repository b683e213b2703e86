/* timeout: `async with asyncio.timeout(seconds)`: at the deadline the task is cancelled; once the
 * body has ended by that, TimeoutError is raised. Follows Timeout in CPython's asyncio/timeouts.py.
 */
#include "runtime/ops/op.h"

enum { SECONDS, BODY };

static const struct field_shape fields[] = {
    [SECONDS] = {.name = "seconds",
                 .type = FIELD_NUMBER,
                 .required = true,
                 .nullable = true,
                 .max = SECONDS_MAX},
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

struct timeout_frame {
    struct timed_frame base;
    uint32_t n_cancels; /* requests to the task when the body was entered */
    bool is_expiring;   /* the deadline passed, the task was cancelled */
};

static struct action timeout_start(struct task *task, struct frame *frame)
{
    struct timeout_frame *self = (struct timeout_frame *)frame;
    const struct node *node = frame_node(task, frame);
    self->base.timer.state = TIMER_IDLE;
    self->n_cancels = task->n_cancels;
    self->is_expiring = false;
    if (node_has(node, SECONDS)) {
        double seconds = node->arguments[SECONDS].number;
        if (seconds > 0)
            frame_arm(&self->base, frame_deadline(task, seconds));
        else
            frame_arm_soon(&self->base);
    }
    return action_call(node_first_child(task->job->plan, frame->node));
}

static void timeout_timer_fired(struct task *task, struct timed_frame *frame)
{
    task_cancel(task, NULL);
    ((struct timeout_frame *)frame)->is_expiring = true;
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
    if (!self->is_expiring || uncancel(task) > self->n_cancels || !exception_is_cancelled(outcome))
        return action_end(outcome);
    struct exception_parts parts = {.type = "TimeoutError", .context = outcome};
    struct value *error = exception_new(task->job->plan, frame->node, &parts);
    value_unref(outcome);
    return action_end(error);
}

const struct op op_timeout = {
    .shape = {.name = "timeout",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct timeout_frame)},
    .start = timeout_start,
    .child_ended = timeout_child_ended,
    .timer_fired = timeout_timer_fired,
    .release = timed_frame_release,
};
