/* How a job's end is told: from the outcome to the record. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"

void job_own_record(struct job *job)
{
    struct task_record *old = job->record;
    if (atomic_load(&old->refs) == 1)
        return;
    job->record = memory_need(task_record_copy(old));
    task_record_unref(old);
}

static char *text_of(const struct value *outcome)
{
    struct buffer text = {0};
    if (value_is_exception(outcome))
        exception_write(&text, outcome);
    else
        value_write(&text, outcome);
    return memory_need(buffer_take(&text));
}

static char *unhandled_of(const struct job *job)
{
    struct buffer text = {0};
    buffer_char(&text, '[');
    for (size_t i = 0; i < job->n_unhandled; i++) {
        if (i)
            buffer_char(&text, ',');
        exception_write(&text, job->unhandled[i]);
    }
    if (job->n_unhandled_more)
        buffer_format(&text,
                      "%s{\"type\":\"ResultTooLarge\",\"message\":\"%zu more errors do not fit\","
                      "\"path\":\"\"}",
                      job->n_unhandled ? "," : "", job->n_unhandled_more);
    buffer_char(&text, ']');
    return memory_need(buffer_take(&text));
}

struct task_record *job_finish_record(struct job *job)
{
    job_own_record(job);
    struct task_record *record = job->record;
    struct host *host = job->loop->host;
    job->outcome = job_limit_result(job, job->plan->root, job->outcome);
    record->state = outcome_state(job->outcome);
    record->has_futures = job->plan->n_futures > 0;
    record->has_journal = job->journal && job->journal->n_rows > 0;
    record->finished_at_us = host->wall_us(host);
    char **text = value_is_exception(job->outcome) ? &record->error : &record->result;
    *text = text_of(job->outcome);
    if (job->n_unhandled || job->n_unhandled_more)
        record->unhandled = unhandled_of(job);
    if (job->runs) {
        struct buffer trace = {0};
        job_write_trace(job, &trace);
        record->trace_size = trace.size;
        record->trace = buffer_take(&trace);
    }
    return record;
}
