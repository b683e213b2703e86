/* Deadlines that run: those of `timeout` nodes, and a task's own. [loop] */
#ifndef AWAITD_RUNTIME_TIMEOUT_H
#define AWAITD_RUNTIME_TIMEOUT_H

#include "runtime/job.h"

struct timeout_frame;

/* The job's own timeout (name NULL), or of the active ones of that name the one that was entered
 * last; NULL when there is none. */
struct timeout_frame *timeout_find(struct job *job, const char *name);

/* When it is due: what was said in seconds by the host's clock, which never jumps; what was said as
 * a time by the wall clock, which anybody may set: it is late then, but never early. */
struct deadline {
    bool is_wall;
    int64_t
        at; /* is_wall: microseconds since the epoch; else the host's time, INT64_MAX for None */
};

/* Timeout.reschedule(). False when it has expired. */
bool timeout_reschedule(struct timeout_frame *timeout, struct deadline deadline);

/* "active" and so on. */
const char *timeout_state_name(const struct timeout_frame *timeout);

#endif
