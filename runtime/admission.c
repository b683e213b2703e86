/* A job's way through the store: its submission, the lines of its log, its end. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"

/* ---- the end ---- */

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

/* The end is on disk, or (ended: NULL) will not be. */
static void tell_end(struct runtime *runtime, struct job *job, struct task_record *ended)
{
    runtime_answer_waiters(runtime, job, ended);
    atomic_fetch_add_explicit(&runtime->n_finished, 1, memory_order_relaxed);
    if (job->n_requests == 0)
        forget_job(runtime, job);
}

static void handle_ending(struct loop *loop, struct message *message)
{
    struct ending *ending = CONTAINER_OF(message, struct ending, message);
    struct runtime *runtime = runtime_of(loop);
    struct job *job = ending->job;
    runtime->n_requests--;
    job->n_requests--;
    tell_end(runtime, job, ending->status == 0 ? job->record : NULL);
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
    /* Not at the store yet: one request for both. But the lines of its log come before its end. */
    if (job->insertion && job->log_seq == 0) {
        job->insertion->ended = task_record_ref(job_finish_record(job));
        return;
    }
    struct ending *ending = memory_new_zeroed(1, sizeof *ending);
    ending->runtime = runtime;
    ending->job = job;
    ending->request = (struct store_request){.verb = STORE_FINISH,
                                             .record = task_record_ref(job_finish_record(job)),
                                             .done = ending_stored};
    job->n_requests++;
    runtime->n_requests++;
    runtime_queue_request(runtime, &ending->request);
}

/* ---- the log ---- */

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
    line->request = (struct store_request){.verb = STORE_LOG, .entry = *entry, .done = line_stored};
    line->request.entry.message = memcpy(line->texts, entry->message, message_size);
    line->request.entry.path = memcpy(line->texts + message_size, entry->path, path_size);
    runtime_queue_request(context, &line->request);
}

const struct loop_events runtime_events = {job_logged, job_ended};

/* ---- the submission ---- */

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
    runtime_answer_overdue(runtime, job);
}

/* The store had no room: the job never was. */
static void job_is_refused(struct runtime *runtime, struct job *job)
{
    runtime_drop_waiters(runtime, job);
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
    struct task_record *ended = admission->request.ended;
    runtime->n_requests--;
    job->n_requests--;
    task_record_unref(admission->request.record);
    if (admission->status == 0) {
        job_is_stored(runtime, job);
        if (ended)
            tell_end(runtime, job, ended);
    } else {
        job_is_refused(runtime, job);
        admission->submission->done(admission->submission, admission->status);
    }
    task_record_unref(ended);
    free(admission);
}

/* [writer] The submission may be gone once its done was called. A refusal is told on the loop,
 * which must forget the waiter first, as that goes with the submission. */
static void admission_stored(struct store_request *request, int status)
{
    struct admission *admission = CONTAINER_OF(request, struct admission, request);
    if (status == 0)
        admission->submission->done(admission->submission, 0);
    admission->status = status;
    admission->message.handle = handle_admission;
    runtime_post(admission->runtime, &admission->message);
}

void runtime_insertion_leaves(struct store_request *request)
{
    CONTAINER_OF(request, struct admission, request)->job->insertion = NULL;
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
    job->insertion = &admission->request;
    runtime_queue_request(runtime, &admission->request);
    if (submission->waiter) {
        submission->waiter->id = record->id;
        runtime_add_waiter(runtime, job, submission->waiter);
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
