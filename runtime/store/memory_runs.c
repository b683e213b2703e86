/* The memory backend: the runs of the server. There is one, unless a test begins others. */
#include <stdlib.h>

#include "runtime/store/memory.h"
#include "schema/allocate.h"

static struct memory_run *last_run(struct memory *m)
{
    return m->n_runs ? &m->runs[m->n_runs - 1] : NULL;
}

static size_t count_open(const struct memory *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->tasks[i]->record->finished_at_us == 0;
    return n;
}

/* The run that has just begun is the last one. */
static void look_at_runs(const struct memory *m, struct store_run *run)
{
    run->number = (int64_t)m->n_runs;
    run->n_crashes = 0;
    run->follows_crash = false;
    for (size_t i = 0; i < m->n_runs; i++) {
        const struct memory_run *one = &m->runs[i];
        run->n_crashes +=
            one->after_crash && llabs(one->started_at_us - run->now_us) <= run->window_us;
        if (one->ran_jobs)
            run->follows_crash = !one->in_order;
    }
    run->n_open = run->n_crashes > run->crash_loop ? count_open(m) : 0;
}

int memory_begin_run(struct memory *m, struct store_request *request)
{
    const struct memory_run *before = last_run(m);
    bool after_crash = before && !before->in_order;
    struct memory_run *runs =
        memory_with_room(m->runs, m->n_runs, &m->run_capacity, sizeof *m->runs);
    if (!runs)
        return -ERROR_NO_MEMORY;
    m->runs = runs;
    m->runs[m->n_runs++] =
        (struct memory_run){.started_at_us = request->run->now_us, .after_crash = after_crash};
    look_at_runs(m, request->run);
    return 0;
}

/* Records of their own for all open tasks, as readers see the old ones. False when out of memory.
 */
static bool copy_open(struct memory *m, struct task_record **copies)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->tasks[i]->record->finished_at_us == 0) {
            copies[n] = task_record_copy(m->tasks[i]->record);
            if (!copies[n])
                break;
            copies[n++]->starts++;
        }
    if (n == count_open(m))
        return true;
    while (n > 0)
        task_record_unref(copies[--n]);
    return false;
}

int memory_begin_jobs(struct memory *m, struct store_request *request)
{
    struct memory_run *run = last_run(m);
    (void)request;
    if (!run || run->ran_jobs)
        return -ERROR_CONFLICT;
    struct task_record **copies = allocate_zeroed(m->n + 1, sizeof *copies);
    if (!copies || !copy_open(m, copies)) {
        free(copies);
        return -ERROR_NO_MEMORY;
    }
    for (size_t i = 0, n = 0; i < m->n; i++)
        if (m->tasks[i]->record->finished_at_us == 0) {
            task_record_unref(m->tasks[i]->record);
            m->tasks[i]->record = copies[n++];
        }
    run->ran_jobs = true;
    free(copies);
    return 0;
}

int memory_end_run(struct memory *m, struct store_request *request)
{
    struct memory_run *run = last_run(m);
    (void)request;
    if (!run)
        return -ERROR_CONFLICT;
    run->in_order = true;
    return 0;
}
