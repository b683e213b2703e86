/* map_item: what stands between map and its body, and in no spec: the task of one item, which waits
 * for its turn where map has a `concurrency`: `async with semaphore: return await body`. */
#include "runtime/ops/op.h"
#include "runtime/scope.h"
#include "runtime/semaphore.h"

enum { BODY };

static const struct field_shape fields[] = {
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

struct map_item_frame {
    struct frame base;
    struct semaphore_waiter waiter;
};

static struct action run_body(struct task *task, struct frame *frame)
{
    return action_call(node_first_child(task->job->plan, frame->node));
}

/* map put it behind the item. */
static struct semaphore *semaphore_of(const struct task *task, uint32_t node)
{
    struct scope *scope = task->scope;
    if (!scope || scope->node != node || scope->n < 2)
        return NULL;
    return (struct semaphore *)value_ref(scope->values[1]);
}

static struct action map_item_start(struct task *task, struct frame *frame)
{
    struct map_item_frame *self = (struct map_item_frame *)frame;
    struct semaphore *semaphore = semaphore_of(task, frame->node);
    self->waiter = (struct semaphore_waiter){0};
    if (semaphore && !semaphore_acquire(&self->waiter, task, semaphore))
        return action_await();
    return run_body(task, frame);
}

static struct action map_item_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    struct map_item_frame *self = (struct map_item_frame *)frame;
    return semaphore_woken(&self->waiter, outcome) ? run_body(task, frame) : action_end(outcome);
}

static struct action map_item_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                          struct value *outcome)
{
    (void)task, (void)frame, (void)child;
    return action_end(outcome);
}

static bool map_item_cancelled(struct task *task, struct frame *frame, struct value *message,
                               struct cancel_walk *walk)
{
    (void)task, (void)walk;
    return semaphore_cancelled(&((struct map_item_frame *)frame)->waiter, message);
}

static void map_item_show(struct task *task, struct frame *frame, struct buffer *out)
{
    (void)task, (void)frame;
    buffer_text(out, "its turn (concurrency)");
}

static void map_item_release(struct task *task, struct frame *frame)
{
    (void)task;
    semaphore_leave(&((struct map_item_frame *)frame)->waiter);
}

const struct op op_map_item = {
    .shape = {.name = "map_item",
              .fields = fields,
              .n_fields = 1,
              .frame_size = sizeof(struct map_item_frame),
              .scope = SCOPE_GIVEN,
              .is_hidden = true},
    .start = map_item_start,
    .woken = map_item_woken,
    .child_ended = map_item_child_ended,
    .cancelled = map_item_cancelled,
    .show = map_item_show,
    .release = map_item_release,
};
