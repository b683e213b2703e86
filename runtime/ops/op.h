/* What an op is: a shape (its fields, which schema/ checks), and a few functions. One file per op;
 * one line in registry.c. All functions run on the loop's thread, inside a turn of the job; none
 * blocks, and no op calls another. An op asks for what is to happen next by the action that it
 * returns:
 *
 *   start       the coroutine reaches the node
 *   child_ended a child that runs in the same task ended (action_call); takes the outcome
 *   woken       what it waited for ended (action_await, action_yield, action_await_task), or an
 *               exception is thrown in there; takes the outcome. NULL: the node ends with it
 *   task_ended  done callback of a child that is a task of its own (task_create with this task as
 * owner) timer_fired the frame's timer (it is a timed_frame) came due cancelled   Future.cancel()
 * of what it waits for: true if the request was taken. NULL: the future is cancelled at once.
 * Called only while that future is pending release     the frame goes away: drop what it holds,
 * also when the job is given up half-way
 */
#ifndef AWAITD_RUNTIME_OPS_OP_H
#define AWAITD_RUNTIME_OPS_OP_H

#include "runtime/exception.h"
#include "runtime/job.h"
#include "runtime/task.h"
#include "schema/shape.h"

enum action_kind { ACTION_END, ACTION_CALL, ACTION_AWAIT, ACTION_YIELD, ACTION_AWAIT_TASK };

struct action {
    enum action_kind kind;
    uint32_t node;
    union {
        struct value *outcome;
        struct task *task;
    };
};

/* The node ends with a result or by raising an exception; takes the outcome. */
static inline struct action action_end(struct value *outcome)
{
    return (struct action){ACTION_END, 0, {.outcome = outcome}};
}

/* Runs a child in the same task, at once: `await child()`. */
static inline struct action action_call(uint32_t child)
{
    return (struct action){ACTION_CALL, child, {0}};
}

/* Waits until task_resolve: `await future`. */
static inline struct action action_await(void)
{
    return (struct action){ACTION_AWAIT, 0, {0}};
}

/* A bare yield, as in sleep(0): goes on in the next turn. */
static inline struct action action_yield(void)
{
    return (struct action){ACTION_YIELD, 0, {0}};
}

/* Waits for another task: `await task`. Borrows it. */
static inline struct action action_await_task(struct task *task)
{
    return (struct action){ACTION_AWAIT_TASK, 0, {.task = task}};
}

struct op {
    struct op_shape shape;
    struct action (*start)(struct task *task, struct frame *frame);
    struct action (*child_ended)(struct task *task, struct frame *frame, uint32_t child,
                                 struct value *outcome);
    struct action (*woken)(struct task *task, struct frame *frame, struct value *outcome);
    void (*task_ended)(struct task *task, struct frame *frame, struct task *child);
    void (*timer_fired)(struct task *task, struct timed_frame *frame);
    bool (*cancelled)(struct task *task, struct frame *frame, struct value *message,
                      struct cancel_walk *walk);
    void (*release)(struct task *task, struct frame *frame);
};

static inline const struct op *op_of(const struct node *node)
{
    return (const struct op *)((const char *)node->shape - offsetof(struct op, shape));
}

/* The node that a frame belongs to. */
static inline const struct node *frame_node(const struct task *task, const struct frame *frame)
{
    return &task->job->plan->nodes[frame->node];
}

/* The longest that anything may take: 100 years, so that sums of times in nanoseconds fit. */
#define SECONDS_MAX 3155760000.0

/* registry.c */
extern const struct op_table op_registry;

#endif
