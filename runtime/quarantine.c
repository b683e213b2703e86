#include "runtime/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/exception.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/leaf.h"
#include "runtime/runtime_internal.h"

static int compare(const void *a, const void *b)
{
    return id_compare(&((const struct crash_mark *)a)->task, &((const struct crash_mark *)b)->task);
}

void quarantine_init(struct quarantine *quarantine, const struct runtime *runtime)
{
    size_t n;
    const struct crash_mark *marks = marks_last(store_marks(runtime->store), &n);
    *quarantine = (struct quarantine){.limit = runtime->options.quarantine};
    if (n == 0 || !runtime->run.follows_crash || quarantine->limit == 0)
        return;
    quarantine->marks = memory_new(n * sizeof *marks);
    quarantine->n = n;
    memcpy(quarantine->marks, marks, n * sizeof *marks);
    qsort(quarantine->marks, n, sizeof *marks, compare);
}

void quarantine_release(struct quarantine *quarantine)
{
    free(quarantine->marks);
}

/* Where the job's marks begin; NULL: it has none. */
static const struct crash_mark *find(const struct quarantine *quarantine, const struct job *job)
{
    const struct crash_mark key = {.task = job->record->id};
    const struct crash_mark *mark =
        quarantine->n ? bsearch(&key, quarantine->marks, quarantine->n, sizeof key, compare) : NULL;
    while (mark && mark > quarantine->marks && compare(mark - 1, &key) == 0)
        mark--;
    return mark;
}

static bool is_of(const struct quarantine *quarantine, const struct crash_mark *mark,
                  const struct job *job)
{
    return mark && mark < quarantine->marks + quarantine->n &&
           id_compare(&mark->task, &job->record->id) == 0;
}

/* This crash included. */
static unsigned count_crashes(const struct job *job, const struct crash_mark *mark)
{
    const struct leaf *leaf = journal_find_leaf(job, mark);
    return leaf ? leaf->n_crashes + 1 : 1;
}

/* The leaf is in that task, or in one that this waits for. */
static bool is_around(const struct task *task, const struct leaf *leaf)
{
    const struct task *inner = leaf->task;
    while (inner && inner != task)
        inner = inner->owner ? frame_task(inner->owner) : NULL;
    return inner != NULL;
}

static void note_end(struct job *job, struct task *task, const struct value *outcome)
{
    struct task_place place = task_place(task);
    do
        job_note_end(job, place.frame->node, place.frame->started_us, outcome);
    while (task_place_outer(&place));
}

/* For the tree: what is around the leaf fails with it, the rest is cancelled. */
static void note_ends(struct job *job, const struct leaf *leaf, const struct value *error)
{
    for (struct list *l = job->tasks.next; leaf && l != &job->tasks; l = l->next) {
        struct task *task = CONTAINER_OF(l, struct task, link);
        if (!task->has_started)
            continue;
        struct value *cancelled = exception_cancelled(job->plan, task->current, NULL);
        note_end(job, task, is_around(task, leaf) ? error : cancelled);
        value_unref(cancelled);
    }
}

static void end(struct job *job, const struct crash_mark *mark, unsigned n_crashes)
{
    char text[200], id[ID_TEXT_SIZE];
    snprintf(text, sizeof text, "the function '%s' was running inside the server at %u crash%s",
             mark->what, n_crashes, n_crashes == 1 ? "" : "es in a row");
    id_format(&job->record->id, id);
    log_line(LOG_ERROR, "task %s is not run again: %s", id, text);
    job_say_at(job, "error", "awaitd", mark->node, text);
    const struct exception_parts parts = {.type = POISON_ERROR, .message = text};
    struct value *error = exception_new(job->plan, mark->node, &parts);
    note_ends(job, journal_find_leaf(job, mark), error);
    job_break_off(job, error);
}

/* What was running is known to it when it begins again. */
static void give(struct job *job, const struct crash_mark *first, size_t n)
{
    struct journal *journal = journal_of(job);
    journal->marks = memory_new(n * sizeof *first);
    journal->n_marks = n;
    memcpy(journal->marks, first, n * sizeof *first);
}

bool quarantine_take(const struct quarantine *quarantine, struct job *job)
{
    const struct crash_mark *first = find(quarantine, job), *mark = first;
    for (; is_of(quarantine, mark, job); mark++) {
        unsigned n_crashes = count_crashes(job, mark);
        if (n_crashes >= quarantine->limit && mark->node < job->plan->n_nodes) {
            end(job, mark, n_crashes);
            return true;
        }
    }
    if (first)
        give(job, first, (size_t)(mark - first));
    return false;
}
