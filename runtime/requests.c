/* What is asked of a running job from outside: cancellation, and a look. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/runtime_internal.h"

/* ---- cancellation ---- */

/* An end is on disk soon, unless there is no room. */
#define END_WAIT_NS 10000000000

/* The first one is on disk with the task; any other with the job's journal. */
static bool is_first(const struct job *job)
{
    return job->record->cancel_requested_at_us == 0;
}

static void note_request(struct job *job, const struct cancellation *c)
{
    job_own_record(job);
    job->record->cancel_requested_at_us = c->at_us;
    if (c->text)
        job->record->cancel_message = memory_text(c->text);
}

static void is_kept(struct held *held)
{
    struct cancellation *c = CONTAINER_OF(held, struct cancellation, held);
    c->done(c, 0);
}

static void ask_job(struct job *job, struct cancellation *c)
{
    bool is_one_more = !is_first(job);
    struct value *text = c->text ? memory_need(value_from_string(c->text, strlen(c->text))) : NULL;
    if (!is_one_more)
        note_request(job, c);
    loop_thread_cancel_job(job, text);
    c->held.release = is_kept;
    if (is_one_more)
        job_hold(job, &c->held);
    else
        c->done(c, 0);
}

/* It is on disk: now it is asked of the job, if that still runs. */
static void deliver_cancellation(struct loop *loop, struct message *message)
{
    struct cancellation *c = CONTAINER_OF(message, struct cancellation, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = loop_find(loop, &c->id);
    thread->n_requests--;
    task_record_unref(c->record);
    if (c->status == 0 && job && job->phase != JOB_ENDED)
        ask_job(job, c);
    else
        c->done(c, c->status == -ERROR_CONFLICT ? -ERROR_NOT_FOUND : c->status); /* it has ended */
}

/* [writer] */
static void cancellation_stored(struct store_request *request, int status)
{
    struct cancellation *c = CONTAINER_OF(request, struct cancellation, request);
    c->status = status;
    c->message.handle = deliver_cancellation;
    loop_thread_post(c->thread, &c->message);
}

static void store_cancellation(struct loop_thread *thread, struct cancellation *c)
{
    struct host *host = thread->loop.host;
    c->thread = thread;
    c->record = memory_need(task_record_new());
    c->record->id = c->id;
    c->at_us = c->record->cancel_requested_at_us = host->wall_us(host);
    c->record->cancel_message = c->text ? memory_text(c->text) : NULL;
    c->request = (struct store_request){
        .verb = STORE_CANCEL, .record = c->record, .done = cancellation_stored};
    thread->n_requests++;
    loop_thread_queue_request(thread, &c->request);
}

/* The end that it came too late for is on disk. */
static void came_too_late(struct waiter *waiter, struct task_record *ended)
{
    struct cancellation *c = CONTAINER_OF(waiter, struct cancellation, waiter);
    (void)ended;
    c->done(c, -ERROR_NOT_FOUND);
}

static void handle_cancellation(struct loop *loop, struct message *message)
{
    struct cancellation *c = CONTAINER_OF(message, struct cancellation, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = loop_find(loop, &c->id);
    if (job && job->phase == JOB_ENDED && !thread->is_draining) {
        c->waiter = (struct waiter){.id = c->id, .wait_ns = END_WAIT_NS, .done = came_too_late};
        loop_thread_add_waiter(thread, job, &c->waiter);
        return;
    }
    if (!job || job->phase == JOB_ENDED)
        c->done(c, -ERROR_NOT_FOUND);
    else
        store_cancellation(thread, c);
}

static void route_cancellation(struct loop *loop, struct message *message)
{
    struct cancellation *c = CONTAINER_OF(message, struct cancellation, message);
    struct runtime *runtime = loop_thread_of(loop)->runtime;
    if (runtime->safe_mode == SAFE_MODE_ENDING) {
        chain_add(&runtime->held, &message->node);
    } else if (runtime->safe_mode == SAFE_MODE_ON)
        store_cancellation(runtime->main, c); /* for when the job runs, if there is one */
    else
        runtime_forward(runtime, &c->id, c->loop, message, handle_cancellation);
}

void runtime_cancel_on(struct loop_thread *thread, struct cancellation *cancellation)
{
    cancellation->thread = thread;
    cancellation->message.handle = handle_cancellation;
    loop_thread_post(thread, &cancellation->message);
}

void runtime_cancel(struct runtime *runtime, struct cancellation *cancellation)
{
    runtime_ask(runtime, &cancellation->message, route_cancellation);
}

/* ---- a look ---- */

static void handle_look(struct loop *loop, struct message *message)
{
    struct look *look = CONTAINER_OF(message, struct look, message);
    struct job *job = loop_find(loop, &look->id);
    if (!job || job->phase == JOB_ENDED) {
        look->done(look, -ERROR_NOT_FOUND);
        return;
    }
    look->plan = plan_ref(job->plan);
    job_write_trace(job, &look->trace);
    job_write_tasks(job, &look->tasks);
    futures_write(job, &look->futures);
    look->done(look, 0);
}

static void route_look(struct loop *loop, struct message *message)
{
    struct look *look = CONTAINER_OF(message, struct look, message);
    runtime_forward(loop_thread_of(loop)->runtime, &look->id, look->loop, message, handle_look);
}

void runtime_look(struct runtime *runtime, struct look *look)
{
    runtime_ask(runtime, &look->message, route_look);
}
