/* Futures of running jobs that are set from outside: loop.call_soon_threadsafe(future.set_result,
 * …).
 *
 * First it goes to disk, where only one value of each future can be, and then to the job, as a
 * callback of its turn: so what a job has seen is there when it runs again. One that was cancelled
 * meanwhile takes no value any more; what is on disk is taken back before that is answered.
 *
 *   loop ──SET──► writer ──► loop ──callback──► set: 0
 *                                      └── cancelled ──DROP──► writer ──► loop: -CONFLICT
 */
#include "runtime/base/bug.h"
#include "runtime/futures.h"
#include "runtime/journal/journal.h"
#include "runtime/runtime_internal.h"

/* ---- to the store and back ---- */

/* [writer] */
static void stored(struct store_request *store, int status)
{
    struct future_request *r = CONTAINER_OF(store, struct future_request, request);
    r->status = status;
    loop_thread_post(r->thread, &r->message);
}

/* Where `handle` is called once it is on disk. */
static void ask_store(struct future_request *r, enum store_verb verb,
                      void (*handle)(struct loop *loop, struct message *message))
{
    r->message.handle = handle;
    r->request = (struct store_request){.verb = verb, .future = &r->record, .done = stored};
    r->thread->n_requests++;
    loop_thread_queue_request(r->thread, &r->request);
}

/* ---- to the job ---- */

static void deliver_dropped(struct loop *loop, struct message *message)
{
    struct future_request *r = CONTAINER_OF(message, struct future_request, message);
    loop_thread_of(loop)->n_requests--;
    r->done(r, r->status == -ERROR_STORE_UNKNOWN ? r->status : -ERROR_CONFLICT);
}

static void set(struct future_request *r, struct job *job)
{
    if (future_set(job, r->index, &r->record))
        r->done(r, 0);
    else
        ask_store(r, STORE_DROP_FUTURE, deliver_dropped);
}

/* Of a job that is given up because the server stops, the next start reads the value. */
static void set_in_turn(struct job_call *call, struct job *job)
{
    struct future_request *r = CONTAINER_OF(call, struct future_request, call);
    if (job)
        set(r, job);
    else
        r->done(r, r->thread->loop.is_released ? 0 : -ERROR_NOT_FOUND);
}

static void deliver_stored(struct loop *loop, struct message *message)
{
    struct future_request *r = CONTAINER_OF(message, struct future_request, message);
    struct job *job = loop_find(loop, &r->record.task);
    r->thread->n_requests--;
    r->call.call = set_in_turn;
    if (r->status < 0)
        r->done(r, r->status);
    else if (!job || job->phase == JOB_ENDED)
        r->done(r, -ERROR_NOT_FOUND);
    else if (r->thread->is_draining)
        r->done(r, 0); /* there may be no further turn: the next start sets it */
    else if (job->is_pending) {
        loop_thread_keep_future(job, r->index, &r->record);
        r->done(r, 0);
    } else {
        journal_future_set(job, r->index, &r->record);
        job_call_soon(job, &r->call);
    }
}

/* ---- from outside ---- */

static void handle_future(struct loop *loop, struct message *message)
{
    struct future_request *r = CONTAINER_OF(message, struct future_request, message);
    struct job *job = loop_find(loop, &r->record.task);
    const struct future_name *future;
    r->thread = loop_thread_of(loop);
    if (!job || job->phase == JOB_ENDED) {
        r->done(r, -ERROR_NOT_FOUND);
        return;
    }
    if (!(future = plan_find_future(job->plan, r->record.name))) {
        r->done(r, -ERROR_INVALID);
        return;
    }
    r->index = future->index;
    r->is_done =
        future_state(job, r->index) != FUTURE_PENDING || loop_thread_has_future(job, r->index);
    if (r->is_look)
        r->done(r, 0);
    else if (r->is_done || r->thread->is_draining)
        r->done(r, r->is_done ? -ERROR_CONFLICT : -ERROR_DRAINING);
    else
        ask_store(r, STORE_SET_FUTURE, deliver_stored);
}

static void route_future(struct loop *loop, struct message *message)
{
    struct future_request *r = CONTAINER_OF(message, struct future_request, message);
    runtime_forward(loop_thread_of(loop)->runtime, &r->record.task, r->loop, message,
                    handle_future);
}

void runtime_ask_future(struct runtime *runtime, struct future_request *request)
{
    runtime_ask(runtime, &request->message, route_future);
}
