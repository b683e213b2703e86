/* sequence: the steps one after another; the first error ends it. The result is `return`, else the
 * last step's, else null. */
#include "runtime/ops/op.h"

enum { STEPS, RETURN };

static const struct field_shape fields[] = {
    [STEPS] = {.name = "steps", .type = FIELD_NODES, .required = true},
    [RETURN] = {.name = "return", .type = FIELD_JSON, .late = true},
};

/* Goes on with a step, or ends with the last one's result. Takes it. */
static struct action go_on(struct task *task, struct frame *frame, uint32_t step,
                           struct value *last)
{
    const struct node *node = frame_node(task, frame);
    if (step == PLAN_NONE && !node_has(node, RETURN))
        return action_end(last);
    value_unref(last);
    if (step != PLAN_NONE)
        return action_call(step);
    if (!(node->late >> RETURN & 1))
        return action_end(node->arguments[RETURN].json);
    struct value *value = evaluate_late(task, frame, RETURN);
    return value_is_exception(value) ? action_raise(value) : action_end(value);
}

static struct action sequence_start(struct task *task, struct frame *frame)
{
    return go_on(task, frame, node_first_child(task->job->plan, frame->node), value_null);
}

static struct action sequence_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                          struct value *outcome)
{
    if (value_is_exception(outcome))
        return action_end(outcome);
    return go_on(task, frame, task->job->plan->nodes[child].next, outcome);
}

const struct op op_sequence = {
    .shape = {.name = "sequence",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct frame),
              .scope = SCOPE_STEPS},
    .start = sequence_start,
    .child_ended = sequence_child_ended,
};
