/* try: Python's statement. The first clause of which a type matches takes the exception; `else`
 * runs after a body without one; `finally` runs whatever happened. The result is that of the
 * handler, of `else`, or of the body.
 *
 *   body ──result──► else ──────────────┐
 *     └──exception──► a clause, or none ─┴──► finally ──► ends */
#include "runtime/base/memory.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

enum { BODY, EXCEPT, ELSE, FINALLY };

extern const struct op op_except;

static const struct field_shape fields[] = {
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
    [EXCEPT] = {.name = "except", .type = FIELD_CLAUSES, .inner = &op_except.shape},
    [ELSE] = {.name = "else", .type = FIELD_NODE},
    [FINALLY] = {.name = "finally", .type = FIELD_NODE},
};

struct try_frame {
    struct handling_frame base; /* of the clause that runs; then of `finally` */
    struct value *pending;      /* FINALLY: with what the statement is to end */
};

static struct action try_start(struct task *task, struct frame *frame)
{
    struct try_frame *self = (struct try_frame *)frame;
    self->base.exception = self->pending = NULL;
    return action_call(node_first_child(task->job->plan, frame->node));
}

static uint32_t find_child(const struct plan *plan, uint32_t node, unsigned field)
{
    uint32_t child = node_first_child(plan, node);
    while (child != PLAN_NONE && plan->nodes[child].field != field)
        child = plan->nodes[child].next;
    return child;
}

/* ---- a clause of `except`: a node without an op of its own ---- */

enum { TYPES, AS, CLAUSE_BODY };

static const struct field_shape clause_fields[] = {
    [TYPES] = {.name = "types", .type = FIELD_EXCEPTIONS},
    [AS] = {.name = "as", .type = FIELD_VARIABLE},
    [CLAUSE_BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

static uint32_t find_clause(const struct plan *plan, uint32_t node, const struct value *exception)
{
    static const char *const any[] = {"Exception", NULL};
    uint32_t clause = find_child(plan, node, EXCEPT);
    for (; clause != PLAN_NONE; clause = plan->nodes[clause].next) {
        const struct node *n = &plan->nodes[clause];
        if (n->field != EXCEPT)
            return PLAN_NONE;
        if (exception_is_one_of(exception, node_has(n, TYPES) ? n->arguments[TYPES].texts : any))
            return clause;
    }
    return PLAN_NONE;
}

/* What the body sees under the name that `as` gives it: the error object. */
static struct value *error_object(const struct value *exception)
{
    struct buffer text = {0};
    exception_write(&text, exception);
    struct value *value = memory_need(value_from_text(text.bytes, text.size));
    buffer_release(&text);
    return value;
}

static struct action except_start(struct task *task, struct frame *frame)
{
    if (frame_node(task, frame)->n_variables)
        scope_set(task->scope, 0, error_object(task->handling->exception));
    return action_call(node_first_child(task->job->plan, frame->node));
}

const struct op op_except = {
    .shape = {.name = "except",
              .fields = clause_fields,
              .n_fields = 3,
              .frame_size = sizeof(struct frame),
              .scope = SCOPE_VALUE},
    .start = except_start,
};

/* ---- the parts, one after another ---- */

static struct action run_finally(struct task *task, struct try_frame *self, struct value *outcome)
{
    uint32_t child = find_child(task->job->plan, self->base.base.node, FINALLY);
    if (child == PLAN_NONE)
        return action_end(outcome);
    self->pending = outcome;
    if (value_is_exception(outcome))
        frame_handle(task, &self->base, value_ref(outcome));
    return action_call(child);
}

static struct action body_ended(struct task *task, struct try_frame *self, struct value *outcome)
{
    const struct plan *plan = task->job->plan;
    uint32_t node = self->base.base.node;
    if (value_is_exception(outcome)) {
        uint32_t clause = find_clause(plan, node, outcome);
        if (clause == PLAN_NONE)
            return run_finally(task, self, outcome);
        frame_handle(task, &self->base, outcome);
        return action_call(clause);
    }
    uint32_t otherwise = find_child(plan, node, ELSE);
    if (otherwise == PLAN_NONE)
        return run_finally(task, self, outcome);
    value_unref(outcome);
    return action_call(otherwise);
}

static struct action finally_ended(struct task *task, struct try_frame *self, struct value *outcome)
{
    struct value *ends = value_is_exception(outcome) ? outcome : self->pending;
    value_unref(ends == outcome ? self->pending : outcome);
    self->pending = NULL;
    frame_handle_end(task, &self->base);
    return action_end(ends);
}

static struct action try_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                     struct value *outcome)
{
    struct try_frame *self = (struct try_frame *)frame;
    switch (task->job->plan->nodes[child].field) {
    case BODY:
        return body_ended(task, self, outcome);
    case FINALLY:
        return finally_ended(task, self, outcome);
    default:
        frame_handle_end(task, &self->base);
        return run_finally(task, self, outcome);
    }
}

static void try_release(struct task *task, struct frame *frame)
{
    struct try_frame *self = (struct try_frame *)frame;
    frame_handle_end(task, &self->base);
    value_unref(self->pending);
}

const struct op op_try = {
    .shape = {.name = "try",
              .fields = fields,
              .n_fields = 4,
              .frame_size = sizeof(struct try_frame)},
    .start = try_start,
    .child_ended = try_child_ended,
    .release = try_release,
};
