/* What would be too much for one job is an error that it can catch. */
#include <stdio.h>

#include "runtime/exception.h"
#include "runtime/job.h"
#include "runtime/loop.h"

static struct value *too_large(struct job *job, uint32_t node, const char *text)
{
    return exception_new(job->plan, node,
                         &(struct exception_parts){.type = "ResultTooLarge", .message = text});
}

struct value *job_refuse_size(struct job *job, uint32_t node, size_t size)
{
    char text[120];
    if (size <= job->loop->max_result)
        return NULL;
    snprintf(text, sizeof text, "the result has %zu bytes, more than the limit of %zu", size,
             job->loop->max_result);
    return too_large(job, node, text);
}

struct value *job_limit_result(struct job *job, uint32_t node, struct value *list)
{
    char text[120];
    struct value *refusal = job_refuse_size(job, node, list->size);
    if (!refusal && list->depth > VALUE_DEPTH_MAX) {
        snprintf(text, sizeof text, "the result is nested more than %d deep", VALUE_DEPTH_MAX);
        refusal = too_large(job, node, text);
    }
    if (!refusal)
        return list;
    value_unref(list);
    return refusal;
}

struct value *job_refuse_tasks(struct job *job, uint32_t node, size_t n)
{
    char text[120];
    if (n <= JOB_TASKS_MAX && job->n_tasks <= JOB_TASKS_MAX - n)
        return NULL;
    snprintf(text, sizeof text, "a job has at most %d tasks at a time", JOB_TASKS_MAX);
    return exception_new(job->plan, node,
                         &(struct exception_parts){.type = "RuntimeError", .message = text});
}
