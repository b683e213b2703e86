/* Task.cancel(): a request goes to what the task waits for, and from there on to what that waits
 * for.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"

/* What one request still has to visit: depth first, in asyncio's order, without recursion, since
 * tasks may wait for each other in chains of any length. A task is entered again to be left
 * (on_path). */
struct cancel_walk {
    uint32_t number; /* of the walk */
    size_t n_visits; /* in this walk */
    size_t n, capacity;
    struct cancel_stop {
        struct task *task;
        bool leaves;
    } * stops;
};

static void push_stop(struct cancel_walk *walk, struct task *task, bool leaves)
{
    if (walk->n == walk->capacity) {
        walk->capacity = walk->capacity ? walk->capacity * 2 : 16;
        walk->stops = memory_resize(walk->stops, walk->capacity * sizeof *walk->stops);
    }
    walk->stops[walk->n++] = (struct cancel_stop){task, leaves};
}

void cancel_walk_add(struct cancel_walk *walk, struct task *task)
{
    push_stop(walk, task, false);
}

static void set_must_cancel(struct task *task, struct value *message)
{
    struct value *former = task->outcome; /* maybe the message itself */
    task->outcome = message ? value_ref(message) : NULL;
    value_unref(former);
    task->must_cancel = true;
}

/* Tasks that wait for each other in a circle: CPython recurses until it fails. Here the request
 * ends the wait that closes the circle. */
static void break_circle(struct task *task, struct value *message)
{
    task_stop_awaiting(task, exception_cancelled(task->job->plan, task->current, message));
}

/* self._fut_waiter.cancel(msg): whether the request was taken. */
static bool cancel_waited_for(struct task *task, struct value *message, struct cancel_walk *walk)
{
    if (task->phase != TASK_WAITING)
        return false;
    if (task->awaited) {
        if (task->awaited->on_path) {
            break_circle(task, message);
            return true;
        }
        task->on_path = true;
        push_stop(walk, task_ref(task), true);
        push_stop(walk, task->awaited, false);
        return true;
    }
    const struct node *node = &task->job->plan->nodes[task->current];
    if (!op_of(node)->cancelled) {
        task_resolve(task, exception_cancelled(task->job->plan, task->current, message));
        return true;
    }
    task->on_path = true;
    push_stop(walk, task_ref(task), true);
    size_t first = walk->n;
    bool taken = op_of(node)->cancelled(task, task_frame(task, node->frame_offset), message, walk);
    for (size_t i = first, j = walk->n; i + 1 < j; i++) { /* the last added is visited first */
        struct cancel_stop stop = walk->stops[--j];
        walk->stops[j] = walk->stops[i];
        walk->stops[i] = stop;
    }
    return taken;
}

/* A task that can be reached by several ways is cancelled once for each, as in CPython; but the
 * number of ways can grow without bound in a small job, and this loop is not that job's alone. So
 * after so many visits a task that was cancelled in this walk already is not passed through again.
 */
#define EXACT_VISITS 1000000

static bool is_passed(struct task *task, struct cancel_walk *walk)
{
    bool was_here = task->last_walk == walk->number;
    task->last_walk = walk->number;
    return was_here && walk->n_visits++ >= EXACT_VISITS;
}

static void visit(struct task *task, struct value *message, struct cancel_walk *walk)
{
    if (task->phase == TASK_DONE) {
        task->is_retrieved = true; /* Task.cancel begins with _log_traceback = False */
        return;
    }
    task->n_cancels++;
    if (is_passed(task, walk)) {
        if (task->phase != TASK_WAITING)
            set_must_cancel(task, message);
        return;
    }
    if (!cancel_waited_for(task, message, walk))
        set_must_cancel(task, message);
}

static struct cancel_walk *begin_walk(struct loop *loop)
{
    if (!loop->walk)
        loop->walk = memory_new_zeroed(1, sizeof *loop->walk);
    loop->walk->number++;
    loop->walk->n_visits = 0;
    return loop->walk;
}

static void walk_on(struct cancel_walk *walk, struct value *message)
{
    while (walk->n) {
        struct cancel_stop stop = walk->stops[--walk->n];
        if (stop.leaves) {
            stop.task->on_path = false;
            task_unref(stop.task);
        } else {
            visit(stop.task, message, walk);
        }
    }
}

bool task_cancel(struct task *task, struct value *message)
{
    bool was_live = task->phase != TASK_DONE;
    struct cancel_walk *walk = begin_walk(task->job->loop);
    push_stop(walk, task, false);
    walk_on(walk, message);
    return was_live;
}

void task_cancel_pending(struct task *task)
{
    struct cancel_walk *walk = begin_walk(task->job->loop);
    struct value *message = task->outcome;
    if (cancel_waited_for(task, message, walk)) {
        task->must_cancel = false;
        walk_on(walk, message);
    }
}

void cancel_walk_free(struct cancel_walk *walk)
{
    if (walk)
        free(walk->stops);
    free(walk);
}
