#include "runtime/ops/named.h"

#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/scope.h"

struct named {
    struct value_handle handle;
    struct task *task; /* with a reference */
};

static void release(struct value_handle *handle)
{
    struct named *named = CONTAINER_OF(handle, struct named, handle);
    task_unref(named->task);
    free(named);
}

struct task *named_find(const struct task *task, const struct slot *slot)
{
    struct value *value = *scope_find(task->scope, slot->scope, slot->variable);
    return value ? CONTAINER_OF(value, struct named, handle.base)->task : NULL;
}

void named_file(struct task *task, const struct slot *slot, struct task *named)
{
    struct named *fresh = memory_new(sizeof *fresh);
    *fresh = (struct named){.handle = {{.refs = 1, .kind = VALUE_HANDLE}, release}, .task = named};
    struct value **place = scope_find(task->scope, slot->scope, slot->variable), *former = *place;
    *place = &fresh->handle.base;
    value_unref(former);
}
