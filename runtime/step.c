/* The trampoline: the only caller of ops' start, child_ended and woken. Values and errors go from
 * frame to frame of one task here, without recursion; everything between tasks goes through the
 * ready queue. */
#include "runtime/base/bug.h"
#include "runtime/ops/op.h"

static struct frame *frame_of(struct task *task, uint32_t node)
{
    return task_frame(task, task->job->plan->nodes[node].frame_offset);
}

static struct action enter(struct task *task, uint32_t node)
{
    struct frame *frame = frame_of(task, node);
    *frame = (struct frame){node, task->job->plan->nodes[node].frame_offset, job_now_us(task->job)};
    task->current = node;
    return op_of(&task->job->plan->nodes[node])->start(task, frame);
}

static void leave(struct task *task, uint32_t node, const struct value *outcome)
{
    struct frame *frame = frame_of(task, node);
    const struct op *op = op_of(&task->job->plan->nodes[node]);
    job_note_end(task->job, node, frame->started_us, outcome);
    if (op->release)
        op->release(task, frame);
}

/* The present node ended: on to its parent, unless it was the code's root. True when the task
 * ended. */
static bool end_node(struct task *task, struct value *outcome, struct action *next)
{
    uint32_t node = task->current;
    leave(task, node, outcome);
    if (node == task->code) {
        task_finish(task, outcome);
        return true;
    }
    uint32_t parent = task->job->plan->nodes[node].parent;
    task->current = parent;
    *next = op_of(&task->job->plan->nodes[parent])
                ->child_ended(task, frame_of(task, parent), node, outcome);
    return false;
}

/* What a coroutine gets where it waited: a result, or an exception thrown in. */
static struct action resume(struct task *task, struct value *sent)
{
    const struct op *op = op_of(&task->job->plan->nodes[task->current]);
    return op->woken ? op->woken(task, frame_of(task, task->current), sent) : action_end(sent);
}

static void schedule_step(struct task *task, struct value *thrown)
{
    task->wake = thrown;
    task->phase = TASK_SCHEDULED;
    job_schedule(task->job, HANDLE_STEP, task);
}

static void refuse_self(struct task *task)
{
    schedule_step(
        task, exception_new(task->job->plan, task->current,
                            &(struct exception_parts){.type = "RuntimeError",
                                                      .message = "Task cannot await on itself"}));
}

static void wait_now(struct task *task, struct task *other)
{
    if (other)
        task_await(task, other);
    else
        task->phase = TASK_WAITING;
    if (task->must_cancel)
        task_cancel_pending(task);
}

static void run(struct task *task, struct action action)
{
    for (;;) {
        switch (action.kind) {
        case ACTION_CALL:
            action = enter(task, action.node);
            break;
        case ACTION_END:
            if (end_node(task, action.outcome, &action))
                return;
            break;
        case ACTION_AWAIT:
            wait_now(task, NULL);
            return;
        case ACTION_YIELD:
            schedule_step(task, NULL);
            return;
        case ACTION_AWAIT_TASK:
            if (action.task->phase == TASK_DONE) {
                action = resume(task, task_take_outcome(action.task, task->current));
                break;
            }
            if (action.task == task)
                refuse_self(task);
            else
                wait_now(task, action.task);
            return;
        }
    }
}

/* The outcome of what the task waited for; NULL when it waited for nothing. */
static struct value *take_sent(struct task *task)
{
    struct value *sent = task->wake;
    task->wake = NULL;
    if (task->awaited) {
        sent = task_take_outcome(task->awaited, task->current);
        task_unref(task->awaited);
        task->awaited = NULL;
    }
    return sent;
}

void task_step(struct task *task)
{
    BUG_ON(task->phase != TASK_SCHEDULED && task->phase != TASK_WOKEN);
    struct value *sent = take_sent(task);
    if (task->must_cancel) {
        if (!sent || !exception_is_cancelled(sent)) {
            value_unref(sent);
            sent = exception_cancelled(task->job->plan, task->current, task->outcome);
        }
        task->must_cancel = false;
    }
    task->phase = TASK_ACTIVE;
    if (task->has_started) {
        run(task, resume(task, sent ? sent : value_null));
    } else if (sent) {
        task_finish(task, sent); /* thrown into a coroutine that has not begun */
    } else {
        task->has_started = true;
        run(task, enter(task, task->code));
    }
}

void task_drop_frames(struct task *task)
{
    const struct plan *plan = task->job->plan;
    for (uint32_t node = task->current;; node = plan->nodes[node].parent) {
        if (op_of(&plan->nodes[node])->release)
            op_of(&plan->nodes[node])->release(task, frame_of(task, node));
        if (node == task->code)
            break;
    }
}
