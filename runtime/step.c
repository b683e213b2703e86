/* The trampoline: the only caller of ops' start, child_ended and woken. Values and errors go from
 * frame to frame of one task here, without recursion; everything between tasks goes through the
 * ready queue. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/evaluate.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"

static struct frame *frame_of(struct task *task, uint32_t node)
{
    return task_frame(task, task->job->plan->nodes[node].frame_offset);
}

/* An exception is raised, or thrown in, where the task is: what it handles there becomes the
 * context. A job's spec is one coroutine here, with all that it nests. */
static void raise_here(struct task *task, struct value *exception)
{
    if (task->handling)
        exception_set_context(task->job, exception, task->handling->exception);
}

/* ---- nodes ---- */

static void open_scope(struct task *task, uint32_t node)
{
    const struct node *n = &task->job->plan->nodes[node];
    if (n->n_variables && n->shape->scope != SCOPE_GIVEN)
        task->scope = scope_new(node, n->n_variables, task->scope);
}

static void close_scope(struct task *task, uint32_t node)
{
    const struct node *n = &task->job->plan->nodes[node];
    if (n->n_variables && n->shape->scope != SCOPE_GIVEN) {
        struct scope *inner = task->scope;
        task->scope = scope_ref(inner->parent);
        scope_unref(inner);
    }
}

static struct action enter(struct task *task, uint32_t node)
{
    const struct node *n = &task->job->plan->nodes[node];
    struct frame *frame = frame_of(task, node);
    if (n->dynamic)
        memset(frame, 0, node_frame_size(n));
    *frame = (struct frame){node, n->frame_offset, job_now_us(task->job)};
    task->current = task->job->last_node = node;
    open_scope(task, node);
    struct value *error = n->dynamic ? evaluate_start(task, frame) : NULL;
    return error ? action_raise(error) : op_of(n)->start(task, frame);
}

static void leave(struct task *task, uint32_t node, const struct value *outcome)
{
    struct frame *frame = frame_of(task, node);
    const struct node *n = &task->job->plan->nodes[node];
    job_note_end(task->job, node, frame->started_us, outcome);
    if (op_of(n)->release)
        op_of(n)->release(task, frame);
    if (n->dynamic)
        evaluate_release(task, frame);
    close_scope(task, node);
}

/* ---- coroutines that are called ---- */

/* A new activation with a scope of its own. */
static struct action invoke(struct task *task, uint32_t i, struct value *arguments)
{
    const struct coroutine *coroutine = &task->job->plan->coroutines[i];
    uint32_t size = task->job->plan->nodes[coroutine->root].frames_size;
    struct call *call = memory_new(sizeof *call + size);
    *call = (struct call){.caller = task->active, .scope = task->scope, .node = task->current};
    call->activation = (struct activation){
        .task = task, .code = coroutine->root, .depth = task->active->depth + 1};
    task->active = &call->activation;
    task->scope = scope_new(SCOPE_ROOT, coroutine->n_values, NULL);
    scope_set(task->scope, 0, arguments);
    return enter(task, coroutine->root);
}

/* Back to the node that called. */
static void return_to_caller(struct task *task)
{
    struct call *done = activation_call(task->active);
    task->active = done->caller;
    task->current = done->node;
    scope_unref(task->scope);
    task->scope = done->scope;
    free(done);
}

/* ---- ends ---- */

/* The result of a step that others refer to. */
static void bind_result(struct task *task, uint32_t node, struct value *outcome)
{
    uint32_t variable = task->job->plan->nodes[node].variable;
    if (variable && !value_is_exception(outcome))
        scope_set(task->scope, variable - 1, value_ref(outcome));
}

/* The present node ended: on to its parent, unless it was the task's last. True when the task
 * ended. */
static bool end_node(struct task *task, struct value *outcome, struct action *next)
{
    uint32_t node = task->current;
    leave(task, node, outcome);
    if (node != task->active->code) {
        task->current = task->job->plan->nodes[node].parent;
    } else if (task->active != &task->first) {
        return_to_caller(task);
    } else {
        task_finish(task, outcome);
        return true;
    }
    bind_result(task, node, outcome);
    const struct op *op = op_of(&task->job->plan->nodes[task->current]);
    *next = op->child_ended ? op->child_ended(task, frame_of(task, task->current), node, outcome)
                            : action_end(outcome);
    return false;
}

/* What a coroutine gets where it waited: a result, or an exception thrown in. */
static struct action resume(struct task *task, struct value *sent)
{
    if (value_is_exception(sent))
        raise_here(task, sent);
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
        case ACTION_INVOKE:
            action = invoke(task, action.node, action.outcome);
            break;
        case ACTION_RAISE:
            raise_here(task, action.outcome);
            /* fall through */
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
        run(task, enter(task, task->first.code));
    }
}

void task_drop_frames(struct task *task)
{
    const struct plan *plan = task->job->plan;
    for (;;) {
        uint32_t node = task->current;
        if (op_of(&plan->nodes[node])->release)
            op_of(&plan->nodes[node])->release(task, frame_of(task, node));
        if (plan->nodes[node].dynamic)
            evaluate_release(task, frame_of(task, node));
        if (node != task->active->code)
            task->current = plan->nodes[node].parent;
        else if (task->active != &task->first)
            return_to_caller(task);
        else
            break;
    }
}
