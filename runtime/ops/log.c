/* log: `print` in a coroutine: a line in the task's log, with its time. */
#include "runtime/ops/op.h"

enum { MESSAGE, LEVEL };

static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
enum { LEVEL_INFO = 1 };

static const struct field_shape fields[] = {
    [MESSAGE] = {.name = "message", .type = FIELD_TEXT, .required = true},
    [LEVEL] = {.name = "level", .type = FIELD_CHOICE, .choices = levels},
};

static struct action log_start(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    size_t level = frame_has(task, frame, LEVEL) ? (size_t)given[LEVEL].integer : LEVEL_INFO;
    job_say_at(task->job, levels[level], "log", frame->node, given[MESSAGE].text->bytes);
    return action_end(value_null);
}

const struct op op_log = {
    .shape = {.name = "log", .fields = fields, .n_fields = 2, .frame_size = sizeof(struct frame)},
    .start = log_start,
};
