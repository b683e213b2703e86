#include "runtime/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/host_uv.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/recover.h"
#include "runtime/runtime_internal.h"

const struct op_table *runtime_ops(void)
{
    return &op_registry;
}

/* ---- between the threads ---- */

void runtime_post(struct runtime *runtime, struct message *message)
{
    if (mpsc_push(&runtime->inbox, &message->node))
        host_uv_wake(runtime->host);
}

static void handle_inbox(struct runtime *runtime)
{
    struct mpsc_node *node = mpsc_take_all(&runtime->inbox);
    while (node) {
        struct message *message = CONTAINER_OF(node, struct message, node);
        node = node->next;
        message->handle(&runtime->loop, message);
    }
}

/* Requests of one round are handed over together, so that a job that began and ended in it costs one
 * commit. */
static void queue_request(struct runtime *runtime, struct store_request *request)
{
    request->node.next = NULL;
    *runtime->outbox_end = &request->node;
    runtime->outbox_end = &request->node.next;
}

static void flush_outbox(struct runtime *runtime)
{
    struct mpsc_node *node = runtime->outbox;
    runtime->outbox = NULL;
    runtime->outbox_end = &runtime->outbox;
    while (node) {
        struct mpsc_node *next = node->next;
        store_submit(runtime->store, CONTAINER_OF(node, struct store_request, node));
        node = next;
    }
}

/* ---- waiters ---- */

static void answer_waiter(struct waiter *waiter, struct runtime *runtime, struct task_record *ended)
{
    timer_disarm(&runtime->loop.timers, &waiter->timer);
    list_remove(&waiter->link);
    waiter->done(waiter, ended);
}

static void answer_waiters(struct runtime *runtime, struct job *job, struct task_record *ended)
{
    while (!list_is_empty(&job->waiters))
        answer_waiter(CONTAINER_OF(job->waiters.next, struct waiter, link), runtime, ended);
}

static void end_wait(struct waiter *waiter, const struct job *job)
{
    if (job->is_stored)
        answer_waiter(waiter, waiter->runtime, NULL);
    else
        waiter->wait_ns = 0; /* not acknowledged yet: answered when it is */
}

static void wait_is_over(struct timer *timer)
{
    struct waiter *waiter = CONTAINER_OF(timer, struct waiter, timer);
    end_wait(waiter, loop_find(&waiter->runtime->loop, &waiter->id));
}

static void add_waiter(struct runtime *runtime, struct job *job, struct waiter *waiter)
{
    waiter->runtime = runtime;
    waiter->timer = (struct timer){.fire = wait_is_over};
    list_append(&job->waiters, &waiter->link);
    struct host *host = runtime->loop.host;
    timer_arm(&runtime->loop.timers, &waiter->timer, host->now_ns(host) + waiter->wait_ns);
}

static void answer_overdue(struct runtime *runtime, struct job *job)
{
    struct list *next;
    for (struct list *l = job->waiters.next; l != &job->waiters; l = next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        next = l->next;
        if (waiter->wait_ns == 0 || runtime->is_draining)
            answer_waiter(waiter, runtime, NULL);
    }
}

static void handle_wait(struct loop *loop, struct message *message)
{
    struct runtime *runtime = runtime_of(loop);
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    struct job *job = loop_find(loop, &waiter->id);
    list_init(&waiter->link);
    if (job && !runtime->is_draining)
        add_waiter(runtime, job, waiter);
    else
        waiter->done(waiter, NULL);
}

void runtime_wait(struct runtime *runtime, struct waiter *waiter)
{
    waiter->message.handle = handle_wait;
    runtime_post(runtime, &waiter->message);
}

struct giving_up {
    struct message message;
    struct id id;
    uint64_t ticket;
};

