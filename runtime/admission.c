/* A job's way through the store: its submission, the lines of its log, its end. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/base/reserve.h"
#include "runtime/runtime_internal.h"

/* ---- the end ---- */

static void forget_job(struct loop_thread *thread, struct job *job)
{
    if (job->has_progress)
        progress_drop(&thread->runtime->progress, &job->record->id);
    loop_remove(&thread->loop, job);
    job_free(job);
}

/* Before anybody is told of its end, so that his next submission is not one too many. */
static void leave_place(struct loop_thread *thread)
{
    atomic_fetch_sub_explicit(&thread->n_open, 1, memory_order_relaxed);
    runtime_leave_place(thread->runtime);
}

/* The FINISH of a job on its way through the writer and back. */
struct ending {
    struct store_request request;
    struct message message;
    struct loop_thread *thread;
    struct job *job;
    int status;
};

/* The end is on disk, or (ended: NULL) will not be. */
static void tell_end(struct loop_thread *thread, struct job *job, struct task_record *ended)
{
    leave_place(thread);
    atomic_fetch_add_explicit(&thread->runtime->n_finished, 1, memory_order_relaxed);
    if (ended)
        groups_tell_end(thread->runtime, ended);
    loop_thread_answer_waiters(thread, job, ended);
    loop_thread_tell_followers(job, false);
    if (job->n_requests == 0)
        forget_job(thread, job);
}

