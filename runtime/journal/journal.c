#include "runtime/journal/journal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/exception.h"
#include "runtime/journal/leaf.h"
#include "runtime/journal/replay.h"
#include "runtime/store/future_record.h"
#include "runtime/store/journal_row.h"

struct journal *journal_of(struct job *job)
{
    if (!job->journal) {
        job->journal = memory_new_zeroed(1, sizeof *job->journal);
        job->journal->job = job;
        list_init(&job->journal->dirty);
        list_init(&job->journal->held);
    }
    return job->journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    while (!list_is_empty(&journal->held)) { /* answers: the job's end says it all */
        struct held *held = CONTAINER_OF(journal->held.next, struct held, link);
        list_remove(&held->link);
        held->release(held);
    }
    list_remove(&journal->dirty);
    buffer_release(&journal->entries);
    replay_free(journal->replay);
    free(journal->marks);
    free(journal);
}

bool journal_is_replaying(const struct job *job)
{
    return job->journal && job->journal->replay && replay_goes_on(job->journal->replay);
}

/* ---- time ---- */

int64_t journal_now_ns(const struct job *job)
{
    struct host *host = job->loop->host;
    return job->is_resuming ? job->resumed_ns : host->now_ns(host);
}

static int64_t now_ns(struct job *job)
{
    struct host *host = job->loop->host;
    return host->now_ns(host) - job->started_ns;
}

/* ---- entries ---- */

static void mark_dirty(struct job *job)
{
    struct journal *journal = journal_of(job);
    if (list_is_empty(&journal->dirty))
        list_append(&job->loop->journals.dirty, &journal->dirty);
}

static void add(struct job *job, struct journal *journal, struct journal_entry *entry)
{
    entry->position = job->n_called;
    entry_write(&journal->entries, &journal->base, entry);
    mark_dirty(job);
}

static void add_printed(struct job *job, struct journal *journal, int64_t at_ns)
{
    if (journal->n_printed == 0)
        return;
    struct journal_entry printed = {
        .kind = ENTRY_PRINTED, .at_ns = at_ns, .numbers = {journal->n_printed}};
    journal->n_printed = 0;
    add(job, journal, &printed);
}

/* Without a store that outlives the process nobody keeps a journal. */
static bool is_kept(const struct job *job)
{
    return job->loop->journals.is_on && job->phase != JOB_ENDED && !journal_is_replaying(job);
}

static void record(struct job *job, struct journal_entry *entry)
{
    if (!is_kept(job))
        return;
    struct journal *journal = journal_of(job);
    entry->at_ns = now_ns(job);
    if (entry->kind < ENTRY_CLOCK)
        job->is_resuming = false;
    add_printed(job, journal, entry->at_ns);
    add(job, journal, entry);
    memory_need(journal->entries.failed ? NULL : journal);
}

int64_t journal_deadline_base_ns(struct job *job)
{
    int64_t base_ns = journal_now_ns(job);
    if (job->is_resuming || !job->loop->journals.is_on)
        return base_ns;
    int64_t last_ns = job->journal ? job->journal->base.at_ns : 0;
    if (base_ns - job->started_ns - last_ns > job->loop->journals.slack_ns)
        record(job, &(struct journal_entry){.kind = ENTRY_CLOCK});
    return base_ns;
}

static struct entry_place place_of(const struct task *task)
{
    return (struct entry_place){task->number, task->current, task->active->depth};
}

static struct entry_text text_of(const char *text)
{
    return (struct entry_text){text, text ? strlen(text) : 0};
}

void journal_fired(struct timed_frame *frame)
{
    struct task *task = frame_task(&frame->base);
    record(task->job, &(struct journal_entry){
                          .kind = ENTRY_FIRED,
                          .place = {task->number, frame->base.node, frame_depth(&frame->base)}});
}

void journal_exited(struct task *task, const struct process *process)
{
    const struct output *out = &process->out, *err = &process->err;
    struct journal_entry entry = {.kind = ENTRY_EXITED,
                                  .place = place_of(task),
                                  .texts = {{out->bytes, out->size}, {err->bytes, err->size}}};
    entry.numbers[EXITED_ERROR] = process->error;
    entry.numbers[EXITED_PART] = process->part;
    entry.numbers[EXITED_CODE] = process->exit_code;
    entry.numbers[EXITED_OUT_DROPPED] = (int64_t)out->dropped;
    entry.numbers[EXITED_OUT_HEAD] = (int64_t)out->head;
    entry.numbers[EXITED_ERR_DROPPED] = (int64_t)err->dropped;
    entry.numbers[EXITED_ERR_HEAD] = (int64_t)err->head;
    record(task->job, &entry);
}

void journal_answered(struct task *task, const struct operation *operation)
{
    const struct answer *answer = &operation->answer;
    record(task->job,
           &(struct journal_entry){.kind = ENTRY_ANSWERED,
                                   .place = place_of(task),
                                   .texts = {text_of(answer->type),
                                             {answer->text, answer->text ? answer->size : 0},
                                             text_of(answer->details)}});
}

void journal_cancelled(struct job *job, const struct value *message)
{
    struct journal_entry entry = {.kind = ENTRY_CANCELLED};
    if (message)
        entry.texts[0] =
            (struct entry_text){((const struct value_text *)message)->bytes, message->size};
    record(job, &entry);
}

