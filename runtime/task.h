/* Tasks and frames: what asyncio's Task is, in one allocation and without a stack. A task runs one
 * code of its job's plan; frame by frame, from the code's root down to the node where it is now.
 *
 *             step scheduled                    waits (a future of its own, or another task)
 *   new ──► SCHEDULED ──► RUNNING ──► WAITING ──► WOKEN (wake-up scheduled) ──► RUNNING …
 *                            └──────► DONE (its callbacks are scheduled)
 *
 * What asyncio knows as the future that a coroutine waits for is, for everything but another task,
 * used by one task only; so it lives in that task: `waits_for` and `wake`. [loop] */
#ifndef AWAITD_RUNTIME_TASK_H
#define AWAITD_RUNTIME_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "schema/plan.h"
#include "schema/value.h"

struct job;
struct scope;

enum task_phase { TASK_SCHEDULED, TASK_ACTIVE, TASK_WAITING, TASK_WOKEN, TASK_DONE };

/* One run of a code, with its frames: the task's own, or a coroutine that was called. */
struct activation {
    struct task *task;
    uint32_t code;  /* the node at the bottom of the frames */
    uint32_t depth; /* calls below this one, through tasks as well */
    _Alignas(8) char frames[];
};

/* `await coroutine()`: back to where it was called. */
struct call {
    struct activation *caller;
    struct scope *scope; /* the caller's; with a reference */
    uint32_t node;       /* the caller's, which called */
    struct activation activation;
};

struct task {
    uint32_t refs;
    uint8_t phase; /* enum task_phase */
    bool has_started : 1;
    bool must_cancel : 1;  /* CancelledError is to be thrown at the next step */
    bool is_cancelled : 1; /* done: it ended with CancelledError */
    bool is_retrieved : 1; /* its error was looked at, or nobody has to: not "unhandled" */
    bool
        keeps_error : 1; /* cancelled by a message at its return: every look gives the same error */
    bool on_path : 1;    /* a cancellation is walking through it */
    uint32_t last_walk;  /* the last cancellation that came through (task.c) */
    uint32_t n_cancels;  /* Task.cancelling() */
    uint32_t current;    /* the node where it is */
    uint32_t number;     /* in the order of creation, from 1: asyncio's Task-1 */
    struct job *job;
    struct list link;          /* among the job's live tasks, in the order of their creation */
    struct activation *active; /* the innermost one */
    struct scope *scope;       /* what references find at the present node; with a reference */
    struct handling_frame *handling; /* the innermost frame that handles an exception; or NULL */
    struct frame *owner;  /* gets task_ended when this task is done; NULL after, and once that frame
                           * is gone */
    struct task *awaited; /* the task that it waits for, with a reference; else NULL */
    struct value *wake;   /* with what its own future ended; or what is to be thrown at the step.
                           * DONE: the message of the last must_cancel */
    struct value *outcome; /* DONE: result or exception; before: the message of must_cancel */
    uintptr_t awaiters;    /* task.c: none, one task, or an array of them */
    struct activation first;
};

/* What every frame begins with. */
struct frame {
    uint32_t node;
    uint32_t offset;    /* from its activation's frames */
    int64_t started_us; /* after the job's start */
};

/* Of ops that wait, or run children, while they handle an exception, as in an `except` or a
 * `finally`: what is raised meanwhile has it as its context. */
struct handling_frame {
    struct frame base;
    struct handling_frame *outer;
    struct value *exception; /* with a reference; NULL: none is being handled here */
};
/* Takes the exception; ended by frame_handle_end, which ops call in their release as well. The
 * frame begins with exception NULL. */
void frame_handle(struct task *task, struct handling_frame *frame, struct value *exception);
void frame_handle_end(struct task *task, struct handling_frame *frame);

/* A frame of the innermost activation. */
static inline struct frame *task_frame(struct task *task, uint32_t node_offset)
{
    return (struct frame *)(task->active->frames + node_offset);
}

static inline struct task *frame_task(struct frame *frame)
{
    char *frames = (char *)frame - frame->offset;
    return ((struct activation *)(frames - offsetof(struct activation, frames)))->task;
}

/* A walk over the frames of a task that has started, from where it is now outwards, also out of
 * coroutines that were called. */
struct task_place {
    struct task *task;
    struct activation *activation;
    struct frame *frame;
};
struct task_place task_place(struct task *task);
bool task_place_outer(struct task_place *place); /* false at the outermost frame */

/* Of an activation that is not its task's first. */
static inline struct call *activation_call(struct activation *activation)
{
    return (struct call *)((char *)activation - offsetof(struct call, activation));
}

static inline bool value_is_exception(const struct value *value)
{
    return value->kind == VALUE_EXCEPTION;
}

/* asyncio.create_task: its first step is scheduled; it sees what `creator` (NULL: none) sees now.
 * The caller owns a reference (and the job one, until the task is done). owner: the frame whose op
 * gets task_ended; or NULL. */
struct task *task_create(struct job *job, uint32_t code, struct task *creator, struct frame *owner);
void task_unref(
    struct task *task); /* an error that nobody looked at becomes the job's unhandled one */
struct task *task_ref(struct task *task);

/* Future.result() of a done task: a reference to its result or to the exception that it raises. Of
 * a cancelled one only the first look gives the error with its message, as in CPython (where
 * Future._make_cancelled_error gives the saved one away). */
struct value *task_take_outcome(struct task *task, uint32_t node);
/* Future._make_cancelled_error() */
struct value *task_take_cancelled_error(struct task *task, uint32_t node);

/* Task.cancel(msg): true if a request was made, false when it is done. message may be NULL;
 * borrowed. */
bool task_cancel(struct task *task, struct value *message);
/* For an op's cancelled(): cancels another task as part of the same request, after the op returned.
 */
struct cancel_walk;
void cancel_walk_add(struct cancel_walk *walk, struct task *task);

/* The future that a task waits for (not another task) ends: takes the outcome. Does nothing but
 * drop it when that had ended before. */
void task_resolve(struct task *task, struct value *outcome);
static inline bool task_is_pending(const struct task *task) /* its own future has not ended */
{
    return task->phase == TASK_WAITING && !task->awaited;
}

/* task.exception(), for one who only wants to know what became of a done task, without raising it:
 * the exception (a new reference), or NULL when it has a result. */
struct value *task_take_exception(struct task *task, uint32_t node);

/* remove_done_callback: the owner's task_ended will not be called. */
void task_disown(struct task *task);

/* Delivers a request that was kept (must_cancel) to what the task waits for now, if that takes it.
 */
void task_cancel_pending(struct task *task);
void cancel_walk_free(struct cancel_walk *walk);

/* step.c: Task.__step and Task.__wakeup: one step of the coroutine, up to where it waits or ends.
 */
void task_step(struct task *task);
/* step.c: releases every frame without running anything. */
void task_drop_frames(struct task *task);
/* For a job that is given up: a live task is gone, with the job's reference to it. */
void task_abandon(struct task *task);
/* The task ends: schedules its callbacks. Takes the outcome. */
void task_finish(struct task *task, struct value *outcome);
/* It waits for another task no longer, and wakes with this; takes it. */
void task_stop_awaiting(struct task *task, struct value *outcome);
/* Makes `task` wait for `other` (not done). */
void task_await(struct task *task, struct task *other);

#endif
