/* semaphore: `async with Semaphore(value): return await body`, the semaphore by its name, shared by
 * all jobs. Within `async with` a BoundedSemaphore is released as often as it is acquired, so that
 * `bounded` changes nothing here. */
#include "runtime/semaphore.h"

#include "runtime/loop.h"
#include "runtime/ops/op.h"

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

static struct action semaphore_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                           struct value *outcome)
{
    (void)task, (void)frame, (void)child;
    return action_end(outcome);
}

static bool semaphore_op_cancelled(struct task *task, struct frame *frame, struct value *message,
                                   struct cancel_walk *walk)
{
    (void)task, (void)walk;
    return semaphore_cancelled(&((struct semaphore_frame *)frame)->waiter, message);
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
    .child_ended = semaphore_child_ended,
    .cancelled = semaphore_op_cancelled,
    .show = semaphore_show,
    .release = semaphore_op_release,
};
