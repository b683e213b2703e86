/* What of a job was running inside the server when that crashed: marks of the process before this
 * one. */
#include "runtime/store/mark.h"

#include "runtime/base/bug.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/leaf.h"

static bool is_at(const struct crash_mark *mark, const struct task *task)
{
    return mark->number == task->number && mark->node == task->current &&
           mark->depth == task->active->depth;
}

bool journal_take_mark(struct task *task)
{
    struct journal *journal = task->job->journal;
    for (size_t i = 0; journal && i < journal->n_marks; i++)
        if (is_at(&journal->marks[i], task)) {
            journal->marks[i] = journal->marks[--journal->n_marks];
            return true;
        }
    return false;
}

struct leaf *journal_find_leaf(const struct job *job, const struct crash_mark *mark)
{
    const struct list *held = job->journal ? &job->journal->held : NULL;
    for (struct list *l = held ? held->next : NULL; l != held; l = l->next) {
        struct leaf *leaf = CONTAINER_OF(l, struct leaf, held.link);
        if (is_at(mark, leaf->task))
            return leaf;
    }
    return NULL;
}
