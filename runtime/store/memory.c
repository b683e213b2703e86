/* The memory backend: the same contract as SQLite's, for as long as the process lives.
 *
 * Tasks stand in one array sorted by id. New ids are the greatest, so that they go to its end. A
 * batch is carried out under the write lock, hence readers see all of it or nothing. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/store/memory.h"
#include "schema/allocate.h"

static void release_entry(struct log_entry *entry)
{
    free((char *)entry->level);
    free((char *)entry->stream);
    free((char *)entry->path);
    free((char *)entry->message);
}

static void free_task(struct memory_task *task)
{
    for (size_t i = 0; i < task->n_log; i++)
        release_entry(&task->log[i]);
    free(task->log);
    memory_drop_futures(task);
    task_record_unref(task->record);
    free(task->spec);
    free(task->trace);
    free(task);
}

void *memory_with_room(void *array, size_t n, size_t *capacity, size_t element_size)
{
    if (n < *capacity)
        return array;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    void *grown = allocate_resize(array, wanted * element_size);
    if (grown)
        *capacity = wanted;
    return grown;
}

/* ---- one request: its status ---- */

static int insert_open(struct memory *m, const struct task_record *given)
{
    size_t at = memory_position(m, &given->id);
    bool failed = false;
    if (at < m->n && id_compare(&m->tasks[at]->record->id, &given->id) == 0)
        return -ERROR_CONFLICT;
    struct memory_task **tasks = memory_with_room(m->tasks, m->n, &m->capacity, sizeof *tasks);
    if (!tasks)
        return -ERROR_NO_MEMORY;
    m->tasks = tasks;
    struct memory_task *task = allocate_zeroed(1, sizeof *task);
    if (!task)
        return -ERROR_NO_MEMORY;
    task->record = task_record_copy(given);
    task->spec = memory_copy_text(given->spec, &failed);
    if (!task->record || failed) {
        free_task(task);
        return -ERROR_NO_MEMORY;
    }
    task->record->starts = 1;
    memmove(tasks + at + 1, tasks + at, (m->n - at) * sizeof *tasks);
    tasks[at] = task;
    m->n++;
    return 0;
}

static void remove_task(struct memory *m, struct memory_task *task)
{
    size_t at = memory_position(m, &task->record->id);
    m->n--;
    memmove(m->tasks + at, m->tasks + at + 1, (m->n - at) * sizeof *m->tasks);
    free_task(task);
}

/* The task with this id if it is open, and a copy of its record to change. 0, or the status. */
static int begin_change(struct memory *m, const struct id *id, struct memory_task **task,
                        struct task_record **changed)
{
    *task = memory_find(m, id);
    if (!*task)
        return -ERROR_NOT_FOUND;
    if ((*task)->record->finished_at_us != 0)
        return -ERROR_CONFLICT;
    *changed = task_record_copy((*task)->record);
    return *changed ? 0 : -ERROR_NO_MEMORY;
}

/* Puts the changed record in place, unless something failed. */
static int end_change(struct memory_task *task, struct task_record *changed, bool failed)
{
    task_record_unref(failed ? changed : task->record);
    if (failed)
        return -ERROR_NO_MEMORY;
    task->record = changed;
    return 0;
}

static int finish_as(struct memory *m, const struct task_record *given)
{
    struct memory_task *task;
    struct task_record *changed;
    BUG_ON(!task_state_is_final(given->state) || given->finished_at_us == 0);
    int rc = begin_change(m, &given->id, &task, &changed);
    if (rc != 0)
        return rc;
    bool failed = false;
    changed->state = given->state;
    changed->started_at_us = given->started_at_us;
    changed->finished_at_us = given->finished_at_us;
    changed->result = memory_copy_text(given->result, &failed);
    changed->error = memory_copy_text(given->error, &failed);
    changed->unhandled = memory_copy_text(given->unhandled, &failed);
    void *trace = memory_copy_bytes(given->trace, given->trace_size, &failed);
    rc = end_change(task, changed, failed);
    if (rc != 0) {
        free(trace);
        return rc;
    }
    task->trace = trace;
    task->trace_size = given->trace_size;
    memory_drop_futures(task);
    return 0;
}

static int finish(struct memory *m, struct store_request *request)
{
    return finish_as(m, request->record);
}

static int insert_new(struct memory *m, struct store_request *request)
{
    int rc = insert_open(m, request->record);
    if (rc != 0 || !request->ended)
        return rc;
    rc = finish_as(m, request->ended);
    if (rc != 0)
        remove_task(m, memory_find(m, &request->record->id));
    return rc;
}

static int insert(struct memory *m, struct store_request *request)
{
    memory_sweep_keys(m, request->record->created_at_us);
    int rc = request->key ? memory_use_key(m, request->key) : 0;
    if (rc != 0)
        return rc;
    rc = insert_new(m, request);
    if (rc != 0 && request->key)
        memory_free_key(m, request->key);
    return rc;
}

static int cancel(struct memory *m, struct store_request *request)
{
    const struct task_record *given = request->record;
    struct memory_task *task;
    struct task_record *changed;
    int rc = begin_change(m, &given->id, &task, &changed);
    if (rc != 0)
        return rc;
    bool failed = false;
    if (changed->cancel_requested_at_us == 0) { /* the first request stays */
        changed->cancel_requested_at_us = given->cancel_requested_at_us;
        changed->cancel_message = memory_copy_text(given->cancel_message, &failed);
    }
    return end_change(task, changed, failed);
}

