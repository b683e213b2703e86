/* race: the first to succeed is the result, the others are cancelled and awaited:
 *
 *     try:
 *         while pending:
 *             _, pending = await asyncio.wait(pending, return_when=FIRST_COMPLETED)
 *             ... return the result of the first in the list that is done and succeeded
 *     finally:
 *         ... cancel those that are not done
 *         await asyncio.wait(those)
 *     raise BaseExceptionGroup("no task of the race succeeded", errors)
 *
 *   RACING ──one succeeded, or cancelled──► CLEANING (awaits the rest) ──► ends
 *      └── all failed ──► ends */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

enum { TASKS };

static const struct field_shape fields[] = {
    [TASKS] = {.name = "tasks", .type = FIELD_NODES, .required = true, .spawns = true, .min = 1},
};

struct race_frame {
    struct handling_frame base; /* CLEANING: the CancelledError that ended the race */
    struct children children;
    struct value *winner; /* CLEANING: its result; NULL: cancelled */
    uint32_t *ended;      /* indices of the children in the order of their ends, n_ended of them */
    bool *is_waited_for;  /* by index: the present asyncio.wait is about it */
    uint32_t n_ended;
    uint32_t n_left; /* CLEANING: still to end */
    bool is_cleaning;
};

static struct action race_start(struct task *task, struct frame *frame)
{
    struct race_frame *self = (struct race_frame *)frame;
    *self = (struct race_frame){.base.base = *frame};
    children_create(task, frame, &self->children);
    uint32_t n = self->children.n;
    self->ended = memory_new(n * sizeof *self->ended);
    self->is_waited_for = memory_new(n * sizeof *self->is_waited_for);
    for (uint32_t i = 0; i < n; i++)
        self->is_waited_for[i] = true;
    return action_await();
}

static uint32_t index_of(const struct race_frame *self, const struct task *child)
{
    uint32_t i = 0;
    while (self->children.tasks[i] != child)
        i++;
    return i;
}

static void race_task_ended(struct task *task, struct frame *frame, struct task *child)
{
    struct race_frame *self = (struct race_frame *)frame;
    uint32_t i = index_of(self, child);
    self->ended[self->n_ended++] = i;
    if (self->is_waited_for[i] && (!self->is_cleaning || --self->n_left == 0))
        task_resolve(task, value_null);
}

static bool is_done(const struct race_frame *self, uint32_t i)
{
    return self->children.tasks[i]->phase == TASK_DONE;
}

/* The first in the list that succeeded; n when none did. */
static uint32_t find_winner(const struct race_frame *self)
{
    uint32_t i = 0;
    for (; i < self->children.n; i++) {
        struct task *child = self->children.tasks[i];
        if (!is_done(self, i) || child->is_cancelled)
            continue;
        child->is_retrieved = true;
        if (!value_is_exception(child->outcome))
            break;
    }
    return i;
}

/* `finally`: whether there is something to await. */
static bool clean(struct race_frame *self)
{
    self->is_cleaning = true;
    self->n_left = 0;
    for (uint32_t i = 0; i < self->children.n; i++) {
        struct task *child = self->children.tasks[i];
        self->is_waited_for[i] = !is_done(self, i);
        self->n_left += self->is_waited_for[i];
        if (is_done(self, i) && !child->is_cancelled)
            child->is_retrieved = true;
    }
    for (uint32_t i = 0; i < self->children.n; i++)
        if (self->is_waited_for[i])
            task_cancel(self->children.tasks[i], NULL);
    return self->n_left > 0;
}

/* Those whose done callback has not run yet come last. */
static struct action raise_errors(struct task *task, struct race_frame *self)
{
    uint32_t n = self->children.n, at = 0;
    struct value *list = memory_need(value_list_new(n));
    for (uint32_t i = 0; i < n; i++)
        self->is_waited_for[i] = true;
    for (; at < self->n_ended; at++) {
        struct task *child = self->children.tasks[self->ended[at]];
        self->is_waited_for[self->ended[at]] = false;
        value_list_set(list, at, task_take_exception(child, child->first.code));
    }
    for (uint32_t i = 0; i < n; i++)
        if (self->is_waited_for[i])
            value_list_set(
                list, at++,
                task_take_exception(self->children.tasks[i], self->children.tasks[i]->first.code));
    struct value *group = exception_group(task->job->plan, self->base.base.node,
                                          "no task of the race succeeded", list, false);
    return action_raise(job_limit_result(task->job, self->base.base.node, group));
}

/* The end of `finally`: with the winner's result, or with the exception on its way. */
static struct action end_cleaning(struct task *task, struct race_frame *self)
{
    struct value *outcome = self->winner;
    if (!outcome) {
        outcome = value_ref(self->base.exception);
        frame_handle_end(task, &self->base);
    }
    self->winner = NULL;
    return action_end(outcome);
}

static struct action race_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    struct race_frame *self = (struct race_frame *)frame;
    if (self->is_cleaning) {
        if (!value_is_exception(outcome))
            return end_cleaning(task, self);
        frame_handle_end(task, &self->base);
        return action_end(outcome);
    }
    if (value_is_exception(outcome)) {
        frame_handle(task, &self->base, outcome);
        return clean(self) ? action_await() : end_cleaning(task, self);
    }
    uint32_t winner = find_winner(self), n_pending = 0;
    if (winner < self->children.n) {
        self->winner = value_ref(self->children.tasks[winner]->outcome);
        return clean(self) ? action_await() : end_cleaning(task, self);
    }
    for (uint32_t i = 0; i < self->children.n; i++)
        n_pending += self->is_waited_for[i] = !is_done(self, i);
    return n_pending ? action_await() : raise_errors(task, self);
}

static void race_show(struct task *task, struct frame *frame, struct buffer *out)
{
    struct race_frame *self = (struct race_frame *)frame;
    (void)task;
    buffer_format(out, "%s %u tasks", self->is_cleaning ? "the end of" : "the first of",
                  self->is_cleaning ? self->n_left : self->children.n);
}

static void race_release(struct task *task, struct frame *frame)
{
    struct race_frame *self = (struct race_frame *)frame;
    frame_handle_end(task, &self->base);
    value_unref(self->winner);
    children_release(&self->children);
    free(self->ended);
    free(self->is_waited_for);
}

const struct op op_race = {
    .shape = {.name = "race",
              .fields = fields,
              .n_fields = 1,
              .frame_size = sizeof(struct race_frame)},
    .start = race_start,
    .woken = race_woken,
    .task_ended = race_task_ended,
    .show = race_show,
    .release = race_release,
};
