/* What became of the nodes of a job, for the tree view: kept as they end, written out as a trace.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"

static struct value *shown_outcome(const struct job *job, uint32_t node,
                                   const struct value *outcome)
{
    bool is_shown = value_is_exception(outcome) ? ((const struct exception *)outcome)->node == node
                                                : job->plan->nodes[node].n_children == 0;
    return is_shown ? value_ref((struct value *)outcome) : NULL;
}

void job_note_end(struct job *job, uint32_t node, int64_t started_us, const struct value *outcome)
{
    if (job->plan->n_nodes == 1)
        return; /* the record says it all */
    if (!job->runs)
        job->runs = memory_new_zeroed(job->plan->n_nodes, sizeof *job->runs);
    struct node_run *run = &job->runs[node];
    value_unref(run->outcome);
    *run = (struct node_run){.started_us = started_us,
                             .took_us = job_now_us(job) - started_us,
                             .outcome = shown_outcome(job, node, outcome),
                             .n_runs = run->n_runs + 1,
                             .state = outcome_state(outcome)};
}

/* Lays the nodes that run at present over the ended ones. */
static void note_running(struct job *job, struct node_run *view)
{
    for (struct list *l = job->tasks.next; l != &job->tasks; l = l->next) {
        struct task *task = CONTAINER_OF(l, struct task, link);
        if (!task->has_started)
            continue;
        struct task_place place = task_place(task);
        do {
            view[place.frame->node] =
                (struct node_run){.started_us = place.frame->started_us,
                                  .n_runs = view[place.frame->node].n_runs + 1,
                                  .state = TASK_RUNNING};
        } while (task_place_outer(&place));
    }
}

/* Outcomes are left out once the trace is as large as a result may be. */
static void write_run(struct trace_writer *w, uint32_t node, const struct node_run *run,
                      size_t max_size)
{
    struct buffer text = {0};
    bool is_written = run->outcome && w->out->size + run->outcome->size <= max_size;
    if (is_written && value_is_exception(run->outcome))
        exception_write(&text, run->outcome);
    else if (is_written)
        value_write(&text, run->outcome);
    trace_write(w, &(struct trace_entry){node, run->state, run->n_runs, run->started_us,
                                         run->took_us, text.bytes, text.size});
    buffer_release(&text);
}

void job_write_trace(struct job *job, struct buffer *out)
{
    uint32_t n = job->plan->n_nodes;
    struct node_run *view = memory_new_zeroed(n, sizeof *view);
    struct trace_writer w = {.out = out};
    if (job->runs)
        memcpy(view, job->runs, n * sizeof *view);
    note_running(job, view);
    for (uint32_t node = job->plan->root; node < n; node++)
        if (view[node].state != TASK_PENDING)
            write_run(&w, node, &view[node], job->loop->max_result);
    free(view);
}