static void handle_ending(struct loop *loop, struct message *message)
{
    struct ending *ending = CONTAINER_OF(message, struct ending, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = ending->job;
    thread->n_requests--;
    job->n_requests--;
    tell_end(thread, job, ending->status == 0 ? job->record : NULL);
    task_record_unref(ending->request.record);
    free(ending);
}

/* [writer] */
static void ending_stored(struct store_request *request, int status)
{
    struct ending *ending = CONTAINER_OF(request, struct ending, request);
    ending->status = status;
    ending->message.handle = handle_ending;
    loop_thread_post(ending->thread, &ending->message);
}

static void job_ended(void *context, struct job *job)
{
    struct loop_thread *thread = context;
    /* Not at the store yet: one request for both. But the lines of its log come before its end. */
    if (job->insertion && job->log_seq == 0) {
        job->insertion->ended = task_record_ref(job_finish_record(job));
        return;
    }
    struct ending *ending = memory_new_zeroed(1, sizeof *ending);
    ending->thread = thread;
    ending->job = job;
    ending->request = (struct store_request){.verb = STORE_FINISH,
                                             .record = task_record_ref(job_finish_record(job)),
                                             .done = ending_stored};
    job->n_requests++;
    thread->n_requests++;
    loop_thread_queue_request(thread, &ending->request);
}

/* ---- the log ---- */

/* What processes print is read no faster than the disk takes it, or it would fill the memory. */
#define LINES_MOST (16 << 20)

/* A line on its way through the writer and back. */
struct log_request {
    struct store_request request;
    struct message message;
    struct loop_thread *thread;
    size_t size; /* of all this */
    char texts[];
};

static void handle_line(struct loop *loop, struct message *message)
{
    struct log_request *line = CONTAINER_OF(message, struct log_request, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = loop_find(loop, &line->request.entry.task);
    thread->line_bytes -= line->size;
    if (thread->line_bytes < LINES_MOST / 2)
        host_uv_hold_output(thread->host, false);
    if (job) {
        job->stored_line = line->request.entry.seq;
        loop_thread_tell_followers(job, true);
    }
    free(line);
}

/* [writer] */
static void line_stored(struct store_request *request, int status)
{
    struct log_request *line = CONTAINER_OF(request, struct log_request, request);
    (void)status; /* only a task that is gone refuses a line */
    line->message.handle = handle_line;
    loop_thread_post(line->thread, &line->message);
}

static void job_logged(void *context, struct job *job, const struct log_entry *entry)
{
    struct loop_thread *thread = context;
    size_t message_size = strlen(entry->message) + 1, path_size = strlen(entry->path) + 1;
    size_t size = sizeof(struct log_request) + message_size + path_size;
    struct log_request *line = memory_new(size);
    (void)job;
    line->thread = thread;
    line->size = size;
    line->request = (struct store_request){.verb = STORE_LOG, .entry = *entry, .done = line_stored};
    line->request.entry.message = memcpy(line->texts, entry->message, message_size);
    line->request.entry.path = memcpy(line->texts + message_size, entry->path, path_size);
    loop_thread_queue_request(thread, &line->request);
    thread->line_bytes += size;
    if (thread->line_bytes > LINES_MOST)
        host_uv_hold_output(thread->host, true);
}

static void job_progressed(void *context, struct job *job, double fraction, const char *message)
{
    struct loop_thread *thread = context;
    progress_put(&thread->runtime->progress, &job->record->id, fraction, message);
}

const struct loop_events loop_thread_events = {job_logged, job_ended, loop_thread_report_unhandled,
                                               loop_thread_report_slow, job_progressed};

/* ---- the submission ---- */

/* The INSERT of a job on its way through the writer and back. */
struct admission {
    struct store_request request;
    struct message message;
    struct loop_thread *thread;
    struct job *job;
    struct submission *submission;
    int status;
};

static void job_is_stored(struct loop_thread *thread, struct job *job)
{
    job->is_stored = true;
    if (atomic_load(&job->record->refs) == 1) { /* the store has it now */
        free(job->record->spec);
        job->record->spec = NULL;
    }
    if (job->is_pending) {
        job->is_held = false;
        loop_thread_await_start(job);
    } else if (job->is_held)
        loop_resume(job);
    job_release_held(job);
    loop_thread_answer_overdue(thread, job);
}

/* The store had no room, or the same request came before: the job never was. */
static void job_is_refused(struct loop_thread *thread, struct job *job)
{
    loop_thread_drop_waiters(thread, job);
    groups_tell_refusal(thread->runtime, job->record);
    if (job->n_requests == 0) {
        leave_place(thread);
        forget_job(thread, job);
    } else
        job->is_held = true; /* its end is on its way to the writer, and will be refused too */
}

static void handle_admission(struct loop *loop, struct message *message)
{
    struct admission *admission = CONTAINER_OF(message, struct admission, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = admission->job;
    struct task_record *ended = admission->request.ended;
    thread->n_requests--;
    job->n_requests--;
    task_record_unref(admission->request.record);
    if (admission->status == 0) {
        job_is_stored(thread, job);
        if (ended)
            tell_end(thread, job, ended);
    } else {
        job_is_refused(thread, job);
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
    loop_thread_post(admission->thread, &admission->message);
}

/* What it does in further rounds comes to the disk by itself, maybe before its journal may: so it
 * waits. */
void loop_thread_insertion_leaves(struct store_request *request)
{
    struct job *job = CONTAINER_OF(request, struct admission, request)->job;
    job->insertion = NULL;
    if (job->phase != JOB_ENDED)
        loop_hold(job);
}

static void add_job(struct loop_thread *thread, struct job *job)
{
    loop_add(&thread->loop, job);
    atomic_fetch_add_explicit(&thread->n_open, 1, memory_order_relaxed);
}

void loop_thread_adopt(struct loop_thread *thread, struct job *job)
{
    atomic_fetch_add(&thread->runtime->n_open, 1); /* also when they are too many */
    job->is_stored = true;
    add_job(thread, job);
}

static void admit(struct loop_thread *thread, struct submission *submission)
{
    struct admission *admission = memory_new_zeroed(1, sizeof *admission);
    struct loop *loop = &thread->loop;
    struct task_record *record = submission->record;
    record->starts = 1;
    if (submission->is_later)
        loop_thread_note_pending(loop, record, submission->delay);
    struct job *job = job_new(loop, submission->plan, record, submission->is_held);
    if (submission->is_later)
        loop_thread_put_off(job);
    else
        loop_thread_note_start(job);
    add_job(thread, job);
    job->n_requests = 1;
    thread->n_requests++;
    *admission = (struct admission){.thread = thread, .job = job, .submission = submission};
    admission->request = (struct store_request){
        .verb = STORE_INSERT, .record = task_record_ref(record), .done = admission_stored};
    if (submission->key) {
        admission->request.key = submission->key;
        submission->write_answer(submission);
    }
    job->insertion = &admission->request;
    loop_thread_queue_request(thread, &admission->request);
    if (submission->waiter) {
        submission->waiter->id = record->id;
        loop_thread_add_waiter(thread, job, submission->waiter);
    }
    atomic_fetch_add_explicit(&thread->runtime->n_submitted, 1, memory_order_relaxed);
}

static void handle_submission(struct loop *loop, struct message *message)
{
    admit(loop_thread_of(loop), CONTAINER_OF(message, struct submission, message));
}

/* ---- which loop it goes to ---- */

/* Jobs that name no loop are spread over those of --loops. It is noted in the record, so that
 * whoever asks for the task later, and the next start, find it: NULL is the main one. */
static struct loop_thread *spread(struct runtime *runtime, struct task_record *record)
{
    runtime->n_last = (runtime->n_last + 1) % runtime->options.n_loops;
    struct loop_thread *thread = runtime->threads[runtime->n_last];
    if (thread != runtime->main)
        record->loop = memory_text(thread->name);
    return thread;
}

static struct loop_thread *choose_loop(struct runtime *runtime, struct task_record *record)
{
    if (!record->loop)
        return spread(runtime, record);
    struct loop_thread *thread = runtime_find_loop(runtime, record->loop);
    if (thread == runtime->main) {
        free(record->loop);
        record->loop = NULL;
    }
    return thread && thread->state == LOOP_OPEN ? thread : NULL;
}

static int place(struct runtime *runtime, struct submission *submission)
{
    if (runtime->main->is_draining)
        return -ERROR_DRAINING;
    if (runtime->safe_mode != SAFE_MODE_OFF)
        return -ERROR_SAFE_MODE;
    if (reserve_is_short())
        return -ERROR_NO_MEMORY;
    if (submission->record->has_group &&
        !groups_may_add(runtime, submission->record, &submission->group))
        return -ERROR_CONFLICT;
    struct loop_thread *thread = choose_loop(runtime, submission->record);
    if (!thread)
        return -ERROR_NOT_FOUND;
    if (!runtime_take_place(runtime))
        return -ERROR_TOO_MANY;
    submission->is_later =
        loop_thread_is_for_later(&thread->loop, submission->record, submission->delay);
    if (submission->record->has_group)
        groups_add(runtime, submission->record, thread, submission->is_later);
    thread->n_submitted++;
    submission->message.handle = handle_submission;
    if (thread == runtime->main)
        admit(thread, submission);
    else
        loop_thread_post(thread, &submission->message);
    return 0;
}

static void route_submission(struct loop *loop, struct message *message)
{
    struct submission *submission = CONTAINER_OF(message, struct submission, message);
    int status = place(loop_thread_of(loop)->runtime, submission);
    if (status == 0)
        return;
    plan_unref(submission->plan);
    task_record_unref(submission->record);
    submission->done(submission, status);
}

void runtime_submit(struct runtime *runtime, struct submission *submission)
{
    runtime_ask(runtime, &submission->message, route_submission);
}
