/* Deadlines of running jobs that are moved from outside: Timeout.reschedule(), as a callback of the
 * job's turn. The job's own deadline is on disk before it is answered. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/runtime_internal.h"
#include "runtime/timeout.h"

static bool has_timeout(const struct plan *plan, const char *name)
{
    if (!name)
        return plan->root == 1;
    for (const struct label *l = plan->labels; l; l = l->next)
        if (strcmp(l->name, name) == 0 && strcmp(plan->nodes[l->node].shape->name, "timeout") == 0)
            return true;
    return false;
}

static void deliver_stored(struct loop *loop, struct message *message)
{
    struct rescheduling *r = CONTAINER_OF(message, struct rescheduling, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = loop_find(loop, &r->id);
    thread->n_requests--;
    if (r->status == 0 && job && job->phase != JOB_ENDED) {
        job_own_record(job);
        job->record->deadline_at_us = r->record->deadline_at_us;
    }
    task_record_unref(r->record);
    r->done(r, r->status);
}

/* [writer] */
static void deadline_stored(struct store_request *request, int status)
{
    struct rescheduling *r = CONTAINER_OF(request, struct rescheduling, request);
    r->status = status;
    r->message.handle = deliver_stored;
    loop_thread_post(r->thread, &r->message);
}

static void store_deadline(struct rescheduling *r, struct job *job, struct deadline deadline)
{
    struct host *host = job->loop->host;
    r->record = memory_need(task_record_new());
    r->record->id = r->id;
    r->record->deadline_at_us = r->at_us;
    if (!r->at_us)
        r->record->deadline_at_us =
            deadline.due == INT64_MAX
                ? DEADLINE_NEVER
                : host->wall_us(host) + (deadline.due - host->now_ns(host)) / 1000;
    r->request = (struct store_request){
        .verb = STORE_RESCHEDULE, .record = r->record, .done = deadline_stored};
    r->thread->n_requests++;
    loop_thread_queue_request(r->thread, &r->request);
}

/* A named one that was moved is on disk with the job's journal. */
static void has_moved(struct held *held)
{
    struct rescheduling *r = CONTAINER_OF(held, struct rescheduling, held);
    r->done(r, 0);
}

static void reschedule_now(struct job_call *call, struct job *job)
{
    struct rescheduling *r = CONTAINER_OF(call, struct rescheduling, call);
    struct timeout_frame *timeout = job ? timeout_find(job, r->name) : NULL;
    struct deadline deadline = {0};
    if (job)
        deadline = r->at_us ? timeout_at(job, r->at_us) : timeout_after(job, r->seconds);
    if (!timeout || !timeout_reschedule(timeout, deadline)) {
        r->done(r, !job || has_timeout(job->plan, r->name) ? -ERROR_CONFLICT : -ERROR_INVALID);
        return;
    }
    r->held.release = has_moved;
    if (r->name)
        job_hold(job, &r->held);
    else
        store_deadline(r, job, deadline);
}

static void handle_rescheduling(struct loop *loop, struct message *message)
{
    struct rescheduling *r = CONTAINER_OF(message, struct rescheduling, message);
    struct job *job = loop_find(loop, &r->id);
    r->thread = loop_thread_of(loop);
    if (!job || job->phase == JOB_ENDED || r->thread->is_draining) {
        r->done(r, job && job->phase != JOB_ENDED ? -ERROR_DRAINING : -ERROR_NOT_FOUND);
        return;
    }
    if (job->is_pending) {
        r->done(r, has_timeout(job->plan, r->name) ? -ERROR_CONFLICT : -ERROR_INVALID);
        return;
    }
    r->call.call = reschedule_now;
    journal_rescheduled(job, r->name, r->seconds, r->at_us);
    job_call_soon(job, &r->call);
}

static void route_rescheduling(struct loop *loop, struct message *message)
{
    struct rescheduling *r = CONTAINER_OF(message, struct rescheduling, message);
    runtime_forward(loop_thread_of(loop)->runtime, &r->id, r->loop, message, handle_rescheduling);
}

void runtime_reschedule(struct runtime *runtime, struct rescheduling *rescheduling)
{
    runtime_ask(runtime, &rescheduling->message, route_rescheduling);
}
