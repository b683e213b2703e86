/* Deadlines that run: those of `timeout` nodes, and a task's own. [loop] */
#ifndef AWAITD_RUNTIME_TIMEOUT_H
#define AWAITD_RUNTIME_TIMEOUT_H

#include "runtime/job.h"

struct timeout_frame;

/* When it expires: what was said in seconds by the host's clock, which never jumps; what was said
 * as a time by the wall clock, which anybody may set: then it may be late, but never early. */
struct deadline {
    int64_t due; /* in the host's time; INT64_MAX: never. is_wall: microseconds since the epoch */
    bool is_wall;
    bool is_past; /* it was over when it was asked for */
};
struct deadline timeout_after(struct job *job, double seconds); /* INFINITY: never */
/* At a time of the wall clock, microseconds since the epoch. */
struct deadline timeout_at(struct job *job, int64_t at_us);

/* The job's own timeout (name NULL), or of the active ones of that name the one that was entered
 * last; NULL when there is none. */
struct timeout_frame *timeout_find(struct job *job, const char *name);

/* Timeout.reschedule(). False when it has expired. */
bool timeout_reschedule(struct timeout_frame *timeout, struct deadline deadline);

/* "active" and so on. */
const char *timeout_state_name(const struct timeout_frame *timeout);

#endif