static void handle_giving_up(struct loop *loop, struct message *message)
{
    struct giving_up *asked = CONTAINER_OF(message, struct giving_up, message);
    struct job *job = loop_find(loop, &asked->id);
    for (struct list *l = job ? job->waiters.next : NULL; l && l != &job->waiters; l = l->next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        if (waiter->ticket == asked->ticket) {
            end_wait(waiter, job);
            break;
        }
    }
    free(asked);
}

void runtime_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket)
{
    struct giving_up *asked = malloc(sizeof *asked);
    if (!asked)
        return; /* the wait then ends by its time */
    *asked = (struct giving_up){{.handle = handle_giving_up}, *id, ticket};
    runtime_post(runtime, &asked->message);
}

/* ---- a job's end ---- */

static void forget_job(struct runtime *runtime, struct job *job)
{
    loop_remove(&runtime->loop, job);
    job_free(job);
    atomic_store_explicit(&runtime->n_open, runtime->loop.n_jobs, memory_order_relaxed);
}

/* The FINISH of a job on its way through the writer and back. */
struct ending {
    struct store_request request;
    struct message message;
    struct runtime *runtime;
    struct job *job;
    int status;
};

static void handle_ending(struct loop *loop, struct message *message)
{
    struct ending *ending = CONTAINER_OF(message, struct ending, message);
    struct runtime *runtime = runtime_of(loop);
    struct job *job = ending->job;
    runtime->n_requests--;
    answer_waiters(runtime, job, ending->status == 0 ? job->record : NULL);
    atomic_fetch_add_explicit(&runtime->n_finished, 1, memory_order_relaxed);
    if (--job->n_requests == 0)
        forget_job(runtime, job);
    task_record_unref(ending->request.record);
    free(ending);
}

/* [writer] */
static void ending_stored(struct store_request *request, int status)
{
    struct ending *ending = CONTAINER_OF(request, struct ending, request);
    ending->status = status;
    ending->message.handle = handle_ending;
    runtime_post(ending->runtime, &ending->message);
}

static void job_ended(void *context, struct job *job)
{
    struct runtime *runtime = context;
    struct ending *ending = memory_new_zeroed(1, sizeof *ending);
    ending->runtime = runtime;
    ending->job = job;
    ending->request = (struct store_request){.verb = STORE_FINISH,
                                             .record = task_record_ref(job_finish_record(job)),
                                             .done = ending_stored};
    job->n_requests++;
    runtime->n_requests++;
    queue_request(runtime, &ending->request);
}

/* ---- a job's log ---- */

struct log_request {
    struct store_request request;
    char texts[];
};

/* [writer] */
static void line_stored(struct store_request *request, int status)
{
    (void)status; /* only a task that is gone refuses a line */
    free(CONTAINER_OF(request, struct log_request, request));
}

static void job_logged(void *context, struct job *job, const struct log_entry *entry)
{
    size_t message_size = strlen(entry->message) + 1, path_size = strlen(entry->path) + 1;
    struct log_request *line = memory_new(sizeof *line + message_size + path_size);
    (void)job;
    line->request = (struct store_request){
        .verb = STORE_LOG, .entry = *entry, .done = line_stored};
    line->request.entry.message = memcpy(line->texts, entry->message, message_size);
    line->request.entry.path = memcpy(line->texts + message_size, entry->path, path_size);
    queue_request(context, &line->request);
}

static const struct loop_events events = {job_logged, job_ended};

/* ---- submissions ---- */

/* The INSERT of a job on its way through the writer and back. */
struct admission {
    struct store_request request;
    struct message message;
    struct runtime *runtime;
    struct job *job;
    struct submission *submission;
    int status;
};

static void job_is_stored(struct runtime *runtime, struct job *job)
{
    job->is_stored = true;
    if (atomic_load(&job->record->refs) == 1) { /* the store has it now */
        free(job->record->spec);
        job->record->spec = NULL;
    }
    if (job->is_held) {
        job->is_held = false;
        loop_make_ready(&runtime->loop, job);
    }
    answer_overdue(runtime, job);
}

