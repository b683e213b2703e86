/* Deadlines that run: those of `timeout` nodes, and a task's own. [loop] */
#ifndef AWAITD_RUNTIME_TIMEOUT_H
#define AWAITD_RUNTIME_TIMEOUT_H

#include "runtime/job.h"

struct timeout_frame;

/* The job's own timeout (name NULL), or of the active ones of that name the one that was entered
 * last; NULL when there is none. */
struct timeout_frame *timeout_find(struct job *job, const char *name);

/* Timeout.reschedule(): due_ns in the host's time, INT64_MAX for None. False when it has expired.
 */
bool timeout_reschedule(struct timeout_frame *timeout, int64_t due_ns);

/* "active" and so on. */
const char *timeout_state_name(const struct timeout_frame *timeout);

/* The host's time at a time of the wall clock, microseconds since the epoch. */
int64_t timeout_at(struct job *job, int64_t at_us);

#endif
