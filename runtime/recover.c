#include "runtime/recover.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/leaf.h"
#include "runtime/journal/replay.h"
#include "runtime/journal/replay_call.h"
#include "runtime/recover_plan.h"
#include "runtime/quarantine.h"
#include "runtime/runtime_internal.h"
#include "runtime/semaphore.h"

#define PAGE 1000

/* ---- tasks that have more than a row of their own ---- */

/* A walk along them, beside that along those that have not ended. */
struct stored_tasks {
    int (*next)(struct store_reader *reader, const struct id *after, struct id *task,
                struct error *e);
    struct id task; /* the next one, while has_more */
    bool has_more;
};

/* To the first after `after`; NULL: of all. */
static int next_task(struct stored_tasks *tasks, struct store_reader *reader,
                     const struct id *after, struct error *e)
{
    int status = tasks->next(reader, after, &tasks->task, e);
    tasks->has_more = status == 0;
    return status == -ERROR_NOT_FOUND ? 0 : status;
}

/* Up to this task: *is_there: it is one of them. */
static int reach(struct stored_tasks *tasks, struct store_reader *reader, const struct id *id,
                 bool *is_there, struct error *e)
{
    int status = 0;
    while (status == 0 && tasks->has_more && id_compare(&tasks->task, id) < 0) {
        struct id former = tasks->task;
        status = next_task(tasks, reader, &former, e);
    }
    *is_there = status == 0 && tasks->has_more && id_compare(&tasks->task, id) == 0;
    return status;
}

/* ---- journals ---- */

/* A job's rows, one behind the other. */
struct rows {
    struct buffer entries;
    uint32_t n;
};

static void add_row(void *context, const struct journal_row *row)
{
    struct rows *rows = context;
    buffer_add(&rows->entries, row->entries, row->size);
    rows->n = row->n;
}

/* ---- jobs ---- */

/* All that recovery walks along and collects. */
struct recovery {
    struct runtime *runtime;
    struct store_reader *reader;
    struct stored_tasks futures, journals;
    struct semaphore_claims claims;
    struct recovered_plans plans;
    struct quarantine quarantine;
    size_t n_resumed, n_failed;
};

/* From its beginning, or (is_held) to be replayed. */
static struct job *new_job(struct loop_thread *thread, struct task_record *record,
                           struct plan *plan, bool is_held)
{
    struct loop *loop = &thread->loop;
    struct job *job = job_new(loop, plan, record, is_held);
    int64_t began_us = record->began_at_us ? record->began_at_us : record->started_at_us;
    job->started_ns = (began_us - loop->timeline_us) * 1000;
    job->resumed_ns = job->started_ns + loop->journals.slack_ns;
    job->is_resuming = true;
    job->is_stored = true;
    return job;
}

struct resumption {
    struct message message;
    struct id id;
};

static void handle_resumption(struct loop *loop, struct message *message)
{
    struct resumption *resumption = CONTAINER_OF(message, struct resumption, message);
    struct job *job = loop_find(loop, &resumption->id);
    if (job)
        replay_go_live(job);
    free(resumption);
}

/* On the loop's thread, and once everything else is as it was. */
static void resume_later(struct loop_thread *thread, const struct id *id)
{
    struct resumption *resumption = memory_new(sizeof *resumption);
    *resumption = (struct resumption){.message.handle = handle_resumption, .id = *id};
    loop_thread_post(thread, &resumption->message);
}

/* In its place one that fails; its journal goes with it. */
static struct job *replace_job(struct loop_thread *thread, struct job *job, const char *type,
                               const char *message)
{
    struct task_record *record = task_record_ref(job->record);
    uint32_t n_rows = job->journal->n_rows;
    job_free(job);
    job = new_job(thread, record, recovered_failure(type, message), false);
    journal_of(job)->n_rows = n_rows;
    return job;
}

