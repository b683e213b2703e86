/* The memory backend: reading, finding and copying. */
#include <stdlib.h>
#include <string.h>

#include "runtime/store/memory.h"
#include "schema/allocate.h"
#include "schema/buffer.h"

struct memory_reader {
    struct store_reader base;
    struct memory *memory;
};

/* ---- copies ---- */

char *memory_copy_text(const char *text, bool *failed)
{
    char *copy = text ? allocate_text(text) : NULL;
    if (text && !copy)
        *failed = true;
    return copy;
}

void *memory_copy_bytes(const void *bytes, size_t size, bool *failed)
{
    void *copy = size > 0 ? allocate(size) : NULL;
    if (copy)
        memcpy(copy, bytes, size);
    else if (size > 0)
        *failed = true;
    return copy;
}

/* A record of the caller's own, with the large parts that it asks for. NULL when out of memory. */
static struct task_record *copy_with_parts(const struct memory_task *task, unsigned parts)
{
    bool failed = false;
    struct task_record *copy = task_record_copy(task->record);
    if (copy && parts & STORE_SPEC)
        copy->spec = memory_copy_text(task->spec, &failed);
    if (copy && parts & STORE_TRACE && task->trace) {
        copy->trace = memory_copy_bytes(task->trace, task->trace_size, &failed);
        copy->trace_size = copy->trace ? task->trace_size : 0;
    }
    if (failed) {
        task_record_unref(copy);
        copy = NULL;
    }
    return copy;
}

/* ---- finding ---- */

size_t memory_position(const struct memory *m, const struct id *id)
{
    size_t low = 0, high = m->n;
    if (m->n > 0 && id_compare(&m->tasks[m->n - 1]->record->id, id) < 0)
        return m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_compare(&m->tasks[middle]->record->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct memory_task *memory_find(const struct memory *m, const struct id *id)
{
    size_t i = memory_position(m, id);
    return i < m->n && id_compare(&m->tasks[i]->record->id, id) == 0 ? m->tasks[i] : NULL;
}

size_t memory_log_position(const struct memory_task *task, int64_t seq)
{
    size_t low = 0, high = task->n_log;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (task->log[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- reading ---- */

struct memory *memory_lock_for_reading(struct store_reader *reader)
{
    struct memory *m = ((struct memory_reader *)reader)->memory;
    pthread_rwlock_rdlock(&m->lock);
    return m;
}

int memory_no_memory(struct error *e)
{
    return error_set(e, ERROR_NO_MEMORY, "out of memory while reading the store");
}

int memory_get(struct store_reader *reader, const struct id *id, unsigned parts,
               struct task_record **out, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    const struct memory_task *task = memory_find(m, id);
    if (task)
        *out = parts ? copy_with_parts(task, parts) : task_record_ref(task->record);
    pthread_rwlock_unlock(&m->lock);
    if (!task)
        return error_set(e, ERROR_NOT_FOUND, "there is no such task");
    return *out ? 0 : memory_no_memory(e);
}

/* A label as it stands in the compact text of an object of strings, without what comes before it:
 * `{` or `,`. Within a string a quote never follows those, nor a colon, so a match is a member. */
static void label_pattern(const struct store_filter *filter, struct buffer *out)
{
    if (!filter->label_key)
        return;
    buffer_json_string(out, filter->label_key, strlen(filter->label_key));
    buffer_char(out, ':');
    buffer_json_string(out, filter->label_value, strlen(filter->label_value));
}

static bool has_label(const struct task_record *record, const struct buffer *pattern)
{
    if (!record->labels)
        return false;
    const char *at = record->labels;
    while ((at = strstr(at + 1, pattern->bytes)))
        if (at[-1] == '{' || at[-1] == ',')
            return true;
    return false;
}

static bool matches(const struct task_record *record, const struct store_filter *filter,
                    const struct buffer *label)
{
    if (filter->state >= 0 && record->state != (enum task_state)filter->state)
        return false;
    if (filter->name && (!record->name || strcmp(record->name, filter->name) != 0))
        return false;
    return !filter->label_key || has_label(record, label);
}

int memory_list(struct store_reader *reader, const struct store_filter *filter,
                struct task_record **records, size_t *n, struct error *e)
{
    struct buffer label = {0};
    *n = 0;
    label_pattern(filter, &label);
    if (label.failed) {
        buffer_release(&label);
        return memory_no_memory(e);
    }
    struct memory *m = memory_lock_for_reading(reader);
    size_t i = filter->before ? memory_position(m, filter->before) : m->n;
    while (i-- > 0 && *n < filter->limit)
        if (matches(m->tasks[i]->record, filter, &label))
            records[(*n)++] = task_record_ref(m->tasks[i]->record);
    pthread_rwlock_unlock(&m->lock);
    buffer_release(&label);
    return 0;
}

int memory_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                    void (*each)(void *context, const struct log_entry *entry), void *context,
                    struct error *e)
{
    (void)e;
    struct memory *m = memory_lock_for_reading(reader);
    const struct memory_task *task = memory_find(m, id);
    if (task && after < INT64_MAX)
        for (size_t i = memory_log_position(task, after + 1); i < task->n_log && limit-- > 0; i++)
            each(context, &task->log[i]);
    pthread_rwlock_unlock(&m->lock);
    return 0;
}

size_t memory_position_after(const struct memory *m, const struct id *id)
{
    size_t i = id ? memory_position(m, id) : 0;
    return id && i < m->n && id_compare(&m->tasks[i]->record->id, id) == 0 ? i + 1 : i;
}

int memory_read_open(struct store_reader *reader, const struct id *after, size_t max,
                     struct task_record **records, size_t *n, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    bool failed = false;
    *n = 0;
    for (size_t i = memory_position_after(m, after); i < m->n && *n < max && !failed; i++) {
        if (m->tasks[i]->record->finished_at_us != 0)
            continue;
        records[*n] = copy_with_parts(m->tasks[i], STORE_SPEC);
        failed = !records[*n];
        *n += !failed;
    }
    pthread_rwlock_unlock(&m->lock);
    while (failed && *n > 0)
        task_record_unref(records[--*n]);
    return failed ? memory_no_memory(e) : 0;
}

int memory_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                      bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                      struct error *e)
{
    (void)e;
    (void)with_outcomes; /* nothing is copied */
    struct memory *m = memory_lock_for_reading(reader);
    *n = 0;
    for (size_t i = memory_position_after(m, after); i < m->n && *n < max; i++) {
        struct task_record *record = m->tasks[i]->record;
        if (record->has_group && id_compare(&record->group, group) == 0)
            records[(*n)++] = task_record_ref(record);
    }
    pthread_rwlock_unlock(&m->lock);
    return 0;
}

int memory_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    bool is_there = m->has_clock;
    *out = m->clock;
    pthread_rwlock_unlock(&m->lock);
    return is_there ? 0 : error_set(e, ERROR_NOT_FOUND, "no clocks were written down");
}

/* ---- opening and closing ---- */

int memory_reader_open(struct store_reader **out, struct backend *backend, struct error *e)
{
    struct memory_reader *r = allocate_zeroed(1, sizeof *r);
    if (!r)
        return memory_no_memory(e);
    r->base.verbs = backend->verbs;
    r->memory = (struct memory *)backend;
    *out = &r->base;
    return 0;
}

void memory_reader_close(struct store_reader *reader)
{
    free(reader);
}
