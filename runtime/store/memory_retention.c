/* The memory backend: what is old. */
#include "runtime/store/memory.h"

/* Of the tasks that are looked at in one call, so that writers need not wait for long. */
#define LOOKED_AT_MAX 10000

/* ---- writing ---- */

int memory_forget_all(struct memory *m, struct store_request *request)
{
    for (size_t i = 0; i < request->n_ids; i++)
        memory_forget(m, &request->ids[i]);
    return 0;
}

int memory_shrink(struct memory *m, struct store_request *request)
{
    (void)m, (void)request; /* nothing is ever kept free */
    return 0;
}

/* ---- reading ---- */

static struct store_age age_of(const struct task_record *record)
{
    return (struct store_age){.id = record->id,
                              .group = record->group,
                              .has_group = record->has_group,
                              .has_ttl = record->has_ttl,
                              .state = record->state,
                              .finished_at_us = record->finished_at_us};
}

int memory_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                     struct store_age *ages, size_t *n, struct error *e)
{
    (void)e;
    struct memory *m = memory_lock_for_reading(reader);
    size_t i = before ? memory_position(m, before) : m->n;
    *n = 0;
    while (i-- > 0 && *n < max)
        ages[(*n)++] = age_of(m->tasks[i]->record);
    pthread_rwlock_unlock(&m->lock);
    return 0;
}

/* In the order of ids. */
int memory_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                        size_t max, struct store_age *ages, size_t *n, bool *has_more,
                        struct error *e)
{
    (void)e;
    struct memory *m = memory_lock_for_reading(reader);
    size_t i = memory_position_after(m, &cursor->id);
    size_t end = m->n - i > LOOKED_AT_MAX ? i + LOOKED_AT_MAX : m->n;
    *n = 0;
    for (; i < end && *n < max; i++) {
        const struct task_record *record = m->tasks[i]->record;
        cursor->id = record->id;
        if (record->has_ttl && record->finished_at_us &&
            record->finished_at_us + record->ttl_us <= now_us)
            ages[(*n)++] = age_of(record);
    }
    *has_more = i < m->n;
    pthread_rwlock_unlock(&m->lock);
    return 0;
}

int memory_read_space(struct store_reader *reader, struct store_space *out, struct error *e)
{
    (void)reader, (void)e;
    *out = (struct store_space){0};
    return 0;
}

int memory_backup(struct backend *backend, struct store_backup *backup, struct error *e)
{
    (void)backend, (void)backup;
    return error_set(e, ERROR_INVALID,
                     "this server keeps its tasks in memory only (--db :memory:), so there is no "
                     "database to copy");
}