/* The store had no room: the job never was. */
static void job_is_refused(struct runtime *runtime, struct job *job)
{
    while (!list_is_empty(&job->waiters)) {
        struct waiter *waiter = CONTAINER_OF(job->waiters.next, struct waiter, link);
        timer_disarm(&runtime->loop.timers, &waiter->timer);
        list_remove(&waiter->link);
    }
    if (job->n_requests == 0)
        forget_job(runtime, job);
    else
        job->is_held = true; /* its end is on its way to the writer, and will be refused too */
}

static void handle_admission(struct loop *loop, struct message *message)
{
    struct admission *admission = CONTAINER_OF(message, struct admission, message);
    struct runtime *runtime = runtime_of(loop);
    struct job *job = admission->job;
    int status = admission->status;
    runtime->n_requests--;
    job->n_requests--;
    task_record_unref(admission->request.record);
    free(admission);
    if (status == 0)
        job_is_stored(runtime, job);
    else
        job_is_refused(runtime, job);
}

/* [writer] The submission may be gone once its done was called. */
static void admission_stored(struct store_request *request, int status)
{
    struct admission *admission = CONTAINER_OF(request, struct admission, request);
    admission->submission->done(admission->submission, status);
    admission->status = status;
    admission->message.handle = handle_admission;
    runtime_post(admission->runtime, &admission->message);
}

static int refusal(const struct runtime *runtime)
{
    if (runtime->is_draining)
        return -ERROR_DRAINING;
    return runtime->loop.n_jobs >= runtime->options.max_open_tasks ? -ERROR_TOO_MANY : 0;
}

static void admit(struct runtime *runtime, struct submission *submission)
{
    struct admission *admission = memory_new_zeroed(1, sizeof *admission);
    struct loop *loop = &runtime->loop;
    struct task_record *record = submission->record;
    record->state = TASK_RUNNING;
    record->starts = 1;
    record->started_at_us = loop->host->wall_us(loop->host);
    struct job *job = job_new(loop, submission->plan, record, submission->plan->has_effects);
    loop_add(loop, job);
    job->n_requests = 1;
    runtime->n_requests++;
    *admission = (struct admission){.runtime = runtime, .job = job, .submission = submission};
    admission->request = (struct store_request){
        .verb = STORE_INSERT, .record = task_record_ref(record), .done = admission_stored};
    queue_request(runtime, &admission->request);
    if (submission->waiter) {
        submission->waiter->id = record->id;
        list_init(&submission->waiter->link);
        add_waiter(runtime, job, submission->waiter);
    }
    atomic_fetch_add_explicit(&runtime->n_submitted, 1, memory_order_relaxed);
    atomic_store_explicit(&runtime->n_open, loop->n_jobs, memory_order_relaxed);
}

static void handle_submission(struct loop *loop, struct message *message)
{
    struct submission *submission = CONTAINER_OF(message, struct submission, message);
    struct runtime *runtime = runtime_of(loop);
    int status = refusal(runtime);
    if (status == 0) {
        admit(runtime, submission);
        return;
    }
    plan_unref(submission->plan);
    task_record_unref(submission->record);
    submission->done(submission, status);
}

void runtime_submit(struct runtime *runtime, struct submission *submission)
{
    submission->message.handle = handle_submission;
    runtime_post(runtime, &submission->message);
}

/* ---- cancellation from outside ---- */

static void note_request(struct job *job, const struct cancellation *c)
{
    if (job->record->cancel_requested_at_us)
        return;
    job_own_record(job);
    job->record->cancel_requested_at_us = c->record->cancel_requested_at_us;
    if (c->text)
        job->record->cancel_message = memory_need(strdup(c->text));
}

static void finish_cancellation(struct cancellation *c, int status)
{
    task_record_unref(c->record);
    c->done(c, status);
}

