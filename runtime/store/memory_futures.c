/* The memory backend: what futures were set to. */
#include <stdlib.h>
#include <string.h>

#include "runtime/store/memory.h"

static void release_future(struct future_record *future)
{
    free((char *)future->name);
    free((char *)future->result);
    free((char *)future->type);
    free((char *)future->message);
}

void memory_drop_futures(struct memory_task *task)
{
    for (size_t i = 0; i < task->n_futures; i++)
        release_future(&task->futures[i]);
    free(task->futures);
    task->futures = NULL;
    task->n_futures = task->future_capacity = 0;
}

/* How many have smaller names. */
static size_t position(const struct memory_task *task, const char *name)
{
    size_t low = 0, high = task->n_futures;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(task->futures[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct memory_task *task, size_t i, const char *name)
{
    return i < task->n_futures && strcmp(task->futures[i].name, name) == 0;
}

/* ---- writing ---- */

static int add(struct memory_task *task, size_t at, const struct future_record *given)
{
    bool failed = false;
    struct future_record copy = *given, *futures;
    futures =
        memory_with_room(task->futures, task->n_futures, &task->future_capacity, sizeof *futures);
    if (!futures)
        return -ERROR_NO_MEMORY;
    task->futures = futures;
    copy.name = memory_copy_text(given->name, &failed);
    copy.result = memory_copy_text(given->result, &failed);
    copy.type = memory_copy_text(given->type, &failed);
    copy.message = memory_copy_text(given->message, &failed);
    if (failed) {
        release_future(&copy);
        return -ERROR_NO_MEMORY;
    }
    memmove(futures + at + 1, futures + at, (task->n_futures - at) * sizeof copy);
    futures[at] = copy;
    task->n_futures++;
    return 0;
}

int memory_set_future(struct memory *m, struct store_request *request)
{
    const struct future_record *given = request->future;
    struct memory_task *task = memory_find(m, &given->task);
    if (!task)
        return -ERROR_NOT_FOUND;
    size_t at = position(task, given->name);
    if (task->record->finished_at_us != 0 || is_at(task, at, given->name))
        return -ERROR_CONFLICT;
    return add(task, at, given);
}

int memory_drop_future(struct memory *m, struct store_request *request)
{
    const struct future_record *given = request->future;
    struct memory_task *task = memory_find(m, &given->task);
    size_t at = task ? position(task, given->name) : 0;
    if (!task || !is_at(task, at, given->name))
        return -ERROR_NOT_FOUND;
    release_future(&task->futures[at]);
    task->n_futures--;
    memmove(task->futures + at, task->futures + at + 1,
            (task->n_futures - at) * sizeof *task->futures);
    return 0;
}

/* ---- reading ---- */

int memory_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    size_t i = memory_position_after(m, after);
    while (i < m->n && m->tasks[i]->n_futures == 0)
        i++;
    bool is_there = i < m->n;
    if (is_there)
        *task = m->tasks[i]->record->id;
    pthread_rwlock_unlock(&m->lock);
    return is_there ? 0 : error_set(e, ERROR_NOT_FOUND, "no further futures were set");
}

int memory_read_futures(struct store_reader *reader, const struct id *id,
                        void (*each)(void *context, const struct future_record *record),
                        void *context, struct error *e)
{
    (void)e;
    struct memory *m = memory_lock_for_reading(reader);
    const struct memory_task *task = memory_find(m, id);
    for (size_t i = 0; task && i < task->n_futures; i++)
        each(context, &task->futures[i]);
    pthread_rwlock_unlock(&m->lock);
    return 0;
}
