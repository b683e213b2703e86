/* future: `await future`, the job's own of that name, which a client sets from outside. Cancelling
 * who awaits it cancels the future, as in asyncio. */
#include "runtime/futures.h"
#include "runtime/ops/op.h"

enum { NAME };

static const struct field_shape fields[] = {
    [NAME] = {.name = "name", .type = FIELD_FUTURE, .required = true},
};

struct future_frame {
    struct frame base;
    struct future_waiter waiter;
};

static uint32_t index_of(const struct task *task, const struct frame *frame)
{
    return frame_node(task, frame)->arguments[NAME].future->index;
}

/* What __await__ does with a future that is done: `return self.result()`. */
static struct action end(struct task *task, struct frame *frame)
{
    struct value *outcome = future_result(task->job, index_of(task, frame), frame->node);
    return value_is_exception(outcome) ? action_raise(outcome) : action_end(outcome);
}

static struct action future_start(struct task *task, struct frame *frame)
{
    struct future_frame *self = (struct future_frame *)frame;
    return future_join(&self->waiter, task, index_of(task, frame)) ? action_await()
                                                                   : end(task, frame);
}

static struct action future_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    future_retrieve(task->job, index_of(task, frame));
    return value_is_exception(outcome) ? action_end(outcome) : end(task, frame);
}

static bool future_op_cancelled(struct task *task, struct frame *frame, struct value *message,
                                struct cancel_walk *walk)
{
    (void)walk;
    future_cancel(task->job, index_of(task, frame), message);
    return true;
}

static void future_show(struct task *task, struct frame *frame, struct buffer *out)
{
    buffer_format(out, "future '%s'", frame_node(task, frame)->arguments[NAME].future->name);
}

static void future_release(struct task *task, struct frame *frame)
{
    (void)task;
    future_leave(&((struct future_frame *)frame)->waiter);
}

const struct op op_future = {
    .shape = {.name = "future",
              .fields = fields,
              .n_fields = 1,
              .frame_size = sizeof(struct future_frame)},
    .start = future_start,
    .woken = future_woken,
    .cancelled = future_op_cancelled,
    .show = future_show,
    .release = future_release,
};
