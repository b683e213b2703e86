/* subprocess: create_subprocess_exec or _shell, then communicate. On cancellation SIGTERM to the
 * whole process group, after kill_after SIGKILL; the cancellation goes on when the child is reaped.
 *
 *   RUNNING ──exited──► (ends)
 *      └─cancelled──► TERMINATING ──kill_after──► KILLING
 *                          └───────exited─────────────┴──► (CancelledError) */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/loop.h"
#include "runtime/ops/subprocess_fields.h"
#include "runtime/ops/subprocess_frame.h"
#include "runtime/ops/subprocess_result.h"

#define KILL_AFTER_DEFAULT 5.0

static void subprocess_ended(struct process *process);

static const char *program_of(const union argument *given, bool is_shell)
{
    return is_shell ? "/bin/sh" : given[SUBPROCESS_ARGV].texts[0];
}

static bool subprocess_check(const struct services *services, const struct node *node,
                             struct node_complaint *complaint)
{
    bool is_shell = node_has(node, SUBPROCESS_SHELL);
    if (node->dynamic & (1u << SUBPROCESS_ARGV | 1u << SUBPROCESS_ENV)) /* the start will tell */
        return true;
    complaint->field = is_shell ? SUBPROCESS_SHELL : SUBPROCESS_ARGV;
    return exec_policy_allows(&services->exec, program_of(node->arguments, is_shell),
                              node_has(node, SUBPROCESS_ENV) ? node->arguments[SUBPROCESS_ENV].texts
                                                             : NULL,
                              complaint->text);
}

/* NULL; or the PermissionError, where the server does not let jobs run this. */
static struct value *refuse(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    char why[400];
    if (exec_policy_allows(
            &task->job->loop->services->exec,
            program_of(given, frame_has(task, frame, SUBPROCESS_SHELL)),
            frame_has(task, frame, SUBPROCESS_ENV) ? given[SUBPROCESS_ENV].texts : NULL, why))
        return NULL;
    return exception_new(task->job->plan, frame->node,
                         &(struct exception_parts){.type = "PermissionError", .message = why});
}

/* On disk is all that led to it; or it is over before it began. */
static void begin(struct leaf *leaf)
{
    struct process *process = CONTAINER_OF(leaf, struct process, leaf);
    struct host *host = leaf->task->job->loop->host;
    if (!leaf->signal && !leaf->has_crashed) {
        host->spawn(host, process);
        return;
    }
    if (leaf->has_crashed)
        process->part = PROCESS_CRASH;
    process->error = leaf->has_crashed ? ECANCELED : 0;
    process->exit_code = -leaf->signal;
    subprocess_ended(process);
}

static struct action subprocess_start(struct task *task, struct frame *frame)
{
    struct subprocess_frame *self = (struct subprocess_frame *)frame;
    struct value *refusal = refuse(task, frame);
    if (refusal) {
        *self = (struct subprocess_frame){.base = self->base};
        self->base.timer.state = TIMER_IDLE;
        return action_raise(refusal);
    }
    self->base.timer.state = TIMER_IDLE;
    self->message = NULL;
    self->live = NULL;
    self->state = RUNNING;
    self->input_is_closed = false;
    self->number = ++task->job->n_entered;
    list_append(&task->job->processes, &self->link);
    self->process = subprocess_new_process(task, frame);
    self->process->printed = subprocess_printed;
    self->process->ended = subprocess_ended;
    self->process->context = self;
    self->process->leaf.begin = begin;
    leaf_begin(&self->process->leaf, task);
    return action_await();
}

static struct value *outcome_of(struct task *task, struct subprocess_frame *self)
{
    struct frame *frame = &self->base.base;
    if (self->state != RUNNING)
        return exception_cancelled(task->job->plan, self->base.base.node, self->message);
    bool check = subprocess_integer(task, frame, SUBPROCESS_CHECK, true);
    return subprocess_outcome(task->job->plan, self->base.base.node, self->process, check);
}

static void free_process(struct process *process)
{
    free(process->out.bytes);
    free(process->err.bytes);
    free(process);
}

