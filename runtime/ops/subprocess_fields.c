#include "runtime/ops/subprocess_fields.h"

#include "runtime/base/memory.h"

#define MAX_OUTPUT_DEFAULT (1 << 20)

static const char *const sources[] = {"client", NULL};

#define UID_MAX 4294967294.0
#define BYTES_MAX 9007199254740992.0 /* 2 ** 53 */

const struct field_shape subprocess_fields[SUBPROCESS_FIELDS] = {
    [SUBPROCESS_ARGV] = {.name = "argv", .type = FIELD_TEXT_LIST, .min = 1},
    [SUBPROCESS_SHELL] = {.name = "shell", .type = FIELD_TEXT},
    [SUBPROCESS_STDIN] = {.name = "stdin", .type = FIELD_TEXT},
    [SUBPROCESS_STDIN_FROM] = {.name = "stdin_from", .type = FIELD_CHOICE, .choices = sources},
    [SUBPROCESS_ENV] = {.name = "env", .type = FIELD_TEXT_MAP},
    [SUBPROCESS_INHERIT_ENV] = {.name = "inherit_env", .type = FIELD_BOOLEAN},
    [SUBPROCESS_CWD] = {.name = "cwd", .type = FIELD_TEXT},
    [SUBPROCESS_CHECK] = {.name = "check", .type = FIELD_BOOLEAN},
    [SUBPROCESS_MAX_OUTPUT] = {.name = "max_output",
                               .type = FIELD_INTEGER,
                               .min = 1,
                               .max = 16 << 20},
    [SUBPROCESS_KILL_AFTER] = {.name = "kill_after", .type = FIELD_NUMBER, .max = SECONDS_MAX},
    [SUBPROCESS_CPU_SECONDS] = {.name = "cpu_seconds",
                                .type = FIELD_INTEGER,
                                .min = 1,
                                .max = SECONDS_MAX},
    [SUBPROCESS_MEMORY] = {.name = "memory", .type = FIELD_INTEGER, .min = 1, .max = BYTES_MAX},
    [SUBPROCESS_OPEN_FILES] = {.name = "open_files",
                               .type = FIELD_INTEGER,
                               .min = 3,
                               .max = 1 << 30},
    [SUBPROCESS_NICE] = {.name = "nice", .type = FIELD_INTEGER, .min = -40, .max = 40},
    [SUBPROCESS_UID] = {.name = "uid", .type = FIELD_INTEGER, .max = UID_MAX},
};

int64_t subprocess_integer(struct task *task, struct frame *frame, enum subprocess_field field,
                           int64_t otherwise)
{
    return frame_has(task, frame, field) ? frame_arguments(task, frame)[field].integer : otherwise;
}

static struct process_limits limits_of(struct task *task, struct frame *frame)
{
    return (struct process_limits){
        .cpu_seconds = subprocess_integer(task, frame, SUBPROCESS_CPU_SECONDS, 0),
        .memory = subprocess_integer(task, frame, SUBPROCESS_MEMORY, 0),
        .open_files = subprocess_integer(task, frame, SUBPROCESS_OPEN_FILES, 0),
        .nice = (int)subprocess_integer(task, frame, SUBPROCESS_NICE, 0),
        .has_uid = frame_has(task, frame, SUBPROCESS_UID),
        .uid = (uint32_t)subprocess_integer(task, frame, SUBPROCESS_UID, 0),
    };
}

struct process *subprocess_new_process(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    /* the shell's words stand behind the structure that points to them */
    struct process *p = memory_new_zeroed(1, sizeof *p + 4 * sizeof *p->argv);
    const char **shell = (const char **)(p + 1);
    if (frame_has(task, frame, SUBPROCESS_SHELL)) {
        shell[0] = "/bin/sh";
        shell[1] = "-c";
        shell[2] = p->shell = given[SUBPROCESS_SHELL].text->bytes;
    }
    p->argv = frame_has(task, frame, SUBPROCESS_SHELL) ? shell : given[SUBPROCESS_ARGV].texts;
    p->env = frame_has(task, frame, SUBPROCESS_ENV) ? given[SUBPROCESS_ENV].texts : NULL;
    p->cwd = frame_has(task, frame, SUBPROCESS_CWD) ? given[SUBPROCESS_CWD].text->bytes : NULL;
    if (frame_has(task, frame, SUBPROCESS_STDIN)) {
        p->input = given[SUBPROCESS_STDIN].text->bytes;
        p->input_size = given[SUBPROCESS_STDIN].text->size;
    }
    p->keeps_input_open = frame_has(task, frame, SUBPROCESS_STDIN_FROM);
    p->inherit_env = subprocess_integer(task, frame, SUBPROCESS_INHERIT_ENV, false);
    p->max_output =
        (size_t)subprocess_integer(task, frame, SUBPROCESS_MAX_OUTPUT, MAX_OUTPUT_DEFAULT);
    p->limits = limits_of(task, frame);
    return p;
}
