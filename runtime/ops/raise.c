/* raise: `raise Type(message)`. */
#include <string.h>

#include "runtime/ops/op.h"
#include "schema/exception_type.h"

enum { TYPE, MESSAGE };

static const struct field_shape fields[] = {
    [TYPE] = {.name = "type", .type = FIELD_EXCEPTION, .required = true},
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT},
};

static struct action raise_start(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    struct exception_parts parts = {.type = exception_type_name(given[TYPE].text->bytes)};
    if (frame_has(task, frame, MESSAGE))
        parts.message = given[MESSAGE].text->bytes;
    if (parts.message && strcmp(parts.type, "KeyError") == 0)
        return action_raise(exception_key_error(task->job->plan, frame->node, parts.message));
    return action_raise(exception_new(task->job->plan, frame->node, &parts));
}

const struct op op_raise = {
    .shape = {.name = "raise", .fields = fields, .n_fields = 2, .frame_size = sizeof(struct frame)},
    .start = raise_start,
};
