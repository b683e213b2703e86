/* gather: asyncio.gather(*tasks, return_exceptions): all start together; results in the order of
 * the list. The first error ends it at once, and the others go on.
 * map: the same of one task for each item, each `async with` one semaphore, if `concurrency` is
 * given. Follows gather and _GatheringFuture in CPython's asyncio/tasks.py. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"
#include "runtime/progress.h"
#include "runtime/scope.h"
#include "runtime/semaphore.h"

enum { TASKS, RETURN_EXCEPTIONS };

static const struct field_shape gather_fields[] = {
    [TASKS] = {.name = "tasks", .type = FIELD_NODES, .required = true, .spawns = true},
    [RETURN_EXCEPTIONS] = {.name = "return_exceptions", .type = FIELD_BOOLEAN},
};

struct gather_frame {
    struct frame base;
    struct children children;
    uint32_t n_ended;
    bool return_exceptions;
    bool was_cancelled; /* a cancellation was passed on to the children */
};

static void init(struct gather_frame *self)
{
    self->children = (struct children){0};
    self->n_ended = 0;
    self->return_exceptions = self->was_cancelled = false;
}

static struct action gather_start(struct task *task, struct frame *frame)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    init(self);
    self->return_exceptions = frame_has(task, frame, RETURN_EXCEPTIONS) &&
                              frame_arguments(task, frame)[RETURN_EXCEPTIONS].integer;
    if (frame_node(task, frame)->n_children == 0)
        return action_end(memory_need(value_list_new(0)));
    children_create(task, frame, &self->children);
    return action_await();
}

/* How an ended child stands in the list. A cancelled one has lost its message there, as in CPython.
 */
static struct value *item_of(struct task *child, uint32_t node)
{
    child->is_retrieved = true;
    if (child->is_cancelled)
        return child->keeps_error ? exception_copy(child->outcome)
                                  : exception_cancelled(child->job->plan, node, NULL);
    return value_ref(child->outcome);
}

static struct value *list_of(struct task *task, const struct gather_frame *self)
{
    const struct children *children = &self->children;
    struct value *list = memory_need(value_list_new(children->n));
    for (uint32_t i = 0; i < children->n; i++)
        value_list_set(list, i, item_of(children->tasks[i], children->tasks[i]->first.code));
    return job_limit_result(task->job, self->base.node, list);
}

/* The done callback of a child. */
static void gather_task_ended(struct task *task, struct frame *frame, struct task *child)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    uint32_t n = self->children.n;
    self->n_ended++;
    job_count(task->job, frame, self->n_ended, n);
    if (!task_is_pending(task)) {
        child->is_retrieved = true;
    } else if (!self->return_exceptions && child->is_cancelled) {
        task_resolve(task, task_take_cancelled_error(child, child->first.code));
    } else if (!self->return_exceptions && value_is_exception(child->outcome)) {
        task_resolve(task, task_take_outcome(child, child->first.code));
    } else if (self->n_ended == n && self->was_cancelled) {
        for (uint32_t i = 0; i < n; i++)
            self->children.tasks[i]->is_retrieved = true;
        task_resolve(task, task_take_cancelled_error(self->children.tasks[n - 1], frame->node));
    } else if (self->n_ended == n) {
        task_resolve(task, list_of(task, self));
    }
}

/* _GatheringFuture.cancel: every child that has not ended. */
static bool gather_cancelled(struct task *task, struct frame *frame, struct value *message,
                             struct cancel_walk *walk)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    (void)task, (void)message; /* the walk carries it */
    bool any = false;
    for (uint32_t i = 0; i < self->children.n; i++) {
        if (self->children.tasks[i]->phase == TASK_DONE)
            continue;
        cancel_walk_add(walk, self->children.tasks[i]);
        any = true;
    }
    self->was_cancelled |= any;
    return any;
}

static void gather_show(struct task *task, struct frame *frame, struct buffer *out)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    (void)task;
    buffer_format(out, "%u of %u tasks", self->children.n - self->n_ended, self->children.n);
}

static void gather_release(struct task *task, struct frame *frame)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    job_count_end(task->job, frame);
    for (uint32_t i = 0; i < self->children.n; i++)
        self->children.tasks[i]->is_retrieved = true; /* their done callback looks at the error */
    children_release(&self->children);
}

