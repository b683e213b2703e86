#include "runtime/ops/operation.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
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
    journal_answered(task, operation);
    self->operation = NULL;
    task_resolve(task, outcome_of(task->job, self->base.node, &operation->answer));
    operation_free(operation);
}

static void progressed(struct operation *operation, double fraction, const char *message)
{
    struct operation_frame *self = operation->context;
    job_report_progress(frame_task(&self->base)->job, fraction, message);
}

/* On disk is all that led to it; or the server stopped while it was under way. */
static void begin(struct leaf *leaf)
{
    struct operation *operation = CONTAINER_OF(leaf, struct operation, leaf);
    struct host *host = leaf->task->job->loop->host;
    if (!leaf->has_crashed) {
        host->begin(host, operation);
        return;
    }
    operation->answer.type = memory_text(CRASHED_ERROR);
    operation->answer.text = memory_text(CRASHED_MESSAGE);
    operation->answer.size = strlen(CRASHED_MESSAGE);
    ended(operation);
}

struct action operation_begin(struct task *task, struct frame *frame, struct operation *operation)
{
    struct operation_frame *self = (struct operation_frame *)frame;
    self->operation = operation;
    operation->context = self;
    operation->ended = ended;
    operation->progressed = progressed;
    operation->leaf.begin = begin;
    leaf_begin(&operation->leaf, task);
    return action_await();
}

void operation_release(struct task *task, struct frame *frame)
{
    struct operation_frame *self = (struct operation_frame *)frame;
    struct host *host = task->job->loop->host;
    struct operation *operation = self->operation;
    self->operation = NULL;
    if (!operation)
        return;
    if (leaf_drop(&operation->leaf))
        operation_free(operation);
    else
        host->give_up(host, operation);
}

bool operation_cancelled(struct task *task, struct frame *frame, struct value *message,
                         struct cancel_walk *walk)
{
    (void)walk;
    operation_release(task, frame);
    task_resolve(task, exception_cancelled(task->job->plan, frame->node, message));
    return true;
}

bool operation_replayed(struct task *task, struct frame *frame, const struct journal_entry *entry)
{
    struct operation *operation = ((struct operation_frame *)frame)->operation;
    (void)task;
    if (!operation)
        return false;
    if (entry->kind != ENTRY_ANSWERED)
        return leaf_replay(&operation->leaf, entry);
    leaf_drop(&operation->leaf);
    operation->answer =
        (struct answer){entry_text_copy(&entry->texts[0]), entry_text_copy(&entry->texts[1]),
                        entry->texts[1].size, entry_text_copy(&entry->texts[2])};
    ended(operation);
    return true;
}