static int reschedule(struct memory *m, struct store_request *request)
{
    const struct task_record *given = request->record;
    struct memory_task *task;
    struct task_record *changed;
    int rc = begin_change(m, &given->id, &task, &changed);
    if (rc != 0)
        return rc;
    changed->deadline_at_us = given->deadline_at_us;
    return end_change(task, changed, false);
}

static int start(struct memory *m, struct store_request *request)
{
    const struct task_record *given = request->record;
    struct memory_task *task;
    struct task_record *changed;
    int rc = begin_change(m, &given->id, &task, &changed);
    if (rc != 0)
        return rc;
    changed->state = given->state;
    changed->started_at_us = given->started_at_us;
    changed->began_at_us = given->began_at_us;
    changed->deadline_at_us = given->deadline_at_us;
    return end_change(task, changed, false);
}

static int note_clock(struct memory *m, struct store_request *request)
{
    if (!m->has_clock || request->clock->timeline_us >= m->clock.timeline_us)
        m->clock = *request->clock;
    m->has_clock = true;
    return 0;
}

static int add_log(struct memory *m, struct store_request *request)
{
    struct log_entry copy = request->entry;
    struct memory_task *task = memory_find(m, &copy.task);
    if (!task)
        return -ERROR_NOT_FOUND;
    size_t at = memory_log_position(task, copy.seq);
    if (at < task->n_log && task->log[at].seq == copy.seq)
        return -ERROR_CONFLICT;
    struct log_entry *log =
        memory_with_room(task->log, task->n_log, &task->log_capacity, sizeof *log);
    if (!log)
        return -ERROR_NO_MEMORY;
    task->log = log;
    bool failed = false;
    copy.level = memory_copy_text(copy.level, &failed);
    copy.stream = memory_copy_text(copy.stream, &failed);
    copy.path = memory_copy_text(copy.path, &failed);
    copy.message = memory_copy_text(copy.message, &failed);
    if (failed) {
        release_entry(&copy);
        return -ERROR_NO_MEMORY;
    }
    memmove(log + at + 1, log + at, (task->n_log - at) * sizeof copy);
    log[at] = copy;
    task->n_log++;
    return 0;
}

int memory_forget(struct memory *m, const struct id *id)
{
    struct memory_task *task = memory_find(m, id);
    if (!task)
        return -ERROR_NOT_FOUND;
    if (task->record->finished_at_us == 0)
        return -ERROR_CONFLICT;
    remove_task(m, task);
    return 0;
}

static int delete (struct memory *m, struct store_request *request)
{
    return memory_forget(m, &request->record->id);
}

static int memory_write(struct backend *base, struct store_request *first)
{
    static int (*const verbs[])(struct memory *, struct store_request *) = {
        [STORE_INSERT] = insert,
        [STORE_FINISH] = finish,
        [STORE_LOG] = add_log,
        [STORE_CANCEL] = cancel,
        [STORE_DELETE] = delete,
        [STORE_RESCHEDULE] = reschedule,
        [STORE_PUT] = memory_put,
        [STORE_REMOVE] = memory_remove,
        [STORE_SET_FUTURE] = memory_set_future,
        [STORE_DROP_FUTURE] = memory_drop_future,
        [STORE_START] = start,
        [STORE_CLOCK] = note_clock,
        [STORE_FORGET] = memory_forget_all,
        [STORE_SHRINK] = memory_shrink,
        [STORE_BEGIN_RUN] = memory_begin_run,
        [STORE_BEGIN_JOBS] = memory_begin_jobs,
        [STORE_END_RUN] = memory_end_run,
        [STORE_JOURNAL] = memory_add_journal,
    };
    struct memory *m = (struct memory *)base;
    pthread_rwlock_wrlock(&m->lock);
    for (struct store_request *request = first; request; request = request_next(request))
        request->status = verbs[request->verb](m, request);
    pthread_rwlock_unlock(&m->lock);
    return 0;
}

static int memory_settle(struct backend *base, bool is_idle)
{
    (void)base, (void)is_idle;
    return 0;
}

static bool memory_is_settled(const struct backend *base)
{
    (void)base;
    return true;
}

/* ---- opening and closing ---- */

static void memory_close(struct backend *base)
{
    struct memory *m = (struct memory *)base;
    for (size_t i = 0; i < m->n; i++)
        free_task(m->tasks[i]);
    free(m->tasks);
    free(m->runs);
    memory_free_documents(m);
    memory_free_keys(m);
    pthread_rwlock_destroy(&m->lock);
    free(m);
}

static const struct backend_verbs verbs_of_memory = {
    .kind = "memory",
    .write = memory_write,
    .settle = memory_settle,
    .is_settled = memory_is_settled,
    .close = memory_close,
    .reader_open = memory_reader_open,
    .reader_close = memory_reader_close,
    .get = memory_get,
    .list = memory_list,
    .read_log = memory_read_log,
    .read_open = memory_read_open,
    .read_group = memory_read_group,
    .next_futures = memory_next_futures,
    .read_futures = memory_read_futures,
    .read_clock = memory_read_clock,
    .next_journal = memory_next_journal,
    .read_journal = memory_read_journal,
    .get_key = memory_get_key,
    .get_document = memory_get_document,
    .list_documents = memory_list_documents,
    .read_ages = memory_read_ages,
    .read_expired = memory_read_expired,
    .read_space = memory_read_space,
    .backup = memory_backup,
};

int memory_open(struct backend **out, struct error *e)
{
    struct memory *m = allocate_zeroed(1, sizeof *m);
    if (!m)
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    m->base.verbs = &verbs_of_memory;
    pthread_rwlock_init(&m->lock, NULL);
    *out = &m->base;
    return 0;
}
