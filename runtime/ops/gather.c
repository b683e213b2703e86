/* gather: asyncio.gather(*tasks, return_exceptions): all start together; results in the order of
 * the list. The first error ends it at once, and the others go on. Follows gather and
 * _GatheringFuture in CPython's asyncio/tasks.py. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

enum { TASKS, RETURN_EXCEPTIONS };

static const struct field_shape fields[] = {
    [TASKS] = {.name = "tasks", .type = FIELD_NODES, .required = true, .spawns = true},
    [RETURN_EXCEPTIONS] = {.name = "return_exceptions", .type = FIELD_BOOLEAN},
};

struct gather_frame {
    struct frame base;
    struct task **children; /* n_children of the node, each with a reference */
    uint32_t n_ended;
    bool return_exceptions;
    bool was_cancelled; /* a cancellation was passed on to the children */
};

static struct action gather_start(struct task *task, struct frame *frame)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    const struct plan *plan = task->job->plan;
    const struct node *node = frame_node(task, frame);
    self->children = NULL;
    self->n_ended = 0;
    self->was_cancelled = false;
    self->return_exceptions =
        node_has(node, RETURN_EXCEPTIONS) && node->arguments[RETURN_EXCEPTIONS].integer;
    if (node->n_children == 0)
        return action_end(memory_need(value_list_new(0)));
    self->children = memory_new(node->n_children * sizeof *self->children);
    uint32_t child = node_first_child(plan, frame->node);
    for (uint32_t i = 0; i < node->n_children; i++, child = plan->nodes[child].next)
        self->children[i] = task_create(task->job, child, task);
    return action_await();
}

/* How an ended child stands in the list. A cancelled one has lost its message there, as in CPython.
 */
static struct value *item_of(struct task *child, uint32_t node)
{
    child->is_retrieved = true;
    if (child->is_cancelled && !child->keeps_error)
        return exception_cancelled(child->job->plan, node, NULL);
    return value_ref(child->outcome);
}

static struct value *list_of(struct task *task, const struct gather_frame *self, uint32_t n)
{
    struct value *list = memory_need(value_list_new(n));
    for (uint32_t i = 0; i < n; i++)
        value_list_set(list, i, item_of(self->children[i], self->children[i]->code));
    return job_limit_result(task->job, self->base.node, list);
}

/* The done callback of a child. */
static void gather_task_ended(struct task *task, struct frame *frame, struct task *child)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    uint32_t n = frame_node(task, frame)->n_children;
    self->n_ended++;
    if (!task_is_pending(task)) {
        child->is_retrieved = true;
    } else if (!self->return_exceptions && child->is_cancelled) {
        task_resolve(task, task_take_cancelled_error(child, child->code));
    } else if (!self->return_exceptions && value_is_exception(child->outcome)) {
        task_resolve(task, task_take_outcome(child, child->code));
    } else if (self->n_ended == n && self->was_cancelled) {
        for (uint32_t i = 0; i < n; i++)
            self->children[i]->is_retrieved = true;
        task_resolve(task, task_take_cancelled_error(self->children[n - 1], frame->node));
    } else if (self->n_ended == n) {
        task_resolve(task, list_of(task, self, n));
    }
}

/* _GatheringFuture.cancel: every child that has not ended. */
static bool gather_cancelled(struct task *task, struct frame *frame, struct value *message,
                             struct cancel_walk *walk)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    (void)message; /* the walk carries it */
    bool any = false;
    for (uint32_t i = 0; i < frame_node(task, frame)->n_children; i++) {
        if (self->children[i]->phase == TASK_DONE)
            continue;
        cancel_walk_add(walk, self->children[i]);
        any = true;
    }
    self->was_cancelled |= any;
    return any;
}

static void gather_release(struct task *task, struct frame *frame)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    for (uint32_t i = 0; self->children && i < frame_node(task, frame)->n_children; i++) {
        task_disown(self->children[i]);
        task_unref(self->children[i]);
    }
    free(self->children);
}

const struct op op_gather = {
    .shape = {.name = "gather",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct gather_frame)},
    .start = gather_start,
    .task_ended = gather_task_ended,
    .cancelled = gather_cancelled,
    .release = gather_release,
};
