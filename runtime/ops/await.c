/* await: `await task`, of a task that create_task filed. Cancelling the one cancels the other. */
#include "runtime/ops/op.h"

enum { TASK };

static const struct field_shape fields[] = {
    [TASK] = {.name = "task", .type = FIELD_TASK_REF, .required = true},
};

static struct action await_start(struct task *task, struct frame *frame)
{
    struct job *job = task->job;
    int64_t slot = frame_node(task, frame)->arguments[TASK].integer;
    if (!job->named[slot])
        return action_end(exception_key_error(job->plan, frame->node, job->plan->slots[slot]));
    return action_await_task(job->named[slot]);
}

const struct op op_await = {
    .shape = {.name = "await", .fields = fields, .n_fields = 1, .frame_size = sizeof(struct frame)},
    .start = await_start,
};
