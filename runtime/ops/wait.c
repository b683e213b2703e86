/* wait: asyncio.wait(tasks, timeout, return_when): raises nothing, cancels nothing; what has not
 * ended goes on. Follows wait and _wait in CPython's asyncio/tasks.py. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

enum { TASKS, RETURN_WHEN, TIMEOUT };

enum return_when { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION };
static const char *const choices[] = {"ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", NULL};

static const struct field_shape fields[] = {
    [TASKS] = {.name = "tasks", .type = FIELD_NODES, .required = true, .spawns = true, .min = 1},
    [RETURN_WHEN] = {.name = "return_when", .type = FIELD_CHOICE, .choices = choices},
    [TIMEOUT] = {.name = "timeout", .type = FIELD_NUMBER, .nullable = true, .max = SECONDS_MAX},
};

struct wait_frame {
    struct timed_frame base;
    struct children children;
    uint32_t n_left;
    uint32_t n_on_their_way; /* of a frame that stays behind: callbacks that it waits for */
    enum return_when until;
};

static struct action wait_start(struct task *task, struct frame *frame)
{
    struct wait_frame *self = (struct wait_frame *)frame;
    const union argument *given = frame_arguments(task, frame);
    *self = (struct wait_frame){.base.base = *frame};
    if (frame_has(task, frame, RETURN_WHEN))
        self->until = (enum return_when)given[RETURN_WHEN].integer;
    children_create(task, frame, &self->children);
    self->n_left = self->children.n;
    if (frame_has(task, frame, TIMEOUT))
        frame_arm(&self->base, frame_deadline(task, given[TIMEOUT].number));
    return action_await();
}

/* _on_completion */
static bool is_over(const struct wait_frame *self, struct task *child)
{
    if (self->n_left == 0 || self->until == FIRST_COMPLETED)
        return true;
    if (self->until != FIRST_EXCEPTION || child->is_cancelled)
        return false;
    child->is_retrieved = true;
    return value_is_exception(child->outcome);
}

static void free_left_behind(struct wait_frame *self);

static void wait_task_ended(struct task *task, struct frame *frame, struct task *child)
{
    struct wait_frame *self = (struct wait_frame *)frame;
    self->n_left--;
    bool ends = is_over(self, child);
    if (self->n_on_their_way) {
        if (--self->n_on_their_way == 0)
            free_left_behind(self);
    } else if (ends) {
        frame_disarm(&self->base);
        task_resolve(task, value_null);
    }
}

/* ---- {"done": [{"index", "result" or "error"}], "pending": [index]} ---- */

static struct value *text(struct buffer *b)
{
    struct value *value = memory_need(value_from_text(b->bytes, b->size));
    buffer_release(b);
    return value;
}

static struct value *result_of(const struct wait_frame *self)
{
    uint32_t n_done = 0, at = 0;
    struct task *const *tasks = self->children.tasks;
    struct buffer b = {0}, pending = {0};
    for (uint32_t i = 0; i < self->children.n; i++)
        n_done += tasks[i]->phase == TASK_DONE;
    struct value *result = memory_need(value_joined_new(2 * n_done + 1));
    buffer_text(&b, "{\"done\":[");
    for (uint32_t i = 0; i < self->children.n; i++) {
        if (tasks[i]->phase != TASK_DONE) {
            buffer_format(&pending, "%s%u", pending.size ? "," : "", i);
            continue;
        }
        struct value *error = task_take_exception(tasks[i], tasks[i]->first.code);
        buffer_format(&b, "%s{\"index\":%u,\"%s\":", at ? "}," : "", i, error ? "error" : "result");
        value_list_set(result, at++, text(&b));
        value_list_set(result, at++, error ? error : value_ref(tasks[i]->outcome));
    }
    buffer_format(&b, "%s],\"pending\":[%s]}", at ? "}" : "", pending.size ? pending.bytes : "");
    value_list_set(result, at, text(&b));
    buffer_release(&pending);
    return result;
}

static struct action wait_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    if (value_is_exception(outcome))
        return action_end(outcome);
    struct value *result =
        job_limit_result(task->job, frame->node, result_of((struct wait_frame *)frame));
    return value_is_exception(result) ? action_raise(result) : action_end(result);
}

static void wait_show(struct task *task, struct frame *frame, struct buffer *out)
{
    struct wait_frame *self = (struct wait_frame *)frame;
    (void)task;
    buffer_format(out, "%u of %u tasks", self->n_left, self->children.n);
}

/* ---- what is left behind ---- */

/* remove_done_callback comes too late for a child that is done: its _on_completion is on its way,
 * and will look at the error, as long as it is not the last one. For these a copy of the frame
 * stays. */
struct left_behind {
    struct activation activation;
    struct wait_frame frame; /* where the activation's frames begin */
};
_Static_assert(offsetof(struct left_behind, frame) == offsetof(struct activation, frames),
               "as frame_task computes it");

static void free_left_behind(struct wait_frame *self)
{
    free((char *)self - offsetof(struct left_behind, frame));
}

static struct wait_frame *leave_behind(const struct wait_frame *self, struct task *task)
{
    struct left_behind *copy = memory_new(sizeof *copy);
    copy->activation = (struct activation){.task = task};
    copy->frame = (struct wait_frame){
        .base.base = {.node = self->base.base.node}, .n_left = self->n_left, .until = self->until};
    return &copy->frame;
}

static void wait_release(struct task *task, struct frame *frame)
{
    struct wait_frame *self = (struct wait_frame *)frame, *copy = NULL;
    frame_disarm(&self->base);
    for (uint32_t i = 0; i < self->children.n && self->until == FIRST_EXCEPTION; i++) {
        struct task *child = self->children.tasks[i];
        if (child->phase != TASK_DONE || !child->owner)
            continue;
        copy = copy ? copy : leave_behind(self, task);
        copy->n_on_their_way++;
        child->owner = &copy->base.base;
        task_unref(child);
        self->children.tasks[i--] = self->children.tasks[--self->children.n];
    }
    children_release(&self->children);
}

const struct op op_wait = {
    .shape = {.name = "wait",
              .fields = fields,
              .n_fields = 3,
              .frame_size = sizeof(struct wait_frame)},
    .start = wait_start,
    .woken = wait_woken,
    .task_ended = wait_task_ended,
    .timer_fired = timed_frame_wake,
    .show = wait_show,
    .release = wait_release,
};
