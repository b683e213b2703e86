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

enum task_phase { TASK_SCHEDULED, TASK_ACTIVE, TASK_WAITING, TASK_WOKEN, TASK_DONE };

struct task {
    uint32_t refs;
    uint8_t phase; /* enum task_phase */
    bool has_started : 1;
    bool must_cancel : 1;  /* CancelledError is to be thrown at the next step */
    bool is_cancelled : 1; /* done: it ended with CancelledError */
    bool is_owned : 1;     /* made by a node that waits for it (gather's child): see owner */
    bool is_retrieved : 1; /* its error was looked at, or nobody has to: not "unhandled" */
    bool
        keeps_error : 1; /* cancelled by a message at its return: every look gives the same error */
    bool on_path : 1;    /* a cancellation is walking through it */
    uint32_t last_walk;  /* the last cancellation that came through (task.c) */
    uint32_t n_cancels;  /* Task.cancelling() */
    uint32_t code;       /* the node it runs */
    uint32_t current;    /* the node where it is */
    struct job *job;
    struct list link;      /* among the job's live tasks, in the order of their creation */
    struct task *owner;    /* whose frame gets task_ended; NULL once that frame is gone */
    struct task *awaited;  /* the task that it waits for, with a reference; else NULL */
    struct value *wake;    /* with what its own future ended; or what is to be thrown at the step.
                            * DONE: the message of the last must_cancel */
    struct value *outcome; /* DONE: result or exception; before: the message of must_cancel */
    uintptr_t awaiters;    /* task.c: none, one task, or an array of them */
    _Alignas(8) char frames[];
};

/* What every frame begins with. */
struct frame {
    uint32_t node;
    uint32_t offset;    /* from task->frames */
    int64_t started_us; /* after the job's start */
};

static inline struct frame *task_frame(struct task *task, uint32_t node_offset)
{
    return (struct frame *)(task->frames + node_offset);
}

static inline struct task *frame_task(struct frame *frame)
{
    return (struct task *)((char *)frame - frame->offset - offsetof(struct task, frames));
}

static inline bool value_is_exception(const struct value *value)
{
    return value->kind == VALUE_EXCEPTION;
}

/* asyncio.create_task: its first step is scheduled. The caller owns a reference (and the job one,
 * until the task is done). owner: the task whose present frame's op gets task_ended; or NULL. */
struct task *task_create(struct job *job, uint32_t code, struct task *owner);
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

/* The owner's frame goes away: task_ended will not be called, and its error is nobody's concern. */
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
/* Makes `task` wait for `other` (not done). */
void task_await(struct task *task, struct task *other);

#endif
