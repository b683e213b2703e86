#include "runtime/recover.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/ops/op.h"
#include "runtime/runtime_internal.h"

#define PAGE 1000

/* Each start has its own range of line numbers, so that the order holds without a look into the
 * store. */
#define LOG_SEQ_BITS 32

/* What is left of the task's own timeout; -1 when it has none. */
static double seconds_left(const struct task_record *record, int64_t wall_us)
{
    if (!record->deadline_at_us)
        return TIMEOUT_NONE;
    if (record->deadline_at_us == DEADLINE_NEVER)
        return TIMEOUT_NEVER;
    int64_t left_us = record->deadline_at_us - wall_us;
    return left_us > 0 ? (double)left_us / 1e6 : 0;
}

/* In place of a spec that this version does not know. */
static struct plan *compile_failure(void)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = TIMEOUT_NONE};
    json_t *spec = json_pack("{ssssss}", "op", "raise", "type", "RuntimeError", "message",
                             "this version of the server cannot run the stored spec");
    struct plan *plan = plan_compile(memory_need(spec), &options, &errors);
    json_decref(spec);
    return memory_need(plan);
}

static struct plan *compile(const struct task_record *record, double timeout)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = timeout};
    struct plan *plan = plan_compile_packed(record->spec, &options, &errors);
    if (!plan)
        log_line(LOG_ERROR, "a stored task cannot be run: %s: %s", errors.items[0].pointer,
                 errors.items[0].detail);
    error_list_release(&errors);
    return plan ? plan : compile_failure();
}

static void note_in_log(struct job *job)
{
    char text[120];
    snprintf(
        text, sizeof text,
        "the server stopped before this task ended; it runs again from its beginning (start %u)",
        job->record->starts);
    job->log_seq = (int64_t)(job->record->starts - 1) << LOG_SEQ_BITS;
    job_say(job, "warning", "awaitd", "", text);
}

static struct value *cancel_message_of(const struct task_record *record)
{
    const char *text = record->cancel_message;
    return text ? memory_need(value_from_string(text, strlen(text))) : NULL;
}

/* The request was acknowledged: the job is cancelled before its first step. */
static void repeat_cancellation(struct job *job)
{
    struct value *message = cancel_message_of(job->record);
    task_cancel(job->root, message);
    value_unref(message);
}

/* ---- futures that were set ---- */

/* Along the tasks that have such, beside those that are run again. */
struct stored_futures {
    struct store_reader *reader;
    struct id task; /* the next one, while has_more */
    bool has_more;
};

/* To the first after `after`; NULL: of all. */
static int next_futures(struct stored_futures *stored, const struct id *after, struct error *e)
{
    int status = store_next_futures(stored->reader, after, &stored->task, e);
    stored->has_more = status == 0;
    return status == -ERROR_NOT_FOUND ? 0 : status;
}

static void set_again(void *context, const struct future_record *record)
{
    struct job *job = context;
    const struct future_name *future = plan_find_future(job->plan, record->name);
    if (future)
        future_set(job, future->index, record);
}

static int set_futures(struct stored_futures *stored, struct job *job, const struct id *id,
                       struct error *e)
{
    int status = 0;
    while (status == 0 && stored->has_more && id_compare(&stored->task, id) < 0) {
        struct id former = stored->task;
        status = next_futures(stored, &former, e);
    }
    if (status == 0 && stored->has_more && id_compare(&stored->task, id) == 0)
        status = store_read_futures(stored->reader, id, set_again, job, e);
    return status;
}

/* ---- jobs ---- */

/* A task that has not begun yet. Takes the record. */
static int await_again(struct loop_thread *thread, struct task_record *record,
                       struct stored_futures *futures, struct error *e)
{
    double timeout = record->has_timeout ? record->timeout : TIMEOUT_NONE;
    struct job *job = job_new(&thread->loop, compile(record, timeout), record, false);
    free(record->spec); /* the store has it */
    record->spec = NULL;
    loop_thread_put_off(job);
    loop_thread_adopt(thread, job);
    if (record->cancel_requested_at_us)
        loop_thread_cancel_pending(job, cancel_message_of(record));
    else
        loop_thread_await_start(job);
    return set_futures(futures, job, &record->id, e);
}

/* On the loop that it was on, or on the main one when there is no such loop any more. Takes the
 * record. */
static int run_again(struct runtime *runtime, struct task_record *record,
                     struct stored_futures *futures, struct error *e)
{
    struct loop_thread *thread = runtime_find_loop(runtime, record->loop);
    if (!thread)
        thread = runtime->main;
    if (record->state == TASK_PENDING)
        return await_again(thread, record, futures, e);
    struct host *host = thread->loop.host;
    int64_t wall_us = host->wall_us(host);
    double timeout = seconds_left(record, wall_us);
    struct job *job = job_new(&thread->loop, compile(record, timeout), record, false);
    job->started_ns -=
        (wall_us - record->started_at_us) * 1000; /* times count from its first start */
    loop_thread_adopt(thread, job);
    note_in_log(job);
    if (record->cancel_requested_at_us)
        repeat_cancellation(job);
    return set_futures(futures, job, &record->id, e);
}

/* All of the page are taken. */
static int run_page_again(struct runtime *runtime, struct task_record **page, size_t n,
                          struct stored_futures *futures, struct error *e)
{
    int status = 0;
    for (size_t i = 0; i < n; i++)
        if (status == 0)
            status = run_again(runtime, page[i], futures, e);
        else
            task_record_unref(page[i]);
    return status;
}

int runtime_recover(struct runtime *runtime, struct error *e)
{
    struct task_record *page[PAGE];
    struct store_reader *reader;
    struct id last;
    size_t n = 0, n_all = 0;
    int status = store_reader_open(&reader, runtime->store, e);
    if (status < 0)
        return status;
    struct stored_futures futures = {.reader = reader};
    status = next_futures(&futures, NULL, e);
    do {
        if (status == 0)
            status = store_read_open(reader, n_all ? &last : NULL, PAGE, page, &n, e);
        if (status == 0 && n > 0) {
            last = page[n - 1]->id;
            n_all += n;
            status = run_page_again(runtime, page, n, &futures, e);
        }
    } while (status == 0 && n == PAGE);
    store_reader_close(reader);
    if (n_all)
        log_line(LOG_INFO, "run again, since they had not ended: %zu task%s", n_all,
                 n_all == 1 ? "" : "s");
    return status;
}
