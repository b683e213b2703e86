#include "runtime/journal/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/leaf.h"
#include "runtime/journal/replay_call.h"
#include "runtime/ops/op.h"
#include "runtime/store/future_record.h"

struct replay {
    char *bytes;
    const unsigned char *at, *end;
    struct entry_base base;
    struct journal_entry next;
    bool has_next;
    bool is_over;        /* all entries were taken; leaves are held until it goes live */
    char *why;           /* set once something does not fit */
    struct task **tasks; /* by number: those that live */
    size_t n_tasks;      /* room in there */
    struct list semaphores;
};

static struct replay *replay_of(const struct job *job)
{
    return job->journal->replay;
}

bool replay_goes_on(const struct replay *replay)
{
    return !replay->is_over;
}

void replay_free(struct replay *replay)
{
    if (!replay)
        return;
    free(replay->bytes);
    free(replay->tasks);
    free(replay);
}

struct list *replay_semaphores(struct job *job)
{
    return &replay_of(job)->semaphores;
}

/* ---- what does not fit ---- */

__attribute__((format(printf, 2, 3))) static void complain(struct replay *replay,
                                                           const char *format, ...)
{
    va_list arguments;
    if (replay->why[0])
        return;
    va_start(arguments, format);
    vsnprintf(replay->why, 300, format, arguments);
    va_end(arguments);
    replay->has_next = false;
}

/* ---- entries ---- */

static void take_next(struct replay *replay)
{
    replay->has_next = replay->at != replay->end && !replay->why[0];
    if (replay->has_next && !entry_read(&replay->at, replay->end, &replay->base, &replay->next))
        complain(replay, "the journal is damaged");
}

/* No earlier than it was, so that no deadline is. */
static void set_time(struct job *job, int64_t at_ns)
{
    job->resumed_ns = job->started_ns + at_ns + job->loop->journals.slack_ns;
    job->is_resuming = true;
}

static void pass_time(struct job *job, uint64_t position)
{
    struct replay *replay = replay_of(job);
    while (replay->has_next && replay->next.kind == ENTRY_CLOCK &&
           replay->next.position <= position) {
        set_time(job, replay->next.at_ns);
        take_next(replay);
    }
}

int64_t replay_answer(struct job *job, enum entry_kind kind)
{
    struct replay *replay = replay_of(job);
    pass_time(job, job->n_called);
    if (!replay->has_next || replay->next.kind != kind || replay->next.position != job->n_called) {
        complain(replay, "the job asks for %s, which its journal does not have there",
                 entry_kind_name(kind));
        return 0;
    }
    int64_t number = replay->next.numbers[0];
    take_next(replay);
    return number;
}

/* ---- tasks ---- */

void replay_note_task(struct job *job, struct task *task)
{
    struct replay *replay = replay_of(job);
    if (task->number >= replay->n_tasks) {
        size_t n = 2 * ((size_t)task->number + 8);
        replay->tasks = memory_resize(replay->tasks, n * sizeof *replay->tasks);
        memset(replay->tasks + replay->n_tasks, 0, (n - replay->n_tasks) * sizeof *replay->tasks);
        replay->n_tasks = n;
    }
    replay->tasks[task->number] = task;
}

void replay_forget_task(struct job *job, const struct task *task)
{
    struct replay *replay = replay_of(job);
    if (task->number < replay->n_tasks)
        replay->tasks[task->number] = NULL;
}

/* ---- frames ---- */

/* The frame that the entry is about; NULL when the task has none there. */
static struct frame *find_frame(struct replay *replay, const struct entry_place *place)
{
    struct task *task = place->task < replay->n_tasks ? replay->tasks[place->task] : NULL;
    if (!task || !task->has_started)
        return NULL;
    struct task_place at = task_place(task);
    while (at.frame->node != place->node || at.activation->depth != place->depth)
        if (!task_place_outer(&at))
            return NULL;
    return at.frame;
}

static bool fire(struct task *task, struct frame *frame)
{
    struct timed_frame *timed = (struct timed_frame *)frame;
    if (!op_of(frame_node(task, frame))->timer_fired || !timer_is_armed(&timed->timer))
        return false;
    frame_disarm(timed);
    timed->timer.fire(&timed->timer);
    return true;
}

static void apply_to_frame(struct replay *replay, const struct journal_entry *entry)
{
    struct frame *frame = find_frame(replay, &entry->place);
    struct task *task = frame ? frame_task(frame) : NULL;
    const struct op *op = frame ? op_of(frame_node(task, frame)) : NULL;
    bool fits =
        frame && (entry->kind == ENTRY_FIRED ? fire(task, frame)
                                             : op->replayed && task->current == frame->node &&
                                                   op->replayed(task, frame, entry));
    if (!fits)
        complain(replay, "the journal has %s of task %u at node %u, where there is none",
                 entry_kind_name(entry->kind), entry->place.task, entry->place.node);
}

