/* value: a coroutine that returns at once. */
#include "runtime/ops/op.h"

enum { VALUE };

static const struct field_shape fields[] = {
    [VALUE] = {.name = "value", .type = FIELD_JSON, .required = true},
};

static struct action value_start(struct task *task, struct frame *frame)
{
    return action_end(value_ref(frame_arguments(task, frame)[VALUE].json));
}

const struct op op_value = {
    .shape = {.name = "value", .fields = fields, .n_fields = 1, .frame_size = sizeof(struct frame)},
    .start = value_start,
};