/* It is on disk: now it is asked of the job, if that still runs. */
static void deliver_cancellation(struct loop *loop, struct message *message)
{
    struct cancellation *c = CONTAINER_OF(message, struct cancellation, message);
    struct runtime *runtime = runtime_of(loop);
    struct job *job = loop_find(loop, &c->id);
    runtime->n_requests--;
    if (c->status == 0 && job && job->phase != JOB_ENDED) {
        note_request(job, c);
        job_request_cancel(job, c->text ? memory_need(value_from_string(c->text, strlen(c->text)))
                                        : NULL);
    }
    finish_cancellation(c, c->status);
}

/* [writer] */
static void cancellation_stored(struct store_request *request, int status)
{
    struct cancellation *c = CONTAINER_OF(request, struct cancellation, request);
    c->status = status;
    c->message.handle = deliver_cancellation;
    runtime_post(c->runtime, &c->message);
}

static void handle_cancellation(struct loop *loop, struct message *message)
{
    struct cancellation *c = CONTAINER_OF(message, struct cancellation, message);
    struct runtime *runtime = runtime_of(loop);
    struct job *job = loop_find(loop, &c->id);
    if (!job || job->phase == JOB_ENDED) {
        c->done(c, -ERROR_NOT_FOUND);
        return;
    }
    c->runtime = runtime;
    c->record = memory_need(task_record_new());
    c->record->id = c->id;
    c->record->cancel_requested_at_us = loop->host->wall_us(loop->host);
    c->record->cancel_message = c->text ? memory_need(strdup(c->text)) : NULL;
    c->request = (struct store_request){
        .verb = STORE_CANCEL, .record = c->record, .done = cancellation_stored};
    runtime->n_requests++;
    queue_request(runtime, &c->request);
}

void runtime_cancel(struct runtime *runtime, struct cancellation *cancellation)
{
    cancellation->message.handle = handle_cancellation;
    runtime_post(runtime, &cancellation->message);
}

/* ---- a look at a running job ---- */

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
    look->done(look, 0);
}

void runtime_look(struct runtime *runtime, struct look *look)
{
    look->message.handle = handle_look;
    runtime_post(runtime, &look->message);
}

/* ---- the thread ---- */

/* After so many turns the store gets what there is, even if jobs are ready to go on. */
#define TURNS_PER_ROUND 16