static struct job *replay(struct recovery *r, struct loop_thread *thread, struct job *job,
                          struct rows *rows)
{
    char why[300];
    size_t size = rows->entries.size;
    memory_need(rows->entries.failed ? NULL : rows);
    if (replay_run(job, buffer_take(&rows->entries), size, rows->n, why)) {
        if (quarantine_take(&r->quarantine, job))
            return job;
        semaphore_collect_claims(&r->claims, job);
        resume_later(thread, &job->record->id);
        r->n_resumed++;
        return job;
    }
    char id[ID_TEXT_SIZE];
    id_format(&job->record->id, id);
    log_line(LOG_ERROR, "task %s cannot go on where it stood: %s", id, why);
    r->n_failed++;
    return replace_job(thread, job, "ReplayError", why);
}

/* ---- what was acknowledged ---- */

/* A job may not have been told of it. */
struct repetition {
    struct message message;
    struct id id;
    struct future_record *futures;
    size_t n_futures, capacity;
};

static char *copy_text(const char *text)
{
    return text ? memory_text(text) : NULL;
}

static void keep_future(void *context, const struct future_record *record)
{
    struct repetition *r = context;
    if (r->n_futures == r->capacity) {
        r->capacity = 2 * r->capacity + 4;
        r->futures = memory_resize(r->futures, r->capacity * sizeof *r->futures);
    }
    r->futures[r->n_futures++] = (struct future_record){.name = copy_text(record->name),
                                                        .result = copy_text(record->result),
                                                        .type = copy_text(record->type),
                                                        .message = copy_text(record->message)};
}

/* Takes the record's texts. */
static void repeat_future(struct job *job, const struct future_record *record)
{
    const struct future_name *future = job ? plan_find_future(job->plan, record->name) : NULL;
    if (future && future_state(job, future->index) == FUTURE_PENDING) {
        journal_future_set(job, future->index, record);
        replay_call_set_future(job, future->index, record);
    } else {
        free((char *)record->result);
        free((char *)record->type);
        free((char *)record->message);
    }
    free((char *)record->name);
}

static struct value *cancel_message_of(const struct task_record *record)
{
    const char *text = record->cancel_message;
    return text ? memory_need(value_from_string(text, strlen(text))) : NULL;
}

static bool is_to_be_cancelled(const struct job *job)
{
    return job->record->cancel_requested_at_us && !(job->journal && job->journal->was_cancelled);
}

static void repeat_cancellation(struct job *job)
{
    if (!is_to_be_cancelled(job))
        return;
    job_request_cancel(job, cancel_message_of(job->record));
    journal_of(job)->begins_nothing = false;
    job_hold_on(job); /* it comes first */
}

/* Not before the job is where it can go no further by itself: lines of its log may say that it had
 * been there. */
static void handle_repetition(struct loop *loop, struct message *message)
{
    struct repetition *r = CONTAINER_OF(message, struct repetition, message);
    struct job *job = loop_find(loop, &r->id);
    if (job)
        loop_run_until_idle(loop, job);
    job = loop_find(loop, &r->id);
    if (job && job->phase == JOB_ENDED)
        job = NULL;
    if (job)
        repeat_cancellation(job);
    for (size_t i = 0; i < r->n_futures; i++)
        repeat_future(job, &r->futures[i]);
    free(r->futures);
    free(r);
}

/* On the loop's thread, behind resume_later's. */
static int repeat_later(struct recovery *recovery, struct loop_thread *thread, struct job *job,
                        struct error *e)
{
    bool has_futures;
    int status = reach(&recovery->futures, recovery->reader, &job->record->id, &has_futures, e);
    if (status < 0 || (!has_futures && !job->record->cancel_requested_at_us))
        return status;
    if (is_to_be_cancelled(job))
        journal_of(job)->begins_nothing = true;
    struct repetition *r = memory_new_zeroed(1, sizeof *r);
    r->message.handle = handle_repetition;
    r->id = job->record->id;
    if (has_futures)
        status = store_read_futures(recovery->reader, &r->id, keep_future, r, e);
    loop_thread_post(thread, &r->message);
    return status;
}

/* ---- tasks that have not begun ---- */

