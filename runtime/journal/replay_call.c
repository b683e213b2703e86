#include "runtime/journal/replay_call.h"

#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/timeout.h"

/* Both come once: as a callback, or (job NULL) when the job is given up. */

struct reschedule_call {
    struct job_call call; /* first */
    char *name;
    double seconds;
    int64_t at_us;
};

static void reschedule(struct job_call *call, struct job *job)
{
    struct reschedule_call *asked = (struct reschedule_call *)call;
    struct timeout_frame *timeout = job ? timeout_find(job, asked->name) : NULL;
    struct deadline deadline = {0};
    if (job)
        deadline =
            asked->at_us ? timeout_at(job, asked->at_us) : timeout_after(job, asked->seconds);
    if (timeout)
        timeout_reschedule(timeout, deadline);
    free(asked->name);
    free(asked);
}

void replay_call_reschedule(struct job *job, char *name, double seconds, int64_t at_us)
{
    struct reschedule_call *asked = memory_new(sizeof *asked);
    *asked = (struct reschedule_call){{reschedule}, name, seconds, at_us};
    job_call_soon(job, &asked->call);
}

struct future_call {
    struct job_call call; /* first */
    uint32_t index;
    struct future_record record;
};

static void set_future(struct job_call *call, struct job *job)
{
    struct future_call *asked = (struct future_call *)call;
    if (job)
        future_set(job, asked->index, &asked->record);
    free((char *)asked->record.result);
    free((char *)asked->record.type);
    free((char *)asked->record.message);
    free(asked);
}

void replay_call_set_future(struct job *job, uint32_t index, const struct future_record *record)
{
    struct future_call *asked = memory_new(sizeof *asked);
    *asked = (struct future_call){{set_future}, index, *record};
    job_call_soon(job, &asked->call);
}