/* One round: what others asked for, turns, what the store is to keep. When to go on. */
static int64_t run_round(struct runtime *runtime)
{
    int64_t next_ns = 0;
    handle_inbox(runtime);
    for (int i = 0; i < TURNS_PER_ROUND && next_ns == 0; i++)
        next_ns = loop_run(&runtime->loop);
    flush_outbox(runtime);
    return next_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Running leaves get until stop_at_ns; nothing more is started. */
static bool has_drained(struct runtime *runtime)
{
    struct host *host = runtime->loop.host;
    return runtime->stop_at_ns != INT64_MAX &&
           (host_uv_count_processes(runtime->host) == 0 ||
            host->now_ns(host) >= runtime->stop_at_ns);
}

#define TERM_GRACE_NS 1500000000
#define KILL_GRACE_NS 500000000

/* No job gets a turn any more: what a killed process leaves undone is done again at the next start. */
static void end_processes(struct runtime *runtime, int signal, int64_t grace_ns)
{
    struct host *host = runtime->loop.host;
    int64_t until_ns = host->now_ns(host) + grace_ns;
    host_uv_signal_processes(runtime->host, signal);
    while (host_uv_count_processes(runtime->host) && host->now_ns(host) < until_ns)
        host_uv_wait(runtime->host, until_ns);
}

static void settle_requests(struct runtime *runtime)
{
    while (flush_outbox(runtime), runtime->n_requests > 0) {
        host_uv_wait(runtime->host, INT64_MAX);
        handle_inbox(runtime);
    }
}

/* What is asked of a drained runtime is answered until it is closed; no job gets a turn. */
static void refuse_until_closed(struct runtime *runtime)
{
    while (!runtime->is_closing) {
        host_uv_wait(runtime->host, INT64_MAX);
        handle_inbox(runtime);
        flush_outbox(runtime);
    }
}

static void *run_loop(void *context)
{
    struct runtime *runtime = context;
    for (;;) {
        int64_t next_ns = run_round(runtime);
        if (has_drained(runtime))
            break;
        host_uv_wait(runtime->host, earlier(next_ns, runtime->stop_at_ns));
    }
    end_processes(runtime, SIGTERM, TERM_GRACE_NS);
    end_processes(runtime, SIGKILL, KILL_GRACE_NS);
    settle_requests(runtime);
    sem_post(&runtime->drained);
    refuse_until_closed(runtime);
    return NULL;
}

/* ---- the drain ---- */

static void begin_draining(struct runtime *runtime)
{
    struct loop *loop = &runtime->loop;
    runtime->is_draining = true;
    host_uv_hold_processes(runtime->host);
    for (size_t i = 0; i < loop->n_buckets; i++)
        for (struct job *job = loop->table[i]; job; job = job->next)
            if (job->is_stored)
                answer_waiters(runtime, job, NULL);
}

static void handle_refuse(struct loop *loop, struct message *message)
{
    (void)message;
    begin_draining(runtime_of(loop));
}

void runtime_refuse(struct runtime *runtime)
{
    runtime->refuse.handle = handle_refuse;
    runtime_post(runtime, &runtime->refuse);
}

static void handle_drain(struct loop *loop, struct message *message)
{
    struct runtime *runtime = runtime_of(loop);
    (void)message;
    begin_draining(runtime);
    runtime->stop_at_ns = loop->host->now_ns(loop->host) + runtime->grace_ns;
}

void runtime_drain(struct runtime *runtime, int64_t grace_ms)
{
    runtime->grace_ns = grace_ms * 1000000;
    runtime->drain.handle = handle_drain;
    runtime_post(runtime, &runtime->drain);
    while (sem_wait(&runtime->drained) < 0 && errno == EINTR)
        ;
}

static void handle_close(struct loop *loop, struct message *message)
{
    (void)message;
    runtime_of(loop)->is_closing = true;
}

/* ---- life ---- */

static void release(struct runtime *runtime)
{
    loop_release(&runtime->loop);
    host_uv_close(runtime->host);
    sem_destroy(&runtime->drained);
    free(runtime);
}

int runtime_open(struct runtime **out, struct store *store, const struct runtime_options *options,
                 struct error *e)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    runtime->store = store;
    runtime->options = *options;
    runtime->outbox_end = &runtime->outbox;
    runtime->stop_at_ns = INT64_MAX;
    sem_init(&runtime->drained, 0, 0);
    int status = host_uv_open(&runtime->host, e);
    if (status < 0) {
        free(runtime);
        return status;
    }
    loop_init(&runtime->loop, host_uv_port(runtime->host), &events, runtime);
    runtime->loop.max_result = options->max_result_bytes;
    runtime->loop.slice = LOOP_SLICE;
    status = runtime_recover(runtime, e);
    int failure = status == 0 ? pthread_create(&runtime->thread, NULL, run_loop, runtime) : 0;
    if (failure)
        status = error_set(e, ERROR_SYSTEM, "cannot start the loop's thread: %s",
                           strerror(failure));
    if (status < 0)
        release(runtime);
    else
        *out = runtime;
    return status;
}

void runtime_close(struct runtime *runtime)
{
    runtime->close.handle = handle_close;
    runtime_post(runtime, &runtime->close);
    pthread_join(runtime->thread, NULL);
    release(runtime);
}

void runtime_stats(struct runtime *runtime, struct runtime_stats *out)
{
    out->open_tasks = atomic_load_explicit(&runtime->n_open, memory_order_relaxed);
    out->submitted = atomic_load_explicit(&runtime->n_submitted, memory_order_relaxed);
    out->finished = atomic_load_explicit(&runtime->n_finished, memory_order_relaxed);
}
