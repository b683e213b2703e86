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
                        journal->flush <= job->loop->journals.n_stored);
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

void job_release_held(struct job *job)
{
    struct journal *journal = job->journal;
    if (!journal || !job->is_stored || journal->replay)
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
    journal_note_leaf(leaf->task, ENTRY_BEGAN);
}

void leaf_begin(struct leaf *leaf, struct task *task)
{
    struct job *job = task->job;
    leaf->task = task;
    bool is_replayed = journal_is_replaying(job);
    if (is_replayed) {
        leaf->is_held = true;
    } else if (fails_on_crash(leaf)) {
        note_beginning(leaf);
    } else if (leaf->is_pure) {
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

bool leaf_replay(struct leaf *leaf, enum entry_kind kind)
{
    if (kind == ENTRY_BEGAN)
        leaf->has_begun = true;
    else if (kind == ENTRY_CRASHED)
        leaf->n_crashes++;
    return kind == ENTRY_BEGAN || kind == ENTRY_CRASHED;
}

void leaf_resume(struct leaf *leaf)
{
    if (!fails_on_crash(leaf) || leaf->signal)
        return;
    if (leaf->has_begun) {
        leaf->has_crashed = true;
        return;
    }
    note_beginning(leaf);
    leaf->held.flush = UINT64_MAX;
}