/* The host: the child was reaped and its output read, or it could not be started. */
static void subprocess_ended(struct process *process)
{
    struct subprocess_frame *self = process->context;
    struct task *task = frame_task(&self->base.base);
    subprocess_end_lines(self);
    journal_exited(task, process);
    list_remove(&self->link);
    task_resolve(task, job_limit_result(task->job, self->base.base.node, outcome_of(task, self)));
    self->process = NULL;
    free_process(process);
}

static void send_signal(struct task *task, struct subprocess_frame *self, int signal)
{
    struct host *host = task->job->loop->host;
    if (!self->process)
        return;
    if (self->process->leaf.is_held)
        self->process->leaf.signal = signal;
    else
        host->kill(host, self->process, signal);
}

static bool subprocess_cancelled(struct task *task, struct frame *frame, struct value *message,
                                 struct cancel_walk *walk)
{
    struct subprocess_frame *self = (struct subprocess_frame *)frame;
    (void)walk;
    if (self->state != RUNNING)
        return true; /* on its way already */
    self->message = message ? value_ref(message) : NULL;
    self->state = TERMINATING;
    send_signal(task, self, SIGTERM);
    double patience = frame_has(task, frame, SUBPROCESS_KILL_AFTER)
                          ? frame_arguments(task, frame)[SUBPROCESS_KILL_AFTER].number
                          : KILL_AFTER_DEFAULT;
    frame_arm(&self->base, frame_deadline(task, patience));
    return true;
}

static void subprocess_timer_fired(struct task *task, struct timed_frame *frame)
{
    struct subprocess_frame *self = (struct subprocess_frame *)frame;
    self->state = KILLING;
    send_signal(task, self, SIGKILL);
}

static void subprocess_release(struct task *task, struct frame *frame)
{
    struct subprocess_frame *self = (struct subprocess_frame *)frame;
    struct host *host = task->job->loop->host;
    frame_disarm(&self->base);
    value_unref(self->message);
    if (self->process) { /* only when the job is given up */
        list_remove(&self->link);
        subprocess_drop_lines(self);
        if (!leaf_drop(&self->process->leaf))
            host->abandon(host, self->process);
        free_process(self->process);
    }
}

static void replay_output(struct output *output, const struct entry_text *text, int64_t dropped,
                          int64_t head)
{
    if (!text->bytes)
        return;
    *output = (struct output){.size = text->size,
                              .capacity = text->size,
                              .dropped = (size_t)dropped,
                              .head = (size_t)head};
    output->bytes = memory_new(text->size + 1);
    memcpy(output->bytes, text->bytes, text->size);
    output->bytes[text->size] = '\0';
}

static bool subprocess_replayed(struct task *task, struct frame *frame,
                                const struct journal_entry *entry)
{
    struct process *process = ((struct subprocess_frame *)frame)->process;
    const int64_t *numbers = entry->numbers;
    (void)task;
    if (!process)
        return false;
    if (entry->kind != ENTRY_EXITED)
        return leaf_replay(&process->leaf, entry);
    leaf_drop(&process->leaf);
    process->error = (int)numbers[EXITED_ERROR];
    process->part = (enum process_part)numbers[EXITED_PART];
    process->exit_code = (int)numbers[EXITED_CODE];
    replay_output(&process->out, &entry->texts[0], numbers[EXITED_OUT_DROPPED],
                  numbers[EXITED_OUT_HEAD]);
    replay_output(&process->err, &entry->texts[1], numbers[EXITED_ERR_DROPPED],
                  numbers[EXITED_ERR_HEAD]);
    subprocess_ended(process);
    return true;
}

const struct op op_subprocess = {
    .shape = {.name = "subprocess",
              .fields = subprocess_fields,
              .n_fields = SUBPROCESS_FIELDS,
              .one_of = 1u << SUBPROCESS_ARGV | 1u << SUBPROCESS_SHELL,
              .frame_size = sizeof(struct subprocess_frame),
              .has_effects = true},
    .start = subprocess_start,
    .timer_fired = subprocess_timer_fired,
    .cancelled = subprocess_cancelled,
    .replayed = subprocess_replayed,
    .check = subprocess_check,
    .release = subprocess_release,
};
