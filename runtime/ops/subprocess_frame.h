/* The frame of `subprocess`, which several files share: the op itself, what its process prints
 * while it runs, and what is asked of it from outside. [loop] */
#ifndef AWAITD_RUNTIME_OPS_SUBPROCESS_FRAME_H
#define AWAITD_RUNTIME_OPS_SUBPROCESS_FRAME_H

#include "runtime/base/list.h"
#include "runtime/host.h"
#include "runtime/ops/op.h"

enum subprocess_state { RUNNING, TERMINATING, KILLING };

struct subprocess_frame {
    struct timed_frame base;  /* the timer: SIGKILL after SIGTERM */
    struct process *process;  /* NULL once it was reaped */
    struct value *message;    /* of the cancellation */
    struct list link;         /* while there is a process: among the job's */
    struct live_output *live; /* once it has printed something */
    uint64_t number;          /* among those of the job */
    enum subprocess_state state;
    bool input_is_closed; /* by a client */
};

/* subprocess_live.c: process->printed, and the end of it: its lines get into the task's log. */
void subprocess_printed(struct process *process, bool is_stderr, const char *bytes, size_t size);
void subprocess_end_lines(struct subprocess_frame *self);
/* Tells nothing more. */
void subprocess_drop_lines(struct subprocess_frame *self);

#endif
