#include "runtime/ops/operation.h"

#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/progress.h"

static struct value *outcome_of(struct job *job, uint32_t node, const struct answer *answer)
{
    if (!answer->type) {
        struct value *refused = job_refuse_size(job, node, answer->size);
        return refused ? refused : memory_need(value_from_text(answer->text, answer->size));
    }
    const struct exception_parts parts = {
        .type = answer->type, .message = answer->text, .details = answer->details};
    return exception_new(job->plan, node, &parts);
}

static void ended(struct operation *operation)
{
    struct operation_frame *self = operation->context;
    struct task *task = frame_task(&self->base);
    self->operation = NULL;
    task_resolve(task, outcome_of(task->job, self->base.node, &operation->answer));
    operation_free(operation);
}

static void progressed(struct operation *operation, double fraction, const char *message)
{
    struct operation_frame *self = operation->context;
    job_report_progress(frame_task(&self->base)->job, fraction, message);
}

struct action operation_begin(struct task *task, struct frame *frame, struct operation *operation)
{
    struct operation_frame *self = (struct operation_frame *)frame;
    struct host *host = task->job->loop->host;
    self->operation = operation;
    operation->context = self;
    operation->ended = ended;
    operation->progressed = progressed;
    host->begin(host, operation);
    return action_await();
}

void operation_release(struct task *task, struct frame *frame)
{
    struct operation_frame *self = (struct operation_frame *)frame;
    struct host *host = task->job->loop->host;
    if (self->operation)
        host->give_up(host, self->operation);
    self->operation = NULL;
}

bool operation_cancelled(struct task *task, struct frame *frame, struct value *message,
                         struct cancel_walk *walk)
{
    (void)walk;
    operation_release(task, frame);
    task_resolve(task, exception_cancelled(task->job->plan, frame->node, message));
    return true;
}
