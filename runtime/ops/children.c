/* What ops whose children are tasks of their own have in common. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"

void children_create(struct task *task, struct frame *frame, struct children *children)
{
    const struct plan *plan = task->job->plan;
    uint32_t child = node_first_child(plan, frame->node);
    children->n = plan->nodes[frame->node].n_children;
    children->tasks = memory_new((children->n + 1) * sizeof *children->tasks);
    for (uint32_t i = 0; i < children->n; i++, child = plan->nodes[child].next)
        children->tasks[i] = task_create(task->job, child, task, frame);
}

void children_release(struct children *children)
{
    for (uint32_t i = 0; i < children->n; i++) {
        task_disown(children->tasks[i]);
        task_unref(children->tasks[i]);
    }
    free(children->tasks);
    *children = (struct children){0};
}
