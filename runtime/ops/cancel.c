/* cancel: task.cancel(message), of a task that create_task filed; does not wait. Result: whether a
 * request was made. */
#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

enum { TASK, MESSAGE };

static const struct field_shape fields[] = {
    [TASK] = {.name = "task", .type = FIELD_TASK_REF, .required = true},
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT},
};

static struct action cancel_start(struct task *task, struct frame *frame)
{
    struct job *job = task->job;
    const struct node *node = frame_node(task, frame);
    int64_t slot = node->arguments[TASK].integer;
    if (!job->named[slot])
        return action_end(exception_key_error(job->plan, frame->node, job->plan->slots[slot]));
    struct value *message = NULL;
    if (node_has(node, MESSAGE)) {
        const struct text *text = node->arguments[MESSAGE].text;
        message = memory_need(value_from_string(text->bytes, text->size));
    }
    bool was_made = task_cancel(job->named[slot], message);
    value_unref(message);
    return action_end(was_made ? value_true : value_false);
}

const struct op op_cancel = {
    .shape = {.name = "cancel",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct frame)},
    .start = cancel_start,
};
