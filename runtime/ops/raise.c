/* raise: `raise Type(message)`. */
#include <string.h>

#include "runtime/ops/op.h"

enum { TYPE, MESSAGE };

static const struct field_shape fields[] = {
    [TYPE] = {.name = "type", .type = FIELD_EXCEPTION, .required = true},
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT},
};

static struct action raise_start(struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    struct exception_parts parts = {.type = node->arguments[TYPE].text->bytes};
    if (node_has(node, MESSAGE))
        parts.message = node->arguments[MESSAGE].text->bytes;
    if (parts.message && strcmp(parts.type, "KeyError") == 0)
        return action_end(exception_key_error(task->job->plan, frame->node, parts.message));
    return action_end(exception_new(task->job->plan, frame->node, &parts));
}

const struct op op_raise = {
    .shape = {.name = "raise", .fields = fields, .n_fields = 2, .frame_size = sizeof(struct frame)},
    .start = raise_start,
};