void replay_pass_on(struct job *job)
{
    struct replay *replay = replay_of(job);
    pass_time(job, job->n_called);
    while (replay->has_next && replay->next.kind == ENTRY_PASSED_ON &&
           replay->next.position == job->n_called) {
        apply_to_frame(replay, &replay->next);
        take_next(replay);
    }
}

/* ---- what came from outside ---- */

static void cancel(struct job *job, const struct entry_text *message)
{
    job_request_cancel(
        job, message->bytes ? memory_need(value_from_text(message->bytes, message->size)) : NULL);
}

static void reschedule(struct job *job, const struct journal_entry *entry)
{
    double seconds;
    char *name = entry_text_copy(&entry->texts[0]);
    memcpy(&seconds, &entry->numbers[RESCHEDULED_SECONDS], sizeof seconds);
    replay_call_reschedule(job, name, seconds, entry->numbers[RESCHEDULED_AT]);
}

static void set_future(struct job *job, const struct journal_entry *entry)
{
    if (entry->numbers[0] < 0 || entry->numbers[0] >= job->plan->n_futures) {
        complain(replay_of(job), "the journal has a future that the job has not");
        return;
    }
    const struct future_record record = {.result = entry_text_copy(&entry->texts[0]),
                                         .type = entry_text_copy(&entry->texts[1]),
                                         .message = entry_text_copy(&entry->texts[2])};
    replay_call_set_future(job, (uint32_t)entry->numbers[0], &record);
}

static void apply(struct job *job, struct replay *replay, const struct journal_entry *entry)
{
    set_time(job, entry->at_ns);
    switch (entry->kind) {
    case ENTRY_CANCELLED:
        job->journal->was_cancelled = true;
        cancel(job, &entry->texts[0]);
        break;
    case ENTRY_RESCHEDULED:
        reschedule(job, entry);
        break;
    case ENTRY_FUTURE_SET:
        set_future(job, entry);
        break;
    case ENTRY_PRINTED:
        job->log_seq += entry->numbers[0];
        break;
    case ENTRY_STOOD:
        break;
    default:
        apply_to_frame(replay, entry);
    }
}

/* ---- the run ---- */

/* The next callback, or the entry that comes before it. */
static void go_on(struct job *job, struct replay *replay)
{
    bool is_idle = job->ready.head == job->ready.tail;
    bool is_later = replay->next.position > job->n_called;
    pass_time(job, job->n_called + 1);
    if (!replay->has_next) {
        if (is_later && !is_idle) /* the callback that noted the time */
            job_turn(job, 1);
        return;
    }
    struct journal_entry entry = replay->next;
    if (entry.kind < ENTRY_CLOCK && entry.position == job->n_called) {
        take_next(replay);
        apply(job, replay, &entry);
    } else if (entry.position > job->n_called && !is_idle) {
        job_turn(job, 1);
    } else {
        complain(replay, "the journal has %s, and the job is elsewhere",
                 entry_kind_name(entry.kind));
    }
}

bool replay_run(struct job *job, char *entries, size_t size, uint32_t n_rows, char why[300])
{
    struct journal *journal = journal_of(job);
    struct replay *replay = memory_new_zeroed(1, sizeof *replay);
    *replay = (struct replay){.bytes = entries,
                              .at = (unsigned char *)entries,
                              .end = (unsigned char *)entries + size,
                              .why = why};
    why[0] = '\0';
    list_init(&replay->semaphores);
    journal->replay = replay;
    replay_note_task(job, job->root);
    set_time(job, 0);
    take_next(replay);
    while (replay->has_next && job->phase != JOB_ENDED)
        go_on(job, replay);
    if (job->phase == JOB_ENDED)
        complain(replay, "the job ends before its journal does");
    replay->is_over = true;
    journal->base = replay->base;
    journal->n_rows = n_rows;
    return !why[0];
}

void replay_go_live(struct job *job)
{
    struct journal *journal = job->journal;
    replay_free(journal->replay);
    journal->replay = NULL;
    for (struct list *l = journal->held.next; l != &journal->held; l = l->next)
        leaf_resume(CONTAINER_OF(l, struct leaf, held.link));
    if (!list_is_empty(&journal->dirty)) /* that has noted something */
        job_hold_on(job);
    loop_resume(job);
    job_release_held(job);
}
