#include "runtime/store/record.h"

#include <stdlib.h>
#include <string.h>

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
    struct task_record *record = calloc(1, sizeof *record);
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
