/* semaphore: `async with Semaphore(value): return await body`, the semaphore by its name, shared by
 * all jobs. Within `async with` a BoundedSemaphore is released as often as it is acquired, so that
 * `bounded` changes nothing here.
 * map_item: the same with map's own one, if it has a `concurrency`. It stands between map and its
 * body, and in no spec: the task of one item. */
#include "runtime/semaphore.h"

#include "runtime/journal/entry.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

extern const struct op op_map_item;

enum { SEMAPHORE, VALUE, BOUNDED, BODY };

static const struct field_shape fields[] = {
    [SEMAPHORE] = {.name = "semaphore", .type = FIELD_TEXT, .required = true, .min = 1},
    [VALUE] = {.name = "value", .type = FIELD_INTEGER},
    [BOUNDED] = {.name = "bounded", .type = FIELD_BOOLEAN},
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

struct semaphore_frame {
    struct frame base;
    struct semaphore_waiter waiter;
};

static struct action run_body(struct task *task, struct frame *frame)
{
    return action_call(node_first_child(task->job->plan, frame->node));
}

static struct action semaphore_start(struct task *task, struct frame *frame)
{
    struct semaphore_frame *self = (struct semaphore_frame *)frame;
    const union argument *given = frame_arguments(task, frame);
    int64_t value = frame_has(task, frame, VALUE) ? given[VALUE].integer : 1;
    self->waiter = (struct semaphore_waiter){0};
    const char *name = given[SEMAPHORE].text->bytes;
    return semaphore_acquire_named(&self->waiter, task, name, value) ? run_body(task, frame)
                                                                     : action_await();
}

static struct action semaphore_op_woken(struct task *task, struct frame *frame,
                                        struct value *outcome)
{
    struct semaphore_frame *self = (struct semaphore_frame *)frame;
    return semaphore_woken(&self->waiter, outcome) ? run_body(task, frame) : action_end(outcome);
}

static bool semaphore_op_cancelled(struct task *task, struct frame *frame, struct value *message,
                                   struct cancel_walk *walk)
{
    (void)task, (void)walk;
    return semaphore_cancelled(&((struct semaphore_frame *)frame)->waiter, message);
}

static bool semaphore_replayed(struct task *task, struct frame *frame,
                               const struct journal_entry *entry)
{
    (void)task;
    return (entry->kind == ENTRY_GRANTED || entry->kind == ENTRY_PASSED_ON) &&
           semaphore_replay_grant(&((struct semaphore_frame *)frame)->waiter);
}

static void semaphore_show(struct task *task, struct frame *frame, struct buffer *out)
{
    buffer_format(out, "semaphore '%s'", frame_arguments(task, frame)[SEMAPHORE].text->bytes);
}

static void semaphore_op_release(struct task *task, struct frame *frame)
{
    (void)task;
    semaphore_leave(&((struct semaphore_frame *)frame)->waiter);
}

const struct op op_semaphore = {
    .shape = {.name = "semaphore",
              .fields = fields,
              .n_fields = 4,
              .frame_size = sizeof(struct semaphore_frame)},
    .start = semaphore_start,
    .woken = semaphore_op_woken,
    .cancelled = semaphore_op_cancelled,
    .replayed = semaphore_replayed,
    .show = semaphore_show,
    .release = semaphore_op_release,
};

/* ---- map_item ---- */

enum { ITEM_BODY };

static const struct field_shape item_fields[] = {
    [ITEM_BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

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
    struct semaphore_frame *self = (struct semaphore_frame *)frame;
    struct semaphore *semaphore = semaphore_of(task, frame->node);
    self->waiter = (struct semaphore_waiter){0};
    if (semaphore && !semaphore_acquire(&self->waiter, task, semaphore))
        return action_await();
    return run_body(task, frame);
}

static void map_item_show(struct task *task, struct frame *frame, struct buffer *out)
{
    (void)task, (void)frame;
    buffer_text(out, "its turn (concurrency)");
}

const struct op op_map_item = {
    .shape = {.name = "map_item",
              .fields = item_fields,
              .n_fields = 1,
              .frame_size = sizeof(struct semaphore_frame),
              .scope = SCOPE_GIVEN,
              .is_hidden = true},
    .start = map_item_start,
    .woken = semaphore_op_woken,
    .cancelled = semaphore_op_cancelled,
    .show = map_item_show,
    .release = semaphore_op_release,
};
