/* What may be given to a `subprocess` node, and the process that it asks for. [loop] */
#ifndef AWAITD_RUNTIME_OPS_SUBPROCESS_FIELDS_H
#define AWAITD_RUNTIME_OPS_SUBPROCESS_FIELDS_H

#include "runtime/host.h"
#include "runtime/ops/op.h"

enum subprocess_field {
    SUBPROCESS_ARGV,
    SUBPROCESS_SHELL,
    SUBPROCESS_STDIN,
    SUBPROCESS_STDIN_FROM,
    SUBPROCESS_ENV,
    SUBPROCESS_INHERIT_ENV,
    SUBPROCESS_CWD,
    SUBPROCESS_CHECK,
    SUBPROCESS_MAX_OUTPUT,
    SUBPROCESS_KILL_AFTER,
    SUBPROCESS_CPU_SECONDS,
    SUBPROCESS_MEMORY,
    SUBPROCESS_OPEN_FILES,
    SUBPROCESS_NICE,
    SUBPROCESS_UID,
    SUBPROCESS_FIELDS
};

extern const struct field_shape subprocess_fields[SUBPROCESS_FIELDS];

/* What was given for a field of integers or booleans. */
int64_t subprocess_integer(struct task *task, struct frame *frame, enum subprocess_field field,
                           int64_t otherwise);
/* As the fields say, but for `ended` and `context`. For free(); borrows what was given. */
struct process *subprocess_new_process(struct task *task, struct frame *frame);

#endif