const struct op op_gather = {
    .shape = {.name = "gather",
              .fields = gather_fields,
              .n_fields = 2,
              .frame_size = sizeof(struct gather_frame)},
    .start = gather_start,
    .task_ended = gather_task_ended,
    .cancelled = gather_cancelled,
    .show = gather_show,
    .release = gather_release,
};

/* ---- map ---- */

enum { ITEMS, AS, CONCURRENCY, MAP_RETURN_EXCEPTIONS, BODY };

extern const struct op op_map_item;

static const struct field_shape map_fields[] = {
    [ITEMS] = {.name = "items", .type = FIELD_JSON, .required = true},
    [AS] = {.name = "as", .type = FIELD_VARIABLE},
    [CONCURRENCY] = {.name = "concurrency", .type = FIELD_INTEGER, .min = 1},
    [MAP_RETURN_EXCEPTIONS] = {.name = "return_exceptions", .type = FIELD_BOOLEAN},
    [BODY] = {.name = "body",
              .type = FIELD_NODE,
              .required = true,
              .spawns = true,
              .inner = &op_map_item.shape},
};

/* The child's task sees the item, and behind it the semaphore (semaphore.c). Takes the item. */
static void create_child(struct task *task, struct gather_frame *self, struct semaphore *semaphore,
                         struct value *item)
{
    uint32_t code = node_first_child(task->job->plan, self->base.node);
    struct task *child = task_create(task->job, code, task, &self->base);
    self->children.tasks[self->children.n++] = child;
    if (!semaphore && !task->job->plan->nodes[code].n_variables) {
        value_unref(item);
        return;
    }
    child->scope = scope_new(code, semaphore ? 2 : 1, child->scope);
    scope_set(child->scope, 0, item);
    if (semaphore)
        scope_set(child->scope, 1, value_ref(&semaphore->handle.base));
}

static size_t count_items(const struct value *items)
{
    size_t n = 0, size;
    const char *at = NULL;
    if (items->kind == VALUE_LIST)
        return ((const struct value_list *)items)->n;
    while (array_next(((const struct value_text *)items)->bytes, &at, &size))
        n++;
    return n;
}

static void create_all(struct task *task, struct gather_frame *self, struct semaphore *semaphore,
                       const struct value *items)
{
    const struct value_list *list = (const struct value_list *)items;
    const char *at = NULL;
    size_t size;
    for (size_t i = 0; items->kind == VALUE_LIST && i < list->n; i++)
        create_child(task, self, semaphore, value_ref(list->items[i]));
    while (items->kind == VALUE_TEXT &&
           array_next(((const struct value_text *)items)->bytes, &at, &size))
        create_child(task, self, semaphore, memory_need(value_from_text(at, size)));
}

static bool is_array(const struct value *value)
{
    return value->kind == VALUE_LIST ||
           (value->kind == VALUE_TEXT && *((const struct value_text *)value)->bytes == '[');
}

static struct action map_start(struct task *task, struct frame *frame)
{
    struct gather_frame *self = (struct gather_frame *)frame;
    const union argument *given = frame_arguments(task, frame);
    init(self);
    self->return_exceptions =
        frame_has(task, frame, MAP_RETURN_EXCEPTIONS) && given[MAP_RETURN_EXCEPTIONS].integer;
    const struct value *items = given[ITEMS].json;
    if (!is_array(items))
        return action_raise(exception_new(
            task->job->plan, frame->node,
            &(struct exception_parts){.type = "TypeError", .message = "'items' must be an array"}));
    size_t n = count_items(items);
    struct value *refusal = job_refuse_tasks(task->job, frame->node, n);
    if (refusal)
        return action_raise(refusal);
    if (n == 0)
        return action_end(memory_need(value_list_new(0)));
    struct semaphore *semaphore =
        frame_has(task, frame, CONCURRENCY) ? semaphore_new(given[CONCURRENCY].integer) : NULL;
    self->children.tasks = memory_new(n * sizeof *self->children.tasks);
    create_all(task, self, semaphore, items);
    if (semaphore)
        value_unref(&semaphore->handle.base);
    job_count_begin(task->job, frame);
    return action_await();
}

const struct op op_map = {
    .shape = {.name = "map",
              .fields = map_fields,
              .n_fields = 5,
              .frame_size = sizeof(struct gather_frame),
              .scope = SCOPE_GIVEN,
              .variable = "item"},
    .start = map_start,
    .task_ended = gather_task_ended,
    .cancelled = gather_cancelled,
    .show = gather_show,
    .release = gather_release,
};
