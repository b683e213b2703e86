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

#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/ops/subprocess_result.h"

enum { ARGV, SHELL, STDIN, ENV, CWD, CHECK, MAX_OUTPUT, KILL_AFTER };

static const struct field_shape fields[] = {
    [ARGV] = {.name = "argv", .type = FIELD_TEXT_LIST, .min = 1},
    [SHELL] = {.name = "shell", .type = FIELD_TEXT},
    [STDIN] = {.name = "stdin", .type = FIELD_TEXT},
    [ENV] = {.name = "env", .type = FIELD_TEXT_MAP},
    [CWD] = {.name = "cwd", .type = FIELD_TEXT},
    [CHECK] = {.name = "check", .type = FIELD_BOOLEAN},
    [MAX_OUTPUT] = {.name = "max_output", .type = FIELD_INTEGER, .min = 1, .max = 16 << 20},
    [KILL_AFTER] = {.name = "kill_after", .type = FIELD_NUMBER, .max = SECONDS_MAX},
};

#define MAX_OUTPUT_DEFAULT (1 << 20)
#define KILL_AFTER_DEFAULT 5.0

enum subprocess_state { RUNNING, TERMINATING, KILLING };

struct subprocess_frame {
    struct timed_frame base; /* the timer: SIGKILL after SIGTERM */
    struct process *process; /* NULL once it was reaped */
    struct value *message;   /* of the cancellation */
    enum subprocess_state state;
};

static void subprocess_ended(struct process *process);

static struct process *new_process(struct task *task, struct subprocess_frame *self)
{
    struct frame *frame = &self->base.base;
    const union argument *given = frame_arguments(task, frame);
    /* the shell's words stand behind the structure that points to them */
    struct process *p = memory_new_zeroed(1, sizeof *p + 4 * sizeof *p->argv);
    const char **shell = (const char **)(p + 1);
    if (frame_has(task, frame, SHELL)) {
        shell[0] = "/bin/sh";
        shell[1] = "-c";
        shell[2] = p->shell = given[SHELL].text->bytes;
    }
    p->argv = frame_has(task, frame, SHELL) ? shell : given[ARGV].texts;
    p->env = frame_has(task, frame, ENV) ? given[ENV].texts : NULL;
    p->cwd = frame_has(task, frame, CWD) ? given[CWD].text->bytes : NULL;
    if (frame_has(task, frame, STDIN)) {
        p->input = given[STDIN].text->bytes;
        p->input_size = given[STDIN].text->size;
    }
    p->max_output =
        frame_has(task, frame, MAX_OUTPUT) ? (size_t)given[MAX_OUTPUT].integer : MAX_OUTPUT_DEFAULT;
    p->ended = subprocess_ended;
    p->context = self;
    return p;
}

static const char *program_of(const union argument *given, bool is_shell)
{
    return is_shell ? "/bin/sh" : given[ARGV].texts[0];
}

static bool subprocess_check(const struct services *services, const struct node *node,
                             struct node_complaint *complaint)
{
    bool is_shell = node_has(node, SHELL);
    if (node->dynamic & (1u << ARGV | 1u << ENV)) /* the start will tell */
        return true;
    complaint->field = is_shell ? SHELL : ARGV;
    return exec_policy_allows(&services->exec, program_of(node->arguments, is_shell),
                              node_has(node, ENV) ? node->arguments[ENV].texts : NULL,
                              complaint->text);
}

/* NULL; or the PermissionError, where the server does not let jobs run this. */
static struct value *refuse(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    char why[400];
    if (exec_policy_allows(&task->job->loop->services->exec,
                           program_of(given, frame_has(task, frame, SHELL)),
                           frame_has(task, frame, ENV) ? given[ENV].texts : NULL, why))
        return NULL;
    return exception_new(task->job->plan, frame->node,
                         &(struct exception_parts){.type = "PermissionError", .message = why});
}

static struct action subprocess_start(struct task *task, struct frame *frame)
{
    struct subprocess_frame *self = (struct subprocess_frame *)frame;
    struct host *host = task->job->loop->host;
    struct value *refusal = refuse(task, frame);
    if (refusal) {
        *self = (struct subprocess_frame){.base = self->base};
        self->base.timer.state = TIMER_IDLE;
        return action_raise(refusal);
    }
    self->base.timer.state = TIMER_IDLE;
    self->message = NULL;
    self->state = RUNNING;
    self->process = new_process(task, self);
    host->spawn(host, self->process);
    return action_await();
}

static struct value *outcome_of(struct task *task, struct subprocess_frame *self)
{
    struct frame *frame = &self->base.base;
    if (self->state != RUNNING)
        return exception_cancelled(task->job->plan, self->base.base.node, self->message);
    bool check = !frame_has(task, frame, CHECK) || frame_arguments(task, frame)[CHECK].integer;
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
    task_resolve(task, job_limit_result(task->job, self->base.base.node, outcome_of(task, self)));
    self->process = NULL;
    free_process(process);
}

static void send_signal(struct task *task, struct subprocess_frame *self, int signal)
{
    struct host *host = task->job->loop->host;
    if (self->process)
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
    double patience = frame_has(task, frame, KILL_AFTER)
                          ? frame_arguments(task, frame)[KILL_AFTER].number
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
        host->abandon(host, self->process);
        free_process(self->process);
    }
}

const struct op op_subprocess = {
    .shape = {.name = "subprocess",
              .fields = fields,
              .n_fields = 8,
              .one_of = 1u << ARGV | 1u << SHELL,
              .frame_size = sizeof(struct subprocess_frame),
              .has_effects = true},
    .start = subprocess_start,
    .timer_fired = subprocess_timer_fired,
    .cancelled = subprocess_cancelled,
    .check = subprocess_check,
    .release = subprocess_release,
};