static int64_t bits_of(double number)
{
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

void journal_rescheduled(struct job *job, const char *name, double seconds, int64_t at_us)
{
    record(job, &(struct journal_entry){
                    .kind = ENTRY_RESCHEDULED,
                    .numbers = {[RESCHEDULED_SECONDS] = bits_of(seconds), [RESCHEDULED_AT] = at_us},
                    .texts = {text_of(name)}});
}

void journal_future_set(struct job *job, uint32_t index, const struct future_record *future)
{
    record(job, &(struct journal_entry){.kind = ENTRY_FUTURE_SET,
                                        .numbers = {index},
                                        .texts = {text_of(future->result), text_of(future->type),
                                                  text_of(future->message)}});
}

void journal_printed(struct job *job, int64_t n_lines)
{
    if (n_lines == 0 || !is_kept(job))
        return;
    struct journal *journal = journal_of(job);
    journal->n_printed += n_lines;
    mark_dirty(job);
}

void journal_granted(struct task *task)
{
    bool is_own = task->job->loop->running == task->job;
    record(task->job, &(struct journal_entry){.kind = is_own ? ENTRY_PASSED_ON : ENTRY_GRANTED,
                                              .place = place_of(task)});
}

void journal_began(struct task *task)
{
    record(task->job, &(struct journal_entry){.kind = ENTRY_BEGAN, .place = place_of(task)});
}

void journal_crashed(struct task *task, unsigned n_crashes)
{
    record(task->job, &(struct journal_entry){
                          .kind = ENTRY_CRASHED, .place = place_of(task), .numbers = {n_crashes}});
}

/* ---- answers ---- */

/* What was answered before; or `number`, which it is from now on. */
static int64_t answer(struct job *job, enum entry_kind kind, int64_t number)
{
    if (journal_is_replaying(job))
        return replay_answer(job, kind);
    record(job, &(struct journal_entry){.kind = kind, .numbers = {number}});
    return number;
}

double journal_chance(struct job *job)
{
    struct host *host = job->loop->host;
    double chance = journal_is_replaying(job) ? 0 : host->chance(host);
    int64_t bits = answer(job, ENTRY_CHANCE, bits_of(chance));
    memcpy(&chance, &bits, sizeof chance);
    return chance;
}

bool journal_choice(struct job *job, bool choice)
{
    return answer(job, ENTRY_CHOICE, choice) != 0;
}

void journal_acquired(struct job *job, bool is_held)
{
    answer(job, ENTRY_ACQUIRED, is_held);
}

/* ---- handing over ---- */

static size_t count(const struct list *list)
{
    size_t n = 0;
    for (const struct list *l = list->next; l != list; l = l->next)
        n++;
    return n;
}

void journal_goes_on(struct job *job)
{
    if (job->journal && job->journal->n_rows > 0 && is_kept(job))
        mark_dirty(job);
}

/* Those that a round leaves half-way. A job that has not begun can begin again. */
static void mark_unfinished(struct loop *loop)
{
    for (struct list *l = loop->ready.next; l != &loop->ready; l = l->next) {
        struct job *job = CONTAINER_OF(l, struct job, ready_link);
        uint64_t known = job->journal ? job->journal->base.position : 0;
        if (job->n_called > known && is_kept(job))
            mark_dirty(job);
    }
}

static struct journal_row take_row(struct job *job, struct journal *journal)
{
    add_printed(job, journal, journal->base.at_ns);
    if (job->n_called > journal->base.position || journal->entries.size == 0)
        record(job, &(struct journal_entry){.kind = ENTRY_STOOD});
    memory_need(journal->entries.failed ? NULL : journal);
    struct journal_row row = {
        .task = job->record->id, .n = ++journal->n_rows, .size = journal->entries.size};
    row.entries = buffer_take(&journal->entries);
    list_remove(&journal->dirty);
    journal->flush = job->loop->journals.n_flushes;
    for (struct list *l = journal->held.previous; l != &journal->held; l = l->previous) {
        struct held *held = CONTAINER_OF(l, struct held, link);
        if (held->flush != UINT64_MAX)
            break;
        held->flush = journal->flush;
    }
    return row;
}

/* Entries of a job that is not on disk yet stay with it: there may be another task of its id. */
struct journal_row *journal_collect(struct loop *loop, size_t *n)
{
    struct list *dirty = &loop->journals.dirty, *next;
    *n = 0;
    if (!loop->journals.is_on)
        return NULL;
    mark_unfinished(loop);
    if (list_is_empty(dirty))
        return NULL;
    struct journal_row *rows = memory_new(count(dirty) * sizeof *rows);
    loop->journals.n_flushes++;
    for (struct list *l = dirty->next; l != dirty; l = next) {
        struct journal *journal = CONTAINER_OF(l, struct journal, dirty);
        next = l->next;
        if (journal->job->phase == JOB_ENDED)
            list_remove(l);
        else if (journal->job->is_stored)
            rows[(*n)++] = take_row(journal->job, journal);
    }
    if (*n > 0)
        return rows;
    loop->journals.n_flushes--;
    free(rows);
    return NULL;
}
