/* group: `async with asyncio.TaskGroup()`: the first failure cancels the siblings; all are waited
 * for. Follows TaskGroup in CPython's asyncio/taskgroups.py, whose body here creates the tasks and
 * does nothing else: a failure always comes while __aexit__ waits. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

enum { TASKS };

static const struct field_shape fields[] = {
    [TASKS] = {.name = "tasks", .type = FIELD_NODES, .required = true, .spawns = true},
};

struct group_frame {
    struct frame base;
    struct children children;
    struct value **errors;   /* in the order in which the children failed; with references */
    struct value *cancelled; /* the CancelledError to propagate; or NULL */
    uint32_t n_errors, n_left;
    bool is_aborting;
};

static struct action group_start(struct task *task, struct frame *frame)
{
    struct group_frame *self = (struct group_frame *)frame;
    *self = (struct group_frame){.base = *frame};
    if (frame_node(task, frame)->n_children == 0)
        return action_end(memory_need(value_list_new(0)));
    children_create(task, frame, &self->children);
    self->n_left = self->children.n;
    return action_await();
}

/* TaskGroup._abort */
static void abort_group(struct group_frame *self)
{
    self->is_aborting = true;
    for (uint32_t i = 0; i < self->children.n; i++)
        if (self->children.tasks[i]->phase != TASK_DONE)
            task_cancel(self->children.tasks[i], NULL);
}

static void add_error(struct group_frame *self, struct value *error)
{
    if (!self->errors)
        self->errors = memory_new(self->children.n * sizeof(struct value *));
    self->errors[self->n_errors++] = error;
}

/* TaskGroup._on_task_done */
static void group_task_ended(struct task *task, struct frame *frame, struct task *child)
{
    struct group_frame *self = (struct group_frame *)frame;
    if (--self->n_left == 0)
        task_resolve(task, value_null);
    struct value *error = child->is_cancelled ? NULL : task_take_exception(child, frame->node);
    if (!error)
        return;
    add_error(self, error);
    if (self->is_aborting)
        return;
    abort_group(self);
    task_cancel(task, NULL); /* and nobody takes the request back: CPython 3.11 does not */
}

static struct value *take_errors(struct task *task, struct group_frame *self)
{
    struct value *list = memory_need(value_list_new(self->n_errors));
    for (uint32_t i = 0; i < self->n_errors; i++)
        value_list_set(list, i, self->errors[i]);
    self->n_errors = 0;
    return job_limit_result(task->job, self->base.node,
                            exception_group(task->job->plan, self->base.node,
                                            "unhandled errors in a TaskGroup", list, true));
}

static struct value *take_results(struct task *task, struct group_frame *self)
{
    struct value *list = memory_need(value_list_new(self->children.n));
    for (uint32_t i = 0; i < self->children.n; i++)
        if (!self->children.tasks[i]->is_cancelled)
            value_list_set(list, i, value_ref(self->children.tasks[i]->outcome));
    return job_limit_result(task->job, self->base.node, list);
}

/* The end of TaskGroup.__aexit__. */
static struct action finish(struct task *task, struct group_frame *self)
{
    struct value *cancelled = self->cancelled;
    if (self->n_errors)
        return action_raise(take_errors(task, self));
    self->cancelled = NULL;
    if (cancelled)
        return action_raise(cancelled);
    struct value *results = take_results(task, self);
    return value_is_exception(results) ? action_raise(results) : action_end(results);
}

static struct action group_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    struct group_frame *self = (struct group_frame *)frame;
    if (value_is_exception(outcome) && !self->is_aborting) {
        value_unref(self->cancelled);
        self->cancelled = value_ref(outcome);
        abort_group(self);
    }
    value_unref(outcome);
    return self->n_left ? action_await() : finish(task, self);
}

static void group_show(struct task *task, struct frame *frame, struct buffer *out)
{
    struct group_frame *self = (struct group_frame *)frame;
    (void)task;
    buffer_format(out, "%u of %u tasks%s", self->n_left, self->children.n,
                  self->is_aborting ? ", cancelling" : "");
}

static void group_release(struct task *task, struct frame *frame)
{
    struct group_frame *self = (struct group_frame *)frame;
    (void)task;
    for (uint32_t i = 0; i < self->n_errors; i++)
        value_unref(self->errors[i]);
    free(self->errors);
    value_unref(self->cancelled);
    children_release(&self->children);
}

const struct op op_group = {
    .shape = {.name = "group",
              .fields = fields,
              .n_fields = 1,
              .frame_size = sizeof(struct group_frame)},
    .start = group_start,
    .woken = group_woken,
    .task_ended = group_task_ended,
    .show = group_show,
    .release = group_release,
};
