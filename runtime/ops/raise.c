/* raise: `raise Type(message)`. */
#include "runtime/ops/op.h"

enum { TYPE, MESSAGE };

static const struct field_shape fields[] = {
    [TYPE] = {.name = "type", .type = FIELD_EXCEPTION, .required = true},
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT},
};

static struct action raise_start(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    const char *message = frame_has(task, frame, MESSAGE) ? given[MESSAGE].text->bytes : NULL;
    return action_raise(
        exception_raised(task->job->plan, frame->node, given[TYPE].text->bytes, message));
}

const struct op op_raise = {
    .shape = {.name = "raise", .fields = fields, .n_fields = 2, .frame_size = sizeof(struct frame)},
    .start = raise_start,
};
