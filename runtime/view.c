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

/* ---- the await stack ---- */

static void write_path(const struct job *job, uint32_t node, struct buffer *out)
{
    buffer_text(out, ",\"path\":");
    plan_path_json(job->plan, node, out);
}

/* The name under which create_task filed it: that of the node around its code. */
static const char *name_of(const struct job *job, const struct task *task)
{
    uint32_t parent = job->plan->nodes[task->first.code].parent;
    const struct op_shape *shape = parent == PLAN_NONE ? NULL : job->plan->nodes[parent].shape;
    for (size_t f = 0; shape && f < shape->n_fields; f++)
        if (shape->fields[f].type == FIELD_TASK_NEW)
            return job->plan->nodes[parent].arguments[f].slot->name;
    return NULL;
}

/* As deep as calls may be; from the outermost frame to the innermost. */
static void write_stack(const struct job *job, struct task *task, struct buffer *out)
{
    uint32_t nodes[200], n = 0;
    struct task_place place = task_place(task);
    do {
        if (!job->plan->nodes[place.frame->node].shape->is_hidden)
            nodes[n++] = place.frame->node;
    } while (n < sizeof nodes / sizeof *nodes && task_place_outer(&place));
    buffer_text(out, ",\"stack\":[");
    while (n--) {
        buffer_format(out, "{\"op\":\"%s\"", job->plan->nodes[nodes[n]].shape->name);
        write_path(job, nodes[n], out);
        buffer_text(out, n ? "}," : "}");
    }
    buffer_char(out, ']');
}

static void write_wait(const struct job *job, struct task *task, struct buffer *out)
{
    const struct node *node = &job->plan->nodes[task->current];
    struct frame *frame = task_place(task).frame;
    struct buffer text = {0};
    if (op_of(node)->show)
        op_of(node)->show(task, frame, &text);
    else
        buffer_text(&text, node->shape->name);
    buffer_text(out, ",\"waits_for\":");
    buffer_json_string(out, text.bytes ? text.bytes : "", text.size);
    buffer_release(&text);
    if (task->awaited)
        buffer_format(out, ",\"task\":%u", task->awaited->number);
    buffer_text(out, ",\"since\":");
    buffer_json_time(out, job->record->started_at_us + frame->started_us);
}

static void write_task(const struct job *job, struct task *task, struct buffer *out)
{
    const char *name = name_of(job, task);
    bool waits = task->has_started && task->phase == TASK_WAITING;
    buffer_format(out, "{\"id\":%u,\"name\":", task->number);
    if (name)
        buffer_json_string(out, name, strlen(name));
    else
        buffer_text(out, "null");
    write_path(job, task->first.code, out);
    buffer_format(out, ",\"state\":\"%s\",\"parent\":", waits ? "waiting" : "ready");
    if (task->owner)
        buffer_format(out, "%u", frame_task(task->owner)->number);
    else
        buffer_text(out, "null");
    if (task->has_started)
        write_stack(job, task, out);
    else
        buffer_text(out, ",\"stack\":[]");
    if (waits)
        write_wait(job, task, out);
    else
        buffer_text(out, ",\"waits_for\":null,\"since\":null");
    buffer_char(out, '}');
}

void job_write_tasks(struct job *job, struct buffer *out)
{
    size_t n = 0;
    buffer_char(out, '[');
    struct list *first = job->is_pending ? &job->tasks : job->tasks.next; /* it has none yet */
    for (struct list *l = first; l != &job->tasks && n < JOB_SHOWN_TASKS; l = l->next) {
        if (n++)
            buffer_char(out, ',');
        write_task(job, CONTAINER_OF(l, struct task, link), out);
    }
    buffer_char(out, ']');
}
