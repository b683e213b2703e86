/* What an op is: a shape (its fields, which schema/ checks), and a few functions. One file per op;
 * one line in registry.c. All functions run on the loop's thread, inside a turn of the job; none
 * blocks, and no op calls another. An op asks for what is to happen next by the action that it
 * returns:
 *
 *   start       the coroutine reaches the node
 *   child_ended a child that runs in the same task ended (action_call); takes the outcome.
 *               NULL: the node ends with it
 *   woken       what it waited for ended (action_await, action_yield, action_await_task), or an
 *               exception is thrown in there; takes the outcome. NULL: the node ends with it
 *   task_ended  done callback of a child that is a task of its own (task_create with this frame as
 *               owner)
 *   timer_fired the frame's timer (it is a timed_frame) came due
 *   cancelled   Future.cancel() of what it waits for: true if the request was taken. NULL: the
 *               future is cancelled at once. Called only while that future is pending
 *   replayed    an entry of the journal about the node, which waits: false when it does not fit.
 *               NULL: none does (journal/replay.h)
 *   show        appends what it waits for, for people: "a semaphore 'db'"; NULL: the op says it
 *   check       before the job is taken: whether the node may run here; what is wrong goes into the
 *               complaint. Fields with references (node->dynamic, node->late) are not known yet.
 *               [http] NULL: it may
 *   release     the frame goes away: drop what it holds, also when the job is given up half-way. Of
 *               a node with references the frame may be all zero: then it never started
 */
#ifndef AWAITD_RUNTIME_OPS_OP_H
#define AWAITD_RUNTIME_OPS_OP_H

#include "runtime/evaluate.h"
#include "runtime/exception.h"
#include "runtime/job.h"
#include "runtime/services.h"
#include "runtime/task.h"
#include "schema/shape.h"

struct journal_entry;

enum action_kind {
    ACTION_END,
    ACTION_RAISE,
    ACTION_CALL,
    ACTION_INVOKE,
    ACTION_AWAIT,
    ACTION_YIELD,
    ACTION_AWAIT_TASK
};

struct action {
    enum action_kind kind;
    uint32_t node; /* or, of ACTION_INVOKE, coroutine */
    union {
        struct value *outcome;
        struct task *task;
    };
};

/* The node ends with a result, or with an exception that comes up from below; takes the outcome. */
static inline struct action action_end(struct value *outcome)
{
    return (struct action){ACTION_END, 0, {.outcome = outcome}};
}

/* `raise exception`: the node ends with it; takes it. */
static inline struct action action_raise(struct value *exception)
{
    return (struct action){ACTION_RAISE, 0, {.outcome = exception}};
}

/* Runs a child in the same task, at once: `await child()`. */
static inline struct action action_call(uint32_t child)
{
    return (struct action){ACTION_CALL, child, {0}};
}

/* `await coroutine(**arguments)`, of the plan's coroutine with that index: as a child. Takes the
 * arguments. */
static inline struct action action_invoke(uint32_t coroutine, struct value *arguments)
{
    return (struct action){ACTION_INVOKE, coroutine, {.outcome = arguments}};
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
    bool (*replayed)(struct task *task, struct frame *frame, const struct journal_entry *entry);
    void (*show)(struct task *task, struct frame *frame, struct buffer *out);
    bool (*check)(const struct services *services, const struct node *node,
                  struct node_complaint *complaint);
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

/* What was given to the node, with its references evaluated. */
static inline const union argument *frame_arguments(const struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    return node->dynamic ? (*frame_evaluated(node, frame))->arguments : node->arguments;
}

static inline bool frame_has(const struct task *task, struct frame *frame, unsigned field)
{
    const struct node *node = frame_node(task, frame);
    uint32_t present = node->dynamic ? (*frame_evaluated(node, frame))->present : node->present;
    return present >> field & 1;
}

/* The longest that anything may take: 100 years, so that sums of times in nanoseconds fit. */
#define SECONDS_MAX 3155760000.0

/* ---- children that are tasks of their own: of gather, group, wait, race, map, shield ---- */
struct children {
    struct task **tasks; /* with a reference each; NULL: none */
    uint32_t n;
};
/* One task for each child of the frame's node, in their order, with the frame as owner. */
void children_create(struct task *task, struct frame *frame, struct children *children);
/* Their task_ended will not be called, and they are let go. */
void children_release(struct children *children);

/* registry.c */
extern const struct op_table op_registry;

#endif
