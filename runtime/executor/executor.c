/* The table of executors. */
#include "runtime/executor/executor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "runtime/executor/executor_internal.h"
#include "schema/allocate.h"
#include "schema/nearest.h"

#define QUEUE_DEFAULT 100000

struct executor_options executor_defaults(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = processors < 1 ? 5 : processors > 28 ? 32 : (unsigned)processors + 4;
    return (struct executor_options){workers, QUEUE_DEFAULT, EXECUTOR_KIND_THREAD};
}

/* ---- finding ---- */

/* Where the name is, or would have to go. Locked. */
static size_t place_of(const struct executors *executors, const char *name)
{
    size_t i = 0;
    while (i < executors->n && strcmp(executors->list[i]->name, name) < 0)
        i++;
    return i;
}

struct executor *executors_find(struct executors *executors, const char *name)
{
    size_t i = place_of(executors, name);
    bool is_there = i < executors->n && strcmp(executors->list[i]->name, name) == 0;
    return is_there ? executors->list[i] : NULL;
}

bool executors_have(struct executors *executors, const char *name)
{
    executors_lock(executors);
    const struct executor *executor = executors_find(executors, name);
    bool is_there = executor && !executor->is_retired;
    executors_unlock(executors);
    return is_there;
}

char *executors_nearest(struct executors *executors, const char *name)
{
    const char *names[EXECUTORS_MAX];
    executors_lock(executors);
    size_t n = executors->n < EXECUTORS_MAX ? executors->n : EXECUTORS_MAX;
    for (size_t i = 0; i < n; i++)
        names[i] = executors->list[i]->name;
    const char *like = nearest(name, names, n);
    char *copy = like ? allocate_text(like) : NULL;
    executors_unlock(executors);
    return copy;
}

bool executors_are_full(struct executors *executors)
{
    executors_lock(executors);
    bool are_full = executors->n >= EXECUTORS_MAX;
    executors_unlock(executors);
    return are_full;
}

/* ---- changing ---- */

/* Locked. */
static struct executor *add(struct executors *executors, const char *name)
{
    struct executor *executor = memory_new_zeroed(1, sizeof *executor);
    size_t at = place_of(executors, name);
    executor->executors = executors;
    executor->name = memory_text(name);
    list_init(&executor->queue);
    list_init(&executor->workers);
    executor_condition_init(&executor->work);
    executors->list = memory_resize(executors->list, (executors->n + 1) * sizeof *executors->list);
    memmove(executors->list + at + 1, executors->list + at,
            (executors->n - at) * sizeof *executors->list);
    executors->list[at] = executor;
    executors->n++;
    return executor;
}

void executor_free(struct executor *executor)
{
    pthread_cond_destroy(&executor->work);
    free(executor->name);
    free(executor);
}

/* Locked. Its workers end, and the last of them frees it. */
static void drop(struct executors *executors, struct executor *executor)
{
    size_t at = place_of(executors, executor->name);
    memmove(executors->list + at, executors->list + at + 1,
            (--executors->n - at) * sizeof *executors->list);
    executor->is_removed = true;
    if (executor->n_workers == 0)
        executor_free(executor);
    else
        executor_wake_all(executor);
}

void executors_put(struct executors *executors, const char *name,
                   const struct executor_options *options)
{
    executors_lock(executors);
    struct executor *executor = executors_find(executors, name);
    if (!executor)
        executor = add(executors, name);
    executor->options = *options;
    executor_fill(executor);
    executor_wake_all(executor);
    executors_unlock(executors);
}

int executors_retire(struct executors *executors, const char *name)
{
    int status = 0;
    executors_lock(executors);
    struct executor *executor = executors_find(executors, name);
    if (!executor || executor->is_retired)
        status = -ERROR_NOT_FOUND;
    else if (executor->n_queued + executor->n_running > 0)
        status = -ERROR_CONFLICT;
    else
        executor->is_retired = true;
    executors_unlock(executors);
    return status;
}

void executors_revive(struct executors *executors, const char *name)
{
    executors_lock(executors);
    struct executor *executor = executors_find(executors, name);
    if (executor)
        executor->is_retired = false;
    executors_unlock(executors);
}

void executors_remove(struct executors *executors, const char *name)
{
    executors_lock(executors);
    struct executor *executor = executors_find(executors, name);
    if (executor && executor->is_retired)
        drop(executors, executor);
    executors_reap(executors);
    executors_unlock(executors);
}

/* ---- looking ---- */

/* Locked. */
static struct executor_info describe(const struct executor *executor)
{
    return (struct executor_info){.name = allocate_text(executor->name),
                                  .options = executor->options,
                                  .threads = executor->n_workers,
                                  .queued = executor->n_queued,
                                  .running = executor->n_running,
                                  .abandoned = executor->n_abandoned,
                                  .done = executor->n_done,
                                  .failed = executor->n_failed};
}

bool executors_look(struct executors *executors, const char *name, struct executor_info *out)
{
    executors_lock(executors);
    const struct executor *executor = executors_find(executors, name);
    bool is_there = executor && !executor->is_retired;
    if (is_there)
        *out = describe(executor);
    executors_unlock(executors);
    return is_there;
}

struct executor_info *executors_list(struct executors *executors, size_t *n)
{
    executors_lock(executors);
    struct executor_info *list = allocate((executors->n + 1) * sizeof *list);
    *n = 0;
    for (size_t i = 0; list && i < executors->n; i++)
        if (!executors->list[i]->is_retired)
            list[(*n)++] = describe(executors->list[i]);
    executors_unlock(executors);
    return list;
}

/* ---- life ---- */

struct operation_backend *executors_backend(struct executors *executors)
{
    return &executors->backend;
}

struct executors *executors_open(const struct worker_command *command, struct error *e)
{
    struct executors *executors = allocate_zeroed(1, sizeof *executors);
    const struct executor_options options = executor_defaults();
    if (!executors) {
        error_set(e, ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    executors->command = command;
    executors->backend =
        (struct operation_backend){.begin = executors_begin, .give_up = executors_give_up};
    BUG_ON(pthread_mutex_init(&executors->lock, NULL) != 0);
    executor_condition_init(&executors->ended);
    list_init(&executors->gone);
    executors_put(executors, EXECUTOR_DEFAULT, &options);
    return executors;
}

static void release(struct executors *executors)
{
    while (executors->n)
        executor_free(executors->list[--executors->n]);
    free(executors->list);
    marks_unref(executors->marks);
    pthread_cond_destroy(&executors->ended);
    pthread_mutex_destroy(&executors->lock);
    free(executors);
}

bool executors_close(struct executors *executors, int64_t wait_ms)
{
    int64_t end_ns = clock_now_ns() + wait_ms * 1000000;
    executors_lock(executors);
    executors->is_closing = true;
    for (size_t i = 0; i < executors->n; i++)
        executor_wake_all(executors->list[i]);
    while (executors->n_threads > 0 &&
           executor_condition_wait(&executors->ended, executors, end_ns))
        ;
    bool have_ended = executors->n_threads == 0;
    executors_reap(executors);
    executors_unlock(executors);
    if (have_ended)
        release(executors);
    return have_ended;
}
