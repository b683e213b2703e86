#include "runtime/journal/leaf.h"

#include "runtime/base/bug.h"
#include "runtime/journal/journal.h"

/* ---- held ---- */

static bool is_on_disk(const struct job *job)
{
    const struct journal *journal = job->journal;
    if (!job->is_stored)
        return false;
    return !journal || (list_is_empty(&journal->dirty) && !journal->replay &&
                        !journal->begins_nothing && journal->flush <= job->loop->journals.n_stored);
}

void job_hold(struct job *job, struct held *held)
{
    if (is_on_disk(job)) {
        list_init(&held->link);
        held->release(held);
        return;
    }
    struct journal *journal = journal_of(job);
    held->flush = list_is_empty(&journal->dirty) ? journal->flush : UINT64_MAX;
    list_append(&journal->held, &held->link);
}

void job_hold_on(struct job *job)
{
    struct list *held = &job->journal->held;
    for (struct list *l = held->next; l != held; l = l->next)
        CONTAINER_OF(l, struct held, link)->flush = UINT64_MAX;
}

void job_release_held(struct job *job)
{
    struct journal *journal = job->journal;
    if (!journal || !job->is_stored || journal->replay || journal->begins_nothing)
        return;
    while (!list_is_empty(&journal->held)) {
        struct held *held = CONTAINER_OF(journal->held.next, struct held, link);
        if (held->flush > job->loop->journals.n_stored)
            return;
        list_remove(&held->link);
        held->release(held);
    }
}

/* ---- leaves ---- */

static void release_leaf(struct held *held)
{
    struct leaf *leaf = CONTAINER_OF(held, struct leaf, held);
    leaf->is_held = false;
    leaf->begin(leaf);
}

static bool fails_on_crash(const struct leaf *leaf)
{
    return leaf->task->job->plan->nodes[leaf->task->current].fails_on_crash;
}

/* From now on it counts as begun, whatever becomes of the server. */
static void note_beginning(struct leaf *leaf)
{
    leaf->has_begun = true;
    journal_began(leaf->task);
}

/* It begins, maybe again. Whether there is something to be noted. */
static bool count_crash(struct leaf *leaf)
{
    unsigned n_before = leaf->n_crashes;
    leaf->n_crashes = journal_take_mark(leaf->task) ? n_before + 1 : 0;
    if (leaf->n_crashes != n_before)
        journal_crashed(leaf->task, leaf->n_crashes);
    return leaf->n_crashes != n_before;
}

static bool begins_nothing(const struct job *job)
{
    return job->journal && job->journal->begins_nothing;
}

void leaf_begin(struct leaf *leaf, struct task *task)
{
    struct job *job = task->job;
    leaf->task = task;
    bool is_replayed = journal_is_replaying(job);
    bool is_noted = !is_replayed && count_crash(leaf);
    if (is_replayed) {
        leaf->is_held = true;
    } else if (fails_on_crash(leaf)) {
        note_beginning(leaf);
    } else if (leaf->is_pure && !is_noted && !begins_nothing(job)) {
        leaf->begin(leaf);
        return;
    }
    leaf->is_held = true;
    leaf->held.release = release_leaf;
    job_hold(job, &leaf->held);
}

bool leaf_drop(struct leaf *leaf)
{
    if (!leaf->is_held)
        return false;
    list_remove(&leaf->held.link);
    leaf->is_held = false;
    return true;
}

bool leaf_replay(struct leaf *leaf, const struct journal_entry *entry)
{
    if (entry->kind == ENTRY_BEGAN)
        leaf->has_begun = true;
    else if (entry->kind == ENTRY_CRASHED)
        leaf->n_crashes = (uint32_t)entry->numbers[0];
    return entry->kind == ENTRY_BEGAN || entry->kind == ENTRY_CRASHED;
}

void leaf_resume(struct leaf *leaf)
{
    count_crash(leaf);
    if (!fails_on_crash(leaf) || leaf->signal)
        return;
    if (leaf->has_begun)
        leaf->has_crashed = true;
    else
        note_beginning(leaf);
}
