/* create_task: asyncio.create_task(body): files the new task under its name and goes on at once. */
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/ops/named.h"
#include "runtime/ops/op.h"

enum { NAME, BODY };

static const struct field_shape fields[] = {
    [NAME] = {.name = "name", .type = FIELD_TASK_NEW, .required = true},
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true, .spawns = true},
};

static struct action create_task_start(struct task *task, struct frame *frame)
{
    struct job *job = task->job;
    const struct slot *slot = frame_node(task, frame)->arguments[NAME].slot;
    uint32_t body = node_first_child(job->plan, frame->node);
    named_file(task, slot, task_create(job, body, task, NULL));
    return action_end(memory_need(value_from_string(slot->name, strlen(slot->name))));
}

const struct op op_create_task = {
    .shape = {.name = "create_task",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct frame)},
    .start = create_task_start,
};
