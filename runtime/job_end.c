/* asyncio.run's ending: once the root is done, what is left is cancelled and awaited, and what
 * nobody looked at is reported. Follows Runner.close and _cancel_all_tasks in CPython's
 * asyncio/runners.py.
 */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/futures.h"
#include "runtime/job.h"
#include "runtime/scope.h"

/* _cancel_all_tasks: what is left is cancelled, in the order of its creation, and awaited. */
static void cancel_leftover(struct job *job)
{
    size_t n = 0;
    for (struct list *l = job->tasks.next; l != &job->tasks; l = l->next)
        n++;
    job->phase = JOB_CLEANING;
    if (n)
        job->leftover = memory_new(n * sizeof *job->leftover);
    for (struct list *l = job->tasks.next; l != &job->tasks; l = l->next)
        job->leftover[job->n_leftover++] = task_ref(CONTAINER_OF(l, struct task, link));
    for (size_t i = 0; i < n; i++)
        task_cancel(job->leftover[i], NULL);
}

/* "Task exception was never retrieved", of what create_task filed; what was cancelled at the end
 * has a report of its own. */
static void report_named(struct job *job)
{
    for (size_t i = 0; i < job->n_leftover; i++)
        job->leftover[i]->is_retrieved = true;
    scope_unref(job->names);
    job->names = NULL;
}

/* "unhandled exception during asyncio.run() shutdown" */
static void report_leftover(struct job *job)
{
    for (size_t i = 0; i < job->n_leftover; i++) {
        struct task *task = job->leftover[i];
        if (!task->is_cancelled && value_is_exception(task->outcome))
            job_add_unhandled(job, task->outcome);
        task_unref(task);
    }
    free(job->leftover);
    job->leftover = NULL;
    job->n_leftover = 0;
}

static void end(struct job *job)
{
    job->outcome = task_take_outcome(job->root, job->root->first.code);
    report_named(job);
    report_leftover(job);
    futures_report(job);
    job->phase = JOB_ENDED;
}

void job_break_off(struct job *job, struct value *outcome)
{
    job->phase = JOB_ENDED;
    job->is_held = true;
    while (!list_is_empty(&job->tasks))
        task_abandon(CONTAINER_OF(job->tasks.next, struct task, link));
    job_clear_queue(job);
    job->outcome = outcome;
}

/* What Runner.close() still gives to tasks that were created while it cleaned up: two turns until
 * the gather of the cancelled ones has told run_until_complete, and two for shutdown_asyncgens and
 * shutdown_default_executor each. */
#define GATHER_TURNS 2
#define LAST_TURNS (GATHER_TURNS + 4)

/* "Task was destroyed but it is pending!" */
static void drop_pending(struct job *job)
{
    while (!list_is_empty(&job->tasks)) {
        struct task *task = CONTAINER_OF(job->tasks.next, struct task, link);
        job_say_at(job, "warning", "awaitd", task->current,
                   "a task that began while the job was being cleaned up was still pending when it "
                   "ended, and was dropped");
        task_abandon(task);
    }
    job_clear_queue(job);
}

static bool has_cleaned(struct job *job)
{
    while (job->n_cleaned < job->n_leftover && job->leftover[job->n_cleaned]->phase == TASK_DONE)
        job->n_cleaned++;
    return job->n_cleaned == job->n_leftover;
}

static void go_on_cleaning(struct job *job)
{
    bool is_idle = job->ready.head == job->ready.tail;
    if (job->n_last_turns++ == LAST_TURNS)
        drop_pending(job);
    if (list_is_empty(&job->tasks) && (is_idle || job->n_last_turns > LAST_TURNS))
        end(job);
    else if (is_idle)
        job_schedule(job, 0,
                     NULL); /* a turn in which nothing happens, unless it comes from outside */
}

void job_after_turn(struct job *job)
{
    if (job->phase == JOB_RUNNING && job->root_is_done) {
        cancel_leftover(job);
        if (job->n_leftover == 0)
            job->n_last_turns = GATHER_TURNS;
    } else if (job->phase != JOB_CLEANING) {
        return;
    }
    if (has_cleaned(job))
        go_on_cleaning(job);
}
