/* cancel: task.cancel(message), of a task that create_task filed; does not wait. Result: whether a
 * request was made. */
#include "runtime/base/memory.h"
#include "runtime/ops/named.h"
#include "runtime/ops/op.h"

enum { TASK, MESSAGE };

static const struct field_shape fields[] = {
    [TASK] = {.name = "task", .type = FIELD_TASK_REF, .required = true},
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT},
};

static struct action cancel_start(struct task *task, struct frame *frame)
{
    const struct slot *slot = frame_node(task, frame)->arguments[TASK].slot;
    struct task *named = named_find(task, slot);
    struct value *message = NULL;
    if (!named)
        return action_raise(exception_key_error(task->job->plan, frame->node, slot->name));
    if (frame_has(task, frame, MESSAGE)) {
        const struct text *text = frame_arguments(task, frame)[MESSAGE].text;
        message = memory_need(value_from_string(text->bytes, text->size));
    }
    bool was_made = task_cancel(named, message);
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
