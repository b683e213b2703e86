/* await: `await task`, of a task that create_task filed. Cancelling the one cancels the other. */
#include "runtime/ops/named.h"
#include "runtime/ops/op.h"

enum { TASK };

static const struct field_shape fields[] = {
    [TASK] = {.name = "task", .type = FIELD_TASK_REF, .required = true},
};

static struct action await_start(struct task *task, struct frame *frame)
{
    const struct slot *slot = frame_node(task, frame)->arguments[TASK].slot;
    struct task *named = named_find(task, slot);
    return named ? action_await_task(named)
                 : action_raise(exception_key_error(task->job->plan, frame->node, slot->name));
}

static void await_show(struct task *task, struct frame *frame, struct buffer *out)
{
    buffer_format(out, "task '%s'", frame_node(task, frame)->arguments[TASK].slot->name);
}

const struct op op_await = {
    .shape = {.name = "await", .fields = fields, .n_fields = 1, .frame_size = sizeof(struct frame)},
    .start = await_start,
    .show = await_show,
};
