#include "runtime/store/record.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

static const char *const names[TASK_STATES] = {
    [TASK_PENDING] = "pending", [TASK_RUNNING] = "running",     [TASK_SUCCEEDED] = "succeeded",
    [TASK_FAILED] = "failed",   [TASK_CANCELLED] = "cancelled",
};

const char *task_state_name(enum task_state state)
{
    return names[state];
}

int task_state_parse(const char *name)
{
    for (int i = 0; i < TASK_STATES; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

struct task_record *task_record_new(void)
{
    struct task_record *record = allocate_zeroed(1, sizeof *record);
    if (record)
        atomic_init(&record->refs, 1);
    return record;
}

struct task_record *task_record_ref(struct task_record *record)
{
    atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

void task_record_unref(struct task_record *record)
{
    if (!record || atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(record->loop);
    free(record->name);
    free(record->labels);
    free(record->cancel_message);
    free(record->result);
    free(record->error);
    free(record->unhandled);
    free(record->spec);
    free(record->trace);
    free(record);
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? allocate_text(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

struct task_record *task_record_copy(const struct task_record *from)
{
    bool failed = false;
    struct task_record *copy = task_record_new();
    if (!copy)
        return NULL;
    copy->id = from->id;
    copy->state = from->state;
    copy->starts = from->starts;
    copy->created_at_us = from->created_at_us;
    copy->started_at_us = from->started_at_us;
    copy->finished_at_us = from->finished_at_us;
    copy->began_at_us = from->began_at_us;
    copy->run_at_us = from->run_at_us;
    copy->start_at_us = from->start_at_us;
    copy->timeout = from->timeout;
    copy->has_timeout = from->has_timeout;
    copy->deadline_at_us = from->deadline_at_us;
    copy->cancel_requested_at_us = from->cancel_requested_at_us;
    copy->ttl_us = from->ttl_us;
    copy->has_ttl = from->has_ttl;
    copy->group = from->group;
    copy->has_group = from->has_group;
    copy->loop = copy_text(from->loop, &failed);
    copy->name = copy_text(from->name, &failed);
    copy->labels = copy_text(from->labels, &failed);
    copy->cancel_message = copy_text(from->cancel_message, &failed);
    copy->result = copy_text(from->result, &failed);
    copy->error = copy_text(from->error, &failed);
    copy->unhandled = copy_text(from->unhandled, &failed);
    if (failed) {
        task_record_unref(copy);
        copy = NULL;
    }
    return copy;
}