static void set_early(void *context, const struct future_record *record)
{
    struct job *job = context;
    const struct future_name *future = plan_find_future(job->plan, record->name);
    if (future)
        loop_thread_keep_future(job, future->index, record);
}

static int set_futures(struct recovery *r, struct job *job, struct error *e)
{
    const struct id *id = &job->record->id;
    bool is_there;
    int status = reach(&r->futures, r->reader, id, &is_there, e);
    return status == 0 && is_there ? store_read_futures(r->reader, id, set_early, job, e) : status;
}

/* Takes the record. */
static int await_again(struct recovery *r, struct loop_thread *thread, struct task_record *record,
                       struct error *e)
{
    struct job *job = job_new(&thread->loop, recovered_plan(&r->plans, record), record, false);
    loop_thread_put_off(job);
    loop_thread_adopt(thread, job);
    int status = set_futures(r, job, e);
    if (record->cancel_requested_at_us)
        loop_thread_cancel_job(job, cancel_message_of(record));
    else
        loop_thread_await_start(job);
    return status;
}

/* ---- all of them ---- */

/* On the loop that it was on, or on the main one when there is no such loop any more. Takes the
 * record. */
static int recover_job(struct recovery *r, struct task_record *record, struct error *e)
{
    struct loop_thread *thread = runtime_find_loop(r->runtime, record->loop);
    struct rows rows = {0};
    const struct id id = record->id;
    bool has_journal;
    if (!thread)
        thread = r->runtime->main;
    if (record->state == TASK_PENDING)
        return await_again(r, thread, record, e);
    int status = reach(&r->journals, r->reader, &id, &has_journal, e);
    if (status == 0 && has_journal)
        status = store_read_journal(r->reader, &id, add_row, &rows, e);
    struct job *job = new_job(thread, record, recovered_plan(&r->plans, record), rows.n > 0);
    if (rows.n > 0)
        job = replay(r, thread, job, &rows);
    else
        quarantine_take(&r->quarantine, job);
    loop_thread_adopt(thread, job);
    if (job->phase == JOB_ENDED) {
        thread->loop.events->ended(thread->loop.context, job);
        r->n_failed++;
        return status;
    }
    return status == 0 ? repeat_later(r, thread, job, e) : status;
}

/* All of the page are taken. */
static int recover_page(struct recovery *r, struct task_record **page, size_t n, struct error *e)
{
    int status = 0;
    for (size_t i = 0; i < n; i++)
        if (status == 0)
            status = recover_job(r, page[i], e);
        else
            task_record_unref(page[i]);
    return status;
}

static int recover_all(struct recovery *r, size_t *n_all, struct error *e)
{
    struct task_record *page[PAGE];
    struct id last;
    size_t n = 0;
    int status = next_task(&r->futures, r->reader, NULL, e);
    if (status == 0)
        status = next_task(&r->journals, r->reader, NULL, e);
    do {
        if (status == 0)
            status = store_read_open(r->reader, *n_all ? &last : NULL, PAGE, page, &n, e);
        if (status == 0 && n > 0) {
            last = page[n - 1]->id;
            *n_all += n;
            status = recover_page(r, page, n, e);
        }
    } while (status == 0 && n == PAGE);
    return status;
}

int runtime_recover(struct runtime *runtime, struct error *e)
{
    struct recovery r = {.runtime = runtime,
                         .futures = {.next = store_next_futures},
                         .journals = {.next = store_next_journal}};
    size_t n_all = 0;
    int status = store_reader_open(&r.reader, runtime->store, e);
    if (status < 0)
        return status;
    quarantine_init(&r.quarantine, runtime);
    marks_forget(store_marks(runtime->store));
    status = recover_all(&r, &n_all, e);
    quarantine_release(&r.quarantine);
    store_reader_close(r.reader);
    recovered_plans_release(&r.plans);
    semaphore_restore_claims(&r.claims, &runtime->main->loop);
    if (n_all)
        log_line(LOG_INFO, "unfinished tasks: %zu; in the middle: %zu; failed: %zu", n_all,
                 r.n_resumed, r.n_failed);
    return status;
}
